package dev.deltavec.storage;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Writes the log. Records are put into a buffer; whoever needs one on disk writes and forces all
 * that the buffer holds, for everybody: while one thread waits for the disk, the others append, and
 * the next force serves them all.
 *
 * <p>What the disk refuses is tried once more, from the first byte that is not known to be on disk:
 * a system that has failed to write may take the bytes for written. After that the log takes no
 * more.
 *
 * <p>Any number of threads may use it.
 */
public final class LogWriter {
  /** Over so many bytes in the buffer they are written soon, however far off the next time is. */
  private static final int SOON_BYTES = 1 << 20;

  /** Over so many bytes, who appends waits for the disk. */
  private static final int MOST_BYTES = 1 << 24;

  private final StorageDirectory directory;
  private final UUID id;
  private final int dimensions;
  private final boolean strict;
  private final long flushNanos;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  private StorageFile file;

  /** Offset in the file of the buffer's first byte. */
  private long offset;

  private byte[] buffer = new byte[1 << 12];
  private int buffered;

  /** Bytes that were taken out of the buffer and are being written. */
  private int underway;

  private byte[] spare = new byte[1 << 12];

  private long last;
  private long durable;
  private long written;
  private boolean flushing;
  private boolean planned;
  private boolean closed;
  private @Nullable DeltaException failure;

