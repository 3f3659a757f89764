package dev.deltavec.core;

import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.delta.Utf8;
import dev.deltavec.core.image.IdMap;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.image.StateDigest;
import dev.deltavec.core.index.Distances;
import dev.deltavec.core.index.Hnsw;
import dev.deltavec.core.index.Searcher;
import dev.deltavec.core.json.MergePatch;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;

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
  public static final int STATS_BYTES = 80;

  private final DatabaseOptions options;
  private final int dimensions;
  private final Memory memory;
  private final Kernels kernels;
  private final Heap heap;
  private final Image image;
  private final IdMap idMap;
  private final Hnsw graph;
  private final Searcher searcher;
  private final FrameReader frame;
  private final Journal journal;
  private final Buffer out;
  private final Buffer indices;
  private int outputBytes;
  private int next;
  private int sequence;
  private long lastTime;
  private double applied;
  private boolean closed;

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
      image = new Image(heap, kernels, options);
      idMap = new IdMap(image, options.seed());
      Distances distances = new Distances(image, kernels, options.metric());
      graph = new Hnsw(image, distances, options);
      searcher = new Searcher(image, distances, graph);
    } catch (DeltaException e) {
      heap.close();
      throw e;
    }
    frame = new FrameReader(memory);
    journal = new Journal(image);
    out = new Buffer(heap);
    indices = new Buffer(heap);
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
    outputBytes = count * APPLIED_BYTES;
    int record = out.reserve(outputBytes);
    int sequenceBefore = sequence;
    long timeBefore = lastTime;
    int index = 0;
    try {
      int at = frames;
      for (; index < count; index++, record += APPLIED_BYTES) {
        frame.read(frames, at, frames + bytes);
        applyFrame(now, record);
        at = frame.end();
      }
      if (at != frames + bytes) {
        throw new DeltaException(
            ErrorCode.CORRUPT_DATA, "bytes are left over behind the last of " + count + " deltas");
      }
    } catch (DeltaException e) {
      rollBack();
      sequence = sequenceBefore;
      lastTime = timeBefore;
      outputBytes = 0;
      throw new DeltaException(
          e.code(), count > 1 ? "delta " + index + ": " + e.getMessage() : e.getMessage(), index);
    }
    commit();
    applied += count;
    return count;
  }

  private void applyFrame(long now, int record) {
    int hash = idMap.hash(frame.id(), frame.idBytes());
    int slot = idMap.find(frame.id(), frame.idBytes(), hash);
    int operation = frame.operation();
    if (operation == Frame.CREATE) {
      if (slot >= 0) {
        throw new DeltaException(ErrorCode.VECTOR_EXISTS, "vector " + id() + " exists already");
      }
    } else if (slot < 0) {
      throw new DeltaException(ErrorCode.VECTOR_NOT_FOUND, "there is no vector " + id());
    }
    long newest = slot < 0 ? 0 : image.newestTime(slot);
    long time = frame.time();
    if (time < 0) {
      time = Math.max(Math.max(now, lastTime), newest);
      if (time >= Frame.TIME_LIMIT) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT, "the clock stands at " + now + ", beyond 48 bits");
      }
    } else if (time < newest) {
      throw new DeltaException(
          ErrorCode.OUT_OF_ORDER,
          "timestamp "
              + time
              + " lies before the newest delta of vector "
              + id()
              + ", at "
              + newest);
    }
    switch (operation) {
      case Frame.CREATE -> slot = create(hash);
      case Frame.SPARSE -> sparse(slot);
      case Frame.DENSE -> dense(slot);
      case Frame.SCALE -> scale(slot);
      case Frame.OFFSET -> offset(slot);
      default -> delete(slot);
    }
    if (frame.metadata() != 0) {
      patchMetadata(slot);
    }
    sequence++;
    lastTime = Math.max(lastTime, time);
    if (operation != Frame.DELETE) {
      image.setNewest(slot, time, sequence);
    }
    memory.putLong(record, time);
    memory.putInt(record + 8, sequence);
    memory.putInt(record + 12, operation == Frame.SPARSE ? frame.count() : 0);
  }

  private int create(int hash) {
    checkVector();
    if (image.live() >= options.maxVectors()) {
      throw new DeltaException(
          ErrorCode.CAPACITY_EXCEEDED,
          "no room for vector "
              + id()
              + ": the database holds its "
              + options.maxVectors()
              + " vectors");
    }
    int slot = image.occupy(frame.id(), frame.idBytes(), hash);
    try {
      graph.prepare(slot);
    } catch (DeltaException e) {
      image.release(slot);
      throw e;
    }
    idMap.add(slot);
    image.addLive(1);
    journal.created(slot);
    int vector = image.vector(slot);
    memory.copy(frame.values(), vector, dimensions << 2);
    image.updateNorm(slot);
    return slot;
  }

  private void sparse(int slot) {
    int n = frame.count();
    if (n > dimensions) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          n + " indices for vector " + id() + ", which has " + dimensions + " dimensions");
    }
    int list = indices.reserve(n << 2);
    frame.decodeIndices(list);
    if (n > 0) {
      int last = memory.getInt(list + ((n - 1) << 2)); // they ascend
      if (Integer.compareUnsigned(last, dimensions) >= 0) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "index "
                + Integer.toUnsignedString(last)
                + " of vector "
                + id()
                + " is not below "
                + dimensions);
      }
    }
    checkFinite(n);
    journal.changing(slot, list, n);
    int vector = image.vector(slot);
    int value = frame.values();
    for (int i = 0, end = n << 2; i < end; i += 4) {
      memory.putInt(vector + (memory.getInt(list + i) << 2), memory.getInt(value + i));
    }
    image.updateNorm(slot);
  }

  private void dense(int slot) {
    checkVector();
    journal.changing(slot);
    memory.copy(frame.values(), image.vector(slot), dimensions << 2);
    image.updateNorm(slot);
  }

  private void scale(int slot) {
    checkFinite(1);
    float factor = memory.getFloat(frame.values());
    journal.changing(slot);
    int vector = image.vector(slot);
    for (int i = vector, end = vector + (dimensions << 2); i != end; i += 4) {
      memory.putFloat(i, memory.getFloat(i) * factor);
    }
    checkResult(slot);
  }

  private void offset(int slot) {
    checkFinite(1);
    float amount = memory.getFloat(frame.values());
    journal.changing(slot);
    int vector = image.vector(slot);
    for (int i = vector, end = vector + (dimensions << 2); i != end; i += 4) {
      memory.putFloat(i, memory.getFloat(i) + amount);
    }
    checkResult(slot);
  }

  private void delete(int slot) {
    if (frame.metadata() != 0) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "the delete of vector " + id() + " carries metadata");
    }
    journal.deleting(slot);
    idMap.remove(slot);
    image.addLive(-1);
  }

  private void patchMetadata(int slot) {
    if (frame.metadataBytes() > MAX_METADATA_BYTES) {
      throw metadataTooLong();
    }
    byte[] merged =
        MergePatch.apply(metadataOf(slot), bytes(frame.metadata(), frame.metadataBytes()));
    if (merged.length > MAX_METADATA_BYTES) {
      throw metadataTooLong();
    }
    image.setMetadataBlock(slot, image.newMetadata(merged));
    journal.metadataReplaced();
  }

  private DeltaException metadataTooLong() {
    return new DeltaException(
        ErrorCode.INVALID_ARGUMENT,
        "metadata of vector " + id() + " is longer than " + MAX_METADATA_BYTES + " bytes");
  }

  private byte[] metadataOf(int slot) {
    int block = image.metadataBlock(slot);
    return block == 0 ? new byte[0] : bytes(block + 4, memory.getInt(block));
  }

  private byte[] bytes(int address, int n) {
    byte[] copy = new byte[n];
    for (int i = 0; i < n; i++) {
      copy[i] = memory.getByte(address + i);
    }
    return copy;
  }

  private void checkVector() {
    if (frame.count() != dimensions) {
      throw new DeltaException(
          ErrorCode.DIMENSION_MISMATCH,
          "vector "
              + id()
              + " is given "
              + Integer.toUnsignedString(frame.count())
              + " values, not "
              + dimensions);
    }
    checkFinite(dimensions);
  }

  private void checkFinite(int n) {
    if (!kernels.allFinite(frame.values(), n)) {
      int i = 0;
      while (Float.isFinite(memory.getFloat(frame.values() + (i << 2)))) {
        i++;
      }
      throw new DeltaException(
          ErrorCode.NOT_FINITE,
          "value "
              + i
              + " of the "
              + Frame.name(frame.operation())
              + " of vector "
              + id()
              + " is not finite");
    }
  }

  private void checkResult(int slot) {
    if (!kernels.allFinite(image.vector(slot), dimensions)) {
      throw new DeltaException(
          ErrorCode.NOT_FINITE,
          "the "
              + Frame.name(frame.operation())
              + " makes a value of vector "
              + id()
              + " overflow");
    }
    image.updateNorm(slot);
  }

  /** Returns the id of the current frame, for messages: quoted, and cut if it is long. */
  private String id() {
    String text = Utf8.decode(memory, frame.id(), frame.idBytes());
    return text.length() <= 80 ? "\"" + text + "\"" : "\"" + text.substring(0, 77) + "...\"";
  }

  /** Makes the batch final: from here on nothing can fail. */
  private void commit() {
    int entries = journal.size();
    for (int i = 0; i < entries; i++) {
      int slot = journal.slot(i);
      switch (journal.kind(i)) {
        case Journal.DELETED -> {
          if (graph.contains(slot)) {
            graph.remove(slot);
          } else {
            graph.discard(slot); // created in this batch too
          }
          image.release(slot);
        }
        case Journal.CREATED -> {
          // Linked below, when all vectors have their final values.
        }
        default -> image.freeMetadata(journal.replacedMetadata(i));
      }
    }
    for (int i = 0; i < entries; i++) {
      if (journal.kind(i) == Journal.CREATED && image.occupied(journal.slot(i))) {
        graph.insert(journal.slot(i));
      }
    }
    journal.clear();
  }

  private void rollBack() {
    for (int i = journal.size() - 1; i >= 0; i--) {
      int slot = journal.slot(i);
      switch (journal.kind(i)) {
        case Journal.CREATED -> {
          idMap.remove(slot);
          graph.discard(slot);
          image.release(slot);
          image.addLive(-1);
        }
        case Journal.DELETED -> {
          idMap.add(slot);
          image.addLive(1);
        }
        default -> journal.restore(i);
      }
    }
    journal.clear();
  }

  // ---------------------------------------------------------------- reading

  private int slotOf(int id, int idBytes) {
    requireOpen();
    return idBytes < 1 || idBytes > Frame.MAX_ID_BYTES
        ? -1
        : idMap.find(id, idBytes, idMap.hash(id, idBytes));
  }

  /**
   * Finds a vector. O(id)
   *
   * @param id address of the id's UTF-8 bytes
   * @param idBytes their number
   * @return the address of {@link #stride} floats, or 0 if there is no such vector
   */
  public int find(int id, int idBytes) {
    int slot = slotOf(id, idBytes);
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
    int slot = slotOf(id, idBytes);
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
   * @return the number of results
   * @throws DeltaException {@code DIMENSION_MISMATCH}, {@code NOT_FINITE}, {@code INVALID_ARGUMENT}
   *     or {@code OUT_OF_MEMORY}
   */
  public int search(int query, int floats, int k, int efSearch) {
    return search(query, floats, k, efSearch, false);
  }

  /**
   * Finds the vectors closest to a query by comparing with every one. O(vectors x dimensions);
   * otherwise as {@link #search}.
   *
   * @return the number of results
   */
  public int searchExact(int query, int floats, int k) {
    return search(query, floats, k, 0, true);
  }

  private int search(int query, int floats, int k, int efSearch, boolean exact) {
    requireOpen();
    if (k < 1) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "k must be 1 or more, not " + k);
    }
    if (efSearch < 0 || efSearch > DatabaseOptions.MAX_EF) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "efSearch must be from 1 to " + DatabaseOptions.MAX_EF + ", not " + efSearch);
    }
    if (floats != dimensions) {
      throw new DeltaException(
          ErrorCode.DIMENSION_MISMATCH, "the query has " + floats + " values, not " + dimensions);
    }
    if (!kernels.allFinite(query, floats)) {
      throw new DeltaException(ErrorCode.NOT_FINITE, "the query has a value that is not finite");
    }
    int ef = efSearch == 0 ? options.hnswEfSearch() : efSearch;
    int found = searcher.search(query, floats, k, ef, exact, out);
    outputBytes = found * Searcher.RECORD_BYTES;
    return found;
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
   * Gathers statistics. Output: {@link #STATS_BYTES} bytes as {@code docs/abi.md} lists them. O(1)
   */
  public void stats() {
    requireOpen();
    int record = out.reserve(STATS_BYTES);
    memory.putInt(record, image.live());
    memory.putInt(record + 4, image.slotCapacity());
    putDouble(record + 8, heap.granted());
    putDouble(record + 16, heap.used());
    putDouble(record + 24, image.vectorBytes());
    putDouble(record + 32, image.graphBytes() + graph.upperBytes());
    putDouble(record + 40, image.slotAndTextBytes());
    putDouble(record + 48, idMap.bytes());
    putDouble(record + 56, applied);
    memory.putInt(record + 64, graph.topLevel());
    memory.putInt(record + 68, image.stride());
    memory.putLong(record + 72, 0);
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

  /** Returns the graph, for checks. */
  Hnsw graph() {
    return graph;
  }

  /** Returns the image, for checks. */
  Image image() {
    return image;
  }
}
