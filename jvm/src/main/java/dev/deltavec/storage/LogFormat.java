package dev.deltavec.storage;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** The bytes of the log and of the headers of all files: {@code docs/format.md} describes them. */
public final class LogFormat {
  /** Kind of a record: own replica and options from now on. */
  public static final int OPEN = 1;

  /** Kind of a record: local frames. */
  public static final int APPLY = 2;

  /** Kind of a record: a stream of another replica. */
  public static final int MERGE = 3;

  /** Kind of a record: a vector brought back to its state behind a delta. */
  public static final int ROLLBACK = 4;

  /** Kind of a record: history compacted. */
  public static final int COMPACT = 5;

  /** Kind of a record: a clean end. */
  public static final int CLOSE = 6;

  /** Kind of a record: a mark of what the database has been brought to. */
  public static final int MARK = 7;

  /** Instead of a mark: there is none. */
  public static final long NO_MARK = -1;

  /** The most bytes of a record's payload. */
  public static final int MAX_PAYLOAD = 1 << 30;

  static final int HEADER_BYTES = 64;
  static final int RECORD_BYTES = 40;

  static final String LOG = "log";
  static final String SNAPSHOT = "snapshot";
  static final String INCREMENT = "increment";

  private static final int LOG_MAGIC = 0x314c5644; // DVL1
  private static final int SNAPSHOT_MAGIC = 0x31465644; // DVF1
  private static final int VERSION = 1;
  private static final int HEADER_CRC = 60;
  private static final Pattern NAME = Pattern.compile("(?:log|snapshot|increment)-[0-9a-f]{16}");

  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private LogFormat() {}

  // ---------------------------------------------------------------- names

  static String name(String kind, long number) {
    return String.format("%s-%016x", kind, number);
  }

  /** Returns the number in a name of a kind of files, or -1 if it is none. */
  static long number(String kind, String name) {
    return name.startsWith(kind + "-") && NAME.matcher(name).matches()
        ? Math.max(-1, Long.parseUnsignedLong(name, kind.length() + 1, name.length(), 16))
        : -1;
  }

  // ---------------------------------------------------------------- headers

  static byte[] logHeader(long first, UUID id, int dimensions) {
    return header(LOG_MAGIC, first, id, dimensions, 0, NO_MARK);
  }

  static byte[] snapshotHeader(long records, UUID id, @Nullable Long buildsOn, long mark) {
    return header(SNAPSHOT_MAGIC, records, id, buildsOn == null ? 0 : 1, orZero(buildsOn), mark);
  }

  private static long orZero(@Nullable Long value) {
    return value == null ? 0 : value;
  }

  private static byte[] header(
      int magic, long number, UUID id, int word, long buildsOn, long mark) {
    byte[] bytes = new byte[HEADER_BYTES];
    ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(magic).putInt(VERSION).putLong(number);
    header.order(ByteOrder.BIG_ENDIAN); // the id is bytes
    header.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
    header.order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(word).putInt(0).putLong(buildsOn);
    header.putLong(mark - NO_MARK); // 0 for none, as files have it that know no marks
    header.putInt(HEADER_CRC, crc(MemorySegment.ofArray(bytes), 0, HEADER_CRC));
    return bytes;
  }

  static FileHeader readLogHeader(MemorySegment file) {
    checkHeader(file, LOG_MAGIC, "log");
    return new FileHeader(file.get(LONG, 8), id(file), file.get(INT, 32), null, NO_MARK);
  }

  static FileHeader readSnapshotHeader(MemorySegment file) {
    checkHeader(file, SNAPSHOT_MAGIC, "snapshot");
    boolean increment = file.get(INT, 32) == 1;
    return new FileHeader(
        file.get(LONG, 8),
        id(file),
        0,
        increment ? (Long) file.get(LONG, 40) : null,
        file.get(LONG, 48) + NO_MARK);
  }

