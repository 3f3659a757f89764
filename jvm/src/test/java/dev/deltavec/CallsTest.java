package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.v;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.DeltaException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is told of calls, and of what is in files. */
class CallsTest {
  @Test
  void everyKindOfCallIsTold() throws IOException {
    try (DeltaVectorDB db = open(1)) {
      List<DatabaseCall> told = new ArrayList<>();
      db.onCall(event -> told.add(event.call()));
      String id = db.applyDelta(creates("a", 1));
      db.applyDeltas(List.of(creates("b", 2), creates("c", 3)));
      db.search(v(1), 1);
      db.searchBatch(new float[][] {v(1)}, 1, SearchOptions.defaults());
      db.searchAt(v(1), 1, Instant.now());
      db.merge(db.deltasSince(null));
      db.rollbackTo("a", id);
      db.compact(CompactOptions.all());
      db.repair();
      db.checkpoint();
      byte[] all = db.export(ExportOptions.all());
      db.exportTo(OutputStream.nullOutputStream(), ExportOptions.all());
      db.importFrom(all);
      db.importFrom(new ByteArrayInputStream(all));
      assertThat(told)
          .containsExactly(
              DatabaseCall.APPLY,
              DatabaseCall.APPLY,
              DatabaseCall.SEARCH,
              DatabaseCall.SEARCH,
              DatabaseCall.SEARCH_AT,
              DatabaseCall.MERGE,
              DatabaseCall.ROLLBACK,
              DatabaseCall.COMPACT,
              DatabaseCall.REPAIR,
              DatabaseCall.CHECKPOINT,
              DatabaseCall.EXPORT,
              DatabaseCall.EXPORT,
              DatabaseCall.IMPORT,
              DatabaseCall.IMPORT);
    }
  }

  @Test
  void aCallThatFailsIsToldWithWhatItThrew() {
    try (DeltaVectorDB db = open(1)) {
      List<CallEvent> told = new ArrayList<>();
      db.onCall(told::add);
      assertThatThrownBy(() -> db.applyDelta(VectorDelta.delete("a")))
          .isInstanceOf(DeltaException.class)
          .isSameAs(told.getFirst().failure());
      assertThat(told.getFirst().items()).isEqualTo(1);
      assertThat(told.getFirst().nanos()).isPositive();
    }
  }

  @Test
  void whatAListenerThrowsDisturbsNobody() {
    try (DeltaVectorDB db = open(1)) {
      List<CallEvent> told = new ArrayList<>();
      db.onCall(event -> {
        throw new IllegalStateException("on purpose");
      });
      db.onCall(told::add);
      db.applyDelta(creates("a", 1));
      assertThat(told).hasSize(1);
    }
  }

  @Test
  void afterTheEndOfASubscriptionNothingIsTold() {
    try (DeltaVectorDB db = open(1)) {
      List<CallEvent> told = new ArrayList<>();
      db.onCall(told::add).close();
      db.applyDelta(creates("a", 1));
      assertThat(told).isEmpty();
    }
  }

  @Test
  void listenersMayUseTheDatabase() {
    try (DeltaVectorDB db = open(1)) {
      List<Integer> sizes = new ArrayList<>();
      db.onCall(event -> sizes.add(db.size()));
      db.applyDelta(creates("a", 1));
      assertThat(sizes).containsExactly(1);
    }
  }

  @Test
  void aDatabaseInMemoryHasNothingInFiles() {
    try (DeltaVectorDB db = open(1)) {
      assertThat(db.stats().storage()).isNull();
    }
  }

  @Test
  void statsSayWhatIsInFiles(@TempDir Path directory) {
    Checks.Clock clock = new Checks.Clock(1_000);
    try (DeltaVectorDB db =
        DeltaVectorDB.builder()
            .dimensions(4)
            .clock(clock)
            .durability(Durability.STRICT)
            .open(directory)) {
      StorageStats fresh = Objects.requireNonNull(db.stats().storage());
      db.applyDelta(creates("a", 1, 2, 3, 4));
      StorageStats changed = Objects.requireNonNull(db.stats().storage());
      assertThat(changed.logBytes()).isGreaterThan(fresh.logBytes() + 16);
      assertThat(changed.snapshotBytes()).isZero();
      assertThat(changed.pendingBytes()).isZero();
      assertThat(changed.lastCheckpoint()).isNull();

      clock.now = 5_000;
      db.checkpoint();
      StorageStats kept = Objects.requireNonNull(db.stats().storage());
      assertThat(kept.logBytes()).isZero();
      assertThat(kept.snapshotBytes()).isPositive();
      assertThat(kept.lastCheckpoint()).isEqualTo(Instant.ofEpochMilli(5_000));
    }
  }

  @Test
  void statsSayWhatIsNotOnDiskYet(@TempDir Path directory) {
    try (DeltaVectorDB db =
        DeltaVectorDB.builder()
            .dimensions(4)
            .flushInterval(java.time.Duration.ofHours(1))
            .open(directory)) {
      db.applyDelta(creates("a", 1, 2, 3, 4));
      assertThat(Objects.requireNonNull(db.stats().storage()).pendingBytes()).isGreaterThan(16);
      db.flush();
      assertThat(Objects.requireNonNull(db.stats().storage()).pendingBytes()).isZero();
    }
  }
}
