package dev.deltavec.server.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.SearchResult;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.log.Shards;
import dev.deltavec.server.node.Answer;
import dev.deltavec.server.node.Query;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Four shards: 0 and 1 are here, 2 and 3 on others. */
class SearcherTest {
  private static final int SHARDS = 4;
  private final DeltaVectorDB whole = database();
  private final List<DeltaVectorDB> databases =
      IntStream.range(0, SHARDS).mapToObj(n -> database()).toList();
  private final LocalSearch here = new LocalSearch(SHARDS, false, Metric.EUCLIDEAN);
  private final Map<String, LocalSearch> nodes = new HashMap<>();
  private final Map<Integer, List<String>> routes = new HashMap<>();
  private final List<String> asked = new CopyOnWriteArrayList<>();

  private static DeltaVectorDB database() {
    return DeltaVectorDB.builder().dimensions(1).metric(Metric.EUCLIDEAN).build();
  }

  @BeforeEach
  void fill() {
    for (int i = 0; i < 40; i++) {
      String id = (i % 2 == 0 ? "even" : "odd") + i;
      VectorDelta delta = VectorDelta.create(id, new float[] {i});
      whole.applyDelta(delta);
      databases.get(Shards.of(id, SHARDS)).applyDelta(delta);
    }
    here.add(0, databases.get(0));
    here.add(1, databases.get(1));
    node("two", 2);
    node("three", 3);
    routes.put(2, List.of("two"));
    routes.put(3, List.of("three"));
  }

  private void node(String name, int... shards) {
    LocalSearch search = new LocalSearch(SHARDS, false, Metric.EUCLIDEAN);
    for (int shard : shards) {
      search.add(shard, databases.get(shard));
    }
    nodes.put(name, search);
  }

  @AfterEach
  void close() {
    here.close();
    nodes.values().forEach(LocalSearch::close);
    databases.forEach(DeltaVectorDB::close);
    whole.close();
  }

  private final class InMemory implements Peers {
    @Override
    public PartialAnswer search(String url, SearchRequest request, Duration timeout)
        throws IOException, InterruptedException {
      asked.add(url);
      if (url.equals("dead")) {
        throw new IOException("nobody is there");
      }
      if (url.equals("hangs")) {
        Thread.sleep(60_000);
      }
      SearchRequest arrived = SearchRequest.decode(request.encode());
      LocalSearch node = nodes.get(url);
      if (node == null) {
        throw new IOException("no such node");
      }
      return PartialAnswer.decode(node.search(arrived.query(), arrived.shards()).encode());
    }

    @Override
    public Download snapshot(String url, int shard, long offset) throws IOException {
      throw new IOException("not here");
    }
  }

  private Answer search(Query query) {
    return new Searcher(
            SHARDS,
            1,
            here,
            here::has,
            shard -> routes.getOrDefault(shard, List.of()),
            new InMemory(),
            Duration.ofMillis(100))
        .search(query);
  }

  private static Query query(int k, Duration deadline, String... prefixes) {
    return new Query(new float[] {17.2f}, k, null, null, List.of(prefixes), deadline);
  }

  private static final Duration LONG = Duration.ofSeconds(20);

  @Test
  void theBestOfAllShardsAreFound() {
    Answer answer = search(query(9, LONG));
    assertThat(answer.missing()).isEmpty();
    assertThat(answer.results()).isEqualTo(whole.search(new float[] {17.2f}, 9));
  }

  @Test
  void shardsOfADeadOwnerAreMissing() {
    routes.put(2, List.of("dead"));
    Answer answer = search(query(40, LONG));
    assertThat(answer.missing()).containsExactly(2);
    assertThat(answer.results()).hasSize(40 - databases.get(2).size());
  }

  @Test
  void aCopyAnswersForADeadOwner() {
    node("copy", 2);
    routes.put(2, List.of("dead", "copy"));
    Answer answer = search(query(40, LONG));
    assertThat(answer.missing()).isEmpty();
    assertThat(answer.results()).hasSize(40);
  }

  @Test
  void aCopyAnswersForAnOwnerThatIsNotReady() {
    node("restoring");
    node("copy", 2, 3);
    routes.put(3, List.of("restoring", "copy"));
    assertThat(search(query(40, LONG)).missing()).isEmpty();
  }

  @Test
  void aCopyIsAskedTooWhenTheOwnerTakesLong() {
    node("copy", 2);
    routes.put(2, List.of("hangs", "copy"));
    Answer answer = search(query(40, LONG));
    assertThat(answer.missing()).isEmpty();
    assertThat(asked).contains("hangs", "copy");
  }

  @Test
  void whatIsNotThereByTheDeadlineIsMissing() {
    routes.put(2, List.of("hangs"));
    Answer answer = search(query(40, Duration.ofMillis(300)));
    assertThat(answer.missing()).containsExactly(2);
    assertThat(answer.took()).isLessThan(Duration.ofSeconds(30));
  }

  @Test
  void shardsThatNobodyHasAreMissing() {
    routes.clear();
    assertThat(search(query(1, LONG)).missing()).containsExactly(2, 3);
  }

  @Test
  void onlyIdsWithAPrefixAreFound() {
    Answer answer = search(query(5, LONG, "odd"));
    assertThat(answer.results().stream().map(SearchResult::id))
        .containsExactly("odd17", "odd19", "odd15", "odd21", "odd13");
  }

  @Test
  void aPrefixWithFewIdsGivesAllOfThem() {
    assertThat(search(query(5, LONG, "even38", "none")).results()).hasSize(1);
  }

  @Test
  void aWrongQueryIsRefused() {
    Query wrong = new Query(new float[] {1, 2}, 1, null, null, List.of(), LONG);
    assertThatThrownBy(() -> search(wrong))
        .extracting(e -> ((DeltaException) e).code())
        .isEqualTo(ErrorCode.DIMENSION_MISMATCH);
    assertThatThrownBy(() -> search(query(0, LONG))).isInstanceOf(DeltaException.class);
    assertThatThrownBy(() -> search(new Query(new float[] {1}, 1, null, "{}", List.of(), LONG)))
        .isInstanceOf(DeltaException.class);
  }

  @Test
  void messagesThatAreNoneAreRefused() {
    byte[] good = new SearchRequest(query(3, LONG, "a"), List.of(1, 2)).encode();
    for (int length = 0; length < good.length; length++) {
      byte[] cut = java.util.Arrays.copyOf(good, length);
      assertThatThrownBy(() -> SearchRequest.decode(cut)).isInstanceOf(IOException.class);
    }
    assertThatThrownBy(() -> PartialAnswer.decode(new byte[] {9, 9, 9}))
        .isInstanceOf(IOException.class);
  }

  @Test
  void aNarrowPrefixAmongManyIsFoundExactly() {
    for (int i = 0; i < 12_000; i++) {
      databases.get(0).applyDelta(VectorDelta.create("many" + i, new float[] {17 + i / 1e5f}));
    }
    PartialAnswer found = here.search(query(2_000, LONG, "even", "odd"), List.of(0, 1));
    assertThat(found.missing()).isEmpty();
    int all = databases.get(0).size() + databases.get(1).size() - 12_000;
    assertThat(found.results())
        .hasSize(all)
        .isSortedAccordingTo((a, b) -> Float.compare(a.score(), b.score()));
  }

  @Test
  void aPrefixThatIsStillLookedForAtTheDeadlineIsMissing() {
    PartialAnswer late = here.search(query(5, Duration.ZERO, "none"), List.of(0, 1));
    assertThat(late.missing()).containsExactly(0, 1);
    assertThat(late.results()).isEmpty();
  }
}
