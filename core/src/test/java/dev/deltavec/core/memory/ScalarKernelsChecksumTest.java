package dev.deltavec.core.memory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Generator;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** The reference for checksums, against the JDK's. */
class ScalarKernelsChecksumTest {
  private final ArrayMemory memory = new ArrayMemory();
  private final Kernels kernels = new ScalarKernels(memory);
  private final int target = memory.allocate(Memory.REGION_UNIT);

  private byte[] put(byte[] bytes) {
    for (int i = 0; i < bytes.length; i++) {
      memory.putByte(target + i, bytes[i]);
    }
    return bytes;
  }

  private byte[] putRandom(int n) {
    Generator random = new Generator(3);
    byte[] bytes = new byte[n];
    for (int i = 0; i < n; i++) {
      bytes[i] = (byte) random.below(256);
    }
    return put(bytes);
  }

  private static int expected(byte[] bytes, int from, int to) {
    CRC32C reference = new CRC32C();
    reference.update(bytes, from, to - from);
    return (int) reference.getValue();
  }

  @Test
  void theDigitsHaveTheirChecksum() {
    put("123456789".getBytes(StandardCharsets.US_ASCII));
    assertThat(kernels.crc32c(0, target, 9)).isEqualTo(0xe3069283);
  }

  @Test
  void everyLengthAndAlignment() {
    byte[] bytes = putRandom(1100);
    for (int n = 0; n <= 1000; n++) {
      int from = n % 9;
      assertThat(kernels.crc32c(0, target + from, n)).isEqualTo(expected(bytes, from, from + n));
    }
  }

  @Test
  void aChecksumIsContinuedAtEverySplit() {
    byte[] bytes = putRandom(200);
    for (int split = 0; split <= 200; split++) {
      int first = kernels.crc32c(0, target, split);
      assertThat(kernels.crc32c(first, target + split, 200 - split))
          .isEqualTo(expected(bytes, 0, 200));
    }
  }
}
