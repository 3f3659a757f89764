package dev.deltavec.jvm;

import dev.deltavec.core.memory.Kernels;

/** Kernels on codes in plain Java. */
class PlainCodeKernelsTest extends CodeKernels {
  @Override
  Kernels kernels(SegmentMemory memory) {
    return new PlainKernels(memory);
  }
}
