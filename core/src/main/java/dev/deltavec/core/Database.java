package dev.deltavec.core;

import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.Utf8;
import dev.deltavec.core.history.Compactor;
import dev.deltavec.core.history.DeltaLog;
import dev.deltavec.core.history.Fold;
import dev.deltavec.core.history.History;
import dev.deltavec.core.history.Merge;
import dev.deltavec.core.history.Replica;
import dev.deltavec.core.history.States;
import dev.deltavec.core.history.Versions;
import dev.deltavec.core.image.IdMap;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.image.StateDigest;
import dev.deltavec.core.index.FilterCache;
import dev.deltavec.core.index.GraphArchive;
import dev.deltavec.core.index.Index;
import dev.deltavec.core.index.IndexCheck;
import dev.deltavec.core.index.Searcher;
import dev.deltavec.core.json.MergePatch;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.snapshot.SnapshotReader;
import dev.deltavec.core.snapshot.SnapshotWriter;
import dev.deltavec.core.snapshot.Totals;
import org.jspecify.annotations.Nullable;

/**
 * One database: deltas go in as frames in linear memory, vectors and search results are read from
 * linear memory.
 *
 * <p>This is the core that every face calls. Addresses are those of the {@link Memory}; what {@link
 * #output} names is valid until the next call. Every method throws {@link DeltaException} with
 * {@code CLOSED} after {@link #close}. Not thread-safe.
 */
public final class Database implements AutoCloseable {
  /** The longest metadata of a vector, and the longest merge patch, in bytes of UTF-8. */
  public static final int MAX_METADATA_BYTES = 1 << 18;

  /** The most deltas that one call of {@link #apply} takes. */
  public static final int MAX_BATCH = 1 << 24;

  /** Bytes of an output record of {@link #apply}. */
  public static final int APPLIED_BYTES = 16;

  /** Bytes of an output record of {@link #ids}. */
  public static final int ID_BYTES = 8;

  /** Bytes of the output of {@link #stats}. */
  public static final int STATS_BYTES = 176;

  /** Bytes of the output of {@link #check}. */
  public static final int CHECK_BYTES = 52;

  /** Bytes of an output record of {@link #rows}. */
  public static final int ROW_BYTES = 20;

  /** Bit of a search's mode: compare with every vector. */
  public static final int EXACT = 1;

  /** Bit of a search's mode: the filter is a list of slots. */
  public static final int FILTER_SLOTS = 2;

  /** Where a search's mode holds the metric: its ordinal + 1, or 0 for the database's own. */
  public static final int METRIC_SHIFT = 8;

  /** Bytes of the output of {@link #compact}. */
  public static final int COMPACTION_BYTES = 40;

  /** Bytes of the output of {@link #merge} before the rejected frames. */
  public static final int MERGED_BYTES = 16;

  /** Bytes of the output of {@link #chain} before its records. */
  public static final int CHAIN_BYTES = 32;

  /** Bytes of the output of {@link #importEnd}. */
  public static final int IMPORTED_BYTES = 32;

  private final DatabaseOptions options;
  private final int dimensions;
  private final Memory memory;
  private final Kernels kernels;
  private final Heap heap;
  private final Image image;
  private final IdMap idMap;
  private final Index index;
  private final Searcher searcher;
  private final Reader reader;
  private final Writer writer;
  private final Buffer out;
  private final @Nullable DeltaLog log;
  private final @Nullable Past past;
  private @Nullable SnapshotWriter exporting;
  private @Nullable SnapshotReader importing;
  private int outputBytes;
  private int next;
  private int nextCompaction;
  private boolean closed;

  /** What a database with history has besides. */
  private record Past(
      History history, Merge merge, Replica replica, Compactor compactor, Fold fold) {}

  /**
   * An empty database.
   *
   * @param memory the platform's memory; the database takes regions of it, and gives them back when
   *     it is closed
   * @param kernels the platform's arithmetic on that memory
   * @param options what the database is made with
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public Database(Memory memory, Kernels kernels, DatabaseOptions options) {
    this.options = options;
    this.memory = memory;
    this.kernels = kernels;
    dimensions = options.dimensions();
    heap = new Heap(memory);
    try {
      image = new Image(heap, kernels, options, 0);
      idMap = new IdMap(image, options.seed());
      index = new Index(image, kernels, options);
      FilterCache filters = new FilterCache(image, index);
      searcher = new Searcher(image, kernels, index, options);
      reader = new Reader(image, kernels, index, filters, searcher, options);
      log = options.history() ? new DeltaLog(image) : null;
      writer = new Writer(options, image, kernels, idMap, index, filters, log);
      past = log == null ? null : past(log);
    } catch (DeltaException e) {
      heap.close();
      throw e;
    }
    out = new Buffer(heap);
  }

  private Past past(DeltaLog kept) {
    Fold fold = new Fold(image, dimensions, options.grid());
    History history = new History(image, kept, fold);
    return new Past(
        history,
        new Merge(image, kernels, idMap, kept, fold, options),
        new Replica(image, kernels, idMap, kept),
        new Compactor(image, kept, history, fold),
        fold);
  }

  /** Returns the options the database was made with. */
  public DatabaseOptions options() {
    return options;
  }

