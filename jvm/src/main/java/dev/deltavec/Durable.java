package dev.deltavec;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.storage.Background;
import dev.deltavec.storage.Failures;
import dev.deltavec.storage.LogFormat;
import dev.deltavec.storage.LogWriter;
import dev.deltavec.storage.SnapshotFiles;
import dev.deltavec.storage.StorageDirectory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What keeps a database in files: the log of its changes, and snapshots, behind which the log
 * begins anew. All is called with the lock of the gate unless it says so.
 */
final class Durable implements Recorder {
  private static final System.Logger LOGGER = System.getLogger("dev.deltavec");

  /** A snapshot is due when the log behind the last one is so long, and a quarter of its base. */
  private static final long LEAST_LOG_BYTES = 1 << 22;

  private static final int ALL = Snapshots.INDEX | Snapshots.HISTORY | Snapshots.MARK;

  private final Gate gate;
  private final StorageDirectory directory;
  private final Store store;
  private final LogWriter log;
  private final SnapshotFiles files;
  private final RecoveryReport report;

  /** Bytes of the log at the last snapshot, and how many bytes make the next one due. */
  private long bytesBefore;

  private long dueBytes;

  /** Bytes of the log that the newest snapshot has, and when that was written. */
  private long keptBytes;

  private @Nullable Instant lastCheckpoint;

  /** Whether a snapshot is being written, and whether one waits for its turn. */
  private boolean writing;

  private boolean planned;

  private Durable(
      Gate gate, StorageDirectory directory, Store store, LogWriter log, Opening.Found found) {
    this.gate = gate;
    this.directory = directory;
    this.store = store;
    this.log = log;
    files = found.files();
    report = found.report();
    bytesBefore = -found.logBytes();
    keptBytes = bytesBefore;
    plan();
  }

  /**
   * Opens a database.
   *
   * @param directory its files; closed if this fails
   * @param asked options that were asked for
   */
  static Durable open(Gate gate, StorageDirectory directory, OpenRequest asked) {
    Opening opening = null;
    LogWriter log = null;
    try {
      opening = new Opening(directory, asked);
      Opening.Found found = opening.run();
      Store store = opening.store();
      log =
          new LogWriter(
              directory,
              found.files().id(),
              store.options().dimensions(),
              asked.durability() == Durability.STRICT,
              asked.flushInterval(),
              found.tail());
      Durable durable = new Durable(gate, directory, store, log, found);
      durable.begin(store.options(), store.replica(), store.database().sequence());
      log.flush();
      if (found.changed()) {
        durable.checkpoint();
      }
      store.recorder(durable);
      return durable;
    } catch (RuntimeException e) {
      if (opening != null) {
        opening.fail();
      }
      if (log != null) {
        log.abandon();
      }
      try {
        directory.close();
      } catch (IOException closing) {
        e.addSuppressed(closing);
      }
      throw e;
    }
  }

  /** Names replica and options; that must be on disk before any delta leaves the database. */
  private void begin(DatabaseOptions options, long replica, int sequence) {
    byte[] payload = ChangeRecords.open(replica, StoredOptions.write(options));
    log.append(LogFormat.OPEN, 0, store.now(), sequence, MemorySegment.ofArray(payload));
  }

  Store store() {
    return store;
  }

  RecoveryReport report() {
    return report;
  }

  // ---------------------------------------------------------------- changes

  private void append(int kind, int count, long now, MemorySegment payload) {
    log.append(kind, count, now, store.database().sequence(), payload);
    if (!planned && !writing && log.bytes() - bytesBefore > dueBytes) {
      planned = true;
      Background.run(this::checkpointQuietly);
    }
  }

  @Override
  public void requireWritable() {
    log.requireWritable();
  }

  @Override
  public void applied(int frames, int bytes, int count, long now) {
    append(LogFormat.APPLY, count, now, store.memory().slice(frames, bytes));
  }

  @Override
  public void merged(byte[] stream, int merged, long now) {
    append(LogFormat.MERGE, merged, now, MemorySegment.ofArray(stream));
  }

  @Override
  public void rolledBack(byte[] payload, long now) {
    append(LogFormat.ROLLBACK, 1, now, MemorySegment.ofArray(payload));
  }

  @Override
  public void compacted(byte[] payload) {
    append(LogFormat.COMPACT, 0, store.now(), MemorySegment.ofArray(payload));
  }

  @Override
  public void marked(long mark, long now) {
    append(LogFormat.MARK, 0, now, MemorySegment.ofArray(ChangeRecords.mark(mark)));
  }

  @Override
  public long last() {
    return log.last();
  }

  @Override
  public void settle(long record) {
    log.settle(record);
  }

  @Override
  public StorageStats storage() {
    return new StorageStats(
        log.bytes() - keptBytes, files.bytes(), log.pendingBytes(), lastCheckpoint);
  }

