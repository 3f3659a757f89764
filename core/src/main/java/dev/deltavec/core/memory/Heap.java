package dev.deltavec.core.memory;

import java.util.Arrays;

/**
 * Hands out blocks of a {@link Memory}'s regions and takes them back.
 *
 * <p>Blocks never move. Sizes are rounded up to classes: multiples of 16 bytes up to 1,024, then
 * eight classes to each power of two (at most 12.5 % lost). Freed blocks wait in a list of their
 * class; a large one is cut up before more memory is asked for. The caller remembers a block's
 * size, so blocks carry no header. Contents of a new block are undefined.
 *
 * <p>{@link #allocate} and {@link #free} are O(1) but for the rare call that must find room.
 */
public final class Heap implements AutoCloseable {
  private static final int SMALL_LIMIT = 1024;
  private static final int SMALL_CLASSES = SMALL_LIMIT >>> 4;
  private static final int CLASSES = SMALL_CLASSES + 8 * 22 + 1;

  /**
   * What a heap grows by at most if nothing else is said: it wastes little, and lasts for some
   * eighty vectors.
   */
  private static final int SMALL_STEP = 1 << 16;

  private final Memory memory;
  private final int maxStep;

  /** First free block of each class, 0 for none; a free block's first four bytes name the next. */
  private final int[] free = new int[CLASSES];

  /**
   * The stretch that new blocks are cut from. Counted by length, as an end of 4 GiB has no address.
   */
  private int cursor;

  private int remaining;

  private int[] regionAddress = new int[8];
  private int[] regionBytes = new int[8];
  private int regions;
  private long granted;
  private long used;

  /**
   * An empty heap; it asks for memory with the first block.
   *
   * @param memory where regions come from
   */
  public Heap(Memory memory) {
    this(memory, SMALL_STEP);
  }

  /**
   * An empty heap that grows in steps of a chosen size: asking a platform for memory costs tens of
   * microseconds.
   *
   * @param memory where regions come from
   * @param maxStep the most bytes, a power of two of 64 KiB or more, asked for at a time but for a
   *     large block; less while the heap is small
   */
  public Heap(Memory memory, int maxStep) {
    this.memory = memory;
    this.maxStep = maxStep;
  }

  /** Returns the memory that the blocks are in. */
  public Memory memory() {
    return memory;
  }

  /** Returns how many bytes the platform has granted. */
  public long granted() {
    return granted;
  }

  /** Returns how many bytes are in blocks that are in use. */
  public long used() {
    return used;
  }

  /**
   * Takes a block.
   *
   * @param bytes size, 1 to 2^30
   * @return its address, a multiple of 16, and of 64 for blocks over 1,024 bytes; 0 if the platform
   *     refuses more memory, then nothing has changed
   */
  public int allocate(int bytes) {
    int size = blockSize(bytes);
    int list = classOf(size);
    int block = free[list];
    if (block != 0) {
      free[list] = memory.getInt(block);
    } else {
      block = cut(size);
      if (block == 0) {
        return 0;
      }
    }
    used += size;
    return block;
  }

  /**
   * Gives a block back.
   *
   * @param block what {@link #allocate} returned, or 0, which does nothing
   * @param bytes the size it was asked for with
   */
  public void free(int block, int bytes) {
    if (block == 0) {
      return;
    }
    int size = blockSize(bytes);
    used -= size;
    push(block, size);
  }

  /** Gives all regions back to the platform. No block may be touched after it. */
  @Override
  public void close() {
    for (int i = 0; i < regions; i++) {
      memory.release(regionAddress[i], regionBytes[i]);
    }
    regions = 0;
    cursor = 0;
    remaining = 0;
    granted = 0;
    used = 0;
    Arrays.fill(free, 0);
  }

  /** Returns the size that a request for {@code bytes} is rounded up to. */
  static int blockSize(int bytes) {
    if (bytes <= SMALL_LIMIT) {
      return (Math.max(bytes, 1) + 15) & -16;
    }
    int step = 1 << (28 - Integer.numberOfLeadingZeros(bytes - 1));
    return (bytes + step - 1) & -step;
  }

