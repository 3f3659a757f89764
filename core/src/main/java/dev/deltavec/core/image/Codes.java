package dev.deltavec.core.image;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;

/**
 * The vectors as codes of 8 or 4 bits, which the graph is built and walked on.
 *
 * <p>What is encoded is y: the vector divided by its length under cosine, else multiplied by a
 * power of two, the <i>unit</i>, that brings lengths to about 1. A row's codes v stand for {@code
 * center + scale * v}, with a scale for each row and one center for all (locally-adaptive vector
 * quantization, Aguerrebere et al., 2023, arXiv:2304.04759, section 3.1). So lengths may differ,
 * and what all vectors have in common, such as the few large dimensions of some models, costs no
 * precision. {@link #train} moves the center.
 *
 * <p>Besides its codes a row has two <i>terms</i>: the scale, and the part of its distances that
 * does not depend on what is compared with it (see {@link #offset}).
 */
public final class Codes {
  /** Bytes of a row's terms: scale and offset, floats. */
  static final int TERM_BYTES = 8;

  private static final int PAGE_TARGET_BYTES = 1 << 14;
  private static final int TERM_SHIFT = 10;

  /** Leaves a float its sign, exponent and 8 bits of mantissa. */
  private static final int SCALE_SHIFT = 15;

  /** How many rows the center is taken from. */
  private static final int SAMPLE = 1024;

  /** The center moves if that takes away this part of the rows' squared lengths. */
  private static final double WORTH = 0.05;

  private final Memory memory;
  private final Kernels kernels;
  private final int root;
  private final int dimensions;
  private final int stride;
  private final int count;
  private final int rowBytes;
  private final boolean four;
  private final boolean cosine;
  private final boolean dot;
  private final boolean centered;
  private final RecordPages rows;
  private final RecordPages terms;
  private final int center;
  private final int scratch;

  Codes(Heap heap, Kernels kernels, DatabaseOptions options, int root, int stride) {
    this.memory = heap.memory();
    this.kernels = kernels;
    this.root = root;
    this.stride = stride;
    dimensions = options.dimensions();
    count = stride + Kernels.CODE_BLOCK - 1 & -Kernels.CODE_BLOCK;
    four = options.quantization() == Quantization.INT4;
    rowBytes = four ? count >> 1 : count;
    cosine = options.metric() == Metric.COSINE;
    dot = options.metric() == Metric.DOT;
    centered = options.keepFloats();
    int shift =
        Math.min(
            TERM_SHIFT,
            31 - Integer.numberOfLeadingZeros(Math.max(1, PAGE_TARGET_BYTES / rowBytes)));
    rows = new RecordPages(heap, root + Image.CODE_PAGES, rowBytes, shift);
    terms = new RecordPages(heap, root + Image.TERM_PAGES, TERM_BYTES, TERM_SHIFT);
    int known = memory.getInt(root + Image.CENTER);
    center = known != 0 ? known : newCenter(heap);
    scratch = center + (stride << 2);
  }

