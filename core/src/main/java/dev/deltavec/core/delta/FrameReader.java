package dev.deltavec.core.delta;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.history.Rice;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * Reads frames in linear memory: checks one frame's structure and sets the fields to what was
 * found. It trusts nothing: every length is checked against what is left before it is used. One
 * reader is used for frame after frame; reading allocates nothing, but for the dictionaries of
 * linked frames.
 *
 * <p>Checked here: the structure, checksums of sealed frames, well-formed ids, ascending indices.
 * Not checked here: what depends on the database (dimensions, grid, existence), finite floats, the
 * text of the metadata.
 */
public final class FrameReader {
  private final Memory memory;
  private final Rice rice;

  /** Where the frame's batch begins, for offsets in messages. */
  private int origin;

  private int at;
  private int end;

  private int operation;
  private int id;
  private int idBytes;
  private long time;
  private int sequence;
  private long replica;
  private int grid;
  private int body;
  private int count;
  private int indices;
  private int lastIndex;
  private int values;
  private int payloadEnd;
  private boolean whole;
  private int metadata;
  private int metadataBytes;

  // What linked frames refer to.
  private int[] knownIds = new int[0];
  private int[] knownIdBytes = new int[0];
  private int knownIdCount;
  private int[] knownPatches = new int[0];
  private int[] knownPatchBytes = new int[0];
  private int knownPatchCount;
  private long[] knownReplicas = new long[4];
  private int[] knownSequences = new int[4];
  private int knownReplicaCount;
  private long knownTime;

  /**
   * A reader of frames in one memory.
   *
   * @param memory where the frames are
   */
  public FrameReader(Memory memory) {
    this.memory = memory;
    rice = new Rice(memory);
  }

  /**
   * Returns the operation, {@link Frame#CREATE} to {@link Frame#DELETE}; {@link Frame#START} for no
   * delta.
   */
  public int operation() {
    return operation;
  }

  /** Returns the address of the vector id's UTF-8 bytes. */
  public int id() {
    return id;
  }

  /** Returns the length of the vector id, 1 to {@value Frame#MAX_ID_BYTES} bytes. */
  public int idBytes() {
    return idBytes;
  }

  /** Returns the time in Unix milliseconds, given or of the delta's id; -1 if there is none. */
  public long time() {
    return time;
  }

  /** Returns the sequence of the delta's id, if it has one. */
  public int sequence() {
    return sequence;
  }

  /** Returns the replica of the delta's id, if it has one. */
  public long replica() {
    return replica;
  }

  /** Returns the steps of the grid to 1, 0 for floats. */
  public int grid() {
    return grid;
  }

  /** Returns the address of the payload. */
  public int body() {
    return body;
  }

  /**
   * Returns the number of values of a create, sparse or dense; 1 for scale and offset; 0 for
   * delete.
   */
  public int count() {
    return count;
  }

  /** Returns the last index of a sparse or runs that has any, unsigned. */
  public int lastIndex() {
    return lastIndex;
  }

  /** Returns the address of the values: floats of any alignment, or Rice codes on a grid. */
  public int values() {
    return values;
  }

  /**
   * Returns whether the frame is not linked: its id stands behind its header, its patch behind its
   * payload.
   */
  public boolean isWhole() {
    return whole;
  }

  /** Returns the address behind the payload. */
  public int payloadEnd() {
    return payloadEnd;
  }

  /** Returns the address of the merge patch, 0 if there is none. */
  public int metadata() {
    return metadata;
  }

  /** Returns the length of the merge patch in bytes. */
  public int metadataBytes() {
    return metadataBytes;
  }

  /** Returns the address behind the frame. */
  public int end() {
    return end;
  }

  /**
   * Reads one frame of the local door: without an id, not sealed.
   *
   * @param batch address of the first frame of the batch; offsets in messages count from it
   * @param frame address of the frame
   * @param limit address behind the last byte that may be read
   * @throws DeltaException {@code CORRUPT_DATA} with the byte offset, or {@code
   *     UNSUPPORTED_VERSION}
   */
  public void read(int batch, int frame, int limit) {
    int kind = readHeader(batch, frame, limit);
    if (operation == Frame.START || (kind & (Frame.IDENTIFIED | Frame.SEALED | Frame.GRID)) != 0) {
      throw badKind(kind);
    }
    readLocal(kind);
  }

  /**
   * Reads one frame of the log: with an id, not linked, sealed or not; the log is trusted to hold
   * whole frames.
   *
   * @param frame address of the frame
   */
  public void readLogged(int frame) {
    int kind = readHeader(frame, frame, frame + (memory.getInt(frame) & Frame.MAX_BYTES));
    readId();
    readDeltaId();
    readRest(kind);
  }

