package dev.deltavec.bench.engine;

import dev.deltavec.FilterFunction;
import dev.deltavec.MetadataFilter;
import dev.deltavec.SearchOptions;
import dev.deltavec.VectorDelta;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Part {@code filter}; the twin of {@code packages/cli/src/bench/churn/filter.ts}. */
final class ChurnFilters {
  private static final int SEARCH_ROUNDS = 2;

  private final ChurnData data;
  private final int rounds;
  private final Living living;
  private final List<Label> labels;

  /**
   * Metadata of a vector.
   *
   * @param part 0 to 99, each for one vector in a hundred, at random
   * @param shelf {@code near} for the hundredth that is closest to a random vector, {@code middle}
   *     for the rest of the tenth, {@code far} for others
   */
  private record Label(int part, String shelf) {}

  /**
   * A filter.
   *
   * @param alike lets the same pass, and nothing is known of it yet
   */
  private record Filtered(
      String name,
      Supplier<SearchOptions> search,
      Supplier<SearchOptions> alike,
      Predicate<Label> passes,
      boolean called) {}

  private static final List<Filtered> FILTERS =
      List.of(
          filtered("1 %, random", () -> MetadataFilter.equal("part", 7), label -> label.part == 7),
          filtered(
              "10 %, random", () -> MetadataFilter.range("part").lt(10), label -> label.part < 10),
          filtered(
              "50 %, random",
              () -> MetadataFilter.range("part").gte(50), label -> label.part >= 50),
          filtered(
              "1 %, a cluster",
              () -> MetadataFilter.equal("shelf", "near"), label -> label.shelf.equals("near")),
          filtered(
              "10 %, a cluster",
              () -> MetadataFilter.in("shelf", "near", "middle"),
              label -> !label.shelf.equals("far")),
          new Filtered(
              "10 %, a function",
              ChurnFilters::byFunction, ChurnFilters::byFunction, label -> label.part < 10, true));

  private static SearchOptions byFunction() {
    FilterFunction function =
        (id, metadata) -> metadata.get("part") instanceof Long part && part < 10;
    return SearchOptions.defaults().withFilter(function);
  }

  private static Filtered filtered(
      String name, Supplier<MetadataFilter> filter, Predicate<Label> passes) {
    return new Filtered(
        name,
        () -> SearchOptions.defaults().withFilter(filter.get()),
        () -> SearchOptions.defaults().withFilter(MetadataFilter.and(filter.get())),
        passes,
        false);
  }

  private ChurnFilters(ChurnData data, int rounds, Living living, List<Label> labels) {
    this.data = data;
    this.rounds = rounds;
    this.living = living;
    this.labels = labels;
  }

  /** Measures the part. */
  static Map<String, Object> measure(ChurnData data, int n, int rounds, Consumer<String> tell) {
    Inspector inspector = new Inspector();
    tell.accept("warm-up");
    Living.warmUp(data, n);
    List<float[]> vectors = data.vectors(n);
    List<Label> labels = labelled(vectors, new SplittableRandom(13));
    try (Living living = new Living(UnaryOperator.identity(), inspector)) {
      living.create(
          IntStream.range(0, n)
              .mapToObj(i ->
                  VectorDelta.create(Living.id(i), vectors.get(i))
                      .withMetadata(
                          "{\"part\":%d,\"shelf\":\"%s\"}"
                              .formatted(labels.get(i).part, labels.get(i).shelf)))
              .toList());
      ChurnFilters filters = new ChurnFilters(data, rounds, living, labels);
      List<Map<String, Object>> cases = new ArrayList<>();
      for (Filtered filtered : FILTERS) {
        tell.accept(filtered.name);
        cases.add(filters.measure(filtered));
      }
      return Map.of("cases", cases, "wrong", inspector.wrong());
    }
  }

  private static List<Label> labelled(List<float[]> vectors, SplittableRandom random) {
    int n = vectors.size();
    List<Integer> parts =
        IntStream.range(0, n)
            .mapToObj(i -> i % 100)
            .collect(Collectors.toCollection(ArrayList::new));
    ChurnData.shuffle(parts, random);
    int[] order = ChurnData.byDistance(vectors, vectors.get(random.nextInt(n)));
    Label[] labels = new Label[n];
    for (int rank = 0; rank < n; rank++) {
      double share = (double) rank / n;
      String shelf = share < 0.01 ? "near" : share < 0.1 ? "middle" : "far";
      labels[order[rank]] = new Label(parts.get(order[rank]), shelf);
    }
    return Arrays.asList(labels);
  }

  private Map<String, Object> measure(Filtered filtered) {
    List<float[]> queries = data.queries();
    Predicate<String> passes =
        id -> filtered.passes.test(labels.get(Integer.parseInt(id.substring(1))));
    SearchOptions search = filtered.search.get();
    SearchOptions exact = filtered.search.get().withExact(true);
    double coldUs = living.time(queries.subList(0, 1), search);
    double exactColdUs = living.time(queries.subList(0, 1), filtered.alike.get().withExact(true));
    ExactRows.Truth truth = living.rows().truth(queries, Living.K, passes);
    double recall = living.recall(queries, truth, search, passes);
    living.recall(queries, truth, exact, passes); // both have met all queries
    double us = 0;
    double exactUs = 0;
    int blocks = SEARCH_ROUNDS * rounds;
    for (int b = 0; b < blocks; b++) {
      // By turns: whatever else the machine does meets both alike.
      us += living.time(queries, search) / blocks;
      exactUs += living.time(queries, exact) / blocks;
    }
    return Map.of(
        "name", filtered.name,
        "passing", labels.stream().filter(filtered.passes).count(),
        "recall", recall,
        "mean_us", us,
        "exact_us", exactUs,
        "cold_us", coldUs,
        "exact_cold_us", exactColdUs,
        "called", filtered.called);
  }
}
