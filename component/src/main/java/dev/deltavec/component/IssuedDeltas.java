package dev.deltavec.component;

import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.delta.FrameReader;
import dev.deltavec.wasm.LinearMemory;

/**
 * Deltas as they come out of the core, frames with ids and floats, as records {@code issued-delta}
 * of deltavec.wit: 64 bytes, aligned to 8. Texts stay where they are, in the frame; numbers are
 * copied to the arena, where they can be aligned.
 */
final class IssuedDeltas {
  /** Bytes of a record. */
  static final int BYTES = 64;

  private static final int DELTA_ID = 0; // string
  private static final int VECTOR_ID = 8; // string
  private static final int OPERATION = 16; // a byte, and the payload from the next word on
  private static final int METADATA = 36; // option<string>
  private static final int TIMESTAMP = 48; // u64
  private static final int ORIGIN = 56; // a byte

  /** Cases of {@code operation}, which has {@code runs} only as a way to write {@code sparse}. */
  private static final int SPARSE_CASE = Frame.SPARSE - Frame.CREATE;

  /** Cases of {@code origin}. */
  private static final byte LOCAL = 0;

  private static final byte MERGED = 1;

  private static final LinearMemory MEMORY = Guest.MEMORY;

  private final FrameReader reader = new FrameReader(MEMORY);
  private final long own;

  /**
   * For the deltas of one call.
   *
   * @param own the number of the replica whose deltas are local
   */
  IssuedDeltas(long own) {
    this.own = own;
  }

  /**
   * Writes a record.
   *
   * @param frame address of the frame, which the core wrote
   * @param record address of the record
   * @return the address behind the frame
   * @throws dev.deltavec.core.DeltaException {@code OUT_OF_MEMORY}
   */
  int write(int frame, int record) {
    reader.readLogged(frame);
    int text = Guest.ARENA.take(Texts.ID_BYTES, 1);
    Texts.putDeltaId(text, reader.time(), reader.sequence(), reader.replica());
    putList(record + DELTA_ID, text, Texts.ID_BYTES);
    putList(record + VECTOR_ID, reader.id(), reader.idBytes());
    writeOperation(record + OPERATION);
    MEMORY.putInt(record + METADATA, reader.metadata() == 0 ? 0 : 1);
    putList(record + METADATA + 4, reader.metadata(), reader.metadataBytes());
    MEMORY.putLong(record + TIMESTAMP, reader.time());
    MEMORY.putByte(record + ORIGIN, reader.replica() == own ? LOCAL : MERGED);
    return reader.end();
  }

  private void writeOperation(int operation) {
    int kind = reader.operation();
    int payload = operation + 4;
    MEMORY.putInt(operation, kind == Frame.RUNS ? SPARSE_CASE : kind - Frame.CREATE);
    switch (kind) {
      case Frame.CREATE, Frame.DENSE -> putFloats(payload);
      case Frame.SPARSE, Frame.RUNS -> {
        int indices = Lists.take(reader.count(), 4, 4);
        reader.decodeIndices(indices);
        putList(payload, indices, reader.count());
        putFloats(payload + 8);
      }
      case Frame.SCALE, Frame.OFFSET -> MEMORY.putInt(payload, MEMORY.getInt(reader.values()));
      default -> {
        // delete has no payload
      }
    }
  }

  /** Writes the list of the values. */
  private void putFloats(int list) {
    int floats = Lists.take(reader.count(), 4, 4);
    MEMORY.copy(reader.values(), floats, reader.count() << 2);
    putList(list, floats, reader.count());
  }

  private static void putList(int at, int address, int length) {
    MEMORY.putInt(at, address);
    MEMORY.putInt(at + 4, length);
  }
}
