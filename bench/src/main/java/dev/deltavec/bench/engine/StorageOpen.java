package dev.deltavec.bench.engine;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.RecoveryReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Part {@code open} of {@code bench storage}: opens databases in files that Node has written; the
 * twin of {@code open.ts} in {@code packages/cli/src/bench/storage}.
 */
final class StorageOpen {
  /** Rounds that do not count: opening is compiled in them. */
  private static final int WARM_UP = 15;

  private static final int FEWEST_ROUNDS = 3;
  private static final int K = 10;

  /** Deltas behind the snapshot, for each vector. */
  private static final int TAIL = 1;

  private static final int BATCH = 100;

  private final Path folder;
  private final int n;
  private final int rounds;
  private final float[] query;
  private final Consumer<String> tell;

  StorageOpen(Path data, Path folder, int n, int rounds, Consumer<String> tell) throws IOException {
    this.folder = folder;
    this.n = n;
    this.rounds = Math.max(rounds, FEWEST_ROUNDS);
    this.query = new ChurnData(data).queries().get(0);
    this.tell = tell;
  }

  /** Measures. */
  Map<String, Object> measure() {
    Map<String, Object> found = new LinkedHashMap<>();
    int tail = TAIL * n;
    found.put("open_ms", times("snapshot", 0));
    found.put("tail", tail);
    found.put("tail_ms", times("tail", (tail + BATCH - 1) / BATCH));
    found.put("history_ms", times("history", 0));
    return found;
  }

  private Map<String, Object> times(String name, int records) {
    tell.accept(name);
    List<Double> all = new ArrayList<>();
    for (int r = -WARM_UP; r < rounds; r++) {
      long start = System.nanoTime();
      try (DeltaVectorDB db = DeltaVectorDB.open(folder.resolve(name))) {
        double ms = (System.nanoTime() - start) / 1e6;
        RecoveryReport report = db.recovery();
        if (report == null
            || report.snapshot() == 0
            || report.indexRebuilt()
            || report.records() < records
            || db.search(query, K).size() != K) {
          throw new IllegalStateException(name + ": it opened " + report);
        }
        if (r >= 0) {
          all.add(ms);
        }
      }
    }
    double[] sorted = all.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    double median = (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    return Map.of("median", median, "rounds", all);
  }
}
