package dev.deltavec.core.image;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import org.jspecify.annotations.Nullable;

/**
 * The database's state in linear memory: a root, and pages of records for slots, vectors, norms,
 * graph nodes and links.
 *
 * <p>A live vector owns a slot, a number from 0. Slot i is record i of every kind of page:
 *
 * <ul>
 *   <li>slot, 24 bytes: id hash, address of the id, address of the metadata, newest entry of the
 *       log, time of the newest delta (64 bits)
 *   <li>vector: {@code stride} floats, padded with zeros to whole cache lines
 *   <li>inverse norm: one float
 *   <li>codes and their terms: see {@link Codes}
 *   <li>node, 16 bytes, and links: see {@code dev.deltavec.core.index.Hnsw}
 * </ul>
 *
 * <p>An id that has a history but no vector lies in a grave, a record like a slot's without the
 * other pages. A <i>subject</i> is either: a slot from 0, or the bitwise complement of a grave's
 * number.
 *
 * <p>A free slot or grave has no id; its metadata word names the next free one, plus one. Ids are
 * blocks of a 16-bit length and the UTF-8 bytes; metadata are blocks of a 32-bit length and UTF-8
 * JSON.
 *
 * <p>Where floats are not kept, there are no vector pages, and in place of the inverse norm stands
 * the scale of the values that the codes stand for.
 */
public final class Image {
  /** "DVI1", the first word of the root. */
  public static final int MAGIC = 0x31495644;

  /** Size of the root. */
  public static final int ROOT_BYTES = 256;

  // Words of the root.
  private static final int DIMENSIONS = 4;
  private static final int STRIDE = 8;
  private static final int METRIC = 12;
  private static final int SLOT_LIMIT = 16;
  private static final int LIVE = 20;
  private static final int FREE_SLOT = 24;

  /** Word of the root: the graph's entry node, plus one; 0 for none. */
  public static final int ENTRY = 28;

  /** Word of the root: the highest level of the graph. */
  public static final int TOP_LEVEL = 32;

  private static final int HNSW_M = 36;
  private static final int QUANTIZATION = 40;
  private static final int KEEPS_FLOATS = 44;

  /** Word of the root: the address of the codes' center. */
  static final int CENTER = 48;

  /** Word of the root: the codes' unit, a float; 0 before the first vector. */
  static final int UNIT = 52;

  /** Word of the root: the squared length of the center, a float. */
  static final int CENTER_SQUARES = 56;

  private static final int SLOT_PAGES = 64;
  private static final int VECTOR_PAGES = 72;
  private static final int NORM_PAGES = 80;
  private static final int NODE_PAGES = 88;
  private static final int LINK_PAGES = 96;
  private static final int GRAVE_PAGES = 104;
  private static final int GRAVE_LIMIT = 112;
  private static final int FREE_GRAVE = 116;

  /** Words of the root: the pages of the log's arrivals. */
  public static final int ARRIVAL_PAGES = 120;

  /** Words of the root: the pages of the codes. */
  static final int CODE_PAGES = 128;

  /** Words of the root: the pages of the codes' terms. */
  static final int TERM_PAGES = 136;

  /** Words of the root: the queue of slots to be linked or relinked, address and size. */
  public static final int QUEUE = 144;

  /** Words of the root: the slots of zero vectors beside the graph, address and size. */
  public static final int ZEROS = 152;

  /** Words of the root: the changes that filters have to follow, address of the list and number. */
  public static final int CHANGES = 160;

  /** Bytes of a slot record. */
  public static final int SLOT_BYTES = 24;

  private static final int HASH = 0;
  private static final int ID = 4;
  private static final int METADATA = 8;
  private static final int HEAD = 12;
  private static final int NEWEST_TIME = 16;

  /** Bytes of a graph node's record. */
  public static final int NODE_BYTES = 16;

  private static final int PAGE_TARGET_BYTES = 1 << 16;
  private static final int SMALL_SHIFT = 10;
  private static final int LINK_PAGE_BYTES = 1 << 12;

