package dev.deltavec.core.memory;

/**
 * The arithmetic that decides the speed of a search, over vectors in a platform's {@link Memory},
 * and checksums, for which platforms have means of their own.
 *
 * <p>Vectors are rows of float32 padded with zeros to a multiple of {@link #BLOCK} floats. Sums may
 * be taken in any order and with fused operations, so results may differ between platforms in the
 * last bits; nothing that is part of the database's state is computed here from floats, only norms
 * and distances. All methods are O(rows x floats) and allocate no linear memory.
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

  /**
   * Computes a CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4), or continues one: the
   * checksum of two ranges in a row is that of the second, continued from that of the first.
   * O(bytes)
   *
   * @param crc checksum of what comes before, 0 if nothing does
   * @param address first byte, any alignment
   * @param bytes their number, unsigned, within one region
   */
  int crc32c(int crc, int address, int bytes);

  // ---------------------------------------------------------------- codes

  /** Rows of codes are padded to a multiple of this many codes. */
  int CODE_BLOCK = 32;

  /** The largest magnitude of an 8-bit code: rows take 7 bits, so that two products fit 16. */
  int MAX_CODE = 63;

  /** The largest magnitude of a 4-bit code. */
  int MAX_CODE_4 = 7;

  /** The largest magnitude of a query's code. */
  int MAX_QUERY_CODE = 127;

  /**
   * Values to be encoded are clamped to this magnitude; a row whose values all lie below its
   * inverse is zero.
   */
  float CODE_RANGE = 0x1p52f;

  /**
   * Returns the bytes of a prepared query.
   *
   * @param codes padded length of the rows, a multiple of {@link #CODE_BLOCK}
   */
  static int queryBytes(int codes) {
    return 4 * codes + 64;
  }

  /**
   * Encodes a row of floats with 8 bits for each: y = row * factor - center, clamped to {@link
   * #CODE_RANGE}; scale = max|y| / 63; v = y / scale rounded to the nearest, ties to even; the byte
   * is v + 64. Padding is v = 0. The same bits on every platform: each step rounds to float.
   *
   * @param row address of {@code floats} floats
   * @param factor what each is multiplied by
   * @param center address of {@code floats} floats that are then subtracted
   * @param floats padded length, a multiple of {@link #BLOCK}
   * @param codes address of {@code floats} bytes rounded up to {@link #CODE_BLOCK}, multiple of 16
   * @param out address for the scale (float) and the sum of the v squared (32-bit integer)
   */
  void encode(int row, float factor, int center, int floats, int codes, int out);

  /**
   * Encodes a row of floats with 4 bits for each: as {@link #encode}, but v is clamped to -7 to 7,
   * and scale is c / 7, where c is max|y|, or 2.7 times the root of the mean of the y squared where
   * that gives the smaller squared error. Byte i of block b of 16 holds v + 8 of value 32 b + i in
   * its low half, of value 32 b + 16 + i in its high half.
   *
   * @param dimensions how many values the mean is taken over
   */
  void encode4(int row, float factor, int center, int floats, int dimensions, int codes, int out);

  /**
   * Prepares a row of floats as a query: as {@link #encode}, but with 127 in place of 63.
   *
   * @param query address of {@link #queryBytes} bytes, multiple of 64; what it holds is the
   *     platform's matter
   */
  void encodeQuery(int row, float factor, int center, int floats, int query, int out);

  /**
   * Prepares a row of 8-bit codes as a query, without loss.
   *
   * @param row address of the codes
   * @param codes padded length, a multiple of {@link #CODE_BLOCK}
   */
  void queryOfCodes(int row, int codes, int query);

  /** Prepares a row of 4-bit codes as a query; arguments as in {@link #queryOfCodes}. */
  void queryOfCodes4(int row, int codes, int query);

  /**
   * Exact dot products of a prepared query's codes with those of many rows of 8-bit codes.
   *
   * @param query address of a prepared query
   * @param rows address of {@code n} row addresses (32-bit each)
   * @param n number of rows, 0 or more
   * @param codes padded length, a multiple of {@link #CODE_BLOCK}
   * @param out address of {@code n} 32-bit integers for the results, multiple of 16; up to 3 behind
   *     them may be overwritten
   */
  void codeDotBatch(int query, int rows, int n, int codes, int out);

  /** As {@link #codeDotBatch}, with rows of 4-bit codes. */
  void codeDotBatch4(int query, int rows, int n, int codes, int out);
}
