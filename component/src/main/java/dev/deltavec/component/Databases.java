package dev.deltavec.component;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.filter.Filter;
import dev.deltavec.core.index.Searcher;
import dev.deltavec.wasm.LinearMemory;
import org.teavm.interop.Export;
import org.teavm.interop.Import;

/**
 * The interface {@code deltavec:db/databases@0.1.0} of {@code component/wit/deltavec.wit}, as the
 * canonical ABI has it. {@code self} is the number of a session ({@link Handles}); a call that has
 * more than a number to return returns the address of the return area ({@link Outcome}).
 *
 * <p>Of an {@code option} that is a parameter, a number tells whether it is there. Numbers of
 * {@code u32} and {@code u64} come as signed ones: every function says what it does with the upper
 * half.
 *
 * <p>Strings and lists that are returned stay where they are until the next call: vectors, ids and
 * most others are the database's own. So there are no functions to call after a call ({@code
 * cabi_post_…}).
 */
final class Databases {
  private static final String INTERFACE = "deltavec:db/databases@0.1.0";
  private static final String METHOD = INTERFACE + "#[method]database.";

  // delta: 56 bytes, aligned to 8. It begins as every delta does (FrameWriter).
  private static final int DELTA_BYTES = 56;
  private static final int METADATA = 28; // option<string>
  private static final int TIMESTAMP = 40; // option<u64>

  /** Bytes of a string or a list: address and length. */
  private static final int LIST_BYTES = 8;

  /** Bytes of a {@code search-result}: id, score (f32). */
  private static final int RESULT_BYTES = 12;

  private static final LinearMemory MEMORY = Guest.MEMORY;

  /** Room for a text of fixed length, behind the largest of what is returned. */
  private static final int TEXT = Guest.RETURN + 256;

  private static final int DIGEST_DIGITS = 16;

  private static final FrameWriter FRAMES = new FrameWriter();

  private Databases() {}

  @Import(module = "[export]" + INTERFACE, name = "[resource-new]database")
  private static native int newHandle(int session);

  // ---------------------------------------------------------------- life

