package dev.deltavec.jvm;

import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.ScalarKernels;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link Kernels} on the Vector API (module {@code jdk.incubator.vector}) over a {@link
 * SegmentMemory}, in registers of up to 512 bits.
 *
 * <p>Batches take four rows at a time: the query is loaded once for them, and their cache misses
 * overlap.
 *
 * <p>The loops are long methods that call nothing but the Vector API itself, on purpose. Only its
 * own methods are sure to be inlined; where one of ours is not, vectors become objects and a loop
 * 30 times slower, which happens in one run of several. And a short loop would be inlined into its
 * callers until some budget of the compiler is used up, with the same end. Nor is a loop's method
 * much longer than those here: where the first compiler runs out of registers, as it does at about
 * twice their length, the second never gets its turn.
 */
public final class VectorKernels implements Kernels {
  /** Rows are whole blocks of 16 floats, so no register may be wider than that. */
  private static final VectorShape SHAPE =
      VectorShape.preferredShape().vectorBitSize() <= BLOCK * Float.SIZE
          ? VectorShape.preferredShape()
          : VectorShape.S_512_BIT;

  private static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, SHAPE);
  private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, SHAPE);
  private static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, SHAPE);

  /** As many bytes as a register has floats, where there is such a shape. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, SHAPE.vectorBitSize() / 4)));

  private static final VectorSpecies<Float> FLOATS_4 = FloatVector.SPECIES_128;
  private static final VectorSpecies<Integer> INTS_4 = IntVector.SPECIES_128;
  private static final VectorSpecies<Byte> BYTES_16 = ByteVector.SPECIES_128;
  private static final VectorSpecies<Short> SHORTS_8 = ShortVector.SPECIES_128;

  /** Floats in a register. */
  private static final int LANES = FLOATS.length();

  /** Bytes of a register. */
  private static final long STEP = LANES * 4L;

  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER);

  /** Added to a float of up to 2^22, it leaves the nearest integer in the low bits. */
  private static final float ROUND = 0x1.8p23f;

  private static final int ROUND_BITS = 0x4b40_0000;

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
  public VectorKernels(SegmentMemory memory) {
    this.memory = memory;
    scalar = new ScalarKernels(memory);
  }

  /** Returns the width of the registers in bits. */
  static int bits() {
    return SHAPE.vectorBitSize();
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
    int i = 0;
    for (; i < n - 1; i += 4) {
      // A last group of two or three repeats its last row.
      int last = n - 1;
      dot4(
          query,
          memory.getInt(rows + (i << 2)),
          memory.getInt(rows + (i + 1 << 2)),
          memory.getInt(rows + (Math.min(i + 2, last) << 2)),
          memory.getInt(rows + (Math.min(i + 3, last) << 2)),
          floats,
          out + (i << 2));
    }
    if (i < n) {
      memory.putFloat(out + (i << 2), dot(query, memory.getInt(rows + (i << 2)), floats));
    }
  }

  @Override
  public void squaredDistanceBatch(int query, int rows, int n, int floats, int out) {
    int i = 0;
    for (; i < n - 1; i += 4) {
      int last = n - 1;
      squaredDistance4(
          query,
          memory.getInt(rows + (i << 2)),
          memory.getInt(rows + (i + 1 << 2)),
          memory.getInt(rows + (Math.min(i + 2, last) << 2)),
          memory.getInt(rows + (Math.min(i + 3, last) << 2)),
          floats,
          out + (i << 2));
    }
    if (i < n) {
      memory.putFloat(
          out + (i << 2), squaredDistance(query, memory.getInt(rows + (i << 2)), floats));
    }
  }

  private static float dot(MemorySegment a, long x, MemorySegment b, long y, int floats) {
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = FloatVector.zero(FLOATS);
    FloatVector s2 = FloatVector.zero(FLOATS);
    FloatVector s3 = FloatVector.zero(FLOATS);
    long bytes = floats * 4L;
    long i = 0;
    for (; i <= bytes - 4 * STEP; i += 4 * STEP) {
      s0 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i, ORDER)
              .fma(FloatVector.fromMemorySegment(FLOATS, b, y + i, ORDER), s0);
      s1 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i + STEP, ORDER)
              .fma(FloatVector.fromMemorySegment(FLOATS, b, y + i + STEP, ORDER), s1);
      s2 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i + 2 * STEP, ORDER)
              .fma(FloatVector.fromMemorySegment(FLOATS, b, y + i + 2 * STEP, ORDER), s2);
      s3 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i + 3 * STEP, ORDER)
              .fma(FloatVector.fromMemorySegment(FLOATS, b, y + i + 3 * STEP, ORDER), s3);
    }
    if (i < bytes) {
      s0 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i, ORDER)
              .fma(FloatVector.fromMemorySegment(FLOATS, b, y + i, ORDER), s0);
      i += STEP;
    }
    if (i < bytes) {
      s1 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i, ORDER)
              .fma(FloatVector.fromMemorySegment(FLOATS, b, y + i, ORDER), s1);
      i += STEP;
    }
    if (i < bytes) {
      s2 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i, ORDER)
              .fma(FloatVector.fromMemorySegment(FLOATS, b, y + i, ORDER), s2);
    }
    return s0.add(s1).add(s2.add(s3)).reduceLanes(VectorOperators.ADD);
  }

  private static float squaredDistance(
      MemorySegment a, long x, MemorySegment b, long y, int floats) {
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = FloatVector.zero(FLOATS);
    FloatVector s2 = FloatVector.zero(FLOATS);
    FloatVector s3 = FloatVector.zero(FLOATS);
    long bytes = floats * 4L;
    long i = 0;
    for (; i <= bytes - 4 * STEP; i += 4 * STEP) {
      FloatVector d0 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, b, y + i, ORDER));
      FloatVector d1 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i + STEP, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, b, y + i + STEP, ORDER));
      FloatVector d2 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i + 2 * STEP, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, b, y + i + 2 * STEP, ORDER));
      FloatVector d3 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i + 3 * STEP, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, b, y + i + 3 * STEP, ORDER));
      s0 = d0.fma(d0, s0);
      s1 = d1.fma(d1, s1);
      s2 = d2.fma(d2, s2);
      s3 = d3.fma(d3, s3);
    }
    if (i < bytes) {
      FloatVector d0 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, b, y + i, ORDER));
      s0 = d0.fma(d0, s0);
      i += STEP;
    }
    if (i < bytes) {
      FloatVector d1 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, b, y + i, ORDER));
      s1 = d1.fma(d1, s1);
      i += STEP;
    }
    if (i < bytes) {
      FloatVector d2 =
          FloatVector.fromMemorySegment(FLOATS, a, x + i, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, b, y + i, ORDER));
      s2 = d2.fma(d2, s2);
    }
    return s0.add(s1).add(s2.add(s3)).reduceLanes(VectorOperators.ADD);
  }

  private void dot4(int query, int row0, int row1, int row2, int row3, int floats, int out) {
    MemorySegment q = memory.segment(query);
    MemorySegment m0 = memory.segment(row0);
    MemorySegment m1 = memory.segment(row1);
    MemorySegment m2 = memory.segment(row2);
    MemorySegment m3 = memory.segment(row3);
    long atQ = SegmentMemory.offset(query);
    long at0 = SegmentMemory.offset(row0);
    long at1 = SegmentMemory.offset(row1);
    long at2 = SegmentMemory.offset(row2);
    long at3 = SegmentMemory.offset(row3);
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = FloatVector.zero(FLOATS);
    FloatVector s2 = FloatVector.zero(FLOATS);
    FloatVector s3 = FloatVector.zero(FLOATS);
    long bytes = floats * 4L;
    long i = 0;
    for (; i <= bytes - 2 * STEP; i += 2 * STEP) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, q, atQ + i, ORDER);
      s0 = FloatVector.fromMemorySegment(FLOATS, m0, at0 + i, ORDER).fma(v, s0);
      s1 = FloatVector.fromMemorySegment(FLOATS, m1, at1 + i, ORDER).fma(v, s1);
      s2 = FloatVector.fromMemorySegment(FLOATS, m2, at2 + i, ORDER).fma(v, s2);
      s3 = FloatVector.fromMemorySegment(FLOATS, m3, at3 + i, ORDER).fma(v, s3);
      FloatVector w = FloatVector.fromMemorySegment(FLOATS, q, atQ + i + STEP, ORDER);
      s0 = FloatVector.fromMemorySegment(FLOATS, m0, at0 + i + STEP, ORDER).fma(w, s0);
      s1 = FloatVector.fromMemorySegment(FLOATS, m1, at1 + i + STEP, ORDER).fma(w, s1);
      s2 = FloatVector.fromMemorySegment(FLOATS, m2, at2 + i + STEP, ORDER).fma(w, s2);
      s3 = FloatVector.fromMemorySegment(FLOATS, m3, at3 + i + STEP, ORDER).fma(w, s3);
    }
    if (i < bytes) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, q, atQ + i, ORDER);
      s0 = FloatVector.fromMemorySegment(FLOATS, m0, at0 + i, ORDER).fma(v, s0);
      s1 = FloatVector.fromMemorySegment(FLOATS, m1, at1 + i, ORDER).fma(v, s1);
      s2 = FloatVector.fromMemorySegment(FLOATS, m2, at2 + i, ORDER).fma(v, s2);
      s3 = FloatVector.fromMemorySegment(FLOATS, m3, at3 + i, ORDER).fma(v, s3);
    }
    memory.putFloat(out, s0.reduceLanes(VectorOperators.ADD));
    memory.putFloat(out + 4, s1.reduceLanes(VectorOperators.ADD));
    memory.putFloat(out + 8, s2.reduceLanes(VectorOperators.ADD));
    memory.putFloat(out + 12, s3.reduceLanes(VectorOperators.ADD));
  }

  private void squaredDistance4(
      int query, int row0, int row1, int row2, int row3, int floats, int out) {
    MemorySegment q = memory.segment(query);
    MemorySegment m0 = memory.segment(row0);
    MemorySegment m1 = memory.segment(row1);
    MemorySegment m2 = memory.segment(row2);
    MemorySegment m3 = memory.segment(row3);
    long atQ = SegmentMemory.offset(query);
    long at0 = SegmentMemory.offset(row0);
    long at1 = SegmentMemory.offset(row1);
    long at2 = SegmentMemory.offset(row2);
    long at3 = SegmentMemory.offset(row3);
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = FloatVector.zero(FLOATS);
    FloatVector s2 = FloatVector.zero(FLOATS);
    FloatVector s3 = FloatVector.zero(FLOATS);
    long bytes = floats * 4L;
    long i = 0;
    for (; i <= bytes - 2 * STEP; i += 2 * STEP) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, q, atQ + i, ORDER);
      FloatVector d0 = FloatVector.fromMemorySegment(FLOATS, m0, at0 + i, ORDER).sub(v);
      FloatVector d1 = FloatVector.fromMemorySegment(FLOATS, m1, at1 + i, ORDER).sub(v);
      FloatVector d2 = FloatVector.fromMemorySegment(FLOATS, m2, at2 + i, ORDER).sub(v);
      FloatVector d3 = FloatVector.fromMemorySegment(FLOATS, m3, at3 + i, ORDER).sub(v);
      s0 = d0.fma(d0, s0);
      s1 = d1.fma(d1, s1);
      s2 = d2.fma(d2, s2);
      s3 = d3.fma(d3, s3);
      FloatVector w = FloatVector.fromMemorySegment(FLOATS, q, atQ + i + STEP, ORDER);
      FloatVector e0 = FloatVector.fromMemorySegment(FLOATS, m0, at0 + i + STEP, ORDER).sub(w);
      FloatVector e1 = FloatVector.fromMemorySegment(FLOATS, m1, at1 + i + STEP, ORDER).sub(w);
      FloatVector e2 = FloatVector.fromMemorySegment(FLOATS, m2, at2 + i + STEP, ORDER).sub(w);
      FloatVector e3 = FloatVector.fromMemorySegment(FLOATS, m3, at3 + i + STEP, ORDER).sub(w);
      s0 = e0.fma(e0, s0);
      s1 = e1.fma(e1, s1);
      s2 = e2.fma(e2, s2);
      s3 = e3.fma(e3, s3);
    }
    if (i < bytes) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, q, atQ + i, ORDER);
      FloatVector d0 = FloatVector.fromMemorySegment(FLOATS, m0, at0 + i, ORDER).sub(v);
      FloatVector d1 = FloatVector.fromMemorySegment(FLOATS, m1, at1 + i, ORDER).sub(v);
      FloatVector d2 = FloatVector.fromMemorySegment(FLOATS, m2, at2 + i, ORDER).sub(v);
      FloatVector d3 = FloatVector.fromMemorySegment(FLOATS, m3, at3 + i, ORDER).sub(v);
      s0 = d0.fma(d0, s0);
      s1 = d1.fma(d1, s1);
      s2 = d2.fma(d2, s2);
      s3 = d3.fma(d3, s3);
    }
    memory.putFloat(out, s0.reduceLanes(VectorOperators.ADD));
    memory.putFloat(out + 4, s1.reduceLanes(VectorOperators.ADD));
    memory.putFloat(out + 8, s2.reduceLanes(VectorOperators.ADD));
    memory.putFloat(out + 12, s3.reduceLanes(VectorOperators.ADD));
  }

  @Override
  public boolean allFinite(int address, int n) {
    MemorySegment segment = memory.segment(address);
    long from = SegmentMemory.offset(address);
    IntVector largest = IntVector.zero(INTS);
    int i = 0;
    for (; i <= n - LANES; i += LANES) {
      IntVector bits = IntVector.fromMemorySegment(INTS, segment, from + i * 4L, ORDER);
      largest = largest.max(bits.and(MAGNITUDE));
    }
    int max = largest.reduceLanes(VectorOperators.MAX);
    for (; i < n; i++) {
      max = Math.max(max, memory.getInt(address + (i << 2)) & MAGNITUDE);
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
    int squares =
        quantize(row, factor, center, floats, zero ? 0 : MAX_CODE / max, MAX_CODE + 1, codes);
    memory.putFloat(out, zero ? 0 : max / MAX_CODE);
    memory.putInt(out + 4, squares);
  }

  @Override
  public void encodeQuery(int row, float factor, int center, int floats, int query, int out) {
    int codes = floats + CODE_BLOCK - 1 & -CODE_BLOCK;
    memory.putInt(query, CodeQuery.PLAIN);
    int plain = query + CodeQuery.plain(codes);
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
    FloatVector f = FloatVector.broadcast(FLOATS, factor);
    IntVector magnitude = IntVector.broadcast(INTS, MAGNITUDE);
    IntVector largest = IntVector.zero(INTS);
    for (long i = 0, bytes = floats * 4L; i < bytes; i += STEP) {
      IntVector bits =
          FloatVector.fromMemorySegment(FLOATS, a, x + i, ORDER)
              .mul(f)
              .sub(FloatVector.fromMemorySegment(FLOATS, b, y + i, ORDER))
              .reinterpretAsInts();
      largest = largest.max(bits.and(magnitude));
    }
    int max = largest.reduceLanes(VectorOperators.MAX);
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
    FloatVector f = FloatVector.broadcast(FLOATS, factor);
    FloatVector by = FloatVector.broadcast(FLOATS, inverse);
    FloatVector round = FloatVector.broadcast(FLOATS, ROUND);
    IntVector zero = IntVector.broadcast(INTS, ROUND_BITS);
    IntVector shift = IntVector.broadcast(INTS, bias);
    IntVector squares = IntVector.zero(INTS);
    for (int i = 0; i < floats; i += LANES) {
      IntVector v =
          FloatVector.fromMemorySegment(FLOATS, a, x + 4L * i, ORDER)
              .mul(f)
              .sub(FloatVector.fromMemorySegment(FLOATS, b, y + 4L * i, ORDER))
              .mul(by)
              .add(round)
              .reinterpretAsInts()
              .sub(zero);
      squares = squares.add(v.mul(v));
      ByteVector bytes = (ByteVector) v.add(shift).convertShape(VectorOperators.I2B, BYTES, 0);
      if (LANES == 4) {
        c.set(INT, z + i, bytes.reinterpretAsInts().lane(0));
      } else {
        bytes.intoMemorySegment(c, z + i, ORDER);
      }
    }
    for (int i = floats; i < (floats + CODE_BLOCK - 1 & -CODE_BLOCK); i++) {
      c.set(ValueLayout.JAVA_BYTE, z + i, (byte) bias);
    }
    return squares.reduceLanes(VectorOperators.ADD);
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
      float mean = sumOfSquares(row, factor, center, floats) / dimensions;
      float clipped = 2.7f * (float) Math.sqrt(mean);
      largest = clipped < max && clips4(row, factor, center, floats, clipped, max) ? clipped : max;
      inverse = MAX_CODE_4 / largest;
    }
    int squares = quantize4(row, factor, center, floats, inverse, codes);
    memory.putFloat(out, largest / MAX_CODE_4);
    memory.putInt(out + 4, squares);
  }

  /** Four sums, as the order in which floats are added is part of the result. */
  private float sumOfSquares(int row, float factor, int center, int floats) {
    MemorySegment a = memory.segment(row);
    MemorySegment b = memory.segment(center);
    long x = SegmentMemory.offset(row);
    long y = SegmentMemory.offset(center);
    FloatVector f = FloatVector.broadcast(FLOATS_4, factor);
    FloatVector sums = FloatVector.zero(FLOATS_4);
    for (long i = 0, bytes = floats * 4L; i < bytes; i += 16) {
      FloatVector v =
          FloatVector.fromMemorySegment(FLOATS_4, a, x + i, ORDER)
              .mul(f)
              .sub(FloatVector.fromMemorySegment(FLOATS_4, b, y + i, ORDER));
      sums = sums.add(v.mul(v));
    }
    return (sums.lane(0) + sums.lane(2)) + (sums.lane(1) + sums.lane(3));
  }

  /** Tells whether the squared error is smaller with one largest value than with another. */
  private boolean clips4(int row, float factor, int center, int floats, float clipped, float max) {
    MemorySegment a = memory.segment(row);
    MemorySegment b = memory.segment(center);
    long x = SegmentMemory.offset(row);
    long y = SegmentMemory.offset(center);
    FloatVector f = FloatVector.broadcast(FLOATS_4, factor);
    FloatVector round = FloatVector.broadcast(FLOATS_4, ROUND);
    IntVector most = IntVector.broadcast(INTS_4, ROUND_BITS + MAX_CODE_4);
    IntVector least = IntVector.broadcast(INTS_4, ROUND_BITS - MAX_CODE_4);
    FloatVector inverse0 = FloatVector.broadcast(FLOATS_4, MAX_CODE_4 / clipped);
    FloatVector inverse1 = FloatVector.broadcast(FLOATS_4, MAX_CODE_4 / max);
    FloatVector scale0 = FloatVector.broadcast(FLOATS_4, clipped / MAX_CODE_4);
    FloatVector scale1 = FloatVector.broadcast(FLOATS_4, max / MAX_CODE_4);
    FloatVector s = FloatVector.zero(FLOATS_4);
    FloatVector t = FloatVector.zero(FLOATS_4);
    for (long i = 0, bytes = floats * 4L; i < bytes; i += 16) {
      FloatVector v =
          FloatVector.fromMemorySegment(FLOATS_4, a, x + i, ORDER)
              .mul(f)
              .sub(FloatVector.fromMemorySegment(FLOATS_4, b, y + i, ORDER));
      FloatVector d =
          v.sub(
              v.mul(inverse0)
                  .add(round)
                  .reinterpretAsInts()
                  .min(most)
                  .max(least)
                  .reinterpretAsFloats()
                  .sub(round)
                  .mul(scale0));
      FloatVector e = v.sub(v.mul(inverse1).add(round).sub(round).mul(scale1));
      s = s.add(d.mul(d));
      t = t.add(e.mul(e));
    }
    return (s.lane(0) + s.lane(2)) + (s.lane(1) + s.lane(3))
        < (t.lane(0) + t.lane(2)) + (t.lane(1) + t.lane(3));
  }

  /** Writes codes of 4 bits, padded; returns the sum of their squares. */
  private int quantize4(int row, float factor, int center, int floats, float inverse, int codes) {
    MemorySegment a = memory.segment(row);
    MemorySegment b = memory.segment(center);
    MemorySegment c = memory.segment(codes);
    long x = SegmentMemory.offset(row);
    long y = SegmentMemory.offset(center);
    long z = SegmentMemory.offset(codes);
    FloatVector f = FloatVector.broadcast(FLOATS, factor);
    FloatVector by = FloatVector.broadcast(FLOATS, inverse);
    FloatVector round = FloatVector.broadcast(FLOATS, ROUND);
    IntVector zero = IntVector.broadcast(INTS, ROUND_BITS);
    IntVector most = IntVector.broadcast(INTS, MAX_CODE_4);
    IntVector least = IntVector.broadcast(INTS, -MAX_CODE_4);
    IntVector shift = IntVector.broadcast(INTS, MAX_CODE_4 + 1);
    IntVector squares = IntVector.zero(INTS);
    for (int i = 0; i < floats; i += 32) {
      for (int j = i; j < i + 16; j += LANES) {
        // Values j and j + 16 share a byte.
        IntVector v =
            FloatVector.fromMemorySegment(FLOATS, a, x + 4L * j, ORDER)
                .mul(f)
                .sub(FloatVector.fromMemorySegment(FLOATS, b, y + 4L * j, ORDER))
                .mul(by)
                .add(round)
                .reinterpretAsInts()
                .sub(zero)
                .min(most)
                .max(least);
        IntVector w = IntVector.zero(INTS);
        if (i + 16 < floats) {
          w =
              FloatVector.fromMemorySegment(FLOATS, a, x + 4L * j + 64, ORDER)
                  .mul(f)
                  .sub(FloatVector.fromMemorySegment(FLOATS, b, y + 4L * j + 64, ORDER))
                  .mul(by)
                  .add(round)
                  .reinterpretAsInts()
                  .sub(zero)
                  .min(most)
                  .max(least);
        }
        squares = squares.add(v.mul(v)).add(w.mul(w));
        ByteVector bytes =
            (ByteVector)
                v.add(shift)
                    .or(w.add(shift).lanewise(VectorOperators.LSHL, 4))
                    .convertShape(VectorOperators.I2B, BYTES, 0);
        long at = z + (i >> 1) + (j - i);
        if (LANES == 4) {
          c.set(INT, at, bytes.reinterpretAsInts().lane(0));
        } else {
          bytes.intoMemorySegment(c, at, ORDER);
        }
      }
    }
    return squares.reduceLanes(VectorOperators.ADD);
  }

  @Override
  public void queryOfCodes(int row, int codes, int query) {
    MemorySegment a = memory.segment(row);
    MemorySegment q = memory.segment(query);
    long from = SegmentMemory.offset(row);
    long to = SegmentMemory.offset(query) + CodeQuery.plain(codes);
    ByteVector zero = ByteVector.broadcast(BYTES_16, MAX_CODE + 1);
    for (long i = 0; i < codes; i += 16) {
      ByteVector.fromMemorySegment(BYTES_16, a, from + i, ORDER)
          .sub(zero)
          .intoMemorySegment(q, to + i, ORDER);
    }
    memory.putInt(query, CodeQuery.PLAIN);
  }

  @Override
  public void queryOfCodes4(int row, int codes, int query) {
    MemorySegment a = memory.segment(row);
    MemorySegment q = memory.segment(query);
    long from = SegmentMemory.offset(row);
    long to = SegmentMemory.offset(query) + CodeQuery.plain(codes);
    ByteVector zero = ByteVector.broadcast(BYTES_16, MAX_CODE_4 + 1);
    for (long i = 0; i < codes >> 1; i += 16) {
      ShortVector v = ShortVector.fromMemorySegment(SHORTS_8, a, from + i, ORDER);
      v.and((short) 0x0f0f).reinterpretAsBytes().sub(zero).intoMemorySegment(q, to + 2 * i, ORDER);
      v.lanewise(VectorOperators.LSHR, 4)
          .and((short) 0x0f0f)
          .reinterpretAsBytes()
          .sub(zero)
          .intoMemorySegment(q, to + 2 * i + 16, ORDER);
    }
    memory.putInt(query, CodeQuery.PLAIN);
  }

  /*
   * A vector of a row's bytes is taken as 16-bit lanes, in which sums need only be right modulo
   * 2^16 until they are widened. With x = u0 + 256 u1 the two bytes of a lane, and x >>> 8 = u1,
   *
   *   u0 q0 + u1 q1 = x q0 + (x >>> 8) (q1 - 256 q0)   modulo 2^16
   *
   * so no byte need be masked. As u = v + 64, and |v q| is at most 63 * 127, the sum of four
   * products of a lane lies between -32,004 and 32,004 once 64 times the sum of the four q is
   * subtracted; another 2^15 makes it a number without sign, which is cheaper to widen. What is
   * added to a group of two vectors is prepared with the query.
   *
   * Likewise with four codes to a lane: x, x >>> 4, x >>> 8, x >>> 12 are multiplied by q0,
   * q1 - 16 q0, q2 - 16 q1, q3 - 16 q2. A product is at most 15 * 127, so that sixteen of them,
   * those of four vectors, fit into 16 bits.
   */

  @Override
  public void codeDotBatch(int query, int rows, int n, int codes, int out) {
    if (memory.getInt(query) != CodeQuery.OF_8) {
      prepare(query, codes);
    }
    int last = n - 1;
    for (int i = 0; i < n; i += 4) {
      int row0 = memory.getInt(rows + (i << 2));
      int row1 = memory.getInt(rows + (Math.min(i + 1, last) << 2));
      int row2 = memory.getInt(rows + (Math.min(i + 2, last) << 2));
      int row3 = memory.getInt(rows + (Math.min(i + 3, last) << 2));
      int to = out + (i << 2);
      codeDot(query, row0, row1, row2, row3, codes, to, 2 * STEP, 8);
      if ((codes & 2 * STEP - 1) != 0) {
        codeDotOfRest(query, row0, row1, row2, row3, codes, to, 32, 8);
      }
    }
  }

  private void prepare(int query, int codes) {
    MemorySegment q = memory.segment(query);
    long even = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    long odd = even + codes;
    long base = odd + codes;
    long from = SegmentMemory.offset(query) + CodeQuery.plain(codes);
    long i = 0;
    for (; i <= codes - 2 * STEP; i += 2 * STEP) {
      ShortVector v = ShortVector.fromMemorySegment(SHORTS, q, from + i, ORDER);
      ShortVector w = ShortVector.fromMemorySegment(SHORTS, q, from + i + STEP, ORDER);
      ShortVector v1 = v.lanewise(VectorOperators.ASHR, 8);
      ShortVector w1 = w.lanewise(VectorOperators.ASHR, 8);
      ShortVector v0 = v.lanewise(VectorOperators.LSHL, 8);
      ShortVector w0 = w.lanewise(VectorOperators.LSHL, 8);
      v1.sub(v0).intoMemorySegment(q, odd + i, ORDER);
      w1.sub(w0).intoMemorySegment(q, odd + i + STEP, ORDER);
      v0 = v0.lanewise(VectorOperators.ASHR, 8);
      w0 = w0.lanewise(VectorOperators.ASHR, 8);
      v0.intoMemorySegment(q, even + i, ORDER);
      w0.intoMemorySegment(q, even + i + STEP, ORDER);
      v0.add(v1)
          .add(w0.add(w1))
          .mul((short) -(MAX_CODE + 1))
          .add(Short.MIN_VALUE)
          .intoMemorySegment(q, base + i, ORDER);
    }
    for (; i < codes; i += 2 * 16) {
      ShortVector v = ShortVector.fromMemorySegment(SHORTS_8, q, from + i, ORDER);
      ShortVector w = ShortVector.fromMemorySegment(SHORTS_8, q, from + i + 16, ORDER);
      ShortVector v1 = v.lanewise(VectorOperators.ASHR, 8);
      ShortVector w1 = w.lanewise(VectorOperators.ASHR, 8);
      ShortVector v0 = v.lanewise(VectorOperators.LSHL, 8);
      ShortVector w0 = w.lanewise(VectorOperators.LSHL, 8);
      v1.sub(v0).intoMemorySegment(q, odd + i, ORDER);
      w1.sub(w0).intoMemorySegment(q, odd + i + 16, ORDER);
      v0 = v0.lanewise(VectorOperators.ASHR, 8);
      w0 = w0.lanewise(VectorOperators.ASHR, 8);
      v0.intoMemorySegment(q, even + i, ORDER);
      w0.intoMemorySegment(q, even + i + 16, ORDER);
      v0.add(v1)
          .add(w0.add(w1))
          .mul((short) -(MAX_CODE + 1))
          .add(Short.MIN_VALUE)
          .intoMemorySegment(q, base + i, ORDER);
    }
    memory.putInt(query, CodeQuery.OF_8);
  }

  /**
   * Dot products of four rows, over whole groups.
   *
   * @param step bytes of a group; as the compiler does not know it, it leaves the loop as it is: no
   *     loops for bounds checks before and behind it, which would cost more than the checks
   * @param eight 8; a constant would be kept in one register for each of its uses
   */
  private void codeDot(
      int query, int row0, int row1, int row2, int row3, int codes, int out, long step, int eight) {
    MemorySegment q = memory.segment(query);
    MemorySegment m0 = memory.segment(row0);
    MemorySegment m1 = memory.segment(row1);
    MemorySegment m2 = memory.segment(row2);
    MemorySegment m3 = memory.segment(row3);
    MemorySegment results = memory.segment(out);
    long even = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    long odd = even + codes;
    long base = odd + codes;
    long at0 = SegmentMemory.offset(row0);
    long at1 = SegmentMemory.offset(row1);
    long at2 = SegmentMemory.offset(row2);
    long at3 = SegmentMemory.offset(row3);
    long to = SegmentMemory.offset(out);
    IntVector low = IntVector.broadcast(INTS, 0xffff);
    IntVector s0 = IntVector.zero(INTS);
    IntVector s1 = IntVector.zero(INTS);
    IntVector s2 = IntVector.zero(INTS);
    IntVector s3 = IntVector.zero(INTS);
    for (long k = 0; k <= codes - step; k += step) {
      ShortVector e = ShortVector.fromMemorySegment(SHORTS, q, even + k, ORDER);
      ShortVector o = ShortVector.fromMemorySegment(SHORTS, q, odd + k, ORDER);
      ShortVector c = ShortVector.fromMemorySegment(SHORTS, q, base + k, ORDER);
      ShortVector v0 = ShortVector.fromMemorySegment(SHORTS, m0, at0 + k, ORDER);
      ShortVector v1 = ShortVector.fromMemorySegment(SHORTS, m1, at1 + k, ORDER);
      ShortVector v2 = ShortVector.fromMemorySegment(SHORTS, m2, at2 + k, ORDER);
      ShortVector v3 = ShortVector.fromMemorySegment(SHORTS, m3, at3 + k, ORDER);
      ShortVector p0 = c.add(v0.mul(e)).add(v0.lanewise(VectorOperators.LSHR, eight).mul(o));
      ShortVector p1 = c.add(v1.mul(e)).add(v1.lanewise(VectorOperators.LSHR, eight).mul(o));
      ShortVector p2 = c.add(v2.mul(e)).add(v2.lanewise(VectorOperators.LSHR, eight).mul(o));
      ShortVector p3 = c.add(v3.mul(e)).add(v3.lanewise(VectorOperators.LSHR, eight).mul(o));
      e = ShortVector.fromMemorySegment(SHORTS, q, even + k + STEP, ORDER);
      o = ShortVector.fromMemorySegment(SHORTS, q, odd + k + STEP, ORDER);
      v0 = ShortVector.fromMemorySegment(SHORTS, m0, at0 + k + STEP, ORDER);
      v1 = ShortVector.fromMemorySegment(SHORTS, m1, at1 + k + STEP, ORDER);
      v2 = ShortVector.fromMemorySegment(SHORTS, m2, at2 + k + STEP, ORDER);
      v3 = ShortVector.fromMemorySegment(SHORTS, m3, at3 + k + STEP, ORDER);
      p0 = p0.add(v0.mul(e)).add(v0.lanewise(VectorOperators.LSHR, eight).mul(o));
      p1 = p1.add(v1.mul(e)).add(v1.lanewise(VectorOperators.LSHR, eight).mul(o));
      p2 = p2.add(v2.mul(e)).add(v2.lanewise(VectorOperators.LSHR, eight).mul(o));
      p3 = p3.add(v3.mul(e)).add(v3.lanewise(VectorOperators.LSHR, eight).mul(o));
      IntVector i0 = p0.reinterpretAsInts();
      IntVector i1 = p1.reinterpretAsInts();
      IntVector i2 = p2.reinterpretAsInts();
      IntVector i3 = p3.reinterpretAsInts();
      s0 = s0.add(i0.and(low)).add(i0.lanewise(VectorOperators.LSHR, 16));
      s1 = s1.add(i1.and(low)).add(i1.lanewise(VectorOperators.LSHR, 16));
      s2 = s2.add(i2.and(low)).add(i2.lanewise(VectorOperators.LSHR, 16));
      s3 = s3.add(i3.and(low)).add(i3.lanewise(VectorOperators.LSHR, 16));
    }
    int bias = codes << 13; // 2^15 for each lane of four codes
    results.set(INT, to, s0.reduceLanes(VectorOperators.ADD) - bias);
    results.set(INT, to + 4, s1.reduceLanes(VectorOperators.ADD) - bias);
    results.set(INT, to + 8, s2.reduceLanes(VectorOperators.ADD) - bias);
    results.set(INT, to + 12, s3.reduceLanes(VectorOperators.ADD) - bias);
  }

  /** Adds what whole groups leave over, in groups of 32 bytes. */
  private void codeDotOfRest(
      int query, int row0, int row1, int row2, int row3, int codes, int out, long step, int eight) {
    MemorySegment q = memory.segment(query);
    MemorySegment m0 = memory.segment(row0);
    MemorySegment m1 = memory.segment(row1);
    MemorySegment m2 = memory.segment(row2);
    MemorySegment m3 = memory.segment(row3);
    MemorySegment results = memory.segment(out);
    long even = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    long odd = even + codes;
    long base = odd + codes;
    long at0 = SegmentMemory.offset(row0);
    long at1 = SegmentMemory.offset(row1);
    long at2 = SegmentMemory.offset(row2);
    long at3 = SegmentMemory.offset(row3);
    long to = SegmentMemory.offset(out);
    IntVector low = IntVector.broadcast(INTS_4, 0xffff);
    IntVector s0 = IntVector.zero(INTS_4);
    IntVector s1 = IntVector.zero(INTS_4);
    IntVector s2 = IntVector.zero(INTS_4);
    IntVector s3 = IntVector.zero(INTS_4);
    for (long k = codes & -2 * STEP; k <= codes - step; k += step) {
      ShortVector e = ShortVector.fromMemorySegment(SHORTS_8, q, even + k, ORDER);
      ShortVector o = ShortVector.fromMemorySegment(SHORTS_8, q, odd + k, ORDER);
      ShortVector c = ShortVector.fromMemorySegment(SHORTS_8, q, base + k, ORDER);
      ShortVector v0 = ShortVector.fromMemorySegment(SHORTS_8, m0, at0 + k, ORDER);
      ShortVector v1 = ShortVector.fromMemorySegment(SHORTS_8, m1, at1 + k, ORDER);
      ShortVector v2 = ShortVector.fromMemorySegment(SHORTS_8, m2, at2 + k, ORDER);
      ShortVector v3 = ShortVector.fromMemorySegment(SHORTS_8, m3, at3 + k, ORDER);
      ShortVector p0 = c.add(v0.mul(e)).add(v0.lanewise(VectorOperators.LSHR, eight).mul(o));
      ShortVector p1 = c.add(v1.mul(e)).add(v1.lanewise(VectorOperators.LSHR, eight).mul(o));
      ShortVector p2 = c.add(v2.mul(e)).add(v2.lanewise(VectorOperators.LSHR, eight).mul(o));
      ShortVector p3 = c.add(v3.mul(e)).add(v3.lanewise(VectorOperators.LSHR, eight).mul(o));
      e = ShortVector.fromMemorySegment(SHORTS_8, q, even + k + 16, ORDER);
      o = ShortVector.fromMemorySegment(SHORTS_8, q, odd + k + 16, ORDER);
      v0 = ShortVector.fromMemorySegment(SHORTS_8, m0, at0 + k + 16, ORDER);
      v1 = ShortVector.fromMemorySegment(SHORTS_8, m1, at1 + k + 16, ORDER);
      v2 = ShortVector.fromMemorySegment(SHORTS_8, m2, at2 + k + 16, ORDER);
      v3 = ShortVector.fromMemorySegment(SHORTS_8, m3, at3 + k + 16, ORDER);
      p0 = p0.add(v0.mul(e)).add(v0.lanewise(VectorOperators.LSHR, eight).mul(o));
      p1 = p1.add(v1.mul(e)).add(v1.lanewise(VectorOperators.LSHR, eight).mul(o));
      p2 = p2.add(v2.mul(e)).add(v2.lanewise(VectorOperators.LSHR, eight).mul(o));
      p3 = p3.add(v3.mul(e)).add(v3.lanewise(VectorOperators.LSHR, eight).mul(o));
      IntVector i0 = p0.reinterpretAsInts();
      IntVector i1 = p1.reinterpretAsInts();
      IntVector i2 = p2.reinterpretAsInts();
      IntVector i3 = p3.reinterpretAsInts();
      s0 = s0.add(i0.and(low)).add(i0.lanewise(VectorOperators.LSHR, 16));
      s1 = s1.add(i1.and(low)).add(i1.lanewise(VectorOperators.LSHR, 16));
      s2 = s2.add(i2.and(low)).add(i2.lanewise(VectorOperators.LSHR, 16));
      s3 = s3.add(i3.and(low)).add(i3.lanewise(VectorOperators.LSHR, 16));
    }
    results.set(INT, to, results.get(INT, to) + s0.reduceLanes(VectorOperators.ADD));
    results.set(INT, to + 4, results.get(INT, to + 4) + s1.reduceLanes(VectorOperators.ADD));
    results.set(INT, to + 8, results.get(INT, to + 8) + s2.reduceLanes(VectorOperators.ADD));
    results.set(INT, to + 12, results.get(INT, to + 12) + s3.reduceLanes(VectorOperators.ADD));
  }

  @Override
  public void codeDotBatch4(int query, int rows, int n, int codes, int out) {
    if (memory.getInt(query) != CodeQuery.OF_4) {
      prepare4(query, codes);
    }
    int last = n - 1;
    for (int i = 0; i < n; i += 4) {
      int row0 = memory.getInt(rows + (i << 2));
      int row1 = memory.getInt(rows + (Math.min(i + 1, last) << 2));
      int row2 = memory.getInt(rows + (Math.min(i + 2, last) << 2));
      int row3 = memory.getInt(rows + (Math.min(i + 3, last) << 2));
      int to = out + (i << 2);
      codeDot4(query, row0, row1, row2, row3, codes, to, STEP);
      if ((codes >> 1 & STEP - 1) != 0) {
        codeDot4OfRest(query, row0, row1, row2, row3, codes, to, 16);
      }
    }
  }

  private void prepare4(int query, int codes) {
    MemorySegment q = memory.segment(query);
    long from = SegmentMemory.offset(query) + CodeQuery.plain(codes);
    long bytes = codes >> 1;
    long factor0 = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    long factor1 = factor0 + bytes;
    long factor2 = factor1 + bytes;
    long factor3 = factor2 + bytes;
    IntVector sum = IntVector.zero(INTS_4);
    for (long i = 0; i < bytes; i += 16) {
      ShortVector v = ShortVector.fromMemorySegment(SHORTS_8, q, from + 2 * i, ORDER);
      ShortVector w = ShortVector.fromMemorySegment(SHORTS_8, q, from + 2 * i + 16, ORDER);
      ShortVector q0 = v.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 8);
      ShortVector q1 = w.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 8);
      ShortVector q2 = v.lanewise(VectorOperators.ASHR, 8);
      ShortVector q3 = w.lanewise(VectorOperators.ASHR, 8);
      q0.intoMemorySegment(q, factor0 + i, ORDER);
      q1.sub(q0.lanewise(VectorOperators.LSHL, 4)).intoMemorySegment(q, factor1 + i, ORDER);
      q2.sub(q1.lanewise(VectorOperators.LSHL, 4)).intoMemorySegment(q, factor2 + i, ORDER);
      q3.sub(q2.lanewise(VectorOperators.LSHL, 4)).intoMemorySegment(q, factor3 + i, ORDER);
      IntVector all = q0.add(q1).add(q2.add(q3)).reinterpretAsInts();
      sum =
          sum.add(all.lanewise(VectorOperators.ASHR, 16))
              .add(all.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16));
    }
    // What every result is too large by: 8 for each code, 2^15 for each lane that is widened.
    int whole = (int) (bytes / STEP);
    int widened = (whole + 3 >> 2) * SHORTS.length() + (whole * STEP < bytes ? 8 : 0);
    memory.putInt(
        query + CodeQuery.BIAS,
        (MAX_CODE_4 + 1) * sum.reduceLanes(VectorOperators.ADD) + (widened << 15));
    memory.putInt(query, CodeQuery.OF_4);
  }

  /**
   * Dot products of four rows, over whole vectors.
   *
   * @param step bytes of a vector, unknown to the compiler as in {@link #codeDot}
   */
  private void codeDot4(
      int query, int row0, int row1, int row2, int row3, int codes, int out, long step) {
    MemorySegment q = memory.segment(query);
    MemorySegment m0 = memory.segment(row0);
    MemorySegment m1 = memory.segment(row1);
    MemorySegment m2 = memory.segment(row2);
    MemorySegment m3 = memory.segment(row3);
    MemorySegment results = memory.segment(out);
    long bytes = codes >> 1;
    long factor0 = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    long factor1 = factor0 + bytes;
    long factor2 = factor1 + bytes;
    long factor3 = factor2 + bytes;
    long at0 = SegmentMemory.offset(row0);
    long at1 = SegmentMemory.offset(row1);
    long at2 = SegmentMemory.offset(row2);
    long at3 = SegmentMemory.offset(row3);
    long to = SegmentMemory.offset(out);
    IntVector low = IntVector.broadcast(INTS, 0xffff);
    IntVector s0 = IntVector.zero(INTS);
    IntVector s1 = IntVector.zero(INTS);
    IntVector s2 = IntVector.zero(INTS);
    IntVector s3 = IntVector.zero(INTS);
    long k = 0;
    while (k <= bytes - step) {
      ShortVector p0 = ShortVector.broadcast(SHORTS, Short.MIN_VALUE);
      ShortVector p1 = p0;
      ShortVector p2 = p0;
      ShortVector p3 = p0;
      for (long end = Math.min(bytes, k + 4 * step); k <= end - step; k += step) {
        ShortVector f0 = ShortVector.fromMemorySegment(SHORTS, q, factor0 + k, ORDER);
        ShortVector f1 = ShortVector.fromMemorySegment(SHORTS, q, factor1 + k, ORDER);
        ShortVector f2 = ShortVector.fromMemorySegment(SHORTS, q, factor2 + k, ORDER);
        ShortVector f3 = ShortVector.fromMemorySegment(SHORTS, q, factor3 + k, ORDER);
        ShortVector v0 = ShortVector.fromMemorySegment(SHORTS, m0, at0 + k, ORDER);
        ShortVector v1 = ShortVector.fromMemorySegment(SHORTS, m1, at1 + k, ORDER);
        ShortVector v2 = ShortVector.fromMemorySegment(SHORTS, m2, at2 + k, ORDER);
        ShortVector v3 = ShortVector.fromMemorySegment(SHORTS, m3, at3 + k, ORDER);
        p0 =
            p0.add(v0.mul(f0).add(v0.lanewise(VectorOperators.LSHR, 4).mul(f1)))
                .add(
                    v0.lanewise(VectorOperators.LSHR, 8)
                        .mul(f2)
                        .add(v0.lanewise(VectorOperators.LSHR, 12).mul(f3)));
        p1 =
            p1.add(v1.mul(f0).add(v1.lanewise(VectorOperators.LSHR, 4).mul(f1)))
                .add(
                    v1.lanewise(VectorOperators.LSHR, 8)
                        .mul(f2)
                        .add(v1.lanewise(VectorOperators.LSHR, 12).mul(f3)));
        p2 =
            p2.add(v2.mul(f0).add(v2.lanewise(VectorOperators.LSHR, 4).mul(f1)))
                .add(
                    v2.lanewise(VectorOperators.LSHR, 8)
                        .mul(f2)
                        .add(v2.lanewise(VectorOperators.LSHR, 12).mul(f3)));
        p3 =
            p3.add(v3.mul(f0).add(v3.lanewise(VectorOperators.LSHR, 4).mul(f1)))
                .add(
                    v3.lanewise(VectorOperators.LSHR, 8)
                        .mul(f2)
                        .add(v3.lanewise(VectorOperators.LSHR, 12).mul(f3)));
      }
      IntVector i0 = p0.reinterpretAsInts();
      IntVector i1 = p1.reinterpretAsInts();
      IntVector i2 = p2.reinterpretAsInts();
      IntVector i3 = p3.reinterpretAsInts();
      s0 = s0.add(i0.and(low)).add(i0.lanewise(VectorOperators.LSHR, 16));
      s1 = s1.add(i1.and(low)).add(i1.lanewise(VectorOperators.LSHR, 16));
      s2 = s2.add(i2.and(low)).add(i2.lanewise(VectorOperators.LSHR, 16));
      s3 = s3.add(i3.and(low)).add(i3.lanewise(VectorOperators.LSHR, 16));
    }
    int bias = q.get(INT, SegmentMemory.offset(query) + CodeQuery.BIAS);
    results.set(INT, to, s0.reduceLanes(VectorOperators.ADD) - bias);
    results.set(INT, to + 4, s1.reduceLanes(VectorOperators.ADD) - bias);
    results.set(INT, to + 8, s2.reduceLanes(VectorOperators.ADD) - bias);
    results.set(INT, to + 12, s3.reduceLanes(VectorOperators.ADD) - bias);
  }

  /** Adds what whole vectors leave over, in vectors of 16 bytes. */
  private void codeDot4OfRest(
      int query, int row0, int row1, int row2, int row3, int codes, int out, long step) {
    MemorySegment q = memory.segment(query);
    MemorySegment m0 = memory.segment(row0);
    MemorySegment m1 = memory.segment(row1);
    MemorySegment m2 = memory.segment(row2);
    MemorySegment m3 = memory.segment(row3);
    MemorySegment results = memory.segment(out);
    long bytes = codes >> 1;
    long factor0 = SegmentMemory.offset(query) + CodeQuery.PREPARED;
    long factor1 = factor0 + bytes;
    long factor2 = factor1 + bytes;
    long factor3 = factor2 + bytes;
    long at0 = SegmentMemory.offset(row0);
    long at1 = SegmentMemory.offset(row1);
    long at2 = SegmentMemory.offset(row2);
    long at3 = SegmentMemory.offset(row3);
    long to = SegmentMemory.offset(out);
    IntVector low = IntVector.broadcast(INTS_4, 0xffff);
    IntVector s0 = IntVector.zero(INTS_4);
    IntVector s1 = IntVector.zero(INTS_4);
    IntVector s2 = IntVector.zero(INTS_4);
    IntVector s3 = IntVector.zero(INTS_4);
    long k = bytes & -STEP;
    while (k <= bytes - step) {
      ShortVector p0 = ShortVector.broadcast(SHORTS_8, Short.MIN_VALUE);
      ShortVector p1 = p0;
      ShortVector p2 = p0;
      ShortVector p3 = p0;
      for (long end = Math.min(bytes, k + 4 * step); k <= end - step; k += step) {
        ShortVector f0 = ShortVector.fromMemorySegment(SHORTS_8, q, factor0 + k, ORDER);
        ShortVector f1 = ShortVector.fromMemorySegment(SHORTS_8, q, factor1 + k, ORDER);
        ShortVector f2 = ShortVector.fromMemorySegment(SHORTS_8, q, factor2 + k, ORDER);
        ShortVector f3 = ShortVector.fromMemorySegment(SHORTS_8, q, factor3 + k, ORDER);
        ShortVector v0 = ShortVector.fromMemorySegment(SHORTS_8, m0, at0 + k, ORDER);
        ShortVector v1 = ShortVector.fromMemorySegment(SHORTS_8, m1, at1 + k, ORDER);
        ShortVector v2 = ShortVector.fromMemorySegment(SHORTS_8, m2, at2 + k, ORDER);
        ShortVector v3 = ShortVector.fromMemorySegment(SHORTS_8, m3, at3 + k, ORDER);
        p0 =
            p0.add(v0.mul(f0).add(v0.lanewise(VectorOperators.LSHR, 4).mul(f1)))
                .add(
                    v0.lanewise(VectorOperators.LSHR, 8)
                        .mul(f2)
                        .add(v0.lanewise(VectorOperators.LSHR, 12).mul(f3)));
        p1 =
            p1.add(v1.mul(f0).add(v1.lanewise(VectorOperators.LSHR, 4).mul(f1)))
                .add(
                    v1.lanewise(VectorOperators.LSHR, 8)
                        .mul(f2)
                        .add(v1.lanewise(VectorOperators.LSHR, 12).mul(f3)));
        p2 =
            p2.add(v2.mul(f0).add(v2.lanewise(VectorOperators.LSHR, 4).mul(f1)))
                .add(
                    v2.lanewise(VectorOperators.LSHR, 8)
                        .mul(f2)
                        .add(v2.lanewise(VectorOperators.LSHR, 12).mul(f3)));
        p3 =
            p3.add(v3.mul(f0).add(v3.lanewise(VectorOperators.LSHR, 4).mul(f1)))
                .add(
                    v3.lanewise(VectorOperators.LSHR, 8)
                        .mul(f2)
                        .add(v3.lanewise(VectorOperators.LSHR, 12).mul(f3)));
      }
      IntVector i0 = p0.reinterpretAsInts();
      IntVector i1 = p1.reinterpretAsInts();
      IntVector i2 = p2.reinterpretAsInts();
      IntVector i3 = p3.reinterpretAsInts();
      s0 = s0.add(i0.and(low)).add(i0.lanewise(VectorOperators.LSHR, 16));
      s1 = s1.add(i1.and(low)).add(i1.lanewise(VectorOperators.LSHR, 16));
      s2 = s2.add(i2.and(low)).add(i2.lanewise(VectorOperators.LSHR, 16));
      s3 = s3.add(i3.and(low)).add(i3.lanewise(VectorOperators.LSHR, 16));
    }
    results.set(INT, to, results.get(INT, to) + s0.reduceLanes(VectorOperators.ADD));
    results.set(INT, to + 4, results.get(INT, to + 4) + s1.reduceLanes(VectorOperators.ADD));
    results.set(INT, to + 8, results.get(INT, to + 8) + s2.reduceLanes(VectorOperators.ADD));
    results.set(INT, to + 12, results.get(INT, to + 12) + s3.reduceLanes(VectorOperators.ADD));
  }
}
