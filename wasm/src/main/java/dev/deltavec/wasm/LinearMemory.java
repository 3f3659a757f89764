package dev.deltavec.wasm;

import dev.deltavec.core.memory.Memory;
import java.util.Arrays;
import org.teavm.interop.Address;

/**
 * The instance's linear memory. Regions are whole pages: the first free range that is large enough,
 * else the memory grows, by no more than what a free range at its end does not cover. The memory
 * never shrinks, so released regions wait, sorted and joined with their neighbours, for the next
 * request of any database of the instance.
 *
 * <p>Instances may share a memory: each keeps what it has got by growing it, and never touches what
 * it has not.
 *
 * <p>{@link #allocate} and {@link #release} are O(free ranges), a handful. The memory's maximum
 * leaves out the last page below 4 GiB, so the end of a region is always an address.
 */
public final class LinearMemory implements Memory {
  /** Free ranges in pages, sorted by {@link #first}; no two touch. */
  private int[] first = new int[8];

  private int[] length = new int[8];
  private int ranges;

  /** Whether the memory may not grow any more. */
  private boolean fixed;

  /** A memory that has no free ranges yet: the first request makes it grow. */
  public LinearMemory() {}

  /**
   * Gets all memory there will ever be: from now on the memory does not grow.
   *
   * @param pages how many of its pages are to be free
   * @return whether there are so many
   */
  boolean fix(int pages) {
    int region = allocate(pages << 16);
    if (region == 0) {
      return false;
    }
    release(region, pages << 16);
    fixed = true;
    return true;
  }

  @Override
  public int allocate(int bytes) {
    int pages = bytes >>> 16;
    for (int i = 0; i < ranges; i++) {
      if (length[i] >= pages) {
        return take(i, pages);
      }
    }
    if (fixed) {
      return 0;
    }
    int size = Native.size();
    int last = ranges - 1;
    int own = ranges > 0 && first[last] + length[last] == size ? length[last] : 0;
    int start = Native.grow(pages - own);
    if (start < 0) {
      return 0;
    }
    if (own != 0) {
      // Another instance may have grown the memory just before: then this does not join.
      release(start << 16, pages - own << 16);
      return allocate(bytes);
    }
    return start << 16;
  }

  /** Takes the lower part of a free range. */
  private int take(int i, int pages) {
    int address = first[i] << 16;
    first[i] += pages;
    length[i] -= pages;
    if (length[i] == 0) {
      remove(i);
    }
    clear(address, pages << 16);
    return address;
  }

  @Override
  public void release(int address, int bytes) {
    int start = address >>> 16;
    int pages = bytes >>> 16;
    int i = ranges;
    while (i > 0 && first[i - 1] > start) {
      i--;
    }
    boolean joinsBelow = i > 0 && first[i - 1] + length[i - 1] == start;
    boolean joinsAbove = i < ranges && start + pages == first[i];
    if (joinsBelow && joinsAbove) {
      length[i - 1] += pages + length[i];
      remove(i);
    } else if (joinsBelow) {
      length[i - 1] += pages;
    } else if (joinsAbove) {
      first[i] = start;
      length[i] += pages;
    } else {
      insert(i, start, pages);
    }
  }

  private void insert(int i, int start, int pages) {
    if (ranges == first.length) {
      first = Arrays.copyOf(first, ranges * 2);
      length = Arrays.copyOf(length, ranges * 2);
    }
    System.arraycopy(first, i, first, i + 1, ranges - i);
    System.arraycopy(length, i, length, i + 1, ranges - i);
    first[i] = start;
    length[i] = pages;
    ranges++;
  }

  private void remove(int i) {
    ranges--;
    System.arraycopy(first, i + 1, first, i, ranges - i);
    System.arraycopy(length, i + 1, length, i, ranges - i);
  }

  @Override
  public byte getByte(int address) {
    return Address.fromInt(address).getByte();
  }

  @Override
  public void putByte(int address, byte value) {
    Address.fromInt(address).putByte(value);
  }

  @Override
  public int getInt(int address) {
    return Address.fromInt(address).getInt();
  }

  @Override
  public void putInt(int address, int value) {
    Address.fromInt(address).putInt(value);
  }

  @Override
  public long getLong(int address) {
    return Address.fromInt(address).getLong();
  }

  @Override
  public void putLong(int address, long value) {
    Address.fromInt(address).putLong(value);
  }

  @Override
  public float getFloat(int address) {
    return Address.fromInt(address).getFloat();
  }

  @Override
  public void putFloat(int address, float value) {
    Address.fromInt(address).putFloat(value);
  }

  @Override
  public void copy(int source, int target, int bytes) {
    Native.copy(source, target, bytes);
  }

  @Override
  public void clear(int address, int bytes) {
    Native.clear(address, bytes);
  }
}
