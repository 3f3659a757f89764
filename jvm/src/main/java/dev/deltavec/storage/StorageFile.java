package dev.deltavec.storage;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** A file of a {@link StorageDirectory}. */
public interface StorageFile extends AutoCloseable {
  /** Returns the length in bytes. */
  long size() throws IOException;

  /**
   * Returns the contents, to be read only, as they are now; the file must not be cut while they are
   * in use.
   *
   * @param arena how long they are valid
   */
  MemorySegment contents(Arena arena) throws IOException;

  /**
   * Writes all bytes of a buffer.
   *
   * @param at offset of the first, at most the file's length
   */
  void write(long at, ByteBuffer bytes) throws IOException;

  /** Cuts the file to a length that is at most its own. */
  void truncate(long size) throws IOException;

  /** Returns once everything that was written is on disk. */
  void force() throws IOException;

  @Override
  void close() throws IOException;
}
