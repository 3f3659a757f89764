package dev.deltavec;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.jvm.SegmentMemory;
import java.time.Instant;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Writes deltas as frames ({@code docs/format.md}) straight into memory. Checks their shape; what
 * depends on the database (dimensions, existence, range of indices) and the values of floats is
 * left to the core. Allocates nothing, unless the indices of a sparse delta do not ascend.
 */
final class FrameWriter {
  /** Header, length of the id, time, number of values, length of the patch. */
  private static final int FIXED_BYTES = Frame.HEADER_BYTES + 2 + 6 + 5 + 5;

  /** The most bytes of UTF-8 for a char. */
  private static final int UTF8_PER_CHAR = 3;

  private final SegmentMemory memory;
  private final boolean compression;

  /** Position in the batch, for messages; -1 outside of a batch. */
  private int index;

  /**
   * A writer into one memory.
   *
   * @param compression whether indices are written as runs where that is shorter
   */
  FrameWriter(SegmentMemory memory, boolean compression) {
    this.memory = memory;
    this.compression = compression;
  }

  /** Returns how many bytes the frame of a delta takes at most. O(1) */
  static long mostBytes(VectorDelta delta) {
    long chars = delta.vectorId().length();
    String metadata = delta.metadata();
    if (metadata != null) {
      chars += metadata.length();
    }
    long values =
        switch (delta.operation()) {
          case DeltaOperation.Create create -> 4L * create.vector().length;
          case DeltaOperation.Sparse sparse -> 9L * sparse.values().length;
          case DeltaOperation.Dense dense -> 4L * dense.vector().length;
          case DeltaOperation.Scale scale -> 4;
          case DeltaOperation.Offset offset -> 4;
          case DeltaOperation.Delete delete -> 0;
        };
    return FIXED_BYTES + UTF8_PER_CHAR * chars + values;
  }

  /**
   * Checks what must be so before room is asked for.
   *
   * @param delta what is going to be written
   * @param position in its batch, or -1
   * @throws DeltaException {@code INVALID_ARGUMENT}; {@code DIMENSION_MISMATCH} for a vector that
   *     no database takes
   */
  void check(VectorDelta delta, int position) {
    index = position;
    String id = delta.vectorId();
    String problem = idProblem(id);
    if (problem != null) {
      throw error(ErrorCode.INVALID_ARGUMENT, null, problem);
    }
    switch (delta.operation()) {
      case DeltaOperation.Create create -> checkLength(id, create.vector());
      case DeltaOperation.Dense dense -> checkLength(id, dense.vector());
      case DeltaOperation.Sparse sparse -> {
        int n = sparse.indices().length;
        if (n != sparse.values().length) {
          throw invalid(id, n + " indices, but " + sparse.values().length + " values");
        }
        if (n > DatabaseOptions.MAX_DIMENSIONS) {
          throw invalid(id, n + " indices are more than any vector has");
        }
      }
      case DeltaOperation.Delete delete -> {
        if (delta.metadata() != null) {
          throw invalid(id, "delete takes no metadata");
        }
      }
      case DeltaOperation.Scale scale -> {}
      case DeltaOperation.Offset offset -> {}
    }
    String metadata = delta.metadata();
    if (metadata != null) {
      int bytes = utf8Bytes(metadata);
      if (bytes < 0) {
        throw invalid(id, "metadata holds a lone surrogate, which UTF-8 cannot");
      }
      if (bytes > Frame.MAX_BYTES - (1 << 20)) {
        throw invalid(id, "metadata of " + bytes + " bytes is longer than a delta can be");
      }
    }
    Instant timestamp = delta.timestamp();
    if (timestamp != null) {
      long second = timestamp.getEpochSecond();
      if (second < 0
          || second > Frame.TIME_LIMIT / 1000
          || timestamp.toEpochMilli() >= Frame.TIME_LIMIT) {
        throw invalid(id, "timestamp " + timestamp + " lies before 1970 or beyond 48 bits");
      }
    }
  }

  private void checkLength(String id, float[] vector) {
    if (vector.length > DatabaseOptions.MAX_DIMENSIONS) {
      throw error(
          ErrorCode.DIMENSION_MISMATCH, id, vector.length + " values are more than any vector has");
    }
  }

