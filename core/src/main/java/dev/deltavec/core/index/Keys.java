package dev.deltavec.core.index;

/**
 * Candidates as sortable 64-bit keys: the distance above, the slot below. Comparing two keys as
 * signed numbers compares the distances, and the slots where those are equal. Bit 31 marks a
 * candidate whose neighbours were looked at.
 */
public final class Keys {
  static final long EXPANDED = 1L << 31;

  private Keys() {}

  static long of(float distance, int slot) {
    return (long) sortable(Float.floatToRawIntBits(distance)) << 32 | slot;
  }

  static int slot(long key) {
    return (int) key & 0x7fff_ffff;
  }

  static float distance(long key) {
    return Float.intBitsToFloat(sortable((int) (key >> 32)));
  }

  /** Makes the order of the bits the order of the floats; its own inverse. */
  private static int sortable(int bits) {
    return bits ^ bits >> 31 & 0x7fff_ffff;
  }

  /**
   * Sorts any {@code keys[0..n)} ascending, in place: heapsort, O(n log n) whatever the input, no
   * allocation.
   */
  public static void sort(long[] keys, int n) {
    if (n <= 40) {
      for (int i = 1; i < n; i++) {
        long key = keys[i];
        int j = i;
        for (; j > 0 && keys[j - 1] > key; j--) {
          keys[j] = keys[j - 1];
        }
        keys[j] = key;
      }
      return;
    }
    for (int i = n / 2 - 1; i >= 0; i--) {
      sift(keys, i, n);
    }
    for (int last = n - 1; last > 0; last--) {
      long largest = keys[0];
      keys[0] = keys[last];
      keys[last] = largest;
      sift(keys, 0, last);
    }
  }

  private static void sift(long[] keys, int start, int n) {
    long key = keys[start];
    int i = start;
    for (int child = 2 * i + 1; child < n; child = 2 * i + 1) {
      if (child + 1 < n && keys[child + 1] > keys[child]) {
        child++;
      }
      if (keys[child] <= key) {
        break;
      }
      keys[i] = keys[child];
      i = child;
    }
    keys[i] = key;
  }
}
