package dev.deltavec.jvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.memory.ScalarKernels;
import dev.deltavec.core.support.Generator;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests of kernels on codes: against the reference, bit for bit. */
abstract class CodeKernels {
  abstract Kernels kernels(SegmentMemory memory);

  private static final int[] DIMENSIONS = {1, 15, 16, 17, 31, 33, 100, 160, 224, 300, 384, 1536};
  private static final int MARK = 0x5a5a5a5a;
  private static final int ROWS = 41;

  /** Kinds of rows: what is usual, and what is not. */
  private enum Kind {
    NORMAL,
    ZERO,
    NEGATIVE_ZERO,
    OUTLIER,
    TWO_OUTLIERS,
    HALVES,
    HUGE,
    ONE_HUGE,
    LARGEST,
    TINY,
    LEAST,
    BELOW_LEAST,
    DENORMAL,
    EQUAL;

    float value(int i, Generator random) {
      return switch (this) {
        case NORMAL -> random.gauss();
        case ZERO -> 0;
        case NEGATIVE_ZERO -> -0f;
        case OUTLIER -> i == 0 ? -30 : random.gauss() * 0.1f;
        case TWO_OUTLIERS -> i < 2 ? 4 : random.gauss();
        case HALVES -> i == 0 ? 63.5f : random.below(255) * 0.5f - 63.5f;
        case HUGE -> random.gauss() * 1e30f;
        case ONE_HUGE -> i == 7 ? 1e30f : random.gauss();
        case LARGEST -> random.chance(50) ? Float.MAX_VALUE : -Float.MAX_VALUE;
        case TINY -> random.gauss() * 1e-30f;
        case LEAST -> random.unit() < 0 ? 1 / Kernels.CODE_RANGE : -0.5f / Kernels.CODE_RANGE;
        case BELOW_LEAST -> Math.nextDown(1 / Kernels.CODE_RANGE);
        case DENORMAL -> Float.intBitsToFloat(random.below(1 << 23));
        case EQUAL -> -0.7f;
      };
    }
  }

  /** Memory whose regions lie in two banks or more, with both kernels. */
  private final class Fixture implements AutoCloseable {
    final SegmentMemory memory;
    final Kernels reference;
    final Kernels kernels;
    final Generator random;
    final int dimensions;
    final int floats;
    final int codes;
    final int row;
    final int center;
    final int list;
    final int expected;
    final int actual;
    final int expectedQuery;
    final int actualQuery;
    final int[] rows = new int[ROWS];

    Fixture(int bank, int dimensions) {
      this.dimensions = dimensions;
      floats = dimensions + 15 & -16;
      codes = floats + 31 & -32;
      memory = new SegmentMemory(SegmentMemory.MAX_BYTES, bank, 1 << 20);
      reference = new ScalarKernels(memory);
      kernels = kernels(memory);
      random = new Generator(dimensions);
      // A bank holds 15 regions.
      row = region();
      list = region();
      center = region();
      expected = region();
      expectedQuery = region();
      for (int i = 0; i < ROWS; i++) {
        rows[i] = i % 3 == 0 ? region() : rows[i - 1] + 16 * 128;
      }
      actual = region();
      actualQuery = region();
      assertThat(memory.segment(actual)).isNotSameAs(memory.segment(row));
    }

    private int region() {
      int region = memory.allocate(Memory.REGION_UNIT);
      assertThat(region).isNotZero();
      return region;
    }

    void fill(Kind kind, boolean centered) {
      for (int i = 0; i < floats; i++) {
        memory.putFloat(row + 4 * i, i < dimensions ? kind.value(i, random) : 0);
        memory.putFloat(center + 4 * i, centered && i < dimensions ? random.gauss() * 0.25f : 0);
      }
    }

    /** Marks where results will be. */
    void mark() {
      for (int i = 0; i < 4096; i += 4) {
        memory.putInt(expected + i, MARK);
        memory.putInt(actual + i, MARK);
      }
    }

    byte[] bytes(int address, int n) {
      byte[] bytes = new byte[n];
      memory.getBytes(address, bytes, n);
      return bytes;
    }

