package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.v;
import static dev.deltavec.Exact.exact;
import static dev.deltavec.Exact.fill;
import static dev.deltavec.Exact.recalled;
import static dev.deltavec.Exact.sound;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.support.Generator;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * How a search is made: candidates, metric, exactly, in batches. Filters have tests of their own.
 */
class SearchOptionsTest {
  private static final SearchOptions PLAIN = SearchOptions.defaults();

  @ParameterizedTest
  @ValueSource(ints = {1, 10_000})
  void efSearchGoesFromOneToTenThousand(int efSearch) {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 1, 2));
      assertThat(db.search(v(1, 2), 1, PLAIN.withEfSearch(efSearch))).hasSize(1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 10_001})
  void efSearchOutOfItsRangeIsRefused(int efSearch) {
    try (DeltaVectorDB db = open(2)) {
      SearchOptions options = PLAIN.withEfSearch(efSearch);
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "efSearch.*" + efSearch,
          () -> db.search(v(1, 2), 1, options));
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "efSearch.*" + efSearch,
          () -> db.searchBatch(new float[0][], 1, options));
    }
  }

  @Test
  void moreCandidatesFindBetter() {
    Generator random = new Generator(2);
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(64).hnswEfSearch(1).build()) {
      Map<String, float[]> vectors = fill(db, random, 3000);
      long few = 0;
      long many = 0;
      for (int i = 0; i < 40; i++) {
        float[] query = random.vector(64);
        List<Double> closest = exact(Metric.COSINE, vectors, query, 1);
        few += recalled(Metric.COSINE, closest, db.search(query, 1));
        many += recalled(Metric.COSINE, closest, db.search(query, 1, PLAIN.withEfSearch(250)));
      }
      assertThat(many).isGreaterThan(few).isGreaterThanOrEqualTo(36);
    }
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void anExactSearchMissesNothing(Metric metric) {
    Generator random = new Generator(3);
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(32).metric(metric).hnswEfSearch(1).build()) {
      Map<String, float[]> vectors = fill(db, random, 2000);
      for (int i = 0; i < 20; i++) {
        float[] query = random.vector(32);
        List<SearchResult> hits = db.search(query, 10, PLAIN.withExact(true));
        sound(metric, vectors, query, hits);
        assertThat(recalled(metric, exact(metric, vectors, query, 10), hits)).isEqualTo(10);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void anotherMetricFindsWhatIsClosestByIt(Metric own) {
    Generator random = new Generator(4);
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(24).metric(own).hnswEfSearch(100).build()) {
      Map<String, float[]> vectors = fill(db, random, 1500);
      for (Metric other : Metric.values()) {
        long found = 0;
        for (int i = 0; i < 20; i++) {
          float[] query = random.vector(24);
          List<SearchResult> hits = db.search(query, 10, PLAIN.withMetric(other));
          assertThat(hits).hasSize(10);
          sound(other, vectors, query, hits);
          found += recalled(other, exact(other, vectors, query, 10), hits);
        }
        assertThat(found).as("%s in a database for %s", other, own).isGreaterThanOrEqualTo(190);
      }
    }
  }

  @Test
  void aBatchFindsForEachQueryWhatASearchFinds() {
    Generator random = new Generator(5);
    try (DeltaVectorDB db = open(16)) {
      fill(db, random, 1200);
      float[][] queries = new float[30][];
      Arrays.setAll(queries, i -> random.vector(16));
      for (SearchOptions options : List.of(PLAIN, PLAIN.withEfSearch(7), PLAIN.withExact(true))) {
        List<List<SearchResult>> results = db.searchBatch(queries, 5, options);
        assertThat(results).hasSize(30);
        for (int i = 0; i < 30; i++) {
          assertThat(results.get(i)).isEqualTo(db.search(queries[i], 5, options));
        }
      }
    }
  }

  @Test
  void aBatchOfNothingFindsNothing() {
    try (DeltaVectorDB db = open(2)) {
      assertThat(db.searchBatch(new float[0][], 1, PLAIN)).isEmpty();
      fails(
          ErrorCode.INVALID_ARGUMENT, "k must be", () -> db.searchBatch(new float[0][], 0, PLAIN));
    }
  }

  @Test
  void aBatchWithABadQueryIsRefusedBeforeAnyIsSearchedFor() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 1, 2));
      int[] asked = new int[1];
      SearchOptions counted =
          PLAIN.withFilter((id, metadata) -> {
            asked[0]++;
            return true;
          });
      float[][] short1 = {v(1, 2), v(1)};
      float[][] nan2 = {v(1, 2), v(2, 1), v(0, Float.NaN)};
      float[][] none1 = {v(1, 2), nothing()};
      fails(
          ErrorCode.DIMENSION_MISMATCH,
          1,
          "query 1 has 1 values, not 2",
          () -> db.searchBatch(short1, 1, counted));
      fails(
          ErrorCode.NOT_FINITE,
          2,
          "query 2 has a value that is not finite",
          () -> db.searchBatch(nan2, 1, counted));
      assertThatThrownBy(() -> db.searchBatch(none1, 1, counted))
          .isInstanceOf(NullPointerException.class);
      assertThat(asked[0]).isZero();
    }
  }

  @Test
  void withoutOptionsASearchIsWhatItWas() {
    assertThat(PLAIN).isEqualTo(new SearchOptions(null, null, null, false));
    assertThat(PLAIN.withEfSearch(3).withExact(true).withMetric(Metric.DOT))
        .isEqualTo(new SearchOptions(3, null, Metric.DOT, true));
    assertThat(PLAIN.withFilter(MetadataFilter.exists("a")).withoutFilter()).isEqualTo(PLAIN);
  }

  @SuppressWarnings({"TypeParameterUnusedInFormals", "NullAway"})
  private static <T> T nothing() {
    return null;
  }
}
