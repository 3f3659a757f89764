package dev.deltavec;

import static dev.deltavec.Checks.at;
import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.patch;
import static dev.deltavec.Checks.replica;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.v;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.Checks.Clock;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Reading the past, chains, rollback, compaction, grids. */
class HistoryTest {
  private final Clock clock = new Clock(10);

  private DeltaVectorDB.Builder of(int dimensions) {
    return replica(1, dimensions, clock);
  }

  /** At 10 "a" is [1, 2], at 20 [1, 5], at 30 it ends, at 40 it is [7, 8]. */
  private DeltaVectorDB lived() {
    DeltaVectorDB db = of(2).build();
    db.applyDelta(creates("a", 1, 2).withMetadata("{\"n\":1,\"m\":1}"));
    clock.now = 20;
    db.applyDelta(sparse("a", 1, 5).withMetadata("{\"n\":null}"));
    clock.now = 30;
    db.applyDelta(VectorDelta.delete("a"));
    clock.now = 40;
    db.applyDelta(creates("a", 7, 8));
    return db;
  }

  // ---------------------------------------------------------------- as it was

  @Test
  void aVectorIsReadAsItWas() {
    try (DeltaVectorDB db = lived()) {
      assertThat(db.getVectorAt("a", at(9))).isNull();
      assertThat(db.getVectorAt("a", at(10))).containsExactly(1, 2);
      assertThat(db.getVectorAt("a", at(19))).containsExactly(1, 2);
      assertThat(db.getVectorAt("a", at(20))).containsExactly(1, 5);
      assertThat(db.getVectorAt("a", at(30))).isNull();
      assertThat(db.getVectorAt("a", at(40))).containsExactly(7, 8);
    }
  }

  @Test
  void metadataIsReadAsItWas() {
    try (DeltaVectorDB db = lived()) {
      assertThat(db.getMetadataAt("a", at(9))).isNull();
      assertThat(db.getMetadataAt("a", at(10))).isEqualTo("{\"n\":1,\"m\":1}");
      assertThat(db.getMetadataAt("a", at(25))).isEqualTo("{\"m\":1}");
      assertThat(db.getMetadataAt("a", at(39))).isNull();
      assertThat(db.getMetadataAt("a", at(40))).isEqualTo("{}");
    }
  }

