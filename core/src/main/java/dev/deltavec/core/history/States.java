package dev.deltavec.core.history;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Bytes;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;

/**
 * Writes what a chain holds as frames that make the vector from nothing: its horizon, if the vector
 * lived then, as a create, and all deltas that are newer. Every frame stands alone.
 */
public final class States {
  /** Of a horizon that no delta has made, but an import without history. */
  private static final long NEWEST_REPLICA = Frame.TIME_LIMIT - 1;

  private final Image image;
  private final Memory memory;
  private final Kernels kernels;
  private final DeltaLog log;
  private final Fold fold;
  private final int row;
  private final int grid;

  /**
   * For one database.
   *
   * @param fold used to read horizons
   * @param row address of a row to read them into
   * @param grid steps of the grid to 1, 0 for floats
   */
  public States(Image image, Kernels kernels, DeltaLog log, Fold fold, int row, int grid) {
    this.image = image;
    this.memory = image.memory();
    this.kernels = kernels;
    this.log = log;
    this.fold = fold;
    this.row = row;
    this.grid = grid;
  }

  /**
   * Tells whether a vector or grave has a state: whether it lives, or its end is not forgotten.
   * O(1)
   */
  public boolean has(int subject) {
    int head = image.head(subject);
    return subject >= 0 || (head != 0 && !log.isHorizon(head));
  }

  /**
   * Writes the state of a vector or grave. O(bytes)
   *
   * @return the bytes written, at the buffer's address; 0 if there is no state
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public int write(int subject, Buffer out) {
    int deltas = 0;
    int horizon = 0;
    long bound = 0;
    for (int entry = image.head(subject); entry != 0; entry = log.previous(entry)) {
      if (!log.isCheckpoint(entry)) {
        deltas++;
        bound += log.frameBytes(entry);
      } else if (log.isHorizon(entry)) {
        horizon = entry;
      }
    }
    byte[] metadata = new byte[0];
    boolean begins = false;
    if (horizon != 0) {
      log.load(horizon, fold, row);
      begins = fold.alive();
      metadata = fold.metadata();
      bound += 64 + image.idBytes(subject) + metadata.length + valueBound();
    }
    if (bound > 1 << 30) {
      throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "a state of " + bound + " bytes");
    }
    int[] entries = new int[deltas];
    for (int entry = image.head(subject); entry != 0; entry = log.previous(entry)) {
      if (!log.isCheckpoint(entry)) {
        entries[--deltas] = entry; // from the newest back
      }
    }
    int start = out.reserve((int) bound);
    int at = start;
    if (begins) {
      at = writeHorizon(subject, horizon, metadata, at);
    }
    for (int entry : entries) {
      int bytes = log.frameBytes(entry);
      memory.copy(log.frame(entry), at, bytes);
      at = seal(at, memory.getByte(at + 8), at + bytes);
    }
    return at - start;
  }

  private int valueBound() {
    int floats = image.dimensions() << 2;
    return grid == 0 ? floats : floats + Rice.bound(image.dimensions());
  }

  private int writeHorizon(int subject, int horizon, byte[] metadata, int target) {
    int dimensions = image.dimensions();
    int idBytes = image.idBytes(subject);
    int at = DeltaLog.putVarint(memory, target + Frame.HEADER_BYTES, idBytes);
    memory.copy(image.id(subject), at, idBytes);
    at += idBytes;
    int sequence = log.sequence(horizon);
    long replica = log.replica(horizon);
    if (sequence == -1 && replica == NEWEST_REPLICA) {
      // All vectors of an import share this one, so it would name one of them only.
      long hash = hash(at - idBytes, idBytes);
      sequence = 0xffff_0000 | (int) (hash >>> 48);
      replica = hash & NEWEST_REPLICA;
    }
    at = DeltaLog.putId(memory, at, log.time(horizon), sequence, replica);
    int kind = Frame.CREATE | Frame.IDENTIFIED;
    if (grid == 0) {
      at = DeltaLog.putVarint(memory, at, dimensions);
      memory.copy(row, at, dimensions << 2);
      at += dimensions << 2;
    } else {
      kind |= Frame.GRID;
      at = DeltaLog.putVarint(memory, at, grid);
      at = DeltaLog.putVarint(memory, at, dimensions);
      int codes = at + Rice.bound(dimensions);
      for (int i = 0, end = dimensions << 2; i < end; i += 4) {
        memory.putInt(codes + i, Fold.code(memory.getFloat(row + i), grid));
      }
      at = new Rice(memory).write(codes, dimensions, at);
    }
    if (metadata.length > 0) {
      kind |= Frame.METADATA;
      at = Bytes.write(memory, DeltaLog.putVarint(memory, at, metadata.length), metadata);
    }
    memory.putInt(target, at - target | Frame.VERSION << 24);
    return seal(target, kind, at);
  }

  private int seal(int frame, int kind, int end) {
    memory.putByte(frame + 8, (byte) (kind | Frame.SEALED));
    memory.putInt(frame + 4, kernels.crc32c(0, frame + 8, end - frame - 8));
    return end;
  }

  /** FNV-1a (Fowler, Noll, Vo), and the last step of MurmurHash3 to spread it. */
  private long hash(int address, int bytes) {
    long h = 0xcbf29ce484222325L;
    for (int i = 0; i < bytes; i++) {
      h = (h ^ memory.getByte(address + i) & 0xff) * 0x100000001b3L;
    }
    h = (h ^ h >>> 33) * 0xff51afd7ed558ccdL;
    h = (h ^ h >>> 33) * 0xc4ceb9fe1a85ec53L;
    return h ^ h >>> 33;
  }
}
