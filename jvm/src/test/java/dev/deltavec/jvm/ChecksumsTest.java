package dev.deltavec.jvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Checksums of plain Java's kernels and of those that the platform chooses, in the first bank and
 * another, against one computed bit by bit.
 */
class ChecksumsTest {
  private static final int MOST = 5100;

  static Stream<Arguments> kernels() {
    Function<SegmentMemory, Kernels> plain = PlainKernels::new;
    Function<SegmentMemory, Kernels> chosen = Platform::kernels;
    return Stream.of(
        Arguments.of(plain, 0),
        Arguments.of(plain, 2),
        Arguments.of(chosen, 0),
        Arguments.of(chosen, 2));
  }

  private static int naive(Memory memory, int before, int address, int bytes) {
    int crc = ~before;
    for (int i = 0; i < bytes; i++) {
      crc ^= memory.getByte(address + i) & 255;
      for (int bit = 0; bit < 8; bit++) {
        crc = crc >>> 1 ^ (-(crc & 1) & 0x82f63b78);
      }
    }
    return ~crc;
  }

  /** Returns the address of random bytes. */
  private static int fill(SegmentMemory memory) {
    int at = memory.allocate(Memory.REGION_UNIT);
    Random random = new Random(MOST);
    for (int i = 0; i < MOST; i++) {
      memory.putByte(at + i, (byte) random.nextInt());
    }
    return at;
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void everyLength(Function<SegmentMemory, Kernels> make, int bank) {
    try (SegmentMemory memory = new SegmentMemory(SegmentMemory.MAX_BYTES, bank, 1 << 20)) {
      Kernels kernels = make.apply(memory);
      int at = fill(memory);
      int expected = 0;
      for (int n = 0; n <= 5000; n++) {
        assertThat(kernels.crc32c(0, at, n)).as("%s bytes", n).isEqualTo(expected);
        expected = naive(memory, expected, at + n, 1);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void everyAlignment(Function<SegmentMemory, Kernels> make, int bank) {
    try (SegmentMemory memory = new SegmentMemory(SegmentMemory.MAX_BYTES, bank, 1 << 20)) {
      Kernels kernels = make.apply(memory);
      int at = fill(memory);
      for (int shift = 0; shift < 64; shift++) {
        for (int n : new int[] {1, 4, 114, 1600}) {
          assertThat(kernels.crc32c(0, at + shift, n)).isEqualTo(naive(memory, 0, at + shift, n));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void aChecksumIsContinuedAtEverySplit(Function<SegmentMemory, Kernels> make, int bank) {
    try (SegmentMemory memory = new SegmentMemory(SegmentMemory.MAX_BYTES, bank, 1 << 20)) {
      Kernels kernels = make.apply(memory);
      int at = fill(memory);
      int expected = naive(memory, 0, at, 1600);
      for (int split = 0; split <= 1600; split++) {
        int first = kernels.crc32c(0, at, split);
        assertThat(kernels.crc32c(first, at + split, 1600 - split)).isEqualTo(expected);
      }
    }
  }
}