  private static void checkHeader(MemorySegment file, int magic, String what) {
    if (file.byteSize() < HEADER_BYTES) {
      throw Failures.corrupt("the " + what + "'s header is cut off");
    }
    if (file.get(INT, 0) != magic) {
      throw Failures.corrupt("the file is no " + what + " of deltavec");
    }
    if (file.get(INT, HEADER_CRC) != crc(file, 0, HEADER_CRC)) {
      throw Failures.corrupt("the " + what + "'s header is damaged");
    }
    int version = file.get(INT, 4);
    if (version != VERSION) {
      throw new DeltaException(
          ErrorCode.UNSUPPORTED_VERSION,
          "the " + what + " has version " + version + "; this release reads 1");
    }
  }

  private static UUID id(MemorySegment file) {
    return new UUID(Long.reverseBytes(file.get(LONG, 16)), Long.reverseBytes(file.get(LONG, 24)));
  }

  // ---------------------------------------------------------------- records

  /**
   * Writes a record, but for what {@link #seal} adds, at a place of a buffer that has room for it.
   *
   * @return the offset behind it
   */
  static int writeRecord(byte[] target, int at, LogRecord record) {
    int bytes = (int) record.payload().byteSize();
    ByteBuffer header =
        ByteBuffer.wrap(target, at, RECORD_BYTES).slice().order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(bytes).putInt(0).putLong(record.number());
    header.putInt(record.kind()).putInt(record.count()).putDouble(record.clock());
    header.putInt(record.sequence()).putInt(0);
    MemorySegment.copy(
        record.payload(), ValueLayout.JAVA_BYTE, 0, target, at + RECORD_BYTES, bytes);
    return at + RECORD_BYTES + bytes;
  }

  /**
   * Adds to records, one behind the other, how many right before each are not known to be on disk,
   * and the checksum.
   *
   * @param durable number of the last record that is on disk
   */
  static void seal(byte[] records, int bytes, long durable) {
    ByteBuffer buffer = ByteBuffer.wrap(records, 0, bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = 0; at < bytes; ) {
      int length = RECORD_BYTES + buffer.getInt(at);
      buffer.putInt(at + 36, (int) Math.min(buffer.getLong(at + 8) - 1 - durable, 0xffff_ffffL));
      CRC32C crc = new CRC32C();
      crc.update(records, at + 8, length - 8);
      buffer.putInt(at + 4, (int) crc.getValue());
      at += length;
    }
  }

  /** Returns the bytes of the record that may begin at a place, or -1 if none can. */
  static long recordBytes(MemorySegment file, long at) {
    if (file.byteSize() - at < RECORD_BYTES) {
      return -1;
    }
    int kind = file.get(INT, at + 16);
    long bytes = RECORD_BYTES + Integer.toUnsignedLong(file.get(INT, at));
    boolean fits =
        kind >= OPEN
            && kind <= MARK
            && bytes <= RECORD_BYTES + MAX_PAYLOAD
            && bytes <= file.byteSize() - at;
    return fits ? bytes : -1;
  }

  static long recordNumber(MemorySegment file, long at) {
    return file.get(LONG, at + 8);
  }

  /** Returns the number of the last record that was on disk when this one was written. */
  static long durableBefore(MemorySegment file, long at) {
    return recordNumber(file, at) - 1 - Integer.toUnsignedLong(file.get(INT, at + 36));
  }

  static boolean recordHolds(MemorySegment file, long at, long bytes) {
    return file.get(INT, at + 4) == crc(file, at + 8, bytes - 8);
  }

  /** Reads a record that holds. */
  static LogRecord record(MemorySegment file, long at) {
    return new LogRecord(
        recordNumber(file, at),
        file.get(INT, at + 16),
        file.get(INT, at + 20),
        Double.longBitsToDouble(file.get(LONG, at + 24)),
        file.get(INT, at + 32),
        file.asSlice(at + RECORD_BYTES, Integer.toUnsignedLong(file.get(INT, at))).asReadOnly());
  }

  /** Returns the CRC-32C of bytes, at most 2^30 and some. */
  static int crc(MemorySegment file, long at, long bytes) {
    CRC32C crc = new CRC32C();
    crc.update(file.asSlice(at, bytes).asByteBuffer());
    return (int) crc.getValue();
  }
}
