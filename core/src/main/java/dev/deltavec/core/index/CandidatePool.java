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

  /** Returns whether {@code key} would get in. */
  boolean accepts(long key) {
    return size < capacity || key < keys[size - 1];
  }

  /** Puts in a key that the pool accepts, in O(capacity), and returns its position. */
  int insert(long key) {
    int i = size == capacity ? size - 1 : size++;
    for (; i > 0 && keys[i - 1] > key; i--) {
      keys[i] = keys[i - 1];
    }
    keys[i] = key;
    return i;
  }
}
