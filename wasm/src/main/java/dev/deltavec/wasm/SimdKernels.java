package dev.deltavec.wasm;

import dev.deltavec.core.memory.Kernels;

/**
 * The kernels in WebAssembly SIMD, {@code kernels.wat} and {@code codes.wat}, and of checksums,
 * {@code crc32c.wat}. A row's result does not depend on the kernel nor on its place in a batch, and
 * is the same in every engine.
 */
public final class SimdKernels implements Kernels {
  /** Bytes that the kernels need for themselves: tables, and what checksums are computed in. */
  public static final int SCRATCH_BYTES = 16384;

  /**
   * Kernels of an instance.
   *
   * @param scratch address of {@link #SCRATCH_BYTES} bytes of its own that are zero
   */
  public SimdKernels(int scratch) {
    Native.crcScratch(scratch);
  }

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

  @Override
  public int crc32c(int crc, int address, int bytes) {
    return Native.crc32c(crc, address, bytes);
  }

  @Override
  public void encode(int row, float factor, int center, int floats, int codes, int out) {
    Native.encode(row, factor, center, floats, codes, out);
  }

  @Override
  public void encode4(
      int row, float factor, int center, int floats, int dimensions, int codes, int out) {
    Native.encode4(row, factor, center, floats, dimensions, codes, out);
  }

  @Override
  public void encodeQuery(int row, float factor, int center, int floats, int query, int out) {
    Native.encodeQuery(row, factor, center, floats, query, out);
  }

  @Override
  public void queryOfCodes(int row, int codes, int query) {
    Native.queryOfCodes(row, codes, query);
  }

  @Override
  public void queryOfCodes4(int row, int codes, int query) {
    Native.queryOfCodes4(row, codes, query);
  }

  @Override
  public void codeDotBatch(int query, int rows, int n, int codes, int out) {
    Native.codeDotBatch(query, rows, n, codes, out);
  }

  @Override
  public void codeDotBatch4(int query, int rows, int n, int codes, int out) {
    Native.codeDotBatch4(query, rows, n, codes, out);
  }
}
