package dev.deltavec.bench.engine;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Rows of {@value #DIMENSIONS} floats, read from a file without a header, little-endian.
 *
 * @param rows the vectors
 */
record Matrix(float[][] rows) {
  static final int DIMENSIONS = 384;

  /**
   * Reads a file.
   *
   * @throws IOException if it cannot be read, or does not hold whole rows
   */
  static Matrix read(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    int width = DIMENSIONS * Float.BYTES;
    if (bytes.length == 0 || bytes.length % width != 0) {
      throw new IOException(
          "%s: %d bytes are no whole rows of %d bytes".formatted(file, bytes.length, width));
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    float[][] rows = new float[bytes.length / width][DIMENSIONS];
    for (float[] row : rows) {
      for (int i = 0; i < DIMENSIONS; i++) {
        row[i] = buffer.getFloat();
      }
    }
    return new Matrix(rows);
  }

  float[] row(int index) {
    return rows[index];
  }

  int size() {
    return rows.length;
  }
}
