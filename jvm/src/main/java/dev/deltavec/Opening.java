package dev.deltavec;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.storage.LogFormat;
import dev.deltavec.storage.LogRecord;
import dev.deltavec.storage.Recovery;
import dev.deltavec.storage.SnapshotFiles;
import dev.deltavec.storage.StorageDirectory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.BufferUnderflowException;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Brings a database to where its files say that it was. */
final class Opening {
  private final StorageDirectory directory;
  private final OpenRequest asked;
  private @Nullable Store opened;
  private boolean indexRebuilt;
  private long changes;

  /**
   * What was found.
   *
   * @param changed whether the database has options now that it must not be brought back with
   */
  record Found(
      RecoveryReport report,
      SnapshotFiles files,
      Recovery.Tail tail,
      long logBytes,
      boolean changed) {}

  Opening(StorageDirectory directory, OpenRequest asked) {
    this.directory = directory;
    this.asked = asked;
  }

  /** Returns the database. */
  Store store() {
    Store store = opened;
    if (store == null) {
      throw new IllegalStateException("not opened");
    }
    return store;
  }

  /** Gives all memory back. */
  void fail() {
    if (opened != null) {
      opened.close();
      opened = null;
    }
  }

  /**
   * Does it all.
   *
   * @throws DeltaException as {@link DeltaVectorDB.Builder#open}
   */
  Found run() {
    try (Recovery found = new Recovery(directory, asked.recover())) {
      UUID id = found.id();
      DatabaseOptions options = id == null ? fresh() : readSnapshot(found);
      Store store = store();
      replay(store, found);
      // Deltas that a crash has taken may be known elsewhere: their numbers must not come again.
      if (id == null || !found.isClosed()) {
        store.replica(asked.replica());
      }
      boolean changed = !same(options, store.options());
      if (changed) {
        migrate(store, options);
      }
      RecoveryReport report = report(found);
      SnapshotFiles files = found.files(directory, id == null ? UUID.randomUUID() : id);
      long logBytes = found.logBytes();
      return new Found(report, files, found.repair(), logBytes, changed);
    }
  }

  private DatabaseOptions fresh() {
    if (!asked.options().containsKey(StoredOptions.DIMENSIONS)) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "there is no database in " + directory.name() + "; to make one, say its dimensions");
    }
    DatabaseOptions options = StoredOptions.build(asked.options(), asked.replica());
    opened = new Store(options, asked.memoryLimit(), asked.clock());
    return options;
  }

  // ---------------------------------------------------------------- what was there

  /**
   * Reads the snapshot, or makes an empty database if there is none.
   *
   * @return the options that the database is to have in the end
   */
  private DatabaseOptions readSnapshot(Recovery found) {
    while (true) {
      LogRecord open = found.open();
      Map<String, @Nullable Object> stored =
          open == null
              ? StoredOptions.ofHead(found.snapshot().getFirst())
              : ChangeRecords.options(open);
      DatabaseOptions wanted =
          StoredOptions.merge(stored, asked.options(), asked.replica(), directory.name());
      DatabaseOptions before = StoredOptions.forReplay(stored, wanted);
      Store store = new Store(before, asked.memoryLimit(), asked.clock());
      opened = store;
      List<MemorySegment> snapshot = found.snapshot();
      if (snapshot.isEmpty()) {
        return wanted;
      }
      try (Snapshots.Importer importer = store.importer(before, found.memoryBytes())) {
        for (MemorySegment stream : snapshot) {
          importer.feedAll(stream);
        }
        indexRebuilt = importer.end().index() != ImportResult.Index.KEPT;
        long replica = importer.replica();
        importer.into(store);
        store.replica(replica);
        store.mark(found.snapshotMark());
        return wanted;
      } catch (DeltaException e) {
        fail();
        if (e.code() != ErrorCode.CORRUPT_DATA) {
          throw e;
        }
        found.reject(e);
      }
    }
  }

  private void replay(Store store, Recovery found) {
    ChangeRecords again = new ChangeRecords(store);
    found.forEach(record -> {
      try {
        again.replay(record);
      } catch (DeltaException e) {
        if (e.code() == ErrorCode.OUT_OF_MEMORY || e.code() == ErrorCode.CAPACITY_EXCEEDED) {
          throw e;
        }
        throw found.misfit(record, e.getMessage());
      } catch (IndexOutOfBoundsException | IllegalArgumentException | BufferUnderflowException e) {
        throw found.misfit(record, "it is none of its kind");
      }
      int kind = record.kind();
      boolean changed = kind != LogFormat.OPEN && kind != LogFormat.CLOSE && kind != LogFormat.MARK;
      changes += changed ? 1 : 0;
      int sequence = store.database().sequence();
      if ((kind == LogFormat.APPLY || kind == LogFormat.ROLLBACK)
          && sequence != record.sequence()) {
        throw found.misfit(
            record, "it ends at sequence " + sequence + ", not " + record.sequence());
      }
    });
  }

  // ---------------------------------------------------------------- other options

  private static boolean same(DatabaseOptions a, DatabaseOptions b) {
    return StoredOptions.of(a).equals(StoredOptions.of(b));
  }

  /** Makes the same database with other options. */
  private static void migrate(Store store, DatabaseOptions options) {
    try (Snapshots.Importer importer = store.importer(options, store.memory().physicalBytes());
        Arena arena = Arena.ofConfined()) {
      int all = Snapshots.INDEX | Snapshots.HISTORY;
      for (MemorySegment piece : Snapshots.copy(store.database(), store.memory(), all, arena)) {
        importer.feedAll(piece);
      }
      importer.end();
      long replica = store.replica();
      importer.into(store);
      store.replica(replica);
    }
  }

  private RecoveryReport report(Recovery found) {
    Recovery.Damage damage = found.damage();
    return new RecoveryReport(
        found.snapshotRecords(),
        changes,
        found.cutBytes(),
        indexRebuilt,
        found.broken(),
        damage == null
            ? null
            : new RecoveryReport.Lost(
                damage.file(), damage.offset(), damage.why(), damage.lastRecord(), found.kept()));
  }
}