    int[] ints(int address, int n) {
      return IntStream.range(0, n).map(i -> memory.getInt(address + 4 * i)).toArray();
    }

    /** Compares what was encoded: scale and squares at 0, codes from 64 on and what is behind. */
    void assertSameCodes(Kind kind, float factor) {
      assertThat(ints(actual, 2))
          .as("scale and squares, %s, factor %s", kind, factor)
          .isEqualTo(ints(expected, 2));
      assertThat(bytes(actual + 64, codes + 64))
          .as("codes, %s, factor %s", kind, factor)
          .isEqualTo(bytes(expected + 64, codes + 64));
    }

    /** Fills the rows with random codes, the last ones with extreme ones. */
    void fillRows(boolean fourBits) {
      for (int r = 0; r < ROWS; r++) {
        memory.putInt(list + 4 * r, rows[r]);
        for (int i = 0; i < (fourBits ? codes / 2 : codes); i++) {
          memory.putByte(rows[r] + i, (byte) (fourBits ? code4(r) : code(r)));
        }
      }
    }

    private int code(int r) {
      return switch (r) {
        case 0 -> 1;
        case 1 -> 127;
        case 2 -> 64;
        default -> 1 + random.below(127);
      };
    }

    private int code4(int r) {
      return switch (r) {
        case 0 -> 0x11;
        case 1 -> 0xff;
        case 2 -> 0x88;
        default -> 1 + random.below(15) | 1 + random.below(15) << 4;
      };
    }

