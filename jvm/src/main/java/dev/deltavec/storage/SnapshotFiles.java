package dev.deltavec.storage;

import dev.deltavec.core.DeltaException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The snapshot files of a database: which one comes next, and which files are not needed any more.
 * Used by one thread at a time.
 */
public final class SnapshotFiles {
  private final StorageDirectory directory;
  private final UUID id;

  /** How many records the newest file contains, and the number of the record right behind it. */
  private @Nullable Long newest;

  private long begun;
  // Volatile, as who asks for bytes() need not be the one who writes.
  private volatile long baseBytes;
  private volatile long incrementBytes;

  /** Whether the database knows what has changed since the newest file. */
  private boolean marked;

  /**
   * A file that is to be written.
   *
   * @param records how many records it contains
   * @param buildsOn how many the file contains that it builds on, null for a base
   * @param mark the database's, or {@link LogFormat#NO_MARK}
   */
  public record Next(long records, @Nullable Long buildsOn, long mark) {
    /** Returns the same as a base of another database, which has no mark. */
    public Next asBase() {
      return new Next(records, null, LogFormat.NO_MARK);
    }
  }

  SnapshotFiles(
      StorageDirectory directory,
      UUID id,
      @Nullable Long newest,
      long baseBytes,
      long incrementBytes) {
    this.directory = directory;
    this.id = id;
    this.newest = newest;
    this.baseBytes = baseBytes;
    this.incrementBytes = incrementBytes;
  }

  /** Returns the database's id. */
  public UUID id() {
    return id;
  }

  /** Returns the bytes of the base, 0 without one. */
  public long baseBytes() {
    return baseBytes;
  }

  /** Returns the bytes of the base and what builds on it; any thread may ask. */
  public long bytes() {
    return baseBytes + incrementBytes;
  }

  /**
   * Says which file comes next: an increment, unless the increments pass half of the base, or what
   * has changed since the newest file is not known.
   *
   * @param records how many there are
   * @param mark the database's, or {@link LogFormat#NO_MARK}
   * @return null if the newest file has all there is
   */
  public @Nullable Next next(long records, long mark) {
    if (marked && records == begun) {
      return null;
    }
    boolean increment = marked && incrementBytes <= baseBytes >>> 1;
    return new Next(records, increment ? newest : null, mark);
  }

  /**
   * Notes that the log goes on behind the file that is about to be written.
   *
   * @param record number of the record that names the options there
   */
  public void begun(long record) {
    begun = record;
    marked = false; // until the file is there
  }

  /** As {@link #write(Next, List, Runnable)}, with nothing to be done in between. */
  public void write(Next next, List<MemorySegment> pieces) {
    write(next, pieces, () -> {});
  }

  /**
   * Writes a file, reads it again to prove it, and then removes what it replaces.
   *
   * @param proven called before anything is removed
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}
   */
  public void write(Next next, List<MemorySegment> pieces, Runnable proven) {
    long bytes;
    try {
      bytes = writeTwice(next, pieces);
    } catch (IOException e) {
      forget(next);
      throw Failures.of("write a snapshot to " + directory.name(), e);
    }
    proven.run();
    if (next.buildsOn() == null) {
      baseBytes = bytes;
      incrementBytes = 0;
    } else {
      incrementBytes += bytes;
    }
    newest = next.records();
    marked = true;
    removeOlder(next);
  }

  private long writeTwice(Next next, List<MemorySegment> pieces) throws IOException {
    try {
      return SnapshotFile.write(
          directory, next.records(), id, next.buildsOn(), next.mark(), pieces);
    } catch (IOException first) {
      try {
        return SnapshotFile.write(
            directory, next.records(), id, next.buildsOn(), next.mark(), pieces);
      } catch (IOException second) {
        second.addSuppressed(first);
        throw second;
      }
    }
  }

  /** Removes a file that could not be written. Returns whether it is gone. */
  public boolean forget(Next next) {
    try {
      directory.remove(SnapshotFile.name(next.records(), next.buildsOn()));
      directory.force();
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** What is left by an error is removed when the database is opened. */
  private void removeOlder(Next next) {
    try {
      for (String name : directory.list()) {
        long first = LogFormat.number(LogFormat.LOG, name);
        long other =
            Math.max(
                LogFormat.number(LogFormat.SNAPSHOT, name),
                LogFormat.number(LogFormat.INCREMENT, name));
        boolean replaced = next.buildsOn() == null && other >= 0 && other < next.records();
        if ((first >= 0 && first <= next.records()) || replaced) {
          directory.remove(name);
        }
      }
    } catch (IOException e) {
      // They are in nobody's way.
    }
  }
}
