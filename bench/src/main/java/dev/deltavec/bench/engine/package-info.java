/**
 * The JVM engine of the demo and the benchmark: does what the command line in {@code packages/cli}
 * asks for, through the public Java API.
 */
@NullMarked
package dev.deltavec.bench.engine;

import org.jspecify.annotations.NullMarked;