  @Test
  void allDeltasOfAMillisecondCount() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1).withTimestamp(at(5)));
      db.applyDelta(dense("a", 2).withTimestamp(at(5)));
      assertThat(db.getVectorAt("a", at(5))).containsExactly(2);
      assertThat(db.getVectorAt("a", at(5).plusNanos(999_999))).containsExactly(2);
      assertThat(db.getVectorAt("a", at(5).minusNanos(1))).isNull();
    }
  }

  @Test
  void anyTimeCanBeAskedFor() {
    try (DeltaVectorDB db = lived()) {
      assertThat(db.getVectorAt("a", Instant.MIN)).isNull();
      assertThat(db.getVectorAt("a", at(-1))).isNull();
      assertThat(db.getVectorAt("a", Instant.MAX)).containsExactly(7, 8);
      assertThat(db.getMetadataAt("a", Instant.MIN)).isNull();
      assertThat(db.searchAt(v(1, 1), 1, Instant.MIN)).isEmpty();
    }
  }

  @Test
  void whatNeverWasWasNot() {
    try (DeltaVectorDB db = lived()) {
      assertThat(db.getVectorAt("b", at(20))).isNull();
      assertThat(db.getMetadataAt("b", at(20))).isNull();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 1000})
  void everyMomentIsReadRightWhereverCheckpointsStand(int interval) {
    Generator random = new Generator(interval);
    try (DeltaVectorDB db = of(20).checkpointInterval(interval).build()) {
      db.applyDelta(VectorDelta.create("a", random.vector(20)));
      List<float[]> moments = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        moments.add(vector(db, "a"));
        clock.now++;
        db.applyDelta(
            switch (random.below(4)) {
              case 0 -> VectorDelta.dense("a", random.vector(20));
              case 1 -> VectorDelta.scale("a", random.gauss());
              case 2 -> VectorDelta.offset("a", random.gauss());
              default -> VectorDelta.sparse("a", new int[] {3, 4, 9}, random.vector(3));
            });
      }
      for (int i = 0; i < moments.size(); i++) {
        assertThat(db.getVectorAt("a", at(10 + i))).containsExactly(moments.get(i));
      }
    }
  }

  @Test
  void aSearchFindsWhatWas() {
    try (DeltaVectorDB db = of(2).build()) {
      db.applyDeltas(List.of(creates("a", 1, 0), creates("b", 0, 1)));
      clock.now = 20;
      db.applyDeltas(List.of(dense("a", 0, -1), VectorDelta.delete("b"), creates("c", 1, 1)));
      assertThat(db.searchAt(v(1, 0), 5, at(9))).isEmpty();
      assertThat(db.searchAt(v(1, 0), 5, at(15)))
          .containsExactly(new SearchResult("a", 1), new SearchResult("b", 0));
      assertThat(db.searchAt(v(0, 1), 1, at(15))).extracting(SearchResult::id).containsExactly("b");
      assertThat(db.searchAt(v(0, 1), 5, at(20)))
          .extracting(SearchResult::id)
          .containsExactly("c", "a");
    }
  }

  @Test
  void aBadSearchOfThePastIsRefused() {
    try (DeltaVectorDB db = lived()) {
      fails(ErrorCode.DIMENSION_MISMATCH, "query.*3", () -> db.searchAt(v(1, 2, 3), 1, at(10)));
      fails(ErrorCode.NOT_FINITE, "query", () -> db.searchAt(v(1, Float.NaN), 1, at(10)));
      fails(ErrorCode.INVALID_ARGUMENT, "k must", () -> db.searchAt(v(1, 2), 0, at(10)));
    }
  }

  @Test
  void whatCannotBeAnIdIsRefused() {
    try (DeltaVectorDB db = lived()) {
      fails(ErrorCode.INVALID_ARGUMENT, "empty", () -> db.getVectorAt("", at(10)));
      fails(ErrorCode.INVALID_ARGUMENT, "empty", () -> db.getMetadataAt("", at(10)));
      fails(ErrorCode.INVALID_ARGUMENT, "surrogate", () -> db.getDeltaChain("\uD800"));
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "empty",
          () -> db.compact(CompactOptions.all().withIds(List.of(""))));
    }
  }

  // ---------------------------------------------------------------- chains

  @Test
  void aChainListsAllDeltasOfAVector() {
    try (DeltaVectorDB db = of(3).checkpointInterval(2).build()) {
      List<VectorDelta> deltas =
          List.of(
              creates("größe", 1, 2, 3).withMetadata("{\"n\":1}"),
              sparse("größe", 0, 4, 2, 5),
              patch("größe", "{\"n\":2}"),
              dense("größe", 6, 7, 8),
              VectorDelta.scale("größe", 2),
              VectorDelta.offset("größe", 0.5f).withMetadata("{}"),
              VectorDelta.delete("größe"));
      List<DeltaChain.Entry> expected = new ArrayList<>();
      for (int i = 0; i < deltas.size(); i++) {
        VectorDelta delta = deltas.get(i);
        expected.add(
            new DeltaChain.Entry(
                db.applyDelta(delta),
                delta.operation(),
                delta.metadata(),
                at(clock.now++),
                DeltaOrigin.LOCAL,
                i % 2 == 1));
      }
      DeltaChain chain = db.getDeltaChain("größe");
      assertThat(chain.vectorId()).isEqualTo("größe");
      assertThat(chain.deltas()).isEqualTo(expected);
      assertThat(chain.checkpoints()).isEqualTo(3);
      assertThat(chain.horizon()).isNull();
      assertThat(chain.alive()).isFalse();
      assertThat(chain.bytes()).isEqualTo(db.stats().historyBytes());
    }
  }

  @Test
  void theChainOfWhatNeverWasIsEmpty() {
    try (DeltaVectorDB db = open(1)) {
      assertThat(db.getDeltaChain("a"))
          .isEqualTo(new DeltaChain("a", List.of(), 0, null, 0, false));
    }
  }

  @Test
  void aChainTellsLocalDeltasFromMergedOnes() {
    try (DeltaVectorDB one = of(1).build();
        DeltaVectorDB two = replica(2, 1, clock).build()) {
      one.applyDelta(creates("a", 1));
      two.merge(one.deltasSince(null));
      two.applyDelta(dense("a", 2));
      assertThat(two.getDeltaChain("a").deltas())
          .extracting(DeltaChain.Entry::origin)
          .containsExactly(DeltaOrigin.MERGE, DeltaOrigin.LOCAL);
    }
  }

  // ---------------------------------------------------------------- rollback

  @Test
  void rollingBackWritesOneDeltaThatRestoresValuesAndMetadata() {
    try (DeltaVectorDB db = of(2).build()) {
      String first = db.applyDelta(creates("a", 1, 2).withMetadata("{\"n\":1}"));
      db.applyDelta(dense("a", 3, 4).withMetadata("{\"n\":2,\"m\":3}"));
      List<String> written = db.rollbackTo("a", first);
      assertThat(vector(db, "a")).containsExactly(1, 2);
      assertThat(db.getMetadata("a")).isEqualTo("{\"n\":1}");
      assertThat(db.getDeltaChain("a").deltas())
          .hasSize(3)
          .last()
          .extracting(DeltaChain.Entry::deltaId)
          .isEqualTo(written.getFirst());
    }
  }

  @Test
  void rollingBackToThePresentStateWritesNothing() {
    try (DeltaVectorDB db = of(1).build()) {
      String last = db.applyDelta(creates("a", 1));
      assertThat(db.rollbackTo("a", last)).isEmpty();
      assertThat(db.position()).isEqualTo(1);
    }
  }

  @Test
  void rollingBackRaisesADeletedVector() {
    try (DeltaVectorDB db = of(1).build()) {
      String first = db.applyDelta(creates("a", 1));
      db.applyDelta(VectorDelta.delete("a"));
      assertThat(db.rollbackTo("a", first)).hasSize(1);
      assertThat(vector(db, "a")).containsExactly(1);
    }
  }

  @Test
  void rollingBackToADeleteDeletes() {
    try (DeltaVectorDB db = of(1).build()) {
      db.applyDelta(creates("a", 1));
      String end = db.applyDelta(VectorDelta.delete("a"));
      db.applyDelta(creates("a", 2));
      assertThat(db.rollbackTo("a", end)).hasSize(1);
      assertThat(db.has("a")).isFalse();
    }
  }

  @Test
  void subscribersSeeARollbackAsADelta() {
    try (DeltaVectorDB db = of(1).build()) {
      String first = db.applyDelta(creates("a", 1).withMetadata("{\"n\":1}"));
      db.applyDelta(dense("a", 2).withMetadata("{\"n\":null}"));
      List<DeltaEvent> seen = new ArrayList<>();
      db.onDelta(seen::add);
      String id = db.rollbackTo("a", first).getFirst();
      assertThat(seen)
          .containsExactly(
              new DeltaEvent(
                  id,
                  "a",
                  new DeltaOperation.Dense(v(1)),
                  "{\"n\":1}",
                  at(10),
                  DeltaOrigin.LOCAL,
                  2));
    }
  }

  @Test
  void aRollbackThatCannotBeIsRefused() {
    try (DeltaVectorDB db = of(1).build()) {
      String first = db.applyDelta(creates("a", 1));
      String other = db.applyDelta(creates("b", 1));
      fails(ErrorCode.VECTOR_NOT_FOUND, "\"c\"", () -> db.rollbackTo("c", first));
      fails(ErrorCode.INVALID_ARGUMENT, other, () -> db.rollbackTo("a", other));
      fails(ErrorCode.INVALID_ARGUMENT, "not a delta id", () -> db.rollbackTo("a", "nonsense"));
      db.applyDelta(dense("a", 2));
      db.compact(CompactOptions.all());
      fails(ErrorCode.HISTORY_COMPACTED, "compacted", () -> db.rollbackTo("a", first));
      assertThat(db.position()).isEqualTo(3);
    }
  }

  // ---------------------------------------------------------------- compaction

  /** Deltas at 10, 20, 30, 40 of "a" and "b". */
  private DeltaVectorDB edited() {
    DeltaVectorDB db = of(2).build();
    db.applyDeltas(List.of(creates("a", 0, 1), creates("b", 0, 1)));
    for (int i = 1; i < 4; i++) {
      clock.now += 10;
      db.applyDeltas(List.of(dense("a", i, 1), dense("b", i, 1)));
    }
    return db;
  }

  private static int deltas(DeltaVectorDB db, String id) {
    return db.getDeltaChain(id).deltas().size();
  }

  @Test
  void compactingLeavesThePresentAndOneCheckpointEach() {
    try (DeltaVectorDB db = edited()) {
      String digest = db.stateDigest();
      long before = db.stats().historyBytes();
      CompactionStats stats = db.compact(CompactOptions.all());
      assertThat(stats)
          .isEqualTo(new CompactionStats(2, 8, before, db.stats().historyBytes(), at(40)));
      assertThat(stats.bytesAfter()).isLessThan(before);
      assertThat(db.stateDigest()).isEqualTo(digest);
      DeltaChain chain = db.getDeltaChain("a");
      assertThat(chain.deltas()).isEmpty();
      assertThat(chain.checkpoints()).isEqualTo(1);
      assertThat(chain.horizon()).isEqualTo(at(40));
      assertThat(db.getVectorAt("a", at(40))).containsExactly(3, 1);
    }
  }

  @Test
  void whatLiesBeforeTheHorizonIsCompactedAndNotNothing() {
    try (DeltaVectorDB db = edited()) {
      db.compact(CompactOptions.all().withBefore(at(30)));
      assertThat(db.getVectorAt("a", at(20))).containsExactly(1, 1);
      assertThat(db.getVectorAt("a", at(30))).containsExactly(2, 1);
      fails(ErrorCode.HISTORY_COMPACTED, "20", () -> db.getVectorAt("a", at(19)));
      fails(ErrorCode.HISTORY_COMPACTED, "20", () -> db.getMetadataAt("a", at(10)));
      fails(ErrorCode.HISTORY_COMPACTED, "20", () -> db.searchAt(v(1, 1), 1, at(10)));
    }
  }

  @Test
  void theNewestDeltasCanBeKept() {
    try (DeltaVectorDB db = edited()) {
      assertThat(db.compact(CompactOptions.all().withKeepLast(3)).deltas()).isEqualTo(2);
      assertThat(deltas(db, "a")).isEqualTo(3);
      assertThat(db.compact(CompactOptions.all().withKeepLast(3)).deltas()).isZero();
      assertThat(db.compact(CompactOptions.all().withKeepLast(1).withBefore(at(30))).deltas())
          .isEqualTo(2);
      assertThat(deltas(db, "a")).isEqualTo(2);
    }
  }

  @Test
  void singleVectorsCanBeCompacted() {
    try (DeltaVectorDB db = edited()) {
      db.applyDelta(VectorDelta.delete("b"));
      db.applyDelta(creates("c", 1, 1));
      long before = db.stats().historyBytes();
      CompactionStats stats = db.compact(CompactOptions.all().withIds(List.of("b", "c")));
      assertThat(stats)
          .isEqualTo(new CompactionStats(2, 6, before, db.stats().historyBytes(), at(40)));
      assertThat(deltas(db, "a")).isEqualTo(4);
      assertThat(deltas(db, "b")).isZero();
      assertThat(db.compact(CompactOptions.all().withIds(List.of())))
          .isEqualTo(new CompactionStats(0, 0, stats.bytesAfter(), stats.bytesAfter(), null));
    }
  }

  @Test
  void compactingWhatIsNotThereIsRefusedAndCompactsNothing() {
    try (DeltaVectorDB db = edited()) {
      fails(
          ErrorCode.VECTOR_NOT_FOUND,
          "\"nobody\"",
          () -> db.compact(CompactOptions.all().withIds(List.of("a", "nobody"))));
      assertThat(deltas(db, "a")).isEqualTo(4);
    }
  }

  @Test
  void theOldestDeltasGoUntilTheHistoryIsSmallEnough() {
    try (DeltaVectorDB db = of(384).build()) {
      float[] vector = new float[384];
      db.applyDelta(VectorDelta.create("a", vector));
      for (int i = 0; i < 50; i++) {
        clock.now++;
        vector[0] = i;
        db.applyDelta(VectorDelta.dense("a", vector));
      }
      long bytes = db.stats().historyBytes();
      assertThat(db.compact(CompactOptions.all().withMaxBytes(bytes)).chains()).isZero();
      CompactionStats stats = db.compact(CompactOptions.all().withMaxBytes(40_000L));
      assertThat(stats.bytesAfter()).isEqualTo(db.stats().historyBytes()).isLessThan(50_000);
      assertThat(db.getVectorAt("a", at(clock.now - 10))).startsWith(39);
      fails(ErrorCode.HISTORY_COMPACTED, "compacted", () -> db.getVectorAt("a", at(11)));
    }
  }

  @Test
  void badOptionsOfCompactionAreRefused() {
    try (DeltaVectorDB db = edited()) {
      CompactOptions all = CompactOptions.all();
      fails(ErrorCode.INVALID_ARGUMENT, "keepLast", () -> db.compact(all.withKeepLast(-1)));
      fails(ErrorCode.INVALID_ARGUMENT, "maxBytes", () -> db.compact(all.withMaxBytes(-1L)));
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "ids.*maxBytes",
          () -> db.compact(all.withIds(List.of("a")).withMaxBytes(1L)));
      assertThat(deltas(db, "a")).isEqualTo(4);
    }
  }

  @Test
  void autoCompactKeepsTheHistoryWithinItsBudget() {
    try (DeltaVectorDB db = of(384).autoCompact(100_000).build()) {
      float[] vector = new float[384];
      db.applyDelta(VectorDelta.create("a", vector));
      for (int i = 0; i < 500; i++) {
        clock.now++;
        vector[0] = i;
        db.applyDelta(VectorDelta.dense("a", vector));
        assertThat(db.stats().historyBytes()).isLessThan(130_000);
      }
      assertThat(db.getVectorAt("a", at(clock.now - 10))).startsWith(489);
      fails(ErrorCode.HISTORY_COMPACTED, "compacted", () -> db.getVectorAt("a", at(100)));
    }
  }

  @Test
  void compactingGivesMemoryBackForNewHistory() {
    try (DeltaVectorDB db = of(64).build()) {
      db.applyDelta(VectorDelta.create("a", new float[64]));
      long bytes = 0;
      for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 1000; i++) {
          db.applyDelta(VectorDelta.dense("a", new float[64]));
        }
        db.compact(CompactOptions.all());
        if (round == 2) {
          bytes = db.stats().memoryBytes();
        }
      }
      assertThat(db.stats().memoryBytes()).isLessThanOrEqualTo(bytes + (64 << 10));
    }
  }

  // ---------------------------------------------------------------- without history

  static Stream<Named<Consumer<DeltaVectorDB>>> calls() {
    return Stream.of(
        Named.of("getVectorAt", db -> db.getVectorAt("a", at(10))),
        Named.of("getMetadataAt", db -> db.getMetadataAt("a", at(10))),
        Named.of("searchAt", db -> db.searchAt(v(1), 1, at(10))),
        Named.of("getDeltaChain", db -> db.getDeltaChain("a")),
        Named.of("rollbackTo", db -> db.rollbackTo("a", "00000000000000000000000000")),
        Named.of("compact", db -> db.compact(CompactOptions.all())),
        Named.of("compact of ids", db -> db.compact(CompactOptions.all().withIds(List.of()))),
        Named.of("merge", db -> db.merge(new byte[0])),
        Named.of("cursor", DeltaVectorDB::cursor),
        Named.of("deltasSince", db -> db.deltasSince(null)),
        Named.of("onDelta of the past", db -> db.onDelta(delta -> {}, FeedOptions.since(0))),
        Named.of("deltas", db -> db.deltas(FeedOptions.fromNow())));
  }

  @ParameterizedTest
  @MethodSource("calls")
  void withoutHistoryItIsRefused(Consumer<DeltaVectorDB> call) {
    try (DeltaVectorDB db = of(1).history(false).build()) {
      db.applyDelta(creates("a", 1));
      fails(ErrorCode.INVALID_ARGUMENT, "no history", () -> call.accept(db));
      assertThat(vector(db, "a")).containsExactly(1);
    }
  }

  @ParameterizedTest
  @MethodSource("calls")
  void afterCloseItIsRefused(Consumer<DeltaVectorDB> call) {
    DeltaVectorDB db = of(1).build();
    db.applyDelta(creates("a", 1));
    db.close();
    fails(ErrorCode.CLOSED, "closed", () -> call.accept(db));
  }

  @Test
  void withoutHistoryNothingIsKept() {
    try (DeltaVectorDB db = of(1).history(false).build()) {
      db.applyDeltas(List.of(creates("a", 1), dense("a", 2)));
      assertThat(db.stats().historyBytes()).isZero();
      assertThat(db.position()).isEqualTo(2);
    }
  }

  // ---------------------------------------------------------------- small forms

  @Test
  void statsCountsTheHistory() {
    try (DeltaVectorDB db = of(16).checkpointInterval(2).build()) {
      assertThat(db.stats().historyBytes()).isZero();
      db.applyDelta(VectorDelta.create("a", new float[16]));
      db.applyDelta(VectorDelta.scale("a", 2));
      DeltaStats stats = db.stats();
      assertThat(stats.historyDeltas()).isEqualTo(2);
      assertThat(stats.checkpoints()).isEqualTo(1);
      assertThat(stats.checkpointBytes()).isBetween(64L, 128L);
      assertThat(stats.historyBytes()).isBetween(64 + stats.checkpointBytes(), 300L);
    }
  }

  private long bytesOf(boolean compression, int... indices) {
    try (DeltaVectorDB db = of(1000).compression(compression).build()) {
      db.applyDelta(VectorDelta.create("a", new float[1000]));
      long before = db.stats().historyBytes();
      float[] values = new float[indices.length];
      for (int i = 0; i < values.length; i++) {
        values[i] = i + 1;
      }
      db.applyDelta(VectorDelta.sparse("a", indices, values));
      float[] expected = new float[1000];
      for (int i = 0; i < values.length; i++) {
        expected[indices[i]] = values[i];
      }
      assertThat(vector(db, "a")).containsExactly(expected);
      assertThat(db.getVectorAt("a", at(clock.now))).containsExactly(expected);
      if (compression) {
        int[] ascending = indices.clone();
        java.util.Arrays.sort(ascending);
        DeltaOperation logged = db.getDeltaChain("a").deltas().getLast().operation();
        assertThat(((DeltaOperation.Sparse) logged).indices()).containsExactly(ascending);
      }
      return db.stats().historyBytes() - before;
    }
  }

  @Test
  void runsAreWrittenAsRunsWhereThatIsShorter() {
    int[] run = new int[300];
    for (int i = 0; i < run.length; i++) {
      run[i] = 500 + i;
    }
    assertThat(bytesOf(true, run)).isEqualTo(bytesOf(false, run) - 300 - 2 - 1 + 5);
    int[] reversed = new int[300];
    for (int i = 0; i < reversed.length; i++) {
      reversed[i] = run[299 - i];
    }
    assertThat(bytesOf(true, reversed)).isEqualTo(bytesOf(true, run));
  }

  @Test
  void scatteredIndicesAreNotWrittenAsRuns() {
    assertThat(bytesOf(true, 1, 5, 900, 7)).isEqualTo(bytesOf(false, 1, 5, 900, 7));
    assertThat(bytesOf(true)).isEqualTo(bytesOf(false));
    assertThat(bytesOf(true, 0, 1)).isEqualTo(bytesOf(false, 0, 1));
    assertThat(bytesOf(true, 0, 1, 999)).isEqualTo(bytesOf(false, 0, 1, 999));
  }

  @Test
  void onAGridValuesAreRoundedAndEventsSaySo() {
    try (DeltaVectorDB db = of(3).grid(4).build()) {
      List<DeltaEvent> seen = new ArrayList<>();
      db.onDelta(seen::add);
      db.applyDelta(creates("a", 0.3, -0.3, 1.124));
      db.applyDelta(sparse("a", 1, 0.13, 2, -0.12));
      db.applyDelta(dense("a", -0.125, 10.9, 5));
      db.applyDelta(VectorDelta.scale("a", 0.5f));
      assertThat(vector(db, "a")).containsExactly(0, 5.5f, 2.5f);
      List<DeltaEvent> logged = new ArrayList<>();
      db.onDelta(logged::add, FeedOptions.since(0));
      assertThat(seen).isEqualTo(logged);
      assertThat(seen)
          .extracting(DeltaEvent::operation)
          .containsExactly(
              new DeltaOperation.Create(v(0.25, -0.25, 1)),
              new DeltaOperation.Sparse(new int[] {1, 2}, v(0.25, 0)),
              new DeltaOperation.Dense(v(0, 11, 5)),
              new DeltaOperation.Scale(0.5f));
    }
  }

  @Test
  void aValueBeyondTheGridIsRefusedAndChangesNothing() {
    try (DeltaVectorDB db = of(1).grid(1024).build()) {
      db.applyDelta(creates("a", 4000));
      String digest = db.stateDigest();
      fails(ErrorCode.INVALID_ARGUMENT, "\"a\".*grid", () -> db.applyDelta(dense("a", 4097)));
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "\"a\".*grid",
          () -> db.applyDelta(VectorDelta.offset("a", 1e30f)));
      assertThat(db.stateDigest()).isEqualTo(digest);
    }
  }

  @Test
  void aGridMakesTheHistorySmaller() {
    Generator random = new Generator(1);
    try (DeltaVectorDB floats = of(384).build();
        DeltaVectorDB grid = of(384).grid(256).build()) {
      for (DeltaVectorDB db : List.of(floats, grid)) {
        db.applyDelta(VectorDelta.create("a", random.vector(384)));
        for (int i = 0; i < 50; i++) {
          float[] next = vector(db, "a");
          for (int k = 0; k < next.length; k++) {
            next[k] += random.unit() / 100;
          }
          db.applyDelta(VectorDelta.dense("a", next));
        }
      }
      assertThat(grid.stats().historyBytes()).isLessThan(floats.stats().historyBytes() / 4);
    }
  }
}
