package dev.deltavec.bench.engine;

import dev.deltavec.DeltaOperation;
import dev.deltavec.SearchOptions;
import dev.deltavec.VectorDelta;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** Part {@code updates}; the twin of {@code packages/cli/src/bench/churn/updates.ts}. */
final class ChurnUpdates {
  private static final double NOISE = 0.1;
  private static final double FAR = 0.5;
  private static final int TIMES = 5;
  private static final double FIFTH = 0.2;
  private static final double CLUSTER = 0.1;
  private static final double[] LAGS = {0.01, 0.05, 0.1};

  private final ChurnData data;
  private final int n;
  private final int rounds;
  private final Consumer<String> tell;
  private final Inspector inspector = new Inspector();
  private final SplittableRandom random = new SplittableRandom(11);
  private final List<Map<String, Object>> cases = new ArrayList<>();
  private final List<Living.ChangeTimes> deletes = new ArrayList<>();

  ChurnUpdates(ChurnData data, int n, int rounds, Consumer<String> tell) {
    this.data = data;
    this.n = n;
    this.rounds = rounds;
    this.tell = tell;
  }

  /** Measures the part. */
  Map<String, Object> measure() {
    tell.accept("warm-up");
    Living.warmUp(data, n);
    Map<String, Object> update = edits(NOISE);
    Map<String, Object> updateFar = edits(FAR);
    tell.accept("the real stream");
    Map<String, Object> stream = stream();
    streamCase();
    tell.accept("a cluster moved");
    clusterCase();
    List<Map<String, Object>> lag = new ArrayList<>();
    for (double part : LAGS) {
      int count = (int) Math.ceil(part * n);
      tell.accept(count + " replaced, not repaired");
      lag.add(lag(count));
    }
    return Map.of(
        "update", update,
        "update_far", updateFar,
        "stream", stream,
        "delete", Living.ChangeTimes.median(deletes).named(),
        "cases", cases,
        "lag", lag,
        "wrong", inspector.wrong());
  }

  private Map<String, Object> edits(double noise) {
    String with = " edited, noise " + noise;
    tell.accept("a fifth" + with);
    try (Living living = Living.of(data, n, inspector)) {
      List<String> some = fifth(living);
      living.live(living.edits(some, noise, random));
      cases.add(living.compare("20 %" + with, some, data, random));
    }
    List<Living.ChangeTimes> times = new ArrayList<>();
    for (int r = 0; r < rounds; r++) {
      tell.accept("all" + with + ", round " + (r + 1));
      try (Living living = Living.of(data, n, inspector)) {
        times.add(Living.ChangeTimes.of(List.of(living.live(everywhere(living, noise)))));
        if (r == rounds - 1) {
          List<String> all = living.rows().ids();
          cases.add(living.compare("100 %" + with, all, data, random));
          for (int again = 1; again < TIMES; again++) {
            tell.accept("all" + with + ", again " + again);
            living.live(everywhere(living, noise));
          }
          cases.add(living.compare(TIMES + " x 100 %" + with, all, data, random));
        }
        if (noise == NOISE) {
          List<VectorDelta> some = fifth(living).stream().map(VectorDelta::delete).toList();
          deletes.add(Living.ChangeTimes.of(List.of(living.live(some))));
          living.check();
          living.inspect(data.queries());
        }
      }
    }
    return Living.ChangeTimes.median(times).named();
  }

  private List<VectorDelta> everywhere(Living living, double noise) {
    return living.edits(living.shuffledIds(random), noise, random);
  }

  private List<String> fifth(Living living) {
    return living.shuffledIds(random).subList(0, (int) Math.ceil(FIFTH * living.rows().size()));
  }

  /** The real edits, without their times: the databases live now. */
  private List<VectorDelta> streamDeltas() {
    Map<String, float[]> current = new HashMap<>();
    List<VectorDelta> deltas = new ArrayList<>();
    for (CarriedData.Edit edit : data.edits()) {
      String id = edit.id();
      if (edit.kind() == 'D') {
        current.remove(id);
        deltas.add(VectorDelta.delete(id));
        continue;
      }
      float[] vector = data.vector(edit);
      float[] before = current.put(id, vector);
      VectorDelta delta;
      if (edit.kind() == 'C') {
        delta = VectorDelta.create(id, vector);
      } else if (Arrays.equals(before, vector)) {
        delta = VectorDelta.sparse(id, new int[0], new float[0]);
      } else {
        delta = VectorDelta.dense(id, vector);
      }
      deltas.add(delta.withMetadata("{\"version\":" + edit.version() + "}"));
    }
    return deltas;
  }

