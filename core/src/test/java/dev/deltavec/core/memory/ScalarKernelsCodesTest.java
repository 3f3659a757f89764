package dev.deltavec.core.memory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.support.ArrayMemory;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The reference for codes, against examples worked out by hand. */
class ScalarKernelsCodesTest {
  private static final int MOST = 1 << 16;

  private final ArrayMemory memory = new ArrayMemory();
  private final Kernels kernels = new ScalarKernels(memory);
  private final int row = memory.allocate(4 * MOST);
  private final int center = memory.allocate(4 * MOST);
  private final int codes = memory.allocate(2 * MOST);
  private final int query = memory.allocate(5 * MOST);
  private final int out = memory.allocate(MOST);

  /** Encodes floats padded to 16, times a factor, minus the center. */
  private int[] encoded(float factor, float... values) {
    int floats = write(values);
    kernels.encode(row, factor, center, floats, codes, out);
    return bytes(codes, floats + 31 & -32);
  }

  private int[] encoded4(int dimensions, float... values) {
    int floats = write(values);
    kernels.encode4(row, 1, center, floats, dimensions, codes, out);
    return bytes(codes, (floats + 31 & -32) >> 1);
  }

  private int write(float[] values) {
    int floats = values.length + 15 & -16;
    memory.clear(row, 4 * floats);
    for (int i = 0; i < values.length; i++) {
      memory.putFloat(row + 4 * i, values[i]);
    }
    for (int i = 0; i < floats + 32; i++) {
      memory.putByte(codes + i, (byte) 0x33); // what was there must not matter
    }
    return floats;
  }

  private int[] bytes(int address, int n) {
    int[] bytes = new int[n];
    for (int i = 0; i < n; i++) {
      bytes[i] = memory.getByte(address + i) & 255;
    }
    return bytes;
  }

  private float scale() {
    return memory.getFloat(out);
  }

  private int squares() {
    return memory.getInt(out + 4);
  }

  /** The given codes, then code 0 as the byte 64, to n in all. */
  private static int[] padded(int n, int... values) {
    int[] bytes = new int[n];
    for (int i = 0; i < n; i++) {
      bytes[i] = 64 + (i < values.length ? values[i] : 0);
    }
    return bytes;
  }

  private static int[] nibbles(int... values) {
    int[] bytes = new int[values.length >> 1];
    for (int i = 0; i < values.length; i++) {
      bytes[i / 32 * 16 + i % 16] |= values[i] + 8 << (i % 32 < 16 ? 0 : 4);
    }
    return bytes;
  }

  // ---------------------------------------------------------------- 8 bits

  @Test
  void roundsHalvesToTheEvenCode() {
    assertThat(encoded(1, 63, -63, 0.5f, 1.5f, 2.5f, 61.5f, 62.5f, -0.5f, -1.5f, -2.5f))
        .isEqualTo(padded(32, 63, -63, 0, 2, 2, 62, 62, 0, -2, -2));
    assertThat(scale()).isEqualTo(1);
    assertThat(squares()).isEqualTo(2 * 63 * 63 + 2 * 62 * 62 + 4 * 4);
  }

  @Test
  void theLargestMagnitudeTakesTheLargestCode() {
    assertThat(encoded(1, 0.25f, -3, 1)).isEqualTo(padded(32, 5, -63, 21));
    assertThat(scale()).isEqualTo(3f / 63);
    assertThat(squares()).isEqualTo(25 + 63 * 63 + 21 * 21);
  }

  @Test
  void multipliesThenSubtractsTheCenter() {
    memory.putFloat(center, 1);
    memory.putFloat(center + 8, 4);
    assertThat(encoded(0.5f, 4, 2, 4)).isEqualTo(padded(32, 32, 32, -63));
    assertThat(scale()).isEqualTo(2f / 63);
  }

  @Test
  void roundsTheProductBeforeItSubtracts() {
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24, of which a float keeps all but the last.
    memory.putFloat(center, 1 + 0x1p-11f);
    assertThat(encoded(1 + 0x1p-12f, 1 + 0x1p-12f)).isEqualTo(padded(32));
    assertThat(scale()).isZero();
  }

  @Test
  void codesArePaddedToWholeBlocks() {
    float[] values = new float[33];
    Arrays.fill(values, -1);
    int[] expected = padded(64);
    Arrays.fill(expected, 0, 33, 1);
    assertThat(encoded(1, values)).isEqualTo(expected);
    assertThat(memory.getByte(codes + 64)).isEqualTo((byte) 0x33);
    assertThat(squares()).isEqualTo(33 * 63 * 63);
  }

