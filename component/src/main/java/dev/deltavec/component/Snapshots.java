package dev.deltavec.component;

import dev.deltavec.core.Database;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.snapshot.SnapshotWriter;
import dev.deltavec.wasm.LinearMemory;

/** Snapshots as a whole, out of a database and into one. */
final class Snapshots {
  // import-result: 24 bytes, aligned to 8
  private static final int VECTORS = 0; // u32, and the deltas behind it
  private static final int INDEX = 8; // a byte
  private static final int HISTORY = 9; // bool
  private static final int REPLICA = 16; // u64

  // index-origin
  private static final byte KEPT = 0;
  private static final byte REBUILT = 1;
  private static final byte DAMAGED = 2;

  private static final LinearMemory MEMORY = Guest.MEMORY;

  private Snapshots() {}

  /**
   * Writes a snapshot into the arena.
   *
   * @param slot where address and length go
   * @param index whether the search graph is in it
   * @param history whether the history is
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  static void write(Database database, boolean index, boolean history, int slot) {
    int flags = (index ? SnapshotWriter.INDEX : 0) | (history ? SnapshotWriter.HISTORY : 0);
    long bytes = database.exportBegin(flags | SnapshotWriter.SIZE);
    if (bytes > Integer.MAX_VALUE) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY, "no memory for an export of " + bytes + " bytes as a whole");
    }
    int whole = Guest.ARENA.take((int) bytes, 1);
    int at = whole;
    for (int section = database.exportNext(); section > 0; section = database.exportNext()) {
      MEMORY.copy(database.output(), at, section);
      at += section;
    }
    MEMORY.putInt(slot, whole);
    MEMORY.putInt(slot + 4, at - whole);
  }

  /**
   * Replaces a session's database by a snapshot.
   *
   * @param data address of the snapshot
   * @param bytes its length, unsigned
   * @param record address of an {@code import-result}
   * @throws DeltaException as {@link Session#restore}; nothing has changed then
   */
  static void read(Session session, int data, int bytes, int record) {
    // What a database has issued may be elsewhere, so it does not go on under that number.
    long drawn = WallClock.replica();
    boolean isNew = session.position() == 0;
    long replica = session.restore(data, bytes, isNew ? session.replica() : drawn, drawn);
    int from = session.database().output();
    int flags = MEMORY.getInt(from + 8);
    MEMORY.putLong(record + VECTORS, MEMORY.getLong(from));
    boolean kept = (flags & 1) != 0;
    MEMORY.putByte(record + INDEX, kept ? KEPT : (flags & 2) != 0 ? DAMAGED : REBUILT);
    MEMORY.putByte(record + HISTORY, (byte) (flags >>> 2 & 1));
    MEMORY.putLong(record + REPLICA, replica);
  }
}
