package dev.deltavec.jvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The kernels that the platform chooses, against sums in double. */
class KernelsTest {
  private static final int ROWS = 9;
  private static final int[] STRIDES = {16, 32, 48, 64, 80, 112, 384, 1008, 1536};

  /** Rows in one memory; what a bank of 1 MiB does not hold is in the next. */
  private static final class Fixture implements AutoCloseable {
    final SegmentMemory memory;
    final Kernels kernels;
    final int scratch;
    final int[] rows = new int[ROWS + 1];

    Fixture(int bank, int stride) {
      memory = new SegmentMemory(SegmentMemory.MAX_BYTES, bank, 1 << 20);
      kernels = Platform.kernels(memory);
      scratch = memory.allocate(Memory.REGION_UNIT);
      Random random = new Random(stride);
      for (int row = 0; row <= ROWS; row++) {
        int region = memory.allocate(Memory.REGION_UNIT * 2);
        assertThat(region).isNotZero();
        rows[row] = region + 64 * (row % 3);
        for (int i = 0; i < stride; i++) {
          memory.putFloat(rows[row] + 4 * i, (float) random.nextGaussian());
        }
      }
    }

    int query() {
      return rows[ROWS];
    }

    double dot(int a, int b, int stride) {
      double sum = 0;
      for (int i = 0; i < stride; i++) {
        sum += (double) memory.getFloat(a + 4 * i) * memory.getFloat(b + 4 * i);
      }
      return sum;
    }

    double squaredDistance(int a, int b, int stride) {
      double sum = 0;
      for (int i = 0; i < stride; i++) {
        double d = (double) memory.getFloat(a + 4 * i) - memory.getFloat(b + 4 * i);
        sum += d * d;
      }
      return sum;
    }

    /** What rounding may do to a sum of so many products of about 1. */
    static double slack(int stride) {
      return 1e-6 * stride;
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  static Stream<Arguments> strides() {
    return Stream.of(0, 2)
        .flatMap(bank -> Arrays.stream(STRIDES).mapToObj(stride -> Arguments.of(bank, stride)));
  }

  @ParameterizedTest
  @MethodSource("strides")
  void dotOfTwoRows(int bank, int stride) {
    try (Fixture f = new Fixture(bank, stride)) {
      for (int row : f.rows) {
        assertThat((double) f.kernels.dot(f.query(), row, stride))
            .isCloseTo(f.dot(f.query(), row, stride), within(stride));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("strides")
  void squaredDistanceOfTwoRows(int bank, int stride) {
    try (Fixture f = new Fixture(bank, stride)) {
      for (int row : f.rows) {
        assertThat((double) f.kernels.squaredDistance(f.query(), row, stride))
            .isCloseTo(f.squaredDistance(f.query(), row, stride), within(stride));
      }
      assertThat(f.kernels.squaredDistance(f.rows[1], f.rows[1], stride)).isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("strides")
  void dotProductsOfABatchOfAnySize(int bank, int stride) {
    try (Fixture f = new Fixture(bank, stride)) {
      for (int n = 0; n <= ROWS; n++) {
        int out = prepare(f, n);
        f.kernels.dotBatch(f.query(), f.scratch, n, stride, out);
        for (int i = 0; i < n; i++) {
          assertThat((double) f.memory.getFloat(out + 4 * i))
              .isCloseTo(f.dot(f.query(), f.rows[i], stride), within(stride));
        }
        assertThat(f.memory.getInt(out + 4 * n + 12)).isEqualTo(0x5a5a5a5a);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("strides")
  void squaredDistancesOfABatchOfAnySize(int bank, int stride) {
    try (Fixture f = new Fixture(bank, stride)) {
      for (int n = 0; n <= ROWS; n++) {
        int out = prepare(f, n);
        f.kernels.squaredDistanceBatch(f.query(), f.scratch, n, stride, out);
        for (int i = 0; i < n; i++) {
          assertThat((double) f.memory.getFloat(out + 4 * i))
              .isCloseTo(f.squaredDistance(f.query(), f.rows[i], stride), within(stride));
        }
        assertThat(f.memory.getInt(out + 4 * n + 12)).isEqualTo(0x5a5a5a5a);
      }
    }
  }

  /**
   * Lists n rows at the scratch; marks what lies behind the results and the three floats of grace.
   */
  private static int prepare(Fixture f, int n) {
    for (int i = 0; i < n; i++) {
      f.memory.putInt(f.scratch + 4 * i, f.rows[i]);
    }
    int out = f.scratch + 1024;
    f.memory.putInt(out + 4 * n + 12, 0x5a5a5a5a);
    return out;
  }

  private static org.assertj.core.data.Offset<Double> within(int stride) {
    return org.assertj.core.api.Assertions.within(Fixture.slack(stride));
  }

  @ParameterizedTest
  @MethodSource("strides")
  void finiteFloatsAreFiniteAtAnyAlignment(int bank, int stride) {
    try (Fixture f = new Fixture(bank, stride)) {
      for (int shift = 0; shift < 8; shift++) {
        for (int n : new int[] {0, 1, 15, 16, 17, stride - 1}) {
          float[] values = new float[n];
          Arrays.fill(values, -Float.MAX_VALUE);
          // What lies around must not matter.
          f.memory.putFloat(f.scratch, Float.NaN);
          f.memory.putFloats(f.scratch + 4 + shift, values);
          f.memory.putFloat(f.scratch + 4 + shift + 4 * n, Float.NaN);
          assertThat(f.kernels.allFinite(f.scratch + 4 + shift, n)).isTrue();
        }
      }
    }
  }

  static Stream<Arguments> wrongValues() {
    return Stream.of(Float.NaN, Float.intBitsToFloat(0xffffffff), 1f / 0, -1f / 0)
        .flatMap(value -> Stream.of(1, 3, 17, 40, 100).map(n -> Arguments.of(value, n)));
  }

  @ParameterizedTest
  @MethodSource("wrongValues")
  void oneWrongValueIsSeenAtEveryPosition(float wrong, int n) {
    try (Fixture f = new Fixture(0, 16)) {
      for (int shift = 0; shift < 4; shift++) {
        int at = f.scratch + shift;
        f.memory.putFloats(at, new float[n]);
        for (int i = 0; i < n; i++) {
          f.memory.putFloat(at + 4 * i, wrong);
          assertThat(f.kernels.allFinite(at, n)).as("value %s of %s", i, n).isFalse();
          f.memory.putFloat(at + 4 * i, 0);
        }
        assertThat(f.kernels.allFinite(at, n)).isTrue();
      }
    }
  }
}
