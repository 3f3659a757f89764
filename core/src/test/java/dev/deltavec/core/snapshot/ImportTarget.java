package dev.deltavec.core.snapshot;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Inside;
import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.TestDatabase;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Imports any bytes: what a fuzzer calls, and what is replayed for each file that one has left. See
 * {@link ImportInput} for what the bytes stand for.
 */
public final class ImportTarget {
  private static final int ALL = SnapshotWriter.INDEX | SnapshotWriter.HISTORY;
  private static final int UNLIMITED = 1 << 30;

  /** A time between those of the seeds' deltas. */
  private static final long BETWEEN = 1_000_007;

  /** An id that the seeds have deleted. */
  private static final String GONE = "h";

  /** What an import may answer. */
  private static final Set<ErrorCode> OF_IMPORT =
      EnumSet.of(
          ErrorCode.CORRUPT_DATA,
          ErrorCode.UNSUPPORTED_VERSION,
          ErrorCode.DIMENSION_MISMATCH,
          ErrorCode.INVALID_ARGUMENT,
          ErrorCode.NOT_FINITE,
          ErrorCode.CAPACITY_EXCEEDED,
          ErrorCode.OUT_OF_MEMORY);

  /** What calls may answer that look into an imported history, or add to it. */
  private static final Set<ErrorCode> OF_CALLS =
      EnumSet.of(
          ErrorCode.CORRUPT_DATA,
          ErrorCode.NOT_FINITE,
          ErrorCode.CAPACITY_EXCEEDED,
          ErrorCode.VECTOR_EXISTS,
          ErrorCode.OUT_OF_ORDER,
          ErrorCode.INVALID_ARGUMENT,
          ErrorCode.HISTORY_COMPACTED);

  private ImportTarget() {}

  /**
   * Imports.
   *
   * @param data any bytes
   * @throws IllegalStateException if something is not as it must be
   */
  public static void fuzzerTestOneInput(byte[] data) {
    run(ImportInput.of(data));
  }

  /**
   * Imports, and looks at what comes out of it.
   *
   * @return the error, or the digest as 16 hexadecimal digits
   */
  static String run(ImportInput input) {
    if (input.isScarce()) {
      int granted = empty(input.options());
      ArrayMemory scarce = new ArrayMemory(granted + input.stream().length / 2);
      take(input, scarce);
    }
    int most = empty(input.options()) + 4 * input.stream().length + (1 << 20);
    ArrayMemory memory = new ArrayMemory(most);
    String result = take(input, memory);
    require(!result.equals(ErrorCode.OUT_OF_MEMORY.name()), "takes too much memory");
    return result;
  }

  /** Returns what a database takes that has nothing in it. */
  private static int empty(DatabaseOptions options) {
    ArrayMemory memory = new ArrayMemory(UNLIMITED);
    try (TestDatabase db = new TestDatabase(options, memory)) {
      return db.memory.granted();
    }
  }

  private static String take(ImportInput input, ArrayMemory memory) {
    String result;
    List<byte[]> streams = List.of(input.stream());
    try (TestDatabase db = new TestDatabase(input.options(), memory, streams, new Generator(5))) {
      result = String.format("%016x", db.database.digest());
      memory.limit(UNLIMITED);
      check(db);
    } catch (DeltaException e) {
      require(OF_IMPORT.contains(e.code()), "an import failed: " + e);
      result = e.code().name();
    }
    require(memory.granted() == 0, "memory is left over");
    return result;
  }

  private static void check(TestDatabase db) {
    try {
      inspect(db);
    } catch (DeltaException e) {
      throw new IllegalStateException("what was imported is of no use", e);
    }
  }

  private static void inspect(TestDatabase db) {
    float[] query = new Generator(1).vector(db.database.options().dimensions());
    db.search(query, 5);
    db.searchExact(query, 5);
    copy(db, query);
    if (db.database.options().history()) {
      lookBack(db, query);
      copy(db, query);
    }
    goOn(db, query);
    copy(db, query);
  }

  private static void copy(TestDatabase db, float[] query) {
    require(Inside.wrong(db.database) == null, "the index is wrong");
    ArrayMemory memory = new ArrayMemory(UNLIMITED);
    List<byte[]> streams = List.of(db.export(ALL));
    DatabaseOptions options = db.database.options();
    try (TestDatabase copy = new TestDatabase(options, memory, streams, new Generator(7))) {
      require((copy.output()[8] & 2) == 0, "a copy's graph is damaged");
      require(copy.database.digest() == db.database.digest(), "a copy is another");
      require(Inside.wrong(copy.database) == null, "a copy's index is wrong");
      require(copy.search(query, 5).equals(db.search(query, 5)), "a copy finds another");
    }
    require(memory.granted() == 0, "a copy's memory is left over");
  }

  /** Calls what looks into the history, and what folds it anew. */
  private static void lookBack(TestDatabase db, float[] vector) {
    attempt(() -> db.since(new byte[0]));
    attempt(() -> db.searchAt(vector, 3, BETWEEN));
    for (String id : db.ids()) {
      attempt(() -> db.chain(id));
      attempt(() -> db.getAt(id, BETWEEN));
      attempt(() -> db.metadataAt(id, BETWEEN));
      attempt(() -> db.merge(ofAnother(db.database.options(), id, vector)));
    }
    attempt(() -> db.merge(ofAnother(db.database.options(), GONE, vector)));
  }

  /** Calls what adds to the database, and what takes from it. */
  private static void goOn(TestDatabase db, float[] vector) {
    for (String id : db.ids()) {
      attempt(() -> db.metadata(id));
      attempt(() -> db.apply(new Frames().scale(id, 0.5f).metadata(id, "{\"z\":1}")));
    }
    attempt(() -> db.apply(new Frames().create("new", vector).delete("new")));
    if (db.database.options().history()) {
      attempt(() -> db.compact(null, Long.MAX_VALUE, 1, -1));
    }
    db.database.repair(5);
  }

  /** Returns a delta of another replica that comes between others of a vector. */
  private static byte[] ofAnother(DatabaseOptions options, String id, float[] vector) {
    DatabaseOptions.Builder other =
        DatabaseOptions.builder()
            .dimensions(options.dimensions())
            .grid(options.grid())
            .replica(id.hashCode() & 0xffff_ffffL);
    try (TestDatabase db = new TestDatabase(other.build())) {
      db.now = BETWEEN;
      db.apply(new Frames().create(id, vector));
      byte[] cursor = db.cursor();
      int last = options.dimensions() - 1;
      db.apply(new Frames().sparse(id, new int[] {last}, new float[] {0.25f}));
      return db.since(cursor);
    }
  }

  private static void attempt(Runnable call) {
    try {
      call.run();
    } catch (DeltaException e) {
      require(OF_CALLS.contains(e.code()), "a call failed: " + e);
    }
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException(what);
    }
  }
}