  /** Returns the heap of the database, for buffers that live as long as it does. */
  public Heap heap() {
    return heap;
  }

  /** Returns the number of live vectors. */
  public int size() {
    requireOpen();
    return image.live();
  }

  /** Returns the address of the image's root, for a {@link Reader} of another instance. */
  public int root() {
    return image.root();
  }

  /**
   * Returns the number of floats of a row in memory: the dimensions, padded to a multiple of 16.
   */
  public int stride() {
    return image.stride();
  }

  /** Returns the address of the last call's output. */
  public int output() {
    return out.address();
  }

  /** Returns the number of bytes of the last call's output. */
  public int outputBytes() {
    return outputBytes;
  }

  /** Returns the slot at which the next {@link #ids} goes on, or -1 at the end. */
  public int next() {
    return next;
  }

  /** Gives all memory back. Closing again does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      heap.close();
      if (log != null) {
        log.close();
      }
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new DeltaException(ErrorCode.CLOSED, "the database is closed");
    }
  }

  // ---------------------------------------------------------------- the local door

  /**
   * Applies deltas, all or none. Output: for each a record of {@link #APPLIED_BYTES}: time of its
   * id (64 bits), its sequence, and the number of values a sparse delta has set.
   *
   * <p>Without indexing, O(bytes + dimensions for each changed vector), and nothing is allocated.
   *
   * @param frames address of the first frame; they follow each other without gaps
   * @param bytes their length in all
   * @param count their number
   * @param now the clock, Unix milliseconds
   * @return {@code count}
   * @throws DeltaException with the index of the offending delta; the database is as it was
   */
  public int apply(int frames, int bytes, int count, long now) {
    requireOpen();
    if (count < 0 || bytes < 0 || count > bytes) {
      throw new DeltaException(
          ErrorCode.CORRUPT_DATA, count + " deltas cannot be in " + bytes + " bytes");
    }
    if (count > MAX_BATCH) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "a batch of " + count + " deltas; " + MAX_BATCH + " is the most");
    }
    outputBytes = 0;
    keepBudget();
    writer.apply(frames, bytes, count, now, out.reserve(count * APPLIED_BYTES));
    outputBytes = count * APPLIED_BYTES;
    return count;
  }

  /**
   * Compacts what is over the budget, before more comes: what a batch has brought stays until the
   * next, so that whoever is told of it can read it.
   */
  private void keepBudget() {
    long budget = options.maxHistoryBytes();
    if (budget == 0) {
      return;
    }
    DeltaLog kept = requireHistory();
    // A quarter of slack, so that not every delta compacts.
    if (kept.deltaBytes() + kept.checkpointBytes() > budget && kept.arrived() >= nextCompaction) {
      try {
        compactAll(0, Integer.MAX_VALUE, budget - (budget >>> 2));
      } catch (DeltaException e) {
        // Out of memory: the budget is a wish, the deltas are in; the next try comes later.
      }
      nextCompaction = kept.arrived() + Math.max(16, kept.deltas() >>> 3);
    }
  }

  // ---------------------------------------------------------------- reading

  private int subjectOf(int id, int idBytes) {
    requireOpen();
    return idBytes < 1 || idBytes > Frame.MAX_ID_BYTES
        ? IdMap.ABSENT
        : idMap.find(id, idBytes, idMap.hash(id, idBytes));
  }

  private DeltaException notFound(int id, int idBytes) {
    boolean isId =
        idBytes >= 1
            && idBytes <= Frame.MAX_ID_BYTES
            && Utf8.firstMalformed(memory, id, idBytes) < 0;
    return new DeltaException(
        ErrorCode.VECTOR_NOT_FOUND,
        "there is no vector \"" + (isId ? Utf8.decode(memory, id, idBytes) : "?") + "\"");
  }

  /**
   * Finds a vector. O(id)
   *
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @return the address of {@link #stride} floats, or 0 if there is no such vector
   */
  public int find(int id, int idBytes) {
    int slot = subjectOf(id, idBytes);
    return slot < 0 ? 0 : image.vector(slot);
  }

  /**
   * Reads a vector's metadata. Output: the JSON object as UTF-8, or no bytes if it has none.
   *
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @return false if there is no such vector
   */
  public boolean metadata(int id, int idBytes) {
    int slot = subjectOf(id, idBytes);
    outputBytes = 0;
    if (slot < 0) {
      return false;
    }
    int block = image.metadataBlock(slot);
    if (block != 0) {
      int bytes = memory.getInt(block);
      memory.copy(block + 4, out.reserve(bytes), bytes);
      outputBytes = bytes;
    }
    return true;
  }

  /**
   * Finds the vectors closest to a query. Output: for each a record of {@link
   * Searcher#RECORD_BYTES}: score (float), address and length of the id, slot; closest first.
   *
   * @param query address of the query's values
   * @param floats their number
   * @param k 1 or more; over the number of vectors gives them all
   * @param efSearch candidates kept, 1 to {@link DatabaseOptions#MAX_EF}, or 0 for the database's
   *     own
   * @param mode {@link #EXACT}, {@link #FILTER_SLOTS}, and the metric at {@link #METRIC_SHIFT}
   * @param filter address of the filter: JSON as {@code docs/filter.md} describes, or ascending
   *     slots of 32 bits
   * @param filterBytes its length, 0 for no filter
   * @return the number of results
   * @throws DeltaException {@code DIMENSION_MISMATCH}, {@code NOT_FINITE}, {@code INVALID_ARGUMENT}
   *     or {@code OUT_OF_MEMORY}
   */
  public int search(
      int query, int floats, int k, int efSearch, int mode, int filter, int filterBytes) {
    requireOpen();
    outputBytes = 0;
    int found = reader.search(query, floats, k, efSearch, mode, filter, filterBytes, out);
    outputBytes = found * Searcher.RECORD_BYTES;
    return found;
  }

  /** Finds the vectors closest to a query, with no filter; otherwise as the longer form. */
  public int search(int query, int floats, int k, int efSearch) {
    return search(query, floats, k, efSearch, 0, 0, 0);
  }

  /**
   * Finds the vectors closest to a query by comparing with every one. O(vectors x dimensions);
   * otherwise as {@link #search}.
   *
   * @return the number of results
   */
  public int searchExact(int query, int floats, int k) {
    return search(query, floats, k, 0, EXACT, 0, 0);
  }

  /**
   * Repairs the graph where vectors have moved: links or relinks those that wait in the queue.
   *
   * @param most how many vectors, 0 or more; each costs about as much as an insertion
   * @return how many are left
   */
  public int repair(int most) {
    requireOpen();
    return index.repair(most);
  }

  /** Returns how many vectors wait to be linked or relinked. O(1) */
  public int pending() {
    requireOpen();
    return index.pending();
  }

  /**
   * Checks every invariant of the index. Output: {@link #CHECK_BYTES} bytes as {@code docs/abi.md}
   * lists them. O(vectors x M)
   */
  public void check() {
    requireOpen();
    new IndexCheck(image, index).run().write(out.reserve(CHECK_BYTES));
    outputBytes = CHECK_BYTES;
  }

  /**
   * Lists live vectors in the order of their slots. Output: for each a record of {@link #ROW_BYTES}
   * bytes: slot, address and length of the id, address and length of the metadata (0 for none).
   *
   * @param slot where to begin, 0 or what {@link #next} said
   * @param max the most to list, 1 or more
   * @return how many; {@link #next} then says where to go on
   */
  public int rows(int slot, int max) {
    requireOpen();
    int limit = image.slotLimit();
    int n = 0;
    int most = Math.max(0, Math.min(max, image.live()));
    int record = out.reserve(most * ROW_BYTES);
    int at = Math.max(0, slot);
    for (; at < limit && n < most; at++) {
      if (image.occupied(at)) {
        int metadata = image.metadataBlock(at);
        memory.putInt(record, at);
        memory.putInt(record + 4, image.id(at));
        memory.putInt(record + 8, image.idBytes(at));
        memory.putInt(record + 12, metadata == 0 ? 0 : metadata + 4);
        memory.putInt(record + 16, metadata == 0 ? 0 : memory.getInt(metadata));
        record += ROW_BYTES;
        n++;
      }
    }
    next = at < limit && n > 0 ? at : -1;
    outputBytes = n * ROW_BYTES;
    return n;
  }

  /**
   * Lists ids in the order of their slots. Output: for each a record of {@link #ID_BYTES}: address
   * and length of the id.
   *
   * @param slot where to begin, 0 or what {@link #next} said
   * @param max the most to list, 1 or more
   * @return the number of ids; {@link #next} then says where to go on
   */
  public int ids(int slot, int max) {
    requireOpen();
    int limit = image.slotLimit();
    int n = 0;
    int most = Math.max(0, Math.min(max, image.live()));
    int record = out.reserve(most * ID_BYTES);
    int at = Math.max(0, slot);
    for (; at < limit && n < most; at++) {
      if (image.occupied(at)) {
        memory.putInt(record, image.id(at));
        memory.putInt(record + 4, image.idBytes(at));
        record += ID_BYTES;
        n++;
      }
    }
    next = at < limit && n > 0 ? at : -1;
    outputBytes = n * ID_BYTES;
    return n;
  }

  /**
   * Gathers statistics. Output: {@link #STATS_BYTES} bytes as {@code docs/abi.md} lists them.
   * O(slots)
   */
  public void stats() {
    requireOpen();
    int record = out.reserve(STATS_BYTES);
    memory.putInt(record, image.live());
    memory.putInt(record + 4, image.slotCapacity());
    putDouble(record + 8, heap.granted() + (log == null ? 0 : log.granted()));
    putDouble(record + 16, heap.used() + (log == null ? 0 : log.used()));
    putDouble(record + 24, image.vectorBytes());
    putDouble(record + 32, image.graphBytes() + index.bytes());
    putDouble(record + 40, image.slotAndTextBytes());
    putDouble(record + 48, idMap.bytes() + index.tableBytes());
    putDouble(record + 56, writer.applied());
    memory.putInt(record + 64, index.topLevel());
    memory.putInt(record + 68, image.stride());
    putDouble(record + 72, log == null ? 0 : log.deltaBytes());
    putDouble(record + 80, log == null ? 0 : log.checkpointBytes());
    memory.putInt(record + 88, log == null ? 0 : log.deltas());
    memory.putInt(record + 92, log == null ? 0 : log.checkpoints());
    putDouble(record + 96, log == null ? 0 : log.granted());
    double[] drift = index.drift();
    memory.putInt(record + 104, index.pending());
    memory.putInt(record + 108, index.linked());
    memory.putInt(record + 112, index.duplicates());
    memory.putInt(record + 116, index.zeroVectors());
    putDouble(record + 120, drift[0]);
    putDouble(record + 128, drift[1]);
    putDouble(record + 136, searcher.monitor().recall());
    putDouble(record + 144, searcher.monitor().samples());
    putDouble(record + 152, image.codeBytes());
    memory.putInt(record + 160, options.quantization().ordinal());
    memory.putInt(record + 164, options.keepFloats() ? 1 : 0);
    putDouble(record + 168, 0);
    outputBytes = STATS_BYTES;
  }

  private void putDouble(int address, double value) {
    memory.putLong(address, Double.doubleToRawLongBits(value));
  }

  /**
   * Returns a digest of the live vectors and their metadata, equal for equal states on every
   * platform. O(state)
   */
  public long digest() {
    requireOpen();
    return StateDigest.of(image, dimensions);
  }

  // ---------------------------------------------------------------- the past

  private DeltaLog requireHistory() {
    requireOpen();
    if (log == null) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "the database keeps no history (option history)");
    }
    return log;
  }

  private Past requirePast() {
    requireHistory();
    if (past == null) {
      throw new IllegalStateException("a log without its readers");
    }
    return past;
  }

  /**
   * Reads a vector as it was. O(checkpoints + interval x dimensions)
   *
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @param time Unix milliseconds; all deltas up to and of this millisecond count
   * @return the address of {@link #stride} floats, or 0 if the vector did not live then
   * @throws DeltaException {@code HISTORY_COMPACTED}
   */
  public int findAt(int id, int idBytes, long time) {
    Past p = requirePast();
    int subject = subjectOf(id, idBytes);
    return subject != IdMap.ABSENT && p.history().compose(subject, time) ? p.history().row() : 0;
  }

  /**
   * Reads a vector's metadata as it was; otherwise as {@link #findAt}. Output: as {@link
   * #metadata}.
   *
   * @return false if the vector did not live then
   */
  public boolean metadataAt(int id, int idBytes, long time) {
    outputBytes = 0;
    if (findAt(id, idBytes, time) == 0) {
      return false;
    }
    byte[] json = requirePast().fold().metadata();
    int at = out.reserve(json.length);
    Bytes.write(memory, at, json);
    outputBytes = json.length;
    return true;
  }

  /**
   * Finds the vectors that were closest to a query at a time, exactly. O(ids ever seen x (interval
   * x dimensions)); otherwise as {@link #search}, with -1 in place of the slot of a vector that
   * lives no more.
   *
   * @throws DeltaException {@code HISTORY_COMPACTED} if any vector's history begins later
   */
  public int searchAt(int query, int floats, int k, long time) {
    Past p = requirePast();
    reader.checkQuery(query, floats, k, 0);
    searcher.begin(query, floats, k);
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot++) {
      measureAt(p.history(), slot, time);
    }
    for (int grave = 0, limit = image.graveLimit(); grave < limit; grave++) {
      measureAt(p.history(), ~grave, time);
    }
    int found = searcher.end(out);
    outputBytes = found * Searcher.RECORD_BYTES;
    return found;
  }

  /**
   * Returns the slot of a vector, which it has as long as it lives, or -1 if there is no such
   * vector. O(id)
   */
  public int slot(int id, int idBytes) {
    return Math.max(subjectOf(id, idBytes), -1);
  }

  /**
   * Ranks vectors that are named by their distance to a query, exactly. O((slots + ids) x
   * dimensions); output as {@link #search}. One that is named twice is found twice.
   *
   * @param query address of the query's values
   * @param floats their number
   * @param slots address of slots, 32 bits each; what does not live is passed over
   * @param slotCount their number, 0 or more
   * @param ids address of the ids, each the number of its bytes (32 bits), its UTF-8 and zeros up
   *     to a multiple of 4 bytes
   * @param idCount their number, 0 or more; one at least with the slots
   * @return how many of them live
   * @throws DeltaException {@code DIMENSION_MISMATCH}, {@code NOT_FINITE} or {@code OUT_OF_MEMORY}
   */
  public int rank(int query, int floats, int slots, int slotCount, int ids, int idCount) {
    reader.checkQuery(query, floats, slotCount + idCount, 0);
    searcher.begin(query, floats, slotCount + idCount);
    for (int i = 0; i < slotCount; i++) {
      int slot = memory.getInt(slots + (i << 2));
      if (slot < image.slotLimit() && image.occupied(slot)) {
        searcher.enlist(slot);
      }
    }
    int at = ids;
    for (int i = 0; i < idCount; i++) {
      int bytes = memory.getInt(at);
      int slot = subjectOf(at + 4, bytes);
      if (slot >= 0) {
        searcher.enlist(slot);
      }
      at += 4 + (bytes + 3 & ~3);
    }
    int found = searcher.end(out);
    outputBytes = found * Searcher.RECORD_BYTES;
    return found;
  }

  private void measureAt(History history, int subject, long time) {
    if (image.occupied(subject) && history.compose(subject, time)) {
      searcher.offer(subject, history.row());
    }
  }

  /**
   * Lists a vector's deltas. Output: {@link #CHAIN_BYTES} bytes: number of deltas, number of
   * checkpoints, bytes of both in the log (double), time of the horizon (64 bits, -1 for none),
   * whether the vector lives, 0; then for each delta, oldest first, a word that is 1 if a
   * checkpoint stands behind it, and its frame with floats.
   *
   * @return false if the id is not known
   */
  public boolean chain(int id, int idBytes) {
    DeltaLog kept = requireHistory();
    History history = requirePast().history();
    int subject = subjectOf(id, idBytes);
    outputBytes = 0;
    if (subject == IdMap.ABSENT) {
      return false;
    }
    int deltas = 0;
    int checkpoints = 0;
    long bytes = 0;
    long bound = CHAIN_BYTES;
    long horizon = -1;
    for (int entry = image.head(subject); entry != 0; entry = kept.previous(entry)) {
      bytes += kept.entryBytes(entry);
      if (kept.isCheckpoint(entry)) {
        checkpoints++;
        horizon = kept.isHorizon(entry) ? kept.time(entry) : -1;
      } else {
        deltas++;
        bound += 4 + history.plainBound(entry);
      }
    }
    int start = reserve(bound);
    int[] entries = new int[deltas];
    int[] covered = new int[deltas];
    int i = deltas;
    int behind = 0;
    for (int entry = image.head(subject); entry != 0; entry = kept.previous(entry)) {
      if (kept.isCheckpoint(entry)) {
        behind = 1;
      } else {
        entries[--i] = entry;
        covered[i] = behind;
        behind = 0;
      }
    }
    memory.putInt(start, deltas);
    memory.putInt(start + 4, checkpoints);
    putDouble(start + 8, bytes);
    memory.putLong(start + 16, horizon);
    memory.putInt(start + 24, subject >= 0 ? 1 : 0);
    memory.putInt(start + 28, 0);
    int at = start + CHAIN_BYTES;
    for (i = 0; i < deltas; i++) {
      memory.putInt(at, covered[i]);
      at = history.writePlain(subject, entries[i], at + 4);
    }
    outputBytes = at - start;
    return true;
  }

  private int reserve(long bytes) {
    if (bytes > 1 << 30) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "an output of " + bytes + " bytes");
    }
    return out.reserve((int) bytes);
  }

  /**
   * Returns how many deltas have come in so far: the number that the next one will have for {@link
   * #read}.
   */
  public int arrived() {
    return requireHistory().arrived();
  }

  /**
   * Reads deltas in the order they came in. Output: their frames with floats.
   *
   * @param from the number of the first, 0 or what {@link #next} said
   * @param maxBytes stops before the output gets longer, but never before one delta
   * @return how many were read; those compacted away are passed over. {@link #next} says where to
   *     go on
   */
  public int read(int from, int maxBytes) {
    DeltaLog kept = requireHistory();
    History history = requirePast().history();
    long bound = 0;
    int to = Math.max(0, from);
    int first = to;
    for (; to < kept.arrived(); to++) {
      int entry = kept.arrival(to);
      int bytes = entry == 0 ? 0 : history.plainBound(entry);
      if (bound != 0 && bound + bytes > maxBytes) {
        break;
      }
      bound += bytes;
    }
    int start = reserve(bound);
    int at = start;
    int n = 0;
    for (int i = first; i < to; i++) {
      int entry = kept.arrival(i);
      if (entry != 0) {
        at = history.writePlain(subjectOfEntry(kept, entry), entry, at);
        n++;
      }
    }
    next = to;
    outputBytes = at - start;
    return n;
  }

  private int subjectOfEntry(DeltaLog kept, int entry) {
    int id = kept.id(entry);
    int bytes = kept.idBytes(entry);
    return idMap.find(id, bytes, idMap.hash(id, bytes));
  }

  /**
   * Compacts history: what lies before a time becomes one checkpoint for each vector. Output:
   * {@link #COMPACTION_BYTES} bytes: chains that have a new horizon, deltas merged, bytes of
   * history before and after (doubles), newest horizon (64 bits, -1 for none), 0.
   *
   * @param id address of the id of the one vector to compact, or 0 for all
   * @param idBytes its length
   * @param before Unix milliseconds; deltas of this time or later stay. {@code Long.MAX_VALUE} for
   *     no bound
   * @param keepLast how many of each vector's newest deltas stay in any case
   * @param maxBytes bytes of history to come down to by giving up the oldest, or -1
   * @throws DeltaException {@code VECTOR_NOT_FOUND}, {@code OUT_OF_MEMORY}
   */
  public void compact(int id, int idBytes, long before, int keepLast, long maxBytes) {
    DeltaLog kept = requireHistory();
    Compactor compactor = requirePast().compactor();
    double bytesBefore = kept.deltaBytes() + kept.checkpointBytes();
    compactor.begin();
    if (id != 0) {
      int subject = subjectOf(id, idBytes);
      if (subject == IdMap.ABSENT) {
        throw notFound(id, idBytes);
      }
      compactor.compact(subject, before, keepLast, false);
    } else {
      compactAll(before, keepLast, maxBytes);
    }
    int record = out.reserve(COMPACTION_BYTES);
    memory.putInt(record, compactor.chains());
    memory.putInt(record + 4, compactor.deltas());
    putDouble(record + 8, bytesBefore);
    putDouble(record + 16, kept.deltaBytes() + kept.checkpointBytes());
    memory.putLong(record + 24, compactor.horizon());
    memory.putLong(record + 32, 0);
    outputBytes = COMPACTION_BYTES;
  }

  private void compactAll(long before, int keepLast, long maxBytes) {
    Compactor compactor = requirePast().compactor();
    if (before > 0) {
      compactEach(compactor, before, keepLast, false);
    }
    if (maxBytes >= 0) {
      compactEach(compactor, compactor.timeForBytes(maxBytes), 0, true);
    }
  }

  private void compactEach(Compactor compactor, long before, int keepLast, boolean onlyIfSmaller) {
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot++) {
      if (image.occupied(slot)) {
        compactor.compact(slot, before, keepLast, onlyIfSmaller);
      }
    }
    for (int grave = 0, limit = image.graveLimit(); grave < limit; grave++) {
      if (image.occupied(~grave)) {
        compactor.compact(~grave, before, keepLast, onlyIfSmaller);
      }
    }
  }

  /**
   * Writes what brings a vector back to its state behind a delta, as new deltas: nothing, or one of
   * create, dense or delete. Output: as {@link #apply}.
   *
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @return the number of deltas applied, 0 or 1
   * @throws DeltaException {@code VECTOR_NOT_FOUND}, {@code INVALID_ARGUMENT} if the vector has no
   *     such delta, {@code HISTORY_COMPACTED}
   */
  public int rollBackTo(int id, int idBytes, long time, int sequence, long replica, long now) {
    Past p = requirePast();
    int subject = subjectOf(id, idBytes);
    if (subject == IdMap.ABSENT) {
      throw notFound(id, idBytes);
    }
    p.history().find(subject, time, sequence, replica);
    boolean alive = p.history().compose(subject, time, sequence, replica);
    byte[] metadata = p.fold().metadata();
    outputBytes = 0;
    if (!alive && subject < 0) {
      return 0;
    }
    byte[] present = subject < 0 ? new byte[0] : image.metadata(subject);
    byte[] patch = alive ? MergePatch.diff(present, metadata) : new byte[0];
    if (alive
        && subject >= 0
        && patch.length == 0
        && sameValues(p.history().row(), image.vector(subject))) {
      return 0;
    }
    // The id may lie in the buffer that is about to be used, so the image's own copy is written.
    int floats = alive ? dimensions : 0;
    Buffer buffer = new Buffer(heap);
    int start = buffer.reserve(64 + idBytes + (floats << 2) + patch.length);
    try {
      int at = DeltaLog.putVarint(memory, start + Frame.HEADER_BYTES, idBytes);
      memory.copy(image.id(subject), at, idBytes);
      at += idBytes;
      if (alive) {
        at = DeltaLog.putVarint(memory, at, floats);
        memory.copy(p.history().row(), at, floats << 2);
        at += floats << 2;
      }
      if (patch.length > 0) {
        at = DeltaLog.putVarint(memory, at, patch.length);
        at = Bytes.write(memory, at, patch);
      }
      int operation = !alive ? Frame.DELETE : subject < 0 ? Frame.CREATE : Frame.DENSE;
      memory.putInt(start, at - start | Frame.VERSION << 24);
      memory.putInt(start + 4, 0);
      memory.putByte(start + 8, (byte) (operation | (patch.length > 0 ? Frame.METADATA : 0)));
      return apply(start, at - start, 1, now);
    } finally {
      buffer.release();
    }
  }

  private boolean sameValues(int a, int b) {
    for (int i = 0, end = dimensions << 2; i < end; i += 4) {
      if (memory.getInt(a + i) != memory.getInt(b + i)) {
        return false;
      }
    }
    return true;
  }

  // ---------------------------------------------------------------- the replica door

  /**
   * Merges deltas from other replicas, in any order, any number of times; all or none. Output:
   * {@link #MERGED_BYTES} bytes: how many were new, how many had been seen, how many lie before
   * their vector's horizon, and the bytes of these, which follow as sealed frames.
   *
   * @param stream address of sealed frames with ids, linked or not
   * @param bytes their length in all
   * @param now the clock, Unix milliseconds
   * @return how many were new
   * @throws DeltaException {@code CORRUPT_DATA} with the byte offset, {@code UNSUPPORTED_VERSION},
   *     {@code DIMENSION_MISMATCH}, {@code NOT_FINITE}, {@code INVALID_ARGUMENT} (also for a time
   *     too far in the future), {@code CAPACITY_EXCEEDED}, {@code OUT_OF_MEMORY}; the database is
   *     as it was
   */
  public int merge(int stream, int bytes, long now) {
    DeltaLog kept = requireHistory();
    Merge merge = requirePast().merge();
    outputBytes = 0;
    keepBudget();
    long ahead = options.maxAheadMillis();
    writer.merge(
        merge, kept, stream, bytes, now > Long.MAX_VALUE - ahead ? Long.MAX_VALUE : now + ahead);
    int rejected = merge.writeRejected(stream, bytes, out, MERGED_BYTES);
    int record = out.address();
    memory.putInt(record, merge.merged());
    memory.putInt(record + 4, merge.duplicates());
    memory.putInt(record + 8, merge.rejected());
    memory.putInt(record + 12, rejected);
    outputBytes = MERGED_BYTES + rejected;
    return merge.merged();
  }

  /**
   * Writes what this database has seen, for {@link #since} of another. Output: the cursor.
   * O(replicas)
   */
  public void cursor() {
    outputBytes = requirePast().replica().writeCursor(writer.versions(), out);
  }

  /**
   * Writes the deltas that another database lacks. Output: a stream for its {@link #merge}.
   *
   * @param cursor address of what the other's {@link #cursor} gave
   * @param bytes its length; 0 for all deltas
   * @throws DeltaException {@code CORRUPT_DATA}, {@code UNSUPPORTED_VERSION}, {@code
   *     HISTORY_COMPACTED}, {@code OUT_OF_MEMORY}
   */
  public void since(int cursor, int bytes) {
    Replica replica = requirePast().replica();
    Versions seen = replica.readCursor(cursor, bytes);
    outputBytes = 0;
    outputBytes = replica.writeSince(writer.versions(), seen, out);
  }

  private States states() {
    Past p = requirePast();
    return new States(
        image, kernels, requireHistory(), p.fold(), p.history().row(), options.grid());
  }

  /**
   * Writes what makes a vector from nothing. Output: sealed frames that stand alone, for {@link
   * #merge} of an empty database: if the vector lived at its horizon a create that has the
   * horizon's id, then all newer deltas in the order of their ids. O(bytes)
   *
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @return false if there is nothing: the id is not known, or its end was forgotten
   * @throws DeltaException {@code INVALID_ARGUMENT} without a history, {@code OUT_OF_MEMORY}
   */
  public boolean state(int id, int idBytes) {
    States states = states();
    int subject = subjectOf(id, idBytes);
    outputBytes = 0;
    if (subject != IdMap.ABSENT && states.has(subject)) {
      outputBytes = states.write(subject, out);
    }
    return outputBytes != 0;
  }

  /**
   * Lists the ids that have a {@link #state}. Output: as {@link #ids}.
   *
   * @param from where to begin: {@code Integer.MIN_VALUE}, or what {@link #next} said
   * @param max the most to list, 1 or more
   * @return the number of ids; {@link #next} then says where to go on, {@code Integer.MAX_VALUE} at
   *     the end
   * @throws DeltaException {@code INVALID_ARGUMENT} without a history, {@code OUT_OF_MEMORY}
   */
  public int remembered(int from, int max) {
    States states = states();
    int limit = image.slotLimit();
    int at = Math.max(from, -image.graveLimit());
    int n = 0;
    int record = reserve((long) max * ID_BYTES);
    for (; at < limit && n < max; at++) {
      if (image.occupied(at) && states.has(at)) {
        memory.putInt(record, image.id(at));
        memory.putInt(record + 4, image.idBytes(at));
        record += ID_BYTES;
        n++;
      }
    }
    next = at < limit ? at : Integer.MAX_VALUE;
    outputBytes = n * ID_BYTES;
    return n;
  }

  // ---------------------------------------------------------------- snapshots

  /**
   * Begins to write a snapshot: {@link #exportNext} writes it, section by section. The database
   * must not change meanwhile.
   *
   * @param flags the sum of {@link SnapshotWriter}'s
   * @return with {@link SnapshotWriter#SIZE} how many bytes it will have, else 0
   * @throws DeltaException {@code INVALID_ARGUMENT} for an increment to nothing
   */
  public long exportBegin(int flags) {
    requireOpen();
    long size = 0;
    if ((flags & SnapshotWriter.SIZE) != 0) {
      SnapshotWriter dry = newSnapshot(flags);
      for (int bytes = dry.next(); bytes > 0; bytes = dry.next()) {
        size += bytes;
      }
    }
    exporting = newSnapshot(flags & ~SnapshotWriter.SIZE);
    return size;
  }

  private SnapshotWriter newSnapshot(int flags) {
    Totals totals = new Totals();
    writer.save(totals);
    totals.nextCompaction = nextCompaction;
    return new SnapshotWriter(
        options, image, kernels, new GraphArchive(image, index), log, totals, flags, out);
  }

  /**
   * Writes the next section of the snapshot. Output: the section.
   *
   * @return its bytes, 0 behind the last
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public int exportNext() {
    requireOpen();
    outputBytes = 0;
    if (exporting != null) {
      outputBytes = exporting.next();
      if (outputBytes == 0) {
        exporting = null;
      }
    }
    return outputBytes;
  }

  /**
   * A database that a snapshot is read into, by {@link #importNext} and {@link #importEnd}; until
   * then nothing else may be called but {@link #close}.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public static Database importing(Memory memory, Kernels kernels, DatabaseOptions options) {
    Database made = new Database(memory, kernels, options);
    made.importing =
        new SnapshotReader(
            options,
            made.image,
            kernels,
            made.idMap,
            new GraphArchive(made.image, made.index),
            made.log,
            made.past == null ? null : made.past.merge());
    return made;
  }

  private SnapshotReader requireImporting() {
    requireOpen();
    if (importing == null) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "no import is under way");
    }
    return importing;
  }

  /**
   * Reads what comes next of a snapshot, or of the increments behind it.
   *
   * @param address of the bytes
   * @param bytes how many there are
   * @return how many were read, whole sections; the rest is to be given again, with more behind it
   * @throws DeltaException as {@link SnapshotReader#read}; the database is then to be closed
   */
  public int importNext(int address, int bytes) {
    return requireImporting().read(address, bytes);
  }

  /**
   * Ends an import. Output: {@link #IMPORTED_BYTES} bytes: vectors, deltas of the history, 1 if the
   * graph was kept + 2 if it was damaged + 4 if the history was taken, 0, sequence (64 bits) and
   * number (64 bits) of the own replica.
   *
   * @throws DeltaException {@code CORRUPT_DATA}, {@code OUT_OF_MEMORY}; the database is then to be
   *     closed
   */
  public void importEnd() {
    SnapshotReader reader = requireImporting();
    boolean kept = reader.finish();
    importing = null;
    writer.restore(reader.totals());
    // Arrivals are renumbered: as many are to come as there would have been.
    Totals totals = reader.totals();
    nextCompaction = totals.nextCompaction - totals.arrived + (log == null ? 0 : log.arrived());
    int record = out.reserve(IMPORTED_BYTES);
    memory.putInt(record, image.live());
    memory.putInt(record + 4, log == null ? 0 : log.deltas());
    memory.putInt(
        record + 8,
        (kept ? 1 : 0) | (reader.hadBadGraph() ? 2 : 0) | (reader.tookHistory() ? 4 : 0));
    memory.putInt(record + 12, 0);
    memory.putLong(record + 16, writer.sequence() & 0xffff_ffffL);
    memory.putLong(record + 24, reader.totals().replica);
    outputBytes = IMPORTED_BYTES;
  }

  /**
   * Issues deltas under another replica's number from now on: a new one's first is 1, a known one's
   * the next that it is not known with.
   *
   * @param number 48 bits
   */
  public void replica(long number) {
    requireOpen();
    writer.replica(number);
  }

  /** Returns the sequence of the own replica's newest delta, unsigned. */
  public int sequence() {
    return writer.sequence();
  }

  /** Returns the log, for checks. */
  DeltaLog log() {
    return requireHistory();
  }

  /** Returns the image, for checks. */
  Image image() {
    return image;
  }
}
