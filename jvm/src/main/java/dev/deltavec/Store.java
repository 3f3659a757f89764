package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.jvm.Platform;
import dev.deltavec.jvm.SegmentMemory;
import dev.deltavec.storage.LogFormat;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.InstantSource;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The core's database in its memory: how arguments get into the memory, and results out of it.
 * Arguments go to one place, so what is put there lasts until the next is put.
 *
 * <p>Only this knows the database for longer than a call, so another one can be put in its place.
 */
final class Store implements Seeker {
  // Output of the core's statistics; see docs/abi.md.
  private static final int APPLIED = 56;

  private static final SecureRandom RANDOM = new SecureRandom();

  private final long memoryLimit;
  private final InstantSource clock;
  private Core core;
  private Recorder recorder = Recorder.NONE;
  private BooleanSupplier mayGrow = () -> true;
  private byte[] text = new byte[64];
  private long mark = LogFormat.NO_MARK;

  /** A database, and what belongs to its memory. */
  private static final class Core {
    private DatabaseOptions options;
    private final SegmentMemory memory;
    private final Database database;
    private final Buffer input;
    private final FrameWriter writer;
    private final FrameDecoder decoder;

    /**
     * Takes over the memory.
     *
     * @throws DeltaException {@code OUT_OF_MEMORY}
     */
    private Core(SegmentMemory memory, Database database) {
      this.memory = memory;
      this.database = database;
      input = new Buffer(database.heap());
      input.reserve(0);
      options = database.options();
      writer = new FrameWriter(memory, options.compression());
      decoder = new FrameDecoder(memory, database.heap(), options.replica());
    }

    private void close() {
      database.close();
      memory.close();
    }
  }

  /**
   * An empty database.
   *
   * @param memoryLimit the most bytes to take
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  Store(DatabaseOptions options, long memoryLimit, InstantSource clock) {
    this.memoryLimit = memoryLimit;
    this.clock = clock;
    SegmentMemory memory = new SegmentMemory(memoryLimit);
    try {
      core = new Core(memory, new Database(memory, Platform.kernels(memory), options));
    } catch (DeltaException e) {
      memory.close();
      throw e;
    }
  }

  /**
   * Begins to fill a database that may {@link #become} this one's.
   *
   * @param expected about how many bytes of memory it will take, 0 if that is not known
   */
  Snapshots.Importer importer(DatabaseOptions options, long expected) {
    return new Snapshots.Importer(options, memoryLimit, expected);
  }

  /**
   * Puts another database in the place of the present one, which is closed.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}; then nothing has changed
   */
  void become(SegmentMemory memory, Database database) {
    Core next = new Core(memory, database);
    memory.growsIf(mayGrow);
    Core old = core;
    core = next;
    old.close();
  }

  /** Sets who says whether the memory may move, in the thread that asks for more of it. */
  void growsIf(BooleanSupplier condition) {
    mayGrow = condition;
    core.memory.growsIf(condition);
  }

  /** Returns a number for a replica that nobody else has. */
  static long randomReplica() {
    return RANDOM.nextLong() >>> 16;
  }

  DatabaseOptions options() {
    return core.options;
  }

  @Override
  public SegmentMemory memory() {
    return core.memory;
  }

  Database database() {
    return core.database;
  }

  FrameWriter writer() {
    return core.writer;
  }

  FrameDecoder decoder() {
    return core.decoder;
  }

  /** Returns the number of the replica that deltas are issued under. */
  long replica() {
    return core.options.replica();
  }

  /** Issues deltas under another replica from now on. */
  void replica(long number) {
    core.database.replica(number);
    core.options = StoredOptions.build(StoredOptions.of(core.options), number);
    core.decoder.replica(number);
  }

  /** Returns the mark, or {@link LogFormat#NO_MARK}. */
  long mark() {
    return mark;
  }

  /** Sets the mark. */
  void mark(long next) {
    mark = next;
  }

  /** Returns who is told of changes. */
  Recorder recorder() {
    return recorder;
  }

  /** Sets who is told of changes from now on. */
  void recorder(Recorder told) {
    recorder = told;
  }

  /** Gives all memory back. */
  void close() {
    core.close();
  }