  /**
   * Goes on with the log.
   *
   * @param strict whether {@link #settle} waits for the disk
   * @param flush how far the disk may be behind otherwise
   * @param tail where the log ends
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}
   */
  public LogWriter(
      StorageDirectory directory,
      UUID id,
      int dimensions,
      boolean strict,
      Duration flush,
      Recovery.Tail tail) {
    this.directory = directory;
    this.id = id;
    this.dimensions = dimensions;
    this.strict = strict;
    flushNanos =
        flush.compareTo(Duration.ofDays(1)) > 0 ? Duration.ofDays(1).toNanos() : flush.toNanos();
    last = tail.next() - 1;
    durable = last;
    String segment = tail.segment();
    try {
      if (segment == null) {
        file = begin(tail.next());
      } else {
        file = directory.open(segment);
        offset = tail.offset();
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private DeltaException failed(IOException e) {
    return Failures.of("write the log in " + directory.name(), e);
  }

  /** Makes a segment, of which only the header is on disk when this returns. */
  private StorageFile begin(long first) throws IOException {
    StorageFile segment = directory.open(LogFormat.name(LogFormat.LOG, first));
    try {
      byte[] header = LogFormat.logHeader(first, id, dimensions);
      segment.truncate(0);
      segment.write(0, ByteBuffer.wrap(header));
      segment.force();
      directory.force();
      offset = header.length;
      return segment;
    } catch (IOException e) {
      segment.close();
      throw e;
    }
  }

  /** Returns the number of the last record. */
  public long last() {
    lock.lock();
    try {
      return last;
    } finally {
      lock.unlock();
    }
  }

  /** Returns the bytes of all records that were appended here. */
  public long bytes() {
    lock.lock();
    try {
      return written;
    } finally {
      lock.unlock();
    }
  }

  /** Returns the bytes of records that are not known to be on disk. */
  public long pendingBytes() {
    lock.lock();
    try {
      return (long) buffered + underway;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Fails if the log takes no more.
   *
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}
   */
  public void requireWritable() {
    lock.lock();
    try {
      requireNoFailure();
    } finally {
      lock.unlock();
    }
  }

  private void requireNoFailure() {
    DeltaException before = failure;
    if (before != null) {
      throw Failures.caused(
          before.code(),
          "the database takes no more changes, as its log is not whole: " + before.getMessage(),
          before);
    }
  }

  /**
   * Appends a record.
   *
   * @return its number, for {@link #settle}
   * @throws DeltaException as {@link #requireWritable}
   */
  public long append(int kind, int count, double clock, int sequence, MemorySegment payload) {
    lock.lock();
    try {
      requireNoFailure();
      long bytes = LogFormat.RECORD_BYTES + payload.byteSize();
      if (payload.byteSize() > LogFormat.MAX_PAYLOAD) {
        throw fail(
            new DeltaException(
                ErrorCode.STORAGE_FAILED, "a change of " + bytes + " bytes is too large to keep"));
      }
      if (buffered > 0 && buffered + bytes > LogFormat.MAX_PAYLOAD) {
        flushTo(last);
      }
      reserve(buffered + (int) bytes);
      LogRecord record = new LogRecord(last + 1, kind, count, clock, sequence, payload);
      buffered = LogFormat.writeRecord(buffer, buffered, record);
      written += bytes;
      return ++last;
    } catch (OutOfMemoryError e) {
      throw fail(
          new DeltaException(ErrorCode.STORAGE_FAILED, "no memory to keep a change in the log"));
    } finally {
      lock.unlock();
    }
  }

  private void reserve(int bytes) {
    if (bytes > buffer.length) {
      buffer = Arrays.copyOf(buffer, Math.max(bytes, (int) Math.min(2L * buffer.length, 1 << 30)));
    }
  }

  private DeltaException fail(DeltaException error) {
    failure = error;
    changed.signalAll();
    return error;
  }

  /**
   * Sees to it that a record is as durable as records of this log are when a call returns: on disk,
   * or about to be.
   *
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}
   */
  public void settle(long record) {
    lock.lock();
    try {
      if (strict || buffered > MOST_BYTES) {
        flushTo(record);
      } else if (durable < record) {
        requireNoFailure();
        plan();
      }
    } finally {
      lock.unlock();
    }
  }

  private void plan() {
    boolean soon = buffered > SOON_BYTES;
    if (!planned || soon) {
      planned = true;
      Background.EXECUTOR.schedule(this::flushQuietly, soon ? 0 : flushNanos, TimeUnit.NANOSECONDS);
    }
  }

  private void flushQuietly() {
    lock.lock();
    try {
      planned = false;
      flushTo(last);
    } catch (DeltaException e) {
      // Whoever writes next, or closes, is told.
    } finally {
      lock.unlock();
    }
  }

  /** Returns once all records so far are on disk. */
  public void flush() {
    lock.lock();
    try {
      flushTo(last);
    } finally {
      lock.unlock();
    }
  }

  /** With the lock, which is given up meanwhile. */
  private void flushTo(long record) {
    while (durable < record) {
      requireNoFailure();
      if (flushing) {
        changed.awaitUninterruptibly();
      } else {
        flushBuffer();
      }
    }
  }

  private void flushBuffer() {
    byte[] bytes = buffer;
    int count = buffered;
    long from = durable;
    long to = last;
    long at = offset;
    buffer = spare;
    buffered = 0;
    underway = count;
    offset = at + count;
    flushing = true;
    DeltaException error = null;
    lock.unlock();
    try {
      LogFormat.seal(bytes, count, from);
      error = writeTwice(at, bytes, count);
    } finally {
      lock.lock();
      flushing = false;
      spare = bytes.length > MOST_BYTES ? new byte[1 << 12] : bytes;
      if (error == null) {
        underway = 0;
        durable = to;
      } else {
        failure = error;
      }
      changed.signalAll();
    }
    if (error != null) {
      throw error;
    }
  }

  private @Nullable DeltaException writeTwice(long at, byte[] bytes, int count) {
    try {
      write(at, bytes, count);
      return null;
    } catch (IOException first) {
      try {
        write(at, bytes, count);
        return null;
      } catch (IOException second) {
        second.addSuppressed(first);
        return failed(second);
      }
    }
  }

  private void write(long at, byte[] bytes, int count) throws IOException {
    file.write(at, ByteBuffer.wrap(bytes, 0, count));
    file.force();
  }

  /**
   * Goes on in a new segment, with all records so far on disk.
   *
   * @param skipped how many numbers no record shall have
   * @throws DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}
   */
  public void rotate(int skipped) {
    lock.lock();
    try {
      requireNoFailure();
      flushTo(last);
      long first = last + skipped + 1;
      StorageFile old = file;
      try {
        file = begin(first);
      } catch (IOException e) {
        try {
          file = begin(first);
        } catch (IOException again) {
          throw fail(failed(again));
        }
      }
      last = first - 1;
      durable = last;
      closeQuietly(old);
    } finally {
      lock.unlock();
    }
  }

  private static void closeQuietly(StorageFile file) {
    try {
      file.close();
    } catch (IOException e) {
      // What it holds has been forced.
    }
  }

  /** Closes the file as it is. */
  public void abandon() {
    lock.lock();
    try {
      if (!closed) {
        closed = true;
        closeQuietly(file);
        fail(new DeltaException(ErrorCode.STORAGE_FAILED, "the files have been given up"));
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Writes what is left, and closes the file. Closing again does nothing.
   *
   * @throws DeltaException if not all records are on disk
   */
  public void close() {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      try {
        flushTo(last);
      } finally {
        closeQuietly(file);
        fail(new DeltaException(ErrorCode.CLOSED, "the database is closed"));
      }
    } finally {
      lock.unlock();
    }
  }
}
