/** The paged image of the vectors in linear memory. */
@NullMarked
package dev.deltavec.core.image;

import org.jspecify.annotations.NullMarked;
