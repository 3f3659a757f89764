package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.support.Generator;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Threads that read, beside each other and beside one that writes. */
class ConcurrencyTest {
  private static final long SEED = 20_260;
  private static final int DIMENSIONS = 12;
  private static final int READERS = 3;
  private static final int K = 5;

  /** What a model of the database holds after each batch: vectors, and which are marked. */
  private record State(Map<String, float[]> vectors, Set<String> marked) {}

  /** Batches, and the states before the first and after each. */
  private record Script(List<List<VectorDelta>> batches, List<State> states) {
    static Script random(Generator random, int batches) {
      Script script = new Script(new ArrayList<>(), new ArrayList<>());
      State state = new State(Map.of(), Set.of());
      script.states.add(state);
      int made = 0;
      for (int b = 0; b < batches; b++) {
        Map<String, float[]> vectors = new LinkedHashMap<>(state.vectors);
        Set<String> marked = new HashSet<>(state.marked);
        List<VectorDelta> batch = new ArrayList<>();
        int deltas = b == 0 ? 700 : 1 + random.below(40);
        for (int d = 0; d < deltas; d++) {
          List<String> ids = b == 0 ? List.of() : List.copyOf(vectors.keySet());
          String id = ids.isEmpty() ? "" : random.pick(ids);
          int what = ids.size() < 500 ? 0 : random.below(4);
          if (what == 0) {
            id = "v" + made++;
            float[] vector = random.vector(DIMENSIONS);
            vectors.put(id, vector);
            batch.add(VectorDelta.create(id, vector).withMetadata("{\"mark\":0}"));
          } else if (what == 1) {
            vectors.remove(id);
            marked.remove(id);
            batch.add(VectorDelta.delete(id));
          } else {
            float[] vector = random.vector(DIMENSIONS);
            vectors.put(id, vector);
            boolean marks = what == 2;
            String metadata = marks ? "{\"mark\":1}" : "{\"mark\":0}";
            batch.add(VectorDelta.dense(id, vector).withMetadata(metadata));
            if (marks) {
              marked.add(id);
            } else {
              marked.remove(id);
            }
          }
        }
        state = new State(vectors, marked);
        script.batches.add(batch);
        script.states.add(state);
      }
      return script;
    }
  }

  /** What a reader was told, and between which states. */
  private record Seen(
      int earliest, int latest, int kind, float[] query, List<SearchResult> hits, int size) {}

  private static final SearchOptions[] KINDS = {
    SearchOptions.defaults(),
    SearchOptions.defaults().withExact(true),
    SearchOptions.defaults().withFilter(MetadataFilter.equal("mark", 1)),
  };

  private static final int SIZE = KINDS.length;
  private static final int VECTOR = SIZE + 1;

  private static Seen look(
      DeltaVectorDB db, Generator random, AtomicInteger done, AtomicInteger begun) {
    int kind = random.below(VECTOR + 1);
    float[] query = random.vector(DIMENSIONS);
    int earliest = done.get();
    if (kind == SIZE) {
      int size = db.size();
      return new Seen(earliest, begun.get(), kind, query, List.of(), size);
    }
    if (kind == VECTOR) {
      String id = "v" + random.below(700);
      float[] vector = db.getVector(id);
      List<SearchResult> found = List.of(new SearchResult(id, 0));
      float[] values = vector == null ? new float[0] : vector;
      return new Seen(earliest, begun.get(), kind, values, found, 0);
    }
    List<SearchResult> hits = db.search(query, K, KINDS[kind]);
    return new Seen(earliest, begun.get(), kind, query, hits, 0);
  }

