package dev.deltavec.jvm;

import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.ScalarKernels;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
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
 * callers until some budget of the compiler is used up, with the same end.
 */
public final class VectorKernels implements Kernels {
  /** Rows are whole blocks of 16 floats, so no register may be wider than that. */
  private static final VectorShape SHAPE =
      VectorShape.preferredShape().vectorBitSize() <= BLOCK * Float.SIZE
          ? VectorShape.preferredShape()
          : VectorShape.S_512_BIT;

  private static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, SHAPE);
  private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, SHAPE);

  /** Floats in a register. */
  private static final int LANES = FLOATS.length();

  /** Bytes of a register. */
  private static final long STEP = LANES * 4L;

  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

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
  public void encode(int row, float factor, int center, int floats, int codes, int out) {
    scalar.encode(row, factor, center, floats, codes, out);
  }

  @Override
  public void encode4(
      int row, float factor, int center, int floats, int dimensions, int codes, int out) {
    scalar.encode4(row, factor, center, floats, dimensions, codes, out);
  }

  @Override
  public void encodeQuery(int row, float factor, int center, int floats, int query, int out) {
    scalar.encodeQuery(row, factor, center, floats, query, out);
  }

  @Override
  public void queryOfCodes(int row, int codes, int query) {
    scalar.queryOfCodes(row, codes, query);
  }

  @Override
  public void queryOfCodes4(int row, int codes, int query) {
    scalar.queryOfCodes4(row, codes, query);
  }

  @Override
  public void codeDotBatch(int query, int rows, int n, int codes, int out) {
    scalar.codeDotBatch(query, rows, n, codes, out);
  }

  @Override
  public void codeDotBatch4(int query, int rows, int n, int codes, int out) {
    scalar.codeDotBatch4(query, rows, n, codes, out);
  }
}
