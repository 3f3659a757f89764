package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.core.support.Generator;
import dev.deltavec.storage.MemoryDirectory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Databases as bytes: exported, imported, and in the snapshot files of durable ones. */
class SnapshotTest {
  private static DeltaVectorDB.Builder builder() {
    return DeltaVectorDB.builder().dimensions(3);
  }

  private static DeltaVectorDB.Builder strict() {
    return builder().durability(Durability.STRICT);
  }

  private static DeltaVectorDB filled() {
    // Without repair, which may change links between two exports.
    DeltaVectorDB db = builder().idleRepair(false).build();
    db.applyDeltas(List.of(creates("a", 1, 2, 3).withMetadata("{\"n\":1}"), creates("b", 3, 2, 1)));
    db.applyDelta(dense("a", 5, 5, 1));
    return db;
  }

  private static RecoveryReport report(DeltaVectorDB db) {
    return Objects.requireNonNull(db.recovery());
  }

  // ---------------------------------------------------------------- export and import

  @Test
  void anImportIsWhatWasExported() throws IOException {
    try (DeltaVectorDB from = filled();
        DeltaVectorDB to = builder().build()) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      from.exportTo(out, ExportOptions.all());
      byte[] bytes = from.export(ExportOptions.all());
      assertThat(out.toByteArray()).isEqualTo(bytes);

      assertThat(to.importFrom(bytes))
          .isEqualTo(new ImportResult(2, 3, ImportResult.Index.KEPT, true));
      assertThat(to.stateDigest()).isEqualTo(from.stateDigest());
      assertThat(to.getDeltaChain("a").deltas()).hasSize(2);
      assertThat(to.getMetadata("a")).isEqualTo("{\"n\":1}");
      assertThat(to.position()).isEqualTo(3);
      assertThat(to.search(new float[] {3, 2, 1}, 1))
          .isEqualTo(from.search(new float[] {3, 2, 1}, 1));
      to.applyDelta(dense("b", 0, 0, 1));
      assertThat(from.merge(to.deltasSince(from.cursor())).merged()).isEqualTo(1);
      assertThat(to.stateDigest()).isEqualTo(from.stateDigest());
    }
  }

  @Test
  void anImportReadsStreamsThatComeInDribs() throws IOException {
    try (DeltaVectorDB from = DeltaVectorDB.builder().dimensions(384).build();
        DeltaVectorDB to = DeltaVectorDB.builder().dimensions(384).build()) {
      Generator random = new Generator(3);
      List<VectorDelta> batch = new ArrayList<>();
      for (int i = 0; i < 1_000; i++) {
        batch.add(VectorDelta.create("v" + i, random.vector(384)));
      }
      from.applyDeltas(batch);
      InputStream in =
          new FilterInputStream(new ByteArrayInputStream(from.export(ExportOptions.all()))) {
            @Override
            public int read(byte[] target, int at, int most) throws IOException {
              return super.read(target, at, Math.min(most, 1 + random.below(70_000)));
            }
          };
      assertThat(to.importFrom(in).vectors()).isEqualTo(1_000);
      assertThat(to.stateDigest()).isEqualTo(from.stateDigest());
      assertThat(to.checkIndex().ok()).isTrue();
    }
  }

  @Test
  void withoutIndexAndHistoryBothBeginAnew() {
    try (DeltaVectorDB from = filled();
        DeltaVectorDB to = builder().build()) {
      byte[] bytes = from.export(ExportOptions.all().withIndex(false).withHistory(false));
      assertThat(to.importFrom(bytes))
          .isEqualTo(new ImportResult(2, 0, ImportResult.Index.REBUILT, false));
      assertThat(to.stateDigest()).isEqualTo(from.stateDigest());
      assertThat(to.checkIndex().ok()).isTrue();
    }
  }

  @Test
  void whatIsNoSnapshotChangesNothing() throws IOException {
    try (DeltaVectorDB from = filled();
        DeltaVectorDB to = filled();
        DeltaVectorDB other = DeltaVectorDB.builder().dimensions(4).build()) {
      to.applyDelta(dense("a", 0, 0, 1));
      String digest = to.stateDigest();
      byte[] bytes = from.export(ExportOptions.all().withIndex(false));
      for (int length = 0; length < bytes.length; length++) {
        byte[] cut = Arrays.copyOf(bytes, length);
        fails(ErrorCode.CORRUPT_DATA, "", () -> to.importFrom(cut));
        fails(ErrorCode.CORRUPT_DATA, "", () -> to.importFrom(new ByteArrayInputStream(cut)));
      }
      for (int at = 0; at < bytes.length; at++) {
        byte[] wrong = bytes.clone();
        wrong[at] ^= 4;
        assertThatThrownBy(() -> to.importFrom(wrong)).isInstanceOf(DeltaException.class);
      }
      byte[] another = other.export(ExportOptions.all());
      fails(ErrorCode.DIMENSION_MISMATCH, "", () -> to.importFrom(another));
      assertThat(to.stateDigest()).isEqualTo(digest);
      assertThat(to.position()).isEqualTo(4);
      assertThat(to.importFrom(bytes).vectors()).isEqualTo(2);
    }
  }

  @Test
  void anImportGoesOnUnderAReplicaThatHasIssuedNothing() {
    try (DeltaVectorDB from = filled();
        DeltaVectorDB fresh = builder().replicaId("00000000000a").build();
        DeltaVectorDB used = builder().replicaId("00000000000b").build()) {
      used.applyDelta(creates("x", 1, 1, 1));
      byte[] bytes = from.export(ExportOptions.all());
      fresh.importFrom(bytes);
      used.importFrom(bytes);
      assertThat(used.has("x")).isFalse();
      assertThat(replica(fresh.applyDelta(dense("a", 1, 0, 0)))).isEqualTo(10);
      String issued = used.applyDelta(dense("a", 0, 1, 0));
      assertThat(replica(issued)).isNotEqualTo(11);
      assertThat(Checks.sequenceOf(issued)).isEqualTo(1);
      assertThat(used.options().replica()).isEqualTo(replica(issued));
      assertThat(used.getDeltaChain("a").deltas().getLast().origin()).isEqualTo(DeltaOrigin.LOCAL);
    }
  }

  private static long replica(String deltaId) {
    return dev.deltavec.core.delta.DeltaId.parse(deltaId).replica();
  }

  @Test
  void feedsEndWithAnImportAndSubscribersGoOn() {
    List<String> seen = new ArrayList<>();
    try (DeltaVectorDB from = filled();
        DeltaVectorDB to = builder().build();
        DeltaFeed feed = to.deltas(FeedOptions.since(0))) {
      to.onDelta(event -> seen.add(event.vectorId() + event.position()));
      to.importFrom(from.export(ExportOptions.all()));
      fails(ErrorCode.HISTORY_COMPACTED, "an import has replaced the database", feed::hasNext);
      to.applyDelta(creates("c", 1, 1, 1));
      assertThat(seen).containsExactly("c3");
    }
  }

  @Test
  void aFilterMayImport() {
    try (DeltaVectorDB from = filled();
        DeltaVectorDB to = filled()) {
      byte[] bytes = from.export(ExportOptions.all());
      FilterFunction importing =
          (id, metadata) -> {
            to.importFrom(bytes);
            return id.equals("b");
          };
      assertThat(
              to.search(new float[] {1, 1, 1}, 1, SearchOptions.defaults().withFilter(importing)))
          .extracting(SearchResult::id)
          .containsExactly("b");
    }
  }

  // ---------------------------------------------------------------- files

  @Test
  void aCheckpointStandsForTheLogBefore() {
    MemoryDirectory disk = new MemoryDirectory();
    String digest;
    try (DeltaVectorDB db = strict().open(disk)) {
      db.applyDeltas(List.of(creates("a", 1, 2, 3), creates("b", 1, 2, 3)));
      db.checkpoint();
      assertThat(disk.list()).containsExactly("log-0000000000000003", "snapshot-0000000000000002");
      db.checkpoint();
      assertThat(disk.list()).hasSize(2);
      db.applyDelta(dense("a", 3, 2, 1));
      digest = db.stateDigest();
    }
    try (DeltaVectorDB db = strict().open(disk)) {
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(report(db)).isEqualTo(new RecoveryReport(2, 1, 0, false, List.of(), null));
      assertThat(db.getDeltaChain("a").deltas()).hasSize(2);
      assertThat(db.position()).isEqualTo(3);
    }
  }

  @Test
  void laterCheckpointsHoldWhatHasChanged() {
    MemoryDirectory disk = new MemoryDirectory();
    String digest;
    try (DeltaVectorDB db = strict().open(disk)) {
      for (int i = 0; i < 200; i++) {
        db.applyDelta(creates("v" + i, i, 1, 1));
      }
      db.checkpoint();
      int base = disk.bytes("snapshot-00000000000000c9").length;
      for (int i = 0; i < 3; i++) {
        db.applyDelta(dense("v" + i, 7, 7, i));
        db.checkpoint();
      }
      assertThat(disk.list())
          .containsExactly(
              "increment-00000000000000cb",
              "increment-00000000000000cd",
              "increment-00000000000000cf",
              "log-00000000000000d0",
              "snapshot-00000000000000c9");
      assertThat(disk.bytes("increment-00000000000000cb").length).isLessThan(base / 4);
      digest = db.stateDigest();
    }
    try (DeltaVectorDB db = strict().open(disk)) {
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(report(db).snapshot()).isEqualTo(0xcf);
      assertThat(db.checkIndex().ok()).isTrue();
    }
    Map<String, byte[]> files = disk.contents();
    files.remove("increment-00000000000000cd");
    fails(
        ErrorCode.CORRUPT_DATA,
        "records from 204 on are missing|contains records that are missing",
        () -> strict().open(MemoryDirectory.of(files)));
    try (DeltaVectorDB db = strict().recover(true).open(MemoryDirectory.of(files))) {
      assertThat(Objects.requireNonNull(report(db).lost()).record()).isEqualTo(0xcb);
      assertThat(db.size()).isEqualTo(200);
    }
  }

  @Test
  void aSnapshotThatIsNotWholeIsPassedOverAsLongAsTheLogIsThere() {
    MemoryDirectory disk = new MemoryDirectory();
    String digest;
    Map<String, byte[]> before;
    try (DeltaVectorDB db = strict().open(disk)) {
      db.applyDeltas(List.of(creates("a", 1, 2, 3), creates("b", 1, 2, 3)));
      digest = db.stateDigest();
      before = disk.contents();
      db.checkpoint();
    }
    byte[] snapshot = disk.bytes("snapshot-0000000000000002");
    for (int at = 0; at < snapshot.length; at += 5) {
      byte[] wrong = at % 2 == 0 ? Arrays.copyOf(snapshot, at) : snapshot.clone();
      if (at % 2 != 0) {
        wrong[at] ^= 1;
      }
      MemoryDirectory damaged = MemoryDirectory.of(before);
      damaged.put("snapshot-0000000000000002", wrong);
      try (DeltaVectorDB db = strict().open(damaged)) {
        assertThat(db.stateDigest()).isEqualTo(digest);
        assertThat(report(db).damaged()).containsExactly("snapshot-0000000000000002");
      }
      assertThat(damaged.list()).containsExactly("log-0000000000000001");
      Map<String, byte[]> alone = Map.of("snapshot-0000000000000002", wrong);
      fails(
          ErrorCode.CORRUPT_DATA,
          "no snapshot that is whole, and no log",
          () -> strict().open(MemoryDirectory.of(alone)));
    }
  }

  @Test
  void optionsComeFromTheSnapshotIfTheLogHasNone() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = strict().metric(Metric.EUCLIDEAN).grid(16).open(disk)) {
      db.applyDelta(creates("a", 1, 2, 3));
      db.checkpoint();
    }
    disk.contents().keySet().stream()
        .filter(name -> name.startsWith("log-"))
        .forEach(name -> {
          try {
            disk.remove(name);
          } catch (IOException e) {
            throw new AssertionError(e);
          }
        });
    try (DeltaVectorDB db = DeltaVectorDB.builder().open(disk)) {
      assertThat(db.options().dimensions()).isEqualTo(3);
      assertThat(db.options().metric()).isEqualTo(Metric.EUCLIDEAN);
      assertThat(db.options().grid()).isEqualTo(16);
      assertThat(db.options().history()).isTrue();
      assertThat(db.has("a")).isTrue();
    }
  }

  @Test
  void aLongLogMakesASnapshotByItself() throws InterruptedException {
    MemoryDirectory disk = new MemoryDirectory();
    Generator random = new Generator(5);
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(512).open(disk)) {
      db.applyDelta(VectorDelta.create("a", random.vector(512)));
      for (int i = 0; i < 2_500; i++) {
        db.applyDelta(VectorDelta.dense("a", random.vector(512)));
      }
      for (int i = 0; i < 10_000 && disk.list().contains("log-0000000000000001"); i++) {
        Thread.sleep(1);
      }
      assertThat(disk.list()).doesNotContain("log-0000000000000001");
    }
    try (DeltaVectorDB db = DeltaVectorDB.builder().open(disk)) {
      assertThat(report(db).snapshot()).isPositive();
      assertThat(db.position()).isEqualTo(2_501);
    }
  }

  @Test
  void aSnapshotThatCannotBeWrittenLeavesTheLogWhole() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = strict().open(disk)) {
      db.applyDelta(creates("a", 1, 2, 3));
      // The segment takes four calls, its first record two, and the snapshot's file is then made.
      disk.fail(7, 8, "No space left on device");
      fails(ErrorCode.QUOTA_EXCEEDED, "write a snapshot to memory: No space", db::checkpoint);
      disk.fail(0, 0, "");
      db.applyDelta(creates("b", 1, 2, 3));
      db.checkpoint();
      db.applyDelta(creates("c", 1, 2, 3));
    }
    try (DeltaVectorDB db = strict().open(disk)) {
      assertThat(db.size()).isEqualTo(3);
      assertThat(report(db).damaged()).isEmpty();
    }
  }

  @Test
  void anImportIsOnDiskWhenItReturns() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB from = filled();
        DeltaVectorDB db = builder().open(disk)) {
      db.applyDelta(creates("gone", 1, 2, 3));
      db.importFrom(from.export(ExportOptions.all()));
      MemoryDirectory copy = disk.restarted(MemoryDirectory.Loss.ALL, new Generator(1));
      try (DeltaVectorDB there = builder().open(copy)) {
        assertThat(there.stateDigest()).isEqualTo(from.stateDigest());
      }
      db.applyDelta(creates("new", 1, 2, 3));
    }
    try (DeltaVectorDB db = builder().open(disk)) {
      assertThat(db.ids()).containsExactlyInAnyOrder("a", "b", "new");
    }
  }

  @Test
  void anImportThatIsLostIsNotPassedOver() {
    MemoryDirectory disk = new MemoryDirectory();
    Map<String, byte[]> before;
    try (DeltaVectorDB from = filled();
        DeltaVectorDB db = strict().open(disk)) {
      db.applyDelta(creates("gone", 1, 2, 3));
      before = disk.contents();
      db.importFrom(from.export(ExportOptions.all()));
      db.applyDelta(creates("new", 1, 2, 3));
    }
    Map<String, byte[]> files = disk.contents();
    files.keySet().removeIf(name -> name.startsWith("snapshot-"));
    files.putAll(before);
    fails(
        ErrorCode.CORRUPT_DATA,
        "records from 3 on are missing",
        () -> strict().open(MemoryDirectory.of(files)));
  }

  @Test
  void otherOptionsOfCompactionDoNotChangeWhatTheLogMeans() {
    MemoryDirectory disk = new MemoryDirectory();
    String digest;
    try (DeltaVectorDB db = strict().open(disk)) {
      String first = db.applyDelta(creates("a", 1, 2, 3));
      for (int i = 0; i < 300; i++) {
        db.applyDelta(dense("a", i, 1, 1));
      }
      db.rollbackTo("a", first);
      digest = db.stateDigest();
    }
    // With this budget the first delta would have been compacted away before the rollback.
    try (DeltaVectorDB db = strict().autoCompact(2_000).open(disk)) {
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.options().maxHistoryBytes()).isEqualTo(2_000);
      assertThat(disk.list()).anyMatch(name -> name.startsWith("snapshot-"));
      db.applyDelta(dense("a", 0, 1, 1));
      assertThat(db.getDeltaChain("a").deltas()).hasSizeLessThan(200);
    }
    strict().open(disk).close();
  }

  @Test
  void goldenSnapshotsAreRead() throws IOException {
    Path golden = Path.of("..", "core", "src", "test", "resources", "golden");
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(4).build();
        DeltaVectorDB replayed = DeltaVectorDB.builder().dimensions(4).build()) {
      ImportResult result = db.importFrom(Files.readAllBytes(golden.resolve("snapshot-v1.bin")));
      assertThat(result.vectors()).isPositive();
      assertThat(db.checkIndex().ok()).isTrue();
      replayed.merge(db.deltasSince(null));
      assertThat(replayed.stateDigest()).isEqualTo(db.stateDigest());
    }
  }
}
