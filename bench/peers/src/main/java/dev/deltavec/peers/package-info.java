/**
 * Databases of the JVM side by side, as {@code packages/cli/src/bench/peers} measures those of the
 * browser and of Node: the same vectors, steps and checks.
 */
@NullMarked
package dev.deltavec.peers;

import org.jspecify.annotations.NullMarked;
