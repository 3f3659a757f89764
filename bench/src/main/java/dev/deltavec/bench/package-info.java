/** Benchmarks of the core and the JVM engine of the demo. */
@NullMarked
package dev.deltavec.bench;

import org.jspecify.annotations.NullMarked;
