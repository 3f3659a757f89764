/** The platform seam on the JVM: memory, and kernels on the Vector API. Not for users. */
@NullMarked
package dev.deltavec.jvm;

import org.jspecify.annotations.NullMarked;
