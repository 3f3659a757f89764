package dev.deltavec.bench.engine;

import dev.deltavec.DeltaStats;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.SearchResult;
import dev.deltavec.VectorDelta;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PrimitiveIterator;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The measured operations on the JVM, as {@code packages/cli/src/bench/protocol.ts} describes them:
 * what a call needs is made before the clock starts, and no two calls of a round are the same.
 */
final class Operations {
  private static final int K = 10;
  private static final int SPARSE_VALUES = 19;
  private static final int BATCH = 100;
  private static final int BUILD_BATCH = 64;

  /** How far an edit moves a value of a vector of unit length. */
  private static final double STEP = 0.02;

  private final float[][] base;
  private final float[][] queries;
  private final boolean history;
  private @Nullable DeltaVectorDB db;

  /** What the calls gave: keeps the compiler from leaving them out. */
  private double sink;

  /**
   * Reads the data.
   *
   * @param n vectors of the database
   * @param history whether the database keeps history
   * @throws IOException if the data cannot be read, or have fewer vectors
   */
  Operations(Path data, int n, boolean history) throws IOException {
    this.history = history;
    float[][] rows = Matrix.read(data.resolve("wordnet-384-base.f32")).rows();
    if (n > rows.length) {
      throw new IOException(
          "%d vectors were asked for, the data set has %d".formatted(n, rows.length));
    }
    base = IntStream.range(0, n).mapToObj(i -> rows[i]).toArray(float[][]::new);
    queries = Matrix.read(data.resolve("wordnet-384-query.f32")).rows();
  }

  /** Microseconds that the first database of a process takes to come up. */
  static double init() {
    long start = System.nanoTime();
    try (DeltaVectorDB first = DeltaVectorDB.builder().dimensions(Matrix.DIMENSIONS).build()) {
      return first.size() + (System.nanoTime() - start) / 1e3;
    }
  }

  /**
   * Measures one operation.
   *
   * @param calls calls to measure
   * @param block calls between two looks at the clock; divides {@code calls}
   * @param seed of the random choices
   */
  Map<String, Object> run(String operation, int calls, int block, int seed) {
    if (operation.equals("search")) {
      return search(calls, block);
    }
    SplittableRandom random = new SplittableRandom(seed);
    double[] us =
        switch (operation) {
          case "get_copy" -> {
            DeltaVectorDB opened = opened();
            yield time(
                calls,
                block,
                () -> id(random),
                id -> Objects.requireNonNull(opened.getVector(id)).length);
          }
          case "get_view" -> {
            DeltaVectorDB opened = opened();
            yield time(
                calls,
                block,
                () -> id(random),
                id -> Objects.requireNonNull(opened.getVectorView(id)).remaining());
          }
          case "apply_sparse" -> {
            DeltaVectorDB opened = opened();
            yield time(
                calls, block, () -> sparse(random), delta -> opened.applyDelta(delta).length());
          }
          case "apply_dense" -> {
            DeltaVectorDB opened = opened();
            yield time(
                calls, block, () -> dense(random), delta -> opened.applyDelta(delta).length());
          }
          case "batch_100" -> {
            DeltaVectorDB opened = opened();
            yield time(
                calls,
                block,
                () -> Stream.generate(() -> sparse(random)).limit(BATCH).toList(),
                deltas -> opened.applyDeltas(deltas).size());
          }
          case "build" -> new double[] {build()};
          default -> throw new IllegalArgumentException("unknown operation " + operation);
        };
    return Map.of("us", us);
  }

  /** Builds the database of all vectors anew; returns the microseconds it took. */
  private double build() {
    if (db != null) {
      db.close();
    }
    List<List<VectorDelta>> batches = batches();
    long start = System.nanoTime();
    DeltaVectorDB fresh = filled(batches, history);
    double us = (System.nanoTime() - start) / 1e3;
    db = fresh;
    return us;
  }

  private List<List<VectorDelta>> batches() {
    List<List<VectorDelta>> batches = new ArrayList<>();
    for (int from = 0; from < base.length; from += BUILD_BATCH) {
      List<VectorDelta> batch = new ArrayList<>();
      for (int i = from; i < Math.min(from + BUILD_BATCH, base.length); i++) {
        batch.add(VectorDelta.create(id(i), base[i]));
      }
      batches.add(batch);
    }
    return batches;
  }

