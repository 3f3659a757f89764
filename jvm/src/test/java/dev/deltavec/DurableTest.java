package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.patch;
import static dev.deltavec.Checks.sparse;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.Checks.Clock;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.storage.MemoryDirectory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Databases that are kept in files. */
class DurableTest {
  private static final Duration LONG = Duration.ofDays(1);

  @TempDir private Path folder;

  private static DeltaVectorDB.Builder builder() {
    return DeltaVectorDB.builder().dimensions(3);
  }

  private static RecoveryReport report(DeltaVectorDB db) {
    return Objects.requireNonNull(db.recovery());
  }

  @Test
  void whatWasThereIsThereAgain() {
    Clock clock = new Clock(1_700_000_000_000L);
    Path path = folder.resolve("new/db");
    String digest;
    DeltaChain chain;
    try (DeltaVectorDB db = builder().clock(clock).open(path);
        DeltaVectorDB other = builder().clock(clock).build()) {
      String first = db.applyDelta(creates("a", 1, 2, 3).withMetadata("{\"n\":1}"));
      clock.now += 10;
      db.applyDeltas(List.of(sparse("a", 1, 7), creates("b", 0, 1, 0), patch("b", "{\"x\":[1]}")));
      clock.now += 10;
      other.applyDelta(creates("c", 5, 5, 5));
      db.merge(other.deltasSince(null));
      db.rollbackTo("a", first);
      db.applyDelta(VectorDelta.delete("b"));
      db.compact(CompactOptions.all().withIds(List.of("b")));
      digest = db.stateDigest();
      chain = db.getDeltaChain("a");
    }
    try (DeltaVectorDB db = DeltaVectorDB.open(path)) {
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.getDeltaChain("a")).isEqualTo(chain);
      assertThat(db.position()).isEqualTo(7);
      assertThat(db.options().dimensions()).isEqualTo(3);
      assertThat(report(db)).isEqualTo(new RecoveryReport(0, 6, 0, false, List.of(), null));
      assertThat(db.getDeltaChain("b").deltas()).isEmpty();
    }
  }

  @Test
  void aDatabaseWithoutHistoryIsThereAgain() {
    String digest;
    try (DeltaVectorDB db = builder().keepFloats(false).open(folder)) {
      db.applyDeltas(List.of(creates("a", 1, 2, 3), creates("b", 3, 2, 1), dense("a", 4, 4, 1)));
      digest = db.stateDigest();
    }
    try (DeltaVectorDB db = DeltaVectorDB.open(folder)) {
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.options().keepFloats()).isFalse();
      assertThat(db.options().history()).isFalse();
      assertThat(db.position()).isEqualTo(3);
    }
  }

  @Test
  void optionsAreKeptAndThoseThatMayCanBeReplaced() {
    builder()
        .metric(Metric.DOT)
        .grid(128)
        .maxVectors(77)
        .hnswEfSearch(99)
        .autoCompact(1 << 20)
        .recallSampleRate(0.25)
        .maxClockAhead(Duration.ofMinutes(3))
        .compression(false)
        .open(folder)
        .close();
    try (DeltaVectorDB db = DeltaVectorDB.builder().maxVectors(88).open(folder)) {
      DatabaseOptions options = db.options();
      assertThat(options.metric()).isEqualTo(Metric.DOT);
      assertThat(options.grid()).isEqualTo(128);
      assertThat(options.maxVectors()).isEqualTo(88);
      assertThat(options.hnswEfSearch()).isEqualTo(99);
      assertThat(options.maxHistoryBytes()).isEqualTo(1 << 20);
      assertThat(options.recallSampleRate()).isEqualTo(0.25);
      assertThat(options.maxAheadMillis()).isEqualTo(180_000);
      assertThat(options.compression()).isFalse();
    }
    try (DeltaVectorDB db = DeltaVectorDB.open(folder)) {
      assertThat(db.options().maxVectors()).isEqualTo(88);
    }
  }

  @Test
  void optionsThatContradictWhatIsThereAreNamed() {
    builder().open(folder).close();
    DeltaVectorDB.Builder other = DeltaVectorDB.builder();
    fails(
        ErrorCode.INVALID_ARGUMENT,
        "option dimensions of the database in .* is 3, and cannot become 4",
        () -> other.dimensions(4).open(folder));
    fails(
        ErrorCode.INVALID_ARGUMENT,
        "option metric .* is cosine, and cannot become dot",
        () -> builder().metric(Metric.DOT).open(folder));
    fails(ErrorCode.INVALID_ARGUMENT, "option precision", () -> builder().grid(4).open(folder));
    fails(
        ErrorCode.INVALID_ARGUMENT, "option history", () -> builder().history(false).open(folder));
    builder().metric(Metric.COSINE).history(true).open(folder).close();
  }

  @Test
  void aNewDatabaseNeedsDimensions() {
    fails(
        ErrorCode.INVALID_ARGUMENT,
        "there is no database in .*dimensions",
        () -> DeltaVectorDB.open(folder));
    builder().open(folder).close(); // and the directory is free
  }

  @Test
  void aCleanEndKeepsTheReplicaAndACrashDoesNot() {
    MemoryDirectory disk = new MemoryDirectory();
    DeltaVectorDB.Builder strict = builder().durability(Durability.STRICT);
    String first;
    try (DeltaVectorDB db = strict.replicaId("00000000000a").open(disk)) {
      first = db.applyDelta(creates("a", 1, 0, 0));
    }
    assertThat(first.substring(16)).isNotEmpty();
    DeltaVectorDB again = builder().durability(Durability.STRICT).open(disk);
    String second = again.applyDelta(dense("a", 0, 1, 0));
    MemoryDirectory crashed = MemoryDirectory.of(disk.contents());
    again.close();
    try (DeltaVectorDB db = builder().open(crashed)) {
      String third = db.applyDelta(dense("a", 0, 0, 1));
      assertThat(replica(second)).isEqualTo(replica(first));
      assertThat(Checks.sequenceOf(second)).isEqualTo(2);
      assertThat(replica(third)).isNotEqualTo(replica(first));
      assertThat(Checks.sequenceOf(third)).isEqualTo(1);
      assertThat(db.getDeltaChain("a").deltas()).hasSize(3);
    }
  }

  private static long replica(String deltaId) {
    return dev.deltavec.core.delta.DeltaId.parse(deltaId).replica();
  }

  @ParameterizedTest
  @EnumSource(Durability.class)
  void onlyWhatIsStrictIsOnDiskWhenACallReturns(Durability durability) {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder().durability(durability).flushInterval(LONG).open(disk)) {
      db.applyDelta(creates("a", 1, 2, 3));
      assertThat(sizeInCopyOf(disk)).isEqualTo(durability == Durability.STRICT ? 1 : 0);
      db.flush();
      assertThat(sizeInCopyOf(disk)).isEqualTo(1);
    }
  }

  /** Opens what a second reader of the files sees that are forced. */
  private static int sizeInCopyOf(MemoryDirectory disk) {
    MemoryDirectory copy =
        disk.restarted(MemoryDirectory.Loss.ALL, new dev.deltavec.core.support.Generator(1));
    try (DeltaVectorDB db = builder().open(copy)) {
      return db.size();
    }
  }

  @Test
  void whatIsRelaxedComesToDiskByItself() throws InterruptedException {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder().flushInterval(Duration.ofMillis(1)).open(disk)) {
      db.applyDelta(creates("a", 1, 2, 3));
      for (int i = 0; i < 10_000 && sizeInCopyOf(disk) == 0; i++) {
        Thread.sleep(1);
      }
      assertThat(sizeInCopyOf(disk)).isEqualTo(1);
    }
  }

  @Test
  void oneForceServesAllWhoHaveAppendedBefore() throws InterruptedException {
    MemoryDirectory disk = new MemoryDirectory();
    int threads = 8;
    int calls = 20;
    try (DeltaVectorDB db = builder().durability(Durability.STRICT).open(disk)) {
      int before = disk.forces.get();
      disk.forceMillis = 2;
      CountDownLatch done = new CountDownLatch(threads);
      for (int t = 0; t < threads; t++) {
        String prefix = t + "-";
        Thread.ofPlatform()
            .start(() -> {
              for (int i = 0; i < calls; i++) {
                db.applyDelta(creates(prefix + i, 1, 2, 3));
              }
              done.countDown();
            });
      }
      assertThat(done.await(60, TimeUnit.SECONDS)).isTrue();
      assertThat(disk.forces.get() - before).isLessThan(threads * calls / 2);
      assertThat(sizeInCopyOf(disk)).isEqualTo(threads * calls);
    }
  }

  @Test
  void callsThatFailLeaveNoRecord() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder().durability(Durability.STRICT).open(disk)) {
      db.applyDelta(creates("a", 1, 2, 3));
      int before = disk.bytes("log-0000000000000001").length;
      fails(ErrorCode.VECTOR_NOT_FOUND, "b", () -> db.applyDelta(dense("b", 1, 2, 3)));
      db.merge(new byte[0]);
      db.applyDeltas(List.of());
      assertThat(disk.bytes("log-0000000000000001")).hasSize(before);
    }
  }

  @Test
  void aWriteThatFailsOnceIsTriedAgain() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder().durability(Durability.STRICT).open(disk)) {
      for (int call = 0; call < 4; call++) {
        disk.fail(call % 2, 1, "it hiccups");
        db.applyDelta(creates("v" + call, 1, 2, 3));
        assertThat(sizeInCopyOf(disk)).isEqualTo(call + 1);
      }
    }
  }

  @Test
  void afterWritesHaveFailedTwiceChangesAreRefusedAndReadsWork() {
    MemoryDirectory disk = new MemoryDirectory();
    DeltaVectorDB db = builder().durability(Durability.STRICT).open(disk);
    db.applyDelta(creates("a", 1, 2, 3));
    disk.fail(0, 2, "it is broken");
    fails(
        ErrorCode.STORAGE_FAILED,
        "cannot write the log in memory: it is broken",
        () -> db.applyDelta(creates("b", 1, 2, 3)));
    fails(
        ErrorCode.STORAGE_FAILED,
        "takes no more changes.*it is broken",
        () -> db.applyDelta(creates("c", 1, 2, 3)));
    assertThat(db.has("a")).isTrue();
    assertThat(db.has("c")).isFalse();
    assertThat(db.search(new float[] {1, 2, 3}, 1)).isNotEmpty();
    fails(ErrorCode.STORAGE_FAILED, "it is broken", db::close);
    assertThat(disk.isClosed()).isTrue();
    fails(ErrorCode.CLOSED, "closed", db::size);
  }

  @Test
  void aFullDiskHasAnErrorOfItsOwn() {
    MemoryDirectory disk = new MemoryDirectory();
    DeltaVectorDB db = builder().flushInterval(LONG).open(disk);
    db.applyDelta(creates("a", 1, 2, 3));
    disk.fail(0, 2, "No space left on device");
    fails(ErrorCode.QUOTA_EXCEEDED, "No space left", db::flush);
    fails(ErrorCode.QUOTA_EXCEEDED, "No space left", db::close);
  }

  @Test
  void subscribersFollowAcrossOpenings() {
    try (DeltaVectorDB db = builder().open(folder)) {
      db.applyDeltas(List.of(creates("a", 1, 2, 3), creates("b", 1, 2, 3)));
    }
    try (DeltaVectorDB db = DeltaVectorDB.open(folder);
        DeltaFeed feed = db.deltas(FeedOptions.since(1))) {
      db.applyDelta(dense("a", 3, 2, 1));
      assertThat(feed.next().vectorId()).isEqualTo("b");
      assertThat(feed.next().position()).isEqualTo(2);
    }
  }

  @Test
  void aDatabaseInMemoryHasNothingToFlushOrReport() {
    try (DeltaVectorDB db = builder().build()) {
      db.flush();
      assertThat(db.recovery()).isNull();
    }
  }
}
