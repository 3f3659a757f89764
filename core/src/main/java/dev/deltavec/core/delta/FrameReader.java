package dev.deltavec.core.delta;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.memory.Memory;

/**
 * Reads frames in linear memory: {@link #read} checks one frame's structure and sets the fields to
 * what was found. It trusts nothing: every length is checked against what is left before it is
 * used. One reader is used for frame after frame and allocates nothing.
 *
 * <p>Checked here: the structure, well-formed ids, ascending indices. Not checked here: what
 * depends on the database (dimensions, existence), finite floats, the text of the metadata.
 */
public final class FrameReader {
  private final Memory memory;

  /** Where the frame's batch begins, for offsets in messages. */
  private int origin;

  private int at;
  private int end;

  private int operation;
  private int id;
  private int idBytes;
  private long time;
  private int count;
  private int indices;
  private int values;
  private int metadata;
  private int metadataBytes;

  /**
   * A reader of frames in one memory.
   *
   * @param memory where the frames are
   */
  public FrameReader(Memory memory) {
    this.memory = memory;
  }

  /** Returns the operation, {@link Frame#CREATE} to {@link Frame#DELETE}. */
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

  /** Returns the given time in Unix milliseconds, or -1 if none was given. */
  public long time() {
    return time;
  }

  /**
   * Returns the number of floats of a create, sparse or dense; 1 for scale and offset; 0 for
   * delete.
   */
  public int count() {
    return count;
  }

  /** Returns the address of the first varint of a sparse's indices. */
  public int indices() {
    return indices;
  }

  /** Returns the address of the floats, any alignment. */
  public int values() {
    return values;
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
   * Reads one frame of the local door.
   *
   * @param batch address of the first frame of the batch; offsets in messages count from it
   * @param frame address of the frame
   * @param limit address behind the last byte that may be read
   * @throws DeltaException {@code CORRUPT_DATA} with the byte offset, or {@code
   *     UNSUPPORTED_VERSION}
   */
  public void read(int batch, int frame, int limit) {
    origin = batch;
    at = frame;
    int left = limit - frame;
    if (Integer.compareUnsigned(left, Frame.HEADER_BYTES + 2) < 0) {
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
    if (length < Frame.HEADER_BYTES + 2 || Integer.compareUnsigned(length, left) > 0) {
      throw corrupt("the frame's length " + length + " does not fit");
    }
    end = frame + length;
    int kind = memory.getByte(frame + 8) & 0xff;
    operation = kind & Frame.OPERATION_MASK;
    if (operation == 0
        || operation == 7
        || (kind & ~(Frame.OPERATION_MASK | Frame.TIMED | Frame.METADATA)) != 0) {
      at = frame + 8;
      throw corrupt("unknown operation or flags " + kind);
    }
    at = frame + Frame.HEADER_BYTES;
    readId();
    time = -1;
    if ((kind & Frame.TIMED) != 0) {
      int t = take(6);
      time =
          memory.getInt(t) & 0xffff_ffffL
              | (long) (memory.getByte(t + 4) & 0xff) << 32
              | (long) (memory.getByte(t + 5) & 0xff) << 40;
    }
    readPayload();
    metadata = 0;
    metadataBytes = 0;
    if ((kind & Frame.METADATA) != 0) {
      metadataBytes = varint();
      metadata = take(metadataBytes);
    }
    if (at != end) {
      throw corrupt((end - at) + " bytes are left over");
    }
  }

  private void readPayload() {
    count = 0;
    switch (operation) {
      case Frame.CREATE, Frame.DENSE -> {
        count = varint();
        values = takeFloats(count);
      }
      case Frame.SPARSE -> readSparse();
      case Frame.SCALE, Frame.OFFSET -> {
        count = 1;
        values = takeFloats(1);
      }
      default -> {
        // delete has no payload
      }
    }
  }

  private void readSparse() {
    count = varint();
    indices = at;
    if (Integer.compareUnsigned(count, left()) > 0) {
      throw corrupt(
          "a sparse delta of " + Integer.toUnsignedString(count) + " indices does not fit");
    }
    long index = -1;
    for (int i = 0; i < count; i++) {
      index += (varint() & 0xffff_ffffL) + 1;
      if (index > 0xffff_ffffL) {
        throw corrupt("an index is over 32 bits");
      }
    }
    values = takeFloats(count);
  }

  /**
   * Decodes the sparse indices that {@link #read} has checked.
   *
   * @param target address of room for {@link #count} 32-bit integers, unsigned and ascending
   */
  public void decodeIndices(int target) {
    int p = indices;
    int index = -1;
    for (int i = 0; i < count; i++) {
      int b = memory.getByte(p++);
      int gap = b & 0x7f;
      for (int bits = 7; b < 0; bits += 7) {
        b = memory.getByte(p++);
        gap |= (b & 0x7f) << bits;
      }
      index += gap + 1;
      memory.putInt(target + (i << 2), index);
    }
  }

  private void readId() {
    idBytes = varint();
    if (idBytes < 1 || idBytes > Frame.MAX_ID_BYTES) {
      throw corrupt("an id of " + Integer.toUnsignedString(idBytes) + " bytes");
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

  private int takeFloats(int n) {
    if (Integer.compareUnsigned(n, left() >>> 2) > 0) {
      throw corrupt(Integer.toUnsignedString(n) + " floats do not fit");
    }
    return take(n << 2);
  }

  private int take(int bytes) {
    if (Integer.compareUnsigned(bytes, left()) > 0) {
      throw corrupt(Integer.toUnsignedString(bytes) + " bytes do not fit");
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

  private String offset() {
    return Integer.toUnsignedString(at - origin);
  }

  private DeltaException corrupt(String what) {
    return new DeltaException(ErrorCode.CORRUPT_DATA, "at byte " + offset() + ": " + what);
  }
}
