package dev.deltavec.core.index;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.Inside;
import dev.deltavec.core.Metric;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.TestDatabase;
import dev.deltavec.core.support.TestDatabase.Hit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SearchTest {
  private static final int N = 3_000;
  private static final int DIMENSIONS = 24;

  private static TestDatabase filled(Metric metric, Generator random) {
    TestDatabase db =
        new TestDatabase(DatabaseOptions.builder().dimensions(DIMENSIONS).metric(metric).build());
    Frames frames = new Frames();
    for (int i = 0; i < N; i++) {
      frames.create("v" + i, vector(random, i));
    }
    db.apply(frames);
    return db;
  }

  /** Clustered, of unequal length. */
  private static float[] vector(Generator random, int i) {
    float[] v = random.vector(DIMENSIONS);
    v[i % DIMENSIONS] += 4;
    v[i % 7] += 2;
    float length = 0.5f + random.below(100) / 100f;
    for (int d = 0; d < DIMENSIONS; d++) {
      v[d] *= length;
    }
    return v;
  }

  private static double recall(TestDatabase db, Generator random, int queries) {
    int found = 0;
    for (int q = 0; q < queries; q++) {
      float[] query = vector(random, random.below(N));
      Set<String> truth = new HashSet<>();
      db.searchExact(query, 10).forEach(hit -> truth.add(hit.id()));
      for (Hit hit : db.search(query, 10)) {
        found += truth.contains(hit.id()) ? 1 : 0;
      }
    }
    return found / (10.0 * queries);
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void findsTheNearest(Metric metric) {
    Generator random = new Generator(1);
    try (TestDatabase db = filled(metric, random)) {
      assertThat(Inside.wrong(db.database)).isNull();
      assertThat(recall(db, random, 200)).isGreaterThan(metric == Metric.DOT ? 0.9 : 0.97);
    }
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void exactScoresAreTheDefinition(Metric metric) {
    Generator random = new Generator(2);
    try (TestDatabase db = filled(metric, random)) {
      float[] query = vector(random, 1);
      List<Hit> hits = db.searchExact(query, 50);
      double before = Double.NEGATIVE_INFINITY;
      for (Hit hit : hits) {
        float[] v = db.get(hit.id());
        double dot = 0;
        double vv = 0;
        double qq = 0;
        double distance = 0;
        for (int i = 0; i < DIMENSIONS; i++) {
          dot += (double) v[i] * query[i];
          vv += (double) v[i] * v[i];
          qq += (double) query[i] * query[i];
          distance += ((double) v[i] - query[i]) * ((double) v[i] - query[i]);
        }
        double expected =
            switch (metric) {
              case COSINE -> dot / Math.sqrt(vv * qq);
              case DOT -> dot;
              case EUCLIDEAN -> Math.sqrt(distance);
            };
        assertThat((double) hit.score())
            .isCloseTo(expected, org.assertj.core.data.Offset.offset(1e-4));
        double order = metric == Metric.EUCLIDEAN ? hit.score() : -hit.score();
        assertThat(order).isGreaterThanOrEqualTo(before);
        before = order;
      }
    }
  }

  @Test
  void findsUpdatedVectorsWhereTheyAreNow() {
    Generator random = new Generator(3);
    try (TestDatabase db = filled(Metric.COSINE, random)) {
      float[] target = db.get("v17").clone();
      target[3] += 0.25f;
      db.apply(new Frames().dense("v17", target));
      Hit first = db.search(target, 1).get(0);
      assertThat(first.id()).isEqualTo("v17");
      assertThat(first.score()).isCloseTo(1f, org.assertj.core.data.Offset.offset(1e-6f));
    }
  }

  @Test
  void neverFindsDeletedVectors() {
    Generator random = new Generator(4);
    try (TestDatabase db = filled(Metric.COSINE, random)) {
      Set<String> gone = new HashSet<>();
      for (int i = 0; i < N; i += 2) {
        db.apply(new Frames().delete("v" + i));
        gone.add("v" + i);
      }
      assertThat(Inside.wrong(db.database)).isNull();
      for (int q = 0; q < 100; q++) {
        List<Hit> hits = db.search(vector(random, q), 20);
        assertThat(hits).hasSize(20);
        assertThat(hits.stream().map(Hit::id)).doesNotContainAnyElementsOf(gone);
      }
      assertThat(recall(db, random, 100)).isGreaterThan(0.96);
    }
  }

  @Test
  void staysWholeWhenTheEntryIsDeletedAgainAndAgain() {
    Generator random = new Generator(5);
    try (TestDatabase db = filled(Metric.EUCLIDEAN, random)) {
      List<String> left = new ArrayList<>(db.ids());
      while (left.size() > 1) {
        String id = db.search(random.vector(DIMENSIONS), 1).get(0).id();
        db.apply(new Frames().delete(id));
        left.remove(id);
        if (left.size() % 100 == 1) {
          assertThat(Inside.wrong(db.database)).isNull();
        }
      }
      assertThat(db.search(random.vector(DIMENSIONS), 3)).hasSize(1);
      db.apply(new Frames().delete(left.get(0)));
      assertThat(db.search(random.vector(DIMENSIONS), 3)).isEmpty();
      db.apply(new Frames().create("again", random.vector(DIMENSIONS)));
      assertThat(db.search(random.vector(DIMENSIONS), 3)).hasSize(1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 300, 2_999, 3_000, 1_000_000})
  void givesAsManyAsThereAre(int k) {
    Generator random = new Generator(6);
    try (TestDatabase db = filled(Metric.COSINE, random)) {
      List<Hit> hits = db.search(random.vector(DIMENSIONS), k);
      assertThat(hits).hasSize(Math.min(k, N));
      assertThat(hits.stream().map(Hit::id).collect(Collectors.toSet())).hasSize(Math.min(k, N));
      assertThat(hits.stream().map(hit -> -hit.score())).isSorted();
    }
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void scoresStayRightAtTheEndsOfFloat(Metric metric) {
    for (float size : new float[] {1e-38f, 1e-30f, 1e-20f, 1f, 1e18f, 1e25f, 1e38f}) {
      try (TestDatabase db =
          new TestDatabase(DatabaseOptions.builder().dimensions(3).metric(metric).build())) {
        db.apply(
            new Frames()
                .create("same", size, size, 0)
                .create("near", size, size * 0.5f, 0)
                .create("far", -size, -size, -size)
                .create("zero", 0, 0, 0));
        List<Hit> hits = db.search(new float[] {size, size, 0}, 4);
        assertThat(hits).as("size %s", size).hasSize(4);
        for (Hit hit : hits) {
          assertThat(hit.score()).as("%s of size %s", hit, size).isFinite();
        }
        if (metric == Metric.COSINE) {
          assertThat(hits.stream().map(Hit::id))
              .as("size %s", size)
              .containsExactly("same", "near", "zero", "far");
          assertThat(hits.get(0).score()).isCloseTo(1f, org.assertj.core.data.Offset.offset(1e-5f));
          assertThat(hits.get(2).score()).isZero();
        } else if (metric == Metric.EUCLIDEAN) {
          assertThat(hits.get(0).id()).isEqualTo("same");
          assertThat(hits.get(3).id()).isEqualTo("far");
        }
      }
    }
  }

  @Test
  void sortsAnyKeys() {
    Generator random = new Generator(7);
    for (int n = 0; n < 300; n++) {
      long[] keys = new long[n];
      for (int i = 0; i < n; i++) {
        keys[i] = random.chance(30) ? random.below(3) : random.nextLong();
      }
      long[] sorted = keys.clone();
      Arrays.sort(sorted);
      Keys.sort(keys, n);
      assertThat(keys).isEqualTo(sorted);
    }
  }

  @Test
  void keysOrderByDistanceThenSlotAndReadBack() {
    float[] distances = {
      -Float.MAX_VALUE, -1, -Float.MIN_VALUE, 0, Float.MIN_VALUE, 0.5f, 1, Float.MAX_VALUE
    };
    long before = Long.MIN_VALUE;
    for (float distance : distances) {
      for (int slot : new int[] {0, 5, Integer.MAX_VALUE}) {
        long key = Keys.of(distance, slot);
        assertThat(key).isGreaterThan(before);
        assertThat(Keys.distance(key | Keys.EXPANDED)).isEqualTo(distance);
        assertThat(Keys.slot(key | Keys.EXPANDED)).isEqualTo(slot);
        before = key;
      }
    }
  }
}
