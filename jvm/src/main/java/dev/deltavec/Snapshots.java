package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.jvm.Platform;
import dev.deltavec.jvm.SegmentMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Writes and reads the core's snapshots, streams of sections; docs/format.md has the bytes. */
final class Snapshots {
  // Flags; see docs/abi.md.
  static final int INDEX = 1;
  static final int HISTORY = 2;
  static final int INCREMENT = 4;
  static final int MARK = 8;

  /** Bytes that are offered at a time: some sections. */
  private static final int WINDOW = 1 << 20;

  private Snapshots() {}

  /**
   * Copies a snapshot of a database as it is now.
   *
   * @param arena where the copy lies
   * @return the sections
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  static List<MemorySegment> copy(Database database, SegmentMemory memory, int flags, Arena arena) {
    List<MemorySegment> pieces = new ArrayList<>();
    database.exportBegin(flags);
    try {
      for (int bytes = database.exportNext(); bytes > 0; bytes = database.exportNext()) {
        MemorySegment piece = arena.allocate(bytes);
        piece.copyFrom(memory.slice(database.output(), bytes));
        pieces.add(piece);
      }
    } catch (OutOfMemoryError e) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory for a snapshot");
    }
    return pieces;
  }

  /** A database that is being filled; it is closed unless it is taken. */
  static final class Importer implements AutoCloseable {
    private final SegmentMemory memory;
    private final Database database;
    private final Buffer buffer;
    private long replica;
    private boolean taken;

    /**
     * Begins.
     *
     * @param expected about how many bytes of memory it will take, 0 if that is not known
     * @throws DeltaException {@code OUT_OF_MEMORY}
     */
    Importer(DatabaseOptions options, long memoryLimit, long expected) {
      memory = new SegmentMemory(memoryLimit);
      memory.expect(expected);
      try {
        database = Database.importing(memory, Platform.kernels(memory), options);
      } catch (DeltaException e) {
        memory.close();
        throw e;
      }
      buffer = new Buffer(database.heap());
    }

    /**
     * Reads what comes next of a stream.
     *
     * @return how many bytes were read; the rest is the beginning of a section
     * @throws DeltaException {@code CORRUPT_DATA}, {@code UNSUPPORTED_VERSION}, {@code
     *     DIMENSION_MISMATCH}, {@code INVALID_ARGUMENT}, {@code CAPACITY_EXCEEDED}, {@code
     *     OUT_OF_MEMORY}
     */
    long feed(MemorySegment bytes) {
      long at = 0;
      int window = WINDOW;
      while (at < bytes.byteSize()) {
        int n = (int) Math.min(window, bytes.byteSize() - at);
        int address = buffer.reserve(n);
        memory.putBytes(address, bytes.asSlice(at, n));
        int read = database.importNext(address, n);
        at += read;
        if (read > 0) {
          window = WINDOW;
        } else if (n < window) {
          break;
        } else {
          window *= 2;
        }
      }
      return at;
    }

    /** Reads a stream that is there as a whole. */
    void feedAll(MemorySegment bytes) {
      requireWhole(bytes.byteSize() - feed(bytes));
    }

    static void requireWhole(long rest) {
      if (rest > 0) {
        throw new DeltaException(ErrorCode.CORRUPT_DATA, "the snapshot is cut off");
      }
    }

    /**
     * Ends.
     *
     * @throws DeltaException {@code CORRUPT_DATA}, {@code OUT_OF_MEMORY}
     */
    ImportResult end() {
      database.importEnd();
      buffer.release();
      int record = database.output();
      int flags = memory.getInt(record + 8);
      replica = memory.getLong(record + 24);
      return new ImportResult(
          memory.getInt(record),
          memory.getInt(record + 4),
          (flags & 1) != 0
              ? ImportResult.Index.KEPT
              : (flags & 2) != 0 ? ImportResult.Index.DAMAGED : ImportResult.Index.REBUILT,
          (flags & 4) != 0);
    }

    /** Returns the replica that the snapshot's database was; right behind {@link #end}. */
    long replica() {
      return replica;
    }

    Database database() {
      return database;
    }

    SegmentMemory memory() {
      return memory;
    }

    /** Puts the database into a store. */
    void into(Store store) {
      store.become(memory, database);
      taken = true;
    }

    @Override
    public void close() {
      if (!taken) {
        database.close();
        memory.close();
      }
    }
  }
}
