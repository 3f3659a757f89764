package dev.deltavec.core.history;

import java.util.Arrays;

/**
 * Which deltas a database has seen: for each replica a set of sequence numbers, kept as ascending
 * intervals. Usually that is one interval from 1, a version vector; gaps are what has not arrived
 * yet.
 *
 * <p>Replicas are numbered from 0 in the order they are first met.
 */
public final class Versions {
  private long[] replicas = new long[4];
  private int count;

  /** Of each replica: first and last of each interval, unsigned. */
  private int[][] intervals = new int[4][];

  /** Of each replica: how many numbers {@link #intervals} has in use. */
  private int[] used = new int[4];

  /** Returns how many replicas were met. */
  public int count() {
    return count;
  }

  /** Returns the 48-bit number of replica {@code index}. */
  public long replica(int index) {
    return replicas[index];
  }

  /** Returns how many intervals replica {@code index} has. */
  public int intervals(int index) {
    return used[index] >>> 1;
  }

  /** Returns the first sequence number of an interval, unsigned. */
  public int first(int index, int interval) {
    return intervals[index][interval << 1];
  }

  /** Returns the last sequence number of an interval, unsigned. */
  public int last(int index, int interval) {
    return intervals[index][(interval << 1) + 1];
  }

  /** Returns the index of a replica, or -1 if it was not met. O(replicas) */
  public int find(long replica) {
    for (int i = 0; i < count; i++) {
      if (replicas[i] == replica) {
        return i;
      }
    }
    return -1;
  }

  /** Returns the index of a replica, met now if it was not before. O(replicas) */
  public int meet(long replica) {
    int index = find(replica);
    if (index >= 0) {
      return index;
    }
    if (count == replicas.length) {
      replicas = Arrays.copyOf(replicas, count * 2);
      intervals = Arrays.copyOf(intervals, count * 2);
      used = Arrays.copyOf(used, count * 2);
    }
    replicas[count] = replica;
    intervals[count] = new int[4];
    used[count] = 0;
    return count++;
  }

  /** Returns a copy. O(intervals) */
  public Versions copy() {
    Versions copy = new Versions();
    copy.replicas = replicas.clone();
    copy.count = count;
    copy.intervals = new int[intervals.length][];
    for (int i = 0; i < count; i++) {
      copy.intervals[i] = intervals[i].clone();
    }
    copy.used = used.clone();
    return copy;
  }

  /** Returns whether a delta was seen. O(log intervals) */
  public boolean contains(int index, int sequence) {
    int at = position(index, sequence);
    return at < used[index] && Integer.compareUnsigned(intervals[index][at], sequence) <= 0;
  }

  /** Returns the number of deltas seen of a replica. O(intervals) */
  public long seen(int index) {
    long sum = 0;
    for (int i = 0; i < used[index]; i += 2) {
      sum +=
          Integer.toUnsignedLong(intervals[index][i + 1])
              - Integer.toUnsignedLong(intervals[index][i])
              + 1;
    }
    return sum;
  }

  /**
   * Adds a number; one that is there already changes nothing. O(1) behind the last, else
   * O(intervals).
   */
  public void add(int index, int sequence) {
    addRange(index, sequence, sequence);
  }

  /**
   * Adds all numbers from {@code first} to {@code last}, of which none may be there unless {@code
   * first == last}.
   */
  public void addRange(int index, int first, int last) {
    int[] list = intervals[index];
    int n = used[index];
    int at = position(index, first);
    if (at < n && Integer.compareUnsigned(list[at], first) <= 0) {
      return;
    }
    boolean joinsBefore = at > 0 && list[at - 1] + 1 == first;
    boolean joinsAfter = at < n && last + 1 == list[at];
    if (joinsBefore && joinsAfter) {
      list[at - 1] = list[at + 1];
      System.arraycopy(list, at + 2, list, at, n - at - 2);
      used[index] = n - 2;
    } else if (joinsBefore) {
      list[at - 1] = last;
    } else if (joinsAfter) {
      list[at] = first;
    } else {
      if (n == list.length) {
        list = Arrays.copyOf(list, n * 2);
        intervals[index] = list;
      }
      System.arraycopy(list, at, list, at + 2, n - at);
      list[at] = first;
      list[at + 1] = last;
      used[index] = n + 2;
    }
  }

  /** Returns the position of the first interval that ends at {@code sequence} or behind it. */
  private int position(int index, int sequence) {
    int[] list = intervals[index];
    int low = 0;
    int high = used[index] >>> 1;
    if (high > 0 && Integer.compareUnsigned(list[(high << 1) - 1], sequence) < 0) {
      return high << 1; // the usual case: behind all
    }
    while (low < high) {
      int middle = low + high >>> 1;
      if (Integer.compareUnsigned(list[(middle << 1) + 1], sequence) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low << 1;
  }
}
