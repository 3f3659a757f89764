package dev.deltavec.dataset;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Matrices on disk: little-endian, row-major, no header. */
final class VectorFile {
  private VectorFile() {}

  /**
   * Number of whole rows in a file, 0 where there is none. Cuts off a last row that is not whole,
   * as an interrupted run leaves it.
   *
   * @param columns float32 values in a row
   */
  static int rows(Path file, int columns) throws IOException {
    if (!Files.exists(file)) {
      return 0;
    }
    int width = columns * Float.BYTES;
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      long rows = channel.size() / width;
      channel.truncate(rows * width);
      return Math.toIntExact(rows);
    }
  }

  /** Appends rows of one length, and makes the file where there is none. */
  static void append(Path file, List<float[]> rows) throws IOException {
    if (rows.isEmpty()) {
      return;
    }
    ByteBuffer bytes =
        ByteBuffer.allocate(rows.size() * rows.getFirst().length * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    for (float[] row : rows) {
      for (float value : row) {
        bytes.putFloat(value);
      }
    }
    write(file, bytes.flip(), StandardOpenOption.APPEND);
  }

  /** Writes int32 rows of one length. */
  static void writeInts(Path file, int[][] rows) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(rows.length * rows[0].length * Integer.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int[] row : rows) {
      for (int value : row) {
        bytes.putInt(value);
      }
    }
    write(file, bytes.flip(), StandardOpenOption.TRUNCATE_EXISTING);
  }

  private static void write(Path file, ByteBuffer bytes, StandardOpenOption how)
      throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, how)) {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }
  }

  /**
   * Reads the first rows of a file.
   *
   * @param count rows to read, at most what {@link #rows} tells
   * @throws IOException if the file is shorter
   */
  static float[][] read(Path file, int count, int columns) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(count * columns * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel = FileChannel.open(file)) {
      while (bytes.hasRemaining()) {
        if (channel.read(bytes) < 0) {
          throw new IOException(
              "%s is shorter than %d rows of %d floats".formatted(file, count, columns));
        }
      }
    }
    bytes.flip();
    float[][] rows = new float[count][columns];
    for (float[] row : rows) {
      for (int j = 0; j < columns; j++) {
        row[j] = bytes.getFloat();
      }
    }
    return rows;
  }
}