  private static boolean isUpdate(VectorDelta delta) {
    return !(delta.operation() instanceof DeltaOperation.Create
        || delta.operation() instanceof DeltaOperation.Delete);
  }

  /**
   * Times of the updates of the real stream. What is queued is repaired wherever updates give way
   * to creates and deletes or follow them, so that each pays for its own.
   */
  private Map<String, Object> stream() {
    List<VectorDelta> deltas = streamDeltas();
    List<Living.Lived> updates = new ArrayList<>();
    try (Living living = Living.of(data, n, inspector)) {
      for (int from = 0; from < deltas.size(); ) {
        boolean update = isUpdate(deltas.get(from));
        int to = from + 1;
        while (to < deltas.size() && isUpdate(deltas.get(to)) == update) {
          to++;
        }
        Living.Lived lived = living.live(deltas.subList(from, to));
        if (update) {
          updates.add(lived);
        }
        from = to;
      }
    }
    return Living.ChangeTimes.of(updates).named();
  }

  /** The state behind the real stream, which is repaired when its writers do it, and at its end. */
  private void streamCase() {
    List<VectorDelta> deltas = streamDeltas();
    try (Living living = Living.of(data, n, inspector)) {
      living.live(deltas);
      List<String> alive =
          deltas.stream()
              .filter(ChurnUpdates::isUpdate)
              .map(VectorDelta::vectorId)
              .distinct()
              .filter(living.rows()::has)
              .toList();
      cases.add(living.compare("the real stream", alive, data, random));
    }
  }

  private void clusterCase() {
    try (Living living = Living.of(data, n, inspector)) {
      ChurnData.ClusterMove cluster =
          ChurnData.moveCluster(data.vectors(n), (int) Math.ceil(CLUSTER * n), random);
      List<String> ids = Arrays.stream(cluster.indices()).mapToObj(Living::id).toList();
      living.live(
          IntStream.range(0, ids.size())
              .mapToObj(i -> VectorDelta.dense(ids.get(i), cluster.moved().get(i)))
              .toList());
      cases.add(living.compare("a cluster moved", ids, data, random));
    }
  }

  /**
   * Searches while repairs are queued: vectors were replaced by others, which the data hold behind
   * the first {@code n}.
   */
  private Map<String, Object> lag(int count) {
    List<float[]> vectors = IntStream.range(n, n + count).mapToObj(data::vector).toList();
    List<float[]> queries = data.queries();
    try (Living living = Living.of(data, n, inspector, builder -> builder.idleRepair(false))) {
      List<String> ids = living.shuffledIds(random).subList(0, count);
      living.apply(
          IntStream.range(0, count)
              .mapToObj(i -> VectorDelta.dense(ids.get(i), vectors.get(i)))
              .toList());
      int pending = living.db().stats().index().pendingRepairs();
      List<float[]> around = ChurnData.beside(vectors, random);
      ExactRows.Truth truth = living.truth(queries);
      ExactRows.Truth truthAround = living.truth(around);
      living.check();
      double lagging = living.recall(queries, truth);
      double laggingAround = living.recall(around, truthAround);
      double laggingUs = living.time(queries, rounds, SearchOptions.defaults()).mean();
      double repairUs = living.repair() / Math.max(pending, 1);
      living.check();
      return Map.of(
          "teleported", count,
          "pending", pending,
          "queries", Map.of("lagging", lagging, "repaired", living.recall(queries, truth)),
          "moved", Map.of("lagging", laggingAround, "repaired", living.recall(around, truthAround)),
          "lagging_us", laggingUs,
          "repaired_us", living.time(queries, rounds, SearchOptions.defaults()).mean(),
          "repair_us", repairUs);
    }
  }
}
