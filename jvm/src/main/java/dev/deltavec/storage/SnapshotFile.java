package dev.deltavec.storage;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A file with a snapshot, base or increment, that is whole.
 *
 * @param name of the file
 * @param header of the file
 * @param stream the snapshot's bytes
 */
record SnapshotFile(String name, FileHeader header, MemorySegment stream) {
  private static final int MAGIC = 0x31535644; // DVS1
  private static final int SECTION_BYTES = 16;
  private static final int MAX_PAYLOAD = 1 << 22;
  private static final int END = 9;

  static String name(long records, @Nullable Long buildsOn) {
    return LogFormat.name(buildsOn == null ? LogFormat.SNAPSHOT : LogFormat.INCREMENT, records);
  }

  /**
   * Reads a file through. O(bytes)
   *
   * @throws DeltaException {@code CORRUPT_DATA} if it is not whole, {@code UNSUPPORTED_VERSION}
   */
  static SnapshotFile read(String name, MemorySegment file) {
    FileHeader header = LogFormat.readSnapshotHeader(file);
    if (!name(header.number(), header.buildsOn()).equals(name)) {
      throw Failures.corrupt("the snapshot's header is that of another file");
    }
    MemorySegment stream = file.asSlice(LogFormat.HEADER_BYTES).asReadOnly();
    long at = 0;
    int sections = 0;
    boolean ended = false;
    while (at < stream.byteSize()) {
      if (ended
          || stream.byteSize() - at < SECTION_BYTES
          || stream.get(LogFormat.INT, at) != MAGIC) {
        throw Failures.corrupt("no section at byte " + (at + LogFormat.HEADER_BYTES));
      }
      int payload = stream.get(LogFormat.INT, at + 8);
      if (payload < 0
          || payload > MAX_PAYLOAD
          || payload > stream.byteSize() - at - SECTION_BYTES) {
        throw Failures.corrupt("the section at byte " + at + " is cut off");
      }
      if (stream.get(LogFormat.INT, at + 12) != checksum(stream, at, payload)) {
        throw Failures.corrupt("the section at byte " + at + " is damaged");
      }
      ended = stream.get(LogFormat.INT, at + 4) == END;
      if (ended && (payload < 4 || stream.get(LogFormat.INT, at + SECTION_BYTES) != sections)) {
        throw Failures.corrupt("sections are missing");
      }
      sections++;
      at += SECTION_BYTES + payload;
    }
    if (!ended) {
      throw Failures.corrupt("the snapshot has no end");
    }
    return new SnapshotFile(name, header, stream);
  }

  private static int checksum(MemorySegment stream, long section, int payload) {
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(stream.asSlice(section + 4, 8).asByteBuffer());
    crc.update(stream.asSlice(section + SECTION_BYTES, payload).asByteBuffer());
    return (int) crc.getValue();
  }

  /** As {@link #read}, but null for what is not whole. */
  static @Nullable SnapshotFile readIfWhole(String name, MemorySegment file) {
    try {
      return read(name, file);
    } catch (DeltaException e) {
      if (e.code() == ErrorCode.CORRUPT_DATA) {
        return null;
      }
      throw e;
    }
  }

  /**
   * Writes a file, and reads it again to prove that it is whole.
   *
   * @return its bytes
   */
  static long write(
      StorageDirectory directory,
      long records,
      UUID id,
      @Nullable Long buildsOn,
      long mark,
      List<MemorySegment> pieces)
      throws IOException {
    String name = name(records, buildsOn);
    try (StorageFile file = directory.open(name)) {
      file.truncate(0);
      byte[] header = LogFormat.snapshotHeader(records, id, buildsOn, mark);
      file.write(0, ByteBuffer.wrap(header));
      long at = header.length;
      for (MemorySegment piece : pieces) {
        file.write(at, piece.asByteBuffer());
        at += piece.byteSize();
      }
      file.force();
      directory.force();
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment contents = file.contents(arena);
        read(name, contents);
        if (contents.byteSize() != at) {
          throw new IOException(name + " has " + contents.byteSize() + " bytes, not " + at);
        }
      } catch (DeltaException e) {
        throw new IOException(name + " is not what was written: " + e.getMessage(), e);
      }
      return at;
    }
  }
}
