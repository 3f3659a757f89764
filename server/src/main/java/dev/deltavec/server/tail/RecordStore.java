package dev.deltavec.server.tail;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.server.tail.FollowException.Reason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Records of the log for many who read the same ones: from memory if they are there, else by one of
 * a few readers, for all who want them. Thread-safe; calls that read the log block.
 */
public final class RecordStore implements AutoCloseable {
  /** Offsets in a chunk: what is behind a multiple of it never changes what is before. */
  public static final int CHUNK = 1_000;

  /** Most chunks of one shard that are read in one go. */
  private static final int AHEAD = 8;

  /** Most bytes that are read in one go. */
  private static final long LOAD_BYTES = 8 << 20;

  /** Most bytes of a piece; a chunk with more is several. */
  private static final long PIECE_BYTES = 4 << 20;

  private static final int PIECE_COST = 256;
  private static final int ENTRY_COST = 96;
  private static final Duration POLL = Duration.ofMillis(200);
  private static final long LOAD_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long BEGIN_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final DeltaLog log;
  private final LiveBuffer live;
  private final long maxBytes;
  private final BlockingQueue<DeltaLog.Reader> readers;
  private final List<DeltaLog.Reader> opened = new ArrayList<>();
  private final int maxReaders;
  private final ReentrantLock[] loading;
  private final long[] begins;
  private final long[] beginsRead;

  /** Pieces by shard and offset; guarded by this. */
  private final List<TreeMap<Long, Slice>> pieces = new ArrayList<>();

  /** The same, the least used first; guarded by this. */
  private final LinkedHashMap<Place, Slice> used = new LinkedHashMap<>(16, 0.75f, true);

  private long bytes;
  private long loads;
  private boolean closed;

  private record Place(int shard, long from) {}

  /**
   * A store.
   *
   * @param live newest records, which somebody else adds to
   * @param maxBytes of older records in memory
   * @param maxReaders how many read the log at the same time
   */
  RecordStore(DeltaLog log, LiveBuffer live, long maxBytes, int maxReaders) {
    this.log = log;
    this.live = live;
    this.maxBytes = maxBytes;
    this.maxReaders = maxReaders;
    readers = new ArrayBlockingQueue<>(maxReaders);
    loading = new ReentrantLock[log.shards()];
    begins = new long[log.shards()];
    beginsRead = new long[log.shards()];
    for (int i = 0; i < loading.length; i++) {
      loading[i] = new ReentrantLock();
      beginsRead[i] = System.nanoTime() - BEGIN_NANOS;
      pieces.add(new TreeMap<>());
    }
  }

  /** Returns the offset behind the newest record of a shard that is known here. O(1) */
  public long end(int shard) {
    return live.head(shard);
  }

  /**
   * Returns the first offset that can be read; it may be some seconds old.
   *
   * @throws LogException if the log cannot be reached
   */
  public long begin(int shard) {
    synchronized (begins) {
      if (System.nanoTime() - beginsRead[shard] < BEGIN_NANOS) {
        return begins[shard];
      }
    }
    long begin = log.begin(shard);
    synchronized (begins) {
      begins[shard] = begin;
      beginsRead[shard] = System.nanoTime();
    }
    return begin;
  }

  /**
   * Reads from an offset to the end of its chunk, or the end of the log, or about so many bytes.
   *
   * @param since up to {@link #end}
   * @return not empty if there is something
   * @throws LogException if the log cannot be read
   * @throws FollowException {@code TOO_FAR_BEHIND} if records that should be there are gone
   */
  public Slice read(int shard, long since, long maxBytes) {
    Slice slice = inMemory(shard, since, maxBytes);
    if (slice == null) {
      slice = load(Map.of(shard, since)).getFirst().upTo(chunkEnd(since), maxBytes);
    }
    return slice;
  }