  private final Heap heap;
  private final Memory memory;
  private final Kernels kernels;
  private final int dimensions;
  private final int stride;
  private final int root;
  private final RecordPages slots;
  private final @Nullable RecordPages vectors;
  private final @Nullable Codes codes;

  /** Where floats are not kept: two decoded rows, the second for what the first was before. */
  private final int decoded;

  private final RecordPages norms;
  private final RecordPages nodes;
  private final RecordPages links;
  private final RecordPages graves;
  private long textBytes;
  private @Nullable Changes changes;

  /**
   * An empty image, or a look at one that another instance writes.
   *
   * @param heap where its pages come from
   * @param kernels for norms
   * @param options dimensions, metric and M
   * @param attachTo the root of the image to look at, made with the same options; 0 for a new one
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public Image(Heap heap, Kernels kernels, DatabaseOptions options, int attachTo) {
    this.heap = heap;
    this.memory = heap.memory();
    this.kernels = kernels;
    dimensions = options.dimensions();
    stride = (dimensions + Kernels.BLOCK - 1) & -Kernels.BLOCK;
    boolean floats = options.keepFloats();
    root = attachTo != 0 ? attachTo : newRoot(options);
    int vectorShift =
        Math.min(
            SMALL_SHIFT,
            31 - Integer.numberOfLeadingZeros(Math.max(1, PAGE_TARGET_BYTES / (stride * 4))));
    slots = new RecordPages(heap, root + SLOT_PAGES, SLOT_BYTES, SMALL_SHIFT);
    vectors = floats ? new RecordPages(heap, root + VECTOR_PAGES, stride * 4, vectorShift) : null;
    decoded = floats ? 0 : heap.allocate(stride << 3);
    if (!floats) {
      if (decoded == 0) {
        throw outOfMemory("a database");
      }
      memory.clear(decoded, stride << 3);
    }
    norms = new RecordPages(heap, root + NORM_PAGES, 4, SMALL_SHIFT);
    nodes = new RecordPages(heap, root + NODE_PAGES, NODE_BYTES, SMALL_SHIFT);
    int linkBytes = options.hnswM() * 8;
    links =
        new RecordPages(
            heap,
            root + LINK_PAGES,
            linkBytes,
            31 - Integer.numberOfLeadingZeros(LINK_PAGE_BYTES / linkBytes));
    graves = new RecordPages(heap, root + GRAVE_PAGES, SLOT_BYTES, SMALL_SHIFT);
    codes =
        options.quantization() == Quantization.NONE
            ? null
            : new Codes(heap, kernels, options, root, stride);
  }

  private int newRoot(DatabaseOptions options) {
    int made = heap.allocate(ROOT_BYTES);
    if (made == 0) {
      throw outOfMemory("a database");
    }
    memory.clear(made, ROOT_BYTES);
    memory.putInt(made, MAGIC);
    memory.putInt(made + DIMENSIONS, dimensions);
    memory.putInt(made + STRIDE, stride);
    memory.putInt(made + METRIC, options.metric().ordinal());
    memory.putInt(made + HNSW_M, options.hnswM());
    memory.putInt(made + QUANTIZATION, options.quantization().ordinal());
    memory.putInt(made + KEEPS_FLOATS, options.keepFloats() ? 1 : 0);
    return made;
  }

  /** Looks at the root again, as what another instance writes may have got more pages. O(1) */
  public void refresh() {
    slots.refresh();
    norms.refresh();
    nodes.refresh();
    links.refresh();
    if (vectors != null) {
      vectors.refresh();
    }
    if (codes != null) {
      codes.refresh();
    }
  }

  private static DeltaException outOfMemory(String what) {
    return new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory for " + what);
  }

  /** Returns what has changed since the last snapshot, or null if nobody asked for that. */
  public @Nullable Changes changes() {
    return changes;
  }

  /** Notes, if anybody asked, what {@link Changes#vector} is for. */
  public void vectorChanged(int slot) {
    if (changes != null) {
      changes.vector(slot);
    }
  }

