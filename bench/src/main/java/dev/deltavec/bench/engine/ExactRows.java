package dev.deltavec.bench.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The vectors that a database should hold, and exact search by cosine over them in doubles: the
 * yardstick for recall, which shares nothing with what it measures; the twin of {@code
 * packages/cli/src/bench/churn/exact-rows.ts}.
 */
final class ExactRows {
  /** Queries that are held against a row at a time: their sums need not wait for one another. */
  private static final int BLOCK = 8;

  /** What sums of doubles may differ by when two vectors are equally close. */
  private static final double ROUNDING = 1e-9;

  private final Map<String, Row> rows = new LinkedHashMap<>();

  /**
   * A vector.
   *
   * @param scale 1 by its length; 0 without length
   */
  private record Row(float[] vector, double scale) {}

  /**
   * How close the last of the nearest of each query is.
   *
   * @param wanted how many vectors a complete result has
   */
  record Truth(double[] bounds, int wanted) {}

  int size() {
    return rows.size();
  }

  /** All ids, in the order in which they came. */
  List<String> ids() {
    return new ArrayList<>(rows.keySet());
  }

  boolean has(String id) {
    return rows.containsKey(id);
  }

  /** A vector that is there. */
  float[] get(String id) {
    Row row = rows.get(id);
    if (row == null) {
      throw new IllegalArgumentException(id);
    }
    return row.vector;
  }

  /** Adds or replaces a vector, which must not change any more. */
  void set(String id, float[] vector) {
    double square = 0;
    for (float value : vector) {
      square += (double) value * value;
    }
    rows.put(id, new Row(vector, square == 0 ? 0 : 1 / Math.sqrt(square)));
  }

  void delete(String id) {
    rows.remove(id);
  }

  /**
   * How close the {@code k}-th nearest of each query is among the vectors that pass. O(queries x
   * vectors x dimensions)
   *
   * @param queries of unit length
   */
  Truth truth(List<float[]> queries, int k, Predicate<String> passes) {
    List<Row> passing = new ArrayList<>();
    rows.forEach((id, row) -> {
      if (passes.test(id)) {
        passing.add(row);
      }
    });
    int wanted = Math.min(k, passing.size());
    double[] bounds = new double[queries.size()];
    if (wanted == 0) {
      return new Truth(bounds, 0);
    }
    double[] sums = new double[BLOCK];
    for (int from = 0; from < bounds.length; from += BLOCK) {
      int size = Math.min(BLOCK, bounds.length - from);
      double[] block = interleaved(queries.subList(from, from + size));
      double[][] best = new double[size][wanted];
      for (double[] each : best) {
        Arrays.fill(each, Double.NEGATIVE_INFINITY);
      }
      for (Row row : passing) {
        dots(block, row.vector, sums);
        for (int q = 0; q < size; q++) {
          insert(best[q], sums[q] * row.scale);
        }
      }
      for (int q = 0; q < size; q++) {
        bounds[from + q] = best[q][0];
      }
    }
    return new Truth(bounds, wanted);
  }

  /**
   * The part of the nearest that a result holds. A vector as close as the last of them counts, so
   * that of equals either will do; one that is not there does not, nor does one that came before.
   *
   * @param query the query of {@code truth} at {@code index}
   */
  double recall(Truth truth, int index, float[] query, List<String> ids) {
    if (truth.wanted == 0) {
      return 1;
    }
    Set<String> found = new HashSet<>();
    for (String id : ids.subList(0, Math.min(truth.wanted, ids.size()))) {
      if (similarity(query, rows.get(id)) >= truth.bounds[index] - ROUNDING) {
        found.add(id);
      }
    }
    return (double) found.size() / truth.wanted;
  }

  private static double similarity(float[] query, @Nullable Row row) {
    if (row == null) {
      return Double.NEGATIVE_INFINITY;
    }
    // In the order of `dots`, so that both give the same to the bit.
    double sum = 0;
    for (int i = 0; i < query.length; i++) {
      sum += (double) query[i] * row.vector[i];
    }
    return sum * row.scale;
  }

  /** Value i of each query, then value i + 1; zeros for the queries that are missing. */
  private static double[] interleaved(List<float[]> queries) {
    int length = queries.getFirst().length;
    double[] block = new double[BLOCK * length];
    for (int q = 0; q < queries.size(); q++) {
      for (int i = 0; i < length; i++) {
        block[i * BLOCK + q] = queries.get(q)[i];
      }
    }
    return block;
  }

  private static void dots(double[] block, float[] vector, double[] sums) {
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    double e = 0;
    double f = 0;
    double g = 0;
    double h = 0;
    for (int i = 0, at = 0; i < vector.length; i++, at += BLOCK) {
      double value = vector[i];
      a += block[at] * value;
      b += block[at + 1] * value;
      c += block[at + 2] * value;
      d += block[at + 3] * value;
      e += block[at + 4] * value;
      f += block[at + 5] * value;
      g += block[at + 6] * value;
      h += block[at + 7] * value;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
    sums[4] = e;
    sums[5] = f;
    sums[6] = g;
    sums[7] = h;
  }

  /** Puts a value among the largest, which are ascending, if it belongs to them. */
  private static void insert(double[] best, double value) {
    if (value <= best[0]) {
      return;
    }
    int i = 0;
    for (; i + 1 < best.length && best[i + 1] < value; i++) {
      best[i] = best[i + 1];
    }
    best[i] = value;
  }
}
