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
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
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
 * <p>Every delta is kept (option {@code history}): a vector can be read as it was at any time, and
 * replicas that exchange their deltas, in whatever order, end in the same state.
 *
 * <p>Any number of threads may use a database; their calls take turns, under one lock that a call
 * without company takes in some 20 ns. Callbacks of {@link #onDelta} run in the thread that applied
 * or merged, which holds the lock meanwhile: they may call the database, but must not wait for
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
  private static final int CHAIN_HORIZON = 16;
  private static final int CHAIN_ALIVE = 24;
  private static final int COMPACTION_HORIZON = 24;

  /** The most bytes of frames that are read from the log at once, if they are more than one. */
  private static final int PAGE_BYTES = 1 << 16;

  private final ReentrantLock lock = new ReentrantLock();

  /** Signalled when deltas have come in, and when a feed or the database is closed. */
  private final Condition arrivals = lock.newCondition();

  private final DatabaseOptions options;
  private final int dimensions;
  private final InstantSource clock;
  private final SegmentMemory memory;
  private final Database database;
  private final Buffer input;
  private final FrameWriter writer;
  private final FrameDecoder decoder;
  private final EventHub events = new EventHub();

  /** How many deltas have come in. */
  private long position;

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
    writer = new FrameWriter(memory, options.compression());
    decoder = new FrameDecoder(memory, database.heap(), options.replica());
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
      long first = took(1);
      if (events.active()) {
        events.emit(List.of(event(id, record, delta, first)));
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
    long first = took(batch.length);
    for (int i = 0; i < batch.length; i++, record += Database.APPLIED_BYTES) {
      ids[i] = id(record);
      if (events.active()) {
        news.add(event(ids[i], record, batch[i], first + i));
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

  /** Counts deltas that have come in, and wakes feeds. Returns the position of the first. */
  private long took(int deltas) {
    long first = position;
    position += deltas;
    arrivals.signalAll();
    return first;
  }

  private DeltaEvent event(String deltaId, int record, VectorDelta delta, long at) {
    DeltaOperation operation =
        switch (delta.operation()) {
          case DeltaOperation.Create create -> new DeltaOperation.Create(kept(create.vector()));
          case DeltaOperation.Sparse sparse ->
              new DeltaOperation.Sparse(sparse.indices().clone(), kept(sparse.values()));
          case DeltaOperation.Dense dense -> new DeltaOperation.Dense(kept(dense.vector()));
          case DeltaOperation.Scale scale -> scale;
          case DeltaOperation.Offset offset -> offset;
          case DeltaOperation.Delete delete -> delete;
        };
    return new DeltaEvent(
        deltaId,
        delta.vectorId(),
        operation,
        delta.metadata(),
        Instant.ofEpochMilli(memory.getLong(record)),
        DeltaOrigin.LOCAL,
        at);
  }

  /** Returns values as the database keeps them: a copy, on its grid if it has one. */
  private float[] kept(float[] values) {
    float[] kept = values.clone();
    int grid = options.grid();
    if (grid != 0) {
      for (int i = 0; i < kept.length; i++) {
        kept[i] = (float) (Math.floor((double) kept[i] * grid + 0.5) / grid);
      }
    }
    return kept;
  }

  // ---------------------------------------------------------------- following

  /**
   * Subscribes to the deltas that come in from now on; otherwise as {@link #onDelta(Consumer,
   * FeedOptions)}.
   *
   * @param callback called with each delta
   * @return what ends the subscription, also from within a callback
   */
  public Subscription onDelta(Consumer<? super DeltaEvent> callback) {
    return onDelta(callback, FeedOptions.fromNow());
  }

  /**
   * Subscribes to deltas, applied and merged.
   *
   * <p>Deltas come once they are in (those of a batch once the whole batch is), before the call
   * that brings them returns, to every subscriber in the same order. A callback may apply deltas:
   * their events follow those that wait. What a callback throws is logged (logger {@code
   * dev.deltavec}) and disturbs nobody else. Deltas that are in already (option {@code since}) come
   * before this method returns, and a callback that applies deltas gets those, too. To read many,
   * or slowly, use {@link #deltas}.
   *
   * @param callback called with each delta
   * @param feed where to begin, and which deltas
   * @return what ends the subscription, also from within a callback
   * @throws DeltaException {@code INVALID_ARGUMENT} for a position that is not from 0 to {@link
   *     #position}, or one before that if no history is kept; {@code HISTORY_COMPACTED} if deltas
   *     from there on were compacted away, then none has come
   */
  public Subscription onDelta(Consumer<? super DeltaEvent> callback, FeedOptions feed) {
    Objects.requireNonNull(callback, "callback");
    Objects.requireNonNull(feed, "feed");
    enter();
    try {
      replay(callback, feed);
      EventHub.Subscriber subscriber = events.subscribe(callback, position, feed.origin());
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

  private void replay(Consumer<? super DeltaEvent> callback, FeedOptions feed) {
    List<DeltaEvent> page = new ArrayList<>();
    long first = first(feed);
    requireLogged(first);
    for (long next = first; next < position && !closed; page.clear()) {
      next = readPage(next, feed.origin(), page);
      for (DeltaEvent event : page) {
        if (!closed) {
          EventHub.call(callback, event);
        }
      }
    }
  }

  /** Fails if not all deltas from a position on are in the log. */
  private void requireLogged(long first) {
    for (int at = (int) first; at < position; at = database.next()) {
      if (database.read(at, PAGE_BYTES) < database.next() - at) {
        throw compacted(at);
      }
    }
  }

  private long first(FeedOptions feed) {
    Long since = feed.since();
    if (since == null) {
      return position;
    }
    if (since < 0 || since > position) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "since must be a position from 0 to " + position + ", not " + since);
    }
    return since;
  }

  /**
   * Goes over deltas one by one, as they are asked for: first those in the history, then those that
   * come in. For readers that take their time: the feed reads from the history, page by page, so it
   * loses nothing and holds little. If deltas that it has not read are compacted away, it says so
   * by an error.
   *
   * @param feed where to begin, and which deltas
   * @return the feed; close it when it is no longer needed
   * @throws DeltaException {@code INVALID_ARGUMENT} for a position that is not from 0 to {@link
   *     #position}, or if no history is kept
   */
  public DeltaFeed deltas(FeedOptions feed) {
    Objects.requireNonNull(feed, "feed");
    enter();
    try {
      requireHistory();
      return new DeltaFeed(this, first(feed), feed.origin());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns how many deltas have come in so far, applied or merged: the position that the next one
   * will have. O(1)
   */
  public long position() {
    enter();
    try {
      return position;
    } finally {
      lock.unlock();
    }
  }

  private void requireHistory() {
    database.arrived(); // fails without a history
  }

  // What feeds call, with the lock.

  void lock() {
    lock.lock();
  }

  void unlock() {
    lock.unlock();
  }

  boolean isClosed() {
    return closed;
  }

  long arrived() {
    return position;
  }

  /**
   * Waits until deltas have come in, or something is closed.
   *
   * @return what is left of the time, nanoseconds
   */
  long awaitDeltas(long nanos) throws InterruptedException {
    return arrivals.awaitNanos(nanos);
  }

  void wakeFeeds() {
    arrivals.signalAll();
  }

  /**
   * Reads a page of the log.
   *
   * @param from position to begin at, before the present one
   * @param origin of the deltas to read, or null for all
   * @param page gets the deltas
   * @return the position behind the page
   * @throws DeltaException {@code HISTORY_COMPACTED} if the first delta is gone
   */
  long readPage(long from, @Nullable DeltaOrigin origin, Collection<DeltaEvent> page) {
    int first = (int) from;
    if (database.read(first, PAGE_BYTES) < database.next() - first
        && database.read(first, 1) < database.next() - first) { // some are gone, so one at a time
      throw compacted(from);
    }
    int frame = database.output();
    int next = database.next();
    for (int i = first; i < next; i++) {
      frame = decode(frame, i, origin, page);
    }
    return next;
  }

  private static DeltaException compacted(long from) {
    return new DeltaException(
        ErrorCode.HISTORY_COMPACTED,
        "deltas from position "
            + from
            + " on were compacted away: read the present state and follow from its position");
  }

  private int decode(
      int frame, long at, @Nullable DeltaOrigin origin, Collection<DeltaEvent> page) {
    int end = decoder.read(frame);
    if (origin == null || origin == decoder.origin()) {
      page.add(decoder.event(at));
    }
    return end;
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
      return hits(database.search(write(query), query.length, k, 0));
    } finally {
      lock.unlock();
    }
  }

  /** Returns the address of a query; one of another length is refused by its length alone. */
  private int write(float[] query) {
    if (query.length != dimensions) {
      return input.address();
    }
    int at = reserve(4L * dimensions);
    memory.putFloats(at, query);
    return at;
  }

  private List<SearchResult> hits(int n) {
    SearchResult[] hits = new SearchResult[n];
    int record = database.output();
    for (int i = 0; i < n; i++, record += HIT_BYTES) {
      String id = text(memory.getInt(record + HIT_ID), memory.getInt(record + HIT_ID_BYTES));
      hits[i] = new SearchResult(id, memory.getFloat(record));
    }
    return Collections.unmodifiableList(Arrays.asList(hits));
  }

  // ---------------------------------------------------------------- the past

  /**
   * Returns a vector's values as they were.
   *
   * @param id the vector's id
   * @param time which deltas count: those up to this time, to the millisecond
   * @return {@code dimensions} floats, or null if there was no such vector then. O(checkpoints +
   *     checkpointInterval x dimensions)
   * @throws DeltaException {@code HISTORY_COMPACTED} for a time before the vector's horizon, {@code
   *     INVALID_ARGUMENT} for what cannot be an id or if no history is kept
   */
  public float @Nullable [] getVectorAt(String id, Instant time) {
    Objects.requireNonNull(time, "time");
    enter();
    try {
      int at = reserve(roomFor(id));
      int address = database.findAt(at, writer.writeId(at, id), millis(time));
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
   * Returns a vector's metadata as it was; arguments and errors as {@link #getVectorAt}.
   *
   * @return the text of a JSON object, {@code {}} if the vector had none, or null if there was no
   *     such vector then
   */
  public @Nullable String getMetadataAt(String id, Instant time) {
    Objects.requireNonNull(time, "time");
    enter();
    try {
      int at = reserve(roomFor(id));
      if (!database.metadataAt(at, writer.writeId(at, id), millis(time))) {
        return null;
      }
      int bytes = database.outputBytes();
      return bytes == 0 ? "{}" : text(database.output(), bytes);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Finds the vectors that were closest to a query, exactly: all vectors that ever were are
   * recomposed and compared.
   *
   * @param query {@code dimensions} finite values
   * @param k how many to find, 1 or more
   * @param time which deltas count: those up to this time, to the millisecond
   * @return up to {@code k} hits, closest first. O(ids x checkpointInterval x dimensions)
   * @throws DeltaException {@code HISTORY_COMPACTED} for a time before any vector's horizon, {@code
   *     INVALID_ARGUMENT} also if no history is kept; others as {@link #search}
   */
  public List<SearchResult> searchAt(float[] query, int k, Instant time) {
    Objects.requireNonNull(time, "time");
    enter();
    try {
      return hits(database.searchAt(write(query), query.length, k, millis(time)));
    } finally {
      lock.unlock();
    }
  }

  /** Returns a time in milliseconds; one that no delta can have becomes one just as far off. */
  private static long millis(Instant time) {
    long second = time.getEpochSecond();
    return second < 0 ? -1 : second > Frame.TIME_LIMIT ? Frame.TIME_LIMIT : time.toEpochMilli();
  }

  /**
   * Returns what the history holds of a vector.
   *
   * @param id the vector's id
   * @return the chain; that of an id that was never seen has no deltas. O(bytes)
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id or if no history is
   *     kept, {@code OUT_OF_MEMORY}
   */
  public DeltaChain getDeltaChain(String id) {
    enter();
    try {
      int at = reserve(roomFor(id));
      if (!database.chain(at, writer.writeId(at, id))) {
        return new DeltaChain(id, List.of(), 0, null, 0, false);
      }
      int record = database.output();
      DeltaChain.Entry[] deltas = new DeltaChain.Entry[memory.getInt(record)];
      int frame = record + Database.CHAIN_BYTES;
      for (int i = 0; i < deltas.length; i++) {
        boolean checkpoint = memory.getInt(frame) != 0;
        frame = decoder.read(frame + 4);
        deltas[i] = decoder.entry(checkpoint);
      }
      return new DeltaChain(
          id,
          Arrays.asList(deltas),
          memory.getInt(record + 4),
          instant(record + CHAIN_HORIZON),
          whole(record + 8),
          memory.getInt(record + CHAIN_ALIVE) != 0);
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Instant instant(int address) {
    long millis = memory.getLong(address);
    return millis < 0 ? null : Instant.ofEpochMilli(millis);
  }

  /**
   * Brings a vector back to its state behind a delta, by a new delta: history is never rewritten. A
   * vector that did not live then is deleted.
   *
   * @param id the vector's id
   * @param deltaId the id of one of its deltas
   * @return the ids of the deltas applied: one, or none if the vector is in that state
   * @throws DeltaException {@code VECTOR_NOT_FOUND} if there never was such a vector, {@code
   *     INVALID_ARGUMENT} if it has no such delta or no history is kept, {@code HISTORY_COMPACTED};
   *     others as {@link #applyDelta}
   */
  public List<String> rollbackTo(String id, String deltaId) {
    enter();
    try {
      DeltaId to = DeltaId.parse(deltaId);
      long now = now();
      int at = reserve(roomFor(id));
      int bytes = writer.writeId(at, id);
      if (database.rollBackTo(at, bytes, to.time(), to.sequence(), to.replica(), now) == 0) {
        return List.of();
      }
      String issued = id(database.output());
      long first = took(1);
      if (events.active()) {
        events.emit(readFrom(first));
      }
      return List.of(issued);
    } finally {
      lock.unlock();
    }
  }

  /** Reads what has come in from a position on. */
  private List<DeltaEvent> readFrom(long first) {
    List<DeltaEvent> news = new ArrayList<>();
    for (long next = first; next < position; ) {
      next = readPage(next, null, news);
    }
    return news;
  }

  /**
   * Compacts the history: what lies before a time becomes one checkpoint for each vector, its
   * horizon. The present state stays as it is.
   *
   * @param what which deltas go
   * @return what was done. O(history)
   * @throws DeltaException {@code VECTOR_NOT_FOUND} for an id that never was, {@code
   *     INVALID_ARGUMENT} for options out of their range or if no history is kept; {@code
   *     OUT_OF_MEMORY}, then some vectors may be compacted already
   */
  public CompactionStats compact(CompactOptions what) {
    Long maxBytes = what.maxBytes();
    List<String> ids = what.ids();
    if (what.keepLast() < 0 || (maxBytes != null && maxBytes < 0)) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "keepLast and maxBytes must be 0 or more: " + what);
    }
    if (ids != null && maxBytes != null) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "ids cannot go with maxBytes");
    }
    Instant time = what.before();
    long before =
        time != null ? millis(time) : maxBytes != null && what.keepLast() == 0 ? 0 : Long.MAX_VALUE;
    enter();
    try {
      if (ids == null) {
        database.compact(0, 0, before, what.keepLast(), maxBytes == null ? -1 : maxBytes);
        return compaction();
      }
      requireHistory();
      for (String id : ids) {
        compactOne(id, 0, 0); // nothing lies before 1970, but one that is not there is found
      }
      database.compact(0, 0, 0, 0, -1); // nothing, for the bytes
      CompactionStats sum = compaction();
      for (String id : ids) {
        compactOne(id, before, what.keepLast());
        sum = sum(sum, compaction());
      }
      return sum;
    } finally {
      lock.unlock();
    }
  }

  private void compactOne(String id, long before, int keepLast) {
    int at = reserve(roomFor(id));
    database.compact(at, writer.writeId(at, id), before, keepLast, -1);
  }

  private CompactionStats compaction() {
    int record = database.output();
    return new CompactionStats(
        memory.getInt(record),
        memory.getInt(record + 4),
        whole(record + 8),
        whole(record + 16),
        instant(record + COMPACTION_HORIZON));
  }

  private static CompactionStats sum(CompactionStats a, CompactionStats b) {
    Instant horizon = a.horizon();
    Instant other = b.horizon();
    return new CompactionStats(
        a.chains() + b.chains(),
        a.deltas() + b.deltas(),
        a.bytesBefore(),
        b.bytesAfter(),
        horizon == null || (other != null && other.isAfter(horizon)) ? other : horizon);
  }

  // ---------------------------------------------------------------- other replicas

  /**
   * Merges deltas of other replicas, in any order, any number of times; all of them or, after an
   * error, none. Those that come late are put where they belong, and their vectors composed anew.
   * Replicas that have seen the same deltas are in the same state.
   *
   * @param stream what {@link #deltasSince} of another replica gave, or several of these, one
   *     behind the other; it may be anything, and is checked
   * @return how many were new, and those that lie before their vector's horizon
   * @throws DeltaException {@code CORRUPT_DATA} with the byte offset, {@code UNSUPPORTED_VERSION},
   *     {@code DIMENSION_MISMATCH}, {@code NOT_FINITE}, {@code INVALID_ARGUMENT} (also for a time
   *     too far in the future, another grid, or if no history is kept), {@code CAPACITY_EXCEEDED},
   *     {@code OUT_OF_MEMORY}
   */
  public MergeResult merge(byte[] stream) {
    Objects.requireNonNull(stream, "stream");
    enter();
    try {
      MergeResult result = mergeBytes(stream);
      long first = took(result.merged());
      if (events.active() && result.merged() > 0) {
        events.emit(readFrom(first));
      }
      return result;
    } finally {
      lock.unlock();
    }
  }

  private MergeResult mergeBytes(byte[] stream) {
    requireHistory();
    long now = now();
    Buffer buffer = new Buffer(database.heap()); // of its own, as streams can be long
    try {
      int at = buffer.reserve(stream.length);
      memory.putBytes(at, stream);
      database.merge(at, stream.length, now);
    } finally {
      buffer.release();
    }
    int record = database.output();
    return new MergeResult(
        memory.getInt(record),
        memory.getInt(record + 4),
        new MergeResult.Rejected(
            memory.getInt(record + 8),
            bytes(record + Database.MERGED_BYTES, memory.getInt(record + 12))));
  }

  /**
   * Returns what this replica has seen, for another's {@link #deltasSince}: some bytes for each
   * replica. O(replicas)
   *
   * @throws DeltaException {@code INVALID_ARGUMENT} if no history is kept
   */
  public byte[] cursor() {
    enter();
    try {
      database.cursor();
      return bytes(database.output(), database.outputBytes());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns the deltas that another replica lacks, for its {@link #merge}.
   *
   * {@snippet :
   * there.merge(here.deltasSince(there.cursor()));
   * }
   *
   * @param cursor what the other's {@link #cursor} gave, or null for all deltas
   * @return a stream of deltas. O(deltas since the oldest that is lacking)
   * @throws DeltaException {@code CORRUPT_DATA}, {@code UNSUPPORTED_VERSION}, {@code
   *     HISTORY_COMPACTED} if some of them are gone, {@code INVALID_ARGUMENT} if no history is
   *     kept, {@code OUT_OF_MEMORY}
   */
  public byte[] deltasSince(byte @Nullable [] cursor) {
    enter();
    try {
      int length = cursor == null ? 0 : cursor.length;
      int at = reserve(length);
      if (cursor != null) {
        memory.putBytes(at, cursor);
      }
      database.since(at, length);
      return bytes(database.output(), database.outputBytes());
    } finally {
      lock.unlock();
    }
  }

  // ---------------------------------------------------------------- all in all

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
          whole(record + 72) + whole(record + 80),
          whole(record + 80),
          memory.getInt(record + 88),
          memory.getInt(record + 92),
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
   * Closes the database and gives its memory back; ends all subscriptions and feeds. Every other
   * method throws {@code CLOSED} afterwards. Closing again does nothing.
   */
  @Override
  public void close() {
    lock.lock();
    try {
      if (!closed) {
        closed = true;
        arrivals.signalAll();
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

  private byte[] bytes(int address, int n) {
    byte[] copy = new byte[n];
    memory.getBytes(address, copy, n);
    return copy;
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
    private boolean history = true;
    private long autoCompact;
    private Duration maxClockAhead = Duration.ofDays(1);
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

    /**
     * Sets whether deltas are kept in their small form (without loss): runs of indices are written
     * as such. Default true.
     */
    public Builder compression(boolean value) {
      options.compression(value);
      return this;
    }

    /** Sets after how many deltas of a vector a checkpoint is kept, 1 or more. Default 100. */
    public Builder checkpointInterval(int value) {
      options.checkpointInterval(value);
      return this;
    }

    /** Sets whether deltas are kept, to read the past, to follow and to merge. Default true. */
    public Builder history(boolean value) {
      history = value;
      return this;
    }

    /**
     * Sets the bytes of history, checkpoints included, above which the oldest deltas are compacted
     * away by themselves. Default 0: none are.
     */
    public Builder autoCompact(long maxBytes) {
      autoCompact = maxBytes;
      return this;
    }

    /**
     * Keeps values on a grid, which makes the history several times smaller: a value x becomes
     * round(x * steps) / steps, off by at most half a step. All replicas need the same. A value
     * beyond 4,194,304 steps is an {@code INVALID_ARGUMENT}.
     *
     * @param steps from 0 to 1, 1 to 1,048,576; 0, the default, for plain floats
     */
    public Builder grid(int steps) {
      options.grid(steps);
      return this;
    }

    /**
     * Sets how far in the future a merged delta may lie, to the millisecond; one that lies further
     * is refused, as a clock must have been wrong. Default one day.
     */
    public Builder maxClockAhead(Duration value) {
      maxClockAhead = Objects.requireNonNull(value, "maxClockAhead");
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
      if (autoCompact < 0 || (autoCompact > 0 && !history)) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "option autoCompact must be 0 or more, and 0 without history, not " + autoCompact);
      }
      if (maxClockAhead.isNegative()) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "option maxClockAhead must not be negative, not " + maxClockAhead);
      }
      boolean bounded = maxClockAhead.getSeconds() < Frame.TIME_LIMIT;
      options
          .history(history)
          .maxHistoryBytes(autoCompact)
          .maxAheadMillis(bounded ? maxClockAhead.toMillis() : Long.MAX_VALUE)
          .replica(replicaId == null ? randomReplica() : replica(replicaId));
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
