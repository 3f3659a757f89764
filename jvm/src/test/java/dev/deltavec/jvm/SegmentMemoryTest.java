package dev.deltavec.jvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.memory.Memory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SegmentMemoryTest {
  private static final int UNIT = Memory.REGION_UNIT;
  private static final int MIB = 1 << 20;

  /** A memory whose regions lie in one bank, so that addresses are up to 4 GiB. */
  private static SegmentMemory inBank(int bank) {
    return new SegmentMemory(SegmentMemory.MAX_BYTES, bank, SegmentMemory.BANK_BYTES);
  }

  private static int allocate(SegmentMemory memory, int bytes) {
    int address = memory.allocate(bytes);
    assertThat(address).isNotZero();
    assertThat(address & 63).isZero();
    return address;
  }

  // ---------------------------------------------------------------- access

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void valuesOfEveryTypeComeBackAtAnyAlignment(int bank) {
    try (SegmentMemory memory = inBank(bank)) {
      int base = allocate(memory, UNIT);
      assertThat(base >>> 30).isEqualTo(bank);
      for (int at = base; at < base + 9; at++) {
        memory.putByte(at, (byte) -7);
        assertThat(memory.getByte(at)).isEqualTo((byte) -7);
        memory.putInt(at, 0x81828384);
        assertThat(memory.getInt(at)).isEqualTo(0x81828384);
        memory.putLong(at, 0x8182838485868788L);
        assertThat(memory.getLong(at)).isEqualTo(0x8182838485868788L);
        memory.putFloat(at, -1.5f);
        assertThat(memory.getFloat(at)).isEqualTo(-1.5f);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2})
  void bytesAreLittleEndian(int bank) {
    try (SegmentMemory memory = inBank(bank)) {
      int base = allocate(memory, UNIT);
      memory.putInt(base, 0x04030201);
      memory.putFloat(base + 4, 1);
      memory.putLong(base + 8, 0x0807060504030201L);
      byte[] bytes = new byte[16];
      memory.getBytes(base, bytes, 16);
      assertThat(bytes)
          .containsExactly(1, 2, 3, 4, 0, 0, (byte) 0x80, 0x3f, 1, 2, 3, 4, 5, 6, 7, 8);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3})
  void arraysOfFloatsGoInAndOutAtAnyAlignment(int bank) {
    try (SegmentMemory memory = inBank(bank)) {
      int at = allocate(memory, UNIT) + 3;
      memory.putFloats(at, new float[] {1, -2, 3.5f});
      assertThat(memory.getFloat(at + 8)).isEqualTo(3.5f);
      float[] back = new float[2];
      memory.getFloats(at + 4, back);
      assertThat(back).containsExactly(-2, 3.5f);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2})
  void overlappingRangesAreCopiedRightBothWays(int bank) {
    try (SegmentMemory memory = inBank(bank)) {
      int base = allocate(memory, UNIT);
      for (int i = 0; i < 8; i++) {
        memory.putByte(base + i, (byte) i);
      }
      memory.copy(base, base + 2, 6);
      byte[] bytes = new byte[8];
      memory.getBytes(base, bytes, 8);
      assertThat(bytes).containsExactly(0, 1, 0, 1, 2, 3, 4, 5);
      memory.copy(base + 2, base, 6);
      memory.getBytes(base, bytes, 8);
      assertThat(bytes).containsExactly(0, 1, 2, 3, 4, 5, 4, 5);
    }
  }

  @Test
  void bytesAreCopiedFromOneBankToAnother() {
    try (SegmentMemory memory = new SegmentMemory(SegmentMemory.MAX_BYTES, 0, MIB)) {
      int low = allocate(memory, 12 * UNIT);
      int high = allocate(memory, 12 * UNIT);
      assertThat(high >>> 30).isEqualTo(1);
      memory.putLong(low, 42);
      memory.copy(low, high, 8);
      assertThat(memory.getLong(high)).isEqualTo(42);
    }
  }

  @Test
  void clearingSetsExactlyTheRangeToZero() {
    try (SegmentMemory memory = inBank(0)) {
      int base = allocate(memory, UNIT);
      memory.putLong(base, -1);
      memory.clear(base + 1, 6);
      assertThat(memory.getLong(base)).isEqualTo(0xff000000000000ffL);
    }
  }

  @Test
  void addressZeroIsNeverInARegion() {
    try (SegmentMemory memory = inBank(0)) {
      assertThat(allocate(memory, UNIT)).isEqualTo(SegmentMemory.BANK_START);
    }
  }

  @Test
  void accessBeyondWhatWasGrantedThrows() {
    try (SegmentMemory memory = inBank(0)) {
      assertThatThrownBy(() -> memory.getInt(64)).isInstanceOf(IndexOutOfBoundsException.class);
      allocate(memory, UNIT);
      assertThatThrownBy(() -> memory.getInt(64 << 20))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> memory.putByte(0xC0000040, (byte) 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  // ---------------------------------------------------------------- growth

  @Test
  void aSmallMemoryIsAboutOneMebibyte() {
    try (SegmentMemory memory = inBank(0)) {
      assertThat(memory.physicalBytes()).isZero();
      allocate(memory, UNIT);
      assertThat(memory.physicalBytes()).isBetween((long) UNIT, MIB + 64L);
    }
  }

  @Test
  void aLargeMemoryIsAtMostAnEighthLargerThanItsRegions() {
    try (SegmentMemory memory = inBank(0)) {
      for (int regions = 1; regions <= 500; regions++) {
        allocate(memory, UNIT);
        long used = (long) regions * UNIT;
        assertThat(memory.physicalBytes()).isBetween(used, Math.max(used * 9 / 8, used + MIB) + 64);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3})
  void regionsOfManySizesFollowEachOther(int bank) {
    try (SegmentMemory memory = inBank(bank)) {
      int next = allocate(memory, UNIT) + UNIT;
      for (int units : new int[] {1, 15, 16, 17, 1, 100, 3}) {
        int address = allocate(memory, units * UNIT);
        assertThat(address).isEqualTo(next);
        next += units * UNIT;
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3})
  void growthKeepsWhatIsThereAndGrantsZeros(int bank) {
    try (SegmentMemory memory = inBank(bank)) {
      List<Integer> regions = new ArrayList<>();
      for (int i = 1; i <= 60; i++) {
        int bytes = (1 + i % 5) * UNIT;
        int address = allocate(memory, bytes);
        for (int at = 0; at < bytes; at += 4096) {
          assertThat(memory.getLong(address + at)).isZero();
        }
        assertThat(memory.getLong(address + bytes - 8)).isZero();
        memory.putInt(address, i);
        memory.putInt(address + bytes - 4, ~i);
        regions.add(address);
        regions.add(address + bytes - 4);
      }
      for (int i = 1; i <= 60; i++) {
        assertThat(memory.getInt(regions.get(2 * i - 2))).isEqualTo(i);
        assertThat(memory.getInt(regions.get(2 * i - 1))).isEqualTo(~i);
      }
    }
  }

  @Test
  void valuesLieAcrossTheBorderOfRegions() {
    try (SegmentMemory memory = inBank(2)) {
      int first = allocate(memory, UNIT);
      int second = allocate(memory, 16 * UNIT);
      assertThat(second).isEqualTo(first + UNIT);
      memory.putLong(second - 4, 0x1122334455667788L);
      assertThat(memory.getLong(second - 4)).isEqualTo(0x1122334455667788L);
      assertThat(memory.getInt(second)).isEqualTo(0x11223344);
    }
  }

  @Test
  void noRegionFollowsTheLastOneOfAnotherBank() {
    try (SegmentMemory memory = new SegmentMemory(SegmentMemory.MAX_BYTES, 0, MIB)) {
      Map<Integer, Integer> banks = new HashMap<>();
      int end = -1;
      for (int address = memory.allocate(UNIT); address != 0; address = memory.allocate(UNIT)) {
        if (banks.merge(address >>> 30, 1, Integer::sum) == 1) {
          assertThat(address).isNotEqualTo(end);
        } else {
          assertThat(address).isEqualTo(end);
        }
        end = address + UNIT;
      }
      // The first 64 bytes of a bank are nobody's, so one region less fits.
      assertThat(banks).isEqualTo(Map.of(0, 15, 1, 15, 2, 15, 3, 15));
    }
  }

  // ---------------------------------------------------------------- release

  @Test
  void aReleasedRegionIsGrantedAgainAndZero() {
    try (SegmentMemory memory = inBank(0)) {
      allocate(memory, UNIT);
      int middle = allocate(memory, 2 * UNIT);
      allocate(memory, UNIT);
      memory.putInt(middle, 7);
      memory.putInt(middle + UNIT, 7);
      memory.release(middle, 2 * UNIT);
      assertThat(memory.allocate(UNIT)).isEqualTo(middle);
      assertThat(memory.getInt(middle)).isZero();
      assertThat(memory.allocate(UNIT)).isEqualTo(middle + UNIT);
      assertThat(memory.getInt(middle + UNIT)).isZero();
    }
  }

  @Test
  void releasedNeighboursAreJoined() {
    try (SegmentMemory memory = inBank(3)) {
      int[] regions = new int[5];
      for (int i = 0; i < 5; i++) {
        regions[i] = allocate(memory, UNIT);
      }
      memory.release(regions[1], UNIT);
      memory.release(regions[3], UNIT);
      memory.release(regions[2], UNIT);
      assertThat(memory.allocate(3 * UNIT)).isEqualTo(regions[1]);
    }
  }

  @Test
  void whatIsReleasedAtTheEndIsZeroWhenGrantedAgain() {
    try (SegmentMemory memory = inBank(0)) {
      allocate(memory, UNIT);
      int last = allocate(memory, UNIT);
      memory.putInt(last + UNIT - 4, 7);
      memory.release(last, UNIT);
      assertThat(memory.allocate(3 * UNIT)).isEqualTo(last);
      assertThat(memory.getInt(last + UNIT - 4)).isZero();
    }
  }

  @Test
  void memoryWithoutRegionsIsGivenBack() {
    try (SegmentMemory memory = new SegmentMemory(SegmentMemory.MAX_BYTES, 0, MIB)) {
      List<Integer> regions = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        regions.add(allocate(memory, UNIT));
      }
      regions.forEach(address -> memory.release(address, UNIT));
      assertThat(memory.physicalBytes()).isZero();
      assertThat(allocate(memory, UNIT)).isEqualTo(SegmentMemory.BANK_START);
    }
  }

  @Test
  void randomRegionsNeverOverlapAndAreAlwaysZeroAtFirst() {
    Random random = new Random(7);
    Map<Integer, Integer> regions = new HashMap<>();
    try (SegmentMemory memory = new SegmentMemory(3L * MIB, 1, 2 * MIB)) {
      for (int step = 0; step < 3000; step++) {
        if (random.nextInt(5) < 3) {
          int bytes = (1 + random.nextInt(6)) * UNIT;
          int address = memory.allocate(bytes);
          if (address != 0) {
            for (int at = 0; at < bytes; at += UNIT / 2) {
              assertThat(memory.getInt(address + at)).isZero();
              memory.putInt(address + at, address + at);
            }
            regions.put(address, bytes);
          }
        } else if (!regions.isEmpty()) {
          int address = regions.keySet().iterator().next();
          int bytes = Objects.requireNonNull(regions.remove(address));
          for (int at = 0; at < bytes; at += UNIT / 2) {
            assertThat(memory.getInt(address + at)).isEqualTo(address + at);
          }
          memory.release(address, bytes);
        }
        assertThat(memory.physicalBytes()).isLessThanOrEqualTo(3L * MIB);
      }
    }
  }

  // ---------------------------------------------------------------- refusal

  @Test
  void overTheLimitMemoryIsRefusedAndNothingChanges() {
    try (SegmentMemory memory = new SegmentMemory(2L * MIB)) {
      int address = allocate(memory, 30 * UNIT);
      memory.putInt(address, 42);
      long before = memory.physicalBytes();
      assertThat(memory.allocate(2 * UNIT)).isZero();
      assertThat(memory.physicalBytes()).isEqualTo(before);
      assertThat(memory.getInt(address)).isEqualTo(42);
      assertThat(memory.allocate(UNIT)).isEqualTo(address + 30 * UNIT);
    }
  }

  @Test
  void aMemoryWithoutAnyRoomRefuses() {
    try (SegmentMemory memory = new SegmentMemory(0)) {
      assertThat(memory.allocate(UNIT)).isZero();
    }
  }

  @Test
  void whatTheSystemRefusesIsRefused() {
    // The tests run with 256 MiB of native memory: see the module's POM.
    try (SegmentMemory memory = new SegmentMemory()) {
      int address = allocate(memory, UNIT);
      memory.putInt(address, 42);
      assertThat(memory.allocate(512 * MIB)).isZero();
      assertThat(memory.allocate(-UNIT)).isZero();
      assertThat(memory.getInt(address)).isEqualTo(42);
      assertThat(memory.allocate(UNIT)).isEqualTo(address + UNIT);
    }
  }

  @Test
  void whereTheCopyForGrowthFindsNoRoomTheNextBankBegins() {
    // 150 MiB and the 170 MiB to grow to are more than the 256 MiB that the tests have.
    try (SegmentMemory memory = new SegmentMemory()) {
      int large = allocate(memory, 150 * MIB);
      int next = allocate(memory, 20 * MIB);
      assertThat(next >>> 30).isEqualTo(1);
      memory.putInt(next, 42);
      assertThat(allocate(memory, UNIT)).isEqualTo(next + 20 * MIB);
      assertThat(memory.getInt(next)).isEqualTo(42);
      assertThat(memory.getInt(large)).isZero();
    }
  }

  @Test
  void sizesThatAreNoMultipleOfAUnitAreAnError() {
    try (SegmentMemory memory = new SegmentMemory()) {
      assertThatThrownBy(() -> memory.allocate(0)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> memory.allocate(UNIT + 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aLimitBeyondTheAddressesIsAnError() {
    assertThatThrownBy(() -> new SegmentMemory(SegmentMemory.MAX_BYTES + 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new SegmentMemory(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  // ---------------------------------------------------------------- slices, closing

  @Test
  void aSliceShowsTheMemoryItselfUntilItGrows() {
    try (SegmentMemory memory = inBank(0)) {
      int address = allocate(memory, UNIT);
      MemorySegment slice = memory.slice(address, 16);
      memory.putByte(address + 3, (byte) 9);
      assertThat(slice.byteSize()).isEqualTo(16);
      assertThat(slice.get(ValueLayout.JAVA_BYTE, 3)).isEqualTo((byte) 9);
      allocate(memory, 4 * MIB);
      assertThatThrownBy(() -> slice.get(ValueLayout.JAVA_BYTE, 3))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void whatNobodyHoldsIsGivenBack() throws InterruptedException {
    MemorySegment slice = ofForgottenMemory();
    for (int i = 0; i < 1000 && slice.scope().isAlive(); i++) {
      System.gc();
      Thread.sleep(10);
    }
    assertThat(slice.scope().isAlive()).isFalse();
  }

  private static MemorySegment ofForgottenMemory() {
    SegmentMemory memory = inBank(0);
    return memory.slice(allocate(memory, UNIT), 16);
  }

  @Test
  void afterCloseEveryAccessThrows() {
    SegmentMemory memory = inBank(0);
    int address = allocate(memory, UNIT);
    memory.close();
    memory.close();
    assertThatThrownBy(() -> memory.getInt(address)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> memory.putLong(address, 1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> memory.allocate(UNIT)).isInstanceOf(IllegalStateException.class);
  }
}