  private int newCenter(Heap heap) {
    int made = heap.allocate((stride << 2) + 64);
    if (made == 0) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory for a database");
    }
    memory.clear(made, stride << 2);
    memory.putInt(root + Image.CENTER, made);
    return made;
  }

  void refresh() {
    rows.refresh();
    terms.refresh();
  }

  boolean ensure(int slot) {
    return rows.ensure(slot) && terms.ensure(slot);
  }

  /** Returns the bytes of the pages. */
  public long bytes() {
    return rows.bytes() + terms.bytes();
  }

  /** Returns the codes of a row with its padding, a multiple of {@link Kernels#CODE_BLOCK}. */
  public int count() {
    return count;
  }

  /** Returns the bytes of a row. */
  public int rowBytes() {
    return rowBytes;
  }

  /** Returns whether codes have 4 bits. */
  public boolean four() {
    return four;
  }

  /** Returns the address of a slot's codes. */
  public int row(int slot) {
    return rows.address(slot);
  }

  /** Writes the addresses of the codes of {@code n} slots; see {@link RecordPages#addresses}. */
  public void rows(int slots, int n, int to) {
    rows.addresses(slots, n, to);
  }

  /** Writes the addresses of the terms of {@code n} slots; see {@link RecordPages#addresses}. */
  public void terms(int slots, int n, int to) {
    terms.addresses(slots, n, to);
  }

  /** Returns the address of a slot's terms. */
  public int terms(int slot) {
    return terms.address(slot);
  }

  /** Returns what the codes of a slot are multiplied by. */
  public float scale(int slot) {
    return memory.getFloat(terms.address(slot));
  }

  /** Returns the address of the center, a row of floats. */
  public int center() {
    return center;
  }

  /** Returns the squared length of the center. */
  public float centerSquares() {
    return memory.getFloat(root + Image.CENTER_SQUARES);
  }

  /** Returns the power of two that vectors are multiplied by, 1 before the first one came. */
  public float unit() {
    float unit = memory.getFloat(root + Image.UNIT);
    return unit == 0 ? 1 : unit;
  }

  /** Returns the unit as the root has it, 0 before the first vector came. */
  public float storedUnit() {
    return memory.getFloat(root + Image.UNIT);
  }

  /**
   * Sets unit and center to those of a snapshot; {@link #encodeAll} is to follow.
   *
   * @param from address of the center's values
   * @return false if they are none
   */
  public boolean restore(float unit, float squares, int from) {
    int bits = Float.floatToRawIntBits(unit);
    if ((bits & 0x807fffff) != 0
        || !(unit <= Float.MAX_VALUE)
        || !(squares >= 0 && squares <= Float.MAX_VALUE)
        || !kernels.allFinite(from, dimensions)) {
      return false;
    }
    memory.copy(from, center, dimensions << 2);
    memory.putFloat(root + Image.UNIT, unit);
    memory.putFloat(root + Image.CENTER_SQUARES, squares);
    return true;
  }

  /**
   * Returns what a row is multiplied by before its center is taken away.
   *
   * @param inverse the row's inverse norm
   */
  public float factor(float inverse) {
    return cosine ? inverse : unit();
  }

  /**
   * Encodes a slot's vector.
   *
   * @param row its floats
   * @param inverse its inverse norm
   */
  void encode(int slot, int row, float inverse) {
    if (!cosine && memory.getFloat(root + Image.UNIT) == 0 && inverse != 0) {
      memory.putFloat(root + Image.UNIT, powerOfTwo(inverse));
    }
    float factor = factor(inverse);
    write(row, factor, rows.address(slot));
    float scale = memory.getFloat(scratch);
    int squares = memory.getInt(scratch + 4);
    memory.putFloat(terms.address(slot), scale);
    memory.putFloat(terms.address(slot) + 4, offset(row, factor, scale, squares));
  }

  /**
   * Encodes a slot's vector without a center, where the codes are all that is kept: they stand for
   * the values themselves.
   *
   * @return the scale of the values
   */
  float encodeValues(int slot, int row) {
    write(row, 1, rows.address(slot));
    float scale = memory.getFloat(scratch);
    int squares = memory.getInt(scratch + 4);
    float shown = cosine && squares != 0 ? (float) (1 / Math.sqrt(squares)) : scale;
    memory.putFloat(terms.address(slot), shown);
    memory.putFloat(terms.address(slot) + 4, dot ? 0 : half(shown, squares));
    return scale;
  }

  /**
   * Sets the terms of a row that {@link #encodeValues} made elsewhere.
   *
   * @param scale of the values
   * @return false if there is no such row
   */
  boolean restoreValues(int slot, float scale) {
    int most = four ? Kernels.MAX_CODE_4 : Kernels.MAX_CODE;
    int row = rows.address(slot);
    int squares = 0;
    for (int i = 0; i < rowBytes; i++) {
      int b = memory.getByte(row + i);
      int v = (four ? b & 15 : b) - most - 1;
      int w = four ? (b >> 4 & 15) - most - 1 : 0;
      if (v < -most || w < -most || v > most) {
        return false;
      }
      squares += v * v + w * w;
    }
    float shown = cosine && squares != 0 ? (float) (1 / Math.sqrt(squares)) : scale;
    memory.putFloat(terms.address(slot), shown);
    memory.putFloat(terms.address(slot) + 4, dot ? 0 : half(shown, squares));
    return scale >= 0 && scale <= Float.MAX_VALUE && (scale == 0) == (squares == 0);
  }

  private void write(int row, float factor, int to) {
    if (four) {
      kernels.encode4(row, factor, center, stride, dimensions, to, scratch);
    } else {
      kernels.encode(row, factor, center, stride, to, scratch);
    }
  }

  /** Decodes what {@link #encodeValues} made: {@code stride} floats to {@code row}. */
  void decodeValues(int codes, float scale, int row) {
    for (int i = 0; i < stride; i++) {
      int v;
      if (four) {
        int pair = memory.getByte(codes + (i >> 5 << 4) + (i & 15));
        v = ((i & 16) == 0 ? pair & 15 : pair >> 4 & 15) - (Kernels.MAX_CODE_4 + 1);
      } else {
        v = memory.getByte(codes + i) - (Kernels.MAX_CODE + 1);
      }
      memory.putFloat(row + (i << 2), v * scale);
    }
  }

  /**
   * Returns the part of a row's distances that is its own: half the squared length of what is
   * encoded, or for dot products minus its product with the center.
   *
   * @param squares the sum of the codes squared
   */
  public float offset(int row, float factor, float scale, int squares) {
    if (!dot) {
      return half(scale, squares);
    }
    float squared = centerSquares();
    return squared == 0 ? 0 : squared - factor * kernels.dot(center, row, stride);
  }

  private static float half(float scale, int squares) {
    return (float) (0.5 * scale * scale * squares);
  }

  private static float powerOfTwo(float x) {
    int exponent = Math.min(226, Math.max(28, Float.floatToRawIntBits(x) >>> 23)); // 2^-99 to 2^99
    return Float.intBitsToFloat(exponent << 23);
  }

  /**
   * Moves the center to the mean of the vectors, and the unit to their size, where that is worth
   * it; then every row is encoded anew. O(vectors x dimensions)
   *
   * @param image whose codes these are; a field of it would close a circle, and there are engines
   *     that never free what lies on one
   * @return whether the codes have changed
   */
  public boolean train(Image image) {
    if (!centered) {
      return false;
    }
    int limit = image.slotLimit();
    int step = Math.max(1, image.live() / SAMPLE);
    double[] sums = new double[dimensions];
    double squares = 0;
    double norms = 0;
    int n = 0;
    for (int slot = 0, skipped = 0; slot < limit; slot++) {
      if (!image.occupied(slot) || ++skipped % step != 0) {
        continue;
      }
      float inverse = memory.getFloat(image.norm(slot));
      if (inverse == 0) {
        continue;
      }
      norms += 1 / (double) inverse;
      double factor = factor(inverse);
      int row = image.vector(slot);
      for (int i = 0; i < dimensions; i++) {
        double y = memory.getFloat(row + (i << 2)) * factor;
        double d = y - memory.getFloat(center + (i << 2));
        sums[i] += y;
        squares += d * d;
      }
      n++;
    }
    if (n == 0) {
      return false;
    }
    float fitting = powerOfTwo((float) (n / norms));
    if (!cosine && (fitting > unit() * 1024 || fitting < unit() / 1024)) {
      memory.putFloat(root + Image.UNIT, fitting);
      memory.clear(center, stride << 2); // the next training finds it again
      memory.putFloat(root + Image.CENTER_SQUARES, 0);
      encodeAll(image);
      return true;
    }
    double moved = 0;
    for (int i = 0; i < dimensions; i++) {
      double d = sums[i] / n - memory.getFloat(center + (i << 2));
      moved += d * d;
    }
    if (!(moved > WORTH * squares / n)) {
      return false;
    }
    for (int i = 0; i < dimensions; i++) {
      memory.putFloat(center + (i << 2), (float) (sums[i] / n));
    }
    memory.putFloat(root + Image.CENTER_SQUARES, kernels.dot(center, center, stride));
    encodeAll(image);
    return true;
  }

  /**
   * Encodes all vectors. O(vectors x dimensions)
   *
   * @param image whose codes these are
   */
  public void encodeAll(Image image) {
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot++) {
      if (image.occupied(slot)) {
        encode(slot, image.vector(slot), memory.getFloat(image.norm(slot)));
      }
    }
  }

  /** Returns a hash of a slot's codes. O(bytes) */
  public int hash(int slot) {
    long h = 0x9E3779B97F4A7C15L;
    int row = rows.address(slot);
    for (int i = 0; i < rowBytes; i += 8) {
      h = (h ^ memory.getLong(row + i)) * 0x9FB21C651E98DF25L;
      h ^= h >>> 32;
    }
    return (int) h;
  }

  /** Returns whether two slots have the same codes, and scales of which the first 8 bits agree. */
  public boolean same(int a, int b) {
    // Cut off, not compared by difference, so that what two have in common a third has with both.
    if (memory.getInt(terms.address(a)) >>> SCALE_SHIFT
        != memory.getInt(terms.address(b)) >>> SCALE_SHIFT) {
      return false;
    }
    int rowA = rows.address(a);
    int rowB = rows.address(b);
    for (int i = 0; i < rowBytes; i += 8) {
      if (memory.getLong(rowA + i) != memory.getLong(rowB + i)) {
        return false;
      }
    }
    return true;
  }
}
