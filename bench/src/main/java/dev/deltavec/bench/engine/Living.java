package dev.deltavec.bench.engine;

import dev.deltavec.DeltaOperation;
import dev.deltavec.DeltaStats;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.SearchOptions;
import dev.deltavec.SearchResult;
import dev.deltavec.VectorDelta;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * A database, and exact search over the same vectors; the twin of {@code
 * packages/cli/src/bench/churn/living.ts}.
 */
final class Living implements AutoCloseable {
  /** Results of a search. */
  static final int K = 10;

  /** The database's {@code efSearch} where none is given. */
  static final int EF_SEARCH = 50;

  private static final int BUILD_BATCH = 64;
  private static final int WARM_UP_VECTORS = 2000;
  private static final int WARM_UP_ROUNDS = 4;
  private static final int SEARCH_ROUNDS = 3;

  private final DeltaVectorDB db;
  private final ExactRows rows = new ExactRows();
  private final UnaryOperator<DeltaVectorDB.Builder> options;
  private final Inspector inspector;

  /** What the calls gave: keeps the compiler from leaving them out. */
  private double sink;

  Living(UnaryOperator<DeltaVectorDB.Builder> options, Inspector inspector) {
    this.options = options;
    this.inspector = inspector;
    db =
        options
            .apply(
                DeltaVectorDB.builder()
                    .dimensions(Matrix.DIMENSIONS)
                    .hnswM(16)
                    .hnswEfConstruction(100)
                    .hnswEfSearch(EF_SEARCH)
                    .history(false))
            .build();
  }

  /** A database of the first {@code n} vectors of the data. */
  static Living of(
      ChurnData data, int n, Inspector inspector, UnaryOperator<DeltaVectorDB.Builder> options) {
    Living living = new Living(options, inspector);
    living.create(creations(data, n));
    return living;
  }

  /** A database of the first {@code n} vectors of the data, with default options. */
  static Living of(ChurnData data, int n, Inspector inspector) {
    return of(data, n, inspector, UnaryOperator.identity());
  }

  /** The deltas that make the first {@code n} vectors of the data. */
  static List<VectorDelta> creations(ChurnData data, int n) {
    return IntStream.range(0, n).mapToObj(i -> VectorDelta.create(id(i), data.vector(i))).toList();
  }

  /** Id of a vector: 8 characters. */
  static String id(int index) {
    String digits = Integer.toString(index);
    return "v" + "0".repeat(7 - digits.length()) + digits;
  }

  DeltaVectorDB db() {
    return db;
  }

  ExactRows rows() {
    return rows;
  }

  /**
   * Applies creates, many in a call, and links what waits; returns the microseconds that this took.
   */
  double create(List<VectorDelta> deltas) {
    List<List<VectorDelta>> batches = new ArrayList<>();
    for (int from = 0; from < deltas.size(); from += BUILD_BATCH) {
      batches.add(deltas.subList(from, Math.min(from + BUILD_BATCH, deltas.size())));
    }
    long start = System.nanoTime();
    batches.forEach(db::applyDeltas);
    db.repair();
    double us = (System.nanoTime() - start) / 1e3;
    deltas.forEach(this::mirror);
    return us;
  }

  /**
   * Applies deltas one by one, without a repair but what they do themselves; returns the
   * microseconds of each.
   */
  double[] apply(List<VectorDelta> deltas) {
    double[] us = new double[deltas.size()];
    long before = System.nanoTime();
    for (int i = 0; i < us.length; i++) {
      db.applyDelta(deltas.get(i));
      long now = System.nanoTime();
      us[i] = (now - before) / 1e3;
      before = now;
    }
    deltas.forEach(this::mirror);
    return us;
  }

  /** Applies deltas one by one, then repairs to the end. */
  Lived live(List<VectorDelta> deltas) {
    double[] apply = apply(deltas);
    return new Lived(apply, repair());
  }

