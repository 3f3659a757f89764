package dev.deltavec.core.history;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.image.RecordPages;
import dev.deltavec.core.index.Keys;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * The deltas of all vectors, as frames in linear memory.
 *
 * <p>An entry is a block: the address of the entry before it in its vector's chain (0 for none), a
 * word of information, the number of its arrival, and then a delta's frame (identified, not linked)
 * or a checkpoint. Chains are in the order of delta ids, newest first; a checkpoint stands behind
 * (is newer than) the last delta it covers. Bit 31 of the information marks a checkpoint; the lower
 * 31 bits count the deltas since the last one, this included.
 *
 * <p>A checkpoint: its bytes in all, the entry of the checkpoint before it, time (64 bits),
 * sequence, replica (64 bits) of the last delta it covers, whether the vector lives, bytes of
 * metadata, then {@code stride} floats if it lives, and the metadata. A checkpoint with nothing
 * before it is a horizon: history before it was compacted away.
 *
 * <p>Arrivals list the entries of deltas in the order they came, for followers.
 */
public final class DeltaLog {
  /** Bytes of an entry before its frame or checkpoint. */
  static final int ENTRY_HEADER = 12;

  private static final int INFO = 4;
  private static final int ARRIVAL = 8;
  private static final int CHECKPOINT = 1 << 31;

  private static final int MAX_STEP = 1 << 22;

  // Fields of a checkpoint, from the entry.
  private static final int CHECKPOINT_BYTES = ENTRY_HEADER;
  private static final int CHECKPOINT_BEFORE = ENTRY_HEADER + 4;
  private static final int CHECKPOINT_TIME = ENTRY_HEADER + 8;
  private static final int CHECKPOINT_SEQUENCE = ENTRY_HEADER + 16;
  private static final int CHECKPOINT_REPLICA = ENTRY_HEADER + 20;
  private static final int CHECKPOINT_ALIVE = ENTRY_HEADER + 28;
  private static final int CHECKPOINT_METADATA = ENTRY_HEADER + 32;
  private static final int CHECKPOINT_HEADER = ENTRY_HEADER + 36;

  /** Bytes of a checkpoint in a snapshot, before its values. */
  private static final int ARCHIVED_CHECKPOINT = 32;

  private final Image image;
  private final Heap heap;
  private final Memory memory;
  private final RecordPages arrivals;
  private int arrived;

  /** The highest number that a snapshot has given to a delta. */
  private int highest;

  private long bytes;
  private long checkpointBytes;
  private int deltas;
  private int checkpoints;

  // What the batch under way has written over, and what it will free.
  private int[] batchCheckpoints = new int[8];
  private int batchCheckpointCount;
  private int[] overwritten = new int[16];
  private int overwrittenCount;
  private int[] leaving = new int[8];
  private int leavingCount;

  /** An empty log of one image. */
  public DeltaLog(Image image) {
    this.image = image;
    // Its own: it grows with every delta, so in large steps, and none of it lies between the
    // image's pages.
    this.heap = new Heap(image.memory(), MAX_STEP);
    this.memory = image.memory();
    arrivals = new RecordPages(heap, image.root() + Image.ARRIVAL_PAGES, 4, 10);
  }

  /** Returns the bytes of all deltas' entries. */
  public long deltaBytes() {
    return bytes;
  }

  /** Returns the bytes of all checkpoints. */
  public long checkpointBytes() {
    return checkpointBytes;
  }

  /** Returns the bytes that the platform has granted for the log. */
  public long granted() {
    return heap.granted();
  }

  /** Returns the bytes of the log's blocks that are in use. */
  public long used() {
    return heap.used();
  }

  /** Gives all memory back. */
  public void close() {
    heap.close();
  }

  /** Returns the number of deltas in the log. */
  public int deltas() {
    return deltas;
  }

  /** Returns the number of checkpoints. */
  public int checkpoints() {
    return checkpoints;
  }

  /**
   * Returns how many deltas have arrived since the database was made; the next one gets this
   * number.
   */
  public int arrived() {
    return arrived;
  }

  /** Returns the number of a delta's arrival. */
  public int number(int entry) {
    return memory.getInt(entry + ARRIVAL);
  }

  /** Returns the entry of an arrival, 0 if it was compacted away. */
  public int arrival(int number) {
    return memory.getInt(arrivals.address(number));
  }

