package dev.deltavec;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.storage.Failures;
import dev.deltavec.storage.LogFormat;
import dev.deltavec.storage.LogRecord;
import dev.deltavec.storage.LogWriter;
import dev.deltavec.storage.Recovery;
import dev.deltavec.storage.StorageDirectory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What keeps a database in files. All but {@link #settle} is called with the lock of the gate. */
final class Durable implements Recorder {
  private static final MemorySegment NOTHING = MemorySegment.NULL;

  private final StorageDirectory directory;
  private final Store store;
  private final LogWriter log;
  private final RecoveryReport report;

  private Durable(StorageDirectory directory, Store store, LogWriter log, RecoveryReport report) {
    this.directory = directory;
    this.store = store;
    this.log = log;
    this.report = report;
  }

  // ---------------------------------------------------------------- opening

  /**
   * Opens a database.
   *
   * @param directory its files; closed if this fails
   * @param asked options that were asked for
   */
  static Durable open(StorageDirectory directory, OpenRequest asked) {
    Store store = null;
    try (Recovery found = new Recovery(directory, asked.recover())) {
      UUID id = found.id();
      Map<String, @Nullable Object> stored = new HashMap<>();
      if (id == null && !asked.options().containsKey(StoredOptions.DIMENSIONS)) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "there is no database in " + directory.name() + "; to make one, say its dimensions");
      }
      LogRecord open = found.open();
      if (open != null) {
        stored.putAll(ChangeRecords.options(open));
      }
      DatabaseOptions options =
          id == null
              ? StoredOptions.build(asked.options(), asked.replica())
              : StoredOptions.merge(stored, asked.options(), asked.replica(), directory.name());
      store = new Store(options, asked.memoryLimit(), asked.clock());
      replay(store, found);
      // Deltas that a crash has taken may be known elsewhere: their numbers must not come again.
      if (id == null || !found.isClosed()) {
        store.replica(asked.replica());
      }
      RecoveryReport report = report(found, false);
      Recovery.Tail tail = found.repair();
      LogWriter log =
          new LogWriter(
              directory,
              id == null ? UUID.randomUUID() : id,
              options.dimensions(),
              asked.durability() == Durability.STRICT,
              asked.flushInterval(),
              tail);
      Durable durable = new Durable(directory, store, log, report);
      durable.begin();
      store.recorder(durable);
      return durable;
    } catch (RuntimeException e) {
      if (store != null) {
        store.close();
      }
      try {
        directory.close();
      } catch (IOException closing) {
        e.addSuppressed(closing);
      }
      throw e;
    }
  }

  private static void replay(Store store, Recovery found) {
    ChangeRecords changes = new ChangeRecords(store);
    found.forEach(record -> {
      try {
        changes.replay(record);
      } catch (DeltaException e) {
        if (e.code() == ErrorCode.OUT_OF_MEMORY || e.code() == ErrorCode.CAPACITY_EXCEEDED) {
          throw e;
        }
        throw found.misfit(record, e.getMessage());
      } catch (IndexOutOfBoundsException | java.nio.BufferUnderflowException e) {
        throw found.misfit(record, "it is none of its kind");
      }
      int sequence = store.database().sequence();
      if (record.kind() != LogFormat.OPEN && sequence != record.sequence()) {
        throw found.misfit(
            record, "it ends at sequence " + sequence + ", not " + record.sequence());
      }
    });
  }

  private static RecoveryReport report(Recovery found, boolean indexRebuilt) {
    Recovery.Damage damage = found.damage();
    return new RecoveryReport(
        found.snapshotRecords(),
        found.records(),
        found.cutBytes(),
        indexRebuilt,
        found.broken(),
        damage == null
            ? null
            : new RecoveryReport.Lost(
                damage.file(), damage.offset(), damage.why(), damage.lastRecord(), found.kept()));
  }

  /** Names replica and options; that must be on disk before any delta leaves the database. */
  private void begin() {
    byte[] options = StoredOptions.write(store.options());
    append(
        LogFormat.OPEN,
        0,
        store.now(),
        MemorySegment.ofArray(ChangeRecords.open(store.replica(), options)));
    log.flush();
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
  public long last() {
    return log.last();
  }

  @Override
  public void settle(long record) {
    log.settle(record);
  }

  /** Returns once all changes so far are on disk; needs no lock. */
  void flush() {
    log.flush();
  }

  /**
   * Ends the log, and lets others have the directory.
   *
   * @throws DeltaException if not all changes are on disk
   */
  void close() {
    try {
      append(LogFormat.CLOSE, 0, store.now(), NOTHING);
      log.close();
    } finally {
      try {
        log.close();
      } finally {
        letGo();
      }
    }
  }

  private void letGo() {
    try {
      directory.close();
    } catch (IOException e) {
      throw Failures.of("give back " + directory.name(), e);
    }
  }
}
