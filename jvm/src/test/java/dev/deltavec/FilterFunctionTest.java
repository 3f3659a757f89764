package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.v;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Filters that are code: what they are given, how often, and what they may do. */
class FilterFunctionTest {
  private static final int VECTORS = 1500;

  /** Every third vector has metadata: {"n": its number}. */
  private static DeltaVectorDB filled() {
    Generator random = new Generator(9);
    DeltaVectorDB db = open(8);
    List<VectorDelta> batch = new ArrayList<>();
    for (int i = 0; i < VECTORS; i++) {
      VectorDelta delta = VectorDelta.create("v" + i, random.vector(8));
      batch.add(i % 3 == 0 ? delta.withMetadata("{\"n\": " + i + "}") : delta);
    }
    db.applyDeltas(batch);
    return db;
  }

  private static final float[] QUERY = v(1, -1, 0.5, 0, 0, 1, 0, -0.25);

  private static SearchOptions by(FilterFunction filter) {
    return SearchOptions.defaults().withFilter(filter);
  }

  @Test
  void itIsGivenIdsAndMetadata() {
    try (DeltaVectorDB db = filled()) {
      Map<String, Map<String, @Nullable Object>> given = new HashMap<>();
      db.search(
          QUERY,
          5,
          by((id, metadata) -> {
            given.put(id, metadata);
            return false;
          }));
      assertThat(given).hasSize(VECTORS);
      given.forEach((id, metadata) -> {
        long n = Long.parseLong(id.substring(1));
        assertThat(metadata).isEqualTo(n % 3 == 0 ? Map.of("n", n) : Map.of());
      });
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 40, 1500})
  void itIsCalledOnceForAVectorAtMost(int oneIn) {
    try (DeltaVectorDB db = filled()) {
      Set<String> seen = new HashSet<>();
      SearchOptions options =
          by((id, metadata) -> {
            assertThat(seen.add(id)).as(id).isTrue();
            return Integer.parseInt(id.substring(1)) % oneIn == 0;
          });
      db.search(QUERY, 10, options);
      seen.clear();
      Generator random = new Generator(1);
      float[][] queries = new float[5][];
      java.util.Arrays.setAll(queries, i -> random.vector(8));
      List<List<SearchResult>> results = db.searchBatch(queries, 10, options);
      seen.clear();
      for (int i = 0; i < queries.length; i++) {
        assertThat(results.get(i)).hasSize(Math.min(10, (VECTORS + oneIn - 1) / oneIn));
        assertThat(results.get(i)).isEqualTo(db.search(queries[i], 10, options));
        seen.clear();
      }
    }
  }

  @Test
  void itSeesLittleOfADatabaseOfWhichMostPasses() {
    try (DeltaVectorDB db = filled()) {
      AtomicInteger calls = new AtomicInteger();
      db.search(QUERY, 10, by((id, metadata) -> calls.incrementAndGet() % 2 == 0));
      assertThat(calls.get()).isLessThan(50);
    }
  }

