package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.jvm.SegmentMemory;
import dev.deltavec.storage.DiskDirectory;
import dev.deltavec.storage.StorageDirectory;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A database of vectors that change by deltas, with search for the nearest ones. Everything is in
 * memory, outside the Java heap; a durable database ({@link Builder#open}) is kept in files, too.
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
 * <p>Any number of threads may use a database, and need no locks of their own: many read, or one
 * writes. Searches run side by side, on as many processors as there are; a search, or all of a
 * {@link #searchBatch}, sees the database as it is between two changes. Other reads run beside
 * searches and take turns among themselves. What changes the database waits until those who read
 * are through; who comes to read meanwhile waits behind it. What one call has changed the next
 * sees, in whatever thread.
 *
 * <p>Three things have the database to themselves, as they call code that may do anything with it:
 * changes while a callback of {@link #onDelta} runs (in the thread that applied or merged),
 * subscriptions that begin in the past, and searches whose filter is a {@link FilterFunction}. That
 * code may call the database, but must not wait for another thread that does.
 *
 * <p>Every method throws a {@link DeltaException} {@code CLOSED} after {@link #close}. After any
 * error the database is as it was before the call, but for {@code STORAGE_FAILED} and {@code
 * QUOTA_EXCEEDED}: the change may then be in memory and not on disk, and no more are taken. A
 * database that is never closed gives its memory back when the garbage collector finds it, which
 * may be late: it does not know how much that is.
 */
public final class DeltaVectorDB implements AutoCloseable {
  private static final int IDS_PAGE = 1024;

  private final Gate gate;
  private final Store store;
  private final Calls calls = new Calls();
  private final Readers readers;
  private final Repairs repairs;
  private final Following following;
  private final Changes changes;
  private final Searches searches;
  private final Past past;
  private final Exchange exchange;
  private final Transfers transfers;
  private final @Nullable Durable durable;

  private DeltaVectorDB(Gate gate, Store store, @Nullable Durable durable, boolean idleRepair) {
    this.gate = gate;
    this.store = store;
    this.durable = durable;
    repairs = new Repairs(gate, store, idleRepair);
    following = new Following(gate, store, repairs);
    changes = new Changes(store, following);
    following.startAt(store.arrived()); // before readers bound what memory it may take
    readers = new Readers(gate, store);
    searches = new Searches(gate, store, readers);
    past = new Past(store);
    exchange = new Exchange(store, following);
    transfers = new Transfers(gate, store, following, durable);
  }

  /**
   * Opens the durable database in a directory, with the options that it was made with; see {@link
   * Builder#open}.
   *
   * @throws DeltaException as {@link Builder#open}; {@code INVALID_ARGUMENT} if there is none
   */
  public static DeltaVectorDB open(Path directory) {
    return builder().open(directory);
  }

  /** Returns a builder that holds the defaults. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns the options that the database runs with. */
  public DatabaseOptions options() {
    return store.options();
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
    return calls.tell(DatabaseCall.APPLY, 1, () -> change(() -> changes.apply(delta)));
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
    return calls.tell(DatabaseCall.APPLY, batch.length, () -> change(() -> changes.apply(batch)));
  }

  /** Follows with the lock, as nothing may come in between. */
  private <T> T follow(Supplier<T> what) {
    gate.enter();
    try {
      return what.get();
    } finally {
      gate.unlock();
    }
  }

  /** Makes a change with the lock, and waits without it until that is as durable as promised. */
  private <T> T change(Supplier<T> what) {
    Recorder recorder = store.recorder();
    T result;
    long record;
    gate.enter();
    try {
      recorder.requireWritable();
      result = what.get();
      record = recorder.last();
    } finally {
      gate.unlock();
    }
    recorder.settle(record);
    return result;
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
    return follow(() -> following.subscribe(callback, feed));
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
    return follow(() -> following.feed(feed));
  }

  /**
   * Publishes deltas with backpressure, for what takes part in reactive streams: each subscriber
   * gets all deltas from where it begins, one after the other and as many as it asks for, however
   * slow it is, in a virtual thread of its own. It reads them as {@link #deltas} does; what that
   * throws, also for where to begin, is given to {@code onError}. The stream completes when the
   * database is closed and more is asked for.
   *
   * @param feed where each subscriber begins, and which deltas
   * @return the publisher; it costs nothing until somebody subscribes
   */
  public Flow.Publisher<DeltaEvent> publisher(FeedOptions feed) {
    Objects.requireNonNull(feed, "feed");
    return new DeltaPublisher(() -> deltas(feed));
  }

  /**
   * Returns how many deltas have come in so far, applied or merged: the position that the next one
   * will have. O(1)
   */
  public long position() {
    return readers.read(() -> following.position());
  }

  // ---------------------------------------------------------------- reading

  /** Returns the number of live vectors. O(1) */
  public int size() {
    return readers.read(() -> store.database().size());
  }

  /**
   * Tells whether a vector exists. O(1)
   *
   * @param id the vector's id
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id
   */
  public boolean has(String id) {
    return readers.read(() -> store.find(id) != 0);
  }

  /**
   * Returns a copy of a vector's current values.
   *
   * @param id the vector's id
   * @return {@code dimensions} floats, or null if there is no such vector. O(dimensions)
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id
   */
  public float @Nullable [] getVector(String id) {
    return readers.read(() -> {
      int address = store.find(id);
      return address == 0 ? null : store.vector(address);
    });
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
    return readers.read(() -> {
      int dimensions = options().dimensions();
      if (target.length != dimensions) {
        throw new DeltaException(
            ErrorCode.DIMENSION_MISMATCH,
            "the target has " + target.length + " values, not " + dimensions);
      }
      int address = store.find(id);
      if (address == 0) {
        return false;
      }
      store.memory().getFloats(address, target);
      return true;
    });
  }

  /**
   * Returns a vector's current values without copying them: a read-only view on the database's
   * memory.
   *
   * <p>The view is valid until a delta is next applied or a link renewed (option {@code
   * idleRepair}), or another thread reads and takes memory for that, which may change the values,
   * give their place to another vector, or move the memory; after the latter two, and after {@link
   * #close}, it shows other values or throws {@link IllegalStateException}. It never leads outside
   * the memory. Keep the database reachable, and no other thread applying, while using it.
   *
   * @param id the vector's id
   * @return {@code dimensions} floats, or null if there is no such vector. O(1)
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id
   */
  public @Nullable FloatBuffer getVectorView(String id) {
    return readers.read(() -> {
      int address = store.find(id);
      return address == 0
          ? null
          : options().keepFloats()
              ? store.view(address)
              : FloatBuffer.wrap(store.vector(address)).asReadOnlyBuffer();
    });
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
    return readers.read(() -> {
      int bytes = store.putId(id);
      return store.database().metadata(store.input(), bytes) ? store.metadata() : null;
    });
  }

  /** Returns the ids of all live vectors, in no particular order. O(size) */
  public List<String> ids() {
    return readers.read(() -> {
      SegmentMemory memory = store.memory();
      List<String> ids = new ArrayList<>(store.database().size());
      for (int slot = 0; slot >= 0; slot = store.database().next()) {
        int n = store.database().ids(slot, IDS_PAGE);
        int record = store.database().output();
        int end = record + n * Database.ID_BYTES;
        for (; record != end; record += Database.ID_BYTES) {
          ids.add(store.text(memory.getInt(record), memory.getInt(record + 4)));
        }
      }
      return Collections.unmodifiableList(ids);
    });
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
    return search(query, k, SearchOptions.defaults());
  }

  /**
   * Finds the vectors closest to a query.
   *
   * {@snippet :
   * db.search(query, 10, SearchOptions.defaults().withFilter(MetadataFilter.equal("lang", "en")));
   * }
   *
   * @param query {@code dimensions} finite values
   * @param k how many to find, 1 or more
   * @param options how to search
   * @return up to {@code k} hits, closest first; fewer if there are not so many vectors, or the
   *     filter lets fewer through. About O(log size); O(size) if little passes the filter, for
   *     another metric, and exactly
   * @throws DeltaException {@code DIMENSION_MISMATCH}, {@code NOT_FINITE}, {@code INVALID_ARGUMENT}
   *     or {@code OUT_OF_MEMORY}; what a {@link FilterFunction} throws comes through as it is
   */
  public List<SearchResult> search(float[] query, int k, SearchOptions options) {
    Objects.requireNonNull(options, "options");
    return calls.tell(DatabaseCall.SEARCH, 1, () -> searches.search(query, k, options));
  }

  /**
   * Searches for several queries, as {@link #search(float[], int, SearchOptions)} does for one. All
   * queries are checked before the first is searched for. Between them nothing changes.
   *
   * @param queries each {@code dimensions} finite values
   * @param k how many to find for each, 1 or more
   * @param options how to search
   * @return the hits of each query, in the queries' order
   * @throws DeltaException as for one query, with the {@link DeltaException#index index} of the
   *     offending one
   */
  public List<List<SearchResult>> searchBatch(float[][] queries, int k, SearchOptions options) {
    Objects.requireNonNull(options, "options");
    return calls.tell(
        DatabaseCall.SEARCH, queries.length, () -> searches.searchBatch(queries, k, options));
  }

  /**
   * Ranks vectors that are named, exactly. One that is named twice is found twice.
   *
   * @param query {@code dimensions} finite values
   * @param slots where vectors are, or were
   * @param count how many slots count
   * @param ids of further ones, in UTF-8
   * @return those that live, closest first. O(named x dimensions)
   */
  List<SearchResult> rank(float[] query, int[] slots, int count, List<byte[]> ids) {
    return searches.rank(query, slots, count, ids);
  }

  /** Returns the slots of the closest vectors; otherwise as {@link #search(float[], int)}. */
  int[] near(float[] query, int k, int efSearch) {
    return searches.near(query, k, efSearch);
  }

  /** Returns the slot that a vector has as long as it lives, or -1 if there is no such vector. */
  int slotOf(String id) {
    return readers.read(() -> {
      int bytes = store.putId(id);
      return store.database().slot(store.input(), bytes);
    });
  }

  // ---------------------------------------------------------------- the search graph

  /**
   * Renews the links of all vectors that have drifted far from where they were linked, and links
   * new ones that are not yet. Searches are right without: until then such vectors are compared
   * directly, which takes time. A large backlog is worked off by the writers, the rest while nobody
   * writes (option {@code idleRepair}); this is for who wants it done now. Other threads get their
   * turns in between; what they add is repaired, too.
   *
   * @return how many were repaired; 0 are pending. About O(log size) each
   */
  public RepairStats repair() {
    return calls.tell(DatabaseCall.REPAIR, 1, repairs::repair);
  }

  /**
   * Repairs as {@link #repair()}, for some time.
   *
   * @param budget stops before it is spent, or a little after; 0 or more
   * @return how many were repaired, and how many are still pending
   * @throws DeltaException {@code INVALID_ARGUMENT} for a negative time
   */
  public RepairStats repair(Duration budget) {
    return calls.tell(DatabaseCall.REPAIR, 1, () -> repairs.repair(budget));
  }

  /**
   * Checks the search graph through and through: that every vector can be found, and that all links
   * and lists are in order. For tests, and when in doubt. O(size)
   */
  public IndexReport checkIndex() {
    gate.enter();
    try {
      store.database().check();
      return IndexReport.of(store);
    } finally {
      gate.unlock();
    }
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
    return readers.read(() -> past.vector(id, time));
  }

  /**
   * Returns a vector's metadata as it was; arguments and errors as {@link #getVectorAt}.
   *
   * @return the text of a JSON object, {@code {}} if the vector had none, or null if there was no
   *     such vector then
   */
  public @Nullable String getMetadataAt(String id, Instant time) {
    Objects.requireNonNull(time, "time");
    return readers.read(() -> past.metadata(id, time));
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
    return calls.tell(DatabaseCall.SEARCH_AT, 1, () -> searches.searchAt(query, k, time));
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
    return readers.read(() -> past.chain(id));
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
    return calls.tell(
        DatabaseCall.ROLLBACK, 1, () -> change(() -> changes.rollBackTo(id, deltaId)));
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
    Past.check(what);
    return calls.tell(DatabaseCall.COMPACT, 1, () -> change(() -> past.compact(what)));
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
    return calls.tell(
        DatabaseCall.MERGE, stream.length, () -> change(() -> exchange.merge(stream)));
  }

  /**
   * Merges as {@link #merge(byte[])}, and notes a mark: how far the database has been brought with
   * it, in the words of who brings it, as the offset behind what it has read of a log.
   *
   * <p>The mark is kept with the data. A durable database that is opened again has one of the marks
   * that were set, and all that was merged with it and before, also after a crash; so whoever goes
   * on behind {@link #mark} leaves nothing out, and what comes twice is passed over. It takes no
   * more trips to the disk than a merge does.
   *
   * @param mark 0 or more
   * @throws DeltaException as {@link #merge(byte[])}, {@code INVALID_ARGUMENT} also for a negative
   *     mark; then the mark is as it was
   */
  public MergeResult merge(byte[] stream, long mark) {
    Objects.requireNonNull(stream, "stream");
    return calls.tell(
        DatabaseCall.MERGE, stream.length, () -> change(() -> exchange.merge(stream, mark)));
  }

  /**
   * Notes a mark, as {@link #merge(byte[], long)} does, where there is nothing to merge.
   *
   * @param mark -1 for none, or more; it may be less than the one before
   * @throws DeltaException {@code INVALID_ARGUMENT} for a mark below -1; {@code STORAGE_FAILED},
   *     {@code QUOTA_EXCEEDED}
   */
  public void setMark(long mark) {
    change(() -> exchange.setMark(mark));
  }

  /**
   * Returns the mark that was noted last, by {@link #merge(byte[], long)} or {@link #setMark}; -1
   * if there is none, also behind an import, which brings another database. The TypeScript package
   * keeps the mark of a directory that it opens, until it imports. O(1)
   */
  public long mark() {
    return readers.read(() -> store.mark());
  }

  /**
   * Returns what this replica has seen, for another's {@link #deltasSince}: some bytes for each
   * replica. O(replicas)
   *
   * @throws DeltaException {@code INVALID_ARGUMENT} if no history is kept
   */
  public byte[] cursor() {
    return readers.read(() -> exchange.cursor());
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
    return readers.read(() -> exchange.deltasSince(cursor));
  }

  /**
   * Returns what makes a vector from nothing, for {@link #merge} of a database that knows nothing
   * of it: all that this one remembers of its history. Where that was compacted, it begins with a
   * create that has the id of the newest delta that was compacted away, and the values and metadata
   * that the vector had then, if it lived; then come all newer deltas. Every delta is a frame that
   * stands alone ({@code docs/format.md}).
   *
   * <p>Merging the states of all {@link #rememberedIds} into an empty database gives the same
   * database, as long as nothing from before a vector's horizon is merged into either.
   *
   * @param id the vector's id
   * @return the frames; null if there is nothing to be known: the id was never seen, or the
   *     vector's end was compacted away. O(bytes)
   * @throws DeltaException {@code INVALID_ARGUMENT} for what cannot be an id or if no history is
   *     kept, {@code OUT_OF_MEMORY}
   */
  public byte @Nullable [] state(String id) {
    return readers.read(() -> past.state(id));
  }

  /**
   * Returns the ids that have a {@link #state}: those of all live vectors, and of those that ended
   * as far as their end is in the history; in no particular order. O(ids)
   *
   * @throws DeltaException {@code INVALID_ARGUMENT} if no history is kept
   */
  public List<String> rememberedIds() {
    return readers.read(() -> past.rememberedIds());
  }

  // ---------------------------------------------------------------- as a whole

  /**
   * Returns the database as bytes, to be kept or sent: vectors, metadata, and what the options say.
   * Every face reads them, on every platform.
   *
   * @param options what else
   * @return about 1.1 times the vectors' own bytes, and the history's. O(bytes)
   * @throws DeltaException {@code OUT_OF_MEMORY}, where {@link #exportTo} may do
   */
  public byte[] export(ExportOptions options) {
    Objects.requireNonNull(options, "options");
    return calls.tell(DatabaseCall.EXPORT, 1, () -> transfers.export(options));
  }

  /**
   * Writes what {@link #export} returns to a stream: the database as it is when this is called.
   * Others may change it while the stream is written.
   *
   * @param out where to; not closed
   * @param options what else
   * @throws IOException what the stream throws
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public void exportTo(OutputStream out, ExportOptions options) throws IOException {
    Objects.requireNonNull(out, "out");
    Objects.requireNonNull(options, "options");
    calls.tellOf(
        DatabaseCall.EXPORT,
        () -> {
          transfers.exportTo(out, options);
          return true;
        });
  }

  /**
   * Replaces the database by one that was exported, here or elsewhere. All is checked before
   * anything changes. The search graph is taken as it is, or built anew where it is missing,
   * damaged or made with other options; that takes its time.
   *
   * <p>The database goes on under a new replica number, unless it is new itself: what it had issued
   * may be elsewhere. Subscribers stay and are told of deltas to come, not of the change; feeds end
   * with {@code HISTORY_COMPACTED}. A durable database has it on disk when this returns.
   *
   * @param data what {@link #export} gave
   * @return what has come in, and what became of the graph
   * @throws DeltaException {@code CORRUPT_DATA} naming the byte, {@code UNSUPPORTED_VERSION};
   *     {@code DIMENSION_MISMATCH}, or {@code INVALID_ARGUMENT} for another grid or {@code
   *     keepFloats}; {@code CAPACITY_EXCEEDED}, {@code OUT_OF_MEMORY}; {@code STORAGE_FAILED},
   *     {@code QUOTA_EXCEEDED}. The database is then as it was
   */
  public ImportResult importFrom(byte[] data) {
    Objects.requireNonNull(data, "data");
    return calls.tell(DatabaseCall.IMPORT, 1, () -> transfers.importFrom(data));
  }

  /**
   * Reads what {@link #importFrom(byte[])} takes from a stream. Until it ends the database is as it
   * was, and may be used; deltas that come meanwhile go with it.
   *
   * @param in the bytes; read to its end, not closed
   * @throws IOException what the stream throws; the database is then as it was
   * @throws DeltaException as {@link #importFrom(byte[])}
   */
  public ImportResult importFrom(InputStream in) throws IOException {
    Objects.requireNonNull(in, "in");
    return calls.tellOf(DatabaseCall.IMPORT, () -> transfers.importFrom(in));
  }

  // ---------------------------------------------------------------- all in all

  /**
   * Tells of calls that search, change or move the database, once they have ended: for metrics. Who
   * is told runs in the thread that called, without any lock of the database unless the call was
   * made by a callback; what it throws is logged. As long as nobody is told, calls are not timed.
   *
   * @param callback called with each call
   * @return what ends the subscription
   * @throws DeltaException {@code CLOSED}
   */
  public Subscription onCall(Consumer<? super CallEvent> callback) {
    Objects.requireNonNull(callback, "callback");
    return follow(() -> calls.subscribe(callback));
  }

  /** Returns sizes and counts. O(size) */
  public DeltaStats stats() {
    return readers.read(() -> {
      store.database().stats();
      return DeltaStats.of(store);
    });
  }

  /**
   * Returns the digest of the state, that is of all live vectors and their metadata, as 16
   * hexadecimal digits. The same state has the same digest on every platform, however it came
   * about. O(size)
   */
  public String stateDigest() {
    return readers.read(() -> HexFormat.of().toHexDigits(store.database().digest()));
  }

  /**
   * Returns once all changes so far are on disk; a database in memory has nothing to do.
   *
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}
   */
  public void flush() {
    gate.enter();
    gate.unlock();
    if (durable != null) {
      durable.flush();
    }
  }

  /**
   * Writes a snapshot of a durable database, so that it opens fast, and its log before is removed.
   * That happens by itself as the log grows; others may change the database meanwhile. A database
   * in memory has nothing to do.
   *
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}, {@code OUT_OF_MEMORY};
   *     the log is whole nevertheless. O(size), less if little has changed since the last
   */
  public void checkpoint() {
    calls.tell(
        DatabaseCall.CHECKPOINT,
        1,
        () -> {
          if (durable == null) {
            flush();
          } else {
            durable.checkpoint();
          }
          return true;
        });
  }

  /** Returns what was found as the database was opened, or null for one in memory. */
  public @Nullable RecoveryReport recovery() {
    return durable == null ? null : durable.report();
  }

  /**
   * Closes the database and gives its memory back; ends all subscriptions and feeds. Every other
   * method throws {@code CLOSED} afterwards. A durable one writes all to disk before. Closing again
   * does nothing.
   *
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED} if a durable database
   *     could not write all; it is closed all the same
   */
  @Override
  public void close() {
    gate.lock();
    try {
      if (gate.close()) {
        following.close();
        try {
          if (durable != null) {
            durable.close();
          }
        } finally {
          store.close();
        }
      }
    } finally {
      gate.unlock();
    }
  }

  /** What {@link #onDelta} and {@link #onCall} return: ends the subscription when it is closed. */
  @FunctionalInterface
  public interface Subscription extends AutoCloseable {
    /** Ends the subscription. Doing so again does nothing. */
    @Override
    void close();
  }

  /** Collects the options of a database; every setter returns the builder. */
  public static final class Builder {
    private static final int REPLICA_DIGITS = 12;

    private final Map<String, Object> options = new HashMap<>();
    private @Nullable String replicaId;
    private boolean idleRepair = true;
    private @Nullable Duration maxClockAhead;
    private long memoryLimit = SegmentMemory.MAX_BYTES;
    private InstantSource clock = InstantSource.system();
    private Durability durability = Durability.RELAXED;
    private Duration flushInterval = Duration.ofSeconds(1);
    private boolean recover;

    private Builder() {}

    /** Sets the number of values of every vector, 1 to 65,536. Default 384. */
    public Builder dimensions(int value) {
      options.put(StoredOptions.DIMENSIONS, value);
      return this;
    }

    /**
     * Sets how many vectors the database may hold, 1 to 268,435,456; memory is taken as they come.
     * Default 100,000.
     */
    public Builder maxVectors(int value) {
      options.put(StoredOptions.MAX_VECTORS, value);
      return this;
    }

    /**
     * Sets whether deltas are kept in their small form (without loss): runs of indices are written
     * as such. Default true.
     */
    public Builder compression(boolean value) {
      options.put(StoredOptions.COMPRESSION, value);
      return this;
    }

    /** Sets after how many deltas of a vector a checkpoint is kept, 1 or more. Default 100. */
    public Builder checkpointInterval(int value) {
      options.put(StoredOptions.CHECKPOINT_INTERVAL, value);
      return this;
    }

    /**
     * Sets whether deltas are kept, to read the past, to follow and to merge. Default true, and
     * false where {@link #keepFloats} is.
     */
    public Builder history(boolean value) {
      options.put(StoredOptions.HISTORY, value);
      return this;
    }

    /**
     * Sets the bytes of history, checkpoints included, above which the oldest deltas are compacted
     * away by themselves. Default 0: none are.
     */
    public Builder autoCompact(long maxBytes) {
      options.put(StoredOptions.AUTO_COMPACT, Map.of("maxBytes", maxBytes));
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
      options.put(StoredOptions.PRECISION, Map.of("grid", steps));
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
      options.put(StoredOptions.M, value);
      return this;
    }

    /** HNSW: sets the candidates kept while a node is linked, 1 to 10,000. Default 100. */
    public Builder hnswEfConstruction(int value) {
      options.put(StoredOptions.EF_CONSTRUCTION, value);
      return this;
    }

    /**
     * HNSW: sets the candidates kept while searching, 1 to 10,000. More finds better and takes
     * longer. Default 50.
     */
    public Builder hnswEfSearch(int value) {
      options.put(StoredOptions.EF_SEARCH, value);
      return this;
    }

    /**
     * Sets what the search graph is built and walked on: codes of 8 or 4 bits for each value, or
     * the floats themselves. Results are ranked by the floats in any case, if these are kept.
     * Default {@link Quantization#INT8}.
     */
    public Builder quantization(Quantization value) {
      options.put(StoredOptions.QUANTIZATION, value.name());
      return this;
    }

    /**
     * Sets whether vectors are kept as floats beside their codes. Without, they take a fifth of the
     * memory or less, and read as what their codes say: a little off. That goes with neither a
     * history, a grid nor {@link Quantization#NONE}. Default true.
     */
    public Builder keepFloats(boolean value) {
      options.put(StoredOptions.KEEP_FLOATS, value);
      return this;
    }

    /**
     * Sets whether links are renewed in a thread of its own (one for all databases) while nobody
     * writes; see {@link DeltaVectorDB#repair()}. Default true.
     */
    public Builder idleRepair(boolean value) {
      idleRepair = value;
      return this;
    }

    /**
     * Sets which share of the searches is checked against an exact one, 0 to 1, for {@link
     * IndexStats#estimatedRecall}. Default 0.
     */
    public Builder recallSampleRate(double value) {
      options.put(StoredOptions.RECALL_SAMPLE_RATE, value);
      return this;
    }

    /** Sets how closeness is measured. Default {@link Metric#COSINE}. */
    public Builder metric(Metric value) {
      options.put(StoredOptions.METRIC, value.name());
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
     * Sets what a call that changes a durable database waits for. Default {@link
     * Durability#RELAXED}.
     */
    public Builder durability(Durability value) {
      durability = Objects.requireNonNull(value, "durability");
      return this;
    }

    /**
     * Sets how far the disk may be behind with {@link Durability#RELAXED}, over 0. Default one
     * second.
     */
    public Builder flushInterval(Duration value) {
      flushInterval = Objects.requireNonNull(value, "flushInterval");
      return this;
    }

    /**
     * Sets whether a durable database whose log is damaged in the middle is opened with what lies
     * before; what lies behind is kept in files whose names begin with {@code lost-}. Default
     * false: that is refused.
     */
    public Builder recover(boolean value) {
      recover = value;
      return this;
    }

    /**
     * Makes an empty database in memory.
     *
     * @return the database; close it when it is no longer needed
     * @throws DeltaException {@code INVALID_ARGUMENT} naming the option that is out of its range;
     *     {@code OUT_OF_MEMORY}
     */
    public DeltaVectorDB build() {
      OpenRequest request = request();
      DatabaseOptions all = StoredOptions.build(request.options(), request.replica());
      return new DeltaVectorDB(new Gate(), new Store(all, memoryLimit, clock), null, idleRepair);
    }

    /**
     * Opens the durable database in a directory, or makes one there. It has the options that it was
     * made with; those that are set here must be the same (dimensions, metric, grid, keepFloats,
     * history, hnswM, quantization) or replace them (all others). For a new one dimensions must be
     * set. The replica number is another than before if the database was not closed.
     *
     * <p>Only one database at a time can have a directory, also of other processes; files must not
     * be touched by others meanwhile.
     *
     * @param directory the database's own; made if it is not there
     * @return the database; close it when it is no longer needed
     * @throws DeltaException {@code INVALID_ARGUMENT} naming the option; {@code LOCKED} saying who
     *     has the directory; {@code CORRUPT_DATA} for damage in the middle of the log (see {@link
     *     #recover}); {@code UNSUPPORTED_VERSION}; {@code STORAGE_FAILED}; {@code QUOTA_EXCEEDED};
     *     {@code OUT_OF_MEMORY}
     */
    public DeltaVectorDB open(Path directory) {
      OpenRequest request = request();
      return open(DiskDirectory.open(directory), request);
    }

    /** For tests: opens a database in files of another kind. */
    DeltaVectorDB open(StorageDirectory directory) {
      return open(directory, request());
    }

    private static DeltaVectorDB open(StorageDirectory directory, OpenRequest request) {
      Gate gate = new Gate();
      Durable durable = Durable.open(gate, directory, request);
      return new DeltaVectorDB(gate, durable.store(), durable, request.idleRepair());
    }

    private OpenRequest request() {
      if (memoryLimit < 0 || memoryLimit > SegmentMemory.MAX_BYTES) {
        throw wrong("memoryLimit must be from 0 to 2^32, not " + memoryLimit);
      }
      Map<String, Object> all = new HashMap<>(options);
      Duration ahead = maxClockAhead;
      if (ahead != null) {
        if (ahead.isNegative()) {
          throw wrong("maxClockAhead must not be negative, not " + ahead);
        }
        boolean bounded = ahead.getSeconds() < Frame.TIME_LIMIT;
        all.put(StoredOptions.MAX_CLOCK_AHEAD, bounded ? ahead.toMillis() : Long.MAX_VALUE);
      }
      if (flushInterval.isNegative() || flushInterval.isZero()) {
        throw wrong("flushInterval must be over 0, not " + flushInterval);
      }
      return new OpenRequest(
          Map.copyOf(all),
          replicaId == null ? Store.randomReplica() : replica(replicaId),
          memoryLimit,
          clock,
          idleRepair,
          durability,
          flushInterval,
          recover);
    }

    private static DeltaException wrong(String what) {
      return new DeltaException(ErrorCode.INVALID_ARGUMENT, "option " + what);
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
