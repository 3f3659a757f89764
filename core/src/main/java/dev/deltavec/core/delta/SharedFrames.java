package dev.deltavec.core.delta;

import dev.deltavec.core.Database;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.history.DeltaLog;
import dev.deltavec.core.history.Fold;
import dev.deltavec.core.history.Rice;
import dev.deltavec.core.json.MergePatch;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;

/**
 * Deltas on their way between databases: what is checked of one that comes from outside, and how
 * one is written so that it stands alone: identified and sealed.
 */
public final class SharedFrames {
  private static final int ID_BYTES = 16;

  private final Memory memory;
  private final Kernels kernels;
  private final int dimensions;
  private final int grid;
  private final Rice rice;

  /**
   * For deltas of databases with these options.
   *
   * @param memory where frames are
   * @param kernels arithmetic on that memory
   * @param dimensions values of a vector
   * @param grid steps of the grid to 1, 0 for floats
   */
  public SharedFrames(Memory memory, Kernels kernels, int dimensions, int grid) {
    this.memory = memory;
    this.kernels = kernels;
    this.dimensions = dimensions;
    this.grid = grid;
    rice = new Rice(memory);
  }

  // ---------------------------------------------------------------- checks

  /**
   * Checks what a reader does not: what depends on the options, the numbers and the metadata.
   *
   * @param delta a delta with an id, as it was read
   * @param latest the latest time that is believed, Unix milliseconds
   * @throws DeltaException {@code INVALID_ARGUMENT}, {@code DIMENSION_MISMATCH}, {@code NOT_FINITE}
   */
  public void check(FrameReader delta, long latest) {
    int operation = delta.operation();
    if (delta.sequence() == 0) {
      throw invalid(delta, "has sequence 0; they count from 1");
    }
    if (delta.time() > latest) {
      throw invalid(delta, "lies too far in the future");
    }
    if (bytes(delta) > Frame.MAX_BYTES) {
      throw invalid(delta, "is too long to stand alone");
    }
    if (operation == Frame.DELETE) {
      if (delta.metadata() != 0) {
        throw invalid(delta, "deletes and carries metadata");
      }
      return;
    }
    if (delta.grid() != grid) {
      throw invalid(
          delta,
          delta.grid() == 0
              ? "has floats, but this database's precision is a grid of " + grid
              : "has precision " + delta.grid() + ", this database " + grid);
    }
    if (operation == Frame.CREATE || operation == Frame.DENSE) {
      if (delta.count() != dimensions) {
        throw new DeltaException(
            ErrorCode.DIMENSION_MISMATCH,
            name(delta) + " has " + delta.count() + " values, not " + dimensions);
      }
    } else if (operation == Frame.SPARSE || operation == Frame.RUNS) {
      checkIndices(delta);
    }
    boolean floats = delta.grid() == 0 || operation == Frame.SCALE || operation == Frame.OFFSET;
    if (floats && !kernels.allFinite(delta.values(), delta.count())) {
      throw new DeltaException(
          ErrorCode.NOT_FINITE, name(delta) + " has a value that is not finite");
    }
    if (delta.metadata() != 0) {
      if (delta.metadataBytes() > Database.MAX_METADATA_BYTES) {
        throw invalid(delta, "carries metadata of " + delta.metadataBytes() + " bytes");
      }
      MergePatch.apply(new byte[0], Bytes.read(memory, delta.metadata(), delta.metadataBytes()));
    }
  }

  private void checkIndices(FrameReader delta) {
    int n = delta.count();
    if (n > dimensions) {
      throw invalid(delta, "has " + n + " indices, the vectors " + dimensions + " dimensions");
    }
    if (n > 0) {
      if (Integer.compareUnsigned(delta.lastIndex(), dimensions) >= 0) {
        throw invalid(delta, "has an index that is not below " + dimensions);
      }
    }
  }

  /** Returns a delta's name, for messages. */
  public String name(FrameReader delta) {
    return "delta "
        + DeltaId.format(delta.time(), delta.sequence(), delta.replica())
        + " of vector \""
        + Utf8.decode(memory, delta.id(), delta.idBytes())
        + "\"";
  }

