package dev.deltavec;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.delta.SharedFrames;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.jvm.Platform;
import dev.deltavec.jvm.SegmentMemory;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Deltas as frames ({@code docs/format.md}), for those who carry them between databases and keep
 * none: gateways, logs, clients. What comes out of here has been checked as {@link
 * DeltaVectorDB#merge} of a database with the same options would, so that nobody behind need refuse
 * it, and every frame stands alone: it is identified and sealed and refers to no other, so frames
 * may be parted, put in any order and put together again; any row of them can be merged.
 *
 * <p>For use by one thread at a time. It takes memory outside the Java heap, about twice what the
 * largest call was given, until it is closed.
 */
public final class DeltaFrames implements AutoCloseable {
  /**
   * What a stream may become longer by: linked frames name by a byte or two what a frame that
   * stands alone has to say, and nobody shall fill the memory by that.
   */
  private static final long MOST_GROWTH = 16;

  private static final long ALWAYS_BYTES = 1 << 26;

  private final SegmentMemory memory = new SegmentMemory();
  private final Kernels kernels = Platform.kernels(memory);
  private final Heap heap = new Heap(memory);
  private final Buffer input = new Buffer(heap);
  private final Buffer output = new Buffer(heap);
  private final FrameReader reader = new FrameReader(memory);
  private final FrameReader again = new FrameReader(memory);
  private final FrameWriter writer = new FrameWriter(memory, true);
  private final SharedFrames shared;
  private boolean closed;

  /**
   * Reads and writes frames of databases with these options.
   *
   * @param dimensions values of a vector, 1 to 65,536
   * @param grid steps of the grid to 1, 1 to 1,048,576; 0 for floats
   * @throws DeltaException {@code INVALID_ARGUMENT}
   */
  public DeltaFrames(int dimensions, int grid) {
    DatabaseOptions options = DatabaseOptions.builder().dimensions(dimensions).grid(grid).build();
    shared = new SharedFrames(memory, kernels, options.dimensions(), options.grid());
  }

  /**
   * One delta, by itself. Equality is that of the contents.
   *
   * @param vectorId the vector that it changes
   * @param time of its id, Unix milliseconds, 0 to 2^48-1
   * @param sequence of its id: the number among all deltas of its replica, from 1; unsigned 32 bits
   * @param replica of its id: who issued it, 0 to 2^48-1
   * @param frame the delta as a frame that stands alone, for {@link DeltaVectorDB#merge}
   */
  @SuppressWarnings("ArrayRecordComponent") // a copy that is the caller's own
  public record Shared(String vectorId, long time, int sequence, long replica, byte[] frame) {
    @Override
    public boolean equals(Object other) {
      // The frame says all that the others say.
      return other instanceof Shared delta && Arrays.equals(frame, delta.frame);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(frame);
    }

    @Override
    public String toString() {
      return "Shared[vectorId="
          + vectorId
          + ", time="
          + time
          + ", sequence="
          + Integer.toUnsignedLong(sequence)
          + ", replica="
          + Long.toHexString(replica)
          + ", frame="
          + frame.length
          + " bytes]";
    }
  }

  // ---------------------------------------------------------------- reading

  /**
   * Reads and checks a stream of a replica, and parts it into its deltas. O(bytes in and out)
   *
   * @param stream what {@link DeltaVectorDB#deltasSince} gave, or frames that stand alone, or
   *     several of these one behind the other; it may be anything, and is checked
   * @param latest the latest time that is believed
   * @return its deltas in their order
   * @throws DeltaException as {@link DeltaVectorDB#merge}, with the {@link DeltaException#index
   *     index} of the offending delta: {@code CORRUPT_DATA} with the byte offset, {@code
   *     UNSUPPORTED_VERSION}, {@code DIMENSION_MISMATCH}, {@code NOT_FINITE}, {@code
   *     INVALID_ARGUMENT} (also for a time behind {@code latest} or another grid), {@code
   *     OUT_OF_MEMORY} (also for a stream that stands for over 64 MiB and 16 times its bytes);
   *     {@code CLOSED}
   */
  public List<Shared> split(byte[] stream, Instant latest) {
    Objects.requireNonNull(latest, "latest");
    long limit = Past.millis(latest);
    int from = put(stream);
    List<Shared> deltas = new ArrayList<>();
    long most = Math.max(ALWAYS_BYTES, MOST_GROWTH * stream.length);
    try {
      reader.begin();
      for (int at = from, end = from + stream.length; at != end; at = reader.end()) {
        reader.readShared(kernels, from, at, end);
        if (reader.operation() != Frame.START) {
          shared.check(reader, limit);
          int bytes = SharedFrames.bytes(reader);
          most -= bytes;
          if (most < 0) {
            throw new DeltaException(
                ErrorCode.OUT_OF_MEMORY,
                "a stream of " + stream.length + " bytes stands for too many");
          }
          int target = output.reserve(bytes);
          shared.write(reader, target);
          deltas.add(delta(reader, target, bytes));
        }
      }
    } catch (DeltaException e) {
      throw at(deltas.size(), e);
    }
    return deltas;
  }

  /**
   * Reads and checks deltas that have no id yet, and gives them one. O(bytes)
   *
   * @param local sealed local frames, one behind the other, as {@code encodeDeltas} of the
   *     TypeScript package writes them; they may be anything, and are checked
   * @param time the time of those deltas that say none, Unix milliseconds, 0 to 2^48-1
   * @param firstSequence sequence of the first delta, from 1, unsigned; the others' follow
   * @param replica who issues them, 0 to 2^48-1
   * @return the deltas in their order; whether their times are believed is for the caller to say
   * @throws DeltaException as {@link #split}; {@code INVALID_ARGUMENT} also for numbers out of
   *     range, and on a grid for a sparse or dense that sets values, see {@link #encode}
   */
  public List<Shared> identify(byte[] local, long time, int firstSequence, long replica) {
    checkIdentity(time, replica);
    int from = put(local);
    List<Shared> deltas = new ArrayList<>();
    try {
      for (int at = from, end = from + local.length; at != end; at = reader.end()) {
        reader.readSent(kernels, from, at, end);
        deltas.add(identify(time, firstSequence + deltas.size(), replica));
      }
    } catch (DeltaException e) {
      throw at(deltas.size(), e);
    }
    return deltas;
  }

  /**
   * Writes a delta as a frame that stands alone. O(bytes)
   *
   * <p>On a grid frames hold whole numbers, those of a sparse or dense the difference from what the
   * vector was before, which is not known here. So with a grid such a delta is refused, unless it
   * sets no values and only patches metadata; whoever has the vector applies it to a database, and
   * sends what {@link DeltaVectorDB#deltasSince} gives.
   *
   * @param delta what changes
   * @param time its time if it says none, Unix milliseconds, 0 to 2^48-1
   * @param sequence of its id: its number among all deltas of the replica, from 1; unsigned
   * @param replica of its id: who issues it, 0 to 2^48-1
   * @throws DeltaException {@code INVALID_ARGUMENT}, {@code DIMENSION_MISMATCH}, {@code
   *     NOT_FINITE}, {@code OUT_OF_MEMORY}, {@code CLOSED}
   */
  public Shared encode(VectorDelta delta, long time, int sequence, long replica) {
    Objects.requireNonNull(delta, "delta");
    checkIdentity(time, replica);
    requireOpen();
    writer.check(delta, -1);
    long most = FrameWriter.mostBytes(delta);
    if (most > 1 << 30) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY, "no memory for a delta of up to " + most + " bytes");
    }
    int frame = input.reserve((int) most);
    int end = writer.write(frame, delta, -1);
    if (end - frame > Frame.MAX_BYTES) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "a delta of " + (end - frame) + " bytes is too long");
    }
    reader.read(frame, frame, end);
    return identify(time, sequence, replica);
  }

  /** Gives the local delta that was read its id. */
  private Shared identify(long time, int sequence, long replica) {
    long own = reader.time() < 0 ? time : reader.time();
    int target = output.reserve(shared.identifiedBound(reader));
    int end = shared.identify(reader, own, sequence, replica, target);
    again.begin();
    again.readShared(kernels, target, target, end);
    shared.check(again, Long.MAX_VALUE);
    return delta(again, target, end - target);
  }

  private static void checkIdentity(long time, long replica) {
    if (time < 0 || time >= Frame.TIME_LIMIT || replica < 0 || replica >= Frame.TIME_LIMIT) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "time " + time + " and replica " + replica + " must have 48 bits");
    }
  }

  private Shared delta(FrameReader read, int frame, int bytes) {
    byte[] copy = new byte[bytes];
    memory.getBytes(frame, copy, bytes);
    byte[] id = new byte[read.idBytes()];
    memory.getBytes(read.id(), id, id.length);
    return new Shared(
        new String(id, StandardCharsets.UTF_8), read.time(), read.sequence(), read.replica(), copy);
  }

  private static DeltaException at(int index, DeltaException e) {
    return new DeltaException(e.code(), e.getMessage(), index);
  }

  private int put(byte[] bytes) {
    requireOpen();
    int at = input.reserve(bytes.length);
    memory.putBytes(at, bytes);
    return at;
  }

  private void requireOpen() {
    if (closed) {
      throw new DeltaException(ErrorCode.CLOSED, "the frames' memory is closed");
    }
  }

  // ---------------------------------------------------------------- only ids

  /**
   * Reads which vector each frame changes, and nothing else: frames are not checked beyond their
   * headers and ids, neither are their checksums. For frames that were checked before. O(frames)
   *
   * @param frames any frames, one behind the other; linked ones need those before them
   * @return for each frame the vector's id; null for one that carries no delta and begins a stream
   * @throws DeltaException {@code CORRUPT_DATA}, {@code UNSUPPORTED_VERSION}
   */
  public static List<@Nullable String> ids(byte[] frames) {
    return new FrameIds(frames).read();
  }

  /** Gives the memory back. All methods throw {@code CLOSED} from then on. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      heap.close();
      memory.close();
    }
  }
}
