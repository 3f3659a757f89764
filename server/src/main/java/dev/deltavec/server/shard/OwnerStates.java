package dev.deltavec.server.shard;

import dev.deltavec.DeltaFrames;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.core.DeltaException;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes states of a shard's vectors into the log, as its owner does: of what has changed since
 * states were last written, or of all if that is not known or takes no longer.
 *
 * <p>States may hold a little more than the offset says that they are written with, as records are
 * applied meanwhile: whoever begins with them applies those again, which changes nothing.
 */
public final class OwnerStates implements AutoCloseable {
  private static final Logger LOG = System.getLogger("dev.deltavec.server");
  private static final int PATIENCE = 30;

  /** After a failure so many milliseconds are waited, twice as many after the next. */
  private static final long FIRST_WAIT = 1_000;

  private static final long LONGEST_WAIT = 300_000;

  private final ShardRunner runner;
  private final InstantSource clock;
  private final long trackedFrom;
  private DeltaLog.@Nullable StateWriter writer;
  private boolean known;
  private volatile boolean fenced;
  private boolean closed;
  private volatile long writtenAt;
  private int failures;
  private long retryAt;
  private volatile long writtenOffset;

  /** Begins to collect what changes in a shard that has been restored. */
  public OwnerStates(ShardRunner runner, InstantSource clock) {
    this.runner = runner;
    this.clock = clock;
    writtenOffset = runner.requireStore().stateOffset();
    writtenAt = clock.millis();
    trackedFrom = runner.track(true);
    known = writtenOffset == trackedFrom;
  }

  /** Returns the offset that states were last written with; -1 if that is not known. */
  public long writtenOffset() {
    return writtenOffset;
  }

  /** Tells whether somebody else has begun to write states of this shard. */
  public boolean fenced() {
    return fenced;
  }

  /**
   * Returns for how many milliseconds what has changed has not been written; 0 if all is written.
   */
  public long age() {
    return runner.next() == writtenOffset ? 0 : Math.max(0, clock.millis() - writtenAt);
  }

  /**
   * Writes states if enough records or time have passed since it last did. After it has failed it
   * does nothing for a while, twice as long each time up to five minutes: each time it reads states
   * of all that has changed. One vector whose state cannot be written holds up the shard, since the
   * offset that states are written with says that those of all vectors are there.
   *
   * @return as {@link #write}
   * @throws LogException as {@link #write}
   */
  public boolean writeIfDue() {
    if (clock.millis() < retryAt) {
      return false;
    }
    long records = runner.next() - Math.max(0, writtenOffset);
    ShardSettings settings = runner.settings();
    boolean due =
        records >= settings.stateRecords()
            || (records > 0 && clock.millis() - writtenAt >= settings.stateEvery().toMillis());
    if (!due) {
      return false;
    }
    try {
      boolean written = write();
      failures = 0;
      return written;
    } catch (RuntimeException | Error e) {
      retryAt = clock.millis() + Math.min(LONGEST_WAIT, FIRST_WAIT << Math.min(failures++, 10));
      throw e;
    }
  }

  /**
   * Writes states of what has changed.
   *
   * @return whether they are in the log now; false if nothing has changed, the shard is not ready,
   *     or it is somebody else who writes now
   * @throws LogException if the log cannot be reached; it may be tried again
   */
  public boolean write() {
    runner.maintenance.lock();
    try {
      if (closed || fenced || !runner.ready() || runner.next() == writtenOffset) {
        return false;
      }
      return writeChanged();
    } finally {
      runner.maintenance.unlock();
    }
  }