  /** Notes, if anybody asked, what {@link Changes#chain} is for. */
  public void chainChanged(int subject) {
    if (changes != null) {
      changes.chain(subject);
    }
  }

  /** From now on changes are noted. */
  public void track() {
    if (changes == null) {
      changes = new Changes();
    }
  }

  /** Returns the heap that holds the image. */
  public Heap heap() {
    return heap;
  }

  /** Returns the memory that holds the image. */
  public Memory memory() {
    return memory;
  }

  /** Returns the address of the root. */
  public int root() {
    return root;
  }

  /**
   * Returns the number of floats of a row, dimensions padded to a multiple of {@link
   * Kernels#BLOCK}.
   */
  public int stride() {
    return stride;
  }

  /** Returns the number of values of a vector. */
  public int dimensions() {
    return dimensions;
  }

  /** Returns the number of live vectors. */
  public int live() {
    return memory.getInt(root + LIVE);
  }

  /** Returns the number of slots ever used; all live slots are below it. */
  public int slotLimit() {
    return memory.getInt(root + SLOT_LIMIT);
  }

  /** Returns for how many slots there is room without asking for pages. */
  public int slotCapacity() {
    return slots.capacity();
  }

  /** Returns the bytes of pages that hold vectors and norms. */
  public long vectorBytes() {
    return (vectors == null ? 0 : vectors.bytes()) + norms.bytes();
  }

  /** Returns the bytes of pages that hold codes and their terms. */
  public long codeBytes() {
    return codes == null ? 0 : codes.bytes();
  }

  /** Returns the codes, or null if the graph stands on the floats. */
  public @Nullable Codes codes() {
    return codes;
  }

  /** Returns whether the float vectors are kept. */
  public boolean keepsFloats() {
    return vectors != null;
  }

  /** Returns the bytes of pages that hold graph nodes and links of layer 0. */
  public long graphBytes() {
    return nodes.bytes() + links.bytes();
  }

  /** Returns the bytes of slot pages, ids and metadata. */
  public long slotAndTextBytes() {
    return slots.bytes() + graves.bytes() + textBytes;
  }

  /** Returns the address of a slot's record. */
  public int slot(int slot) {
    return slots.address(slot);
  }

  /**
   * Returns the address of a slot's vector: {@link #stride} floats. Where floats are not kept, they
   * are decoded, and stay until the next call.
   */
  public int vector(int slot) {
    if (vectors != null) {
      return vectors.address(slot);
    }
    decode(slot, decoded);
    return decoded;
  }

  private void decode(int slot, int row) {
    requireCodes().decodeValues(requireCodes().row(slot), memory.getFloat(norm(slot)), row);
  }

  private Codes requireCodes() {
    if (codes == null) {
      throw new IllegalStateException("neither floats nor codes");
    }
    return codes;
  }

  /**
   * Returns the address of a row to be changed, a slot's vector; {@link #store} then makes it the
   * vector.
   */
  public int open(int slot) {
    int row = vector(slot);
    if (vectors == null) {
      memory.copy(row, row + (stride << 2), stride << 2);
    }
    return row;
  }

  /** Returns the address of a row of any contents, to be filled for {@link #store}. */
  public int openNew(int slot) {
    return vectors == null ? decoded : vectors.address(slot);
  }

  /** Makes what stands in the row that was opened the slot's vector: norm and codes follow. */
  public void store(int slot) {
    if (vectors == null) {
      memory.putFloat(norm(slot), requireCodes().encodeValues(slot, decoded));
      return;
    }
    int row = vectors.address(slot);
    float inverse = inverseNorm(row);
    memory.putFloat(norms.address(slot), inverse);
    if (codes != null) {
      codes.encode(slot, row, inverse);
    }
  }

  /** Returns whether all values of a slot's vector are zero. */
  public boolean isZero(int slot) {
    return memory.getInt(norm(slot)) == 0;
  }

  /** Returns the inverse norm of a slot's vector. */
  public float inverse(int slot) {
    return vectors != null ? memory.getFloat(norm(slot)) : inverseNorm(vector(slot));
  }

