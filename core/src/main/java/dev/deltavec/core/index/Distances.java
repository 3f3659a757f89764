package dev.deltavec.core.index;

import dev.deltavec.core.Metric;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Kernels;

/**
 * Distances from one row to many slots, smaller is closer, never NaN: 1 - cosine (0 to 2), minus
 * the dot product, or the Euclidean distance. What overflows float in the kernels is computed once
 * more in double, and clamped.
 */
final class Distances extends Measure {
  /** Products of inverse norms over this mean dot products too small for float. */
  private static final float TINY_NORMS = 1e30f;

  /** Squared distances below this have lost digits, or all of them. */
  private static final float TINY_SQUARE = 1e-30f;

  private static final int COSINE = 0;
  private static final int DOT = 1;
  private static final int EUCLIDEAN = 2;

  private final Image image;
  private final Kernels kernels;
  private final int metric;
  private final int stride;
  private final int rows;
  private int query;
  private float queryInverse;

  /**
   * Distances over one image.
   *
   * @param image where the vectors are
   * @param kernels the platform's arithmetic
   * @param metric what a distance is
   * @throws dev.deltavec.core.DeltaException {@code OUT_OF_MEMORY}
   */
  Distances(Image image, Kernels kernels, Metric metric) {
    this(image, kernels, metric, new Buffer(image.heap()).reserve(MAX_BATCH * 8 + 64));
  }

  private Distances(Image image, Kernels kernels, Metric metric, int scratch) {
    super(image.memory(), scratch + MAX_BATCH * 4);
    this.image = image;
    this.kernels = kernels;
    this.metric = metric.ordinal(); // a switch over an enum costs a table look-up in every batch
    this.stride = image.stride();
    rows = scratch;
  }

  /**
   * Sets the row that distances are measured from.
   *
   * @param row address of {@link Image#stride} floats
   * @param inverse its inverse norm; only cosine uses it
   */
  @Override
  void from(int row, float inverse) {
    query = row;
    queryInverse = inverse;
  }

  @Override
  void from(int slot) {
    from(image.vector(slot), memory.getFloat(image.norm(slot)));
  }

  @Override
  void batch(int slots, int n) {
    if (!image.keepsFloats()) {
      for (int i = 0, end = n << 2; i < end; i += 4) {
        int slot = memory.getInt(slots + i);
        memory.putFloat(out + i, to(image.vector(slot)));
      }
      return;
    }
    for (int i = 0, end = n << 2; i < end; i += 4) {
      memory.putInt(rows + i, image.vector(memory.getInt(slots + i)));
    }
    switch (metric) {
      case COSINE -> {
        kernels.dotBatch(query, rows, n, stride, out);
        for (int i = 0, end = n << 2; i < end; i += 4) {
          float inverse = queryInverse * memory.getFloat(image.norm(memory.getInt(slots + i)));
          memory.putFloat(
              out + i, cosine(memory.getFloat(out + i), inverse, memory.getInt(rows + i)));
        }
      }
      case DOT -> {
        kernels.dotBatch(query, rows, n, stride, out);
        for (int i = 0, end = n << 2; i < end; i += 4) {
          memory.putFloat(out + i, dot(memory.getFloat(out + i), memory.getInt(rows + i)));
        }
      }
      default -> {
        kernels.squaredDistanceBatch(query, rows, n, stride, out);
        for (int i = 0, end = n << 2; i < end; i += 4) {
          memory.putFloat(out + i, euclidean(memory.getFloat(out + i), memory.getInt(rows + i)));
        }
      }
    }
  }

  /** Measures to one row that no slot has. */
  float to(int row) {
    return switch (metric) {
      case COSINE ->
          cosine(kernels.dot(query, row, stride), queryInverse * image.inverseNorm(row), row);
      case DOT -> dot(kernels.dot(query, row, stride), row);
      default -> euclidean(kernels.squaredDistance(query, row, stride), row);
    };
  }

  private float cosine(float dot, float inverse, int row) {
    float distance =
        !(Math.abs(dot) <= Float.MAX_VALUE) || inverse > TINY_NORMS
            ? cosineInDouble(row)
            : 1 - dot * inverse;
    return distance < 0 ? 0 : distance;
  }

  private float dot(float dot, int row) {
    return Math.abs(dot) <= Float.MAX_VALUE ? -dot : (float) -clamp(dotInDouble(query, row));
  }

  private float euclidean(float squared, int row) {
    return squared >= TINY_SQUARE && squared <= Float.MAX_VALUE
        ? (float) Math.sqrt(squared)
        : (float) clamp(distanceInDouble(row));
  }

  @Override
  float alpha() {
    // Cosine distances grow with the square of the angle, as squared distances do.
    return metric == EUCLIDEAN ? 1.0488f : 1.1f;
  }

  @Override
  float length(float distance) {
    return switch (metric) {
      case COSINE -> (float) Math.sqrt(2 * (double) distance);
      case DOT -> 1;
      default -> distance;
    };
  }

  /**
   * Turns a distance into the score that users see.
   *
   * @param distance a result of {@link #batch}
   * @return cosine similarity in -1 to 1, dot product, or Euclidean distance
   */
  float score(float distance) {
    return switch (metric) {
      case COSINE -> Math.max(-1, 1 - distance);
      case DOT -> 0 - distance;
      default -> distance;
    };
  }

  private float cosineInDouble(int row) {
    double norms = Math.sqrt(dotInDouble(query, query)) * Math.sqrt(dotInDouble(row, row));
    return norms == 0 ? 1 : (float) (1 - dotInDouble(query, row) / norms);
  }

  private double dotInDouble(int a, int b) {
    double sum = 0;
    for (int i = 0, end = stride << 2; i < end; i += 4) {
      sum += (double) memory.getFloat(a + i) * memory.getFloat(b + i);
    }
    return sum;
  }

  private double distanceInDouble(int row) {
    double sum = 0;
    for (int i = 0, end = stride << 2; i < end; i += 4) {
      double difference = (double) memory.getFloat(query + i) - memory.getFloat(row + i);
      sum += difference * difference;
    }
    return Math.sqrt(sum);
  }

  private static double clamp(double x) {
    return Math.max(-Float.MAX_VALUE, Math.min(Float.MAX_VALUE, x));
  }
}
