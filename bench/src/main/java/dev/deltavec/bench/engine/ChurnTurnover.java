package dev.deltavec.bench.engine;

import dev.deltavec.VectorDelta;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** Part {@code turnover}; the twin of {@code packages/cli/src/bench/churn/turnover.ts}. */
final class ChurnTurnover {
  private static final int TURNOVERS = 10;
  private static final double SPREAD = 0.01;
  private static final double NOISE = 0.1;

  private ChurnTurnover() {}

  /** Measures the part. */
  static Map<String, Object> measure(ChurnData data, int n, Consumer<String> tell) {
    Inspector inspector = new Inspector();
    SplittableRandom random = new SplittableRandom(12);
    tell.accept("warm-up");
    Living.warmUp(data, n);
    List<Long> used = new ArrayList<>();
    double createUs = 0;
    double deleteUs = 0;
    int next = n;
    List<String> created = List.of();
    try (Living living = Living.of(data, n, inspector)) {
      for (int t = 1; t <= TURNOVERS; t++) {
        tell.accept("turnover " + t + " of " + TURNOVERS);
        List<String> old = living.shuffledIds(random);
        created = IntStream.range(next, next + n).mapToObj(Living::id).toList();
        next += n;
        boolean[] steps = ChurnData.turnoverSteps(n, (int) Math.ceil(SPREAD * n), random);
        List<VectorDelta> order = new ArrayList<>(steps.length);
        int coming = 0;
        for (boolean create : steps) {
          if (create) {
            float[] like = data.vector(random.nextInt(2 * n));
            float[] vector = ChurnData.normalised(ChurnData.noisy(like, NOISE, random));
            order.add(VectorDelta.create(created.get(coming++), vector));
          } else {
            order.add(VectorDelta.delete(old.get(order.size() - coming)));
          }
        }
        double[] us = living.apply(order);
        for (int i = 0; i < us.length; i++) {
          createUs += steps[i] ? us[i] : 0;
          deleteUs += steps[i] ? 0 : us[i];
        }
        living.inspect(data.queries());
        used.add(living.db().stats().usedBytes());
      }
      // What is still queued, by halves: creates and deletes are equally many.
      double rest = living.repair() / 2;
      Map<String, Object> last = living.compare(TURNOVERS + " turnovers", created, data, random);
      try (Living fresh = living.rebuilt()) {
        return Map.of(
            "create_us",
            (createUs + rest) / TURNOVERS / n,
            "delete_us",
            (deleteUs + rest) / TURNOVERS / n,
            "used_bytes",
            used,
            "fresh_bytes",
            fresh.db().stats().usedBytes(),
            "case",
            last,
            "wrong",
            inspector.wrong());
      }
    }
  }
}
