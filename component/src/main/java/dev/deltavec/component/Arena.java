package dev.deltavec.component;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * Where the arguments and results of one call live: memory is taken piece after piece and given
 * back all at once.
 *
 * <p>A call's end makes everything {@link #done stale}, but it stays what it is, as the host reads
 * results after the call; whoever takes memory next, which is for the next call, has all of it
 * anew. Pieces never move. The first block is a part of the memory's first page. When it is full,
 * regions are added, each at least as large as all before it; the last one is kept for the next
 * calls, if it is not large, so that calls of the same size take no memory from the platform.
 */
final class Arena {
  /** The largest region that is kept. */
  private static final int KEPT_BYTES = 1 << 20;

  private final Memory memory;
  private final int first;
  private final int firstEnd;

  /** What is left of the current block; an end is an address, as no region reaches 4 GiB. */
  private int at;

  private int end;

  /** The piece that was taken last, which alone can become longer. */
  private int newest;

  private int[] regions = new int[8];
  private int[] regionBytes = new int[8];
  private int count;

  /** A region that is free, 0 for none. */
  private int spare;

  private int spareBytes;
  private boolean stale;

  /**
   * An arena whose first block is the rest of a page.
   *
   * @param memory where regions come from
   * @param first address of the block; it ends with its page
   */
  Arena(Memory memory, int first) {
    this.memory = memory;
    this.first = first;
    firstEnd = (first & -Memory.REGION_UNIT) + Memory.REGION_UNIT;
    at = first;
    end = firstEnd;
  }

  /**
   * Takes a piece, for this call.
   *
   * @param bytes its size, an unsigned number
   * @param align a power of two, 1 to 64
   * @return its address; the bytes may be anything
   * @throws DeltaException {@code OUT_OF_MEMORY}; the arena is as it was
   */
  int take(int bytes, int align) {
    if (stale) {
      reset();
    }
    int address = (at + align - 1) & -align;
    if (!fits(address, bytes)) {
      addRegion(bytes);
      address = at;
    }
    at = address + bytes;
    newest = address;
    return address;
  }

  /**
   * Changes the size of a piece, which keeps its contents as far as they fit.
   *
   * @param piece what {@link #take} gave in this call, or anything with a size of 0
   * @param pieceBytes its size
   * @param align what it was taken with
   * @param bytes the size it is to have
   * @return its address from now on
   * @throws DeltaException {@code OUT_OF_MEMORY}; the arena is as it was
   */
  int resize(int piece, int pieceBytes, int align, int bytes) {
    if (pieceBytes == 0) {
      return take(bytes, align);
    }
    if (piece == newest && fits(piece, bytes)) {
      at = piece + bytes;
      return piece;
    }
    int moved = take(bytes, align);
    memory.copy(piece, moved, Integer.compareUnsigned(pieceBytes, bytes) < 0 ? pieceBytes : bytes);
    return moved;
  }

  /** Ends a call: what was taken stays until more is taken. */
  void done() {
    stale = true;
  }

  private boolean fits(int address, int bytes) {
    return Integer.compareUnsigned(address, end) <= 0
        && Integer.compareUnsigned(bytes, end - address) <= 0;
  }

  private void reset() {
    stale = false;
    while (count > 0) {
      count--;
      if (spare == 0 && Integer.compareUnsigned(regionBytes[count], KEPT_BYTES) <= 0) {
        spare = regions[count];
        spareBytes = regionBytes[count];
      } else {
        memory.release(regions[count], regionBytes[count]);
      }
    }
    at = first;
    end = firstEnd;
    newest = 0;
  }

  private void addRegion(int bytes) {
    if (spare != 0 && Integer.compareUnsigned(bytes, spareBytes) <= 0) {
      enter(spare, spareBytes);
      spare = 0;
      return;
    }
    int needed = (bytes + Memory.REGION_UNIT - 1) & -Memory.REGION_UNIT;
    int wished = Memory.REGION_UNIT;
    for (int i = 0; i < count; i++) {
      wished += regionBytes[i];
    }
    if (spare != 0) {
      memory.release(spare, spareBytes);
      spare = 0;
    }
    int size = Integer.compareUnsigned(wished, needed) > 0 ? wished : needed;
    int region = needed == 0 ? 0 : memory.allocate(size); // 0: rounded up past 4 GiB
    if (region == 0 && size != needed && needed != 0) {
      size = needed;
      region = memory.allocate(size);
    }
    if (region == 0) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY,
          "no memory for " + Integer.toUnsignedLong(bytes) + " bytes of arguments or results");
    }
    enter(region, size);
  }

  private void enter(int region, int bytes) {
    if (count == regions.length) {
      regions = Arrays.copyOf(regions, count * 2);
      regionBytes = Arrays.copyOf(regionBytes, count * 2);
    }
    regions[count] = region;
    regionBytes[count++] = bytes;
    at = region;
    end = region + bytes;
  }
}
