/** Meters of deltavec databases for Micrometer. */
@NullMarked
package dev.deltavec.micrometer;

import org.jspecify.annotations.NullMarked;
