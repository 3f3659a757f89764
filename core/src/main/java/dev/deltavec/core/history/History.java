package dev.deltavec.core.history;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * Reads the past: composes a vector as it was from the nearest checkpoint and the deltas behind it.
 */
public final class History {
  /** As the sequence and replica of a bound: all deltas of the bound's time. */
  private static final int LAST_SEQUENCE = -1;

  private static final long LAST_REPLICA = Frame.TIME_LIMIT - 1;

  private final Image image;
  private final Memory memory;
  private final DeltaLog log;
  private final Fold fold;
  private final FrameReader reader;
  private final int row;
  private int[] stack = new int[256];

  /**
   * A reader of one log.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public History(Image image, DeltaLog log, Fold fold) {
    this.image = image;
    this.memory = image.memory();
    this.log = log;
    this.fold = fold;
    reader = new FrameReader(memory);
    row = new Buffer(image.heap()).reserve(image.stride() << 2);
  }

  /** Returns the address of the composed values. */
  public int row() {
    return row;
  }

  /**
   * Composes a subject as it was at a time, all deltas of that millisecond included. O(checkpoints
   * + interval x dimensions)
   *
   * @return whether it lived then; if so, the values are at {@link #row}, the metadata in the fold
   * @throws DeltaException {@code HISTORY_COMPACTED}
   */
  public boolean compose(int subject, long time) {
    return compose(subject, time, LAST_SEQUENCE, LAST_REPLICA);
  }

  /** Composes a subject as it was behind a delta; otherwise as {@link #compose(int, long)}. */
  public boolean compose(int subject, long time, int sequence, long replica) {
    int upper = image.head(subject);
    int base = log.checkpointAt(upper);
    while (base != 0 && log.compare(base, time, sequence, replica) > 0) {
      if (log.isHorizon(base)) {
        throw compacted(base);
      }
      upper = base;
      base = log.checkpointBefore(base);
    }
    int n = 0;
    for (int entry = upper; entry != base; entry = log.previous(entry)) {
      if (!log.isCheckpoint(entry) && log.compare(entry, time, sequence, replica) <= 0) {
        if (n == stack.length) {
          stack = Arrays.copyOf(stack, n * 2);
        }
        stack[n++] = entry;
      }
    }
    if (base == 0) {
      fold.begin(row);
    } else {
      log.load(base, fold, row);
    }
    while (n > 0) {
      reader.readLogged(log.frame(stack[--n]));
      fold.apply(reader);
    }
    return fold.alive();
  }

  private DeltaException compacted(int horizon) {
    return new DeltaException(
        ErrorCode.HISTORY_COMPACTED,
        "the history before " + log.time(horizon) + " (Unix milliseconds) was compacted away");
  }

  /**
   * Finds a delta in a subject's chain. O(chain)
   *
   * @return its entry
   * @throws DeltaException {@code INVALID_ARGUMENT} if there is none, {@code HISTORY_COMPACTED} if
   *     it may have been there
   */
  public int find(int subject, long time, int sequence, long replica) {
    for (int entry = image.head(subject); entry != 0; entry = log.previous(entry)) {
      int order = log.compare(entry, time, sequence, replica);
      if (order == 0 && !log.isCheckpoint(entry)) {
        return entry;
      }
      if (order >= 0 && log.isHorizon(entry)) {
        throw compacted(entry);
      }
      if (order < 0) {
        break;
      }
    }
    throw new DeltaException(
        ErrorCode.INVALID_ARGUMENT,
        "the vector has no delta " + DeltaId.format(time, sequence, replica));
  }

  /** Returns the most bytes that {@link #writePlain} writes for an entry. */
  public int plainBound(int entry) {
    return log.frameBytes(entry) + 16 + (isCoded(entry) ? image.stride() << 2 : 0);
  }

  private boolean isCoded(int entry) {
    return (memory.getByte(log.frame(entry) + 8) & Frame.GRID) != 0;
  }

  /**
   * Writes a delta as a frame with floats, whatever it is in the log: on a grid, the values that
   * the vector had behind it.
   *
   * @param subject the vector, or its grave
   * @return the address behind the frame
   */
  public int writePlain(int subject, int entry, int target) {
    int frame = log.frame(entry);
    int bytes = log.frameBytes(entry);
    if (!isCoded(entry)) {
      memory.copy(frame, target, bytes);
      return target + bytes;
    }
    boolean composed = true;
    try {
      compose(subject, log.time(entry), log.sequence(entry), log.replica(entry));
    } catch (DeltaException e) {
      composed = false; // unreachable for an entry of the chain: it stands behind the horizon
    }
    reader.readLogged(frame);
    int before = reader.body() - frame;
    memory.copy(frame, target, before);
    int at = target + before;
    memory.putByte(target + 8, (byte) (memory.getByte(frame + 8) & ~Frame.GRID));
    switch (reader.operation()) {
      case Frame.CREATE, Frame.DENSE -> {
        at = DeltaLog.putVarint(memory, at, reader.count());
        memory.copy(row, at, composed ? reader.count() << 2 : 0);
        at += reader.count() << 2;
      }
      case Frame.SPARSE, Frame.RUNS -> at = writePlainSparse(at);
      default -> {
        int values = reader.count() << 2;
        memory.copy(reader.values(), at, values);
        at += values;
      }
    }
    if (reader.metadata() != 0) {
      at = DeltaLog.putVarint(memory, at, reader.metadataBytes());
      memory.copy(reader.metadata(), at, reader.metadataBytes());
      at += reader.metadataBytes();
    }
    memory.putInt(target, at - target | Frame.VERSION << 24);
    return at;
  }

  private int writePlainSparse(int target) {
    int from = reader.body() + DeltaLog.varintBytes(reader.grid());
    int bytes = reader.values() - from;
    memory.copy(from, target, bytes);
    int at = target + bytes;
    // The values go where the codes' indices are decoded to, from the end, as each is four bytes in
    // both forms.
    reader.decodeIndices(at);
    for (int i = 0, end = reader.count() << 2; i != end; i += 4) {
      memory.putInt(at + i, memory.getInt(row + (memory.getInt(at + i) << 2)));
    }
    return at + (reader.count() << 2);
  }
}