  /**
   * Reads what is behind these offsets, some of it of each shard.
   *
   * @param since by shard, each below {@link #end}
   * @param maxBytes of each shard, about
   * @return one slice for each shard, ascending; each with something in it, or progress
   * @throws LogException if the log cannot be read
   * @throws FollowException {@code TOO_FAR_BEHIND} if records that should be there are gone
   */
  List<Slice> readAll(Map<Integer, Long> since, long maxBytes) {
    TreeMap<Integer, Slice> slices = new TreeMap<>();
    TreeMap<Integer, Long> missing = new TreeMap<>();
    since.forEach((shard, offset) -> {
      Slice slice = inMemory(shard, offset, maxBytes);
      if (slice != null) {
        slices.put(shard, slice);
      } else {
        missing.put(shard, offset);
      }
    });
    if (!missing.isEmpty()) {
      for (Slice slice : load(missing)) {
        slices.put(slice.shard(), slice.upTo(slice.next(), maxBytes)); // the rest is in memory
      }
    }
    return List.copyOf(slices.values());
  }

  private static long chunkEnd(long offset) {
    return (offset / CHUNK + 1) * CHUNK;
  }

  private @Nullable Slice inMemory(int shard, long since, long maxBytes) {
    Slice slice = live.slice(shard, since, maxBytes);
    if (slice == null) {
      slice = piece(shard, since);
      slice = slice == null ? null : slice.since(since);
    }
    return slice == null ? null : slice.upTo(chunkEnd(since), maxBytes);
  }

  /** Returns the piece that holds an offset. */
  private synchronized @Nullable Slice piece(int shard, long offset) {
    Map.Entry<Long, Slice> entry = pieces.get(shard).floorEntry(offset);
    if (entry == null || entry.getValue().next() <= offset) {
      return null;
    }
    return used.get(new Place(shard, entry.getKey()));
  }

  /**
   * Returns where to begin to read so that an offset comes, and pieces are those of others, too.
   */
  private synchronized long start(int shard, long offset) {
    long chunk = offset / CHUNK * CHUNK;
    Map.Entry<Long, Slice> before = pieces.get(shard).floorEntry(offset);
    return before == null ? chunk : Math.max(chunk, Math.min(offset, before.getValue().next()));
  }

  private synchronized void keep(Slice piece) {
    Place place = new Place(piece.shard(), piece.from());
    Slice old = used.put(place, piece);
    pieces.get(piece.shard()).put(piece.from(), piece);
    bytes += cost(piece) - (old == null ? 0 : cost(old));
    var eldest = used.entrySet().iterator();
    while (bytes > maxBytes && eldest.hasNext()) {
      Map.Entry<Place, Slice> entry = eldest.next();
      eldest.remove();
      pieces.get(entry.getKey().shard()).remove(entry.getKey().from());
      bytes -= cost(entry.getValue());
    }
  }

  private static long cost(Slice piece) {
    return PIECE_COST + (long) ENTRY_COST * piece.entries().size() + piece.bytes();
  }

  /** Returns how often the log was read. */
  public synchronized long loads() {
    return loads;
  }

  /** Returns the bytes of older records in memory. */
  synchronized long cached() {
    return bytes;
  }

  /** What is to be read of one shard. */
  private static final class Wish {
    final int shard;
    final long offset;
    final long start;
    final long target;
    final List<DeltaLog.Entry> entries = new ArrayList<>();

    Wish(int shard, long offset, long start, long target) {
      this.shard = shard;
      this.offset = offset;
      this.start = start;
      this.target = target;
    }
  }

  /** Reads the log; who wants the same meanwhile waits, and finds it in memory. */
  private List<Slice> load(Map<Integer, Long> since) {
    TreeMap<Integer, Long> sorted = new TreeMap<>(since);
    for (int shard : sorted.keySet()) {
      loading[shard].lock(); // ascending, so nobody waits for somebody who waits for them
    }
    try {
      List<Slice> slices = new ArrayList<>();
      TreeMap<Integer, Wish> wishes = new TreeMap<>();
      for (Map.Entry<Integer, Long> entry : sorted.entrySet()) {
        int shard = entry.getKey();
        long offset = entry.getValue();
        Slice slice = piece(shard, offset);
        if (slice != null) {
          slices.add(slice.since(offset));
        } else {
          long most = offset / CHUNK * CHUNK + (long) AHEAD * CHUNK;
          long target = Math.min(most, live.head(shard));
          wishes.put(shard, new Wish(shard, offset, start(shard, offset), target));
        }
      }
      if (!wishes.isEmpty()) {
        slices.addAll(loadLocked(wishes));
      }
      return slices;
    } finally {
      sorted.keySet().forEach(shard -> loading[shard].unlock());
    }
  }

