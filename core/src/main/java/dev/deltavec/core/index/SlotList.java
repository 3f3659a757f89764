package dev.deltavec.core.index;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Memory;

/**
 * An unordered list of slots in linear memory; each member's place is known to its node. Two words
 * of the image's root name it: address and size.
 */
final class SlotList {
  private static final int FIRST_CAPACITY = 16;

  private final Heap heap;
  private final Memory memory;
  private final int root;
  private int address;
  private int capacity;
  private int size;

  SlotList(Heap heap, int root) {
    this.heap = heap;
    this.root = root;
    this.memory = heap.memory();
    refresh();
  }

  /** Looks at the root again: another instance may have changed the list. */
  void refresh() {
    address = memory.getInt(root);
    size = memory.getInt(root + 4);
  }

  int size() {
    return size;
  }

  long bytes() {
    return 4L * capacity;
  }

  int get(int position) {
    return memory.getInt(address + (position << 2));
  }

  /** Returns the address of the slots, 32 bits each. */
  int address() {
    return address;
  }

  /**
   * Makes room for so many slots in all.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}; nothing has changed
   */
  void reserve(int slots) {
    if (slots <= capacity) {
      return;
    }
    int wanted = Math.max(slots, Math.max(FIRST_CAPACITY, capacity * 2));
    int block = heap.allocate(wanted << 2);
    if (block == 0) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory for a list of vectors");
    }
    if (size != 0) {
      memory.copy(address, block, size << 2);
    }
    heap.free(address, capacity << 2);
    address = block;
    capacity = wanted;
    memory.putInt(root, address);
  }

  /**
   * Makes it a list of so many places, all without a slot.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  void restore(int slots) {
    reserve(slots);
    size = slots;
    memory.putInt(root + 4, size);
    for (int i = 0; i < slots; i++) {
      memory.putInt(address + (i << 2), -1);
    }
  }

  /** Puts a slot at its place; false if that is taken or none. */
  boolean put(int position, int slot) {
    if (Integer.compareUnsigned(position, size) >= 0 || get(position) != -1) {
      return false;
    }
    memory.putInt(address + (position << 2), slot);
    return true;
  }

  /** Adds a slot, for which there is room, and returns its position. */
  int add(int slot) {
    memory.putInt(address + (size << 2), slot);
    memory.putInt(root + 4, size + 1);
    return size++;
  }

  /** Removes what stands at a position; returns the slot that has come there, or -1. */
  int remove(int position) {
    size--;
    memory.putInt(root + 4, size);
    if (position == size) {
      return -1;
    }
    int moved = get(size);
    memory.putInt(address + (position << 2), moved);
    return moved;
  }
}