  /** Says what is wrong with what was seen, if it was the state; null if nothing is. */
  private static @Nullable String wrong(Seen seen, State state) {
    try {
      if (seen.kind == SIZE) {
        assertThat(seen.size).isEqualTo(state.vectors.size());
      } else if (seen.kind == VECTOR) {
        float[] vector = state.vectors.get(seen.hits.getFirst().id());
        assertThat(seen.query).isEqualTo(vector == null ? new float[0] : vector);
      } else {
        Map<String, float[]> among = new LinkedHashMap<>(state.vectors);
        if (KINDS[seen.kind].filter() != null) {
          among.keySet().retainAll(state.marked);
        }
        assertThat(seen.hits).hasSize(Math.min(K, among.size()));
        Exact.sound(Metric.EUCLIDEAN, among, seen.query, seen.hits);
        if (KINDS[seen.kind].exact()) {
          assertThat(
                  Exact.recalled(
                      Metric.EUCLIDEAN,
                      Exact.exact(Metric.EUCLIDEAN, among, seen.query, K),
                      seen.hits))
              .isEqualTo(K);
        }
      }
      return null;
    } catch (AssertionError | NullPointerException e) {
      return String.valueOf(e.getMessage());
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyReadSeesOneStateBetweenTwoBatches(Quantization quantization) throws Exception {
    Script script = Script.random(new Generator(SEED), 60);
    List<Seen> all = new ArrayList<>();
    try (DeltaVectorDB db =
            DeltaVectorDB.builder()
                .dimensions(DIMENSIONS)
                .metric(Metric.EUCLIDEAN)
                .quantization(quantization)
                .build();
        ExecutorService threads = Executors.newFixedThreadPool(READERS)) {
      AtomicInteger begun = new AtomicInteger();
      AtomicInteger done = new AtomicInteger();
      db.applyDeltas(script.batches.getFirst());
      begun.set(1);
      done.set(1);
      CyclicBarrier start = new CyclicBarrier(READERS + 1);
      List<Future<List<Seen>>> readers = new ArrayList<>();
      for (int reader = 0; reader < READERS; reader++) {
        Generator random = new Generator(SEED + 1 + reader);
        readers.add(
            threads.submit(() -> {
              List<Seen> seen = new ArrayList<>();
              start.await(1, TimeUnit.MINUTES);
              do {
                seen.add(look(db, random, done, begun));
              } while (done.get() < script.batches.size());
              return seen;
            }));
      }
      start.await(1, TimeUnit.MINUTES);
      for (int b = 1; b < script.batches.size(); b++) {
        begun.set(b + 1);
        db.applyDeltas(script.batches.get(b));
        done.set(b + 1);
        Thread.sleep(1);
      }
      for (Future<List<Seen>> reader : readers) {
        all.addAll(reader.get());
      }
      assertThat(db.checkIndex().ok()).isTrue();
    }
    for (Seen seen : all) {
      List<String> wrongs = new ArrayList<>();
      for (int s = seen.earliest; s <= seen.latest; s++) {
        String wrong = wrong(seen, script.states.get(s));
        if (wrong == null) {
          wrongs.clear();
          break;
        }
        wrongs.add("not as after batch " + s + ": " + wrong);
      }
      assertThat(wrongs).as("seed %d", SEED).isEmpty();
    }
  }

  @Test
  void searchesRunBesideEachOther() throws Exception {
    // A search over many vectors takes long enough for others to come and go meanwhile.
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(64).history(false).build();
        ExecutorService threads = Executors.newFixedThreadPool(2)) {
      Exact.fill(db, new Generator(SEED), 2_000);
      float[][] many = new float[2_000][];
      Generator random = new Generator(SEED);
      for (int i = 0; i < many.length; i++) {
        many[i] = random.vector(64);
      }
      SearchOptions exact = SearchOptions.defaults().withExact(true);
      // The first round may wait for memory.
      searchesBeside(db, threads, many, exact);
      // One may have come before the batch, and one after it.
      assertThat(searchesBeside(db, threads, many, exact)).isGreaterThan(10);
    }
  }

  /** Returns how many searches have come to their end while one for many queries ran. */
  private static int searchesBeside(
      DeltaVectorDB db, ExecutorService threads, float[][] many, SearchOptions options)
      throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    Future<List<List<SearchResult>>> slow =
        threads.submit(() -> {
          begun.countDown();
          return db.searchBatch(many, 1, options);
        });
    begun.await();
    int between = 0;
    while (!slow.isDone()) {
      assertThat(db.search(many[between % many.length], 1)).hasSize(1);
      between++;
    }
    assertThat(slow.get()).hasSize(many.length);
    return between;
  }

  @Test
  void extraReadersFollowAnImport() throws Exception {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(8).build();
        DeltaVectorDB other = DeltaVectorDB.builder().dimensions(8).build();
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      Exact.fill(db, new Generator(1), 300);
      Map<String, float[]> vectors = Exact.fill(other, new Generator(2), 400);
      searchByMany(db, threads, 300);
      db.importFrom(other.export(ExportOptions.all()));
      for (List<SearchResult> hits : searchByMany(db, threads, 300)) {
        Exact.sound(Metric.COSINE, vectors, new Generator(7).vector(8), hits);
      }
    }
  }

  @Test
  void threadsFindAllWhereThereIsNoMemoryForMoreReaders() throws Exception {
    long enough;
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(64).build()) {
      Exact.fill(db, new Generator(1), 3_000);
      enough = db.stats().memoryBytes();
    }
    try (DeltaVectorDB db =
            DeltaVectorDB.builder().dimensions(64).memoryLimit(enough + 65_536).build();
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      Exact.fill(db, new Generator(1), 3_000);
      assertThat(searchByMany(db, threads, 400)).allSatisfy(hits -> assertThat(hits).hasSize(K));
    }
  }

  @Test
  void filtersThatAreFunctionsMayChangeTheDatabaseBesideOthersThatSearch() throws Exception {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(8).build();
        ExecutorService threads = Executors.newFixedThreadPool(3)) {
      Exact.fill(db, new Generator(1), 300);
      AtomicInteger changes = new AtomicInteger();
      SearchOptions changing =
          SearchOptions.defaults()
              .withFilter((id, metadata) -> {
                db.applyDelta(VectorDelta.offset(id, 1));
                changes.incrementAndGet();
                return true;
              });
      Future<?> functions =
          threads.submit(() -> {
            for (int i = 0; i < 50; i++) {
              db.search(new Generator(i).vector(8), K, changing);
            }
          });
      searchByMany(db, threads, 200);
      functions.get();
      assertThat(db.stats().deltas()).isEqualTo(300 + changes.get());
    }
  }

  private static List<List<SearchResult>> searchByMany(
      DeltaVectorDB db, ExecutorService threads, int times) throws Exception {
    float[] query = new Generator(7).vector(db.options().dimensions());
    List<Future<List<SearchResult>>> searches = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      searches.add(threads.submit(() -> db.search(query, K)));
    }
    List<List<SearchResult>> found = new ArrayList<>();
    for (Future<List<SearchResult>> search : searches) {
      found.add(search.get());
    }
    return found;
  }
}