  /**
   * Returns the list of blocks of exactly {@code size} bytes, a size that {@link #blockSize} gives.
   */
  static int classOf(int size) {
    if (size <= SMALL_LIMIT) {
      return (size >>> 4) - 1;
    }
    int log = 31 - Integer.numberOfLeadingZeros(size - 1); // 10 or more
    return SMALL_CLASSES + (log - 10) * 8 + ((size - 1) >>> (log - 3)) - 8;
  }

  private void push(int block, int size) {
    int list = classOf(size);
    memory.putInt(block, free[list]);
    free[list] = block;
  }

  private int cut(int size) {
    if (!fits(size) && !cutUpLargerBlock(size) && !grow(size)) {
      return 0;
    }
    int padding = padding(size);
    if (padding != 0) {
      push(cursor, padding);
      cursor += padding;
      remaining -= padding;
    }
    int block = cursor;
    cursor += size;
    remaining -= size;
    return block;
  }

  private boolean fits(int size) {
    return Integer.compareUnsigned(remaining, size + padding(size)) >= 0;
  }

  /** Bytes to the next cache line, where a large block begins; a multiple of 16. */
  private int padding(int size) {
    return size > SMALL_LIMIT ? -cursor & 63 : 0;
  }

  private boolean cutUpLargerBlock(int size) {
    if (size > Integer.MAX_VALUE >>> 1) {
      return false;
    }
    for (int list = Math.max(classOf(size), SMALL_CLASSES) + 1; list < CLASSES; list++) {
      int block = free[list];
      if (block != 0) {
        free[list] = memory.getInt(block);
        scatter();
        cursor = block;
        remaining = sizeOf(list);
        return true;
      }
    }
    return false;
  }

  private static int sizeOf(int list) {
    int log = 10 + ((list - SMALL_CLASSES) >>> 3);
    return (9 + ((list - SMALL_CLASSES) & 7)) << (log - 3);
  }

  /** Puts what is left of the current stretch into the free lists. */
  private void scatter() {
    while (remaining != 0) {
      int size;
      int toLine = -cursor & 63;
      if (Integer.compareUnsigned(remaining, SMALL_LIMIT) <= 0) {
        size = remaining;
      } else if (toLine != 0) {
        size = toLine;
      } else {
        size = largestClassWithin(remaining);
      }
      push(cursor, size);
      cursor += size;
      remaining -= size;
    }
  }

  private static int largestClassWithin(int bytes) {
    int log = Math.min(31 - Integer.numberOfLeadingZeros(bytes), 30);
    int step = 1 << (log - 3);
    return log == 30 ? 1 << 30 : bytes & -step;
  }

  private boolean grow(int size) {
    int needed = (size + 64 + Memory.REGION_UNIT - 1) & -Memory.REGION_UNIT;
    // Larger steps as the heap grows, as a platform's cost of growing does, too.
    long step =
        maxStep == SMALL_STEP
            ? Math.max(Math.min(granted >>> 5, SMALL_STEP), granted >>> 9)
            : granted >>> 2;
    int wished = (int) Math.min(step, Math.max(maxStep, 1 << 22)) & -Memory.REGION_UNIT;
    int bytes = Math.max(needed, wished);
    int address = memory.allocate(bytes);
    if (address == 0 && bytes > needed) {
      bytes = needed;
      address = memory.allocate(bytes);
    }
    if (address == 0) {
      return false;
    }
    remember(address, bytes);
    if (remaining != 0 && cursor + remaining == address) {
      remaining += bytes;
    } else {
      scatter();
      cursor = address;
      remaining = bytes;
    }
    return true;
  }

  private void remember(int address, int bytes) {
    if (regions == regionAddress.length) {
      regionAddress = Arrays.copyOf(regionAddress, regions * 2);
      regionBytes = Arrays.copyOf(regionBytes, regions * 2);
    }
    regionAddress[regions] = address;
    regionBytes[regions] = bytes;
    regions++;
    granted += bytes;
  }
}
