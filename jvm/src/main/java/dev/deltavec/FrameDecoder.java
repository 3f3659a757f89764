package dev.deltavec;

import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.jvm.SegmentMemory;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Reads the plain frames ({@code docs/format.md}) that the core gives out of its log. */
final class FrameDecoder {
  private final SegmentMemory memory;
  private final FrameReader reader;
  private final Buffer scratch;
  private long replica;

  /**
   * A decoder of one database's frames.
   *
   * @param replica the database's own number
   */
  FrameDecoder(SegmentMemory memory, Heap heap, long replica) {
    this.memory = memory;
    this.replica = replica;
    reader = new FrameReader(memory);
    scratch = new Buffer(heap);
  }

  /** Sets the database's own number. */
  void replica(long number) {
    replica = number;
  }

  /**
   * Reads one frame; what it holds is then asked for.
   *
   * @return the address behind it
   */
  int read(int frame) {
    reader.readLogged(frame);
    return reader.end();
  }

  /** Returns the delta that was read last as an event. */
  DeltaEvent event(long position) {
    return new DeltaEvent(
        deltaId(),
        text(reader.id(), reader.idBytes()),
        operation(),
        metadata(),
        timestamp(),
        origin(),
        position);
  }

  /** Returns the delta that was read last as an entry of a chain. */
  DeltaChain.Entry entry(boolean checkpoint) {
    return new DeltaChain.Entry(
        deltaId(), operation(), metadata(), timestamp(), origin(), checkpoint);
  }

  /** Returns which replica issued the delta that was read last. */
  DeltaOrigin origin() {
    return reader.replica() == replica ? DeltaOrigin.LOCAL : DeltaOrigin.MERGE;
  }

  private String deltaId() {
    return DeltaId.format(reader.time(), reader.sequence(), reader.replica());
  }

  private Instant timestamp() {
    return Instant.ofEpochMilli(reader.time());
  }

  private @Nullable String metadata() {
    return reader.metadata() == 0 ? null : text(reader.metadata(), reader.metadataBytes());
  }

  private DeltaOperation operation() {
    float[] values = new float[reader.count()];
    if (values.length > 0) {
      memory.getFloats(reader.values(), values);
    }
    return switch (reader.operation()) {
      case Frame.CREATE -> new DeltaOperation.Create(values);
      case Frame.SPARSE, Frame.RUNS -> new DeltaOperation.Sparse(indices(), values);
      case Frame.DENSE -> new DeltaOperation.Dense(values);
      case Frame.SCALE -> new DeltaOperation.Scale(values[0]);
      case Frame.OFFSET -> new DeltaOperation.Offset(values[0]);
      default -> new DeltaOperation.Delete();
    };
  }

  private int[] indices() {
    int[] indices = new int[reader.count()];
    int list = scratch.reserve(indices.length << 2);
    reader.decodeIndices(list);
    for (int i = 0; i < indices.length; i++) {
      indices[i] = memory.getInt(list + (i << 2));
    }
    return indices;
  }

  private String text(int address, int bytes) {
    byte[] utf8 = new byte[bytes];
    memory.getBytes(address, utf8, bytes);
    return new String(utf8, StandardCharsets.UTF_8);
  }
}
