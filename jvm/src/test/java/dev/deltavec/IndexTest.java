package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.v;
import static dev.deltavec.Checks.vector;
import static dev.deltavec.Exact.exact;
import static dev.deltavec.Exact.fill;
import static dev.deltavec.Exact.recalled;
import static dev.deltavec.Exact.sound;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.support.Generator;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The search graph on codes through all that can happen to vectors. */
class IndexTest {
  private static DeltaVectorDB.Builder builder(int dimensions) {
    return DeltaVectorDB.builder().dimensions(dimensions).idleRepair(false);
  }

  private static IndexReport checked(DeltaVectorDB db) {
    IndexReport report = db.checkIndex();
    assertThat(report.ok()).as(report.toString()).isTrue();
    assertThat(report.firstBad()).isNull();
    assertThat(report.live()).isEqualTo(db.size());
    IndexStats stats = db.stats().index();
    assertThat(stats.linked()).isEqualTo(report.linked());
    assertThat(stats.duplicates()).isEqualTo(report.duplicates());
    assertThat(stats.zero()).isEqualTo(report.zero());
    assertThat(stats.pendingRepairs()).isEqualTo(report.pending() + report.queued());
    return report;
  }

  // ---------------------------------------------------------------- storms

  static Stream<Arguments> quantizationsAndMetrics() {
    return Stream.of(Quantization.values())
        .flatMap(quantization ->
            Stream.of(Metric.values()).map(metric -> Arguments.of(quantization, metric)));
  }

  /** Vectors of lengths from 0.1 to 10. */
  private static float[] anyVector(Generator random, int dimensions) {
    float[] vector = random.vector(dimensions);
    float length = (1 + random.below(100)) / 10f;
    for (int d = 0; d < dimensions; d++) {
      vector[d] *= length;
    }
    return vector;
  }

  @ParameterizedTest
  @MethodSource("quantizationsAndMetrics")
  void aStormOfChangesLeavesAGraphThatFinds(Quantization quantization, Metric metric) {
    int dimensions = 24;
    Generator random = new Generator(31);
    try (DeltaVectorDB db =
        builder(dimensions).quantization(quantization).metric(metric).hnswEfSearch(80).build()) {
      Map<String, float[]> vectors = fill(db, random, 1500);
      List<VectorDelta> batch = new ArrayList<>();
      for (int i = 0; i < 6000; i++) {
        String id = "v" + random.below(1800);
        float[] vector = vectors.get(id);
        if (vector == null) {
          vectors.put(id, anyVector(random, dimensions));
          batch.add(VectorDelta.create(id, Objects.requireNonNull(vectors.get(id))));
        } else if (random.chance(15)) {
          vectors.remove(id);
          batch.add(VectorDelta.delete(id));
        } else if (random.chance(50)) {
          vectors.put(id, anyVector(random, dimensions));
          batch.add(VectorDelta.dense(id, Objects.requireNonNull(vectors.get(id))));
        } else {
          float[] moved = vector.clone();
          int at = random.below(dimensions);
          moved[at] += random.gauss();
          vectors.put(id, moved);
          batch.add(VectorDelta.sparse(id, new int[] {at}, new float[] {moved[at]}));
        }
        if (batch.size() == 50) {
          db.applyDeltas(batch);
          batch.clear();
        }
      }
      db.applyDeltas(batch);
      checked(db);
      assertThat(recall(db, metric, vectors, random)).isGreaterThanOrEqualTo(0.95);
      db.repair();
      IndexReport report = checked(db);
      assertThat(report.pending() + report.queued()).isZero();
      assertThat(recall(db, metric, vectors, random)).isGreaterThanOrEqualTo(0.95);
    }
  }

  private static double recall(
      DeltaVectorDB db, Metric metric, Map<String, float[]> vectors, Generator random) {
    long found = 0;
    for (int i = 0; i < 40; i++) {
      float[] query = random.vector(db.options().dimensions());
      List<SearchResult> hits = db.search(query, 10);
      assertThat(hits).hasSize(10);
      sound(metric, vectors, query, hits);
      found += recalled(metric, exact(metric, vectors, query, 10), hits);
    }
    return found / 400.0;
  }

