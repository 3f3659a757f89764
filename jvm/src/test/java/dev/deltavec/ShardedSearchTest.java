package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.log.Shards;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShardedSearchTest {
  private static final int DIMENSIONS = 24;
  private static final int SHARDS = 8;
  private static final SearchOptions EXACT = SearchOptions.defaults().withExact(true);

  private final List<AutoCloseable> open = new ArrayList<>();
  private final Random random = new Random(11);

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
  }

  /** One database, and the same vectors in shards. */
  private final class Twins {
    final DeltaVectorDB one;
    final List<DeltaVectorDB> shards = new ArrayList<>();
    final ShardedSearch search;

    Twins(Metric metric, boolean joint) {
      one = database(metric);
      search = new ShardedSearch(SHARDS, joint);
      for (int i = 0; i < SHARDS; i++) {
        shards.add(database(metric));
        search.add(i, shards.get(i));
      }
      open.add(search);
    }

    Twins(boolean joint) {
      this(Metric.COSINE, joint);
    }

    void apply(VectorDelta delta) {
      one.applyDelta(delta);
      shards.get(Shards.of(delta.vectorId(), SHARDS)).applyDelta(delta);
    }

    void fill(int from, int to) {
      List<VectorDelta> all = new ArrayList<>();
      for (int i = from; i < to; i++) {
        all.add(
            VectorDelta.create("v" + i, vector())
                .withMetadata("{\"even\":" + (i % 2 == 0) + ",\"n\":" + i + "}"));
      }
      one.applyDeltas(all);
      for (int i = 0; i < SHARDS; i++) {
        int shard = i;
        shards
            .get(i)
            .applyDeltas(
                all.stream().filter(d -> Shards.of(d.vectorId(), SHARDS) == shard).toList());
      }
    }

    void settle() throws InterruptedException {
      assertThat(search.settle(Duration.ofMinutes(1))).isTrue();
    }

    /** The share of what is nearest for sure that searches find. */
    double recall(boolean sharded, int k, SearchOptions options) {
      Random seed = new Random(5);
      int hits = 0;
      for (int i = 0; i < 100; i++) {
        float[] query = vector(seed);
        Set<String> nearest = new HashSet<>(ids(one.search(query, k, EXACT)));
        List<SearchResult> found =
            sharded ? search.search(query, k, options) : one.search(query, k, options);
        hits += (int) found.stream().filter(hit -> nearest.contains(hit.id())).count();
      }
      return hits / (100.0 * k);
    }
  }

  private DeltaVectorDB database(Metric metric) {
    DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(DIMENSIONS).metric(metric).history(false).build();
    open.add(db);
    return db;
  }

  private float[] vector() {
    return vector(random);
  }

  private static float[] vector(Random random) {
    float[] vector = new float[DIMENSIONS];
    for (int i = 0; i < DIMENSIONS; i++) {
      vector[i] = (float) random.nextGaussian() * (i < 8 ? 1 : 0.2f);
    }
    return vector;
  }

  /** Compares hits; the last bits of a score depend on what it is computed together with. */
  private static void assertSame(List<SearchResult> hits, List<SearchResult> expected) {
    assertThat(ids(hits)).isEqualTo(ids(expected));
    for (int i = 0; i < hits.size(); i++) {
      assertThat(hits.get(i).score()).isCloseTo(expected.get(i).score(), within(1e-5f));
    }
  }

  private static List<String> ids(List<SearchResult> hits) {
    return hits.stream().map(SearchResult::id).toList();
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void anExactSearchFindsWhatOneDatabaseDoes(Metric metric) {
    Twins twins = new Twins(metric, true);
    twins.fill(0, 800);
    for (int i = 0; i < 20; i++) {
      float[] query = vector();
      assertSame(twins.search.search(query, 25, EXACT), twins.one.search(query, 25, EXACT));
    }
  }

  @ParameterizedTest
  @EnumSource(Metric.class)
  void withManyCandidatesItFindsWhatIsNearest(Metric metric) throws InterruptedException {
    Twins twins = new Twins(metric, true);
    twins.fill(0, 800);
    twins.settle();
    SearchOptions wide = SearchOptions.defaults().withEfSearch(800);
    for (int i = 0; i < 20; i++) {
      float[] query = vector();
      assertSame(twins.search.search(query, 10, wide), twins.one.search(query, 10, EXACT));
    }
  }

  @ParameterizedTest
  @CsvSource({"true,10,50", "false,10,50", "true,1,20", "false,60,100"})
  void itFindsAsMuchAsOneDatabase(boolean joint, int k, int efSearch) throws InterruptedException {
    Twins twins = new Twins(joint);
    twins.fill(0, 2500);
    twins.settle();
    SearchOptions options = SearchOptions.defaults().withEfSearch(efSearch);
    assertThat(twins.recall(true, k, options))
        .isGreaterThanOrEqualTo(twins.recall(false, k, options) - 0.01);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aChangeIsSeenByTheNextSearch(boolean joint) {
    Twins twins = new Twins(joint);
    twins.fill(0, 400);
    for (int i = 0; i < 300; i++) {
      String id = "v" + i;
      float[] vector = vector();
      twins.apply(VectorDelta.dense(id, vector));
      assertThat(ids(twins.search.search(vector, 1))).containsExactly(id);
      twins.apply(VectorDelta.delete(id));
      assertThat(ids(twins.search.search(vector, 5))).hasSize(5).doesNotContain(id);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void filtersAreThoseOfOneDatabase(boolean joint) throws InterruptedException {
    Twins twins = new Twins(joint);
    twins.fill(0, 600);
    twins.settle();
    for (SearchOptions options :
        List.of(
            SearchOptions.defaults().withFilter(MetadataFilter.equal("even", true)),
            SearchOptions.defaults().withFilter((id, metadata) -> id.endsWith("7")))) {
      SearchOptions wide = options.withEfSearch(600);
      float[] query = vector();
      assertSame(
          twins.search.search(query, 12, wide), twins.one.search(query, 12, wide.withExact(true)));
    }
  }

  @Test
  void anotherMetricIsThatOfOneDatabase() {
    Twins twins = new Twins(true);
    twins.fill(0, 300);
    SearchOptions options = SearchOptions.defaults().withMetric(Metric.EUCLIDEAN);
    float[] query = vector();
    assertSame(twins.search.search(query, 9, options), twins.one.search(query, 9, options));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void thereMayBeFewerThanWanted(boolean joint) {
    Twins twins = new Twins(joint);
    assertThat(twins.search.search(vector(), 3)).isEmpty();
    twins.fill(0, 5);
    assertThat(ids(twins.search.search(vector(), 9)))
        .containsExactlyInAnyOrder("v0", "v1", "v2", "v3", "v4");
  }

  @Test
  void aShardThatIsRemovedIsNotSearched() throws InterruptedException {
    Twins twins = new Twins(true);
    twins.fill(0, 2000);
    twins.settle();
    assertThat(twins.search.remove(3)).isTrue();
    assertThat(twins.search.remove(3)).isFalse();
    twins.shards.get(3).close();
    for (int round = 0; round < 2; round++) {
      for (int i = 0; i < 20; i++) {
        assertThat(ids(twins.search.search(vector(), 20)))
            .hasSize(20)
            .noneMatch(id -> Shards.of(id, SHARDS) == 3);
      }
      twins.settle();
    }
  }

  @Test
  void aShardThatComesLaterIsSearchedAtOnce() throws InterruptedException {
    Twins twins = new Twins(true);
    twins.search.remove(2);
    twins.fill(0, 3000);
    twins.settle();
    twins.search.add(2, twins.shards.get(2));
    String id = twins.shards.get(2).ids().get(700 / 8);
    float[] vector = Objects.requireNonNull(twins.one.getVector(id));
    assertThat(ids(twins.search.search(vector, 1))).containsExactly(id);
    twins.settle();
    assertThat(ids(twins.search.search(vector, 1))).containsExactly(id);
  }

  @Test
  void aShardThatWasReplacedIsSearchedAsItIs() throws InterruptedException {
    Twins twins = new Twins(true);
    twins.fill(0, 500);
    twins.settle();
    DeltaVectorDB other = database(Metric.COSINE);
    float[] vector = vector();
    String id = "new";
    int shard = Shards.of(id, SHARDS);
    other.applyDelta(VectorDelta.create(id, vector));
    twins.shards.get(shard).importFrom(other.export(ExportOptions.all()));
    twins.search.replaced(shard);
    for (int round = 0; round < 2; round++) {
      List<String> found = ids(twins.search.search(vector, 450));
      assertThat(found.getFirst()).isEqualTo(id);
      assertThat(found).allMatch(hit -> hit.equals(id) || Shards.of(hit, SHARDS) != shard);
      twins.settle();
    }
  }

  @Test
  void whatCannotBeSearchedIsRefused() {
    assertThatThrownBy(() -> new ShardedSearch(0)).isInstanceOf(DeltaException.class);
    ShardedSearch search = new ShardedSearch(2);
    open.add(search);
    DeltaVectorDB db = database(Metric.COSINE);
    search.add(0, db);
    assertCode(ErrorCode.INVALID_ARGUMENT, () -> search.add(0, db));
    assertCode(ErrorCode.INVALID_ARGUMENT, () -> search.add(2, db));
    assertCode(ErrorCode.INVALID_ARGUMENT, () -> search.add(1, database(Metric.DOT)));
    search.add(1, database(Metric.COSINE));
    assertCode(ErrorCode.INVALID_ARGUMENT, () -> search.search(vector(), 0));
    assertCode(
        ErrorCode.INVALID_ARGUMENT,
        () -> search.search(vector(), 1, SearchOptions.defaults().withEfSearch(0)));
    assertCode(ErrorCode.DIMENSION_MISMATCH, () -> search.search(new float[3], 1));
    db.close();
    assertCode(ErrorCode.CLOSED, () -> search.search(vector(), 1, EXACT));
    search.close();
    assertCode(ErrorCode.CLOSED, () -> search.search(vector(), 1));
  }

  private static void assertCode(ErrorCode code, Runnable what) {
    assertThatThrownBy(what::run)
        .isInstanceOfSatisfying(DeltaException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  @Test
  void searchesGoOnWhileShardsComeAndGoAndChange() throws Exception {
    Twins twins = new Twins(true);
    twins.fill(0, 1000);
    float[] kept = Objects.requireNonNull(twins.one.getVector("v1"));
    int shard = Shards.of("v1", SHARDS);
    Thread changes =
        Thread.ofPlatform()
            .start(() -> {
              for (int i = 0; i < 30; i++) {
                int other = (shard + 1 + i % (SHARDS - 1)) % SHARDS;
                twins.search.remove(other);
                twins.fill(1000 + i * 10, 1010 + i * 10);
                twins.search.add(other, twins.shards.get(other));
              }
            });
    while (changes.isAlive()) {
      assertThat(ids(twins.search.search(kept, 3))).hasSize(3).startsWith("v1");
    }
    changes.join();
    twins.settle();
    assertThat(twins.recall(true, 10, SearchOptions.defaults().withEfSearch(400)))
        .isGreaterThan(0.99);
  }
}
