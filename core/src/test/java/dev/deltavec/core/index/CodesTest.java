package dev.deltavec.core.index;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.Inside;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.TestDatabase;
import dev.deltavec.core.support.TestDatabase.Hit;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What codes must bear: models of all kinds find with codes what they find with floats. */
class CodesTest {
  private static final int N = 2_000;
  private static final int DIMENSIONS = 48;

  private enum Model {
    UNIT,
    /** A few dimensions are the same large value in all vectors. */
    OFFSET,
    /** A few dimensions vary ten times as much as the others. */
    OUTLIERS,
    /** Lengths differ by a factor of two or so. */
    LENGTHS,
    /** All vectors lie far from the origin. */
    FAR
  }

  private static float[] vector(Model model, Generator random) {
    float[] v = random.vector(DIMENSIONS);
    v[random.below(12)] += 3;
    float length = 0.8f + random.below(50) / 100f;
    for (int i = 0; i < DIMENSIONS; i++) {
      v[i] *= model == Model.LENGTHS ? length : 1;
      v[i] *= model == Model.OUTLIERS && i < 3 ? 10 : 1;
      v[i] += model == Model.OFFSET && i < 3 ? 40 : 0;
      v[i] += model == Model.FAR ? 200 : 0;
    }
    return v;
  }

  private static TestDatabase filled(Model model, Metric metric, Quantization quantization) {
    Generator random = new Generator(11);
    TestDatabase db =
        new TestDatabase(
            DatabaseOptions.builder()
                .dimensions(DIMENSIONS)
                .metric(metric)
                .quantization(quantization)
                .history(false)
                .build());
    for (int i = 0; i < N; i += 500) {
      Frames frames = new Frames();
      for (int j = 0; j < 500; j++) {
        frames.create("v" + (i + j), vector(model, random));
      }
      db.apply(frames);
    }
    return db;
  }

  private static double recall(TestDatabase db, Model model) {
    Generator random = new Generator(12);
    int found = 0;
    for (int q = 0; q < 100; q++) {
      float[] query = vector(model, random);
      Set<String> truth = new HashSet<>();
      db.searchExact(query, 10).forEach(hit -> truth.add(hit.id()));
      for (Hit hit : db.search(query, 10)) {
        found += truth.contains(hit.id()) ? 1 : 0;
      }
    }
    return found / 1_000.0;
  }

  @ParameterizedTest
  @CsvSource({
    "UNIT, COSINE",
    "OFFSET, COSINE",
    "OUTLIERS, COSINE",
    "FAR, COSINE",
    "LENGTHS, COSINE",
    "LENGTHS, DOT",
    "UNIT, EUCLIDEAN",
    "LENGTHS, EUCLIDEAN",
    "FAR, EUCLIDEAN",
    "OUTLIERS, EUCLIDEAN"
  })
  void eightBitsFindWhatFloatsFind(Model model, Metric metric) {
    try (TestDatabase floats = filled(model, metric, Quantization.NONE);
        TestDatabase codes = filled(model, metric, Quantization.INT8)) {
      assertThat(recall(codes, model)).isGreaterThan(recall(floats, model) - 0.02);
    }
  }

