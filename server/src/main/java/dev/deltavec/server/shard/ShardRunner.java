package dev.deltavec.server.shard;

import dev.deltavec.CompactOptions;
import dev.deltavec.DeltaFrames;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.MergeResult;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One shard in this process: its database, brought up to date from files, or the states and the
 * records of the log, and kept there by {@link #apply}. The same records give the same state in
 * every copy. Safe for use by several threads; it has none of its own.
 */
public final class ShardRunner implements AutoCloseable {
  private static final Logger LOG = System.getLogger("dev.deltavec.server");

  /** Of skipped frames, so many are told of one by one. */
  private static final int SKIPS_LOGGED = 20;

  /** What a shard is doing. */
  public enum State {
    /** It reads its files, or states. */
    RESTORING,
    /** It is behind the log as it was when it was restored. */
    CATCHING_UP,
    /** It has all that was in the log when it was restored, and follows. */
    READY,
    /** It cannot go on; {@link #failure} says why. */
    FAILED,
    /** It is closed. */
    CLOSED
  }

  /**
   * What a shard's state was at an offset.
   *
   * @param offset of the first record that is not in it
   * @param digest as {@link DeltaVectorDB#stateDigest}
   */
  public record Digest(long offset, String digest) {}

  private final int shard;
  private final ShardSettings settings;
  private final DeltaLog log;

  /** Whoever applies, or needs that nobody does. Never held for long. */
  private final ReentrantLock lock = new ReentrantLock();

  /** Whoever writes states or snapshots, or compacts. Taken before the other one. */
  final ReentrantLock maintenance = new ReentrantLock();

  private volatile State state = State.RESTORING;
  private volatile @Nullable String failure;
  private volatile boolean cancelled;
  private volatile long next;
  private volatile long target;
  private volatile long latest;
  private volatile long horizon;
  private volatile @Nullable ShardStore store;
  private @Nullable Set<String> dirty;
  private @Nullable OutputStream recording;
  private @Nullable IOException recordingFailed;
  private final ShardCounters counters;
  private final ShardCounters all;

  /**
   * A shard that is to be restored.
   *
   * @param all counts for all shards of the node
   */
  public ShardRunner(int shard, ShardSettings settings, DeltaLog log, ShardCounters all) {
    this.shard = shard;
    this.settings = settings;
    this.log = log;
    this.all = all;
    counters = new ShardCounters();
  }

  // ---------------------------------------------------------------- what it is like

  /** Returns the shard's number. */
  public int shard() {
    return shard;
  }

  /** Returns what it is doing. */
  public State state() {
    return state;
  }

  /** Returns why it cannot go on, or null. */
  public @Nullable String failure() {
    return failure;
  }

  /** Tells whether it can be searched, and is no further behind than what comes in right now. */
  public boolean ready() {
    return state == State.READY;
  }

  /** Returns the offset of the first record that has not been applied. */
  public long next() {
    return next;
  }

  /** Returns how many records it is behind. Asks the log. */
  public long lag() {
    return Math.max(0, log.end(shard) - next);
  }

  /** Returns what was counted since it was opened. */
  public ShardCounters counters() {
    return counters;
  }

  /** Returns the time that the history of all vectors begins with, at least; 0 for none. */
  public long horizon() {
    return horizon;
  }

  /**
   * Returns the database, to be read.
   *
   * @throws IllegalStateException if it is not open
   */
  public DeltaVectorDB db() {
    return requireStore().db();
  }

  /** Returns the database, to be read, or null if it is not open. */
  public @Nullable DeltaVectorDB openDb() {
    ShardStore open = store;
    return open == null ? null : open.db();
  }

  ShardStore requireStore() {
    ShardStore open = store;
    if (open == null) {
      throw new IllegalStateException("shard " + shard + " is not open");
    }
    return open;
  }

  ShardSettings settings() {
    return settings;
  }

  DeltaLog log() {
    return log;
  }

  /** Returns the state's digest. Nothing is applied meanwhile. O(size) */
  public Digest digest() {
    lock.lock();
    try {
      return new Digest(next, db().stateDigest());
    } finally {
      lock.unlock();
    }
  }

  // ---------------------------------------------------------------- restoring

  /**
   * Opens the shard's files, or makes them from the states in the log. The records behind are to be
   * applied from {@link #next} on.
   *
   * @throws CancellationException if {@link #cancel} was called
   * @throws LogException if the log cannot be read
   * @throws DeltaException if the files cannot be opened or written
   * @throws UncheckedIOException if the disk fails
   */
  public void restore() {
    maintenance.lock();
    try {
      ShardStore opened = openFiles();
      store = opened;
      try {
        restore(opened);
      } catch (RuntimeException | Error e) {
        store = null;
        opened.close();
        throw e;
      }
    } finally {
      maintenance.unlock();
    }
  }

  private ShardStore openFiles() {
    ShardStore opened = ShardStore.open(shard, settings);
    long mark = opened.db().mark();
    boolean usable;
    if (mark < 0) {
      // A restore that did not come to its end must not be mixed with states of another time.
      usable = opened.db().rememberedIds().isEmpty();
    } else {
      usable = mark >= log.begin(shard) && mark <= log.end(shard);
    }
    if (usable) {
      return opened;
    }
    LOG.log(Level.INFO, "files of shard " + shard + " end at " + mark + ": made anew");
    opened.discard();
    return ShardStore.open(shard, settings);
  }

  private void restore(ShardStore opened) {
    DeltaVectorDB db = opened.db();
    long from = db.mark();
    if (from < 0) {
      from = restoreStates(opened);
    }
    lock.lock();
    try {
      next = from;
      target = log.end(shard);
      requireGoing();
      state = next >= target ? State.READY : State.CATCHING_UP;
    } finally {
      lock.unlock();
    }
  }

  private long restoreStates(ShardStore opened) {
    DeltaVectorDB db = opened.db();
    try (StateSpool spool =
        new StateSpool(settings.directory().resolve("restore-" + shard + ".tmp"))) {
      Optional<DeltaLog.StateMark> mark =
          log.readStates(
              shard,
              (id, frames) -> {
                requireGoing();
                spool.add(id, frames);
              });
      if (mark.isEmpty()) {
        long begin = log.begin(shard);
        if (begin > 0) {
          LOG.log(
              Level.ERROR,
              "shard "
                  + shard
                  + " begins at "
                  + begin
                  + " and has no states: what was before is lost");
        }
        return begin;
      }
      DeltaLog.StateMark from = mark.get();
      spool.drain(frames -> {
        requireGoing();
        db.merge(frames);
      });
      if (from.horizon() > 0) {
        db.compact(CompactOptions.all().withBefore(Instant.ofEpochMilli(from.horizon())));
        horizon = from.horizon();
      }
      long offset = Math.max(from.offset(), log.begin(shard));
      db.setMark(offset);
      db.flush();
      opened.stateOffset(from.offset());
      if (from.offset() < offset) {
        LOG.log(
            Level.ERROR,
            "the states of shard "
                + shard
                + " end at "
                + from.offset()
                + ", before the log begins: what was between is lost");
      }
      return offset;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Lets what takes long end soon, by an exception; the shard can then only be closed. */
  public void cancel() {
    cancelled = true;
  }

  /** Tells whether {@link #cancel} was called: it can only be closed. */
  public boolean cancelled() {
    return cancelled;
  }

  void requireGoing() {
    if (cancelled) {
      throw new CancellationException("shard " + shard + " is no longer wanted");
    }
  }

  // ---------------------------------------------------------------- applying

  /**
   * Applies records, which must be the next ones; none if it has failed or is closed.
   *
   * <p>A record that cannot be merged is taken apart, and frames that are no good are passed over:
   * they are so in every copy. Anything else that fails, as memory or disk, or an error of the
   * program, ends it: {@link State#FAILED}.
   *
   * @param entries in their order
   * @param position offset behind them
   */
  public void apply(List<DeltaLog.Entry> entries, long position) {
    lock.lock();
    try {
      if (state != State.READY && state != State.CATCHING_UP) {
        return;
      }
      int from = 0;
      while (from < entries.size() && entries.get(from).offset() < next) {
        from++; // two readers may have it while it goes from one to the other
      }
      while (from < entries.size()) {
        from = applyBatch(entries, from);
      }
      next = Math.max(next, position);
      if (state == State.CATCHING_UP && next >= target) {
        state = State.READY;
      }
    } catch (DeltaException e) {
      fail(e.code() + ": " + e.getMessage());
    } catch (Throwable e) {
      fail(e.toString()); // going on would leave these records out
      LOG.log(Level.ERROR, "shard " + shard, e);
    } finally {
      lock.unlock();
    }
  }

  /** Ends it for a reason that only restoring can help. */
  public void fail(String why) {
    failure = why;
    state = State.FAILED;
    LOG.log(Level.ERROR, "shard " + shard + " stops at " + next + ": " + why);
  }

  /** Returns the number of the first entry behind the batch. */
  private int applyBatch(List<DeltaLog.Entry> entries, int from) {
    int to = from;
    int bytes = 0;
    do {
      bytes += entries.get(to).frames().length;
      to++;
    } while (to < entries.size()
        && bytes + (long) entries.get(to).frames().length <= settings.batchBytes());
    List<DeltaLog.Entry> batch = entries.subList(from, to);
    long mark = batch.getLast().offset() + 1;
    byte[] stream = batch.size() == 1 ? batch.getFirst().frames() : join(batch, bytes);
    DeltaVectorDB db = db();
    try {
      count(db.merge(stream, mark));
      keep(stream);
    } catch (DeltaException e) {
      if (!isPoison(e)) {
        throw e;
      }
      for (DeltaLog.Entry entry : batch) {
        applyAlone(db, entry);
      }
    }
    for (DeltaLog.Entry entry : batch) {
      latest = Math.max(latest, entry.timestamp());
    }
    next = mark;
    return to;
  }

  private void applyAlone(DeltaVectorDB db, DeltaLog.Entry entry) {
    try {
      count(db.merge(entry.frames(), entry.offset() + 1));
      keep(entry.frames());
      return;
    } catch (DeltaException e) {
      if (!isPoison(e)) {
        throw e;
      }
    }
    int number = 0;
    for (byte[] frame : FrameCutter.cut(entry.frames())) {
      try {
        count(db.merge(frame));
        keep(frame);
      } catch (DeltaException e) {
        if (!isPoison(e)) {
          throw e;
        }
        counters.skip();
        all.skip();
        if (counters.skipped() <= SKIPS_LOGGED) {
          LOG.log(
              Level.WARNING,
              "shard "
                  + shard
                  + ", offset "
                  + entry.offset()
                  + ", frame "
                  + number
                  + " is passed over: "
                  + e.code()
                  + ": "
                  + e.getMessage());
        }
      }
      number++;
    }
    db.setMark(entry.offset() + 1);
  }

  private static byte[] join(List<DeltaLog.Entry> batch, int bytes) {
    ByteBuffer all = ByteBuffer.allocate(bytes);
    batch.forEach(entry -> all.put(entry.frames()));
    return all.array();
  }

  /** Tells whether the bytes are to blame, for which every copy would find the same. */
  private static boolean isPoison(DeltaException e) {
    ErrorCode code = e.code();
    return code == ErrorCode.CORRUPT_DATA
        || code == ErrorCode.UNSUPPORTED_VERSION
        || code == ErrorCode.INVALID_ARGUMENT
        || code == ErrorCode.DIMENSION_MISMATCH
        || code == ErrorCode.NOT_FINITE;
  }

  private void count(MergeResult result) {
    counters.add(result);
    all.add(result);
  }

  /** Tells those who take part of what has been merged. */
  private void keep(byte[] frames) {
    Set<String> changed = dirty;
    if (changed != null) {
      for (String id : DeltaFrames.ids(frames)) {
        if (id != null) {
          changed.add(id);
        }
      }
    }
    OutputStream copy = recording;
    if (copy != null) {
      try {
        copy.write(frames);
      } catch (IOException e) {
        recording = null;
        recordingFailed = e;
      }
    }
  }

  // ---------------------------------------------------------------- for who writes of it

  /**
   * Begins to collect the ids of what changes, or stops.
   *
   * @return the offset from which on ids are collected
   */
  long track(boolean on) {
    lock.lock();
    try {
      if (!on) {
        dirty = null;
      } else if (dirty == null) {
        dirty = new HashSet<>();
      }
      return next;
    } finally {
      lock.unlock();
    }
  }

  /** What has changed before an offset. */
  record Changed(long offset, Set<String> ids) {}

  /** Returns the ids collected so far, and begins anew. */
  Changed takeChanged() {
    lock.lock();
    try {
      Set<String> taken = dirty;
      dirty = new HashSet<>();
      return new Changed(next, taken == null ? Set.of() : taken);
    } finally {
      lock.unlock();
    }
  }

  /** Adds to the ids collected. */
  void addChanged(Set<String> ids) {
    lock.lock();
    try {
      if (dirty != null) {
        dirty.addAll(ids);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Copies all that is merged from now on. */
  void record(OutputStream copy) {
    lock.lock();
    try {
      recording = copy;
      recordingFailed = null;
    } finally {
      lock.unlock();
    }
  }

  /** Ends the copying; returns the offset behind what was copied last. */
  long endRecord() throws IOException {
    lock.lock();
    try {
      recording = null;
      if (recordingFailed != null) {
        throw recordingFailed;
      }
      return next;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Compacts the history from before the retention, if the log's time has moved on enough since it
   * last did. O(history), in which nothing else can be done with the database.
   *
   * @return whether it did
   */
  public boolean compactIfDue() {
    long before = latest - settings.retention().toMillis();
    if (state != State.READY || before - horizon < settings.compactEvery().toMillis()) {
      return false;
    }
    maintenance.lock();
    try {
      if (state != State.READY) {
        return false;
      }
      DeltaVectorDB db = db();
      Set<String> forgotten = new HashSet<>(db.rememberedIds());
      db.compact(CompactOptions.all().withBefore(Instant.ofEpochMilli(before)));
      horizon = before;
      db.rememberedIds().forEach(forgotten::remove);
      addChanged(forgotten); // their states are to go, too
      return true;
    } finally {
      maintenance.unlock();
    }
  }

  /** Waits until the shard can be closed, and closes its database; its files stay. */
  @Override
  public void close() {
    end(false);
  }

  /** As {@link #close}, and removes the files: they are no good, or no longer wanted. */
  public void discard() {
    end(true);
  }

  private void end(boolean discard) {
    cancel();
    maintenance.lock();
    try {
      lock.lock();
      try {
        ShardStore open = store;
        store = null;
        state = State.CLOSED;
        if (open != null && discard) {
          open.discard();
        } else if (open != null) {
          open.close();
        }
      } finally {
        lock.unlock();
      }
    } finally {
      maintenance.unlock();
    }
  }

  /** Returns how long a log may take to give what it has. */
  static Duration patience() {
    return Duration.ofSeconds(1);
  }
}