  /** Returns how many bytes {@link #save} writes. */
  public int savedBytes() {
    return vectors != null ? stride << 2 : requireCodes().rowBytes() + Codes.TERM_BYTES;
  }

  /** Copies what a change of a slot's vector will overwrite, but its norm. */
  public void save(int slot, int to) {
    if (vectors != null) {
      memory.copy(vectors.address(slot), to, stride << 2);
    } else {
      memory.copy(requireCodes().row(slot), to, requireCodes().rowBytes());
      memory.copy(requireCodes().terms(slot), to + requireCodes().rowBytes(), Codes.TERM_BYTES);
    }
  }

  /** Puts back what {@link #save} copied; the norm is back already. */
  public void restore(int slot, int from) {
    if (vectors != null) {
      memory.copy(from, vectors.address(slot), stride << 2);
      restored(slot);
    } else {
      memory.copy(from, requireCodes().row(slot), requireCodes().rowBytes());
      memory.copy(from + requireCodes().rowBytes(), requireCodes().terms(slot), Codes.TERM_BYTES);
    }
  }

  /** Makes the codes follow a slot's floats, which were put back. */
  public void restored(int slot) {
    if (codes != null && vectors != null) {
      codes.encode(slot, vectors.address(slot), memory.getFloat(norm(slot)));
    }
  }

  /** Returns the row that {@link #open} saved where floats are not kept. */
  public int before() {
    return decoded + (stride << 2);
  }

  /** Returns the address of a slot's inverse norm. */
  public int norm(int slot) {
    return norms.address(slot);
  }

  /** Returns the address of a slot's graph node. */
  public int node(int slot) {
    return nodes.address(slot);
  }

  /** Returns the address of a slot's links of layer 0. */
  public int links(int slot) {
    return links.address(slot);
  }

  /** Returns the address of a subject's record. */
  public int record(int subject) {
    return subject >= 0 ? slots.address(subject) : graves.address(~subject);
  }

  /** Returns the number of graves ever used. */
  public int graveLimit() {
    return memory.getInt(root + GRAVE_LIMIT);
  }

  /** Returns the hash of a subject's id. */
  public int hash(int subject) {
    return memory.getInt(record(subject) + HASH);
  }

  /**
   * Returns whether the subject holds an id; a slot on its way out does until it is {@link #release
   * released}.
   */
  public boolean occupied(int subject) {
    return memory.getInt(record(subject) + ID) != 0;
  }

  /** Returns the address of the id's UTF-8 bytes. */
  public int id(int subject) {
    return memory.getInt(record(subject) + ID) + 2;
  }

  /** Returns the number of the id's UTF-8 bytes. */
  public int idBytes(int subject) {
    int block = memory.getInt(record(subject) + ID);
    return memory.getByte(block) & 0xff | (memory.getByte(block + 1) & 0xff) << 8;
  }

  /** Returns whether a subject has an id. O(bytes) */
  public boolean hasId(int subject, int id, int bytes) {
    if (idBytes(subject) != bytes) {
      return false;
    }
    int own = id(subject);
    for (int i = 0; i < bytes; i++) {
      if (memory.getByte(id + i) != memory.getByte(own + i)) {
        return false;
      }
    }
    return true;
  }

  /** Returns the newest entry of the subject in the log, 0 for none. */
  public int head(int subject) {
    return memory.getInt(record(subject) + HEAD);
  }

  /** Sets the newest entry of the subject in the log. */
  public void setHead(int subject, int entry) {
    memory.putInt(record(subject) + HEAD, entry);
  }

  /** Returns the block of the slot's metadata, 0 if it has none. */
  public int metadataBlock(int slot) {
    return memory.getInt(slot(slot) + METADATA);
  }

  /** Returns a copy of the slot's metadata as JSON, empty if it has none. O(bytes) */
  public byte[] metadata(int slot) {
    int block = metadataBlock(slot);
    return block == 0 ? new byte[0] : Bytes.read(memory, block + 4, memory.getInt(block));
  }