  @ParameterizedTest
  @EnumSource(Quantization.class)
  void afterEverythingIsDeletedTheDatabaseIsAsNew(Quantization quantization) {
    Generator random = new Generator(32);
    try (DeltaVectorDB db = builder(12).quantization(quantization).build()) {
      for (int round = 0; round < 3; round++) {
        Map<String, float[]> vectors = fill(db, random, 800);
        checked(db);
        db.applyDeltas(vectors.keySet().stream().map(VectorDelta::delete).toList());
        IndexReport report = checked(db);
        assertThat(List.of(report.live(), report.linked(), report.pending(), report.queued()))
            .containsOnly(0);
        assertThat(db.search(random.vector(12), 5)).isEmpty();
      }
    }
  }

  // ---------------------------------------------------------------- duplicates

  @Test
  void tenThousandEqualVectorsShareOnePlace() {
    try (DeltaVectorDB db = builder(8).build()) {
      float[] same = v(1, 2, 3, 4, 5, 6, 7, 8);
      List<VectorDelta> batch = new ArrayList<>();
      for (int i = 0; i < 10_000; i++) {
        batch.add(VectorDelta.create("v" + i, same));
      }
      db.applyDeltas(batch);
      db.repair();
      assertThat(checked(db).duplicates()).isEqualTo(9999);
      assertThat(db.search(same, 500))
          .hasSize(500)
          .allSatisfy(hit -> assertThat(hit.score()).isCloseTo(1, within(1e-5f)))
          .doesNotHaveDuplicates();
      db.applyDeltas(
          batch.subList(0, 9990).stream()
              .map(delta -> VectorDelta.delete(delta.vectorId()))
              .toList());
      assertThat(checked(db).duplicates()).isEqualTo(9);
      assertThat(db.search(same, 100)).hasSize(10);
    }
  }

  @Test
  void equalVectorsAmongOthersAreFoundAndPartWhenTheyChange() {
    Generator random = new Generator(33);
    try (DeltaVectorDB db = builder(16).build()) {
      Map<String, float[]> vectors = fill(db, random, 5000);
      float[] same = random.vector(16);
      List<VectorDelta> batch = new ArrayList<>();
      for (int i = 0; i < 5000; i++) {
        vectors.put("same" + i, same);
        batch.add(VectorDelta.create("same" + i, same));
      }
      db.applyDeltas(batch);
      assertThat(checked(db).duplicates()).isEqualTo(4999);
      assertThat(db.search(same, 1000)).allMatch(hit -> hit.id().startsWith("same"));
      assertThat(recall(db, Metric.COSINE, vectors, random)).isGreaterThanOrEqualTo(0.95);

      batch.clear();
      for (int i = 0; i < 5000; i++) {
        vectors.put("same" + i, random.vector(16));
        batch.add(VectorDelta.dense("same" + i, Objects.requireNonNull(vectors.get("same" + i))));
      }
      db.applyDeltas(batch);
      checked(db);
      assertThat(recall(db, Metric.COSINE, vectors, random)).isGreaterThanOrEqualTo(0.95);
      db.repair();
      assertThat(checked(db).duplicates()).isZero();
      assertThat(recall(db, Metric.COSINE, vectors, random)).isGreaterThanOrEqualTo(0.95);
    }
  }

  // ---------------------------------------------------------------- zero

  @Test
  void aThousandZeroVectorsAreFoundBesideTheOthers() {
    Generator random = new Generator(34);
    try (DeltaVectorDB db = builder(8).build()) {
      List<VectorDelta> batch = new ArrayList<>();
      for (int i = 0; i < 1000; i++) {
        batch.add(VectorDelta.create("zero" + i, new float[8]));
      }
      db.applyDeltas(batch);
      assertThat(checked(db).zero()).isEqualTo(1000);
      assertThat(db.search(v(1, 0, 0, 0, 0, 0, 0, 0), 2000))
          .hasSize(1000)
          .allMatch(hit -> hit.score() == 0);

      Map<String, float[]> vectors = fill(db, random, 2000);
      db.repair();
      assertThat(checked(db).linked()).isEqualTo(2000);
      assertThat(db.search(new float[8], 10)).hasSize(10).allMatch(hit -> hit.score() == 0);
      vectors.putAll(
          batch.stream()
              .collect(
                  java.util.stream.Collectors.toMap(VectorDelta::vectorId, d -> new float[8])));
      assertThat(recall(db, Metric.COSINE, vectors, random)).isGreaterThanOrEqualTo(0.95);

      for (int i = 0; i < 1000; i++) {
        db.applyDelta(
            i % 2 == 0
                ? VectorDelta.delete("zero" + i)
                : VectorDelta.dense("zero" + i, random.vector(8)));
      }
      assertThat(checked(db).zero()).isZero();
      db.applyDelta(VectorDelta.scale("v7", 0));
      assertThat(checked(db).zero()).isEqualTo(1);
    }
  }