  private DeltaException invalid(FrameReader delta, String what) {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, name(delta) + " " + what);
  }

  // ---------------------------------------------------------------- frames that stand alone

  /** Returns the bytes that {@link #write} writes. */
  public static int bytes(FrameReader delta) {
    int payloadBytes = delta.payloadEnd() - delta.body();
    int id = DeltaLog.varintBytes(delta.idBytes()) + delta.idBytes();
    return Frame.HEADER_BYTES + id + ID_BYTES + payloadBytes + patchBytes(delta);
  }

  private static int patchBytes(FrameReader delta) {
    int bytes = delta.metadataBytes();
    return delta.metadata() == 0 ? 0 : DeltaLog.varintBytes(bytes) + bytes;
  }

  /**
   * Writes a delta that was read and {@link #check checked}, identified and sealed.
   *
   * @param target room for {@link #bytes(FrameReader)}
   * @return the address behind the frame
   */
  public int write(FrameReader delta, int target) {
    int payload = begin(delta, target, delta.time(), delta.sequence(), delta.replica());
    int bytes = delta.payloadEnd() - delta.body();
    memory.copy(delta.body(), payload, bytes);
    return end(delta, target, payload + bytes, delta.grid() != 0);
  }

  private int begin(FrameReader delta, int target, long time, int sequence, long replica) {
    int at = DeltaLog.putVarint(memory, target + Frame.HEADER_BYTES, delta.idBytes());
    memory.copy(delta.id(), at, delta.idBytes());
    return DeltaLog.putId(memory, at + delta.idBytes(), time, sequence, replica);
  }

  private int end(FrameReader delta, int target, int payloadEnd, boolean coded) {
    int at = DeltaLog.putPatch(memory, payloadEnd, delta);
    int kind = delta.operation() | Frame.IDENTIFIED | Frame.SEALED;
    kind |= delta.metadata() != 0 ? Frame.METADATA : 0;
    kind |= coded ? Frame.GRID : 0;
    memory.putInt(target, at - target | Frame.VERSION << 24);
    memory.putByte(target + 8, (byte) kind);
    memory.putInt(target + 4, kernels.crc32c(0, target + 8, at - target - 8));
    return at;
  }

  // ---------------------------------------------------------------- deltas without an id

  /** Returns room enough for {@link #identify} to write a delta. */
  public int identifiedBound(FrameReader local) {
    int coded = grid == 0 ? 0 : 16 + Rice.bound(local.count()) + (local.count() << 2);
    return bytes(local) + coded;
  }

  /**
   * Writes a delta that was read as a local one, with an id, sealed. It is to be read again and
   * {@link #check checked}.
   *
   * @param target room for {@link #identifiedBound}
   * @return the address behind the frame
   * @throws DeltaException {@code INVALID_ARGUMENT} on a grid for values beyond it, and for a
   *     sparse or dense with values: what differs from the vector can be said only where the vector
   *     is; {@code DIMENSION_MISMATCH}, {@code NOT_FINITE} for what is no vector to be coded
   */
  public int identify(FrameReader local, long time, int sequence, long replica, int target) {
    int at = begin(local, target, time, sequence, replica);
    int operation = local.operation();
    boolean coded = grid != 0 && operation != Frame.DELETE;
    if (coded) {
      at = DeltaLog.putVarint(memory, at, grid);
    }
    if (coded && operation == Frame.CREATE) {
      at = putCodes(local, at);
    } else {
      boolean relative =
          operation == Frame.DENSE || operation == Frame.SPARSE || operation == Frame.RUNS;
      if (coded && relative && local.count() > 0) {
        throw refused(
            local,
            ErrorCode.INVALID_ARGUMENT,
            " sets values; on a grid of " + grid + " that takes the vector as it is");
      }
      int bytes = local.payloadEnd() - local.body();
      memory.copy(local.body(), at, bytes);
      at += bytes;
    }
    if (at - target + patchBytes(local) > Frame.MAX_BYTES) {
      throw refused(local, ErrorCode.INVALID_ARGUMENT, " is too long");
    }
    return end(local, target, at, coded);
  }

  /** Writes the values of a create as codes, which it keeps behind the room for them. */
  private int putCodes(FrameReader local, int target) {
    int n = local.count();
    if (n != dimensions) {
      throw refused(
          local, ErrorCode.DIMENSION_MISMATCH, " has " + n + " values, not " + dimensions);
    }
    if (!kernels.allFinite(local.values(), n)) {
      throw refused(local, ErrorCode.NOT_FINITE, " has a value that is not finite");
    }
    int at = DeltaLog.putVarint(memory, target, n);
    int codes = at + Rice.bound(n);
    for (int i = 0, end = n << 2; i < end; i += 4) {
      long code = Fold.round((double) memory.getFloat(local.values() + i) * grid);
      if (Math.abs(code) > Frame.MAX_CODE) {
        throw refused(
            local,
            ErrorCode.INVALID_ARGUMENT,
            " has a value beyond the grid, which ends at " + Frame.MAX_CODE / grid);
      }
      memory.putInt(codes + i, (int) code);
    }
    return rice.write(codes, n, at);
  }

  private DeltaException refused(FrameReader local, ErrorCode code, String what) {
    return new DeltaException(
        code,
        "the "
            + Frame.name(local.operation())
            + " of vector \""
            + Utf8.decode(memory, local.id(), local.idBytes())
            + "\""
            + what);
  }
}
