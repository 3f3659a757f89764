package dev.deltavec.core.memory;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;

/**
 * One block of a {@link Heap} that becomes as large as it is asked to be, for input, output and
 * scratch. It goes back to a smaller block when a much smaller one is asked for, so that one large
 * call does not hold memory for ever.
 */
public final class Buffer {
  private static final int MIN_CAPACITY = 2048; // over the heap's small classes: aligned to 64
  private static final int SHRINK_ABOVE = 1 << 18;

  private final Heap heap;
  private int address;
  private int capacity;

  /**
   * An empty buffer.
   *
   * @param heap where its block comes from
   */
  public Buffer(Heap heap) {
    this.heap = heap;
  }

  /** Returns the address of the block, 0 before the first {@link #reserve}. */
  public int address() {
    return address;
  }

  /** Returns the size of the block in bytes. */
  public int capacity() {
    return capacity;
  }

  /**
   * Makes room. The contents are lost if the block is replaced.
   *
   * @param bytes how many bytes are needed, 0 to 2^30
   * @return the address of at least that many bytes, a multiple of 64
   * @throws DeltaException {@code OUT_OF_MEMORY}; the buffer is as it was
   */
  public int reserve(int bytes) {
    if (bytes > capacity || (capacity > SHRINK_ABOVE && bytes < capacity >>> 3)) {
      replace(Math.max(bytes, MIN_CAPACITY));
    }
    return address;
  }

  /** Gives the block back; the next {@link #reserve} takes a new one. */
  public void release() {
    heap.free(address, capacity);
    address = 0;
    capacity = 0;
  }

  private void replace(int bytes) {
    boolean shrinks = bytes < capacity;
    if (shrinks) {
      heap.free(address, capacity);
      address = 0;
      capacity = 0;
    }
    int block = bytes < 0 || bytes > 1 << 30 ? 0 : heap.allocate(bytes);
    if (block == 0) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY, "no memory for a buffer of " + bytes + " bytes");
    }
    heap.free(address, capacity);
    address = block;
    capacity = bytes;
  }
}
