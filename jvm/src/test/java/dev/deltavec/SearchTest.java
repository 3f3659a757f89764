package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.v;
import static dev.deltavec.Exact.exact;
import static dev.deltavec.Exact.fill;
import static dev.deltavec.Exact.recalled;
import static dev.deltavec.Exact.sound;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.deltavec.core.Metric;
import dev.deltavec.core.support.Generator;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Search, against comparing with every vector in double. */
class SearchTest {
  static Stream<Arguments> metricsAndDimensions() {
    return Stream.of(Metric.values())
        .flatMap(metric ->
            Stream.of(1, 3, 384, 1000, 1536).map(dimensions -> Arguments.of(metric, dimensions)));
  }

  @ParameterizedTest
  @MethodSource("metricsAndDimensions")
  void theClosestAreFound(Metric metric, int dimensions) {
    Generator random = new Generator(dimensions);
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(dimensions).metric(metric).hnswEfSearch(60).build()) {
      // Enough for the graph, not only for the scan of small databases.
      Map<String, float[]> vectors = fill(db, random, 700);
      long found = 0;
      for (int i = 0; i < 20; i++) {
        float[] query = random.vector(dimensions);
        List<SearchResult> hits = db.search(query, 10);
        assertThat(hits).hasSize(10);
        sound(metric, vectors, query, hits);
        found += recalled(metric, exact(metric, vectors, query, 10), hits);
      }
      // Random vectors of many dimensions have no near neighbours: the hardest case.

      assertThat(found).isGreaterThanOrEqualTo(180);
    }
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void inASmallDatabaseAllOfTheClosestAreFound(Metric metric) {
    Generator random = new Generator(1);
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(24).metric(metric).build()) {
      Map<String, float[]> vectors = fill(db, random, 300);
      for (int i = 0; i < 20; i++) {
        float[] query = random.vector(24);
        List<SearchResult> hits = db.search(query, 7);
        sound(metric, vectors, query, hits);
        assertThat(recalled(metric, exact(metric, vectors, query, 7), hits)).isGreaterThan(5);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void aSearchAfterAnyChangeSeesTheNewValues(Metric metric) {
    int dimensions = 8;
    Generator random = new Generator(5);
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(dimensions).metric(metric).hnswEfSearch(300).build()) {
      Map<String, float[]> vectors = fill(db, random, 600);
      long found = 0;
      for (int i = 0; i < 100; i++) {
        String id = "v" + random.below(600);
        float[] vector = Objects.requireNonNull(vectors.get(id));
        switch (i % 4) {
          case 0 -> {
            vector[2] = i / 50f;
            vector[5] = -2;
            db.applyDelta(sparse(id, 2, i / 50f, 5, -2));
          }
          case 1 -> {
            vectors.put(id, random.vector(dimensions));
            db.applyDelta(VectorDelta.dense(id, Objects.requireNonNull(vectors.get(id))));
          }
          case 2 -> {
            for (int d = 0; d < dimensions; d++) {
              vector[d] *= -0.75f;
            }
            db.applyDelta(VectorDelta.scale(id, -0.75f));
          }
          default -> {
            for (int d = 0; d < dimensions; d++) {
              vector[d] += 0.5f;
            }
            db.applyDelta(VectorDelta.offset(id, 0.5f));
          }
        }
        float[] query = Objects.requireNonNull(vectors.get(id));
        List<SearchResult> hits = db.search(query, 5);
        sound(metric, vectors, query, hits);
        found += recalled(metric, exact(metric, vectors, query, 5), hits);
      }
      assertThat(found).isGreaterThanOrEqualTo(475);
    }
  }

  @Test
  void aVectorThatWasMovedIsFoundAtItsNewPlaceAndNotAtItsOldOne() {
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(2).metric(Metric.EUCLIDEAN).build()) {
      db.applyDeltas(List.of(creates("a", 0, 0), creates("b", 10, 0), creates("c", 20, 0)));
      db.applyDelta(dense("a", 30, 0));
      assertThat(db.search(v(0, 0), 3))
          .containsExactly(
              new SearchResult("b", 10), new SearchResult("c", 20), new SearchResult("a", 30));
      assertThat(Checks.idOfClosest(db, 31, 0)).isEqualTo("a");
    }
  }

