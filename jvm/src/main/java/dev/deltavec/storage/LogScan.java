package dev.deltavec.storage;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What is in a segment of the log.
 *
 * @param name of its file
 * @param file its bytes
 * @param header null if it is damaged
 * @param next number behind the last good record
 * @param end offset behind it
 * @param last that record, or null if there is none
 * @param open the last good OPEN record, or null
 * @param bad what is wrong behind it, or null if the good records fill the file
 * @param lost whether what is wrong was good once: there is a good record behind it that was
 *     written when all before the bad place was on disk. Else it may have gone with the power,
 *     before anybody was told that it is there
 */
record LogScan(
    String name,
    MemorySegment file,
    @Nullable FileHeader header,
    long next,
    long end,
    @Nullable LogRecord last,
    @Nullable LogRecord open,
    @Nullable String bad,
    boolean lost) {

  /**
   * Reads a segment through. O(bytes)
   *
   * @param first number of the first record that its name says
   * @throws DeltaException {@code UNSUPPORTED_VERSION}
   */
  static LogScan of(String name, MemorySegment file, long first) {
    FileHeader header = null;
    String bad = null;
    try {
      header = LogFormat.readLogHeader(file);
      if (header.number() != first) {
        bad = "its header names record " + header.number() + " as the first";
        header = null;
      }
    } catch (DeltaException e) {
      if (e.code() == ErrorCode.UNSUPPORTED_VERSION) {
        throw e;
      }
      bad = e.getMessage();
    }
    long at = header == null ? 0 : LogFormat.HEADER_BYTES;
    long next = first;
    LogRecord last = null;
    LogRecord open = null;
    while (bad == null && at < file.byteSize()) {
      long bytes = LogFormat.recordBytes(file, at);
      if (bytes < 0) {
        bad = "there is no whole record";
      } else if (LogFormat.recordNumber(file, at) != next) {
        bad = "there is record " + LogFormat.recordNumber(file, at) + ", not " + next;
      } else if (!LogFormat.recordHolds(file, at, bytes)) {
        bad = "record " + next + " is damaged";
      } else {
        last = LogFormat.record(file, at);
        open = last.kind() == LogFormat.OPEN ? last : open;
        at += bytes;
        next++;
      }
    }
    boolean behind = bad != null && wasGood(file, at, next);
    return new LogScan(name, file, header, next, at, last, open, bad, behind);
  }

  /**
   * Looks for a good record at any offset that was written when the one that is missing was on
   * disk. Few offsets look like one: a kind, zeroes, and a number not further ahead than there is
   * room for.
   */
  private static boolean wasGood(MemorySegment file, long from, long missing) {
    long most = missing + file.byteSize() / LogFormat.RECORD_BYTES;
    for (long at = from; at <= file.byteSize() - LogFormat.RECORD_BYTES; at++) {
      long bytes = LogFormat.recordBytes(file, at);
      if (bytes >= 0) {
        if (LogFormat.durableBefore(file, at) >= missing
            && LogFormat.recordNumber(file, at) <= most
            && LogFormat.recordHolds(file, at, bytes)) {
          return true;
        }
      }
    }
    return false;
  }

  /** Gives out the good records from a number on, in order. */
  void forEach(long from, Consumer<LogRecord> reader) {
    for (long at = LogFormat.HEADER_BYTES; header != null && at < end; ) {
      LogRecord record = LogFormat.record(file, at);
      if (record.number() >= from) {
        reader.accept(record);
      }
      at += LogFormat.RECORD_BYTES + record.payload().byteSize();
    }
  }
}
