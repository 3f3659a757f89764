package dev.deltavec.bench.engine;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * The data of {@code bench churn}: as many vectors as are asked for; the twin of {@code
 * packages/cli/src/bench/churn/vectors.ts}.
 */
final class ChurnData {
  /** Queries of a recall, and of a round of timed searches. */
  static final int QUERIES = 500;

  /** Noise of what the data do not hold, by the length of that of which it is made. */
  private static final double BEYOND = 0.3;

  /** Noise of a query beside the vector that it is a copy of. */
  private static final double BESIDE = 0.2;

  /** Vectors of which the farthest is where a cluster goes. */
  private static final int TARGETS = 100;

  private final Matrix base;
  private final List<float[]> queries;
  private final List<CarriedData.Edit> edits;
  private final Matrix edited;

  /**
   * Reads the data.
   *
   * @throws IOException if they cannot be read
   */
  ChurnData(Path folder) throws IOException {
    base = Matrix.read(folder.resolve("wordnet-384-base.f32"));
    Matrix real = Matrix.read(folder.resolve("wordnet-384-query.f32"));
    queries = IntStream.range(0, QUERIES).mapToObj(i -> repeated(real, i)).toList();
    edits = CarriedData.revisions(folder);
    edited = Matrix.read(folder.resolve("revisions-384.f32"));
  }

  /** {@link #QUERIES} queries of unit length. */
  List<float[]> queries() {
    return queries;
  }

  /** The real stream of edits. */
  List<CarriedData.Edit> edits() {
    return edits;
  }

  /** The vector that an edit makes. */
  float[] vector(CarriedData.Edit edit) {
    return edited.row(edit.row());
  }

  /**
   * A vector of unit length: of the data, or beyond them a noisy copy of one of them, the same each
   * time.
   */
  float[] vector(int index) {
    return repeated(base, index);
  }

  /** The first vectors. */
  List<float[]> vectors(int count) {
    return IntStream.range(0, count).mapToObj(this::vector).toList();
  }

  private static float[] repeated(Matrix matrix, int index) {
    float[] vector = matrix.row(index % matrix.size());
    return index < matrix.size()
        ? vector
        : normalised(noisy(vector, BEYOND, new SplittableRandom(0x5eed + index)));
  }

  /** A vector with noise of so many times its length, in a random direction. */
  static float[] noisy(float[] vector, double relative, RandomGenerator random) {
    float[] noise = new float[vector.length];
    for (int i = 0; i < noise.length; i++) {
      noise[i] = (float) random.nextGaussian();
    }
    double scale = relative * norm(vector) / norm(noise);
    for (int i = 0; i < noise.length; i++) {
      noise[i] = (float) (vector[i] + scale * noise[i]);
    }
    return noise;
  }

  /** A vector of unit length in the direction of one that has a length. */
  static float[] normalised(float[] vector) {
    double scale = 1 / norm(vector);
    float[] unit = new float[vector.length];
    for (int i = 0; i < unit.length; i++) {
      unit[i] = (float) (vector[i] * scale);
    }
    return unit;
  }

  /** Queries of unit length beside vectors, which are drawn at random. */
  static List<float[]> beside(List<float[]> vectors, RandomGenerator random) {
    return IntStream.range(0, QUERIES)
        .mapToObj(
            i -> normalised(noisy(vectors.get(random.nextInt(vectors.size())), BESIDE, random)))
        .toList();
  }

  /** Indices of the vectors by their distance from one of them, itself first. */
  static int[] byDistance(List<float[]> vectors, float[] from) {
    double[] distances =
        vectors.stream().mapToDouble(vector -> squaredDistance(vector, from)).toArray();
    return IntStream.range(0, distances.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> distances[i]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /**
   * A cluster of neighbours, and where it goes.
   *
   * @param indices of the vectors that move
   * @param moved the new vectors, of unit length, in the same order
   */
  record ClusterMove(int[] indices, List<float[]> moved) {}

  /** Moves a random vector and its nearest neighbours to the farthest of some random vectors. */
  static ClusterMove moveCluster(List<float[]> vectors, int count, RandomGenerator random) {
    float[] centre = vectors.get(random.nextInt(vectors.size()));
    int[] indices = Arrays.copyOf(byDistance(vectors, centre), count);
    List<float[]> targets =
        IntStream.range(0, TARGETS)
            .mapToObj(i -> vectors.get(random.nextInt(vectors.size())))
            .toList();
    float[] target = targets.get(byDistance(targets, centre)[TARGETS - 1]);
    List<float[]> moved =
        Arrays.stream(indices)
            .mapToObj(index -> {
              float[] vector = vectors.get(index).clone();
              for (int i = 0; i < vector.length; i++) {
                vector[i] += target[i] - centre[i];
              }
              return normalised(vector);
            })
            .toList();
    return new ClusterMove(indices, moved);
  }

  /**
   * The order of the deletes and creates that replace {@code n} vectors, in random order.
   *
   * @param spread how many more or fewer than {@code n} live at a time
   * @return for each step, whether it creates
   */
  static boolean[] turnoverSteps(int n, int spread, RandomGenerator random) {
    boolean[] steps = new boolean[2 * n];
    int created = 0;
    for (int i = 0; i < steps.length; i++) {
      int deleted = i - created;
      int more = created - deleted;
      steps[i] =
          deleted == n || more <= -spread || (created < n && more < spread && random.nextBoolean());
      created += steps[i] ? 1 : 0;
    }
    return steps;
  }

  /** Puts a list into random order. */
  static void shuffle(List<?> list, RandomGenerator random) {
    Collections.shuffle(list, Random.from(random));
  }

  private static double norm(float[] vector) {
    double square = 0;
    for (float value : vector) {
      square += (double) value * value;
    }
    return Math.sqrt(square);
  }

  private static double squaredDistance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = (double) a[i] - b[i];
      sum += difference * difference;
    }
    return sum;
  }
}
