package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.patch;
import static dev.deltavec.Checks.sparse;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.Checks.Clock;
import dev.deltavec.core.Metric;
import dev.deltavec.storage.MemoryDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/**
 * A segment of the log, version 1, with records of every kind, which stays readable for ever; the
 * TypeScript package reads it, too. It came out of {@link #build}, which must still give the same
 * bytes but for the database's id.
 */
class GoldenLogTest {
  private static final String LOG = "log-0000000000000001";

  /** What lies before the id in a header, and what lies behind it up to the checksum. */
  private static final int ID = 16;

  private static final int ID_END = 32;
  private static final int HEADER = 64;

  private static byte[] golden(String name) throws IOException {
    return Files.readAllBytes(Path.of("..", "core", "src", "test", "resources", "golden", name));
  }

  private static MemoryDirectory build() {
    MemoryDirectory disk = new MemoryDirectory();
    Clock clock = new Clock(1_700_000_000_000L);
    try (DeltaVectorDB other = Checks.replica(2, 6, clock).build();
        DeltaVectorDB db =
            Checks.replica(1, 6, clock)
                .metric(Metric.EUCLIDEAN)
                .checkpointInterval(3)
                .maxVectors(1_000)
                .flushInterval(Duration.ofDays(1))
                .open(disk)) {
      String first =
          db.applyDelta(creates("first", 1, -0.5, 0.25, 0, 0.125, -1).withMetadata("{\"n\":1}"));
      clock.now += 5;
      db.applyDeltas(
          List.of(
              creates("zweiter é", 0, 0, 0, 0, 0, 1),
              sparse("first", 1, 0.75, 4, -0.25),
              patch("zweiter é", "{\"tags\":[1,2]}"),
              VectorDelta.scale("first", 0.5f)));
      db.flush();
      clock.now += 5;
      other.merge(db.deltasSince(null));
      other.applyDeltas(
          List.of(dense("zweiter é", 1, 1, 1, 1, 1, 1), creates("third", 1, 2, 3, 4, 5, 6)));
      db.merge(other.deltasSince(db.cursor()));
      clock.now += 5;
      db.rollbackTo("first", first);
      db.applyDelta(VectorDelta.delete("third"));
      db.compact(CompactOptions.all().withKeepLast(1).withIds(List.of("first")));
      db.compact(CompactOptions.all().withBefore(Checks.at(1_700_000_000_003L)));
    }
    return disk;
  }

  private static final String MARKED_SNAPSHOT = "snapshot-0000000000000003";
  private static final String MARKED_LOG = "log-0000000000000004";

  /** A database that was brought to a mark before a snapshot, and to others behind it. */
  private static MemoryDirectory buildMarked() {
    MemoryDirectory disk = new MemoryDirectory();
    Clock clock = new Clock(1_700_000_000_000L);
    try (DeltaFrames frames = new DeltaFrames(3, 0);
        DeltaVectorDB db =
            Checks.replica(1, 3, clock).flushInterval(Duration.ofDays(1)).open(disk)) {
      long time = clock.now;
      db.merge(frames.encode(creates("first", 1, 0, 0), time, 1, 9).frame(), 11);
      db.checkpoint();
      db.merge(frames.encode(creates("zweiter é", 0, 1, 0), time, 2, 9).frame(), 12);
      db.setMark((1L << 53) + 1);
    }
    return disk;
  }

  @Test
  void theSameMarksGiveTheSameBytes() throws IOException {
    MemoryDirectory disk = buildMarked();
    assertThat(disk.contents().keySet()).containsExactly(MARKED_LOG, MARKED_SNAPSHOT);
    assertSame(disk.bytes(MARKED_LOG), golden("log-mark-v1.bin"));
    byte[] snapshot = disk.bytes(MARKED_SNAPSHOT);
    assertThat(Arrays.copyOfRange(snapshot, ID_END, HEADER - 4))
        .isEqualTo(Arrays.copyOfRange(golden("snapshot-mark-v1.bin"), ID_END, HEADER - 4));
  }

  @Test
  void marksReadAsTheyDidWhenTheyWereWritten() throws IOException {
    byte[] snapshot = golden("snapshot-mark-v1.bin");
    byte[] log = golden("log-mark-v1.bin");
    MemoryDirectory disk = MemoryDirectory.of(Map.of(MARKED_SNAPSHOT, snapshot, MARKED_LOG, log));
    try (DeltaVectorDB db = DeltaVectorDB.builder().open(disk)) {
      assertThat(db.mark()).isEqualTo((1L << 53) + 1);
      assertThat(db.ids()).containsExactlyInAnyOrder("first", "zweiter é");
    }
    MemoryDirectory alone =
        MemoryDirectory.of(
            Map.of(MARKED_SNAPSHOT, snapshot, MARKED_LOG, Arrays.copyOf(log, HEADER)));
    try (DeltaVectorDB db = DeltaVectorDB.builder().open(alone)) {
      assertThat(db.mark()).isEqualTo(11);
      assertThat(db.ids()).containsExactly("first");
    }
  }

  @Test
  void theSameCallsGiveTheSameBytes() throws IOException {
    assertSame(build().bytes(LOG), golden("log-v1.bin"));
  }

  /** Compares all but the database's id. */
  private static void assertSame(byte[] written, byte[] golden) {
    assertThat(Arrays.copyOf(written, ID)).isEqualTo(Arrays.copyOf(golden, ID));
    assertThat(Arrays.copyOfRange(written, ID_END, HEADER - 4))
        .isEqualTo(Arrays.copyOfRange(golden, ID_END, HEADER - 4));
    assertThat(Arrays.copyOfRange(written, HEADER, written.length))
        .isEqualTo(Arrays.copyOfRange(golden, HEADER, golden.length));
  }

  @Test
  void theLogReadsAsItDidWhenItWasWritten() throws IOException {
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().open(MemoryDirectory.of(Map.of(LOG, golden("log-v1.bin"))))) {
      assertThat(Objects.requireNonNull(db.recovery()))
          .isEqualTo(new RecoveryReport(0, 7, 0, false, List.of(), null));
      assertThat(db.stateDigest()).isEqualTo("1191822ffe7565cb");
      assertThat(db.options().replica()).isEqualTo(1);
      assertThat(db.options().metric()).isEqualTo(Metric.EUCLIDEAN);
      assertThat(db.options().maxVectors()).isEqualTo(1_000);
      assertThat(db.position()).isEqualTo(9);
      assertThat(db.getDeltaChain("first").deltas()).hasSize(1);
      assertThat(db.getMetadata("zweiter é")).isEqualTo("{\"tags\":[1,2]}");
    }
  }
}