  /** Returns the metadata block named by a copy of a slot's record. */
  public int metadataOfRecord(int record) {
    return memory.getInt(record + METADATA);
  }

  /** Makes {@code block} the slot's metadata; the caller frees the block it replaces. */
  public void setMetadataBlock(int slot, int block) {
    memory.putInt(slot(slot) + METADATA, block);
  }

  /** Returns the time of the subject's newest delta in Unix milliseconds. */
  public long newestTime(int subject) {
    return memory.getLong(record(subject) + NEWEST_TIME);
  }

  /** Notes the subject's newest delta. */
  public void setNewest(int subject, long time) {
    int record = record(subject);
    memory.putLong(record + NEWEST_TIME, time);
  }

  /** Adds to the number of live vectors. */
  public void addLive(int change) {
    memory.putInt(root + LIVE, live() + change);
  }

  /**
   * Takes a free slot for an id. The vector, norm and node of the slot are as they were left; a new
   * slot's are zero.
   *
   * @param id address of the id's UTF-8 bytes
   * @param idBytes 1 to 1,024
   * @param hash the id's hash
   * @return the slot
   * @throws DeltaException {@code OUT_OF_MEMORY}; nothing has changed
   */
  public int occupy(int id, int idBytes, int hash) {
    ensureSlot();
    int block = newId(id, idBytes);
    int slot = takeSlot();
    int record = slot(slot);
    memory.putInt(record + HASH, hash);
    memory.putInt(record + ID, block);
    return slot;
  }

  /**
   * Takes a free slot for an id that lies in a grave, and frees the grave.
   *
   * @return the slot
   * @throws DeltaException {@code OUT_OF_MEMORY}; nothing has changed
   */
  public int raise(int subject) {
    ensureSlot();
    int slot = takeSlot();
    memory.copy(record(subject), slot(slot), SLOT_BYTES);
    fillGrave(subject);
    return slot;
  }

  /**
   * Moves a slot's id and history to a grave. The slot stays taken, with its vector and metadata,
   * until {@link #vacate}.
   *
   * @return the grave, as a subject
   * @throws DeltaException {@code OUT_OF_MEMORY}; nothing has changed
   */
  public int bury(int slot) {
    int grave = takeGrave();
    int to = record(grave);
    memory.copy(slot(slot), to, SLOT_BYTES);
    memory.putInt(to + METADATA, 0);
    return grave;
  }

  /**
   * Takes a grave for an id that was never alive here.
   *
   * @return the grave, as a subject
   * @throws DeltaException {@code OUT_OF_MEMORY}; nothing has changed
   */
  public int dig(int id, int idBytes, int hash) {
    int block = newId(id, idBytes);
    int grave;
    try {
      grave = takeGrave();
    } catch (DeltaException e) {
      freeId(block, idBytes);
      throw e;
    }
    int record = record(grave);
    memory.clear(record, SLOT_BYTES);
    memory.putInt(record + HASH, hash);
    memory.putInt(record + ID, block);
    return grave;
  }

  private int takeGrave() {
    int free = memory.getInt(root + FREE_GRAVE);
    int grave = free != 0 ? free - 1 : graveLimit();
    if (!graves.ensure(grave)) {
      throw outOfMemory("a deleted vector's history");
    }
    if (free != 0) {
      memory.putInt(root + FREE_GRAVE, memory.getInt(graves.address(grave) + METADATA));
    } else {
      memory.putInt(root + GRAVE_LIMIT, grave + 1);
    }
    return ~grave;
  }

  private int newId(int id, int idBytes) {
    int block = heap.allocate(idBytes + 2);
    if (block == 0) {
      throw outOfMemory("vector " + (live() + 1L));
    }
    textBytes += idBytes + 2;
    memory.putByte(block, (byte) idBytes);
    memory.putByte(block + 1, (byte) (idBytes >>> 8));
    memory.copy(id, block + 2, idBytes);
    return block;
  }

  private void freeId(int block, int idBytes) {
    textBytes -= idBytes + 2;
    heap.free(block, idBytes + 2);
  }

