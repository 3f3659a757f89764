package dev.deltavec.component;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.wasm.LinearMemory;
import org.jspecify.annotations.Nullable;

/**
 * Writes the deltas of one call as frames into the arena, and applies them. What frames cannot say
 * (an id that is too long, a time beyond 48 bits, an index that is repeated) is refused here;
 * everything else is the core's business. Allocates nothing, but for errors.
 *
 * <p>A delta that is refused here is noted, not thrown: the core may have to refuse one before it,
 * and the error of a batch is that of the first delta that cannot be applied.
 *
 * <p>In both worlds a delta begins with the same 28 bytes: address and length of the vector's id,
 * the operation's number (a byte), and four words of its payload: address and length of its values;
 * or of its indices and of its values; or the bits of a float.
 */
final class FrameWriter {
  private static final int ID = 0;
  private static final int ID_BYTES = 4;
  private static final int OPERATION = 8;
  private static final int PAYLOAD = 12;
  private static final int COUNT = 16;
  private static final int VALUES = 20;
  private static final int VALUE_COUNT = 24;

  /** The operations' numbers, which are those of frames less 1. */
  private static final int CREATE = 0;

  private static final int SPARSE = 1;
  private static final int DENSE = 2;
  private static final int DELETE = 5;

  /** What all but id, values and patch take at most: header, three lengths, the time. */
  private static final int FIXED_BYTES = Frame.HEADER_BYTES + 2 + 6 + 5 + 4;

  private static final LinearMemory MEMORY = Guest.MEMORY;

  private final IndexWriter indices = new IndexWriter(MEMORY);
  private boolean compression;
  private long room;
  private int start;
  private int at;
  private int count;
  private @Nullable DeltaException refused;

  /**
   * Begins a batch: each delta is {@link #measure measured}, then {@link #begin room is taken},
   * then each is {@link #append written}, then all are {@link #apply applied}.
   *
   * @param runs whether indices are written as runs where that is shorter
   */
  void clear(boolean runs) {
    compression = runs;
    room = 0;
    count = 0;
    refused = null;
  }

  /**
   * Adds what a delta needs to the room that will be taken.
   *
   * @param delta its address
   * @param patchBytes length of its merge patch, unsigned, 0 for none
   */
  void measure(int delta, int patchBytes) {
    int operation = MEMORY.getByte(delta + OPERATION);
    int each = operation == SPARSE ? 9 : operation == CREATE || operation == DENSE ? 4 : 0;
    room +=
        FIXED_BYTES
            + least(MEMORY.getInt(delta + ID_BYTES), Frame.MAX_ID_BYTES)
            + (long) each * least(MEMORY.getInt(delta + COUNT), DatabaseOptions.MAX_DIMENSIONS)
            + least(patchBytes, Database.MAX_METADATA_BYTES);
  }

  private static int least(int unsigned, int most) {
    return Integer.compareUnsigned(unsigned, most) < 0 ? unsigned : most;
  }

