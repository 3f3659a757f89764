package dev.deltavec.server.tail;

import dev.deltavec.log.DeltaLog;
import java.util.List;

/**
 * Some records of a shard, without a gap.
 *
 * @param from every record from this offset on, and before {@code next}, is here
 * @param next offset to go on with
 * @param entries in their order, unmodifiable
 */
public record Slice(int shard, long from, long next, List<DeltaLog.Entry> entries) {
  /** Returns the bytes of all frames. O(entries) */
  long bytes() {
    long bytes = 0;
    for (DeltaLog.Entry entry : entries) {
      bytes += entry.frames().length;
    }
    return bytes;
  }

  /**
   * Returns what is here from an offset on.
   *
   * @param since from {@link #from} to {@link #next}
   */
  Slice since(long since) {
    return since == from
        ? this
        : new Slice(shard, since, next, entries.subList(firstAt(entries, since), entries.size()));
  }

  /**
   * Returns the first part of this, which ends before an offset or with so many bytes; never
   * nothing where there is something.
   */
  Slice upTo(long end, long maxBytes) {
    long stop = Math.min(end, next);
    long bytes = 0;
    int n = 0;
    for (DeltaLog.Entry entry : entries) {
      if (entry.offset() >= stop) {
        break;
      }
      bytes += entry.frames().length;
      if (n > 0 && bytes > maxBytes) {
        stop = entry.offset();
        break;
      }
      n++;
    }
    return stop == next ? this : new Slice(shard, from, stop, entries.subList(0, n));
  }

  /** Returns the index of the first entry with at least this offset. O(log entries) */
  static int firstAt(List<DeltaLog.Entry> entries, long offset) {
    int low = 0;
    int high = entries.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (entries.get(middle).offset() < offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
