package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.v;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Capacity, memory, digests, statistics, threads, closing. */
class LifecycleTest {
  private static DeltaVectorDB ofAtMost(int maxVectors, int dimensions) {
    return DeltaVectorDB.builder().dimensions(dimensions).maxVectors(maxVectors).build();
  }

  @Test
  void oneVectorMoreThanMaxVectorsIsRefusedAndChangesNothing() {
    try (DeltaVectorDB db = ofAtMost(5, 2)) {
      for (int i = 0; i < 5; i++) {
        db.applyDelta(creates("v" + i, i, 1));
      }
      String digest = db.stateDigest();
      fails(
          ErrorCode.CAPACITY_EXCEEDED,
          "\"more\".*\\b5\\b",
          () -> db.applyDelta(creates("more", 1, 1)));
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.size()).isEqualTo(5);
    }
  }

  @Test
  void aBatchThatPassesTheCapacityIsRefusedAsAWhole() {
    try (DeltaVectorDB db = ofAtMost(3, 1)) {
      db.applyDelta(creates("v", 1));
      String digest = db.stateDigest();
      List<VectorDelta> batch = List.of(creates("a", 1), creates("b", 1), creates("c", 1));
      fails(ErrorCode.CAPACITY_EXCEEDED, 2, "\"c\".*\\b3\\b", () -> db.applyDeltas(batch));
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.applyDeltas(batch.subList(0, 2))).hasSize(2);
    }
  }

  @Test
  void aFullDatabaseTakesChangesAndAVectorForEachThatGoes() {
    try (DeltaVectorDB db = ofAtMost(2, 1)) {
      db.applyDeltas(List.of(creates("a", 1), creates("b", 2)));
      db.applyDelta(VectorDelta.scale("a", 3));
      for (int i = 0; i < 20; i++) {
        db.applyDelta(VectorDelta.delete("b"));
        db.applyDelta(creates("b", i));
      }
      db.applyDeltas(List.of(VectorDelta.delete("a"), creates("c", 7)));
      assertThat(db.ids()).containsExactlyInAnyOrder("b", "c");
      assertThat(db.search(v(1), 5)).hasSize(2);
    }
  }

  // ---------------------------------------------------------------- memory

  @Test
  void refusedMemoryIsAnErrorThatChangesNothing() {
    // Without history, as that would need memory for the changes behind the refused one, too.
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(384).history(false).memoryLimit(4 << 20).build()) {
      float[] vector = new float[384];
      List<VectorDelta> batch = new ArrayList<>();
      DeltaException refused = null;
      for (int i = 0; refused == null; i++) {
        vector[i % 384] = i;
        String digest = db.stateDigest();
        batch.clear();
        for (int j = 0; j < 100; j++) {
          batch.add(
              VectorDelta.create("v" + i + "." + j, vector.clone()).withMetadata("{\"n\":1}"));
        }
        try {
          db.applyDeltas(batch);
        } catch (DeltaException e) {
          refused = e;
          assertThat(db.stateDigest()).isEqualTo(digest);
          assertThat(db.size()).isEqualTo(100 * i);
          assertThat(db.has("v" + i + ".0")).isFalse();
        }
      }
      assertThat(refused.code()).isEqualTo(ErrorCode.OUT_OF_MEMORY);
      assertThat(db.size()).isBetween(500, 2700);
      // What is there can be used, changed, deleted and replaced.
      assertThat(db.search(vector, 5)).hasSize(5);
      db.applyDelta(VectorDelta.dense("v0.0", vector));
      for (int j = 0; j < 100; j++) {
        db.applyDelta(VectorDelta.delete("v1." + j));
      }
      for (int j = 0; j < 100; j++) {
        db.applyDelta(VectorDelta.create("again" + j, vector));
      }
      assertThat(vector(db, "again99")).containsExactly(vector);
    }
  }

  @Test
  void aDatabaseThatFindsNoMemoryAtAllIsNotMade() {
    fails(
        ErrorCode.OUT_OF_MEMORY, "no memory", () -> DeltaVectorDB.builder().memoryLimit(0).build());
  }

  @Test
  void aDeltaLargerThanTheMemoryIsRefused() {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(2).memoryLimit(2 << 20).build()) {
      db.applyDelta(creates("a", 1, 2));
      String digest = db.stateDigest();
      String large = "{\"x\":\"" + "x".repeat(4 << 20) + "\"}";
      fails(
          ErrorCode.OUT_OF_MEMORY,
          "no memory",
          () -> db.applyDelta(VectorDelta.scale("a", 2).withMetadata(large)));
      assertThat(db.stateDigest()).isEqualTo(digest);
      db.applyDelta(VectorDelta.scale("a", 2));
    }
  }

  @Test
  void thousandsOfVectorsThatComeAndGoLeaveNothingBehind() {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(16).history(false).build()) {
      String empty = db.stateDigest();
      long bytes = 0;
      for (int round = 0; round < 6; round++) {
        List<VectorDelta> come = new ArrayList<>();
        List<VectorDelta> go = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
          float[] vector = new float[16];
          vector[i % 16] = i + 1;
          come.add(VectorDelta.create("v" + i, vector).withMetadata("{\"i\":" + i + "}"));
          go.add(VectorDelta.delete("v" + i));
        }
        db.applyDeltas(come);
        db.applyDeltas(go);
        if (round == 2) {
          bytes = db.stats().memoryBytes();
        }
      }
      assertThat(db.stateDigest()).isEqualTo(empty);
      assertThat(db.stats().memoryBytes()).isEqualTo(bytes);
    }
  }

  // ---------------------------------------------------------------- digest and statistics

  @Test
  void theStateDigestFollowsTheStateAndNotItsHistory() {
    try (DeltaVectorDB one = open(3);
        DeltaVectorDB two = DeltaVectorDB.builder().dimensions(3).metric(Metric.DOT).build()) {
      String empty = one.stateDigest();
      assertThat(empty).matches("[0-9a-f]{16}");
      assertThat(two.stateDigest()).isEqualTo(empty);
      one.applyDeltas(List.of(creates("a", 1, 2, 3), creates("b", 4, 5, 6)));
      two.applyDeltas(List.of(creates("x", 0, 0, 0), creates("b", 4, 4, 6), creates("a", 2, 4, 6)));
      assertThat(two.stateDigest()).isNotEqualTo(one.stateDigest());
      two.applyDelta(VectorDelta.scale("a", 0.5f));
      two.applyDelta(sparse("b", 1, 5));
      two.applyDelta(VectorDelta.delete("x"));
      assertThat(two.stateDigest()).isEqualTo(one.stateDigest());
      one.applyDeltas(List.of(VectorDelta.delete("a"), VectorDelta.delete("b")));
      assertThat(one.stateDigest()).isEqualTo(empty);
    }
  }

  @Test
  void theStateDigestSeesIdsSingleValuesAndTheSignOfZero() {
    Set<String> digests = new HashSet<>();
    for (VectorDelta delta :
        List.of(
            creates("a", 1, 0),
            creates("b", 1, 0),
            creates("a", 0, 1),
            creates("a", 1, -0.0),
            creates("a", 1, 1e-45))) {
      try (DeltaVectorDB db = open(2)) {
        db.applyDelta(delta);
        digests.add(db.stateDigest());
      }
    }
    assertThat(digests).hasSize(5);
  }

  @Test
  void statsCountsVectorsDeltasAndBytes() {
    try (DeltaVectorDB db = open(20)) {
      db.applyDeltas(
          List.of(
              VectorDelta.create("a", new float[20]),
              VectorDelta.create("b", new float[20]),
              VectorDelta.scale("a", 2)));
      db.applyDelta(VectorDelta.delete("b"));
      DeltaStats stats = db.stats();
      assertThat(stats.size()).isEqualTo(1);
      assertThat(stats.deltas()).isEqualTo(4);
      assertThat(stats.capacity()).isPositive();
      assertThat(stats.stride()).isEqualTo(32);
      assertThat(stats.vectorBytes()).isGreaterThanOrEqualTo(80);
      assertThat(stats.vectorBytes() + stats.graphBytes() + stats.textBytes())
          .isLessThanOrEqualTo(stats.usedBytes());
      assertThat(stats.usedBytes()).isLessThanOrEqualTo(stats.memoryBytes());
      assertThat(stats.mapBytes()).isPositive();
      assertThat(stats.maxLevel()).isGreaterThanOrEqualTo(0);
    }
  }

  @Test
  void twoDatabasesKnowNothingOfEachOther() {
    try (DeltaVectorDB two = open(3)) {
      try (DeltaVectorDB one = open(2)) {
        one.applyDelta(creates("a", 1, 2));
        assertThat(two.has("a")).isFalse();
        two.applyDelta(creates("a", 1, 2, 3));
      }
      assertThat(vector(two, "a")).containsExactly(1, 2, 3);
    }
  }

  // ---------------------------------------------------------------- options

  @Test
  void withoutOptionsTheDefaultsHold() {
    try (DeltaVectorDB db = DeltaVectorDB.builder().build()) {
      assertThat(db.options().dimensions()).isEqualTo(384);
      assertThat(db.options().maxVectors()).isEqualTo(100_000);
      assertThat(db.options().metric()).isEqualTo(Metric.COSINE);
      assertThat(db.options().hnswM()).isEqualTo(16);
      assertThat(db.options().hnswEfConstruction()).isEqualTo(100);
      assertThat(db.options().hnswEfSearch()).isEqualTo(50);
      assertThat(db.options().checkpointInterval()).isEqualTo(100);
      assertThat(db.options().compression()).isTrue();
      assertThat(db.options().history()).isTrue();
      assertThat(db.options().grid()).isZero();
      assertThat(db.options().quantization()).isEqualTo(Quantization.INT8);
      assertThat(db.options().keepFloats()).isTrue();
      assertThat(db.options().recallSampleRate()).isZero();
      assertThat(db.options().maxHistoryBytes()).isZero();
      assertThat(db.options().maxAheadMillis()).isEqualTo(86_400_000);
    }
  }

  static Stream<Named<DeltaVectorDB.Builder>> extremes() {
    return Stream.of(
        Named.of(
            "smallest",
            DeltaVectorDB.builder()
                .dimensions(1)
                .maxVectors(1)
                .compression(false)
                .checkpointInterval(1)
                .hnswM(2)
                .hnswEfConstruction(1)
                .hnswEfSearch(1)
                .grid(1)
                .autoCompact(1)
                .maxClockAhead(Duration.ZERO)
                .quantization(Quantization.NONE)
                .recallSampleRate(0)
                .replicaId("000000000000")),
        Named.of(
            "largest",
            DeltaVectorDB.builder()
                .dimensions(65_536)
                .maxVectors(268_435_456)
                .compression(true)
                .checkpointInterval(Integer.MAX_VALUE)
                .hnswM(64)
                .hnswEfConstruction(10_000)
                .hnswEfSearch(10_000)
                .grid(1 << 20)
                .autoCompact(Long.MAX_VALUE)
                .maxClockAhead(Duration.ofSeconds(Long.MAX_VALUE))
                .quantization(Quantization.INT4)
                .recallSampleRate(1)
                .replicaId("FFFFFFFFFFFF")
                .memoryLimit(1L << 32)));
  }

  @ParameterizedTest
  @MethodSource("extremes")
  void theExtremeValuesOfEveryOptionWork(DeltaVectorDB.Builder builder) {
    try (DeltaVectorDB db = builder.build()) {
      float[] vector = new float[db.options().dimensions()];
      vector[0] = 2;
      db.applyDelta(VectorDelta.create("a", vector));
      assertThat(db.search(vector, 1)).extracting(SearchResult::id).containsExactly("a");
    }
  }

  // ---------------------------------------------------------------- threads

  @Test
  void callsOfManyThreadsTakeTurns() throws InterruptedException, ExecutionException {
    try (DeltaVectorDB db = open(8);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<String> seen = new ArrayList<>();
      db.onDelta(delta -> seen.add(delta.deltaId())); // under the database's lock
      List<Future<?>> work = new ArrayList<>();
      for (int thread = 0; thread < 4; thread++) {
        String name = "t" + thread + "-";
        work.add(
            threads.submit(() -> {
              for (int i = 0; i < 300; i++) {
                float[] vector = new float[8];
                vector[i % 8] = i + 1;
                db.applyDelta(VectorDelta.create(name + i, vector));
                assertThat(db.getVector(name + i)).containsExactly(vector);
                assertThat(db.search(vector, 3)).isNotEmpty();
                if (i % 3 == 0) {
                  db.applyDelta(VectorDelta.delete(name + i));
                }
              }
            }));
      }
      for (Future<?> one : work) {
        one.get();
      }
      assertThat(db.size()).isEqualTo(800);
      assertThat(db.ids()).hasSize(800).doesNotHaveDuplicates();
      assertThat(seen).hasSize(1600).isSorted().doesNotHaveDuplicates();
    }
  }

  // ---------------------------------------------------------------- closing

  static Stream<Named<Consumer<DeltaVectorDB>>> calls() {
    return Stream.of(
        Named.of("applyDelta", db -> db.applyDelta(creates("a", 1))),
        Named.of("applyDeltas", db -> db.applyDeltas(List.of(creates("a", 1)))),
        Named.of("applyDeltas of nothing", db -> db.applyDeltas(List.of())),
        Named.of("getVector", db -> db.getVector("a")),
        Named.of("getVectorInto", db -> db.getVectorInto("a", new float[1])),
        Named.of("getVectorView", db -> db.getVectorView("a")),
        Named.of("getMetadata", db -> db.getMetadata("a")),
        Named.of("has", db -> db.has("a")),
        Named.of("ids", DeltaVectorDB::ids),
        Named.of("size", DeltaVectorDB::size),
        Named.of("search", db -> db.search(v(1), 1)),
        Named.of("searchBatch", db -> db.searchBatch(new float[0][], 1, SearchOptions.defaults())),
        Named.of("repair", DeltaVectorDB::repair),
        Named.of("repair for a time", db -> db.repair(Duration.ofMillis(1))),
        Named.of("checkIndex", DeltaVectorDB::checkIndex),
        Named.of("onDelta", db -> db.onDelta(delta -> {})),
        Named.of("stats", DeltaVectorDB::stats),
        Named.of("stateDigest", DeltaVectorDB::stateDigest));
  }

  @ParameterizedTest
  @MethodSource("calls")
  void everyCallAfterCloseIsRefused(Consumer<DeltaVectorDB> call) {
    DeltaVectorDB db = open(1);
    db.applyDelta(creates("a", 1));
    db.close();
    fails(ErrorCode.CLOSED, "closed", () -> call.accept(db));
  }

  @Test
  void closingTwiceIsClosing() {
    DeltaVectorDB db = open(1);
    db.close();
    db.close();
    fails(ErrorCode.CLOSED, "closed", () -> db.has("a"));
  }

  @Test
  void manyDatabasesCanBeOpenedAndClosedOneAfterTheOther() {
    for (int i = 0; i < 300; i++) {
      // Together they would not fit in the 256 MiB that the tests have.
      try (DeltaVectorDB db = open(4)) {
        db.applyDeltas(
            List.of(creates("a", 1, 2, 3, i), dense("a", 0, 0, 0, i), VectorDelta.offset("a", 1)));
        assertThat(vector(db, "a")[3]).isEqualTo(i + 1);
      }
    }
  }
}