  // ---------------------------------------------------------------- entries

  /** Returns the entry before one in its chain, 0 for none. */
  public int previous(int entry) {
    return memory.getInt(entry);
  }

  void setPrevious(int entry, int previous) {
    memory.putInt(entry, previous);
  }

  /** Returns whether an entry is a checkpoint. */
  public boolean isCheckpoint(int entry) {
    return memory.getInt(entry + INFO) < 0;
  }

  /**
   * Returns the number of deltas up to this one since the last checkpoint; 0 for a checkpoint and
   * for no entry.
   */
  int sinceCheckpoint(int entry) {
    return entry == 0 ? 0 : memory.getInt(entry + INFO) & ~CHECKPOINT;
  }

  void setSinceCheckpoint(int entry, int n) {
    memory.putInt(entry + INFO, n);
  }

  /** Returns the address of a delta's frame. */
  public int frame(int entry) {
    return entry + ENTRY_HEADER;
  }

  /** Returns the bytes of a delta's frame. */
  public int frameBytes(int entry) {
    return memory.getInt(entry + ENTRY_HEADER) & Frame.MAX_BYTES;
  }

  /** Returns the address of the vector id of a delta. */
  public int id(int entry) {
    int length = entry + ENTRY_HEADER + Frame.HEADER_BYTES;
    return memory.getByte(length) >= 0 ? length + 1 : length + 2;
  }

  /** Returns the bytes of the vector id of a delta. */
  public int idBytes(int entry) {
    int length = entry + ENTRY_HEADER + Frame.HEADER_BYTES;
    int low = memory.getByte(length);
    return low >= 0 ? low : low & 0x7f | memory.getByte(length + 1) << 7;
  }

  /** Returns the address of the delta id of a delta. */
  private int idOf(int entry) {
    return id(entry) + idBytes(entry);
  }

  /** Returns the time of an entry: of the delta, or of the last delta that a checkpoint covers. */
  public long time(int entry) {
    if (isCheckpoint(entry)) {
      return memory.getLong(entry + CHECKPOINT_TIME);
    }
    int id = idOf(entry);
    return Bytes.get48(memory, id);
  }

  /** Returns the sequence of an entry, as {@link #time}. */
  public int sequence(int entry) {
    return isCheckpoint(entry)
        ? memory.getInt(entry + CHECKPOINT_SEQUENCE)
        : memory.getInt(idOf(entry) + 6);
  }

  /** Returns the replica of an entry, as {@link #time}. */
  public long replica(int entry) {
    if (isCheckpoint(entry)) {
      return memory.getLong(entry + CHECKPOINT_REPLICA);
    }
    int id = idOf(entry) + 10;
    return Bytes.get48(memory, id);
  }

  /** Compares an entry's delta id with another id. */
  public int compare(int entry, long time, int sequence, long replica) {
    int byTime = Long.compare(time(entry), time);
    if (byTime != 0) {
      return byTime;
    }
    int bySequence = Integer.compareUnsigned(sequence(entry), sequence);
    return bySequence != 0 ? bySequence : Long.compare(replica(entry), replica);
  }

  /**
   * Returns the checkpoint that is the newest at or before an entry, 0 for none. O(checkpoint
   * interval)
   */
  public int checkpointAt(int entry) {
    int at = entry;
    while (at != 0 && !isCheckpoint(at)) {
      at = previous(at);
    }
    return at;
  }

  /** Returns the checkpoint before a checkpoint, 0 for none. */
  public int checkpointBefore(int checkpoint) {
    return memory.getInt(checkpoint + CHECKPOINT_BEFORE);
  }

  void setCheckpointBefore(int checkpoint, int before) {
    memory.putInt(checkpoint + CHECKPOINT_BEFORE, before);
  }

  /** Returns whether an entry is a horizon. */
  public boolean isHorizon(int entry) {
    return isCheckpoint(entry) && previous(entry) == 0;
  }

  /** Begins a fold with a checkpoint's state, at a row of its own. */
  public void load(int checkpoint, Fold fold, int row) {
    boolean alive = memory.getInt(checkpoint + CHECKPOINT_ALIVE) != 0;
    int json = memory.getInt(checkpoint + CHECKPOINT_METADATA);
    int at = checkpoint + CHECKPOINT_HEADER;
    int rowBytes = image.stride() << 2;
    if (alive) {
      memory.copy(at, row, rowBytes);
      at += rowBytes;
    } else {
      memory.clear(row, rowBytes);
    }
    fold.begin(row, alive, Bytes.read(memory, at, json));
  }