  @Test
  void aRowOfNegligibleValuesIsZero() {
    float below = Math.nextDown(0x1p-52f);
    assertThat(encoded(1, below, -below, Float.MIN_VALUE)).isEqualTo(padded(32));
    assertThat(scale()).isZero();
    assertThat(squares()).isZero();
  }

  @Test
  void theSmallestValueThatCountsIsTheInverseOfTheRange() {
    assertThat(encoded(1, 0x1p-52f, 0x1p-53f)).isEqualTo(padded(32, 63, 32));
    assertThat(scale()).isEqualTo(0x1p-52f / 63);
  }

  @Test
  void clampsToTheRange() {
    // The second product is infinite.
    assertThat(encoded(2, 1e30f, -Float.MAX_VALUE, 0x1p50f)).isEqualTo(padded(32, 63, -63, 32));
    assertThat(scale()).isEqualTo(0x1p52f / 63);
  }

  // ---------------------------------------------------------------- 4 bits

  @Test
  void packsTheHalvesOfABlockInOneByte() {
    float[] values = new float[64];
    int[] codes4 = new int[64];
    for (int i = 0; i < 64; i++) {
      codes4[i] = i % 15 - 7;
      values[i] = codes4[i] * 0.5f;
    }
    int[] bytes = encoded4(64, values);
    assertThat(bytes).isEqualTo(nibbles(codes4));
    assertThat(bytes[0]).isEqualTo(-7 + 8 | 16 % 15 - 7 + 8 << 4);
    assertThat(bytes[31]).isEqualTo(47 % 15 - 7 + 8 | 63 % 15 - 7 + 8 << 4);
    assertThat(scale()).isEqualTo(0.5f);
    assertThat(squares()).isEqualTo(Arrays.stream(codes4).map(v -> v * v).sum());
  }

  @Test
  void roundsHalvesToTheEvenCodeOf4Bits() {
    int[] expected = new int[32];
    System.arraycopy(new int[] {7, -7, 0, 2, 2, 6, 6, 0, -2}, 0, expected, 0, 9);
    assertThat(encoded4(9, 7, -7, 0.5f, 1.5f, 2.5f, 5.5f, 6.5f, -0.5f, -1.5f))
        .isEqualTo(nibbles(expected));
    assertThat(scale()).isEqualTo(1);
    assertThat(squares()).isEqualTo(2 * 49 + 2 * 36 + 3 * 4);
  }

  @Test
  void clipsAnOutlierWhereThatCostsLess() {
    // Mean square (9 + 16 * 0.5625) / 18 = 1. To 2.7: 0.3^2 + 16 * 0.0214^2; to 3: 16 * 0.107^2.
    float[] values = new float[18];
    int[] expected = new int[32];
    Arrays.fill(values, 0, 16, 0.75f);
    Arrays.fill(expected, 0, 16, 2);
    values[16] = -3;
    expected[16] = -7;
    assertThat(encoded4(18, values)).isEqualTo(nibbles(expected));
    assertThat(scale()).isEqualTo(2.7f / 7);
    assertThat(squares()).isEqualTo(16 * 4 + 49);
  }

  @Test
  void keepsAnOutlierWhereClippingCostsMore() {
    // Mean square (25 + 39) / 64 = 1. To 2.7: 2.3^2 + 39 * 0.157^2; to 5: 39 * 0.286^2.
    float[] values = new float[64];
    int[] expected = new int[64];
    Arrays.fill(values, 0, 39, -1);
    Arrays.fill(expected, 0, 39, -1);
    values[63] = 5;
    expected[63] = 7;
    assertThat(encoded4(64, values)).isEqualTo(nibbles(expected));
    assertThat(scale()).isEqualTo(5f / 7);
    assertThat(squares()).isEqualTo(39 + 49);
  }

  @Test
  void aHalfBlockOf4BitsIsPaddedWithZero() {
    int[] expected = new int[16];
    Arrays.fill(expected, 0x88);
    expected[0] = 0x8f;
    assertThat(encoded4(1, 1)).isEqualTo(expected);
    assertThat(memory.getByte(codes + 16)).isEqualTo((byte) 0x33);
  }

  @Test
  void aRowOfNegligibleValuesIsZeroIn4Bits() {
    int[] expected = new int[16];
    Arrays.fill(expected, 0x88);
    assertThat(encoded4(2, Math.nextDown(0x1p-52f), -1e-30f)).isEqualTo(expected);
    assertThat(scale()).isZero();
    assertThat(squares()).isZero();
  }

