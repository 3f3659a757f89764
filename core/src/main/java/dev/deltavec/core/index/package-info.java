/** The search graph. */
@NullMarked
package dev.deltavec.core.index;

import org.jspecify.annotations.NullMarked;