  // ---------------------------------------------------------------- writing

  /** Returns the most bytes that an entry for a delta takes. */
  static int entryBound(int idBytes, int payloadBytes) {
    return ENTRY_HEADER + Frame.HEADER_BYTES + 2 + idBytes + 16 + payloadBytes;
  }

  /**
   * Writes a delta as an entry, not yet in a chain, and notes its arrival.
   *
   * @param delta what was read; its payload and metadata are copied, unless {@code payloadBytes} is
   *     0 or more
   * @param payload the payload to write in place of the delta's own (with its grid), and its
   *     length; or length -1
   * @return the entry
   * @throws DeltaException {@code OUT_OF_MEMORY}; nothing has changed
   */
  public int write(
      FrameReader delta, long time, int sequence, long replica, int payload, int payloadBytes) {
    int idBytes = delta.idBytes();
    boolean own = payloadBytes < 0;
    int from = own ? delta.body() : payload;
    int copied = own ? delta.payloadEnd() - from : payloadBytes;
    int patch =
        delta.metadata() == 0 ? 0 : varintBytes(delta.metadataBytes()) + delta.metadataBytes();
    int length = Frame.HEADER_BYTES + varintBytes(idBytes) + idBytes + 16 + copied + patch;
    if (length > Frame.MAX_BYTES) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "a delta of " + length + " bytes is too long");
    }
    int entry = arrivals.ensure(arrived) ? heap.allocate(ENTRY_HEADER + length) : 0;
    if (entry == 0) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory for the history of a delta");
    }
    int at = entry + ENTRY_HEADER;
    int kind =
        delta.operation()
            | Frame.IDENTIFIED
            | (patch != 0 ? Frame.METADATA : 0)
            | (!own || delta.grid() != 0 ? Frame.GRID : 0);
    int head = Frame.HEADER_BYTES + varintBytes(idBytes) + idBytes;
    if (own && delta.isWhole()) {
      // The usual case, in two copies: up to the id, and behind it.
      memory.copy(delta.id() + idBytes - head, at, head);
      memory.copy(from, at + head + 16, copied + patch);
    } else {
      int id = putVarint(memory, at + Frame.HEADER_BYTES, idBytes);
      memory.copy(delta.id(), id, idBytes);
      memory.copy(from, at + head + 16, copied);
      putPatch(memory, at + head + 16 + copied, delta);
    }
    memory.putInt(at, length | Frame.VERSION << 24);
    memory.putInt(at + 4, 0);
    memory.putByte(at + 8, (byte) kind);
    putId(memory, at + head, time, sequence, replica);
    memory.putInt(entry, 0);
    memory.putInt(entry + INFO, 0);
    memory.putInt(entry + ARRIVAL, arrived);
    memory.putInt(arrivals.address(arrived), entry);
    arrived++;
    bytes += ENTRY_HEADER + length;
    deltas++;
    return entry;
  }

  /** Puts an entry at the newest end of a subject's chain. */
  public void append(int subject, int entry) {
    int head = image.head(subject);
    setPrevious(entry, head);
    setSinceCheckpoint(entry, sinceCheckpoint(head) + 1);
    image.setHead(subject, entry);
  }

  /**
   * Makes a checkpoint that covers an entry. It is in no chain yet.
   *
   * @param row the values, if the vector lives
   * @param json address of the metadata
   * @return the checkpoint, or 0 if memory was refused
   */
  int checkpoint(int covered, int before, boolean alive, int row, int json, int jsonBytes) {
    int rowBytes = alive ? image.stride() << 2 : 0;
    int size = checkpointSize(alive, jsonBytes);
    int entry = heap.allocate(size);
    if (entry == 0) {
      return 0;
    }
    memory.putInt(entry, covered);
    putCheckpoint(
        entry, size, before, time(covered), sequence(covered), replica(covered), alive, jsonBytes);
    if (alive) {
      memory.copy(row, entry + CHECKPOINT_HEADER, rowBytes);
    }
    if (json != 0) {
      memory.copy(json, entry + CHECKPOINT_HEADER + rowBytes, jsonBytes);
    }
    return entry;
  }

  private void putCheckpoint(
      int entry,
      int size,
      int before,
      long time,
      int sequence,
      long replica,
      boolean alive,
      int jsonBytes) {
    memory.putInt(entry + INFO, CHECKPOINT);
    memory.putInt(entry + ARRIVAL, -1);
    memory.putInt(entry + CHECKPOINT_BYTES, size);
    memory.putInt(entry + CHECKPOINT_BEFORE, before);
    memory.putLong(entry + CHECKPOINT_TIME, time);
    memory.putInt(entry + CHECKPOINT_SEQUENCE, sequence);
    memory.putLong(entry + CHECKPOINT_REPLICA, replica);
    memory.putInt(entry + CHECKPOINT_ALIVE, alive ? 1 : 0);
    memory.putInt(entry + CHECKPOINT_METADATA, jsonBytes);
    checkpointBytes += size;
    checkpoints++;
  }

  /**
   * Puts a checkpoint of a live slot's present state at the head of its chain, if memory can be
   * had. Without one, the next delta tries again.
   */
  public void checkpoint(int slot) {
    int head = image.head(slot);
    int metadata = image.metadataBlock(slot);
    int entry =
        checkpoint(
            head,
            checkpointAt(head),
            true,
            image.vector(slot),
            metadata == 0 ? 0 : metadata + 4,
            metadata == 0 ? 0 : memory.getInt(metadata));
    if (entry != 0) {
      image.setHead(slot, entry);
      noteCheckpoint(entry);
    }
  }

  /** Notes a checkpoint that goes if the batch does. */
  void noteCheckpoint(int entry) {
    if (batchCheckpointCount == batchCheckpoints.length) {
      batchCheckpoints = Arrays.copyOf(batchCheckpoints, batchCheckpointCount * 2);
    }
    batchCheckpoints[batchCheckpointCount++] = entry;
  }

  /** Links an entry behind another, so that it can be undone. */
  void relink(int entry, int previous, int since) {
    if (overwrittenCount + 3 > overwritten.length) {
      overwritten = Arrays.copyOf(overwritten, overwritten.length * 2);
    }
    overwritten[overwrittenCount++] = entry;
    overwritten[overwrittenCount++] = previous(entry);
    overwritten[overwrittenCount++] = memory.getInt(entry + INFO);
    setPrevious(entry, previous);
    setSinceCheckpoint(entry, since);
  }

  /** Frees an entry when the batch is made final. */
  void freeOnCommit(int entry) {
    if (leavingCount == leaving.length) {
      leaving = Arrays.copyOf(leaving, leavingCount * 2);
    }
    leaving[leavingCount++] = entry;
  }

  /** Returns whether a slot has had as many deltas since its last checkpoint as there shall be. */
  public boolean isCheckpointDue(int slot, int interval) {
    return sinceCheckpoint(image.head(slot)) >= interval;
  }

  /** Makes what was written since the last commit final. */
  public void commit() {
    while (leavingCount > 0) {
      free(leaving[--leavingCount]);
    }
    batchCheckpointCount = 0;
    overwrittenCount = 0;
  }

  /**
   * Frees what was written since arrival {@code number} and the last commit; heads are the caller's
   * to put back.
   */
  public void rollBack(int number) {
    while (overwrittenCount > 0) {
      memory.putInt(overwritten[overwrittenCount - 3] + INFO, overwritten[overwrittenCount - 1]);
      setPrevious(overwritten[overwrittenCount - 3], overwritten[overwrittenCount - 2]);
      overwrittenCount -= 3;
    }
    leavingCount = 0;
    while (batchCheckpointCount > 0) {
      free(batchCheckpoints[--batchCheckpointCount]);
    }
    while (arrived > number) {
      free(arrival(arrived - 1));
      arrived--;
    }
  }

  /** Returns the bytes of an entry in all. */
  public int entryBytes(int entry) {
    return isCheckpoint(entry)
        ? memory.getInt(entry + CHECKPOINT_BYTES)
        : ENTRY_HEADER + frameBytes(entry);
  }

  /** Returns the bytes that a checkpoint takes. */
  int checkpointSize(boolean alive, int jsonBytes) {
    return CHECKPOINT_HEADER + (alive ? image.stride() << 2 : 0) + jsonBytes;
  }

  /** Fills in the metadata of a checkpoint that was made without its text. */
  void setCheckpointMetadata(int checkpoint, byte[] json) {
    int at = checkpoint + memory.getInt(checkpoint + CHECKPOINT_BYTES) - json.length;
    Bytes.write(memory, at, json);
  }

  // ---------------------------------------------------------------- snapshots

  /** Returns the bytes that {@link #archive} writes. */
  public int archivedBytes(int entry) {
    int padding = isCheckpoint(entry) && isAlive(entry) ? image.stride() - image.dimensions() : 0;
    return entryBytes(entry) - (isCheckpoint(entry) ? 16 : 8) - (padding << 2);
  }

  private boolean isAlive(int checkpoint) {
    return memory.getInt(checkpoint + CHECKPOINT_ALIVE) != 0;
  }

  /** Writes an entry as a snapshot holds it, and returns the address behind it. */
  public int archive(int entry, int to) {
    memory.putInt(to, number(entry));
    if (!isCheckpoint(entry)) {
      int length = frameBytes(entry);
      memory.copy(frame(entry), to + 4, length);
      return to + 4 + length;
    }
    int json = memory.getInt(entry + CHECKPOINT_METADATA);
    memory.putInt(to + 4, isAlive(entry) ? 1 : 0);
    memory.putInt(to + 8, json);
    memory.putInt(to + 12, memory.getInt(entry + CHECKPOINT_SEQUENCE));
    memory.putLong(to + 16, memory.getLong(entry + CHECKPOINT_TIME));
    memory.putLong(to + 24, memory.getLong(entry + CHECKPOINT_REPLICA));
    int at = to + ARCHIVED_CHECKPOINT;
    int from = entry + CHECKPOINT_HEADER;
    if (isAlive(entry)) {
      memory.copy(from, at, image.dimensions() << 2);
      at += image.dimensions() << 2;
      from += image.stride() << 2;
    }
    memory.copy(from, at, json);
    return at + json;
  }

  /**
   * Puts a delta of a snapshot, which was checked, at the newest end of a chain.
   *
   * @param number of its arrival, to be {@link #arrange arranged}
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  void restoreDelta(int subject, int frame, int length, int number) {
    int entry = take(ENTRY_HEADER + length);
    memory.copy(frame, entry + ENTRY_HEADER, length);
    memory.putInt(entry + ARRIVAL, number);
    highest = Math.max(highest, number);
    append(subject, entry);
    bytes += ENTRY_HEADER + length;
    deltas++;
  }

  /**
   * Puts a checkpoint of a snapshot at the newest end of a chain, whose newest delta it covers; of
   * a chain without any it is the horizon.
   *
   * @param at its address; its lengths were checked
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public void restoreCheckpoint(int subject, int at) {
    boolean alive = memory.getInt(at + 4) != 0;
    int json = memory.getInt(at + 8);
    int size = checkpointSize(alive, json);
    int entry = take(size);
    int head = image.head(subject);
    memory.putInt(entry, head);
    putCheckpoint(
        entry,
        size,
        checkpointAt(head),
        memory.getLong(at + 16),
        memory.getInt(at + 12),
        memory.getLong(at + 24),
        alive,
        json);
    int from = at + ARCHIVED_CHECKPOINT;
    int to = entry + CHECKPOINT_HEADER;
    if (alive) {
      int floats = image.dimensions() << 2;
      memory.copy(from, to, floats);
      memory.clear(to + floats, (image.stride() << 2) - floats);
      from += floats;
      to += image.stride() << 2;
    }
    memory.copy(from, to, json);
    image.setHead(subject, entry);
  }

  /**
   * Makes a horizon at a live slot's present state, behind which nothing is known.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public void restoreHorizon(int slot, long time, int sequence, long replica) {
    int metadata = image.metadataBlock(slot);
    int json = metadata == 0 ? 0 : memory.getInt(metadata);
    int size = checkpointSize(true, json);
    int entry = take(size);
    memory.putInt(entry, 0);
    putCheckpoint(entry, size, 0, time, sequence, replica, true, json);
    memory.copy(image.vector(slot), entry + CHECKPOINT_HEADER, image.stride() << 2);
    memory.copy(metadata + 4, entry + size - json, json);
    image.setHead(slot, entry);
  }

  private int take(int size) {
    int entry = heap.allocate(size);
    if (entry == 0) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory for a history");
    }
    return entry;
  }

  /** Frees all entries of a chain of a snapshot that is not {@link #arrange arranged} yet. */
  public void drop(int subject) {
    for (int entry = image.head(subject); entry != 0; ) {
      int before = previous(entry);
      int size = entryBytes(entry);
      if (isCheckpoint(entry)) {
        checkpointBytes -= size;
        checkpoints--;
      } else {
        bytes -= size;
        deltas--;
      }
      heap.free(entry, size);
      entry = before;
    }
    image.setHead(subject, 0);
  }

  /**
   * Lists the deltas of restored chains in the order of their arrival, and numbers them anew from
   * 0: what was compacted away leaves no gap. O(deltas log deltas)
   *
   * @return false if two have the same number; then the log is of no use
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public boolean arrange() {
    boolean dense = highest < 4L * deltas + 1024;
    long[] order = new long[dense ? 0 : deltas];
    if (!arrivals.ensure(dense ? highest : deltas)) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory for a history");
    }
    int n = 0;
    for (int slot = -image.graveLimit(), limit = image.slotLimit(); slot < limit; slot++) {
      for (int entry = image.head(slot); entry != 0; entry = previous(entry)) {
        if (isCheckpoint(entry)) {
          continue;
        }
        int number = number(entry);
        if (!dense) {
          order[n++] = (long) number << 32 | entry & 0xffff_ffffL;
        } else if (arrival(number) != 0) {
          return false;
        } else {
          memory.putInt(arrivals.address(number), entry);
        }
      }
    }
    Keys.sort(order, n);
    for (int i = 1; i < n; i++) {
      if (order[i] >>> 32 == order[i - 1] >>> 32) {
        return false;
      }
    }
    int most = dense ? highest + 1 : n;
    for (int i = 0; i < most; i++) {
      int entry = dense ? arrival(i) : (int) order[i];
      if (entry != 0) {
        memory.putInt(arrivals.address(i), 0);
        memory.putInt(arrivals.address(arrived), entry);
        memory.putInt(entry + ARRIVAL, arrived++);
      }
    }
    return true;
  }

  /** Frees an entry that is in no chain any more. */
  void free(int entry) {
    if (isCheckpoint(entry)) {
      int size = memory.getInt(entry + CHECKPOINT_BYTES);
      checkpointBytes -= size;
      checkpoints--;
      heap.free(entry, size);
      return;
    }
    int size = ENTRY_HEADER + frameBytes(entry);
    memory.putInt(arrivals.address(memory.getInt(entry + ARRIVAL)), 0);
    bytes -= size;
    deltas--;
    heap.free(entry, size);
  }

  // ---------------------------------------------------------------- numbers

  /** Returns the bytes of a varint. */
  public static int varintBytes(int value) {
    int bytes = 1;
    for (int rest = value >>> 7; rest != 0; rest >>>= 7) {
      bytes++;
    }
    return bytes;
  }

  /** Writes a varint and returns the address behind it. */
  public static int putVarint(Memory memory, int address, long value) {
    int at = address;
    long rest = value;
    for (; rest >>> 7 != 0; rest >>>= 7) {
      memory.putByte(at++, (byte) (rest & 0x7f | 0x80));
    }
    memory.putByte(at, (byte) rest);
    return at + 1;
  }

  /**
   * Writes the length and the text of a delta's merge patch, if it has one, and returns the address
   * behind them.
   */
  public static int putPatch(Memory memory, int address, FrameReader delta) {
    if (delta.metadata() == 0) {
      return address;
    }
    int at = putVarint(memory, address, delta.metadataBytes());
    memory.copy(delta.metadata(), at, delta.metadataBytes());
    return at + delta.metadataBytes();
  }

  /**
   * Writes a delta id (time 6 bytes, sequence 4, replica 6, little-endian) and returns the address
   * behind it.
   */
  public static int putId(Memory memory, int address, long time, int sequence, long replica) {
    Bytes.put48(memory, address, time);
    memory.putInt(address + 6, sequence);
    Bytes.put48(memory, address + 10, replica);
    return address + 16;
  }
}
