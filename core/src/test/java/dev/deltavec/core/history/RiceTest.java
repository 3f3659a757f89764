package dev.deltavec.core.history;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Generator;
import org.junit.jupiter.api.Test;

class RiceTest {
  private final ArrayMemory memory = new ArrayMemory();
  private final int codes = memory.allocate(Memory.REGION_UNIT);
  private final int target = memory.allocate(Memory.REGION_UNIT);
  private final int back = memory.allocate(Memory.REGION_UNIT);
  private final Rice rice = new Rice(memory);

  @Test
  void readsBackWhatItWrote() {
    Generator random = new Generator(1);
    for (int round = 0; round < 3_000; round++) {
      int n = random.below(60);
      int size = random.below(32);
      for (int i = 0; i < n; i++) {
        int value =
            size == 31 ? (int) random.nextLong() : random.below(1 << size) - (1 << size >> 1);
        memory.putInt(codes + 4 * i, random.chance(3) ? (int) random.nextLong() : value);
      }
      int end = rice.write(codes, n, target);
      assertThat(end - target).isLessThanOrEqualTo(Rice.bound(n));
      assertThat(rice.read(target, end + 40, n, back)).as("round %d", round).isEqualTo(end);
      for (int i = 0; i < n; i++) {
        assertThat(memory.getInt(back + 4 * i)).isEqualTo(memory.getInt(codes + 4 * i));
      }
    }
  }

  @Test
  void aTruncatedListIsMalformed() {
    for (int i = 0; i < 40; i++) {
      memory.putInt(codes + 4 * i, i * i - 300);
    }
    int end = rice.write(codes, 40, target);
    for (int cut = target; cut < end; cut++) {
      assertThat(rice.read(target, cut, 40, 0)).isZero();
    }
  }

  @Test
  void noBytesReadBeyondTheLimit() {
    Generator random = new Generator(2);
    for (int round = 0; round < 50_000; round++) {
      int bytes = random.below(20);
      for (int i = 0; i < bytes; i++) {
        memory.putByte(target + i, (byte) (random.chance(40) ? 255 : random.below(256)));
      }
      int end = rice.read(target, target + bytes, random.below(30), back);
      assertThat(end == 0 || end >= target && end <= target + bytes).isTrue();
    }
  }

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

  @Test
  void versionsHoldAnySetOfNumbers() {
    for (long seed = 0; seed < 200; seed++) {
      Generator random = new Generator(seed);
      Versions versions = new Versions();
      int index = versions.meet(42);
      java.util.TreeSet<Integer> model = new java.util.TreeSet<>(Integer::compareUnsigned);
      for (int i = 0; i < 200; i++) {
        int number = random.chance(5) ? -1 - random.below(3) : 1 + random.below(120);
        versions.add(index, number);
        model.add(number);
      }
      assertThat(versions.seen(index)).isEqualTo(model.size());
      for (int number = -5; number < 130; number++) {
        assertThat(versions.contains(index, number))
            .as("%d, seed %d", number, seed)
            .isEqualTo(model.contains(number));
      }
      for (int i = 1; i < versions.intervals(index); i++) {
        assertThat(versions.last(index, i - 1) + 1).isNotEqualTo(versions.first(index, i));
      }
    }
  }
}
