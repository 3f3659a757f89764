package dev.deltavec.dataset;

import java.util.PriorityQueue;
import java.util.stream.IntStream;

/** Exact nearest neighbours by cosine, as the yardstick of recall. */
final class ExactSearch {
  private ExactSearch() {}

  private record Hit(int row, double score) implements Comparable<Hit> {
    /** Worst first; of equals, the higher row is the worse. */
    @Override
    public int compareTo(Hit other) {
      int order = Double.compare(score, other.score);
      return order != 0 ? order : Integer.compare(other.row, row);
    }
  }

  /**
   * The rows of {@code base} closest to each query, best first; of equals, the lower row first.
   * O(queries x count x dimensions).
   *
   * @param base vectors of unit length
   * @param count rows of {@code base} to look at
   * @param queries vectors of unit length
   * @param k neighbours of each query, at most {@code count}
   * @return shape queries x k
   */
  static int[][] search(float[][] base, int count, float[][] queries, int k) {
    return IntStream.range(0, queries.length)
        .parallel()
        .mapToObj(q -> nearest(base, count, queries[q], k))
        .toArray(int[][]::new);
  }

  private static int[] nearest(float[][] base, int count, float[] query, int k) {
    PriorityQueue<Hit> best = new PriorityQueue<>(k + 1);
    for (int row = 0; row < count; row++) {
      Hit hit = new Hit(row, dot(base[row], query));
      if (best.size() < k) {
        best.add(hit);
      } else if (hit.compareTo(best.element()) > 0) {
        best.remove();
        best.add(hit);
      }
    }
    int[] rows = new int[best.size()];
    for (int i = rows.length - 1; i >= 0; i--) {
      rows[i] = best.remove().row();
    }
    return rows;
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }
}
