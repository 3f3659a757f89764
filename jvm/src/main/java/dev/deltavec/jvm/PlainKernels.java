package dev.deltavec.jvm;

import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.ScalarKernels;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * {@link Kernels} in plain Java over a {@link SegmentMemory}, where the Vector API is missing.
 *
 * <p>Eight sums, and segments that are looked up once a row, make it two to three times as fast as
 * kernels that go through the {@code Memory} interface for every value. There is no fused
 * multiply-add: on a processor without it, {@link Math#fma} computes with big decimals.
 */
public final class PlainKernels implements Kernels {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  private static final int MAGNITUDE = 0x7fff_ffff;

  /** The bits of infinity; those of a NaN, without the sign, are larger. */
  private static final int INFINITY = 0x7f80_0000;

  private final SegmentMemory memory;
  private final ScalarKernels scalar;

  /**
   * Kernels over one memory.
   *
   * @param memory where the rows are
   */
  public PlainKernels(SegmentMemory memory) {
    this.memory = memory;
    scalar = new ScalarKernels(memory);
  }

  @Override
  public float dot(int a, int b, int floats) {
    return dot(
        memory.segment(a),
        SegmentMemory.offset(a),
        memory.segment(b),
        SegmentMemory.offset(b),
        floats);
  }

  @Override
  public float squaredDistance(int a, int b, int floats) {
    return squaredDistance(
        memory.segment(a),
        SegmentMemory.offset(a),
        memory.segment(b),
        SegmentMemory.offset(b),
        floats);
  }

  @Override
  public void dotBatch(int query, int rows, int n, int floats, int out) {
    for (int i = 0, end = n << 2; i < end; i += 4) {
      memory.putFloat(out + i, dot(query, memory.getInt(rows + i), floats));
    }
  }

  @Override
  public void squaredDistanceBatch(int query, int rows, int n, int floats, int out) {
    for (int i = 0, end = n << 2; i < end; i += 4) {
      memory.putFloat(out + i, squaredDistance(query, memory.getInt(rows + i), floats));
    }
  }

  private static float dot(MemorySegment a, long x, MemorySegment b, long y, int floats) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    float s4 = 0;
    float s5 = 0;
    float s6 = 0;
    float s7 = 0;
    for (int i = 0, end = floats << 2; i < end; i += 32) {
      s0 += a.get(FLOAT, x + i) * b.get(FLOAT, y + i);
      s1 += a.get(FLOAT, x + i + 4) * b.get(FLOAT, y + i + 4);
      s2 += a.get(FLOAT, x + i + 8) * b.get(FLOAT, y + i + 8);
      s3 += a.get(FLOAT, x + i + 12) * b.get(FLOAT, y + i + 12);
      s4 += a.get(FLOAT, x + i + 16) * b.get(FLOAT, y + i + 16);
      s5 += a.get(FLOAT, x + i + 20) * b.get(FLOAT, y + i + 20);
      s6 += a.get(FLOAT, x + i + 24) * b.get(FLOAT, y + i + 24);
      s7 += a.get(FLOAT, x + i + 28) * b.get(FLOAT, y + i + 28);
    }
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
  }

  private static float squaredDistance(
      MemorySegment a, long x, MemorySegment b, long y, int floats) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    float s4 = 0;
    float s5 = 0;
    float s6 = 0;
    float s7 = 0;
    for (int i = 0, end = floats << 2; i < end; i += 32) {
      float d0 = a.get(FLOAT, x + i) - b.get(FLOAT, y + i);
      float d1 = a.get(FLOAT, x + i + 4) - b.get(FLOAT, y + i + 4);
      float d2 = a.get(FLOAT, x + i + 8) - b.get(FLOAT, y + i + 8);
      float d3 = a.get(FLOAT, x + i + 12) - b.get(FLOAT, y + i + 12);
      float d4 = a.get(FLOAT, x + i + 16) - b.get(FLOAT, y + i + 16);
      float d5 = a.get(FLOAT, x + i + 20) - b.get(FLOAT, y + i + 20);
      float d6 = a.get(FLOAT, x + i + 24) - b.get(FLOAT, y + i + 24);
      float d7 = a.get(FLOAT, x + i + 28) - b.get(FLOAT, y + i + 28);
      s0 += d0 * d0;
      s1 += d1 * d1;
      s2 += d2 * d2;
      s3 += d3 * d3;
      s4 += d4 * d4;
      s5 += d5 * d5;
      s6 += d6 * d6;
      s7 += d7 * d7;
    }
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
  }

  @Override
  public boolean allFinite(int address, int n) {
    MemorySegment segment = memory.segment(address);
    long from = SegmentMemory.offset(address);
    int max = 0;
    for (int i = 0; i < n; i++) {
      max = Math.max(max, segment.get(INT, from + 4L * i) & MAGNITUDE);
    }
    return max < INFINITY;
  }

  @Override
  public int crc32c(int crc, int address, int bytes) {
    return Checksums.crc32c(memory, scalar, crc, address, bytes);
  }

  // ---------------------------------------------------------------- codes

  @Override
  public void encode(int row, float factor, int center, int floats, int codes, int out) {
    float max = maximum(row, factor, center, floats);
    if (max > CODE_RANGE) {
      scalar.encode(row, factor, center, floats, codes, out);
      return;
    }
    boolean zero = max < 1 / CODE_RANGE;
    float inverse = zero ? 0 : MAX_CODE / max;
    int squares = quantize(row, factor, center, floats, inverse, MAX_CODE + 1, codes);
    memory.putFloat(out, zero ? 0 : max / MAX_CODE);
    memory.putInt(out + 4, squares);
  }

  @Override
  public void encodeQuery(int row, float factor, int center, int floats, int query, int out) {
    memory.putInt(query, CodeQuery.PLAIN);
    int plain = query + CodeQuery.plain(floats + CODE_BLOCK - 1 & -CODE_BLOCK);
    float max = maximum(row, factor, center, floats);
    if (max > CODE_RANGE) {
      scalar.encodeQuery(row, factor, center, floats, plain, out);
      return;
    }
    boolean zero = max < 1 / CODE_RANGE;
    int squares = quantize(row, factor, center, floats, zero ? 0 : MAX_QUERY_CODE / max, 0, plain);
    memory.putFloat(out, zero ? 0 : max / MAX_QUERY_CODE);
    memory.putInt(out + 4, squares);
  }

  /** Returns the largest magnitude before it is clamped; what is no number counts as infinite. */
  private float maximum(int row, float factor, int center, int floats) {
    MemorySegment a = memory.segment(row);
    MemorySegment b = memory.segment(center);
    long x = SegmentMemory.offset(row);
    long y = SegmentMemory.offset(center);
    int max = 0;
    for (int i = 0, end = floats << 2; i < end; i += 4) {
      float value = a.get(FLOAT, x + i) * factor - b.get(FLOAT, y + i);
      max = Math.max(max, Float.floatToRawIntBits(value) & MAGNITUDE);
    }
    return Float.intBitsToFloat(Math.min(max, INFINITY));
  }

  /** Writes codes as bytes, bias added, padded; returns the sum of their squares. */
  private int quantize(
      int row, float factor, int center, int floats, float inverse, int bias, int codes) {
    MemorySegment a = memory.segment(row);
    MemorySegment b = memory.segment(center);
    MemorySegment c = memory.segment(codes);
    long x = SegmentMemory.offset(row);
    long y = SegmentMemory.offset(center);
    long z = SegmentMemory.offset(codes);
    int squares = 0;
    for (int i = 0; i < floats; i++) {
      float value = a.get(FLOAT, x + 4L * i) * factor - b.get(FLOAT, y + 4L * i);
      int v = round(value * inverse);
      c.set(BYTE, z + i, (byte) (v + bias));
      squares += v * v;
    }
    for (int i = floats; i < (floats + CODE_BLOCK - 1 & -CODE_BLOCK); i++) {
      c.set(BYTE, z + i, (byte) bias);
    }
    return squares;
  }

  /** Rounds a number of up to 2^22 to the nearest integer, ties to even. */
  private static int round(float x) {
    return Float.floatToRawIntBits(x + 0x1.8p23f) - 0x4b40_0000;
  }

  private static int round4(float x) {
    return Math.max(-MAX_CODE_4, Math.min(MAX_CODE_4, round(x)));
  }

  @Override
  public void encode4(
      int row, float factor, int center, int floats, int dimensions, int codes, int out) {
    float max = maximum(row, factor, center, floats);
    if (max > CODE_RANGE) {
      scalar.encode4(row, factor, center, floats, dimensions, codes, out);
      return;
    }
    float largest = 0;
    float inverse = 0;
    if (max >= 1 / CODE_RANGE) {
      float mean = sumOfSquares(row, factor, center, floats, 0, 0) / dimensions;
      float clipped = 2.7f * (float) Math.sqrt(mean);
      boolean clips =
          clipped < max
              && sumOfSquares(
                      row, factor, center, floats, MAX_CODE_4 / clipped, clipped / MAX_CODE_4)
                  < sumOfSquares(row, factor, center, floats, MAX_CODE_4 / max, max / MAX_CODE_4);
      largest = clips ? clipped : max;
      inverse = MAX_CODE_4 / largest;
    }
    int squares = quantize4(row, factor, center, floats, inverse, codes);
    memory.putFloat(out, largest / MAX_CODE_4);
    memory.putInt(out + 4, squares);
  }

  /**
   * Returns the sum of the squares of what codes of a scale do not say, of all where the scale is
   * 0. Four sums, as the order in which floats are added is part of the result.
   */
  private float sumOfSquares(
      int row, float factor, int center, int floats, float inverse, float scale) {
    MemorySegment a = memory.segment(row);
    MemorySegment b = memory.segment(center);
    long x = SegmentMemory.offset(row);
    long y = SegmentMemory.offset(center);
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    for (int i = 0, end = floats << 2; i < end; i += 16) {
      float d0 = a.get(FLOAT, x + i) * factor - b.get(FLOAT, y + i);
      float d1 = a.get(FLOAT, x + i + 4) * factor - b.get(FLOAT, y + i + 4);
      float d2 = a.get(FLOAT, x + i + 8) * factor - b.get(FLOAT, y + i + 8);
      float d3 = a.get(FLOAT, x + i + 12) * factor - b.get(FLOAT, y + i + 12);
      d0 -= round4(d0 * inverse) * scale;
      d1 -= round4(d1 * inverse) * scale;
      d2 -= round4(d2 * inverse) * scale;
      d3 -= round4(d3 * inverse) * scale;
      s0 += d0 * d0;
      s1 += d1 * d1;
      s2 += d2 * d2;
      s3 += d3 * d3;
    }
    return (s0 + s2) + (s1 + s3);
  }

  /** Writes codes of 4 bits, padded; returns the sum of their squares. */
  private int quantize4(int row, float factor, int center, int floats, float inverse, int codes) {
    MemorySegment a = memory.segment(row);
    MemorySegment b = memory.segment(center);
    MemorySegment c = memory.segment(codes);
    long x = SegmentMemory.offset(row);
    long y = SegmentMemory.offset(center);
    long z = SegmentMemory.offset(codes);
    int squares = 0;
    for (int i = 0; i < floats; i += 32) {
      for (int j = i; j < i + 16; j++) {
        // Values j and j + 16 share a byte.
        int v = round4((a.get(FLOAT, x + 4L * j) * factor - b.get(FLOAT, y + 4L * j)) * inverse);
        int w = 0;
        if (i + 16 < floats) {
          long k = 4L * j + 64;
          w = round4((a.get(FLOAT, x + k) * factor - b.get(FLOAT, y + k)) * inverse);
        }
        int pair = v + MAX_CODE_4 + 1 | w + MAX_CODE_4 + 1 << 4;
        c.set(BYTE, z + (i >> 1) + (j - i), (byte) pair);
        squares += v * v + w * w;
      }
    }
    return squares;
  }

  @Override
  public void queryOfCodes(int row, int codes, int query) {
    MemorySegment a = memory.segment(row);
    MemorySegment q = memory.segment(query);
    long x = SegmentMemory.offset(row);
    long y = SegmentMemory.offset(query) + CodeQuery.plain(codes);
    for (int i = 0; i < codes; i++) {
      q.set(BYTE, y + i, (byte) (a.get(BYTE, x + i) - (MAX_CODE + 1)));
    }
    memory.putInt(query, CodeQuery.PLAIN);
  }

  @Override
  public void queryOfCodes4(int row, int codes, int query) {
    MemorySegment a = memory.segment(row);
    MemorySegment q = memory.segment(query);
    long x = SegmentMemory.offset(row);
    long y = SegmentMemory.offset(query) + CodeQuery.plain(codes);
    for (int i = 0; i < codes; i += 32) {
      for (int j = 0; j < 16; j++) {
        int pair = a.get(BYTE, x + (i >> 1) + j);
        q.set(BYTE, y + i + j, (byte) ((pair & 15) - (MAX_CODE_4 + 1)));
        q.set(BYTE, y + i + j + 16, (byte) ((pair >> 4 & 15) - (MAX_CODE_4 + 1)));
      }
    }
    memory.putInt(query, CodeQuery.PLAIN);
  }

  /*
   * Four products with one multiplication: the 16-bit digits of
   *
   *   (v0 + v1 2^16 + v2 2^32 + v3 2^48) * (q3 + q2 2^16 + q1 2^32 + q0 2^48)
   *
   * from 2^48 on are v0 q0 + v1 q1 + v2 q2 + v3 q3 modulo 2^16, as the product is one modulo 2^64.
   * That sum is at most 4 * 63 * 127 = 32,004 in magnitude; the digits below it are less than half
   * a unit of it, so that it is what rounding leaves.
   */

  private static final long DIGITS = 0x0001_0001_0001_0001L;

  /** Half of what is shifted out below the highest digit. */
  private static final long HALF = 1L << 47;

  @Override
  public void codeDotBatch(int query, int rows, int n, int codes, int out) {
    if (memory.getInt(query) != CodeQuery.OF_8) {
      prepare(query, codes);
    }
    MemorySegment q = memory.segment(query);
    long x = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    for (int i = 0, end = n << 2; i < end; i += 4) {
      int row = memory.getInt(rows + i);
      memory.putInt(out + i, codeDot(q, x, memory.segment(row), SegmentMemory.offset(row), codes));
    }
  }

  /** Prepares two factors for each eight codes: of the even ones and of the odd ones. */
  private void prepare(int query, int codes) {
    MemorySegment q = memory.segment(query);
    long to = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    long from = SegmentMemory.offset(query) + CodeQuery.plain(codes);
    for (int i = 0; i < codes; i += 8) {
      q.set(LONG, to + 2L * i, factor(q, from + i));
      q.set(LONG, to + 2L * i + 8, factor(q, from + i + 1));
    }
    memory.putInt(query, CodeQuery.OF_8);
  }

  /** Returns four codes, every second from an address on, as digits; the first is the highest. */
  private static long factor(MemorySegment q, long at) {
    return ((long) q.get(BYTE, at) << 48)
        + ((long) q.get(BYTE, at + 2) << 32)
        + ((long) q.get(BYTE, at + 4) << 16)
        + q.get(BYTE, at + 6);
  }

  private static int codeDot(MemorySegment q, long x, MemorySegment row, long y, int codes) {
    long even = 0;
    long odd = 0;
    for (int i = 0; i < codes; i += 8) {
      long u = row.get(LONG, y + i);
      long v0 = (u & 0xff * DIGITS) - (MAX_CODE + 1) * DIGITS;
      long v1 = (u >>> 8 & 0xff * DIGITS) - (MAX_CODE + 1) * DIGITS;
      even += v0 * q.get(LONG, x + 2L * i) + HALF >> 48;
      odd += v1 * q.get(LONG, x + 2L * i + 8) + HALF >> 48;
    }
    return (int) (even + odd);
  }

  @Override
  public void codeDotBatch4(int query, int rows, int n, int codes, int out) {
    if (memory.getInt(query) != CodeQuery.OF_4) {
      prepare4(query, codes);
    }
    MemorySegment q = memory.segment(query);
    long x = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    int bias = memory.getInt(query + CodeQuery.BIAS);
    for (int i = 0, end = n << 2; i < end; i += 4) {
      int row = memory.getInt(rows + i);
      int sum = codeDot4(q, x, memory.segment(row), SegmentMemory.offset(row), codes);
      memory.putInt(out + i, sum - bias);
    }
  }

  /** Prepares four factors for each eight bytes of a row, one for each of four nibbles. */
  private void prepare4(int query, int codes) {
    MemorySegment q = memory.segment(query);
    long to = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    long from = SegmentMemory.offset(query) + CodeQuery.plain(codes);
    for (int i = 0; i < codes; i += 32) {
      for (int j = i; j < i + 16; j += 8) {
        q.set(LONG, to, factor(q, from + j));
        q.set(LONG, to + 8, factor(q, from + j + 16));
        q.set(LONG, to + 16, factor(q, from + j + 1));
        q.set(LONG, to + 24, factor(q, from + j + 17));
        to += 32;
      }
    }
    int sum = 0;
    for (int i = 0; i < codes; i++) {
      sum += q.get(BYTE, from + i);
    }
    memory.putInt(query + CodeQuery.BIAS, (MAX_CODE_4 + 1) * sum);
    memory.putInt(query, CodeQuery.OF_4);
  }

  /** Sixteen products, each of at most 15 * 127 in magnitude, fit into the highest digit. */
  private static int codeDot4(MemorySegment q, long x, MemorySegment row, long y, int codes) {
    long sum = 0;
    for (int i = 0, end = codes >> 1; i < end; i += 8) {
      long u = row.get(LONG, y + i);
      long product =
          (u & 15 * DIGITS) * q.get(LONG, x + 4L * i)
              + (u >>> 4 & 15 * DIGITS) * q.get(LONG, x + 4L * i + 8)
              + (u >>> 8 & 15 * DIGITS) * q.get(LONG, x + 4L * i + 16)
              + (u >>> 12 & 15 * DIGITS) * q.get(LONG, x + 4L * i + 24);
      sum += product + HALF >> 48;
    }
    return (int) sum;
  }
}
