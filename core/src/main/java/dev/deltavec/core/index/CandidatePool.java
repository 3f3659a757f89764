package dev.deltavec.core.index;

/** The best candidates so far, as {@link Keys}, ascending, at most {@code capacity}. */
final class CandidatePool {
  long[] keys = new long[128];
  int size;
  private int capacity;

  /** Empties the pool and sets how many it keeps. */
  void reset(int newCapacity) {
    if (newCapacity > keys.length) {
      keys = new long[Math.max(newCapacity, keys.length * 2)];
    }
    capacity = newCapacity;
    size = 0;
  }

  /** Returns what a key must be below to get in. */
  long worst() {
    return size < capacity ? Long.MAX_VALUE : keys[size - 1];
  }

  /** Returns whether {@code key} would get in. */
  boolean accepts(long key) {
    return size < capacity || key < keys[size - 1];
  }

  /** Puts in a key that the pool accepts, in O(capacity), and returns its position. */
  int insert(long key) {
    long[] sorted = keys;
    int i = size == capacity ? size - 1 : size++;
    while (i > 0) {
      long before = sorted[i - 1];
      if (before <= key) {
        break;
      }
      sorted[i--] = before;
    }
    sorted[i] = key;
    return i;
  }
}
