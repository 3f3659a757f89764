package dev.deltavec.wasm;

import dev.deltavec.core.memory.Memory;

/**
 * Where the faces write what they hand in. First the rest of the memory's first pages, which costs
 * nothing; then a region of its own, as large as was last asked for.
 */
final class InputBuffer {
  private final Memory memory;
  private int address;
  private int capacity;
  private boolean isRegion;

  /**
   * A buffer over memory that is already there.
   *
   * @param address a multiple of 64
   * @param capacity in bytes
   */
  InputBuffer(Memory memory, int address, int capacity) {
    this.memory = memory;
    this.address = address;
    this.capacity = capacity;
  }

  /**
   * Makes room; the contents are lost if the buffer moves.
   *
   * @param bytes an unsigned number
   * @return the address, a multiple of 64, or 0 if there is no memory; then the buffer is as it was
   */
  int reserve(int bytes) {
    if (Integer.compareUnsigned(bytes, capacity) <= 0) {
      return address;
    }
    int size = (bytes + Memory.REGION_UNIT - 1) & -Memory.REGION_UNIT;
    int region = size == 0 ? 0 : memory.allocate(size); // 0: rounded up past 4 GiB
    if (region == 0) {
      return 0;
    }
    if (isRegion) {
      memory.release(address, capacity);
    }
    address = region;
    capacity = size;
    isRegion = true;
    return region;
  }
}
