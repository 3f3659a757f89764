/** The seam to the platform: linear memory and distance kernels. */
@NullMarked
package dev.deltavec.core.memory;

import org.jspecify.annotations.NullMarked;
