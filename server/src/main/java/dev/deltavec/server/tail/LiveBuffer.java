package dev.deltavec.server.tail;

import dev.deltavec.log.DeltaLog;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The newest records of all shards, in memory: as many as fit into so many bytes. Thread-safe. */
final class LiveBuffer {
  /** What a record takes besides its frames. */
  private static final int ENTRY_BYTES = 96;

  /** In the place of a record that is not kept any more. */
  private static final DeltaLog.Entry GONE = new DeltaLog.Entry(0, 0, 0, new byte[0]);

  private final long maxBytes;
  private final List<Row> rows = new ArrayList<>();

  /** Shards of the records that are here, in the order in which they came. */
  private final ArrayDeque<Row> arrivals = new ArrayDeque<>();

  private long bytes;

  /** The records of one shard that are here. */
  private static final class Row {
    final int shard;
    long begin;
    long head;
    int first;
    final ArrayList<DeltaLog.Entry> entries = new ArrayList<>();

    Row(int shard, long head) {
      this.shard = shard;
      this.begin = head;
      this.head = head;
    }
  }

  /**
   * A buffer without records.
   *
   * @param heads by shard: offset of the first record that is to come
   */
  LiveBuffer(long[] heads, long maxBytes) {
    this.maxBytes = maxBytes;
    for (int shard = 0; shard < heads.length; shard++) {
      rows.add(new Row(shard, heads[shard]));
    }
  }

  /** Adds a record; each shard's come in their order. */
  synchronized void add(DeltaLog.Entry entry) {
    Row row = rows.get(entry.shard());
    row.entries.add(entry);
    row.head = Math.max(row.head, entry.offset() + 1);
    arrivals.add(row);
    bytes += entry.frames().length + ENTRY_BYTES;
    while (bytes > maxBytes && arrivals.size() > 1) {
      drop(arrivals.remove());
    }
  }

  /** Forgets all records, and goes on at other offsets, by shard. */
  synchronized void reset(long[] heads) {
    arrivals.clear();
    bytes = 0;
    for (Row row : rows) {
      row.entries.clear();
      row.first = 0;
      row.begin = heads[row.shard];
      row.head = heads[row.shard];
    }
  }

  private void drop(Row row) {
    DeltaLog.Entry entry = row.entries.get(row.first);
    bytes -= entry.frames().length + ENTRY_BYTES;
    row.begin = entry.offset() + 1;
    row.entries.set(row.first++, GONE);
    if (row.first > row.entries.size() / 2) {
      row.entries.subList(0, row.first).clear();
      row.first = 0;
    }
  }

  /** Says that there is no record of a shard before an offset that has not come. */
  synchronized void advance(int shard, long head) {
    Row row = rows.get(shard);
    row.head = Math.max(row.head, head);
  }

  /** Returns the offset behind all records of a shard. */
  synchronized long head(int shard) {
    return rows.get(shard).head;
  }

  /** Returns the offsets behind all records, by shard. */
  synchronized long[] heads() {
    return rows.stream().mapToLong(row -> row.head).toArray();
  }

  /**
   * Returns the records from an offset on.
   *
   * @param maxBytes about as many bytes at most
   * @return null if some of them are not here; with no entries if there are none yet
   */
  synchronized @Nullable Slice slice(int shard, long since, long maxBytes) {
    Row row = rows.get(shard);
    if (since < row.begin) {
      return null;
    }
    List<DeltaLog.Entry> here = row.entries.subList(row.first, row.entries.size());
    int from = Slice.firstAt(here, since);
    int to = from;
    for (long sum = 0; to < here.size() && (to == from || sum < maxBytes); to++) {
      sum += here.get(to).frames().length;
    }
    long next = to == here.size() ? Math.max(row.head, since) : here.get(to).offset();
    return new Slice(shard, since, next, List.copyOf(here.subList(from, to)));
  }
}
