package dev.deltavec;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Placeholder, see the contract. */
public final class DeltaFrames implements AutoCloseable {
  /** Reads and writes frames of databases with these options. */
  public DeltaFrames(int dimensions, int grid) {}

  /** One delta. */
  public record Shared(String vectorId, long time, int sequence, long replica, byte[] frame) {}

  /** Reads and checks a stream of a replica. */
  public List<Shared> split(byte[] stream, Instant latest) {
    throw new UnsupportedOperationException();
  }

  /** Reads and checks sealed local frames (encodeDeltas of the TypeScript package), gives ids. */
  public List<Shared> identify(byte[] local, long time, int firstSequence, long replica) {
    throw new UnsupportedOperationException();
  }

  /** Writes a delta as a frame that stands alone. */
  public Shared encode(VectorDelta delta, long time, int sequence, long replica) {
    throw new UnsupportedOperationException();
  }

  /** Reads only the ids of vectors in frames that stand alone. */
  public static List<@Nullable String> ids(byte[] frames) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
