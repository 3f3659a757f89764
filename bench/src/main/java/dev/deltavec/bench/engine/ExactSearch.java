package dev.deltavec.bench.engine;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * All live vectors once more, and exact search over them: the yardstick for recall, which shares
 * nothing with what it measures.
 */
final class ExactSearch {
  /** How much closer an exact neighbour must be to count as missed: what float sums may differ. */
  private static final double ROUNDING = 1e-5;

  /** Vectors of unit length. */
  private final Map<String, float[]> vectors = new HashMap<>();

  void set(String id, float[] vector) {
    double square = 0;
    for (float value : vector) {
      square += value * value;
    }
    float scale = square == 0 ? 0 : (float) (1 / Math.sqrt(square));
    float[] unit = new float[vector.length];
    for (int i = 0; i < unit.length; i++) {
      unit[i] = vector[i] * scale;
    }
    vectors.put(id, unit);
  }

  void delete(String id) {
    vectors.remove(id);
  }

  /**
   * The part of the {@code k} nearest that a result holds. A vector as close as the k-th nearest
   * counts, so that of equals either will do. O(size x dimensions)
   *
   * @param query of unit length
   */
  double recall(float[] query, List<String> ids, int k) {
    double[] all = vectors.values().stream().mapToDouble(vector -> dot(vector, query)).toArray();
    Arrays.sort(all);
    int wanted = Math.min(k, all.length);
    if (wanted == 0) {
      return 1;
    }
    double bound = all[all.length - wanted] - ROUNDING;
    Set<String> found = new HashSet<>();
    for (String id : ids.subList(0, Math.min(wanted, ids.size()))) {
      float[] vector = vectors.get(id);
      if (vector != null && dot(vector, query) >= bound) {
        found.add(id);
      }
    }
    return (double) found.size() / wanted;
  }

  private static double dot(float[] a, float[] b) {
    // Four sums: the additions need not wait for one another.
    float p = 0;
    float q = 0;
    float r = 0;
    float s = 0;
    int i = 0;
    for (; i + 3 < a.length; i += 4) {
      p += a[i] * b[i];
      q += a[i + 1] * b[i + 1];
      r += a[i + 2] * b[i + 2];
      s += a[i + 3] * b[i + 3];
    }
    for (; i < a.length; i++) {
      p += a[i] * b[i];
    }
    return (double) p + q + r + s;
  }
}