  @Test
  void aDeletedVectorIsNeverFoundAgain() {
    Generator random = new Generator(11);
    try (DeltaVectorDB db = open(6)) {
      Map<String, float[]> vectors = fill(db, random, 1000);
      List<String> order = new ArrayList<>(vectors.keySet());
      Collections.shuffle(order, new java.util.Random(11));
      for (int i = 0; i < 950; i++) {
        db.applyDelta(VectorDelta.delete(order.get(i)));
        float[] gone = Objects.requireNonNull(vectors.remove(order.get(i)));
        if (i % 10 == 9) {
          sound(Metric.COSINE, vectors, gone, db.search(gone, 100));
        }
      }
      assertThat(db.search(random.vector(6), 1000)).hasSizeGreaterThanOrEqualTo(48);
    }
  }

  @Test
  void aVectorCreatedAgainIsFoundWithItsNewValuesOnly() {
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(2).metric(Metric.EUCLIDEAN).build()) {
      db.applyDelta(creates("b", 5, 5));
      for (int i = 0; i < 50; i++) {
        db.applyDelta(creates("a", i, 1));
        assertThat(db.search(v(i, 1), 5)).hasSize(2).contains(new SearchResult("a", 0));
        db.applyDelta(VectorDelta.delete("a"));
        assertThat(db.search(v(i, 1), 5)).extracting(SearchResult::id).containsExactly("b");
      }
    }
  }

  @Test
  void aVectorCreatedAndDeletedInOneBatchIsNeverFound() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDeltas(List.of(creates("a", 1, 0), creates("b", 1, 1), VectorDelta.delete("a")));
      assertThat(db.search(v(1, 0), 5)).extracting(SearchResult::id).containsExactly("b");
    }
  }

  @Test
  void anEmptyDatabaseFindsNothing() {
    try (DeltaVectorDB db = open(2)) {
      assertThat(db.search(v(1, 2), 10)).isEmpty();
      db.applyDelta(creates("a", 1, 2));
      db.applyDelta(VectorDelta.delete("a"));
      assertThat(db.search(v(1, 2), 10)).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 1000, Integer.MAX_VALUE})
  void aLargeKGivesWhatThereIs(int k) {
    try (DeltaVectorDB db = open(2)) {
      db.applyDeltas(List.of(creates("a", 1, 2), creates("b", 2, 1)));
      assertThat(db.search(v(1, 2), k)).hasSize(2);
    }
  }

  @Test
  void manyEqualVectorsAreAllFound() {
    try (DeltaVectorDB db = open(3)) {
      List<VectorDelta> batch = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        batch.add(creates("v" + i, 1, 2, 3));
      }
      db.applyDeltas(batch);
      assertThat(db.search(v(1, 2, 3), 100))
          .hasSizeGreaterThanOrEqualTo(95)
          .allSatisfy(hit -> assertThat(hit.score()).isCloseTo(1, within(1e-6f)));
    }
  }

  @Test
  void cosineOfAZeroVectorOrQueryIsZero() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDeltas(List.of(creates("zero", 0, 0), creates("a", 1, 0), creates("b", -1, 0)));
      assertThat(db.search(v(2, 0), 3))
          .containsExactly(
              new SearchResult("a", 1), new SearchResult("zero", 0), new SearchResult("b", -1));
      assertThat(db.search(v(0, 0), 3)).extracting(SearchResult::score).containsOnly(0f);
    }
  }

  @Test
  void veryLargeAndVerySmallValuesAreComparedRightly() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDeltas(List.of(creates("large", 1e18, 1e18), creates("small", 1e-18, -1e-18)));
      List<SearchResult> hits = db.search(v(1, 1), 2);
      assertThat(hits).extracting(SearchResult::id).containsExactly("large", "small");
      assertThat(hits.get(0).score()).isCloseTo(1, within(1e-5f));
      assertThat(hits.get(1).score()).isCloseTo(0, within(1e-5f));
    }
  }

  @Test
  void searchChangesNothing() {
    Generator random = new Generator(3);
    try (DeltaVectorDB db = open(4)) {
      fill(db, random, 1000);
      String digest = db.stateDigest();
      float[] query = random.vector(4);
      float[] same = query.clone();
      List<SearchResult> hits = db.search(query, 10);
      assertThat(db.search(query, 10)).isEqualTo(hits);
      assertThat(query).containsExactly(same);
      assertThat(db.stateDigest()).isEqualTo(digest);
    }
  }
}
