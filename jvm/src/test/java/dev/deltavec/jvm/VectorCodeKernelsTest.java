package dev.deltavec.jvm;

import dev.deltavec.core.memory.Kernels;
import org.junit.jupiter.api.Tag;

/** Kernels on codes on the Vector API. */
@Tag("vector-api")
class VectorCodeKernelsTest extends CodeKernels {
  @Override
  Kernels kernels(SegmentMemory memory) {
    return new VectorKernels(memory);
  }
}