  private boolean writeChanged() {
    DeltaLog log = runner.log();
    int shard = runner.shard();
    ShardRunner.Changed changed = new ShardRunner.Changed(0, Set.of());
    try {
      DeltaLog.StateWriter open = writer;
      if (open == null) {
        open = log.writeStates(shard);
        writer = open;
      }
      changed = runner.takeChanged();
      if (changed.offset() < log.begin(shard)) {
        // Who begins with these states would lack what the log has no more.
        throw new LogException(
            LogException.Reason.BEHIND, "shard " + shard + " is behind the log's first record");
      }
      int written = known ? put(open, changed.ids()) : putUnknown(open, changed.ids());
      open.commit(new DeltaLog.StateMark(changed.offset(), runner.horizon()));
      known = true;
      writtenOffset = changed.offset();
      writtenAt = clock.millis();
      runner.requireStore().stateOffset(changed.offset());
      LOG.log(Level.DEBUG, "states of shard {0}: {1} up to {2}", shard, written, changed.offset());
      return true;
    } catch (RuntimeException | Error e) {
      runner.addChanged(changed.ids());
      closeWriter();
      if (e instanceof LogException failed && failed.reason() == LogException.Reason.FENCED) {
        fenced = true;
        LOG.log(Level.INFO, "states of shard {0} are written by somebody else", shard);
        return false;
      }
      throw e;
    }
  }

  private int put(DeltaLog.StateWriter open, Set<String> ids) {
    DeltaVectorDB db = runner.db();
    for (String id : ids) {
      runner.requireGoing();
      try {
        open.put(id, db.state(id));
      } catch (DeltaException e) {
        LOG.log(
            Level.WARNING,
            "the state of a vector of shard {0}, {1}, cannot be made: {2}",
            runner.shard(),
            id,
            e.getMessage());
        throw e;
      }
    }
    return ids.size();
  }

  /** Puts what has changed since states were written, when this was not there to see it. */
  private int putUnknown(DeltaLog.StateWriter open, Set<String> seen) {
    DeltaLog log = runner.log();
    List<String> remembered = runner.db().rememberedIds();
    long from = writtenOffset;
    if (from >= 0
        && from >= log.begin(runner.shard())
        && trackedFrom - from <= 2L * remembered.size()) {
      Set<String> all = new HashSet<>(seen);
      readIds(from, all);
      return put(open, all);
    }
    Set<String> all = new HashSet<>(remembered);
    all.addAll(seen);
    // What is in the log and not here is a vector that is gone.
    log.readStates(
        runner.shard(),
        (id, frames) -> {
          if (frames != null) {
            all.add(id);
          }
        });
    return put(open, all);
  }

  private void readIds(long from, Set<String> ids) {
    int shard = runner.shard();
    try (DeltaLog.Reader reader = runner.log().reader()) {
      reader.assign(Map.of(shard, from));
      int idle = 0;
      while (reader.position(shard) < trackedFrom) {
        runner.requireGoing();
        List<DeltaLog.Entry> entries = reader.poll(ShardRunner.patience());
        idle = entries.isEmpty() ? idle + 1 : 0;
        if (idle > PATIENCE) {
          throw new LogException(
              LogException.Reason.UNAVAILABLE, "shard " + shard + " cannot be read");
        }
        for (DeltaLog.Entry entry : entries) {
          addIds(entry.frames(), ids);
        }
      }
    }
  }

  private static void addIds(byte[] frames, Set<String> ids) {
    for (byte[] frame : FrameCutter.cut(frames)) {
      try {
        for (String id : DeltaFrames.ids(frame)) {
          if (id != null) {
            ids.add(id);
          }
        }
      } catch (DeltaException e) {
        LOG.log(Level.DEBUG, "a frame that was passed over when it was applied");
      }
    }
  }

  private void closeWriter() {
    DeltaLog.StateWriter open = writer;
    writer = null;
    if (open != null) {
      open.close();
    }
  }

  /** Ends the writing; what has changed since is left to who comes next. */
  @Override
  public void close() {
    runner.maintenance.lock();
    try {
      closed = true;
      runner.track(false);
      closeWriter();
    } finally {
      runner.maintenance.unlock();
    }
  }
}