  /**
   * Takes memory for what was measured.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  void begin() {
    if (room > Integer.MAX_VALUE) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY, "no memory for a batch of " + room + " bytes");
    }
    start = Guest.ARENA.take((int) room, 16);
    at = start;
  }

  /**
   * Writes a delta behind those before it. O(bytes), and O(n log n) for n indices that do not
   * ascend, which are then sorted in place.
   *
   * @param delta its address
   * @param patch address of its merge patch, 0 for none
   * @param patchBytes the patch's length, unsigned
   * @param timed whether a time is given
   * @param time Unix milliseconds, may be anything
   */
  void append(int delta, int patch, int patchBytes, boolean timed, long time) {
    if (refused != null) {
      return;
    }
    count++;
    int id = MEMORY.getInt(delta + ID);
    int idBytes = MEMORY.getInt(delta + ID_BYTES);
    int operation = MEMORY.getByte(delta + OPERATION);
    int payload = MEMORY.getInt(delta + PAYLOAD);
    if (idBytes == 0) {
      refuse(ErrorCode.INVALID_ARGUMENT, delta, "vector-id is empty");
      return;
    }
    if (Integer.compareUnsigned(idBytes, Frame.MAX_ID_BYTES) > 0) {
      refuse(
          ErrorCode.INVALID_ARGUMENT,
          delta,
          "vector-id is longer than " + Frame.MAX_ID_BYTES + " bytes");
      return;
    }
    if (timed && time >>> 48 != 0) {
      refuse(
          ErrorCode.INVALID_ARGUMENT,
          delta,
          "timestamp " + Long.toUnsignedString(time) + " is beyond 48 bits");
      return;
    }
    if (patch != 0 && Integer.compareUnsigned(patchBytes, Database.MAX_METADATA_BYTES) > 0) {
      refuse(
          ErrorCode.INVALID_ARGUMENT,
          delta,
          "metadata is longer than " + Database.MAX_METADATA_BYTES + " bytes");
      return;
    }
    if (operation == DELETE && patch != 0) {
      refuse(ErrorCode.INVALID_ARGUMENT, delta, "delete takes no metadata");
      return;
    }
    int to = putVarint(at + Frame.HEADER_BYTES, idBytes);
    MEMORY.copy(id, to, idBytes);
    to += idBytes;
    int kind = operation + 1;
    if (timed) {
      kind |= Frame.TIMED;
      Bytes.put48(MEMORY, to, time);
      to += 6;
    }
    if (operation == CREATE || operation == DENSE) {
      int n = MEMORY.getInt(delta + COUNT);
      if (Integer.compareUnsigned(n, DatabaseOptions.MAX_DIMENSIONS) > 0) {
        refuse(
            ErrorCode.DIMENSION_MISMATCH,
            delta,
            Integer.toUnsignedLong(n) + " values are more than any vector has");
        return;
      }
      to = putVarint(to, n);
      MEMORY.copy(payload, to, n << 2);
      to += n << 2;
    } else if (operation == SPARSE) {
      to = sparse(delta, payload, to);
      if (to == 0) {
        return;
      }
      if (indices.isRuns()) {
        kind += Frame.RUNS - Frame.SPARSE;
      }
    } else if (operation != DELETE) {
      MEMORY.putInt(to, payload);
      to += 4;
    }
    if (patch != 0) {
      kind |= Frame.METADATA;
      to = putVarint(to, patchBytes);
      MEMORY.copy(patch, to, patchBytes);
      to += patchBytes;
    }
    MEMORY.putInt(at, to - at | Frame.VERSION << 24);
    MEMORY.putInt(at + 4, 0);
    MEMORY.putByte(at + 8, (byte) kind);
    at = to;
  }

  /** Writes indices and values; returns the address behind them, or 0 if they are refused. */
  private int sparse(int delta, int list, int at) {
    int n = MEMORY.getInt(delta + COUNT);
    int values = MEMORY.getInt(delta + VALUES);
    int valueCount = MEMORY.getInt(delta + VALUE_COUNT);
    if (n != valueCount) {
      refuse(
          ErrorCode.INVALID_ARGUMENT,
          delta,
          Integer.toUnsignedLong(n)
              + " indices, but "
              + Integer.toUnsignedLong(valueCount)
              + " values");
      return 0;
    }
    if (Integer.compareUnsigned(n, DatabaseOptions.MAX_DIMENSIONS) > 0) {
      refuse(
          ErrorCode.INVALID_ARGUMENT,
          delta,
          Integer.toUnsignedLong(n) + " indices are more than any vector has");
      return 0;
    }
    int behind = indices.write(at, list, n, compression);
    if (behind == 0) {
      indices.sort(list, values, n);
      behind = indices.write(at, list, n, compression);
      if (behind == 0) {
        refuse(
            ErrorCode.INVALID_ARGUMENT,
            delta,
            "index " + Integer.toUnsignedLong(indices.repeated(list, n)) + " is repeated");
        return 0;
      }
    }
    MEMORY.copy(values, behind, n << 2);
    return behind + (n << 2);
  }

  /** Notes what is wrong, and writes a frame that the core stops at. */
  private void refuse(ErrorCode code, int delta, String what) {
    int idBytes = MEMORY.getInt(delta + ID_BYTES);
    String whose =
        idBytes == 0 ? "" : "vector " + Texts.quoted(MEMORY.getInt(delta + ID), idBytes) + ": ";
    refused = new DeltaException(code, whose + what, count - 1);
    MEMORY.putInt(at, Frame.HEADER_BYTES); // of version 0, which there is not
    MEMORY.putInt(at + 4, 0);
    MEMORY.putByte(at + 8, (byte) 0);
    at += Frame.HEADER_BYTES;
  }

  /**
   * Applies what was written, all or none. {@link Database#output} then has the deltas' ids.
   *
   * @param database where to
   * @param batch whether messages name the delta's position
   * @param now the clock, Unix milliseconds
   * @return the number of deltas
   * @throws DeltaException with the index of the first delta that cannot be applied
   */
  int apply(Database database, boolean batch, long now) {
    DeltaException noted = refused;
    refused = null;
    try {
      return database.apply(start, at - start, count, now);
    } catch (DeltaException e) {
      if (noted == null || e.index() != noted.index()) {
        throw e;
      }
      throw batch
          ? new DeltaException(
              noted.code(), "delta " + noted.index() + ": " + noted.getMessage(), noted.index())
          : noted;
    }
  }

  private static int putVarint(int at, int value) {
    return IndexWriter.putVarint(MEMORY, at, value);
  }
}
