package dev.deltavec.wasm;

import org.teavm.interop.Import;

/**
 * What Java cannot say: the functions of {@code kernels.wat}, {@code codes.wat} and {@code
 * crc32c.wat}, and what only the post-link knows. The post-link joins them with the module, so that
 * a call costs as much as one of a Java method. Addresses, lengths and sizes are unsigned.
 */
public final class Native {
  private Native() {}

  /**
   * First free address behind the static data, a multiple of 64; what follows it in the first pages
   * is ours.
   */
  @Import(module = "deltavec", name = "dataEnd")
  public static native int dataEnd();

  /** Size of the memory in pages of 64 KiB. */
  @Import(module = "deltavec", name = "size")
  static native int size();

  /**
   * Grows the memory by {@code pages} pages of 64 KiB. Where instances share it, no two get the
   * same pages.
   *
   * @return the number of the first new page, or -1 if the platform refuses
   */
  @Import(module = "deltavec", name = "grow")
  static native int grow(int pages);

  /** Copies {@code bytes} bytes; the ranges may overlap. */
  @Import(module = "deltavec", name = "copy")
  static native void copy(int source, int target, int bytes);

  /** Sets {@code bytes} bytes to zero. */
  @Import(module = "deltavec", name = "clear")
  static native void clear(int address, int bytes);

  /** See {@link SimdKernels#dot}. */
  @Import(module = "deltavec", name = "dot")
  static native float dot(int a, int b, int floats);

  /** See {@link SimdKernels#squaredDistance}. */
  @Import(module = "deltavec", name = "squaredDistance")
  static native float squaredDistance(int a, int b, int floats);

  /** See {@link SimdKernels#dotBatch}. */
  @Import(module = "deltavec", name = "dotBatch")
  static native void dotBatch(int query, int rows, int n, int floats, int out);

  /** See {@link SimdKernels#squaredDistanceBatch}. */
  @Import(module = "deltavec", name = "squaredDistanceBatch")
  static native void squaredDistanceBatch(int query, int rows, int n, int floats, int out);

  /** See {@link SimdKernels#allFinite}. */
  @Import(module = "deltavec", name = "allFinite")
  static native boolean allFinite(int address, int n);

  /** See {@link SimdKernels#crc32c}; {@link #crcScratch} comes first. */
  @Import(module = "deltavec", name = "crc32c")
  static native int crc32c(int crc, int address, int bytes);

  /**
   * Tells the instance's kernels where they may compute checksums.
   *
   * @param scratch address of {@link SimdKernels#SCRATCH_BYTES} bytes that are zero
   */
  @Import(module = "deltavec", name = "crcScratch")
  static native void crcScratch(int scratch);

  /** See {@link SimdKernels#encode}. */
  @Import(module = "deltavec", name = "encode")
  static native void encode(int row, float factor, int center, int floats, int codes, int out);

  /** See {@link SimdKernels#encode4}. */
  @Import(module = "deltavec", name = "encode4")
  static native void encode4(
      int row, float factor, int center, int floats, int dimensions, int codes, int out);

  /** See {@link SimdKernels#encodeQuery}. */
  @Import(module = "deltavec", name = "encodeQuery")
  static native void encodeQuery(int row, float factor, int center, int floats, int query, int out);

  /** See {@link SimdKernels#queryOfCodes}. */
  @Import(module = "deltavec", name = "queryOfCodes")
  static native void queryOfCodes(int row, int codes, int query);

  /** See {@link SimdKernels#queryOfCodes4}. */
  @Import(module = "deltavec", name = "queryOfCodes4")
  static native void queryOfCodes4(int row, int codes, int query);

  /** See {@link SimdKernels#codeDotBatch}. */
  @Import(module = "deltavec", name = "codeDotBatch")
  static native void codeDotBatch(int query, int rows, int n, int codes, int out);

  /** See {@link SimdKernels#codeDotBatch4}. */
  @Import(module = "deltavec", name = "codeDotBatch4")
  static native void codeDotBatch4(int query, int rows, int n, int codes, int out);

  /** Ends the call with a trap. */
  @Import(module = "deltavec", name = "trap")
  public static native void trap();
}
