package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.storage.LogFormat;
import dev.deltavec.storage.LogRecord;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The payloads of records of the log, and how they are done again; docs/format.md has the bytes.
 */
final class ChangeRecords {
  private static final int DELTA_ID_BYTES = 16;
  private static final int COMPACT_BYTES = 22;
  private static final int OPEN_BYTES = 8;
  private static final int MARK_BYTES = 8;

  private final Store store;

  /** Does records again in a database. */
  ChangeRecords(Store store) {
    this.store = store;
  }

  // ---------------------------------------------------------------- writing

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  static byte[] open(long replica, byte[] options) {
    return buffer(OPEN_BYTES + options.length).putLong(replica).put(options).array();
  }

  static byte[] rollback(byte[] id, DeltaId to) {
    return buffer(2 + id.length + DELTA_ID_BYTES)
        .putShort((short) id.length)
        .put(id)
        .putInt((int) to.time())
        .putShort((short) (to.time() >>> 32))
        .putInt(to.sequence())
        .putInt((int) to.replica())
        .putShort((short) (to.replica() >>> 32))
        .array();
  }

  static byte[] compaction(long before, long maxBytes, int keepLast, byte[] id) {
    return buffer(COMPACT_BYTES + id.length)
        .putDouble(before > Frame.TIME_LIMIT ? Double.POSITIVE_INFINITY : before)
        .putDouble(maxBytes)
        .putInt(keepLast)
        .putShort((short) id.length)
        .put(id)
        .array();
  }

  static byte[] mark(long mark) {
    return buffer(MARK_BYTES).putLong(mark).array();
  }

  // ---------------------------------------------------------------- reading

  /** Returns the own replica from an OPEN record on. */
  static long replica(LogRecord open) {
    return open.payload().get(LONG, 0);
  }

  /**
   * Returns the options from an OPEN record on.
   *
   * @throws dev.deltavec.core.DeltaException {@code CORRUPT_DATA}
   */
  static Map<String, @Nullable Object> options(LogRecord open) {
    return StoredOptions.read(open.payload().asSlice(OPEN_BYTES).toArray(ValueLayout.JAVA_BYTE));
  }

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /**
   * Does a record again.
   *
   * @throws dev.deltavec.core.DeltaException what the call did not throw the first time
   * @throws IndexOutOfBoundsException if the payload is none of its kind
   */
  void replay(LogRecord record) {
    MemorySegment payload = record.payload();
    long now = (long) record.clock();
    switch (record.kind()) {
      case LogFormat.OPEN -> store.replica(replica(record));
      case LogFormat.APPLY -> {
        int at = put(payload);
        store.database().apply(at, (int) payload.byteSize(), record.count(), now);
      }
      case LogFormat.MERGE -> merge(payload);
      case LogFormat.ROLLBACK -> {
        ByteBuffer in = payload.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
        int bytes = Short.toUnsignedInt(in.getShort());
        in.position(2 + bytes);
        long time = Integer.toUnsignedLong(in.getInt()) | (long) in.getShort() << 48 >>> 16;
        int sequence = in.getInt();
        long replica = Integer.toUnsignedLong(in.getInt()) | (long) in.getShort() << 48 >>> 16;
        DeltaId to = new DeltaId(time, sequence, replica);
        rollBack(store.database(), put(payload) + 2, bytes, to, now);
      }
      case LogFormat.COMPACT -> {
        ByteBuffer in = payload.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
        double before = in.getDouble();
        long maxBytes = (long) in.getDouble();
        int keepLast = in.getInt();
        int bytes = Short.toUnsignedInt(in.getShort());
        int id = bytes == 0 ? 0 : put(payload) + COMPACT_BYTES;
        long limit = before < Frame.TIME_LIMIT ? (long) before : Long.MAX_VALUE;
        store.database().compact(id, bytes, limit, keepLast, maxBytes);
      }
      case LogFormat.MARK -> {
        if (payload.byteSize() != MARK_BYTES) {
          throw new IllegalArgumentException("a mark of " + payload.byteSize() + " bytes");
        }
        store.mark(payload.get(LONG, 0));
      }
      default -> {} // CLOSE changes nothing
    }
  }

  private int put(MemorySegment payload) {
    int at = store.reserve(payload.byteSize());
    store.memory().putBytes(at, payload);
    return at;
  }

  /** Merges; what was believed of a clock then, is now. */
  private void merge(MemorySegment stream) {
    Buffer buffer = new Buffer(store.database().heap());
    try {
      int at = buffer.reserve((int) stream.byteSize());
      store.memory().putBytes(at, stream);
      store.database().merge(at, (int) stream.byteSize(), Long.MAX_VALUE);
    } finally {
      buffer.release();
    }
  }

  /** Brings a vector back to its state behind a delta. Returns how many deltas that took. */
  static int rollBack(Database database, int id, int bytes, DeltaId to, long now) {
    return database.rollBackTo(id, bytes, to.time(), to.sequence(), to.replica(), now);
  }
}
