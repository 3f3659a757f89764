package dev.deltavec.component;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.index.Searcher;
import dev.deltavec.wasm.LinearMemory;
import dev.deltavec.wasm.Native;
import org.teavm.interop.Export;
import org.teavm.interop.Import;

/**
 * The interface {@code ruvector:delta/delta-db@0.1.0} of {@code component/wit/delta-vector.wit}, as
 * the canonical ABI has it. A call that has more than a number to return returns the address of the
 * return area: a byte that tells the case, and at 4 and 8 address and length of a list or a string.
 *
 * <p>Strings and lists that are returned stay where they are until the next call: vectors and ids
 * are the database's own. So there are no functions to call after a call ({@code cabi_post_…}).
 */
final class DeltaDb {
  private static final String INTERFACE = "ruvector:delta/delta-db@0.1.0";
  private static final String METHOD = INTERFACE + "#[method]database.";

  /** Bytes of a {@code vector-delta}: what every delta begins with, and an {@code option<u64>}. */
  private static final int DELTA_BYTES = 48;

  private static final int TIMED = 32;
  private static final int TIME = 40;

  /** Bytes of a {@code search-result}: address and length of the id, score. */
  private static final int RESULT_BYTES = 12;

  /** Bytes of a string or a list: address and length. */
  private static final int LIST_BYTES = 8;

  private static final LinearMemory MEMORY = Guest.MEMORY;
  private static final int RETURN = Guest.RETURN;

  /** Room for a delta that comes as parameters, and for the id of one, behind what is returned. */
  private static final int DELTA = RETURN + 64;

  private static final int ID = RETURN + 128;

  /**
   * The number under which databases issue deltas; there is nothing to draw one from. What is drawn
   * after an import depends on the snapshot.
   */
  private static final long REPLICA = 1;

  private static final long SEED = 0x64656c7461L;

  private static final FrameWriter FRAMES = new FrameWriter();

  private DeltaDb() {}

  @Import(module = "[export]" + INTERFACE, name = "[resource-new]database")
  private static native int newHandle(int session);

