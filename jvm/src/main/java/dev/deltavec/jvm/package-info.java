/** The JVM's implementation of memory and kernels. */
@NullMarked
package dev.deltavec.jvm;

import org.jspecify.annotations.NullMarked;