  /**
   * Reads a frame as {@link #readLogged} does, but one that comes from outside; arguments and
   * errors as {@link #read}.
   */
  public void readArchived(int batch, int frame, int limit) {
    int kind = readHeader(batch, frame, limit);
    if (operation == Frame.START || (kind & (Frame.LINKED | Frame.SEALED)) != Frame.IDENTIFIED) {
      throw badKind(kind);
    }
    readId();
    readDeltaId();
    readRest(kind);
  }

  /** Begins a stream of shared frames: nothing is known that linked frames could refer to. */
  public void begin() {
    knownIdCount = 0;
    knownPatchCount = 0;
    knownReplicaCount = 0;
    knownTime = 0;
  }

  /**
   * Reads the next frame of a stream from outside: sealed, with an id, linked or not; arguments and
   * errors as {@link #read}. A frame whose {@link #operation} is {@link Frame#START} carries no
   * delta.
   *
   * @param kernels what computes the checksum
   */
  public void readShared(Kernels kernels, int batch, int frame, int limit) {
    int kind = readSealed(kernels, batch, frame, limit);
    if (operation == Frame.START) {
      if (kind != Frame.SEALED || at != end) {
        throw badKind(kind);
      }
      begin();
      return;
    }
    if ((kind & Frame.LINKED) == Frame.LINKED) {
      readLinks();
    } else if ((kind & Frame.IDENTIFIED) != 0) {
      readId();
      readDeltaId();
    } else {
      throw badKind(kind);
    }
    readRest(kind);
  }

  /**
   * Reads one frame of the local door that comes from outside: without an id, sealed; arguments and
   * errors as {@link #readShared}.
   */
  public void readSent(Kernels kernels, int batch, int frame, int limit) {
    int kind = readSealed(kernels, batch, frame, limit);
    if (operation == Frame.START || (kind & (Frame.IDENTIFIED | Frame.GRID)) != 0) {
      throw badKind(kind);
    }
    readLocal(kind);
  }

  private void readLocal(int kind) {
    readId();
    time = (kind & Frame.TIMED) != 0 ? time(take(6)) : -1;
    readRest(kind);
  }

  private int readSealed(Kernels kernels, int batch, int frame, int limit) {
    int kind = readHeader(batch, frame, limit);
    if ((kind & Frame.SEALED) == 0
        || memory.getInt(frame + 4) != kernels.crc32c(0, frame + 8, end - frame - 8)) {
      at = frame;
      throw corrupt("the checksum does not fit");
    }
    return kind;
  }

  private int readHeader(int batch, int frame, int limit) {
    origin = batch;
    at = frame;
    int left = limit - frame;
    if (Integer.compareUnsigned(left, Frame.HEADER_BYTES) < 0) {
      throw corrupt("the frame is cut off");
    }
    int first = memory.getInt(frame);
    int length = first & Frame.MAX_BYTES;
    int version = first >>> 24;
    if (version != Frame.VERSION) {
      throw new DeltaException(
          ErrorCode.UNSUPPORTED_VERSION,
          "frame at byte " + offset() + " has version " + version + "; this release reads 1");
    }
    if (length < Frame.HEADER_BYTES || Integer.compareUnsigned(length, left) > 0) {
      throw corrupt("the frame's length " + length + " does not fit");
    }
    end = frame + length;
    at = frame + Frame.HEADER_BYTES;
    int kind = memory.getByte(frame + 8) & 0xff;
    operation = kind & Frame.OPERATION_MASK;
    return kind;
  }

  private DeltaException badKind(int kind) {
    at--; // the byte behind which the header ends
    return corrupt("unknown operation or flags " + kind);
  }

  private void readDeltaId() {
    int bytes = take(16);
    time = time(bytes);
    sequence = memory.getInt(bytes + 6);
    replica = time(bytes + 10);
  }

  private long time(int address) {
    return Bytes.get48(memory, address);
  }

