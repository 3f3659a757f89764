package dev.deltavec.core.history;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Generator;
import org.junit.jupiter.api.Test;

class Crc32cTest {
  private final ArrayMemory memory = new ArrayMemory();
  private final int target = memory.allocate(Memory.REGION_UNIT);

  @Test
  void crcIsCastagnolis() {
    byte[] digits = "123456789".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    Generator random = new Generator(3);
    for (int length : new int[] {0, 1, 7, 8, 9, 64, 1000}) {
      java.util.zip.CRC32C reference = new java.util.zip.CRC32C();
      for (int i = 0; i < length; i++) {
        byte b = length == 9 ? digits[i] : (byte) random.below(256);
        memory.putByte(target + i, b);
        reference.update(b);
      }
      assertThat(Crc32c.of(memory, target, length)).isEqualTo((int) reference.getValue());
    }
    assertThat(Crc32c.of(memory, target, 0)).isZero();
  }
}
