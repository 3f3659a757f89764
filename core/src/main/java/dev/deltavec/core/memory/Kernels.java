package dev.deltavec.core.memory;

/**
 * The arithmetic that decides the speed of a search, over vectors in a platform's {@link Memory}.
 *
 * <p>Vectors are rows of float32 padded with zeros to a multiple of {@link #BLOCK} floats. Sums may
 * be taken in any order and with fused operations, so results may differ between platforms in the
 * last bits; nothing that is part of the database's state is computed here, only norms and
 * distances. All methods are O(rows x floats) and allocate nothing.
 */
public interface Kernels {
  /** Rows are padded to a multiple of this many floats (64 bytes, one cache line). */
  int BLOCK = 16;

  /**
   * Dot product of two rows.
   *
   * @param a address of a row
   * @param b address of a row
   * @param floats padded length, a positive multiple of {@link #BLOCK}
   */
  float dot(int a, int b, int floats);

  /** Squared Euclidean distance of two rows; arguments as in {@link #dot}. */
  float squaredDistance(int a, int b, int floats);

  /**
   * Dot products of one row with many.
   *
   * @param query address of a row
   * @param rows address of {@code n} row addresses (32-bit each)
   * @param n number of rows, 0 or more
   * @param floats padded length, a positive multiple of {@link #BLOCK}
   * @param out address of {@code n} floats for the results, multiple of 16; up to 3 floats behind
   *     them may be overwritten
   */
  void dotBatch(int query, int rows, int n, int floats, int out);

  /** Squared Euclidean distances of one row to many; arguments as in {@link #dotBatch}. */
  void squaredDistanceBatch(int query, int rows, int n, int floats, int out);

  /**
   * Tells whether {@code n} floats are all finite (no NaN, no infinity).
   *
   * @param address first float, any alignment
   * @param n number of floats, 0 or more, no padding needed
   */
  boolean allFinite(int address, int n);
}