  private DeltaVectorDB filled(List<List<VectorDelta>> batches, boolean withHistory) {
    DeltaVectorDB fresh =
        DeltaVectorDB.builder()
            .dimensions(Matrix.DIMENSIONS)
            .maxVectors(base.length)
            .hnswM(16)
            .hnswEfConstruction(100)
            .hnswEfSearch(50)
            .history(withHistory)
            .build();
    batches.forEach(fresh::applyDeltas);
    return fresh;
  }

  private Map<String, Object> search(int calls, int block) {
    DeltaVectorDB opened = opened();
    PrimitiveIterator.OfInt turns = IntStream.iterate(0, i -> (i + 1) % queries.length).iterator();
    double[] us =
        time(calls, block, () -> queries[turns.nextInt()], query -> opened.search(query, K).size());
    List<int[]> hits = new ArrayList<>();
    for (float[] query : queries) {
      hits.add(
          opened.search(query, K).stream()
              .map(SearchResult::id)
              .mapToInt(id -> Integer.parseInt(id.substring(1)))
              .toArray());
    }
    return Map.of("us", us, "hits", hits);
  }

  /**
   * What a database of all vectors takes; with the history that it has as it stands, and without
   * any.
   */
  Map<String, Object> memory() {
    DeltaStats own = opened().stats();
    if (!history) {
      return memory(own, 0);
    }
    try (DeltaVectorDB plain = filled(batches(), false)) {
      DeltaStats stats = plain.stats();
      return memory(stats, own.memoryBytes() - stats.memoryBytes());
    }
  }

  private static Map<String, Object> memory(DeltaStats stats, long historyBytes) {
    return Map.of(
        "memoryBytes", stats.memoryBytes(),
        "mapBytes", stats.mapBytes(),
        "historyBytes", historyBytes);
  }

  /**
   * Times calls by the block. What a block needs is made just before it, as in use: it is still in
   * the caches.
   *
   * @param make makes what one call needs
   * @param call the measured call; returns a number that depends on its work
   */
  private <T> double[] time(int calls, int block, Supplier<T> make, ToDoubleFunction<T> call) {
    double[] us = new double[calls / block];
    List<T> needed = new ArrayList<>(block);
    for (int sample = 0; sample < us.length; sample++) {
      needed.clear();
      for (int i = 0; i < block; i++) {
        needed.add(make.get());
      }
      double sum = 0;
      long start = System.nanoTime();
      for (int i = 0; i < block; i++) {
        sum += call.applyAsDouble(needed.get(i));
      }
      us[sample] = (System.nanoTime() - start) / 1e3 / block;
      sink += sum;
    }
    return us;
  }

  private String id(SplittableRandom random) {
    return id(random.nextInt(base.length));
  }

  /** Id of a vector: 8 characters. */
  private static String id(int row) {
    String digits = Integer.toString(row);
    return "v" + "0".repeat(7 - digits.length()) + digits;
  }

  private VectorDelta sparse(SplittableRandom random) {
    int row = random.nextInt(base.length);
    int[] indices = distinct(random);
    float[] values = new float[SPARSE_VALUES];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (base[row][indices[i]] + STEP * random.nextGaussian());
    }
    return VectorDelta.sparse(id(row), indices, values);
  }

  private VectorDelta dense(SplittableRandom random) {
    int row = random.nextInt(base.length);
    float[] vector = new float[Matrix.DIMENSIONS];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = (float) (base[row][i] + STEP * (2 * random.nextDouble() - 1));
    }
    return VectorDelta.dense(id(row), vector);
  }

  /** Different indices, ascending (Floyd's algorithm, in Bentley 1987). */
  private static int[] distinct(SplittableRandom random) {
    BitSet chosen = new BitSet(Matrix.DIMENSIONS);
    for (int i = Matrix.DIMENSIONS - SPARSE_VALUES; i < Matrix.DIMENSIONS; i++) {
      int index = random.nextInt(i + 1);
      chosen.set(chosen.get(index) ? i : index);
    }
    return chosen.stream().toArray();
  }

  private DeltaVectorDB opened() {
    if (db == null) {
      throw new IllegalStateException("build comes first");
    }
    return db;
  }
}
