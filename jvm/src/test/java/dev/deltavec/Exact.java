package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.deltavec.core.Metric;
import dev.deltavec.core.support.Generator;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Search by comparing with every vector in double, to measure the database's by. */
final class Exact {
  private Exact() {}

  static double score(Metric metric, float[] a, float[] b) {
    double dot = 0;
    double squares = 0;
    double otherSquares = 0;
    double distance = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
      squares += (double) a[i] * a[i];
      otherSquares += (double) b[i] * b[i];
      distance += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
    }
    return switch (metric) {
      case DOT -> dot;
      case EUCLIDEAN -> Math.sqrt(distance);
      case COSINE ->
          squares == 0 || otherSquares == 0 ? 0 : dot / Math.sqrt(squares * otherSquares);
    };
  }

  /** The largest score that vectors of these lengths can have, for what rounding may do. */
  static double largest(Metric metric, float[] a, float[] b) {
    double one = Math.sqrt(score(Metric.DOT, a, a));
    double two = Math.sqrt(score(Metric.DOT, b, b));
    return switch (metric) {
      case COSINE -> 1;
      case DOT -> one * two;
      case EUCLIDEAN -> one + two;
    };
  }

  static int sign(Metric metric) {
    return metric == Metric.EUCLIDEAN ? 1 : -1;
  }

  /** The scores of the k closest, best first. */
  static List<Double> exact(Metric metric, Map<String, float[]> vectors, float[] query, int k) {
    return vectors.values().stream()
        .map(vector -> score(metric, query, vector))
        .sorted(Comparator.comparingDouble(s -> sign(metric) * s))
        .limit(k)
        .toList();
  }

  /** Checks that hits are right in themselves: true scores, in order, no vector twice. */
  static void sound(
      Metric metric, Map<String, float[]> vectors, float[] query, List<SearchResult> hits) {
    Set<String> ids = new HashSet<>();
    double before = Double.NEGATIVE_INFINITY;
    for (SearchResult hit : hits) {
      float[] vector = Objects.requireNonNull(vectors.get(hit.id()), "found " + hit.id());
      assertThat((double) hit.score())
          .as("score of %s", hit.id())
          .isCloseTo(
              score(metric, query, vector),
              within(4e-6 * largest(metric, query, vector) + Float.MIN_VALUE));
      double ordered = sign(metric) * (double) hit.score();
      assertThat(ordered).isGreaterThanOrEqualTo(before);
      before = ordered;
      assertThat(ids.add(hit.id())).as("%s is found once", hit.id()).isTrue();
    }
  }

  /** Number of hits that are as close as the exact ones. */
  static long recalled(Metric metric, List<Double> exact, List<SearchResult> hits) {
    double last = exact.getLast();
    double slack = 1e-5 * Math.max(1, Math.abs(last));
    return hits.stream().filter(hit -> sign(metric) * (hit.score() - last) <= slack).count();
  }

  static Map<String, float[]> fill(DeltaVectorDB db, Generator random, int count) {
    Map<String, float[]> vectors = new LinkedHashMap<>();
    List<VectorDelta> batch = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      float[] vector = random.vector(db.options().dimensions());
      vectors.put("v" + i, vector);
      batch.add(VectorDelta.create("v" + i, vector));
    }
    db.applyDeltas(batch);
    return vectors;
  }
}