  @Test
  void valuesWhoseSquaresAreInfiniteAreNotClipped() {
    float[] values = new float[65_536];
    Arrays.fill(values, 1e30f);
    assertThat(encoded4(65_536, values)).containsOnly(0xff);
    assertThat(scale()).isEqualTo(0x1p52f / 7);
    assertThat(squares()).isEqualTo(65_536 * 49);
  }

  // ---------------------------------------------------------------- queries

  /** Lists rows of codes of equal length; each given as codes, padded with 0. */
  private int list(int block, int[]... rows) {
    int list = codes + 1024;
    for (int i = 0; i < rows.length; i++) {
      int at = codes + i * block;
      memory.putInt(list + 4 * i, at);
      for (int j = 0; j < block; j++) {
        memory.putByte(at + j, (byte) rows[i][j]);
      }
    }
    return list;
  }

  private int[] results(int n) {
    int[] results = new int[n];
    for (int i = 0; i < n; i++) {
      results[i] = memory.getInt(out + 4 * i);
    }
    return results;
  }

  private void encodeQuery(float... values) {
    int floats = write(values);
    kernels.encodeQuery(row, 1, center, floats, query, out);
  }

  @Test
  void aQueryTakesEightBits() {
    encodeQuery(127, -127, 0.5f, 1.5f, -126.5f);
    assertThat(scale()).isEqualTo(1);
    assertThat(squares()).isEqualTo(2 * 127 * 127 + 4 + 126 * 126);
    int list =
        list(
            32,
            padded(32, 1),
            padded(32, 0, 1),
            padded(32, 0, 0, 63),
            padded(32, 0, 0, 0, -1),
            padded(32, 63, -63, 9, 5, -1));
    kernels.codeDotBatch(query, list, 5, 32, out);
    assertThat(results(5)).containsExactly(127, -127, 0, -2, 2 * 127 * 63 + 10 + 126);
  }

  @Test
  void aQueryMeetsRowsOf4Bits() {
    float[] values = new float[32];
    values[0] = 127;
    values[15] = 3;
    values[16] = -5;
    values[31] = 7;
    encodeQuery(values);
    int[] low = new int[32];
    low[0] = 1;
    int[] high = new int[32];
    high[16] = 2;
    int[] all = new int[32];
    Arrays.fill(all, -7);
    kernels.codeDotBatch4(query, list(16, nibbles(low), nibbles(high), nibbles(all)), 3, 32, out);
    assertThat(results(3)).containsExactly(127, -10, -7 * 132);
  }

  @Test
  void aQueryOfNegligibleValuesIsZero() {
    encodeQuery(1e-30f);
    assertThat(scale()).isZero();
    assertThat(squares()).isZero();
    int[] all = new int[32];
    Arrays.fill(all, 127);
    kernels.codeDotBatch(query, list(32, all), 1, 32, out);
    assertThat(results(1)).containsExactly(0);
  }

  @Test
  void codesBecomeAQueryWithoutLoss() {
    int list = list(32, padded(32, 63, -63, 1), padded(32, 2, 1, 62));
    kernels.queryOfCodes(codes, 32, query);
    kernels.codeDotBatch(query, list, 2, 32, out);
    assertThat(results(2)).containsExactly(2 * 63 * 63 + 1, 126 - 63 + 62);
  }

  @Test
  void codesOf4BitsBecomeAQueryWithoutLoss() {
    int[] first = new int[32];
    first[0] = 7;
    first[31] = -7;
    int[] second = new int[32];
    second[0] = -3;
    second[31] = 2;
    int list = list(16, nibbles(first), nibbles(second));
    kernels.queryOfCodes4(codes, 32, query);
    kernels.codeDotBatch4(query, list, 2, 32, out);
    assertThat(results(2)).containsExactly(98, -35);
  }

  @Test
  void theLargestProductsFit() {
    float[] values = new float[MOST];
    Arrays.fill(values, -1);
    assertThat(encoded(1, values)).containsOnly(1);
    encodeQuery(values);
    assertThat(squares()).isEqualTo(65_536 * 127 * 127);
    Arrays.fill(values, 1);
    encoded(1, values);
    memory.putInt(out + 64, codes);
    kernels.codeDotBatch(query, out + 64, 1, MOST, out);
    assertThat(results(1)).containsExactly(-65_536 * 127 * 63);
  }

  @Test
  void aBatchOfNoRowsWritesNothing() {
    memory.putInt(out, 77);
    kernels.codeDotBatch(query, codes, 0, 32, out);
    kernels.codeDotBatch4(query, codes, 0, 32, out);
    assertThat(results(1)).containsExactly(77);
  }
}