  /** Repairs to the end; returns the microseconds that this took. */
  double repair() {
    long start = System.nanoTime();
    db.repair();
    return (System.nanoTime() - start) / 1e3;
  }

  /** A database of the same vectors, built at once. */
  Living rebuilt() {
    Living fresh = new Living(options, inspector);
    fresh.create(rows.ids().stream().map(id -> VectorDelta.create(id, rows.get(id))).toList());
    return fresh;
  }

  /** Recall@{@link #K} over all queries. */
  double recall(
      List<float[]> queries,
      ExactRows.Truth truth,
      SearchOptions search,
      Predicate<String> passes) {
    double sum = 0;
    for (int i = 0; i < queries.size(); i++) {
      List<String> ids = search(queries.get(i), search);
      inspector.result(ids, rows, passes);
      sum += rows.recall(truth, i, queries.get(i), ids);
    }
    return sum / queries.size();
  }

  /** Recall@{@link #K} over all queries, searched with default options. */
  double recall(List<float[]> queries, ExactRows.Truth truth) {
    return recall(queries, truth, SearchOptions.defaults(), id -> true);
  }

  /** How close the nearest of each query are. */
  ExactRows.Truth truth(List<float[]> queries) {
    return rows.truth(queries, K, id -> true);
  }

  /** Looks for what must not be in the results of queries. */
  void inspect(List<float[]> queries) {
    for (float[] query : queries) {
      inspector.result(search(query, SearchOptions.defaults()), rows, id -> true);
    }
  }

  /** Looks at the index. */
  void check() {
    inspector.index(db);
  }

  /** Mean microseconds of searches, the queries once each. */
  double time(List<float[]> queries, SearchOptions search) {
    double sum = 0;
    long start = System.nanoTime();
    for (float[] query : queries) {
      sum += db.search(query, K, search).size();
    }
    double us = (System.nanoTime() - start) / 1e3 / queries.size();
    sink += sum;
    return us;
  }

  /**
   * Times whole calls of {@code search}: the queries in turn, some rounds before the clock starts.
   */
  SearchSamples time(List<float[]> queries, int rounds, SearchOptions search) {
    for (int r = 0; r < WARM_UP_ROUNDS; r++) {
      time(queries, search);
    }
    int turns = SEARCH_ROUNDS * rounds;
    double[] us = new double[turns * queries.size()];
    double least = Double.POSITIVE_INFINITY;
    double sum = 0;
    int sample = 0;
    for (int r = 0; r < turns; r++) {
      long start = System.nanoTime();
      long before = start;
      for (float[] query : queries) {
        sum += db.search(query, K, search).size();
        long now = System.nanoTime();
        us[sample++] = (now - before) / 1e3;
        before = now;
      }
      least = Math.min(least, (before - start) / 1e3 / queries.size());
    }
    sink += sum;
    Arrays.sort(us);
    return new SearchSamples(Arrays.stream(us).average().orElseThrow(), quantile(us, 0.5), least);
  }

  /** What the database takes. */
  Map<String, Object> memory() {
    DeltaStats stats = db.stats();
    long raw = (long) rows.size() * Matrix.DIMENSIONS * Float.BYTES;
    long granted = stats.memoryBytes() + stats.mapBytes();
    return Map.of(
        "granted",
        granted,
        "used",
        stats.usedBytes(),
        "index",
        stats.index().bytes(),
        "ratio",
        (double) granted / raw);
  }

  @Override
  public void close() {
    db.close();
  }

  private List<String> search(float[] query, SearchOptions search) {
    return db.search(query, K, search).stream().map(SearchResult::id).toList();
  }

  private void mirror(VectorDelta delta) {
    switch (delta.operation()) {
      case DeltaOperation.Create create -> rows.set(delta.vectorId(), create.vector());
      case DeltaOperation.Dense dense -> rows.set(delta.vectorId(), dense.vector());
      case DeltaOperation.Delete delete -> rows.delete(delta.vectorId());
      default -> {}
    }
  }

