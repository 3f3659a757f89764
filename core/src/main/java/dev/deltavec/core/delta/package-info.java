/** Deltas: identities, operations and their binary frames. */
@NullMarked
package dev.deltavec.core.delta;

import org.jspecify.annotations.NullMarked;
