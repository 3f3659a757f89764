package dev.deltavec.core.memory;

/**
 * {@link Kernels} in plain Java: the reference for tests, and the fallback of platforms without
 * SIMD.
 */
public final class ScalarKernels implements Kernels {
  private final Memory memory;

  /**
   * Kernels over one memory.
   *
   * @param memory where the rows are
   */
  public ScalarKernels(Memory memory) {
    this.memory = memory;
  }

  @Override
  public float dot(int a, int b, int floats) {
    // Four sums break the chain of dependent additions.
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    for (int i = 0, n = floats << 2; i < n; i += 16) {
      s0 += memory.getFloat(a + i) * memory.getFloat(b + i);
      s1 += memory.getFloat(a + i + 4) * memory.getFloat(b + i + 4);
      s2 += memory.getFloat(a + i + 8) * memory.getFloat(b + i + 8);
      s3 += memory.getFloat(a + i + 12) * memory.getFloat(b + i + 12);
    }
    return (s0 + s1) + (s2 + s3);
  }

  @Override
  public float squaredDistance(int a, int b, int floats) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    for (int i = 0, n = floats << 2; i < n; i += 16) {
      float d0 = memory.getFloat(a + i) - memory.getFloat(b + i);
      float d1 = memory.getFloat(a + i + 4) - memory.getFloat(b + i + 4);
      float d2 = memory.getFloat(a + i + 8) - memory.getFloat(b + i + 8);
      float d3 = memory.getFloat(a + i + 12) - memory.getFloat(b + i + 12);
      s0 += d0 * d0;
      s1 += d1 * d1;
      s2 += d2 * d2;
      s3 += d3 * d3;
    }
    return (s0 + s1) + (s2 + s3);
  }

  @Override
  public void dotBatch(int query, int rows, int n, int floats, int out) {
    for (int i = 0; i < n; i++) {
      memory.putFloat(out + (i << 2), dot(query, memory.getInt(rows + (i << 2)), floats));
    }
  }

  @Override
  public void squaredDistanceBatch(int query, int rows, int n, int floats, int out) {
    for (int i = 0; i < n; i++) {
      memory.putFloat(
          out + (i << 2), squaredDistance(query, memory.getInt(rows + (i << 2)), floats));
    }
  }

  @Override
  public boolean allFinite(int address, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum += memory.getFloat(address + (i << 2)) * 0f; // NaN if and only if one value is not finite
    }
    return sum == 0;
  }
}
