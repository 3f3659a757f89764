package dev.deltavec.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Vectors of a data set: float32 rows of 384, little-endian, without a header. */
final class Rows {
  static final int DIMENSIONS = 384;

  private Rows() {}

  /** Reads up to {@code most} rows of a file. */
  static float[][] read(Path file, int most) {
    try {
      FloatBuffer values =
          ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
      float[][] rows = new float[Math.min(most, values.remaining() / DIMENSIONS)][DIMENSIONS];
      for (float[] row : rows) {
        values.get(row);
      }
      return rows;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