  /**
   * {@code constructor(dimensions: u32)}
   *
   * @return a handle of the host's
   */
  @Export(name = INTERFACE + "#[constructor]database")
  static int create(int dimensions) {
    Session session;
    try {
      if (dimensions < 1 || dimensions > DatabaseOptions.MAX_DIMENSIONS) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "dimensions must be from 1 to "
                + DatabaseOptions.MAX_DIMENSIONS
                + ", not "
                + Integer.toUnsignedLong(dimensions));
      }
      session =
          Session.open(
              DatabaseOptions.builder()
                  .dimensions(dimensions)
                  .maxVectors(DatabaseOptions.MAX_VECTORS)
                  .replica(REPLICA)
                  .build());
    } catch (DeltaException e) {
      session = Session.refused(e);
    }
    return newHandle(Handles.add(session));
  }

  /** Ends a database that the host has dropped. */
  @Export(name = INTERFACE + "#[dtor]database")
  static void drop(int self) {
    Handles.drop(self);
  }

  /** {@code apply-delta: func(delta: vector-delta) -> result<delta-id, string>} */
  @Export(name = METHOD + "apply-delta")
  static int applyDelta(
      int self,
      int id,
      int idBytes,
      int operation,
      int p0,
      int p1,
      int p2,
      int p3,
      int timed,
      long time) {
    try {
      Session session = Handles.get(self);
      Database database = session.database();
      MEMORY.putInt(DELTA, id);
      MEMORY.putInt(DELTA + 4, idBytes);
      MEMORY.putInt(DELTA + 8, operation);
      MEMORY.putInt(DELTA + 12, p0);
      MEMORY.putInt(DELTA + 16, p1);
      MEMORY.putInt(DELTA + 20, p2);
      MEMORY.putInt(DELTA + 24, p3);
      FRAMES.clear(true);
      FRAMES.measure(DELTA, 0);
      FRAMES.begin();
      FRAMES.append(DELTA, 0, 0, timed != 0, time);
      FRAMES.apply(database, false, 0);
      putId(ID, database.output(), session.replica());
      return done(0, ID, Texts.ID_BYTES);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /** {@code apply-deltas: func(deltas: list<vector-delta>) -> result<list<delta-id>, string>} */
  @Export(name = METHOD + "apply-deltas")
  static int applyDeltas(int self, int deltas, int count) {
    try {
      Session session = Handles.get(self);
      Database database = session.database();
      int end = deltas + count * DELTA_BYTES;
      FRAMES.clear(true);
      for (int delta = deltas; delta != end; delta += DELTA_BYTES) {
        FRAMES.measure(delta, 0);
      }
      FRAMES.begin();
      // Before the deltas are in: behind that nothing may fail.
      int ids = Guest.ARENA.take(count * (LIST_BYTES + Texts.ID_BYTES), 4);
      for (int delta = deltas; delta != end; delta += DELTA_BYTES) {
        boolean timed = MEMORY.getByte(delta + TIMED) != 0;
        FRAMES.append(delta, 0, 0, timed, MEMORY.getLong(delta + TIME));
      }
      FRAMES.apply(database, count > 1, 0);
      int text = ids + count * LIST_BYTES;
      int applied = database.output();
      long replica = session.replica();
      for (int i = 0; i < count; i++) {
        putId(text, applied, replica);
        MEMORY.putInt(ids + i * LIST_BYTES, text);
        MEMORY.putInt(ids + i * LIST_BYTES + 4, Texts.ID_BYTES);
        text += Texts.ID_BYTES;
        applied += Database.APPLIED_BYTES;
      }
      return done(0, ids, count);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  private static void putId(int at, int applied, long replica) {
    Texts.putDeltaId(at, MEMORY.getLong(applied), MEMORY.getInt(applied + 8), replica);
  }

  /** {@code get-vector: func(id: vector-id) -> option<list<f32>>} */
  @Export(name = METHOD + "get-vector")
  static int getVector(int self, int id, int idBytes) {
    Database database = Handles.get(self).databaseOrNull();
    int vector = database == null ? 0 : database.find(id, idBytes);
    return vector == 0 || database == null
        ? done(0, 0, 0)
        : done(1, vector, database.options().dimensions());
  }

  /** {@code search: func(query: list<f32>, k: u32) -> list<search-result>} */
  @Export(name = METHOD + "search")
  static int search(int self, int query, int floats, int k) {
    Database database = Handles.get(self).databaseOrNull();
    if (database == null || floats != database.options().dimensions() || k == 0) {
      return listed(0, 0);
    }
    try {
      int found = database.search(query, floats, k < 0 ? Integer.MAX_VALUE : k, 0);
      // The records become shorter where they are: each is read before it is written over.
      int from = database.output();
      int to = from;
      for (int i = 0; i < found; i++) {
        float score = MEMORY.getFloat(from);
        int id = MEMORY.getInt(from + 4);
        int idBytes = MEMORY.getInt(from + 8);
        MEMORY.putInt(to, id);
        MEMORY.putInt(to + 4, idBytes);
        MEMORY.putFloat(to + 8, score);
        from += Searcher.RECORD_BYTES;
        to += RESULT_BYTES;
      }
      return listed(database.output(), found);
    } catch (Throwable e) {
      return nothing(e);
    }
  }

  /** {@code export: func() -> list<u8>} */
  @Export(name = METHOD + "export")
  static int export(int self) {
    Database database = Handles.get(self).databaseOrNull();
    if (database == null) {
      return listed(0, 0);
    }
    try {
      Snapshots.write(database, true, true, RETURN);
      Guest.ARENA.done();
      return RETURN;
    } catch (Throwable e) {
      return nothing(e);
    }
  }

  /** {@code import: func(data: list<u8>) -> result<_, string>} */
  @Export(name = METHOD + "import")
  static int restore(int self, int data, int bytes) {
    try {
      Handles.get(self).restore(data, bytes, -1, SEED);
      return done(0, 0, 0);
    } catch (Throwable e) {
      return failed(e);
    }
  }

  /** Ends a call that returns a case with a list or a string. */
  private static int done(int discriminant, int address, int length) {
    MEMORY.putInt(RETURN, discriminant);
    MEMORY.putInt(RETURN + 4, address);
    MEMORY.putInt(RETURN + 8, length);
    Guest.ARENA.done();
    return RETURN;
  }

  /** Ends a call that returns a list. */
  private static int listed(int address, int length) {
    MEMORY.putInt(RETURN, address);
    MEMORY.putInt(RETURN + 4, length);
    Guest.ARENA.done();
    return RETURN;
  }

  /** Ends a call with an error. What is no error of ours is a mistake of ours: a trap. */
  private static int failed(Throwable e) {
    if (!(e instanceof DeltaException error)) {
      Native.trap();
      return 0;
    }
    Texts.putError(RETURN + 4, codeOf(error) + ": " + error.getMessage());
    MEMORY.putInt(RETURN, 1);
    Guest.ARENA.done();
    return RETURN;
  }

  /** Ends a call that says nothing of its errors. */
  private static int nothing(Throwable e) {
    if (!(e instanceof DeltaException)) {
      Native.trap();
    }
    return listed(0, 0);
  }

  /** Returns the code's name, which the module does not have for enums. */
  private static String codeOf(DeltaException e) {
    return switch (e.code().number()) {
      case 1 -> "INVALID_ARGUMENT";
      case 2 -> "DIMENSION_MISMATCH";
      case 3 -> "NOT_FINITE";
      case 4 -> "VECTOR_NOT_FOUND";
      case 5 -> "VECTOR_EXISTS";
      case 6 -> "OUT_OF_ORDER";
      case 7 -> "CAPACITY_EXCEEDED";
      case 8 -> "OUT_OF_MEMORY";
      case 10 -> "HISTORY_COMPACTED";
      case 12 -> "UNSUPPORTED_VERSION";
      default -> "CORRUPT_DATA";
    };
  }
}