  /**
   * Writes the frame of a delta that has been {@link #check checked}.
   *
   * @param frame address of at least {@link #mostBytes} bytes
   * @param delta what to write
   * @param position in its batch, or -1
   * @return the address behind the frame
   * @throws DeltaException {@code INVALID_ARGUMENT} for a negative or repeated index
   */
  int write(int frame, VectorDelta delta, int position) {
    index = position;
    String id = delta.vectorId();
    String metadata = delta.metadata();
    Instant timestamp = delta.timestamp();
    int at = frame + Frame.HEADER_BYTES;
    int idBytes = utf8Bytes(id);
    at = putUtf8(putVarint(at, idBytes), id, idBytes);
    int kind = 0;
    if (timestamp != null) {
      kind |= Frame.TIMED;
      long time = timestamp.toEpochMilli();
      memory.putInt(at, (int) time);
      memory.putByte(at + 4, (byte) (time >>> 32));
      memory.putByte(at + 5, (byte) (time >>> 40));
      at += 6;
    }
    switch (delta.operation()) {
      case DeltaOperation.Create create -> {
        kind |= Frame.CREATE;
        at = putVector(at, create.vector());
      }
      case DeltaOperation.Sparse sparse -> {
        int[] indices = sparse.indices();
        float[] values = sparse.values();
        int end = putGaps(at, id, indices);
        if (end == 0) {
          long[] order = order(indices);
          indices = indices(id, order);
          values = values(order, values);
          end = putGaps(at, id, indices);
        }
        // A run takes two bytes at least.
        boolean runs = compression && 2 * runs(indices) + 1 < end - at;
        runs = runs && runBytes(indices) < end - at;
        kind |= runs ? Frame.RUNS : Frame.SPARSE;
        at = runs ? putRuns(at, indices) : end;
        memory.putFloats(at, values);
        at += values.length << 2;
      }
      case DeltaOperation.Dense dense -> {
        kind |= Frame.DENSE;
        at = putVector(at, dense.vector());
      }
      case DeltaOperation.Scale scale -> {
        kind |= Frame.SCALE;
        memory.putFloat(at, scale.factor());
        at += 4;
      }
      case DeltaOperation.Offset offset -> {
        kind |= Frame.OFFSET;
        memory.putFloat(at, offset.amount());
        at += 4;
      }
      case DeltaOperation.Delete delete -> kind |= Frame.DELETE;
    }
    if (metadata != null) {
      kind |= Frame.METADATA;
      int bytes = utf8Bytes(metadata);
      at = putUtf8(putVarint(at, bytes), metadata, bytes);
    }
    memory.putInt(frame, at - frame | Frame.VERSION << 24);
    memory.putInt(frame + 4, 0); // not sealed
    memory.putByte(frame + 8, (byte) kind);
    return at;
  }

  private int putVector(int start, float[] vector) {
    int at = putVarint(start, vector.length);
    memory.putFloats(at, vector);
    return at + (vector.length << 2);
  }

  /** Returns each index with its position behind it, in ascending order. */
  private static long[] order(int[] indices) {
    long[] order = new long[indices.length];
    for (int i = 0; i < order.length; i++) {
      order[i] = (long) indices[i] << 32 | i;
    }
    Arrays.sort(order);
    return order;
  }

  private int[] indices(String id, long[] order) {
    int[] ascending = new int[order.length];
    for (int i = 0; i < order.length; i++) {
      ascending[i] = (int) (order[i] >>> 32);
      if (i > 0 && ascending[i] == ascending[i - 1]) {
        throw invalid(id, "index " + ascending[i] + " is repeated");
      }
    }
    return ascending;
  }

  private static float[] values(long[] order, float[] values) {
    float[] ordered = new float[order.length];
    for (int i = 0; i < order.length; i++) {
      ordered[i] = values[(int) order[i]];
    }
    return ordered;
  }

  /**
   * Writes the number of indices, and ascending ones as distances. Returns the address behind, or 0
   * if they do not ascend.
   */
  private int putGaps(int start, String id, int[] indices) {
    int at = putVarint(start, indices.length);
    int least = 0;
    for (int i : indices) {
      if (i < 0) {
        throw invalid(id, "index " + i + " is negative");
      }
      if (i < least) {
        return 0;
      }
      at = putVarint(at, i - least);
      least = i + 1;
    }
    return at;
  }

  /** Writes the number of runs, and ascending indices as runs. Returns the address behind. */
  private int putRuns(int start, int[] indices) {
    int at = putVarint(start, runs(indices));
    int least = 0;
    for (int i = 0; i < indices.length; ) {
      int end = runEnd(indices, i);
      at = putVarint(putVarint(at, indices[i] - least), end - i - 1);
      least = indices[end - 1] + 1;
      i = end;
    }
    return at;
  }

  /** Returns the position behind the run that begins at position {@code i}. */
  private static int runEnd(int[] indices, int i) {
    int end = i + 1;
    while (end < indices.length && indices[end] == indices[end - 1] + 1) {
      end++;
    }
    return end;
  }

  private static int runs(int[] indices) {
    int runs = 0;
    for (int i = 0; i < indices.length; i++) {
      runs += i == 0 || indices[i] != indices[i - 1] + 1 ? 1 : 0;
    }
    return runs;
  }

  /** Returns the bytes of ascending indices written as distances, with their number. */
  static int gapBytes(int[] indices) {
    int bytes = varintBytes(indices.length);
    int least = 0;
    for (int i : indices) {
      bytes += varintBytes(i - least);
      least = i + 1;
    }
    return bytes;
  }