  @Test
  void whatItThrowsReachesTheCallerAndNothingElse() {
    try (DeltaVectorDB db = filled()) {
      AtomicInteger calls = new AtomicInteger();
      IllegalArgumentException thrown = new IllegalArgumentException("no");
      SearchOptions options =
          by((id, metadata) -> {
            if (calls.incrementAndGet() == 7) {
              throw thrown;
            }
            return false;
          });
      assertThatThrownBy(() -> db.search(QUERY, 3, options)).isSameAs(thrown);
      assertThat(db.search(QUERY, 3)).hasSize(3);
      assertThat(db.checkIndex().ok()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 100})
  void itMaySearchAndReadItself(int oneIn) {
    try (DeltaVectorDB db = filled()) {
      FilterFunction plain = (id, metadata) -> Integer.parseInt(id.substring(1)) % oneIn == 0;
      SearchOptions options =
          by((id, metadata) -> {
            assertThat(db.search(v(0, 0, 1, 0, 0, 0, 0, 0), 2, by(plain))).hasSize(2);
            assertThat(db.search(QUERY, 900)).isNotEmpty();
            assertThat(db.getMetadata(id))
                .isEqualTo(metadata.isEmpty() ? "{}" : "{\"n\":" + metadata.get("n") + "}");
            assertThat(db.ids()).hasSize(VECTORS);
            return plain.accepts(id, metadata);
          });
      assertThat(db.search(QUERY, 3, options)).isEqualTo(db.search(QUERY, 3, by(plain)));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 100, 100_000})
  void itMayChangeTheDatabase(int oneIn) {
    try (DeltaVectorDB db = filled()) {
      Map<String, Boolean> decided = new LinkedHashMap<>();
      AtomicInteger calls = new AtomicInteger();
      SearchOptions options =
          by((id, metadata) -> {
            int call = calls.incrementAndGet();
            // The vectors to come go, and others take their places.
            if (call % 5 == 0) {
              db.applyDelta(VectorDelta.delete(id));
              db.applyDelta(VectorDelta.create("new" + call, QUERY));
            } else if (call % 7 == 0) {
              db.applyDelta(creates("newer" + call, 1, 2, 3, 4, 5, 6, 7, call));
            }
            boolean passes = call % oneIn == 0;
            decided.put(id, passes);
            return passes;
          });
      for (int i = 0; i < 3; i++) {
        decided.clear();
        assertThat(db.search(QUERY, 20, options))
            .allSatisfy(hit -> assertThat(decided).containsEntry(hit.id(), true));
      }
      assertThat(calls.get()).isLessThan(20_000);
      assertThat(db.checkIndex().ok()).isTrue();
    }
  }

  @Test
  void aSearchEndsThoughItAddsAVectorWithEachCall() {
    try (DeltaVectorDB db = filled()) {
      AtomicInteger calls = new AtomicInteger();
      db.search(
          QUERY,
          5,
          by((id, metadata) -> {
            db.applyDelta(VectorDelta.create("new" + calls.incrementAndGet(), QUERY));
            return false;
          }));
      assertThat(calls.get()).isBetween(VECTORS, 2 * VECTORS);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 30, 1000})
  void ifItClosesTheDatabaseTheSearchSaysSo(int call) {
    DeltaVectorDB db = filled();
    AtomicInteger calls = new AtomicInteger();
    SearchOptions options =
        by((id, metadata) -> {
          if (calls.incrementAndGet() == call) {
            db.close();
          }
          return false;
        });
    fails(ErrorCode.CLOSED, "closed", () -> db.search(QUERY, 5, options));
    assertThat(calls.get()).isEqualTo(call);
  }

  @Test
  void aBadSearchIsRefusedBeforeItIsCalled() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 1, 2));
      SearchOptions options =
          by((id, metadata) -> {
            throw new AssertionError("called");
          });
      fails(ErrorCode.NOT_FINITE, "query", () -> db.search(v(1, Float.NaN), 1, options));
      fails(ErrorCode.DIMENSION_MISMATCH, "query", () -> db.search(v(1), 1, options));
      fails(ErrorCode.INVALID_ARGUMENT, "k must be", () -> db.search(v(1, 2), 0, options));
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "efSearch",
          () -> db.search(v(1, 2), 1, options.withEfSearch(0)));
    }
  }

  @Test
  void inAnEmptyDatabaseNothingIsFound() {
    try (DeltaVectorDB db = open(2)) {
      assertThat(db.search(v(1, 2), 3, by((id, metadata) -> true))).isEmpty();
    }
  }

  @Test
  void aVeryLargeKGivesAllThatPass() {
    try (DeltaVectorDB db = filled()) {
      SearchOptions options = by((id, metadata) -> !metadata.isEmpty());
      assertThat(db.search(QUERY, Integer.MAX_VALUE, options)).hasSize(VECTORS / 3);
    }
  }
}
