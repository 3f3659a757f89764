package dev.deltavec.bench.engine;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.Durability;
import dev.deltavec.SearchOptions;
import dev.deltavec.SearchResult;
import dev.deltavec.ShardedSearch;
import dev.deltavec.VectorDelta;
import dev.deltavec.log.Shards;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** The parts of {@code bench scale} that need no server. */
final class ScaleParts {
  private static final int SHARDS = 8;
  private static final int K = 10;
  private static final int BATCH = 500;
  private static final int WARM_UP = 4;

  /** Recalls that differ by no more are equal: graphs are built at random. */
  private static final double SAME = 0.001;

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private ScaleParts() {}

  /** A search at some {@code efSearch}. */
  @FunctionalInterface
  private interface Search {
    List<SearchResult> find(float[] query, SearchOptions options);
  }

  /** What a way to search costs. */
  private static final class Way {
    private final Search search;
    private final List<Double> rounds = new ArrayList<>();
    private int ef;
    private double recall;

    private Way(Search search) {
      this.search = search;
    }

    /** Searches for all queries; returns processor time, microseconds a query. */
    private double round(List<float[]> queries) {
      SearchOptions options = SearchOptions.defaults().withEfSearch(ef);
      long start = THREADS.getCurrentThreadCpuTime();
      for (float[] query : queries) {
        search.find(query, options);
      }
      return (THREADS.getCurrentThreadCpuTime() - start) / 1e3 / queries.size();
    }

    private double recall(List<float[]> queries, List<Set<String>> nearest, int tried) {
      SearchOptions options = SearchOptions.defaults().withEfSearch(tried);
      int hits = 0;
      for (int i = 0; i < queries.size(); i++) {
        Set<String> of = nearest.get(i);
        hits +=
            (int)
                search.find(queries.get(i), options).stream()
                    .filter(hit -> of.contains(hit.id()))
                    .count();
      }
      return hits / (double) (K * queries.size());
    }

    private Map<String, Object> figures() {
      List<Double> sorted = rounds.stream().sorted().toList();
      return Map.of("us", sorted.get(sorted.size() / 2), "ef", ef, "recall", recall);
    }
  }

  /**
   * Searches one database at its own {@code efSearch}, and the same vectors in eight shards, with
   * and without one graph over them all, with the least {@code efSearch} that finds as much.
   */
  static Map<String, Object> shards(ChurnData data, int n, int rounds, Consumer<String> tell)
      throws InterruptedException {
    List<DeltaVectorDB> shards = new ArrayList<>();
    try (DeltaVectorDB one = database();
        ShardedSearch joint = new ShardedSearch(SHARDS);
        ShardedSearch each = new ShardedSearch(SHARDS, false)) {
      for (int i = 0; i < SHARDS; i++) {
        shards.add(database());
      }
      tell.accept("build");
      List<VectorDelta> all = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        all.add(VectorDelta.create("v" + i, data.vector(i)));
      }
      apply(one, all);
      for (int i = 0; i < SHARDS; i++) {
        int shard = i;
        apply(
            shards.get(i),
            all.stream().filter(delta -> Shards.of(delta.vectorId(), SHARDS) == shard).toList());
        joint.add(i, shards.get(i));
        each.add(i, shards.get(i));
      }
      long start = System.nanoTime();
      if (!joint.settle(Duration.ofMinutes(30))) {
        throw new IllegalStateException("the graph over all shards is not done after 30 minutes");
      }
      double settle = (System.nanoTime() - start) / 1e9;
      List<float[]> queries = data.queries();
      SearchOptions exactly = SearchOptions.defaults().withExact(true);
      List<Set<String>> nearest =
          queries.stream()
              .map(query -> one.search(query, K, exactly))
              .map(hits -> hits.stream().map(SearchResult::id).collect(Collectors.toSet()))
              .toList();
      Map<String, Way> ways = new LinkedHashMap<>();
      ways.put("one", new Way((query, options) -> one.search(query, K, options)));
      ways.put("joint", new Way((query, options) -> joint.search(query, K, options)));
      ways.put("each", new Way((query, options) -> each.search(query, K, options)));
      tell.accept("equal recall");
      equalRecall(ways, one.options().hnswEfSearch(), queries, nearest);
      for (int round = -WARM_UP; round < rounds; round++) {
        tell.accept(round < 0 ? "warm-up" : "round " + (round + 1));
        for (Way way : ways.values()) {
          double us = way.round(queries);
          if (round >= 0) {
            way.rounds.add(us);
          }
        }
      }
      Map<String, Object> figures = new LinkedHashMap<>();
      ways.forEach((name, way) -> figures.put(name, way.figures()));
      figures.put("shards", SHARDS);
      figures.put("joint_bytes", joint.jointBytes() / (double) n);
      figures.put("settle_s", settle);
      return figures;
    } finally {
      shards.forEach(DeltaVectorDB::close);
    }
  }

  /** Sets what others than the first need to find what it does. */
  private static void equalRecall(
      Map<String, Way> ways, int ef, List<float[]> queries, List<Set<String>> nearest) {
    double wanted = 0;
    for (Way way : ways.values()) {
      // The first at its own, the others from half of that on.
      way.ef = wanted == 0 ? ef : Math.max(K, 3 * ef / 4);
      way.recall = way.recall(queries, nearest, way.ef);
      while (way.recall < wanted - SAME && way.ef < 100 * ef) {
        way.ef += Math.max(1, way.ef / 20);
        way.recall = way.recall(queries, nearest, way.ef);
      }
      wanted = wanted == 0 ? way.recall : wanted;
    }
  }

  private static DeltaVectorDB database() {
    return DeltaVectorDB.builder().dimensions(384).history(false).build();
  }

  private static void apply(DeltaVectorDB db, List<VectorDelta> deltas) {
    for (int i = 0; i < deltas.size(); i += BATCH) {
      db.applyDeltas(deltas.subList(i, Math.min(deltas.size(), i + BATCH)));
    }
    db.repair();
  }

  /**
   * Merges batches into a durable database, as a shard does but without a log before it.
   *
   * @param file batches: each the number of its bytes (32 bits, big-endian) and its frames
   * @param folder for the database; has none yet
   * @param warmUp how many of the batches come before the time counts
   */
  static Map<String, Object> direct(Path file, Path folder, int warmUp) throws IOException {
    List<byte[]> batches = new ArrayList<>();
    try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
      while (true) {
        byte[] batch = new byte[in.readInt()];
        in.readFully(batch);
        batches.add(batch);
      }
    } catch (EOFException e) {
      // That was the last.
    }
    try (DeltaVectorDB db =
        DeltaVectorDB.builder()
            .dimensions(384)
            .durability(Durability.RELAXED)
            .flushInterval(Duration.ofSeconds(1))
            .open(folder)) {
      long start = System.nanoTime();
      for (int i = 0; i < batches.size(); i++) {
        if (i == warmUp) {
          start = System.nanoTime();
        }
        db.merge(batches.get(i));
      }
      return Map.of("seconds", (System.nanoTime() - start) / 1e9, "vectors", db.size());
    }
  }
}
