package dev.deltavec.peers;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Takes one database through all steps, as {@code packages/cli/src/bench/peers/measure.ts} does.
 */
final class PeerRun<V, Q, R> {
  private static final int K = 10;
  private static final double RECALL = 0.985;
  private static final double PLATEAU = 0.001;
  private static final int LEAST_EFFORT = 10;
  private static final int MOST_EFFORT = 400;
  private static final int START_EFFORT = 50;
  private static final int SEARCH_ROUNDS = 4;

  /** Rounds of all queries before the clock starts: the second compiler comes late. */
  private static final int WARM_ROUNDS = 20;

  /** How often all edits are applied to a database before the one that is timed is built. */
  private static final int WARM_CHANGES = 3;

  private final Peer<V, Q, R> peer;
  private final PeerData data;
  private final Map<String, Object> result = new LinkedHashMap<>();
  private final Map<String, Integer> wrong = new LinkedHashMap<>();
  private final Map<String, String> failures = new LinkedHashMap<>();
  private final Consumer<String> tell;
  private int effort = START_EFFORT;

  /** What the calls gave: keeps the compiler from leaving them out. */
  private int sink;

  PeerRun(String name, Peer<V, Q, R> peer, PeerData data, Consumer<String> tell) {
    this.peer = peer;
    this.data = data;
    this.tell = tell;
    for (String what : new String[] {"lost", "stale", "repeated", "ghosts", "returned"}) {
      wrong.put(what, 0);
    }
    result.put("name", name);
    result.put("runtime", "Java " + Runtime.version().feature());
    result.put("settings", peer.settings());
    result.put("wrong", wrong);
    result.put("failures", failures);
  }

  /**
   * Does all steps. What a step throws is kept with its name; the next ones run on what is there.
   */
  Map<String, Object> measure() {
    long before = heap();
    if (!step("build", this::build)) {
      return result;
    }
    step("memory", () -> result.put("memory_bytes", heap() + peer.nativeBytes() - before));
    step("search", this::search);
    step("update", this::update);
    step("delete", this::remove);
    if (step("export", this::exportAll)) {
      step("import", this::importAll);
    }
    sink += result.size();
    return result;
  }

  private interface Work {
    void run() throws IOException;
  }

  // A peer may fail in whatever way: that is a finding, and no end of the run.
  private boolean step(String name, Work work) {
    tell.accept(name);
    try {
      work.run();
      return true;
    } catch (IOException | RuntimeException | LinkageError | AssertionError | OutOfMemoryError e) {
      failures.put(name, e.toString());
      return false;
    }
  }

  private void build() throws IOException {
    int n = data.base().length;
    built(n);
    hits(queries(data.queries()));
    for (int pass = 0; pass < WARM_CHANGES; pass++) {
      for (int i = 0; i < data.edits().length; i++) {
        int row = data.edits()[i];
        peer.update(peer.value(data.edited()[i], row), row);
      }
      peer.settle();
    }
    result.put("build_ms", built(n));
  }

  /** Builds a database of the first rows; returns the milliseconds that it took. */
  private double built(int count) throws IOException {
    List<V> values = new ArrayList<>(count);
    for (int row = 0; row < count; row++) {
      values.add(peer.value(data.base()[row], row));
    }
    peer.clear(data.base().length + 1);
    long start = System.nanoTime();
    peer.build(values);
    return (System.nanoTime() - start) / 1e6;
  }

  private void search() throws IOException {
    List<Q> queries = queries(data.queries());
    effort = leastEffort(queries);
    result.put("effort", effort);
    result.put("recall", recallAt(queries, effort));
    for (int round = 0; round < WARM_ROUNDS; round++) {
      for (Q query : queries) {
        sink += peer.search(query, K, effort) == null ? 1 : 0;
      }
    }
    double[] us = new double[(SEARCH_ROUNDS - 1) * queries.size()];
    for (int i = 0; i < us.length; i++) {
      Q query = queries.get(i % queries.size());
      long start = System.nanoTime();
      R found = peer.search(query, K, effort);
      us[i] = (System.nanoTime() - start) / 1e3;
      sink += found == null ? 1 : 0;
    }
    double[] sorted = us.clone();
    Arrays.sort(sorted);
    result.put(
        "search",
        Map.of(
            "mean_us", mean(us),
            "p50_us", quantile(sorted, 0.5),
            "p99_us", quantile(sorted, 0.99)));
  }

  /**
   * The least effort that reaches the recall; where none does, the least that comes close to the
   * most's.
   */
  private int leastEffort(List<Q> queries) throws IOException {
    int below = LEAST_EFFORT - 1;
    int enough = START_EFFORT;
    double wanted = RECALL;
    while (recallAt(queries, enough) < wanted) {
      if (enough == MOST_EFFORT) {
        wanted = recallAt(queries, enough) - PLATEAU;
        below = LEAST_EFFORT - 1;
        break;
      }
      below = enough;
      enough = Math.min(2 * enough + 1, MOST_EFFORT);
    }
    while (enough - below > 1) {
      int middle = (below + enough) >> 1;
      if (recallAt(queries, middle) < wanted) {
        below = middle;
      } else {
        enough = middle;
      }
    }
    return enough;
  }

