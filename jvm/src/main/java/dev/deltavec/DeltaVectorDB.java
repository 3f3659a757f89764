package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.jvm.Platform;
import dev.deltavec.jvm.SegmentMemory;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A database of vectors that change by deltas, with search for the nearest ones. Everything is in
 * memory, outside the Java heap.
 *
 * {@snippet :
 * try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(3).build()) {
 *   db.applyDelta(VectorDelta.create("a", new float[] {1, 0, 0}));
 *   db.applyDelta(VectorDelta.sparse("a", new int[] {1}, new float[] {0.5f}));
 *   db.search(new float[] {1, 0.4f, 0}, 1); // [SearchResult[id=a, score=0.99…]]
 * }
 * }
 *
 * <p>Any number of threads may use a database; their calls take turns, under one lock that a call
 * without company takes in some 20 ns. Callbacks of {@link #onDelta} run in the thread that
 * applied, which holds the lock meanwhile: they may call the database, but must not wait for
 * another thread that does.
 *
 * <p>Every method throws a {@link DeltaException} {@code CLOSED} after {@link #close}. After any
 * error the database is as it was before the call. A database that is never closed gives its memory
 * back when the garbage collector finds it, which may be late: it does not know how much that is.
 */
public final class DeltaVectorDB implements AutoCloseable {
  private static final int IDS_PAGE = 1024;

  // Output records; see docs/abi.md.
  private static final int HIT_BYTES = 16;
  private static final int HIT_ID = 4;
  private static final int HIT_ID_BYTES = 8;
  private static final int APPLIED_SEQUENCE = 8;

  private final ReentrantLock lock = new ReentrantLock();
  private final DatabaseOptions options;
  private final int dimensions;
  private final InstantSource clock;
  private final SegmentMemory memory;
  private final Database database;
  private final Buffer input;
  private final FrameWriter writer;
  private final EventHub events = new EventHub();
  private byte[] text = new byte[64];
  private boolean closed;

  private DeltaVectorDB(DatabaseOptions options, long memoryLimit, InstantSource clock) {
    this.options = options;
    this.clock = clock;
    dimensions = options.dimensions();
    memory = new SegmentMemory(memoryLimit);
    try {
      database = new Database(memory, Platform.kernels(memory), options);
      input = new Buffer(database.heap());
      input.reserve(0);
    } catch (DeltaException e) {
      memory.close();
      throw e;
    }
    writer = new FrameWriter(memory);
  }

  /** Returns a builder that holds the defaults. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns the options that the database runs with. */
  public DatabaseOptions options() {
    return options;
  }

  private void enter() {
    lock.lock();
    if (closed) {
      lock.unlock();
      throw new DeltaException(ErrorCode.CLOSED, "the database is closed");
    }
  }

  // ---------------------------------------------------------------- deltas

  /**
   * Applies one delta. O(dimensions), and for a create or delete the work of the search graph.
   *
   * @param delta what changes
   * @return the delta's id: 26 characters of Crockford base32 that sort by time
   * @throws DeltaException {@code INVALID_ARGUMENT}, {@code DIMENSION_MISMATCH}, {@code
   *     NOT_FINITE}, {@code VECTOR_NOT_FOUND}, {@code VECTOR_EXISTS}, {@code OUT_OF_ORDER}, {@code
   *     CAPACITY_EXCEEDED} or {@code OUT_OF_MEMORY}
   */
  public String applyDelta(VectorDelta delta) {
    Objects.requireNonNull(delta, "delta");
    enter();
    try {
      long now = now();
      writer.check(delta, -1);
      int frame = reserve(FrameWriter.mostBytes(delta));
      int end = writer.write(frame, delta, -1);
      try {
        database.apply(frame, end - frame, 1, now);
      } catch (DeltaException e) {
        throw new DeltaException(e.code(), e.getMessage()); // a single delta has no index
      }
      int record = database.output();
      String id = id(record);
      if (events.active()) {
        events.emit(List.of(event(id, record, delta)));
      }
      return id;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Applies deltas in order, all of them or, if one is refused, none. A delta sees what those
   * before it did. Cheaper than one by one; some hundreds of deltas are a good size.
   *
   * @param deltas what changes
   * @return the deltas' ids, in the same order
   * @throws DeltaException as {@link #applyDelta}, with the {@link DeltaException#index index} of
   *     the offending delta
   */
  public List<String> applyDeltas(List<VectorDelta> deltas) {
    VectorDelta[] batch = deltas.toArray(VectorDelta[]::new);
    enter();
    try {
      long now = now();
      long most = 0;
      for (int i = 0; i < batch.length; i++) {
        writer.check(batch[i], i);
        most += FrameWriter.mostBytes(batch[i]);
      }
      if (batch.length == 0) {
        return List.of();
      }
      int start = reserve(most);
      int end = start;
      for (int i = 0; i < batch.length; i++) {
        end = writer.write(end, batch[i], i);
      }
      database.apply(start, end - start, batch.length, now);
      return applied(batch);
    } finally {
      lock.unlock();
    }
  }

  /** Reads the ids of an applied batch, and tells the subscribers. */
  private List<String> applied(VectorDelta[] batch) {
    String[] ids = new String[batch.length];
    List<DeltaEvent> news = events.active() ? new ArrayList<>(batch.length) : List.of();
    int record = database.output();
    for (int i = 0; i < batch.length; i++, record += Database.APPLIED_BYTES) {
      ids[i] = id(record);
      if (events.active()) {
        news.add(event(ids[i], record, batch[i]));
      }
    }
    if (!news.isEmpty()) {
      events.emit(news);
    }
    return Collections.unmodifiableList(Arrays.asList(ids));
  }

  private long now() {
    long now = clock.millis();
    if (now < 0 || now >= Frame.TIME_LIMIT) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "the clock stands at " + now + " ms, not within 48 bits");
    }
    return now;
  }

  private String id(int record) {
    return DeltaId.format(
        memory.getLong(record), memory.getInt(record + APPLIED_SEQUENCE), options.replica());
  }

  private DeltaEvent event(String deltaId, int record, VectorDelta delta) {
    DeltaOperation operation =
        switch (delta.operation()) {
          case DeltaOperation.Create create -> new DeltaOperation.Create(create.vector().clone());
          case DeltaOperation.Sparse sparse ->
              new DeltaOperation.Sparse(sparse.indices().clone(), sparse.values().clone());
          case DeltaOperation.Dense dense -> new DeltaOperation.Dense(dense.vector().clone());
          case DeltaOperation.Scale scale -> scale;
          case DeltaOperation.Offset offset -> offset;
          case DeltaOperation.Delete delete -> delete;
        };
    Instant time = Instant.ofEpochMilli(memory.getLong(record));
    return new DeltaEvent(deltaId, delta.vectorId(), operation, delta.metadata(), time);
  }

  /**
   * Subscribes to the deltas that are applied from now on.
   *
   * <p>Deltas come once they are applied (those of a batch once the whole batch is), before the
   * applying call returns, to every subscriber in the same order. A callback may apply deltas:
   * their events follow those that wait. What a callback throws is logged (logger {@code
   * dev.deltavec}) and disturbs nobody else.
   *
   * @param callback called with each delta
   * @return what ends the subscription, also from within a callback
   */
  public Subscription onDelta(Consumer<? super DeltaEvent> callback) {
    Objects.requireNonNull(callback, "callback");
    enter();
    try {
      EventHub.Subscriber subscriber = events.subscribe(callback);
      return () -> {
        lock.lock();
        try {
          events.unsubscribe(subscriber);
        } finally {
          lock.unlock();
        }
      };
    } finally {
      lock.unlock();
    }
  }

  // ---------------------------------------------------------------- reading

  /** Returns the number of live vectors. O(1) */
  public int size() {
    enter();
    try {
      return database.size();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Tells whether a vector exists. O(1)
   *
   * @param id the vector's id
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id
   */
  public boolean has(String id) {
    enter();
    try {
      return find(id) != 0;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns a copy of a vector's current values.
   *
   * @param id the vector's id
   * @return {@code dimensions} floats, or null if there is no such vector. O(dimensions)
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id
   */
  public float @Nullable [] getVector(String id) {
    enter();
    try {
      int address = find(id);
      if (address == 0) {
        return null;
      }
      float[] vector = new float[dimensions];
      memory.getFloats(address, vector);
      return vector;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Copies a vector's current values into an array, allocating nothing.
   *
   * @param id the vector's id
   * @param target gets the values: {@code dimensions} floats
   * @return false if there is no such vector; then the array is as it was. O(dimensions)
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id, {@code
   *     DIMENSION_MISMATCH} if the array is of another length
   */
  public boolean getVectorInto(String id, float[] target) {
    enter();
    try {
      if (target.length != dimensions) {
        throw new DeltaException(
            ErrorCode.DIMENSION_MISMATCH,
            "the target has " + target.length + " values, not " + dimensions);
      }
      int address = find(id);
      if (address == 0) {
        return false;
      }
      memory.getFloats(address, target);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns a vector's current values without copying them: a read-only view on the database's
   * memory.
   *
   * <p>The view is valid until a delta is next applied, which may change the values, give their
   * place to another vector, or move the memory; after the latter two, and after {@link #close}, it
   * shows other values or throws {@link IllegalStateException}. It never leads outside the memory.
   * Keep the database reachable, and no other thread applying, while using it.
   *
   * @param id the vector's id
   * @return {@code dimensions} floats, or null if there is no such vector. O(1)
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id
   */
  public @Nullable FloatBuffer getVectorView(String id) {
    enter();
    try {
      int address = find(id);
      return address == 0
          ? null
          : memory
              .slice(address, 4L * dimensions)
              .asByteBuffer()
              .asReadOnlyBuffer()
              .order(ByteOrder.LITTLE_ENDIAN)
              .asFloatBuffer();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns a vector's metadata: all merge patches so far, merged.
   *
   * @param id the vector's id
   * @return the text of a JSON object, {@code {}} if the vector has none, or null if there is no
   *     such vector
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id
   */
  public @Nullable String getMetadata(String id) {
    enter();
    try {
      int at = reserve(roomFor(id));
      if (!database.metadata(at, writer.writeId(at, id))) {
        return null;
      }
      int bytes = database.outputBytes();
      return bytes == 0 ? "{}" : text(database.output(), bytes);
    } finally {
      lock.unlock();
    }
  }

  /** Returns the ids of all live vectors, in no particular order. O(size) */
  public List<String> ids() {
    enter();
    try {
      List<String> ids = new ArrayList<>(database.size());
      for (int slot = 0; slot >= 0; slot = database.next()) {
        int n = database.ids(slot, IDS_PAGE);
        int record = database.output();
        for (int end = record + n * Database.ID_BYTES; record != end; record += Database.ID_BYTES) {
          ids.add(text(memory.getInt(record), memory.getInt(record + 4)));
        }
      }
      return Collections.unmodifiableList(ids);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Finds the vectors closest to a query, by the database's metric.
   *
   * @param query {@code dimensions} finite values
   * @param k how many to find, 1 or more
   * @return up to {@code k} hits, closest first; fewer if there are not so many vectors. About
   *     O(log size)
   * @throws DeltaException {@code DIMENSION_MISMATCH}, {@code NOT_FINITE}, {@code INVALID_ARGUMENT}
   *     or {@code OUT_OF_MEMORY}
   */
  public List<SearchResult> search(float[] query, int k) {
    enter();
    try {
      int at = input.address();
      // One of another length is refused by its length; its values are not looked at.
      if (query.length == dimensions) {
        at = reserve(4L * dimensions);
        memory.putFloats(at, query);
      }
      int n = database.search(at, query.length, k, 0);
      SearchResult[] hits = new SearchResult[n];
      int record = database.output();
      for (int i = 0; i < n; i++, record += HIT_BYTES) {
        String id = text(memory.getInt(record + HIT_ID), memory.getInt(record + HIT_ID_BYTES));
        hits[i] = new SearchResult(id, memory.getFloat(record));
      }
      return Collections.unmodifiableList(Arrays.asList(hits));
    } finally {
      lock.unlock();
    }
  }

  /** Returns sizes and counts. O(1) */
  public DeltaStats stats() {
    enter();
    try {
      database.stats();
      int record = database.output();
      return new DeltaStats(
          memory.getInt(record),
          memory.getInt(record + 4),
          whole(record + 8),
          whole(record + 16),
          whole(record + 24),
          whole(record + 32),
          whole(record + 40),
          whole(record + 48),
          whole(record + 56),
          memory.getInt(record + 64),
          memory.getInt(record + 68));
    } finally {
      lock.unlock();
    }
  }

  private long whole(int address) {
    return (long) Double.longBitsToDouble(memory.getLong(address));
  }

  /**
   * Returns the digest of the state, that is of all live vectors and their metadata, as 16
   * hexadecimal digits. The same state has the same digest on every platform, however it came
   * about. O(size)
   */
  public String stateDigest() {
    enter();
    try {
      return HexFormat.of().toHexDigits(database.digest());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Closes the database and gives its memory back; ends all subscriptions. Every other method
   * throws {@code CLOSED} afterwards. Closing again does nothing.
   */
  @Override
  public void close() {
    lock.lock();
    try {
      if (!closed) {
        closed = true;
        events.close();
        database.close();
        memory.close();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Returns the address of a vector's values, or 0. */
  private int find(String id) {
    int at = reserve(roomFor(id));
    return database.find(at, writer.writeId(at, id));
  }

  /** Bytes to look an id up with; what is longer is refused before it is written. */
  private static long roomFor(String id) {
    return 3L * Math.min(id.length(), Frame.MAX_ID_BYTES);
  }

  private int reserve(long bytes) {
    if (bytes > 1 << 30) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY, "no memory for a call with " + bytes + " bytes of input");
    }
    return input.reserve((int) bytes);
  }

  private String text(int address, int bytes) {
    if (text.length < bytes) {
      text = new byte[Math.max(bytes, text.length * 2)];
    }
    memory.getBytes(address, text, bytes);
    return new String(text, 0, bytes, StandardCharsets.UTF_8);
  }

  /** What {@link #onDelta} returns: ends the subscription when it is closed. */
  @FunctionalInterface
  public interface Subscription extends AutoCloseable {
    /** Ends the subscription. Doing so again does nothing. */
    @Override
    void close();
  }

  /** Collects the options of a database; every setter returns the builder. */
  public static final class Builder {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int REPLICA_DIGITS = 12;

    private final DatabaseOptions.Builder options = DatabaseOptions.builder();
    private @Nullable String replicaId;
    private long memoryLimit = SegmentMemory.MAX_BYTES;
    private InstantSource clock = InstantSource.system();

    private Builder() {}

    /** Sets the number of values of every vector, 1 to 65,536. Default 384. */
    public Builder dimensions(int value) {
      options.dimensions(value);
      return this;
    }

    /**
     * Sets how many vectors the database may hold, 1 to 268,435,456; memory is taken as they come.
     * Default 100,000.
     */
    public Builder maxVectors(int value) {
      options.maxVectors(value);
      return this;
    }

    /** Sets whether deltas are kept in their small form (without loss). Default true. */
    public Builder compression(boolean value) {
      options.compression(value);
      return this;
    }

    /** Sets after how many deltas of a vector a checkpoint is kept, 1 or more. Default 100. */
    public Builder checkpointInterval(int value) {
      options.checkpointInterval(value);
      return this;
    }

    /**
     * HNSW: sets how many links a node takes on each layer (twice as many on the lowest), 2 to 64.
     * Default 16.
     */
    public Builder hnswM(int value) {
      options.hnswM(value);
      return this;
    }

    /** HNSW: sets the candidates kept while a node is linked, 1 to 10,000. Default 100. */
    public Builder hnswEfConstruction(int value) {
      options.hnswEfConstruction(value);
      return this;
    }

    /**
     * HNSW: sets the candidates kept while searching, 1 to 10,000. More finds better and takes
     * longer. Default 50.
     */
    public Builder hnswEfSearch(int value) {
      options.hnswEfSearch(value);
      return this;
    }

    /** Sets how closeness is measured. Default {@link Metric#COSINE}. */
    public Builder metric(Metric value) {
      options.metric(Objects.requireNonNull(value, "metric"));
      return this;
    }

    /**
     * Sets this replica's number, 12 hexadecimal digits, part of every delta's id. Default: random.
     * Replicas must differ.
     */
    public Builder replicaId(String value) {
      replicaId = Objects.requireNonNull(value, "replicaId");
      return this;
    }

    /**
     * Sets the most memory to take, 0 to 2^32 bytes; the address space holds no more. Default 2^32.
     */
    public Builder memoryLimit(long bytes) {
      memoryLimit = bytes;
      return this;
    }

    /** Sets the clock, from 1970 on. Default: the system's. */
    public Builder clock(InstantSource source) {
      clock = Objects.requireNonNull(source, "clock");
      return this;
    }

    /**
     * Makes an empty database.
     *
     * @return the database; close it when it is no longer needed
     * @throws DeltaException {@code INVALID_ARGUMENT} naming the option that is out of its range;
     *     {@code OUT_OF_MEMORY}
     */
    public DeltaVectorDB build() {
      if (memoryLimit < 0 || memoryLimit > SegmentMemory.MAX_BYTES) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "option memoryLimit must be from 0 to 2^32, not " + memoryLimit);
      }
      options.replica(replicaId == null ? randomReplica() : replica(replicaId));
      return new DeltaVectorDB(options.build(), memoryLimit, clock);
    }

    private static long randomReplica() {
      return RANDOM.nextLong() >>> 16;
    }

    private static long replica(String id) {
      if (id.length() != REPLICA_DIGITS || !id.chars().allMatch(HexFormat::isHexDigit)) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "option replicaId must be 12 hexadecimal digits, not \"" + id + "\"");
      }
      return HexFormat.fromHexDigitsToLong(id);
    }
  }
}
