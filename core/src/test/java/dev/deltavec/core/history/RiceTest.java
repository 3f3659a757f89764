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
}