  @ParameterizedTest
  @CsvSource({"UNIT, COSINE", "OFFSET, COSINE", "LENGTHS, DOT", "FAR, EUCLIDEAN"})
  void fourBitsFindNearlyWhatFloatsFind(Model model, Metric metric) {
    try (TestDatabase floats = filled(model, metric, Quantization.NONE);
        TestDatabase codes = filled(model, metric, Quantization.INT4)) {
      assertThat(recall(codes, model)).isGreaterThan(recall(floats, model) - 0.05);
    }
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void everyKindOfChangeIsEncoded(Metric metric) {
    Generator random = new Generator(13);
    try (TestDatabase db = filled(Model.UNIT, metric, Quantization.INT8)) {
      float[] target = vector(Model.UNIT, random);
      for (int i = 0; i < DIMENSIONS; i++) {
        target[i] *= 3; // the closest under dot, too
      }
      int[] all = new int[DIMENSIONS];
      for (int i = 0; i < DIMENSIONS; i++) {
        all[i] = i;
      }
      db.apply(new Frames().sparse("v5", all, target));
      assertThat(db.search(target, 1).get(0).id()).isEqualTo("v5");
      db.apply(new Frames().scale("v5", 0.5f));
      for (int i = 0; i < DIMENSIONS; i++) {
        target[i] *= 0.5f;
      }
      assertThat(db.search(target, 1).get(0).id()).isEqualTo("v5");
      assertThat(Inside.wrong(db.database)).isNull();
    }
  }

  @Test
  void aRefusedBatchPutsCodesBack() {
    try (TestDatabase db = filled(Model.UNIT, Metric.COSINE, Quantization.INT8)) {
      float[] before = db.get("v5").clone();
      Frames frames = new Frames().dense("v5", vector(Model.UNIT, new Generator(14)));
      frames.delete("nobody");
      try {
        db.apply(frames);
      } catch (RuntimeException e) {
        // As it should be.
      }
      assertThat(db.search(before, 1).get(0).id()).isEqualTo("v5");
      assertThat(Inside.wrong(db.database)).isNull();
    }
  }

  /** Fills a database with groups of equal vectors, sized by {@code size}. */
  private static TestDatabase copies(int groups, IntUnaryOperator size, Quantization quantization) {
    Generator random = new Generator(15);
    TestDatabase db =
        new TestDatabase(
            DatabaseOptions.builder().dimensions(DIMENSIONS).quantization(quantization).build());
    for (int g = 0; g < groups; g++) {
      float[] v = vector(Model.UNIT, random);
      Frames frames = new Frames();
      for (int i = 0; i < size.applyAsInt(g); i++) {
        frames.create(g + "-" + i, v);
      }
      db.apply(frames);
    }
    return db;
  }

  @ParameterizedTest
  @EnumSource(Quantization.class)
  void equalVectorsShareANodeAndPartWhenOneMoves(Quantization quantization) {
    try (TestDatabase db = copies(600, g -> g == 0 ? 1_000 : 1, quantization)) {
      assertThat(Inside.check(db.database))
          .containsEntry("linked", 600)
          .containsEntry("live", 1_599);
      float[] v = db.get("0-0").clone();
      List<Hit> hits = db.search(v, 20);
      assertThat(hits).hasSize(20).allMatch(hit -> hit.id().startsWith("0-"));
      float[] moved = db.get("7-0").clone();
      moved[0] += 0.5f;
      db.apply(new Frames().dense("0-0", moved).dense("0-500", moved));
      assertThat(db.search(moved, 2).stream().map(Hit::id))
          .containsExactlyInAnyOrder("0-0", "0-500");
      db.database.repair(10);
      assertThat(db.search(moved, 2).stream().map(Hit::id))
          .containsExactlyInAnyOrder("0-0", "0-500");
      assertThat(Inside.wrong(db.database)).isNull();
      assertThat(Inside.check(db.database)).containsEntry("linked", 601);
    }
  }

  @Test
  void aGroupOfNearlyEqualVectorsHoldsTogetherWithoutItsNode() {
    Generator random = new Generator(16);
    DatabaseOptions options =
        DatabaseOptions.builder().dimensions(DIMENSIONS).metric(Metric.EUCLIDEAN).build();
    try (TestDatabase db = new TestDatabase(options)) {
      float[] v = vector(Model.UNIT, random);
      for (int i = 0; i < 40; i++) {
        float[] near = v.clone();
        for (int d = 0; d < DIMENSIONS; d++) {
          near[d] *= 1 + (i - 20) * 0.0005f;
        }
        db.apply(new Frames().create("v" + i, near));
      }
      assertThat(Inside.check(db.database).getOrDefault("duplicates", 0)).isPositive();
      for (int i = 0; i < 40; i++) {
        db.apply(new Frames().delete("v" + (i * 7 % 40)));
        assertThat(Inside.wrong(db.database)).isNull();
      }
    }
  }

  @Test
  void aFilteredSearchFindsWhatLiesFarFromGroupsThatDoNotPass() {
    Generator random = new Generator(17);
    DatabaseOptions options =
        DatabaseOptions.builder().dimensions(DIMENSIONS).history(false).build();
    try (TestDatabase db = new TestDatabase(options)) {
      float[] center = vector(Model.UNIT, random);
      Frames frames = new Frames();
      for (int i = 0; i < 200; i++) {
        float[] near = center.clone();
        near[i % DIMENSIONS] += 0.3f + i * 0.01f;
        frames.create("near" + i, near).create("twin" + i, near);
      }
      for (int i = 0; i < 3_000; i++) {
        float[] far = vector(Model.UNIT, random);
        frames.create("far" + i, far).metadata("far" + i, "{\"pass\":true}");
      }
      db.apply(frames);
      assertThat(db.search(center, 10, "{\"equals\":[[\"pass\"],true]}")).hasSize(10);
    }
  }

  @Test
  void aGroupThatIsDeletedFromItsNodeOnStaysFindable() {
    try (TestDatabase db = copies(600, g -> g < 3 ? 30 : 1, Quantization.INT8)) {
      float[] v = db.get("1-0").clone();
      for (int i = 0; i < 29; i++) {
        db.apply(new Frames().delete("1-" + i));
        assertThat(db.search(v, 1).get(0).id()).startsWith("1-");
        assertThat(Inside.wrong(db.database)).isNull();
      }
      db.apply(new Frames().delete("1-29"));
      assertThat(db.search(v, 1).get(0).id()).doesNotStartWith("1-");
      assertThat(Inside.wrong(db.database)).isNull();
    }
  }
}