  /** Returns the clock's time, Unix milliseconds. */
  long now() {
    long now = clock.millis();
    if (now < 0 || now >= Frame.TIME_LIMIT) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "the clock stands at " + now + " ms, not within 48 bits");
    }
    return now;
  }

  /**
   * Returns how many deltas have come in, as far as that is known: without a history, local ones.
   */
  long arrived() {
    if (core.options.history()) {
      return core.database.arrived();
    }
    core.database.stats();
    return whole(core.database.output() + APPLIED);
  }

  /**
   * Applies frames, and records them.
   *
   * @throws DeltaException as {@link Database#apply}
   */
  void apply(int frames, int bytes, int count, long now) {
    try {
      database().apply(frames, bytes, count, now);
    } catch (DeltaException e) {
      keptBudget(now);
      throw e;
    }
    recorder().applied(frames, bytes, count, now);
  }

  /**
   * Notes a call that should have changed the database and has not, but may have compacted history
   * to keep its budget. A merge of nothing, which does that again, is recorded, so that what is
   * done again later finds the same history.
   */
  void keptBudget(long now) {
    if (options().history() && options().maxHistoryBytes() != 0) {
      recorder().merged(new byte[0], 0, now);
    }
  }

  /** Fails without a history. */
  void requireHistory() {
    core.database.arrived();
  }

  // ---------------------------------------------------------------- arguments

  @Override
  public int reserve(long bytes) {
    if (bytes > 1 << 30) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY, "no memory for a call with " + bytes + " bytes of input");
    }
    return core.input.reserve((int) bytes);
  }

  /** Returns the address of what was put last. */
  int input() {
    return core.input.address();
  }

  /**
   * Puts an id.
   *
   * @return its length in bytes
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id
   */
  int putId(String id) {
    // What is longer is refused before it is written.
    return core.writer.writeId(reserve(3L * Math.min(id.length(), Frame.MAX_ID_BYTES)), id);
  }

  @Override
  public int search(int query, int k, int efSearch, int mode, int filter, int filterBytes) {
    int floats = core.options.dimensions();
    return core.database.search(query, floats, k, efSearch, mode, filter, filterBytes);
  }

  @Override
  public int output() {
    return core.database.output();
  }

  /** Puts bytes. */
  void putBytes(byte[] bytes) {
    core.memory.putBytes(reserve(bytes.length), bytes);
  }

  /** Returns the address of a vector's values, or 0 if there is no such vector. */
  int find(String id) {
    int bytes = putId(id);
    return core.database.find(input(), bytes);
  }

  // ---------------------------------------------------------------- results

  /** Returns a copy of a vector. */
  float[] vector(int address) {
    float[] vector = new float[core.options.dimensions()];
    core.memory.getFloats(address, vector);
    return vector;
  }

  /** Returns a view on a vector. */
  FloatBuffer view(int address) {
    return core.memory
        .slice(address, 4L * core.options.dimensions())
        .asByteBuffer()
        .asReadOnlyBuffer()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer();
  }

  /** Returns a copy of the last call's output. */
  byte[] outputBytes() {
    return bytes(core.database.output(), core.database.outputBytes());
  }

  /** Returns the last call's output as metadata; no bytes are an object without members. */
  String metadata() {
    int bytes = core.database.outputBytes();
    return bytes == 0 ? "{}" : text(core.database.output(), bytes);
  }

  /** Returns the id of the vector in a slot, or null if none lives there. */
  @Nullable String idAt(int slot) {
    boolean found =
        core.database.rows(slot, 1) > 0 && core.memory.getInt(core.database.output()) == slot;
    int row = core.database.output();
    return found ? text(core.memory.getInt(row + 4), core.memory.getInt(row + 8)) : null;
  }

  byte[] bytes(int address, int n) {
    byte[] copy = new byte[n];
    core.memory.getBytes(address, copy, n);
    return copy;
  }

  @Override
  public String text(int address, int bytes) {
    if (text.length < bytes) {
      text = new byte[Math.max(bytes, text.length * 2)];
    }
    core.memory.getBytes(address, text, bytes);
    return new String(text, 0, bytes, StandardCharsets.UTF_8);
  }

  double number(int address) {
    return Double.longBitsToDouble(core.memory.getLong(address));
  }

  /** Reads a whole number that lies there as a double. */
  long whole(int address) {
    return (long) number(address);
  }

  /** Reads a time; a negative one is none. */
  @Nullable Instant instant(int address) {
    long millis = core.memory.getLong(address);
    return millis < 0 ? null : Instant.ofEpochMilli(millis);
  }
}