  /** Returns once all changes so far are on disk; needs no lock. */
  void flush() {
    log.flush();
  }

  // ---------------------------------------------------------------- snapshots

  private void checkpointQuietly() {
    try {
      checkpoint();
    } catch (DeltaException e) {
      if (e.code() != ErrorCode.CLOSED) {
        LOGGER.log(
            System.Logger.Level.WARNING, "A snapshot has failed; the log is whole, and goes on", e);
      }
    }
  }

  /**
   * Writes a snapshot, so that the log before is not needed any more. Takes the lock by itself, and
   * lets others change the database while it writes.
   *
   * @throws DeltaException {@code CLOSED}, {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}, {@code
   *     OUT_OF_MEMORY}
   */
  void checkpoint() {
    try (Arena arena = Arena.ofConfined()) {
      List<MemorySegment> pieces;
      SnapshotFiles.Next next;
      long kept;
      boolean written = false;
      gate.enter();
      try {
        next = beginSnapshot(0);
        if (next == null) {
          return;
        }
        pieces = rotate(next, arena);
        kept = bytesBefore;
        writing = true;
      } finally {
        planned = false;
        gate.unlock();
      }
      try {
        log.flush();
        files.write(next, pieces);
        written = true;
      } finally {
        gate.lock();
        try {
          writing = false;
          plan();
          gate.wake();
          if (written) {
            noteCheckpoint(kept);
          }
        } finally {
          gate.unlock();
        }
      }
    }
  }

  private void noteCheckpoint(long bytes) {
    keptBytes = bytes;
    try {
      lastCheckpoint = Instant.ofEpochMilli(store.now());
    } catch (RuntimeException e) {
      // The clock is the caller's, and may throw; the snapshot is there all the same.
    }
  }

  /**
   * Waits until it may, and says which file comes next; null if there is nothing to write.
   *
   * @param skipped how many numbers behind the last record the file stands for, too
   */
  private SnapshotFiles.@Nullable Next beginSnapshot(int skipped) {
    while (writing) {
      gate.awaitUninterruptibly();
      gate.requireOpen();
    }
    log.requireWritable();
    return files.next(log.last() + skipped, store.mark()); // others may have changed it meanwhile
  }

  /** Copies what is to be written, and begins the log anew behind it. */
  private List<MemorySegment> rotate(SnapshotFiles.Next next, Arena arena) {
    int flags = ALL | (next.buildsOn() == null ? 0 : Snapshots.INCREMENT);
    List<MemorySegment> pieces = Snapshots.copy(store.database(), store.memory(), flags, arena);
    log.rotate(0);
    begin(store.options(), store.replica(), store.database().sequence());
    files.begun(log.last());
    bytesBefore = log.bytes();
    return pieces;
  }

  private void plan() {
    dueBytes = Math.max(LEAST_LOG_BYTES, files.baseBytes() >>> 2);
  }

  /**
   * Makes a database that was imported the one that is in the files.
   *
   * @param replica what it issues deltas under
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}, {@code OUT_OF_MEMORY};
   *     then the files are as before
   */
  void imported(Snapshots.Importer importer, long replica) {
    // A number that no record has: so the log before never seems to lead on to what comes behind.
    SnapshotFiles.Next next = Objects.requireNonNull(beginSnapshot(1), "a record is new").asBase();
    log.flush();
    try (Arena arena = Arena.ofConfined()) {
      List<MemorySegment> pieces =
          Snapshots.copy(importer.database(), importer.memory(), ALL, arena);
      boolean[] proven = {false};
      try {
        files.write(
            next,
            pieces,
            () -> {
              proven[0] = true;
              log.rotate(1);
              begin(store.options(), replica, importer.database().sequence());
              files.begun(log.last());
              log.flush();
            });
      } catch (DeltaException e) {
        if (!proven[0] && !files.forget(next)) {
          log.abandon(); // it may be taken for the database, so the log must not go on
        }
        throw e;
      }
    }
    bytesBefore = log.bytes();
    noteCheckpoint(bytesBefore);
    plan();
  }

  // ---------------------------------------------------------------- the end

  /**
   * Ends the log, and lets others have the directory.
   *
   * @throws DeltaException if not all changes are on disk
   */
  void close() {
    while (writing) {
      gate.awaitUninterruptibly();
    }
    try {
      append(LogFormat.CLOSE, 0, store.now(), MemorySegment.NULL);
      log.close();
    } finally {
      log.abandon();
      try {
        directory.close();
      } catch (IOException e) {
        LOGGER.log(
            System.Logger.Level.WARNING,
            "A lock could not be given back",
            Failures.of("give back " + directory.name(), e));
      }
    }
  }
}