  // ---------------------------------------------------------------- without floats

  @ParameterizedTest
  @EnumSource(
      value = Quantization.class,
      names = {"INT8", "INT4"})
  void withoutFloatsVectorsReadNearlyAsTheyWereWritten(Quantization quantization) {
    Generator random = new Generator(35);
    float most = quantization == Quantization.INT8 ? 0.04f : 0.7f;
    try (DeltaVectorDB db = builder(32).quantization(quantization).keepFloats(false).build()) {
      Map<String, float[]> vectors = fill(db, random, 600);
      float[] into = new float[32];
      vectors.forEach((id, written) -> {
        float[] read = vector(db, id);
        for (int d = 0; d < 32; d++) {
          assertThat(read[d]).isCloseTo(written[d], within(most));
        }
        assertThat(db.getVectorInto(id, into)).isTrue();
        assertThat(into).containsExactly(read);
        float[] seen = new float[32];
        Objects.requireNonNull(db.getVectorView(id)).get(seen);
        assertThat(seen).containsExactly(read);
      });
      assertThat(db.getVector("nobody")).isNull();
      assertThat(db.getVectorView("nobody")).isNull();
    }
  }

  @Test
  void withoutFloatsAViewShowsItsVectorAfterOthersAreRead() {
    try (DeltaVectorDB db = builder(2).keepFloats(false).build()) {
      db.applyDeltas(List.of(creates("a", 1, 0), creates("b", 0, 1)));
      var view = Objects.requireNonNull(db.getVectorView("a"));
      db.getVector("b");
      assertThat(view.get(0)).isCloseTo(1, within(0.01f));
      assertThat(view.isReadOnly()).isTrue();
    }
  }