  private List<Slice> loadLocked(Map<Integer, Wish> wishes) {
    for (Wish wish : wishes.values()) {
      requireThere(wish, begin(wish.shard));
    }
    DeltaLog.Reader reader = borrow();
    boolean good = false;
    try {
      List<Slice> slices = load(reader, wishes);
      good = true;
      return slices;
    } catch (LogException e) {
      if (e.reason() == LogException.Reason.BEHIND) {
        wishes.values().forEach(wish -> requireThere(wish, log.begin(wish.shard)));
      }
      throw e;
    } finally {
      giveBack(reader, good);
    }
  }

  private void requireThere(Wish wish, long begin) {
    if (wish.offset < begin) {
      throw new FollowException(
          Reason.TOO_FAR_BEHIND,
          "shard " + wish.shard + " begins with offset " + begin + ", " + wish.offset + " is gone",
          Map.of("shard", wish.shard, "begin", begin, "end", Math.max(begin, end(wish.shard))));
    }
  }

  /** Reads whole chunks as far as possible, keeps them, and returns what is asked for. */
  private List<Slice> load(DeltaLog.Reader reader, Map<Integer, Wish> wishes) {
    Map<Integer, Long> starts = new TreeMap<>();
    wishes.forEach((shard, wish) -> starts.put(shard, wish.start));
    reader.assign(starts);
    long deadline = System.nanoTime() + LOAD_NANOS;
    long sum = 0;
    boolean more = true;
    while (more) {
      for (DeltaLog.Entry entry : reader.poll(POLL)) {
        Wish wish = wishes.get(entry.shard());
        if (wish != null) {
          wish.entries.add(entry);
          sum += entry.frames().length;
        }
      }
      boolean all = true;
      boolean some = true;
      for (Wish wish : wishes.values()) {
        long position = reader.position(wish.shard);
        all &= position >= wish.target;
        some &= position > wish.offset;
      }
      more = !all && !(sum >= LOAD_BYTES && some);
      if (more && System.nanoTime() > deadline) {
        throw new LogException(
            LogException.Reason.UNAVAILABLE, "the log has not given its records in time");
      }
    }
    synchronized (this) {
      loads++;
    }
    List<Slice> slices = new ArrayList<>();
    wishes.values().forEach(wish -> slices.add(take(wish, reader.position(wish.shard))));
    return slices;
  }

  /** Keeps what was read as pieces; returns what is behind an offset. */
  private Slice take(Wish wish, long next) {
    Slice rest =
        new Slice(wish.shard, wish.start, Math.max(wish.start, next), List.copyOf(wish.entries));
    Slice all = rest.since(Math.min(wish.offset, rest.next()));
    while (rest.from() < rest.next()) {
      Slice piece = rest.upTo(chunkEnd(rest.from()), PIECE_BYTES);
      keep(piece);
      if (piece == rest) {
        break;
      }
      rest = rest.since(piece.next());
    }
    return all;
  }

  private DeltaLog.Reader borrow() {
    DeltaLog.Reader reader = readers.poll();
    if (reader != null) {
      return reader;
    }
    synchronized (opened) {
      if (closed) {
        throw new LogException(LogException.Reason.CLOSED, "the gateway is closed");
      }
      if (opened.size() < maxReaders) {
        reader = log.reader();
        opened.add(reader);
        return reader;
      }
    }
    try {
      reader = readers.poll(LOAD_NANOS, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LogException(LogException.Reason.CLOSED, "interrupted", e);
    }
    if (reader == null) {
      throw new LogException(LogException.Reason.UNAVAILABLE, "too many read the log at once");
    }
    return reader;
  }

  private void giveBack(DeltaLog.Reader reader, boolean good) {
    synchronized (opened) {
      if (good && !closed) {
        readers.add(reader);
        return;
      }
      opened.remove(reader);
    }
    reader.close();
  }

  /** Ends it; who reads the log is told so when the reader is given back. */
  @Override
  public void close() {
    synchronized (opened) {
      closed = true;
      for (DeltaLog.Reader reader = readers.poll(); reader != null; reader = readers.poll()) {
        opened.remove(reader);
        reader.close();
      }
    }
  }
}