  /** Edits of vectors as they are now, with noise of so many times their length. */
  List<VectorDelta> edits(List<String> ids, double noise, RandomGenerator random) {
    return ids.stream()
        .map(id -> VectorDelta.dense(id, ChurnData.noisy(rows.get(id), noise, random)))
        .toList();
  }

  /** All ids in random order. */
  List<String> shuffledIds(RandomGenerator random) {
    List<String> ids = rows.ids();
    ChurnData.shuffle(ids, random);
    return ids;
  }

  /**
   * Holds the database against one that is built anew of the same vectors, and looks at its index.
   *
   * @param moved ids of the vectors that some of the queries stand beside
   */
  Map<String, Object> compare(
      String name, List<String> moved, ChurnData data, RandomGenerator random) {
    check();
    List<float[]> around = ChurnData.beside(moved.stream().map(rows::get).toList(), random);
    try (Living fresh = rebuilt()) {
      return Map.of(
          "name", name,
          "vectors", rows.size(),
          "queries", drop(fresh, data.queries()),
          "moved", drop(fresh, around));
    }
  }

  private Map<String, Object> drop(Living fresh, List<float[]> queries) {
    ExactRows.Truth truth = truth(queries);
    return Map.of("fresh", fresh.recall(queries, truth), "lived", recall(queries, truth));
  }

  /**
   * Does some of everything on a small database, so that the machine has compiled and optimised it.
   */
  static void warmUp(ChurnData data, int n) {
    try (Living living = of(data, Math.min(n, WARM_UP_VECTORS), new Inspector())) {
      SplittableRandom random = new SplittableRandom(1);
      List<String> ids = living.rows.ids();
      living.live(living.edits(ids, 0.1, random));
      living.live(living.edits(ids, 0.5, random));
      living.time(data.queries(), 1, SearchOptions.defaults());
      living.check();
      living.live(
          ids.subList(ids.size() / 2, ids.size()).stream().map(VectorDelta::delete).toList());
    }
  }

  /** A quantile of ascending values, between two of them by linear interpolation. */
  private static double quantile(double[] sorted, double part) {
    double at = part * (sorted.length - 1);
    double below = sorted[(int) at];
    double above = sorted[(int) Math.ceil(at)];
    return below + (above - below) * (at - (int) at);
  }

  /**
   * Times of changes, in microseconds.
   *
   * @param apply of each change
   * @param repair of the repair behind them
   */
  record Lived(double[] apply, double repair) {}

  /** Times of searches, in microseconds. */
  record SearchSamples(double mean, double p50, double least) {}

  /** Times of changes, in microseconds, as the protocol has them. */
  record ChangeTimes(double mean, double apply, double p50, double p99, int count) {
    /** Of changes, with the repair that they caused. */
    static ChangeTimes of(List<Lived> lived) {
      double[] apply = lived.stream().flatMapToDouble(each -> Arrays.stream(each.apply)).toArray();
      double repair = lived.stream().mapToDouble(Lived::repair).sum();
      double mean = Arrays.stream(apply).average().orElseThrow();
      Arrays.sort(apply);
      return new ChangeTimes(
          mean + repair / apply.length,
          mean,
          quantile(apply, 0.5),
          quantile(apply, 0.99),
          apply.length);
    }

    /** The round whose mean is the median of all (the lower one of two). */
    static ChangeTimes median(List<ChangeTimes> rounds) {
      List<ChangeTimes> sorted = new ArrayList<>(rounds);
      sorted.sort(Comparator.comparingDouble(ChangeTimes::mean));
      return sorted.get((sorted.size() - 1) / 2);
    }

    /** The times by their names. */
    Map<String, Object> named() {
      return Map.of(
          "mean_us", mean, "apply_us", apply, "p50_us", p50, "p99_us", p99, "count", count);
    }
  }
}