  @Test
  void withoutFloatsChangesApplyToWhatIsRead() {
    try (DeltaVectorDB db = builder(4).keepFloats(false).build()) {
      db.applyDelta(creates("a", 1, -0.5, 0.25, 0));
      db.applyDelta(VectorDelta.scale("a", 2));
      db.applyDelta(Checks.sparse("a", 3, 1));
      float[] read = vector(db, "a");
      float[] expected = v(2, -1, 0.5, 1);
      for (int d = 0; d < 4; d++) {
        assertThat(read[d]).isCloseTo(expected[d], within(0.05f));
      }
      checked(db);
    }
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void withoutFloatsTheClosestAreStillFound(Metric metric) {
    Generator random = new Generator(36);
    try (DeltaVectorDB db = builder(48).metric(metric).keepFloats(false).build()) {
      Map<String, float[]> vectors = fill(db, random, 1500);
      for (int i = 0; i < 300; i++) {
        vectors.put("v" + i, random.vector(48));
        db.applyDelta(VectorDelta.dense("v" + i, Objects.requireNonNull(vectors.get("v" + i))));
      }
      checked(db);
      long found = 0;
      for (int i = 0; i < 40; i++) {
        float[] query = random.vector(48);
        List<Double> best = exact(metric, vectors, query, 20);
        List<SearchResult> hits = db.search(query, 10);
        assertThat(hits).hasSize(10);
        // Codes may change the order of near ones, so the ten lie among the twenty closest.
        double slack = 0.02 * Math.abs(best.getFirst());
        found +=
            hits.stream()
                .filter(hit ->
                    metric == Metric.EUCLIDEAN
                        ? hit.score() <= best.getLast() + slack
                        : hit.score() >= best.getLast() - slack)
                .count();
      }
      assertThat(found).isGreaterThanOrEqualTo(380);
    }
  }

  @Test
  void withoutFloatsADatabaseTakesLessMemory() {
    Generator random = new Generator(37);
    try (DeltaVectorDB with = builder(96).history(false).build();
        DeltaVectorDB without = builder(96).keepFloats(false).build()) {
      fill(with, random, 1000);
      fill(without, random, 1000);
      assertThat(vectorBytes(without)).isBetween(96_000L, vectorBytes(with) / 3);
      assertThat(without.stats().usedBytes())
          .isLessThanOrEqualTo(with.stats().usedBytes() - 384_000);
    }
  }

  private static long vectorBytes(DeltaVectorDB db) {
    DeltaStats stats = db.stats();
    return stats.vectorBytes() + stats.index().codeBytes();
  }

  @Test
  void withoutFloatsThereIsNoHistory() {
    try (DeltaVectorDB db = builder(2).keepFloats(false).build()) {
      assertThat(db.options().history()).isFalse();
      assertThat(db.options().keepFloats()).isFalse();
      fails(ErrorCode.INVALID_ARGUMENT, "history", db::cursor);
    }
    fails(
        ErrorCode.INVALID_ARGUMENT,
        "keepFloats.*history",
        () -> builder(2).keepFloats(false).history(true).build());
    fails(
        ErrorCode.INVALID_ARGUMENT,
        "autoCompact",
        () -> builder(2).keepFloats(false).autoCompact(1000).build());
  }

  // ---------------------------------------------------------------- statistics

  @ParameterizedTest
  @EnumSource(Quantization.class)
  void statsTellWhatTheIndexHolds(Quantization quantization) {
    Generator random = new Generator(38);
    try (DeltaVectorDB db = builder(64).quantization(quantization).build()) {
      IndexStats empty = db.stats().index();
      assertThat(empty.linked()).isZero();
      assertThat(empty.meanDrift()).isZero();
      assertThat(empty.estimatedRecall()).isNull();
      fill(db, random, 1000);
      db.repair();
      IndexStats stats = db.stats().index();
      assertThat(stats.linked()).isEqualTo(1000);
      assertThat(stats.quantization()).isEqualTo(quantization);
      assertThat(stats.keepFloats()).isTrue();
      switch (quantization) {
        case NONE -> assertThat(stats.codeBytes()).isZero();
        case INT8 -> assertThat(stats.codeBytes()).isBetween(64_000L, 256_000L);
        case INT4 -> assertThat(stats.codeBytes()).isBetween(32_000L, 192_000L);
      }
      assertThat(stats.bytes()).isGreaterThan(stats.codeBytes());
      assertThat(stats.meanDrift()).isCloseTo(0, within(1e-3));
    }
  }

  @Test
  void driftGrowsAsVectorsMoveAndGoesWithARepair() {
    Generator random = new Generator(39);
    try (DeltaVectorDB db = builder(32).build()) {
      fill(db, random, 1000);
      db.repair();
      double before = 0;
      for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 60; i++) {
          float[] vector = vector(db, "v" + i);
          vector[round] += 0.1f;
          db.applyDelta(VectorDelta.dense("v" + i, vector));
        }
        IndexStats stats = db.stats().index();
        assertThat(stats.maxDrift()).isGreaterThan(before + 0.005);
        assertThat(stats.meanDrift()).isBetween(stats.maxDrift() / 100, stats.maxDrift());
        assertThat(stats.pendingRepairs()).isZero();
        before = stats.maxDrift();
      }
      for (int i = 0; i < 60; i++) {
        db.applyDelta(VectorDelta.dense("v" + i, random.vector(32)));
      }
      assertThat(db.stats().index().pendingRepairs()).isEqualTo(60);
      db.repair();
      assertThat(db.stats().index().maxDrift()).isZero();
    }
  }

  @Test
  void recallIsMeasuredOnTheShareOfSearchesThatIsAskedFor() {
    Generator random = new Generator(40);
    try (DeltaVectorDB all = builder(16).recallSampleRate(1).build();
        DeltaVectorDB some = builder(16).recallSampleRate(0.25).build();
        DeltaVectorDB none = builder(16).build()) {
      for (DeltaVectorDB db : List.of(all, some, none)) {
        fill(db, random, 1500);
        for (int i = 0; i < 200; i++) {
          db.search(random.vector(16), 10);
        }
      }
      assertThat(all.stats().index().recallSamples()).isEqualTo(200);
      assertThat(Objects.requireNonNull(all.stats().index().estimatedRecall())).isBetween(0.9, 1.0);
      assertThat(some.stats().index().recallSamples()).isBetween(20L, 90L);
      assertThat(none.stats().index().recallSamples()).isZero();
      assertThat(none.stats().index().estimatedRecall()).isNull();
    }
  }
}