  private double recallAt(List<Q> queries, int value) throws IOException {
    effort = value;
    return recall(hits(queries), data.built());
  }

  private void update() throws IOException {
    int count = data.edits().length;
    List<V> values = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      values.add(peer.value(data.edited()[i], data.edits()[i]));
    }
    result.put("update", changes(count, i -> peer.update(values.get(i), data.edits()[i])));
    List<Q> queries = queries(data.queries());
    result.put("recall_edited", recall(hits(queries), data.behindEdits()));
    int[] far = data.far();
    float[][] before = new float[far.length][];
    for (int i = 0; i < far.length; i++) {
      before[i] = data.base()[far[i]];
      peer.update(peer.value(data.moved()[i], far[i]), far[i]);
    }
    peer.settle();
    int[][] found = hits(queries(data.moved()));
    int[][] left = hits(queries(before));
    for (int i = 0; i < far.length; i++) {
      int row = far[i];
      wrong.merge("lost", holds(found[i], row) ? 0 : 1, Integer::sum);
      boolean stale = holds(left[i], row) && !holds(data.left()[i], row);
      wrong.merge("stale", stale ? 1 : 0, Integer::sum);
    }
  }

  private void remove() throws IOException {
    int[] deletes = data.deletes();
    result.put("delete", changes(deletes.length, i -> peer.remove(deletes[i])));
    wrong.put("ghosts", ghosts());
  }

  private void exportAll() throws IOException {
    long start = System.nanoTime();
    long bytes = peer.exportAll();
    result.put("export_ms", (System.nanoTime() - start) / 1e6);
    result.put("export_bytes", bytes);
  }

  private void importAll() throws IOException {
    long start = System.nanoTime();
    peer.importAll();
    result.put("import_ms", (System.nanoTime() - start) / 1e6);
    result.put("recall_imported", recall(hits(queries(data.queries())), data.ended()));
    wrong.put("returned", ghosts());
  }

  private interface Change {
    void run(int i) throws IOException;
  }

  private Map<String, Object> changes(int count, Change change) throws IOException {
    double[] us = new double[count];
    for (int i = 0; i < count; i++) {
      long start = System.nanoTime();
      change.run(i);
      us[i] = (System.nanoTime() - start) / 1e3;
    }
    long start = System.nanoTime();
    peer.settle();
    double rest = (System.nanoTime() - start) / 1e3;
    double mean = mean(us);
    Arrays.sort(us);
    return Map.of("mean_us", mean + rest / count, "call_us", mean, "p99_us", quantile(us, 0.99));
  }

  private List<Q> queries(float[][] vectors) {
    return Arrays.stream(vectors).map(peer::query).toList();
  }

  private int[][] hits(List<Q> queries) throws IOException {
    int[][] all = new int[queries.size()][];
    for (int i = 0; i < all.length; i++) {
      int[] rows = peer.rows(peer.search(queries.get(i), K, effort));
      int repeated = rows.length - (int) Arrays.stream(rows).distinct().count();
      wrong.merge("repeated", repeated, Integer::sum);
      all[i] = rows;
    }
    return all;
  }

  /** Deleted rows in the results of searches for them. */
  private int ghosts() throws IOException {
    int[] deletes = data.deletes();
    Set<Integer> deleted = IntStream.of(deletes).boxed().collect(Collectors.toSet());
    float[][] vectors =
        IntStream.of(deletes).mapToObj(row -> data.base()[row]).toArray(float[][]::new);
    return (int)
        Arrays.stream(hits(queries(vectors)))
            .flatMapToInt(Arrays::stream)
            .filter(deleted::contains)
            .count();
  }

  private static double recall(int[][] hits, int[][] truth) {
    double sum = 0;
    for (int i = 0; i < hits.length; i++) {
      int[] wanted = truth[i];
      long found = IntStream.of(hits[i]).distinct().filter(row -> holds(wanted, row)).count();
      sum += (double) found / wanted.length;
    }
    return sum / hits.length;
  }

  private static boolean holds(int[] rows, int row) {
    return IntStream.of(rows).anyMatch(each -> each == row);
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }

  private static double quantile(double[] sorted, double part) {
    double at = part * (sorted.length - 1);
    double below = sorted[(int) Math.floor(at)];
    return below + (sorted[(int) Math.ceil(at)] - below) * (at - Math.floor(at));
  }

  /** Bytes of the heap in use, garbage collected. */
  private static long heap() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
