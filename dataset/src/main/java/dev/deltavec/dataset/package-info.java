/** The benchmark data set's builder. */
@NullMarked
package dev.deltavec.dataset;

import org.jspecify.annotations.NullMarked;