  /** {@code open: static func(options: options) -> result<database, error>} */
  @Export(name = INTERFACE + "#[static]database.open")
  static int open(int options) {
    try {
      Session session = Session.open(OptionsRecord.read(options, WallClock.replica()));
      MEMORY.putInt(Outcome.VALUE, newHandle(Handles.add(session)));
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /** Ends a database that the host has dropped. */
  @Export(name = INTERFACE + "#[dtor]database")
  static void drop(int self) {
    Handles.drop(self);
  }

  // ---------------------------------------------------------------- the present

  /** {@code apply: func(deltas: list<delta>) -> result<list<delta-id>, error>} */
  @Export(name = METHOD + "apply")
  static int apply(int self, int deltas, int count) {
    try {
      Session session = Handles.get(self);
      Database database = session.database();
      long now = WallClock.millis();
      int end = deltas + count * DELTA_BYTES;
      FRAMES.clear(database.options().compression());
      for (int delta = deltas; delta != end; delta += DELTA_BYTES) {
        FRAMES.measure(delta, patchBytes(delta));
      }
      FRAMES.begin();
      // Before the deltas are in: behind that nothing may fail.
      int ids = Lists.take(count, LIST_BYTES + Texts.ID_BYTES, 4);
      for (int delta = deltas; delta != end; delta += DELTA_BYTES) {
        boolean timed = MEMORY.getByte(delta + TIMESTAMP) != 0;
        long time = MEMORY.getLong(delta + TIMESTAMP + 8);
        FRAMES.append(delta, patch(delta), patchBytes(delta), timed, time);
      }
      FRAMES.apply(database, true, now);
      session.advance(count);
      writeIds(ids, database.output(), count, session.replica());
      return Outcome.done(ids, count);
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e, true);
    }
  }

  /** Returns the address of a delta's merge patch, 0 if there is none. */
  private static int patch(int delta) {
    return MEMORY.getByte(delta + METADATA) == 0 ? 0 : MEMORY.getInt(delta + METADATA + 4);
  }

  private static int patchBytes(int delta) {
    return MEMORY.getByte(delta + METADATA) == 0 ? 0 : MEMORY.getInt(delta + METADATA + 8);
  }

  /** Writes the list of the ids that deltas were given, and behind it their texts. */
  private static void writeIds(int ids, int applied, int count, long replica) {
    int text = ids + count * LIST_BYTES;
    int record = applied;
    for (int id = ids, end = text; id != end; id += LIST_BYTES) {
      Texts.putDeltaId(text, MEMORY.getLong(record), MEMORY.getInt(record + 8), replica);
      MEMORY.putInt(id, text);
      MEMORY.putInt(id + 4, Texts.ID_BYTES);
      text += Texts.ID_BYTES;
      record += Database.APPLIED_BYTES;
    }
  }

  /** {@code get-vector: func(id: vector-id) -> option<list<f32>>} */
  @Export(name = METHOD + "get-vector")
  static int getVector(int self, int id, int idBytes) {
    Database database = Handles.get(self).database();
    int vector = database.find(id, idBytes);
    MEMORY.putInt(Guest.RETURN, vector == 0 ? 0 : 1);
    MEMORY.putInt(Guest.RETURN + 4, vector);
    MEMORY.putInt(Guest.RETURN + 8, database.options().dimensions());
    Guest.ARENA.done();
    return Guest.RETURN;
  }

  /** {@code get-metadata: func(id: vector-id) -> result<option<json>, error>} */
  @Export(name = METHOD + "get-metadata")
  static int getMetadata(int self, int id, int idBytes) {
    try {
      Database database = Handles.get(self).database();
      requireId(id, idBytes);
      return metadata(database, database.metadata(id, idBytes));
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /** {@code has: func(id: vector-id) -> bool} */
  @Export(name = METHOD + "has")
  static int has(int self, int id, int idBytes) {
    Guest.ARENA.done();
    return Handles.get(self).database().find(id, idBytes) != 0 ? 1 : 0;
  }

  /** {@code size: func() -> u32} */
  @Export(name = METHOD + "size")
  static int size(int self) {
    return Handles.get(self).database().size();
  }

  /** {@code ids: func(from: u32, max: u32) -> result<ids-page, error>} */
  @Export(name = METHOD + "ids")
  static int ids(int self, int from, int max) {
    try {
      Database database = Handles.get(self).database();
      if (max == 0) {
        throw invalid("max must be 1 or more, not 0");
      }
      int count = database.ids(signed(from), signed(max));
      int next = database.next();
      MEMORY.putInt(Outcome.VALUE + 8, next < 0 ? 0 : 1);
      MEMORY.putInt(Outcome.VALUE + 12, next);
      // The core's records are strings already.
      return Outcome.done(database.output(), count);
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /**
   * {@code search: func(query: list<f32>, k: u32, options: search-options) ->
   * result<list<search-result>, error>}
   */
  @Export(name = METHOD + "search")
  static int search(
      int self,
      int query,
      int floats,
      int k,
      int hasEfSearch,
      int efSearch,
      int hasFilter,
      int filter,
      int filterBytes,
      int hasMetric,
      int metric,
      int hasExact,
      int exact) {
    try {
      Database database = Handles.get(self).database();
      if (hasEfSearch != 0 && (efSearch < 1 || efSearch > DatabaseOptions.MAX_EF)) {
        throw invalid(
            "ef-search must be from 1 to "
                + DatabaseOptions.MAX_EF
                + ", not "
                + Integer.toUnsignedLong(efSearch));
      }
      if (hasFilter != 0 && filterBytes == 0) {
        Filter.parse(
            MEMORY, filter, 0); // to the core no bytes are no filter; it says what is wrong
      }
      int by = hasMetric == 0 ? 0 : metric + 1 << Database.METRIC_SHIFT;
      int found =
          database.search(
              query,
              floats,
              signed(k),
              hasEfSearch == 0 ? 0 : efSearch,
              (hasExact != 0 && exact != 0 ? Database.EXACT : 0) | by,
              filter,
              hasFilter == 0 ? 0 : filterBytes);
      return results(database, found);
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /**
   * Ends a search: its records become shorter where they are, each read before it is written over.
   */
  private static int results(Database database, int found) {
    int from = database.output();
    int to = from;
    for (int i = 0; i < found; i++) {
      int score = MEMORY.getInt(from);
      int id = MEMORY.getInt(from + 4);
      int idBytes = MEMORY.getInt(from + 8);
      MEMORY.putInt(to, id);
      MEMORY.putInt(to + 4, idBytes);
      MEMORY.putInt(to + 8, score);
      from += Searcher.RECORD_BYTES;
      to += RESULT_BYTES;
    }
    return Outcome.done(database.output(), found);
  }

  // ---------------------------------------------------------------- the past

  /**
   * {@code get-vector-at: func(id: vector-id, time: milliseconds) -> result<option<list<f32>>,
   * error>}
   */
  @Export(name = METHOD + "get-vector-at")
  static int getVectorAt(int self, int id, int idBytes, long time) {
    try {
      Database database = Handles.get(self).database();
      requireId(id, idBytes);
      int vector = database.findAt(id, idBytes, signed(time));
      return vector == 0 ? Outcome.none() : Outcome.some(vector, database.options().dimensions());
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /**
   * {@code get-metadata-at: func(id: vector-id, time: milliseconds) -> result<option<json>, error>}
   */
  @Export(name = METHOD + "get-metadata-at")
  static int getMetadataAt(int self, int id, int idBytes, long time) {
    try {
      Database database = Handles.get(self).database();
      requireId(id, idBytes);
      return metadata(database, database.metadataAt(id, idBytes, signed(time)));
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /**
   * Ends a call that has looked for metadata. None at all and none of this vector are the same
   * here.
   */
  private static int metadata(Database database, boolean found) {
    return found && database.outputBytes() > 0
        ? Outcome.some(database.output(), database.outputBytes())
        : Outcome.none();
  }

  /**
   * {@code search-at: func(query: list<f32>, k: u32, time: milliseconds) ->
   * result<list<search-result>, error>}
   */
  @Export(name = METHOD + "search-at")
  static int searchAt(int self, int query, int floats, int k, long time) {
    try {
      Database database = Handles.get(self).database();
      return results(database, database.searchAt(query, floats, signed(k), signed(time)));
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /** {@code chain: func(id: vector-id) -> result<option<delta-chain>, error>} */
  @Export(name = METHOD + "chain")
  static int chain(int self, int id, int idBytes) {
    try {
      Session session = Handles.get(self);
      requireId(id, idBytes);
      int chain = Outcome.LONG_VALUE + 8; // behind the option's byte
      boolean known = History.writeChain(session, id, idBytes, chain);
      MEMORY.putInt(Outcome.LONG_VALUE, known ? 1 : 0);
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.LONG_VALUE, e);
    }
  }

  /** {@code position: func() -> u32} */
  @Export(name = METHOD + "position")
  static int position(int self) {
    return Handles.get(self).position();
  }

  /** {@code deltas: func(from: u32) -> result<deltas-page, error>} */
  @Export(name = METHOD + "deltas")
  static int deltas(int self, int from) {
    try {
      History.writePage(Handles.get(self), from, Outcome.VALUE);
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /**
   * {@code rollback-to: func(id: vector-id, delta: delta-id) -> result<option<delta-id>, error>}
   */
  @Export(name = METHOD + "rollback-to")
  static int rollBackTo(int self, int id, int idBytes, int delta, int deltaBytes) {
    try {
      Session session = Handles.get(self);
      Database database = session.database();
      long now = WallClock.millis();
      requireId(id, idBytes);
      DeltaId to = Texts.deltaId(delta, deltaBytes);
      int count = database.rollBackTo(id, idBytes, to.time(), to.sequence(), to.replica(), now);
      if (count == 0) {
        return Outcome.none();
      }
      int issued = database.output();
      Texts.putDeltaId(TEXT, MEMORY.getLong(issued), MEMORY.getInt(issued + 8), session.replica());
      return Outcome.some(TEXT, Texts.ID_BYTES);
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /** {@code compact: func(options: compact-options) -> result<compaction-stats, error>} */
  @Export(name = METHOD + "compact")
  static int compact(
      int self,
      int hasBefore,
      long before,
      int hasKeepLast,
      int keepLast,
      int hasId,
      int id,
      int idBytes,
      int hasMaxBytes,
      long maxBytes) {
    try {
      Database database = Handles.get(self).database();
      if (hasId != 0) {
        requireId(id, idBytes);
        if (hasMaxBytes != 0) {
          throw invalid("max-bytes is of the whole log: it cannot be given with id");
        }
      }
      boolean onlyBytes = hasMaxBytes != 0 && hasBefore == 0 && hasKeepLast == 0;
      database.compact(
          hasId == 0 ? 0 : id,
          hasId == 0 ? 0 : idBytes,
          hasBefore != 0 ? signed(before) : onlyBytes ? 0 : Long.MAX_VALUE,
          hasKeepLast == 0 ? 0 : signed(keepLast),
          hasMaxBytes == 0 ? -1 : signed(maxBytes));
      Reports.writeCompaction(database, Outcome.LONG_VALUE);
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.LONG_VALUE, e);
    }
  }

  // ---------------------------------------------------------------- other replicas

  /** {@code merge: func(frames: list<u8>) -> result<merge-result, error>} */
  @Export(name = METHOD + "merge")
  static int merge(int self, int frames, int bytes) {
    try {
      Database database = Handles.get(self).database();
      long now = WallClock.millis();
      requireLength("frames", bytes);
      int merged = database.merge(frames, bytes, now);
      int from = database.output();
      MEMORY.putInt(Outcome.VALUE, merged);
      MEMORY.putInt(Outcome.VALUE + 4, MEMORY.getInt(from + 4));
      MEMORY.putInt(Outcome.VALUE + 8, MEMORY.getInt(from + 8));
      MEMORY.putInt(Outcome.VALUE + 12, from + Database.MERGED_BYTES);
      MEMORY.putInt(Outcome.VALUE + 16, MEMORY.getInt(from + 12));
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /** {@code cursor: func() -> result<list<u8>, error>} */
  @Export(name = METHOD + "cursor")
  static int cursor(int self) {
    try {
      Database database = Handles.get(self).database();
      database.cursor();
      return Outcome.done(database.output(), database.outputBytes());
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /** {@code deltas-since: func(cursor: option<list<u8>>) -> result<list<u8>, error>} */
  @Export(name = METHOD + "deltas-since")
  static int deltasSince(int self, int hasCursor, int cursor, int cursorBytes) {
    try {
      Database database = Handles.get(self).database();
      int bytes = hasCursor == 0 ? 0 : cursorBytes;
      if (hasCursor != 0 && bytes == 0) {
        throw new DeltaException(ErrorCode.CORRUPT_DATA, "the cursor is empty");
      }
      requireLength("cursor", bytes);
      database.since(cursor, bytes);
      return Outcome.done(database.output(), database.outputBytes());
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  // ---------------------------------------------------------------- the whole

  /** {@code repair: func(max: u32) -> result<u32, error>} */
  @Export(name = METHOD + "repair")
  static int repair(int self, int max) {
    try {
      MEMORY.putInt(Outcome.VALUE, Handles.get(self).database().repair(signed(max)));
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /** {@code check-index: func() -> result<index-report, error>} */
  @Export(name = METHOD + "check-index")
  static int checkIndex(int self) {
    try {
      Reports.writeReport(Handles.get(self).database(), Outcome.VALUE);
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /** {@code stats: func() -> result<stats, error>} */
  @Export(name = METHOD + "stats")
  static int stats(int self) {
    try {
      Reports.writeStats(Handles.get(self).database(), Outcome.LONG_VALUE);
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.LONG_VALUE, e);
    }
  }

  /** {@code state-digest: func() -> string} */
  @Export(name = METHOD + "state-digest")
  static int stateDigest(int self) {
    long digest = Handles.get(self).database().digest();
    for (int i = 0; i < DIGEST_DIGITS; i++, digest <<= 4) {
      int digit = (int) (digest >>> 60);
      MEMORY.putByte(TEXT + i, (byte) (digit < 10 ? '0' + digit : 'a' - 10 + digit));
    }
    MEMORY.putInt(Guest.RETURN, TEXT);
    MEMORY.putInt(Guest.RETURN + 4, DIGEST_DIGITS);
    return Guest.RETURN;
  }

  /** {@code export: func(options: export-options) -> result<list<u8>, error>} */
  @Export(name = METHOD + "export")
  static int export(int self, int hasIndex, int index, int hasHistory, int history) {
    try {
      Snapshots.write(
          Handles.get(self).database(),
          hasIndex == 0 || index != 0,
          hasHistory == 0 || history != 0,
          Outcome.VALUE);
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.VALUE, e);
    }
  }

  /** {@code import: func(data: list<u8>) -> result<import-result, error>} */
  @Export(name = METHOD + "import")
  static int restore(int self, int data, int bytes) {
    try {
      Snapshots.read(Handles.get(self), data, bytes, Outcome.LONG_VALUE);
      return Outcome.done();
    } catch (Throwable e) {
      return Outcome.failed(Outcome.LONG_VALUE, e);
    }
  }

  // ---------------------------------------------------------------- checks

  /** Returns an unsigned number, or the largest signed one if it is larger. */
  private static int signed(int unsigned) {
    return unsigned < 0 ? Integer.MAX_VALUE : unsigned;
  }

  /** Returns an unsigned number, or the largest signed one if it is larger. */
  private static long signed(long unsigned) {
    return unsigned < 0 ? Long.MAX_VALUE : unsigned;
  }

  /** Checks an id: address of its UTF-8, and the length, unsigned. */
  private static void requireId(int id, int bytes) {
    if (bytes == 0) {
      throw invalid("id is empty");
    }
    if (bytes < 0 || bytes > Frame.MAX_ID_BYTES) {
      throw invalid(
          "id " + Texts.quoted(id, bytes) + " is longer than " + Frame.MAX_ID_BYTES + " bytes");
    }
  }

  /** Checks the length of bytes that the core takes as a whole, unsigned. */
  private static void requireLength(String name, int bytes) {
    if (bytes < 0) {
      throw invalid(name + " must be less than 2^31 bytes");
    }
  }

  private static DeltaException invalid(String what) {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, what);
  }
}