    /** Compares the dot products of both prepared queries with batches of these sizes. */
    void assertSameDots(boolean fourBits, String what, IntStream sizes) {
      fillRows(fourBits);
      for (int n : sizes.toArray()) {
        mark();
        if (fourBits) {
          reference.codeDotBatch4(expectedQuery, list, n, codes, expected);
          kernels.codeDotBatch4(actualQuery, list, n, codes, actual);
        } else {
          reference.codeDotBatch(expectedQuery, list, n, codes, expected);
          kernels.codeDotBatch(actualQuery, list, n, codes, actual);
        }
        assertThat(ints(actual, n))
            .as("%s, %d rows of %d bits", what, n, fourBits ? 4 : 8)
            .isEqualTo(ints(expected, n));
        assertThat(memory.getInt(actual + 4 * n + 12)).isEqualTo(MARK);
      }
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  static Stream<Arguments> shapes() {
    return Stream.of(0, 1)
        .flatMap(bank ->
            Arrays.stream(DIMENSIONS).mapToObj(dimensions -> Arguments.of(bank, dimensions)));
  }

  private static final float[] FACTORS = {1, 0.3f, -1.7f, 1e-5f};

  @ParameterizedTest
  @MethodSource("shapes")
  void encodesAsTheReference(int bank, int dimensions) {
    try (Fixture f = new Fixture(bank, dimensions)) {
      for (Kind kind : Kind.values()) {
        for (float factor : FACTORS) {
          f.fill(kind, factor == FACTORS[1]);
          f.mark();
          f.reference.encode(f.row, factor, f.center, f.floats, f.expected + 64, f.expected);
          f.kernels.encode(f.row, factor, f.center, f.floats, f.actual + 64, f.actual);
          f.assertSameCodes(kind, factor);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void encodes4BitsAsTheReference(int bank, int dimensions) {
    try (Fixture f = new Fixture(bank, dimensions)) {
      for (Kind kind : Kind.values()) {
        for (float factor : FACTORS) {
          f.fill(kind, factor == FACTORS[1]);
          f.mark();
          f.reference.encode4(
              f.row, factor, f.center, f.floats, dimensions, f.expected + 64, f.expected);
          f.kernels.encode4(f.row, factor, f.center, f.floats, dimensions, f.actual + 64, f.actual);
          f.assertSameCodes(kind, factor);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void queriesOfFloatsMeetRowsAsTheReference(int bank, int dimensions) {
    try (Fixture f = new Fixture(bank, dimensions)) {
      for (Kind kind : Kind.values()) {
        f.fill(kind, kind == Kind.NORMAL);
        f.mark();
        f.reference.encodeQuery(f.row, 0.3f, f.center, f.floats, f.expectedQuery, f.expected);
        f.kernels.encodeQuery(f.row, 0.3f, f.center, f.floats, f.actualQuery, f.actual);
        f.assertSameCodes(kind, 0.3f);
        IntStream sizes = kind == Kind.NORMAL ? IntStream.rangeClosed(0, 40) : IntStream.of(5);
        f.assertSameDots(false, kind.name(), sizes);
        f.assertSameDots(true, kind.name(), IntStream.of(1, 2, 40));
        f.assertSameDots(false, kind + " once more", IntStream.of(3));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void queriesOfCodesMeetRowsAsTheReference(int bank, int dimensions) {
    try (Fixture f = new Fixture(bank, dimensions)) {
      for (int row = 0; row < 6; row++) {
        for (boolean fourBits : new boolean[] {false, true}) {
          f.fillRows(fourBits);
          if (fourBits) {
            f.reference.queryOfCodes4(f.rows[row], f.codes, f.expectedQuery);
            f.kernels.queryOfCodes4(f.rows[row], f.codes, f.actualQuery);
          } else {
            f.reference.queryOfCodes(f.rows[row], f.codes, f.expectedQuery);
            f.kernels.queryOfCodes(f.rows[row], f.codes, f.actualQuery);
          }
          f.assertSameDots(
              fourBits, "row " + row, row == 3 ? IntStream.rangeClosed(0, 40) : IntStream.of(8));
          f.assertSameDots(!fourBits, "row " + row, IntStream.of(1));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void aPreparedQueryKeepsToItsBytes(int bank, int dimensions) {
    try (Fixture f = new Fixture(bank, dimensions)) {
      f.fill(Kind.NORMAL, false);
      int end = f.actualQuery + Kernels.queryBytes(f.codes);
      f.memory.putInt(end, MARK);
      f.kernels.encodeQuery(f.row, 1, f.center, f.floats, f.actualQuery, f.actual);
      f.fillRows(false);
      f.kernels.codeDotBatch(f.actualQuery, f.list, 5, f.codes, f.actual);
      f.kernels.codeDotBatch4(f.actualQuery, f.list, 5, f.codes, f.actual);
      assertThat(f.memory.getInt(end)).isEqualTo(MARK);
    }
  }

  /** The signs of the query, of the rows. */
  static Stream<Arguments> signs() {
    return Stream.of(Arguments.of(1, 1), Arguments.of(1, -1), Arguments.of(-1, 1));
  }

  @ParameterizedTest
  @MethodSource("signs")
  void theLongestRowsOfTheLargestCodesAreExact(int ofQuery, int ofRows) {
    int most = 65_536;
    try (SegmentMemory memory = new SegmentMemory()) {
      Kernels kernels = kernels(memory);
      int row = memory.allocate(4 * most);
      int center = memory.allocate(4 * most);
      int codes = memory.allocate(most);
      int query = memory.allocate(5 * most);
      int out = memory.allocate(Memory.REGION_UNIT);
      float[] values = new float[most];
      Arrays.fill(values, ofQuery);
      memory.putFloats(row, values);
      kernels.encodeQuery(row, 1, center, most, query, out);
      assertThat(memory.getInt(out + 4)).isEqualTo(most * 127 * 127);
      Arrays.fill(values, ofRows);
      memory.putFloats(row, values);
      memory.putInt(out + 64, codes);

      kernels.encode(row, 1, center, most, codes, out);
      assertThat(memory.getInt(out + 4)).isEqualTo(most * 63 * 63);
      kernels.codeDotBatch(query, out + 64, 1, most, out);
      assertThat(memory.getInt(out)).isEqualTo(ofQuery * ofRows * most * 127 * 63);

      kernels.encode4(row, 1, center, most, most, codes, out);
      assertThat(memory.getInt(out + 4)).isEqualTo(most * 7 * 7);
      kernels.codeDotBatch4(query, out + 64, 1, most, out);
      assertThat(memory.getInt(out)).isEqualTo(ofQuery * ofRows * most * 127 * 7);
    }
  }
}
