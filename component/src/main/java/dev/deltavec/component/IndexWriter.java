package dev.deltavec.component;

import dev.deltavec.core.history.DeltaLog;
import dev.deltavec.core.memory.Memory;

/** Writes the indices of sparse deltas as frames have them: as distances, or as runs. */
final class IndexWriter {
  private final Memory memory;
  private boolean runs;

  /**
   * A writer.
   *
   * @param memory where lists and frames are
   */
  IndexWriter(Memory memory) {
    this.memory = memory;
  }

  /** Returns whether {@link #write} has written runs. */
  boolean isRuns() {
    return runs;
  }

  /**
   * Writes indices with their number before them. O(n)
   *
   * @param at where to: room for 5 bytes each, and 5 more
   * @param list address of the indices
   * @param n their number
   * @param compression whether to write runs where that is shorter
   * @return the address behind them, or 0 if the indices do not ascend
   */
  int write(int at, int list, int n, boolean compression) {
    runs = false;
    int to = putVarint(memory, at, n);
    int least = 0;
    int adjacent = 0;
    for (int from = list, end = list + (n << 2); from != end; from += 4) {
      int index = memory.getInt(from);
      int gap = index - least;
      if (Integer.compareUnsigned(index, least) < 0 || (least == 0 && from != list)) {
        return 0;
      }
      if (gap == 0) {
        adjacent++;
      }
      if (gap >= 0 && gap < 128) {
        memory.putByte(to++, (byte) gap);
      } else {
        to = putVarint(memory, to, gap);
      }
      least = index + 1;
    }
    // As runs they are shorter only if half of them stand behind another.
    if (compression && n > 2 && 2 * adjacent >= n) {
      int count = shorterAsRuns(list, n, to - at);
      if (count > 0) {
        runs = true;
        return putRuns(putVarint(memory, at, count), list, n);
      }
    }
    return to;
  }

  /** Returns the number of runs, or 0 if they would not be shorter than {@code bytes}. */
  private int shorterAsRuns(int list, int n, int bytes) {
    int count = 0;
    int sum = 0;
    int least = 0;
    for (int i = 0; i < n; ) {
      int end = runEnd(list, i, n);
      count++;
      sum += DeltaLog.varintBytes(index(list, i) - least) + DeltaLog.varintBytes(end - i - 1);
      least = index(list, end - 1) + 1;
      i = end;
    }
    return sum + DeltaLog.varintBytes(count) < bytes ? count : 0;
  }

  private int putRuns(int at, int list, int n) {
    int to = at;
    int least = 0;
    for (int i = 0; i < n; ) {
      int end = runEnd(list, i, n);
      to = putVarint(memory, to, index(list, i) - least);
      to = putVarint(memory, to, end - i - 1);
      least = index(list, end - 1) + 1;
      i = end;
    }
    return to;
  }

  private int runEnd(int list, int i, int n) {
    int end = i + 1;
    while (end < n && index(list, end) == index(list, end - 1) + 1) {
      end++;
    }
    return end;
  }

  private int index(int list, int i) {
    return memory.getInt(list + (i << 2));
  }

  /**
   * Sorts indices, and their values with them. In place, O(n log n): a heap sort.
   *
   * @param list address of the indices
   * @param values address of the values
   * @param n their number
   */
  void sort(int list, int values, int n) {
    for (int i = n / 2 - 1; i >= 0; i--) {
      sink(list, values, i, n);
    }
    for (int last = n - 1; last > 0; last--) {
      swap(list, values, 0, last);
      sink(list, values, 0, last);
    }
  }

  private void sink(int list, int values, int from, int n) {
    int i = from;
    for (int child = 2 * i + 1; child < n; child = 2 * i + 1) {
      if (child + 1 < n && isBelow(list, child, child + 1)) {
        child++;
      }
      if (!isBelow(list, i, child)) {
        return;
      }
      swap(list, values, i, child);
      i = child;
    }
  }

  private boolean isBelow(int list, int a, int b) {
    return Integer.compareUnsigned(index(list, a), index(list, b)) < 0;
  }

  private void swap(int list, int values, int a, int b) {
    exchange(list + (a << 2), list + (b << 2));
    exchange(values + (a << 2), values + (b << 2));
  }

  private void exchange(int a, int b) {
    int word = memory.getInt(a);
    memory.putInt(a, memory.getInt(b));
    memory.putInt(b, word);
  }

  /** Returns the first index of a sorted list that is there twice. */
  int repeated(int list, int n) {
    int i = 1;
    while (i < n - 1 && index(list, i) != index(list, i - 1)) {
      i++;
    }
    return index(list, i);
  }

  /** Writes an unsigned number as a varint and returns the address behind it. */
  static int putVarint(Memory memory, int at, int value) {
    return DeltaLog.putVarint(memory, at, Integer.toUnsignedLong(value));
  }
}