  private void readLinks() {
    int reference = varint();
    if (reference == 0) {
      readId();
      know(id, idBytes);
    } else if (Integer.compareUnsigned(reference, knownIdCount) <= 0) {
      id = knownIds[reference - 1];
      idBytes = knownIdBytes[reference - 1];
    } else {
      throw corrupt(
          "a frame refers to id " + Integer.toUnsignedLong(reference) + " of " + knownIdCount);
    }
    int which = varint();
    if (which == 0) {
      if (knownReplicaCount == knownReplicas.length) {
        knownReplicas = Arrays.copyOf(knownReplicas, knownReplicaCount * 2);
        knownSequences = Arrays.copyOf(knownSequences, knownReplicaCount * 2);
      }
      knownReplicas[knownReplicaCount] = time(take(6));
      knownSequences[knownReplicaCount] = 0;
      which = ++knownReplicaCount;
    } else if (Integer.compareUnsigned(which, knownReplicaCount) > 0) {
      throw corrupt(
          "a frame refers to replica "
              + Integer.toUnsignedLong(which)
              + " of "
              + knownReplicaCount);
    }
    replica = knownReplicas[which - 1];
    sequence = knownSequences[which - 1] + 1 + unzigzag(varint());
    knownSequences[which - 1] = sequence;
    long step = varlong();
    time = knownTime + (step >>> 1 ^ -(step & 1));
    if (time < 0 || time >= Frame.TIME_LIMIT) {
      throw corrupt("a time has over 48 bits");
    }
    knownTime = time;
  }

  private void know(int newId, int bytes) {
    if (knownIdCount == knownIds.length) {
      int room = Math.max(16, knownIdCount * 2);
      knownIds = Arrays.copyOf(knownIds, room);
      knownIdBytes = Arrays.copyOf(knownIdBytes, room);
    }
    knownIds[knownIdCount] = newId;
    knownIdBytes[knownIdCount++] = bytes;
  }

  private static int unzigzag(int code) {
    return code >>> 1 ^ -(code & 1);
  }

  private void readRest(int kind) {
    whole = (kind & Frame.LINKED) != Frame.LINKED;
    body = at;
    grid = 0;
    if ((kind & Frame.GRID) != 0) {
      grid = varint();
      if (grid < 1 || grid > Frame.MAX_GRID) {
        throw corrupt("a grid of " + Integer.toUnsignedLong(grid));
      }
    }
    readPayload();
    payloadEnd = at;
    metadata = 0;
    metadataBytes = 0;
    if ((kind & Frame.METADATA) != 0) {
      readPatch((kind & Frame.LINKED) == Frame.LINKED);
    }
    if (at != end) {
      throw corrupt((end - at) + " bytes are left over");
    }
  }

  private void readPatch(boolean linked) {
    metadataBytes = varint();
    if (metadataBytes != 0 || !linked) {
      metadata = take(metadataBytes);
      if (linked && metadataBytes <= Frame.MAX_SHARED_PATCH_BYTES) {
        if (knownPatchCount == knownPatches.length) {
          int room = Math.max(16, knownPatchCount * 2);
          knownPatches = Arrays.copyOf(knownPatches, room);
          knownPatchBytes = Arrays.copyOf(knownPatchBytes, room);
        }
        knownPatches[knownPatchCount] = metadata;
        knownPatchBytes[knownPatchCount++] = metadataBytes;
      }
      return;
    }
    int reference = varint();
    if (reference == 0 || Integer.compareUnsigned(reference, knownPatchCount) > 0) {
      throw corrupt(
          "a frame refers to patch "
              + Integer.toUnsignedLong(reference)
              + " of "
              + knownPatchCount);
    }
    metadata = knownPatches[reference - 1];
    metadataBytes = knownPatchBytes[reference - 1];
  }

  private void readPayload() {
    count = 0;
    switch (operation) {
      case Frame.CREATE, Frame.DENSE -> {
        count = varint();
        takeValues();
      }
      case Frame.SPARSE -> readGaps();
      case Frame.RUNS -> readRuns();
      case Frame.SCALE, Frame.OFFSET -> {
        count = 1;
        values = takeFloats(1);
      }
      default -> {
        // delete has no payload
      }
    }
  }

  private void readGaps() {
    count = varint();
    indices = at;
    if (Integer.compareUnsigned(count, left()) > 0) {
      throw corrupt("a sparse delta of " + Integer.toUnsignedLong(count) + " indices does not fit");
    }
    long index = -1;
    for (int i = 0; i < count; i++) {
      // Nearly all gaps have one byte.
      int gap = at < end ? memory.getByte(at) : -1;
      if (gap >= 0) {
        at++;
        index += gap + 1;
      } else {
        index += (varint() & 0xffff_ffffL) + 1;
        checkIndex(index);
      }
    }
    checkIndex(index);
    lastIndex = (int) index;
    takeValues();
  }

