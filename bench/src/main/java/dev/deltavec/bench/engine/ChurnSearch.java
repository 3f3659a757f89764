package dev.deltavec.bench.engine;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.SearchOptions;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.Quantization;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntToDoubleFunction;
import java.util.function.UnaryOperator;

/**
 * Parts {@code search} and {@code scale}; the twin of {@code search.ts} and {@code scale.ts} in
 * {@code packages/cli/src/bench/churn}.
 */
final class ChurnSearch {
  private static final int LARGE = 5;
  private static final int MOST_EF = 1000;
  private static final int SCALE_QUERIES = 200;
  private static final double SEARCH_RECALL = 0.985;
  private static final double SCALE_RECALL = 0.95;

  /** Vectors from which on one build is timed: it takes long. */
  private static final int ONE_BUILD = 50_000;

  private final ChurnData data;
  private final int n;
  private final int rounds;
  private final Consumer<String> tell;
  private final Inspector inspector = new Inspector();
  private final List<Double> builds = new ArrayList<>();

  ChurnSearch(ChurnData data, int n, int rounds, Consumer<String> tell) {
    this.data = data;
    this.n = n;
    this.rounds = rounds;
    this.tell = tell;
  }

  /** What is done with a database that took so many microseconds to build. */
  private interface Use<T> {
    T with(Living living, double us);
  }

  /** Measures part {@code search}. */
  Map<String, Object> search() {
    tell.accept("warm-up");
    Living.warmUp(data, n);
    List<float[]> queries = data.queries();
    buildAgain();
    tell.accept("search");
    Map<String, Object> found =
        built(
            n,
            UnaryOperator.identity(),
            (living, us) -> {
              builds.add(us);
              living.check();
              Map<String, Object> first = new LinkedHashMap<>();
              first.put("memory", living.memory());
              first.put("search", timedAt(living, queries, Living.EF_SEARCH));
              float[][] all = queries.toArray(float[][]::new);
              living.db().searchBatch(all, Living.K, SearchOptions.defaults());
              long start = System.nanoTime();
              for (int r = 0; r < rounds; r++) {
                living.db().searchBatch(all, Living.K, SearchOptions.defaults());
              }
              first.put("batch_us", (System.nanoTime() - start) / 1e3 / rounds / all.length);
              return first;
            });
    found.put(
        "variants",
        List.of(
            variant("int8, no floats", builder -> builder.keepFloats(false)),
            variant("int4", builder -> builder.quantization(Quantization.INT4)),
            variant(
                "int4, no floats",
                builder -> builder.quantization(Quantization.INT4).keepFloats(false)),
            variant("no codes", builder -> builder.quantization(Quantization.NONE))));
    tell.accept(LARGE * n + " vectors");
    found.put(
        "large",
        built(
            LARGE * n,
            UnaryOperator.identity(),
            (living, us) -> timedAtRecall(living, queries, SEARCH_RECALL)));
    found.put("build_s", medianBuild() / 1e6);
    found.put("wrong", inspector.wrong());
    return found;
  }

  /** Measures part {@code scale} at one size. */
  Map<String, Object> scale() {
    tell.accept("warm-up");
    Living.warmUp(data, n);
    if (n < ONE_BUILD) {
      buildAgain();
    }
    tell.accept("build and search");
    List<float[]> queries = data.queries().subList(0, SCALE_QUERIES);
    return built(
        n,
        UnaryOperator.identity(),
        (living, us) -> {
          builds.add(us);
          living.check();
          Map<String, Object> memory = living.memory();
          return Map.of(
              "build_us",
              medianBuild() / n,
              "memory",
              memory,
              "search",
              timedAtRecall(living, queries, SCALE_RECALL),
              "wrong",
              inspector.wrong());
        });
  }

  /** All builds but the last, which is used. */
  private void buildAgain() {
    for (int r = 1; r < rounds; r++) {
      tell.accept("build, round " + r);
      builds.add(built(n, UnaryOperator.identity(), (living, us) -> us));
    }
  }

  private double medianBuild() {
    List<Double> sorted = builds.stream().sorted().toList();
    return sorted.get((sorted.size() - 1) / 2);
  }

  private Map<String, Object> variant(String name, UnaryOperator<DeltaVectorDB.Builder> options) {
    tell.accept(name);
    return built(
        n,
        options,
        (living, us) -> {
          living.check();
          Map<String, Object> memory = living.memory();
          return Map.of(
              "name",
              name,
              "build_s",
              us / 1e6,
              "search",
              timedAt(living, data.queries(), Living.EF_SEARCH),
              "memory",
              memory);
        });
  }

  /** Builds a database, sized for its vectors, and closes it when it was used. */
  private <T> T built(int count, UnaryOperator<DeltaVectorDB.Builder> options, Use<T> use) {
    List<VectorDelta> deltas = Living.creations(data, count);
    try (Living living =
        new Living(builder -> options.apply(builder.maxVectors(count)), inspector)) {
      return use.with(living, living.create(deltas));
    }
  }

  private Map<String, Object> timedAtRecall(Living living, List<float[]> queries, double recall) {
    ExactRows.Truth truth = living.truth(queries);
    int ef =
        leastEf(tried -> living.recall(queries, truth, with(tried), id -> true), recall, Living.K);
    return timedAt(living, queries, ef);
  }

  private Map<String, Object> timedAt(Living living, List<float[]> queries, int ef) {
    double recall = living.recall(queries, living.truth(queries), with(ef), id -> true);
    Living.SearchSamples times = living.time(queries, rounds, with(ef));
    return Map.of(
        "vectors", living.rows().size(),
        "ef", ef,
        "recall", recall,
        "mean_us", times.mean(),
        "p50_us", times.p50(),
        "min_us", times.least());
  }

  private static SearchOptions with(int ef) {
    return SearchOptions.defaults().withEfSearch(ef);
  }

  /** The least {@code efSearch} that reaches a recall, which grows with it. */
  private static int leastEf(IntToDoubleFunction recallAt, double recall, int least) {
    int below = least - 1;
    int enough = least;
    while (enough < MOST_EF && recallAt.applyAsDouble(enough) < recall) {
      below = enough;
      enough = Math.min(2 * enough, MOST_EF);
    }
    while (enough - below > 1) {
      int middle = (below + enough) / 2;
      if (recallAt.applyAsDouble(middle) < recall) {
        below = middle;
      } else {
        enough = middle;
      }
    }
    return enough;
  }
}
