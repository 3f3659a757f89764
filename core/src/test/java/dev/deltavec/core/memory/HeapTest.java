package dev.deltavec.core.memory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Generator;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HeapTest {
  private record Block(int address, int bytes, int mark) {}

  @Test
  void roundsEverySizeUpToItsClass() {
    for (int bytes = 1; bytes < 300_000; bytes += bytes < 3_000 ? 1 : 37) {
      int size = Heap.blockSize(bytes);
      assertThat(size)
          .isGreaterThanOrEqualTo(bytes)
          .isLessThanOrEqualTo(Math.max(16, bytes + Math.max(15, bytes / 8)));
      assertThat(Heap.blockSize(size)).isEqualTo(size);
      assertThat(Heap.classOf(size))
          .isGreaterThanOrEqualTo(Heap.classOf(Heap.blockSize(Math.max(1, bytes - 1))));
    }
  }

  @Test
  void blocksNeverOverlapAndKeepTheirContents() {
    for (long seed = 0; seed < 40; seed++) {
      Generator random = new Generator(seed);
      ArrayMemory memory = new ArrayMemory();
      Heap heap = new Heap(memory);
      List<Block> blocks = new ArrayList<>();
      long used = 0;
      for (int step = 0; step < 2_000; step++) {
        if (blocks.isEmpty() || random.chance(55)) {
          int bytes =
              1 + random.below(random.chance(80) ? 200 : random.chance(90) ? 20_000 : 400_000);
          int address = heap.allocate(bytes);
          assertThat(address & (bytes > 1024 ? 63 : 15)).as("alignment, seed %d", seed).isZero();
          memory.putByte(address, (byte) step);
          memory.putByte(address + bytes - 1, (byte) step);
          blocks.add(new Block(address, bytes, (byte) step));
          used += Heap.blockSize(bytes);
        } else {
          Block block = blocks.remove(random.below(blocks.size()));
          assertThat(memory.getByte(block.address))
              .as("first byte, seed %d", seed)
              .isEqualTo((byte) block.mark);
          assertThat(memory.getByte(block.address + block.bytes - 1))
              .as("last byte, seed %d", seed)
              .isEqualTo((byte) block.mark);
          heap.free(block.address, block.bytes);
          used -= Heap.blockSize(block.bytes);
        }
        assertThat(heap.used()).isEqualTo(used);
      }
      blocks.sort((a, b) -> Integer.compare(a.address, b.address));
      for (int i = 1; i < blocks.size(); i++) {
        assertThat(blocks.get(i - 1).address + blocks.get(i - 1).bytes)
            .isLessThanOrEqualTo(blocks.get(i).address);
      }
      heap.close();
      assertThat(memory.granted()).isZero();
    }
  }

  @Test
  void refusalChangesNothing() {
    ArrayMemory memory = new ArrayMemory(3 * Memory.REGION_UNIT);
    Heap heap = new Heap(memory);
    int kept = heap.allocate(50_000);
    long granted = heap.granted();
    assertThat(heap.allocate(500_000)).isZero();
    assertThat(heap.granted()).isEqualTo(granted);
    assertThat(heap.used()).isEqualTo(Heap.blockSize(50_000));
    assertThat(heap.allocate(1_000)).isNotZero().isNotEqualTo(kept);
  }

  @Test
  void cutsUpLargeFreedBlocksBeforeAskingForMore() {
    ArrayMemory memory = new ArrayMemory();
    Heap heap = new Heap(memory);
    heap.free(heap.allocate(1 << 20), 1 << 20);
    long granted = heap.granted();
    for (int i = 0; i < 9; i++) {
      assertThat(heap.allocate(98_304)).isNotZero();
    }
    assertThat(heap.granted()).isEqualTo(granted);
  }

  @Test
  void bufferGrowsAndGoesBackToASmallBlock() {
    Heap heap = new Heap(new ArrayMemory());
    Buffer buffer = new Buffer(heap);
    buffer.reserve(100);
    long small = heap.used();
    assertThat(buffer.reserve(1 << 20) & 63).isZero();
    assertThat(buffer.capacity()).isGreaterThanOrEqualTo(1 << 20);
    buffer.reserve(100);
    assertThat(heap.used()).isEqualTo(small);
  }
}