  /**
   * Gives what a vector's floats were kept as: where they are not, codes and the scale.
   * O(dimensions)
   *
   * @return false if they are not what {@link #store} can have written
   */
  public boolean restoreCodes(int slot) {
    return requireCodes().restoreValues(slot, memory.getFloat(norm(slot)));
  }

  /** Frees a grave with its id. */
  public void forget(int grave) {
    freeId(memory.getInt(record(grave) + ID), idBytes(grave));
    fillGrave(grave);
  }

  /** Frees a slot whose id has gone to a grave, and its metadata. */
  public void vacate(int slot) {
    freeMetadata(metadataBlock(slot));
    freeSlot(slot);
  }

  /** Frees a grave without its id and history, which have gone to a slot. */
  public void fillGrave(int subject) {
    int grave = record(subject);
    memory.clear(grave, SLOT_BYTES);
    memory.putInt(grave + METADATA, memory.getInt(root + FREE_GRAVE));
    memory.putInt(root + FREE_GRAVE, ~subject + 1);
  }

  private void ensureSlot() {
    int free = memory.getInt(root + FREE_SLOT);
    int slot = free != 0 ? free - 1 : slotLimit();
    // Slots come last: their capacity is the image's.
    if (slot == Integer.MAX_VALUE
        || (vectors != null && !vectors.ensure(slot))
        || (codes != null && !codes.ensure(slot))
        || !norms.ensure(slot)
        || !nodes.ensure(slot)
        || !links.ensure(slot)
        || !slots.ensure(slot)) {
      throw outOfMemory("vector " + (live() + 1L));
    }
  }

  private int takeSlot() {
    int free = memory.getInt(root + FREE_SLOT);
    int slot = free != 0 ? free - 1 : slotLimit();
    int record = slot(slot);
    if (free != 0) {
      memory.putInt(root + FREE_SLOT, memory.getInt(record + METADATA));
    } else {
      memory.putInt(root + SLOT_LIMIT, slot + 1);
    }
    memory.clear(record, SLOT_BYTES);
    return slot;
  }

  private void freeSlot(int slot) {
    int record = slot(slot);
    memory.clear(record, SLOT_BYTES);
    memory.putInt(record + METADATA, memory.getInt(root + FREE_SLOT));
    memory.putInt(root + FREE_SLOT, slot + 1);
  }

  /** Gives a slot back, with its id and metadata. */
  public void release(int slot) {
    int record = slot(slot);
    freeId(memory.getInt(record + ID), idBytes(slot));
    freeMetadata(memory.getInt(record + METADATA));
    freeSlot(slot);
  }

  /**
   * Makes a metadata block.
   *
   * @return the block, or 0 for an empty text
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public int newMetadata(byte[] json) {
    if (json.length == 0) {
      return 0;
    }
    int block = heap.allocate(json.length + 4);
    if (block == 0) {
      throw outOfMemory("metadata of " + json.length + " bytes");
    }
    textBytes += json.length + 4;
    memory.putInt(block, json.length);
    Bytes.write(memory, block + 4, json);
    return block;
  }

  /** Frees a block that {@link #newMetadata} gave; 0 does nothing. */
  public void freeMetadata(int block) {
    if (block != 0) {
      int bytes = memory.getInt(block) + 4;
      textBytes -= bytes;
      heap.free(block, bytes);
    }
  }

  /**
   * Returns 1/|v| of a row as a float, or 0 where |v| is zero or the result would not be a normal
   * number.
   */
  public float inverseNorm(int row) {
    float squared = kernels.dot(row, row, stride);
    if (squared >= 1e-30f && squared <= Float.MAX_VALUE) {
      return (float) (1 / Math.sqrt(squared));
    }
    // Out of float's range, or close to its lower end: once more in double.
    double sum = 0;
    for (int i = 0; i < dimensions; i++) {
      double x = memory.getFloat(row + (i << 2));
      sum += x * x;
    }
    double inverse = sum == 0 ? 0 : 1 / Math.sqrt(sum);
    return (float) Math.min(inverse, Float.MAX_VALUE);
  }
}
