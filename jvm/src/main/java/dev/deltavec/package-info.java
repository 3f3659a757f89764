/** The Java API of deltavec. */
@NullMarked
package dev.deltavec;

import org.jspecify.annotations.NullMarked;