  private void readRuns() {
    int runs = varint();
    indices = at;
    if (Integer.compareUnsigned(runs, left()) > 0) {
      throw corrupt(Integer.toUnsignedLong(runs) + " runs do not fit");
    }
    long index = -1;
    long sum = 0;
    for (int i = 0; i < runs; i++) {
      index += (varint() & 0xffff_ffffL) + 1;
      long more = varint() & 0xffff_ffffL;
      index += more;
      sum += more + 1;
      checkIndex(index);
    }
    lastIndex = (int) index;
    // A float takes four bytes, but a code on a grid as little as a bit.
    if (sum > 8L * left()) {
      throw corrupt(sum + " values do not fit");
    }
    count = (int) sum;
    takeValues();
  }

  private void checkIndex(long index) {
    if (index > 0xffff_ffffL) {
      throw corrupt("an index is over 32 bits");
    }
  }

  /**
   * Decodes the indices of a sparse or runs that was read.
   *
   * @param target address of room for {@link #count} 32-bit integers, unsigned and ascending
   */
  public void decodeIndices(int target) {
    boolean runs = operation == Frame.RUNS;
    int p = indices;
    int index = -1;
    for (int i = 0; i < count; ) {
      int b = memory.getByte(p++);
      int gap = b & 0x7f;
      for (int bits = 7; b < 0; bits += 7) {
        b = memory.getByte(p++);
        gap |= (b & 0x7f) << bits;
      }
      index += gap + 1;
      memory.putInt(target + (i++ << 2), index);
      if (runs) {
        b = memory.getByte(p++);
        int more = b & 0x7f;
        for (int bits = 7; b < 0; bits += 7) {
          b = memory.getByte(p++);
          more |= (b & 0x7f) << bits;
        }
        for (; more > 0; more--) {
          memory.putInt(target + (i++ << 2), ++index);
        }
      }
    }
  }

  /**
   * Decodes the integers of a create, sparse or dense on a grid that was read.
   *
   * @param target address of room for {@link #count} 32-bit integers
   */
  public void decodeCodes(int target) {
    rice.read(values, end, count, target);
  }

  private void readId() {
    idBytes = varint();
    if (idBytes < 1 || idBytes > Frame.MAX_ID_BYTES) {
      throw corrupt("an id of " + Integer.toUnsignedLong(idBytes) + " bytes");
    }
    id = take(idBytes);
    int bad = Utf8.firstMalformed(memory, id, idBytes);
    if (bad >= 0) {
      at = id + bad;
      throw corrupt("an id is not well-formed UTF-8");
    }
  }

  private int left() {
    return end - at;
  }

  private void takeValues() {
    if (grid == 0) {
      values = takeFloats(count);
      return;
    }
    values = at;
    if (count == 0) {
      return;
    }
    // Every code takes a bit at least, so the count is bounded by what is left.
    int behind = count < 0 || count >>> 3 > left() ? 0 : rice.read(at, end, count, 0);
    if (behind == 0) {
      throw corrupt("Rice codes are malformed");
    }
    at = behind;
  }

  private int takeFloats(int n) {
    if (Integer.compareUnsigned(n, left() >>> 2) > 0) {
      throw corrupt(Integer.toUnsignedLong(n) + " floats do not fit");
    }
    return take(n << 2);
  }

  private int take(int bytes) {
    if (Integer.compareUnsigned(bytes, left()) > 0) {
      throw corrupt(Integer.toUnsignedLong(bytes) + " bytes do not fit");
    }
    int start = at;
    at += bytes;
    return start;
  }

  private int varint() {
    int value = 0;
    for (int bits = 0; bits <= 28; bits += 7) {
      if (at == end) {
        throw corrupt("a number is cut off");
      }
      int b = memory.getByte(at++);
      value |= (b & 0x7f) << bits;
      if (b >= 0) {
        if ((bits > 0 && b == 0) || (bits == 28 && b > 15)) {
          break;
        }
        return value;
      }
    }
    throw corrupt("a number is not in its one form");
  }

  private long varlong() {
    long value = 0;
    for (int bits = 0; bits <= 49; bits += 7) {
      if (at == end) {
        throw corrupt("a number is cut off");
      }
      int b = memory.getByte(at++);
      value |= (b & 0x7fL) << bits;
      if (b >= 0) {
        if (bits > 0 && b == 0) {
          break;
        }
        return value;
      }
    }
    throw corrupt("a number is not in its one form");
  }

  private long offset() {
    return Integer.toUnsignedLong(at - origin);
  }

  private DeltaException corrupt(String what) {
    return new DeltaException(ErrorCode.CORRUPT_DATA, "at byte " + offset() + ": " + what);
  }
}
