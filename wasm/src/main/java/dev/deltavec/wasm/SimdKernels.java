package dev.deltavec.wasm;

import dev.deltavec.core.memory.Kernels;

/**
 * The kernels in WebAssembly SIMD, {@code kernels.wat}. A row's result does not depend on the
 * kernel nor on its place in a batch, and is the same in every engine.
 */
final class SimdKernels implements Kernels {
  @Override
  public float dot(int a, int b, int floats) {
    return Native.dot(a, b, floats);
  }

  @Override
  public float squaredDistance(int a, int b, int floats) {
    return Native.squaredDistance(a, b, floats);
  }

  @Override
  public void dotBatch(int query, int rows, int n, int floats, int out) {
    Native.dotBatch(query, rows, n, floats, out);
  }

  @Override
  public void squaredDistanceBatch(int query, int rows, int n, int floats, int out) {
    Native.squaredDistanceBatch(query, rows, n, floats, out);
  }

  @Override
  public boolean allFinite(int address, int n) {
    return Native.allFinite(address, n);
  }
}
