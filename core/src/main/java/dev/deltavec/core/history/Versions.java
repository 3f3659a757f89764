package dev.deltavec.core.history;

import dev.deltavec.core.index.Keys;
import java.util.Arrays;

/**
 * Which deltas a database has seen: for each replica a set of sequence numbers, kept as ascending
 * intervals. Usually that is one interval from 1, a version vector; gaps are what has not arrived
 * yet.
 *
 * <p>Replicas are numbered from 0 in the order they are first met. Numbers that come out of order
 * wait in a hash set until there are many, and are then merged into the intervals at one go, so no
 * order of arrival takes quadratic time.
 */
public final class Versions {
  private static final int WAITING_LIMIT = 512;

  private long[] replicas = new long[4];
  private int count;

  /** Index of a replica by its number, plus one; open addressing. */
  private int[] byReplica = new int[16];

  /** Of each replica: first and last of each interval, unsigned. */
  private int[][] intervals = new int[4][];

  /** Of each replica: how many numbers {@link #intervals} has in use. */
  private int[] used = new int[4];

  /**
   * Numbers that are not in the intervals yet, plus one: replica index above, sequence below; open
   * addressing.
   */
  private long[] waiting = new long[64];

  private int waitingCount;

  /** How many numbers all intervals have in use. */
  private int usedByAll;

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
    settle();
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

  /** Returns the index of a replica, or -1 if it was not met. Expected O(1) */
  public int find(long replica) {
    return byReplica[place(byReplica, replica)] - 1;
  }

  /** Returns the index of a replica, met now if it was not before. Expected O(1) */
  public int meet(long replica) {
    int place = place(byReplica, replica);
    if (byReplica[place] != 0) {
      return byReplica[place] - 1;
    }
    if (count == replicas.length) {
      replicas = Arrays.copyOf(replicas, count * 2);
      int[][] more = new int[count * 2][];
      System.arraycopy(intervals, 0, more, 0, count);
      intervals = more;
      used = Arrays.copyOf(used, count * 2);
      int[] larger = new int[count * 8];
      for (int i = 0; i < count; i++) {
        larger[place(larger, replicas[i])] = i + 1;
      }
      byReplica = larger;
      place = place(byReplica, replica);
    }
    replicas[count] = replica;
    intervals[count] = new int[4];
    used[count] = 0;
    byReplica[place] = ++count;
    return count - 1;
  }

  private int place(int[] table, long replica) {
    int mask = table.length - 1;
    int i = hash(replica) & mask;
    while (table[i] != 0 && replicas[table[i] - 1] != replica) {
      i = i + 1 & mask;
    }
    return i;
  }

  private static int hash(long value) {
    long h = value * 0x9E3779B97F4A7C15L;
    return (int) (h >>> 32 ^ h >>> 15);
  }

  /** Returns a copy. O(replicas + intervals) */
  public Versions copy() {
    Versions copy = new Versions();
    copy.replicas = Arrays.copyOf(replicas, replicas.length);
    copy.count = count;
    copy.byReplica = Arrays.copyOf(byReplica, byReplica.length);
    copy.intervals = new int[intervals.length][];
    for (int i = 0; i < count; i++) {
      copy.intervals[i] = Arrays.copyOf(intervals[i], intervals[i].length);
    }
    copy.used = Arrays.copyOf(used, used.length);
    copy.waiting = Arrays.copyOf(waiting, waiting.length);
    copy.waitingCount = waitingCount;
    copy.usedByAll = usedByAll;
    return copy;
  }

  /** Returns whether a delta was seen. O(log intervals) */
  public boolean contains(int index, int sequence) {
    return inIntervals(index, sequence)
        || (waitingCount != 0 && waiting[placeWaiting(key(index, sequence))] != 0);
  }

  private boolean inIntervals(int index, int sequence) {
    int at = position(index, sequence);
    return at < used[index] && Integer.compareUnsigned(intervals[index][at], sequence) <= 0;
  }

  /** Returns the number of deltas seen of a replica. O(intervals) */
  public long seen(int index) {
    settle();
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
   * Adds a number; one that is there already changes nothing. Amortised O(log intervals), O(1) next
   * to the last.
   */
  public void add(int index, int sequence) {
    int[] list = intervals[index];
    int n = used[index];
    if (n > 0 && list[n - 1] + 1 == sequence && sequence != 0) {
      list[n - 1] = sequence;
      return;
    }
    if (n == 0 || Integer.compareUnsigned(list[n - 1], sequence) < 0) {
      append(index, sequence, sequence);
      return;
    }
    if (inIntervals(index, sequence)) {
      return;
    }
    long key = key(index, sequence);
    int place = placeWaiting(key);
    if (waiting[place] == 0) {
      waiting[place] = key;
      if (++waitingCount * 2 > waiting.length) {
        if (waitingCount >= Math.max(WAITING_LIMIT, usedByAll)) {
          settle();
        } else {
          rehash();
        }
      }
    }
  }

  /** Adds all numbers from {@code first} to {@code last}, which lie behind all that are there. */
  public void addRange(int index, int first, int last) {
    int n = used[index];
    if (n > 0 && intervals[index][n - 1] + 1 == first) {
      intervals[index][n - 1] = last;
    } else {
      append(index, first, last);
    }
  }

  private void append(int index, int first, int last) {
    int n = used[index];
    if (n == intervals[index].length) {
      intervals[index] = Arrays.copyOf(intervals[index], n * 2);
    }
    intervals[index][n] = first;
    intervals[index][n + 1] = last;
    used[index] = n + 2;
    usedByAll += 2;
  }

  private static long key(int index, int sequence) {
    return ((long) index << 32 | sequence & 0xffff_ffffL) + 1;
  }

  private int placeWaiting(long key) {
    int mask = waiting.length - 1;
    int i = hash(key) & mask;
    while (waiting[i] != 0 && waiting[i] != key) {
      i = i + 1 & mask;
    }
    return i;
  }

  private void rehash() {
    long[] old = waiting;
    waiting = new long[old.length * 2];
    for (long key : old) {
      if (key != 0) {
        waiting[placeWaiting(key)] = key;
      }
    }
  }

  /** Merges what waits into the intervals. O(waiting log waiting + intervals of their replicas) */
  private void settle() {
    if (waitingCount == 0) {
      return;
    }
    long[] keys = new long[waitingCount];
    int n = 0;
    for (long key : waiting) {
      if (key != 0) {
        keys[n++] = key - 1;
      }
    }
    Arrays.fill(waiting, 0);
    waitingCount = 0;
    Keys.sort(keys, n);
    for (int from = 0; from < n; ) {
      int index = (int) (keys[from] >>> 32);
      int to = from;
      while (to < n && (int) (keys[to] >>> 32) == index) {
        to++;
      }
      mergeInto(index, keys, from, to);
      from = to;
    }
  }

  private void mergeInto(int index, long[] keys, int from, int to) {
    int[] old = intervals[index];
    int oldUsed = used[index];
    intervals[index] = new int[Math.max(4, oldUsed + 2 * (to - from))];
    used[index] = 0;
    usedByAll -= oldUsed;
    int k = from;
    for (int i = 0; i < oldUsed || k < to; ) {
      boolean single =
          i == oldUsed || (k < to && Integer.compareUnsigned((int) keys[k], old[i]) < 0);
      int first = single ? (int) keys[k] : old[i];
      int last = single ? first : old[i + 1];
      if (single) {
        k++;
      } else {
        i += 2;
      }
      addRange(index, first, last);
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