  /** Returns the bytes of ascending indices written as runs, with their number. */
  static int runBytes(int[] indices) {
    int bytes = varintBytes(runs(indices));
    int least = 0;
    for (int i = 0; i < indices.length; ) {
      int end = runEnd(indices, i);
      bytes += varintBytes(indices[i] - least) + varintBytes(end - i - 1);
      least = indices[end - 1] + 1;
      i = end;
    }
    return bytes;
  }

  /** Returns the bytes of a number of 0 or more as a varint. */
  static int varintBytes(int value) {
    return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : value < 1 << 28 ? 4 : 5;
  }

  private int putVarint(int start, int value) {
    int at = start;
    int rest = value;
    for (; rest > 0x7f; rest >>>= 7) {
      memory.putByte(at++, (byte) (rest | 0x80));
    }
    memory.putByte(at, (byte) rest);
    return at + 1;
  }

  /**
   * Writes the id of a vector, to look it up.
   *
   * @param at address of three bytes for each char
   * @return its length in bytes
   * @throws DeltaException {@code INVALID_ARGUMENT}
   */
  int writeId(int at, String id) {
    String problem = idProblem(id);
    if (problem != null) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, problem);
    }
    int bytes = utf8Bytes(id);
    putUtf8(at, id, bytes);
    return bytes;
  }

  private static @Nullable String idProblem(String id) {
    if (id.isEmpty()) {
      return "vectorId is empty";
    }
    // No need to read one that is too long in any case.
    int bytes = id.length() > Frame.MAX_ID_BYTES ? Integer.MAX_VALUE : utf8Bytes(id);
    if (bytes < 0) {
      return "vectorId " + quote(id) + " holds a lone surrogate, which UTF-8 cannot";
    }
    return bytes <= Frame.MAX_ID_BYTES
        ? null
        : "vectorId " + quote(id) + " is longer than " + Frame.MAX_ID_BYTES + " bytes in UTF-8";
  }

  /** Returns the length of a text in UTF-8, or -1 if it holds a lone surrogate. O(length) */
  private static int utf8Bytes(String text) {
    int length = text.length();
    long bytes = length;
    for (int i = 0; i < length; i++) {
      char c = text.charAt(i);
      if (c < 0x80) {
        continue;
      }
      if (c < 0x800) {
        bytes++;
      } else if (!Character.isSurrogate(c)) {
        bytes += 2;
      } else if (Character.isHighSurrogate(c)
          && i + 1 < length
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        bytes += 2; // four for the two chars
        i++;
      } else {
        return -1;
      }
    }
    return (int) Math.min(bytes, Integer.MAX_VALUE);
  }

  /** Writes well-formed text whose length in UTF-8 is known; returns the address behind. */
  private int putUtf8(int start, String text, int bytes) {
    int length = text.length();
    int at = start;
    if (bytes == length) {
      for (int i = 0; i < length; i++) {
        memory.putByte(at++, (byte) text.charAt(i));
      }
      return at;
    }
    for (int i = 0; i < length; i++) {
      int point = text.codePointAt(i);
      if (point < 0x80) {
        memory.putByte(at++, (byte) point);
      } else if (point < 0x800) {
        memory.putByte(at++, (byte) (0xc0 | point >> 6));
        memory.putByte(at++, (byte) (0x80 | point & 0x3f));
      } else if (point < 0x10000) {
        memory.putByte(at++, (byte) (0xe0 | point >> 12));
        memory.putByte(at++, (byte) (0x80 | point >> 6 & 0x3f));
        memory.putByte(at++, (byte) (0x80 | point & 0x3f));
      } else {
        memory.putByte(at++, (byte) (0xf0 | point >> 18));
        memory.putByte(at++, (byte) (0x80 | point >> 12 & 0x3f));
        memory.putByte(at++, (byte) (0x80 | point >> 6 & 0x3f));
        memory.putByte(at++, (byte) (0x80 | point & 0x3f));
        i++;
      }
    }
    return at;
  }

  /** Quotes a text for a message: cut to 64 chars; what cannot be shown is written as JSON does. */
  private static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    text.codePoints()
        .limit(64)
        .forEach(point -> {
          if (Character.isISOControl(point) || (point >= 0xd800 && point <= 0xdfff)) {
            quoted.append(String.format("\\u%04x", point));
          } else {
            quoted.appendCodePoint(point);
          }
        });
    return quoted.append(text.length() > 64 ? "…\"" : "\"").toString();
  }

  private DeltaException invalid(String id, String what) {
    return error(ErrorCode.INVALID_ARGUMENT, id, what);
  }

  private DeltaException error(ErrorCode code, @Nullable String id, String what) {
    String where = index < 0 ? "delta" : "delta " + index;
    String whose = id == null ? "" : " (vector " + quote(id) + ")";
    return new DeltaException(code, where + whose + ": " + what, index);
  }
}
