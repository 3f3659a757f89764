package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.storage.MemoryDirectory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Files of a durable database that are not what they were. */
class DurableDamageTest {
  private static final String LOG = "log-0000000000000001";
  private static final int HEADER = 64;

  private final List<String> states = new ArrayList<>();

  /** Offset behind each record. */
  private final List<Integer> ends = new ArrayList<>();

  private byte[] log = {};

  private static DeltaVectorDB.Builder builder() {
    return DeltaVectorDB.builder()
        .dimensions(3)
        .durability(Durability.STRICT)
        .clock(new Checks.Clock(1_700_000_000_000L));
  }

  @BeforeEach
  void write() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder().open(disk)) {
      ends.add(HEADER);
      note(db, disk);
      db.applyDelta(creates("a", 1, 2, 3));
      note(db, disk);
      for (int i = 0; i < 4; i++) {
        db.applyDeltas(List.of(creates("v" + i, i, 1, 2), dense("a", i, i, 1)));
        note(db, disk);
      }
    }
    log = disk.bytes(LOG);
  }

  private void note(DeltaVectorDB db, MemoryDirectory disk) {
    states.add(db.stateDigest());
    ends.add(disk.bytes(LOG).length);
  }

  /** Returns how many whole records are in so many bytes. */
  private int recordsIn(int bytes) {
    return (int) ends.stream().filter(end -> end > HEADER && end <= bytes).count();
  }

  private static MemoryDirectory disk(byte[] bytes) {
    return MemoryDirectory.of(Map.of(LOG, bytes));
  }

  private static RecoveryReport report(DeltaVectorDB db) {
    return Objects.requireNonNull(db.recovery());
  }

  @Test
  void everyTruncationIsATornTail() {
    for (int length = 0; length < log.length; length++) {
      MemoryDirectory disk = disk(Arrays.copyOf(log, length));
      int records = recordsIn(length);
      try (DeltaVectorDB db = builder().open(disk)) {
        RecoveryReport report = report(db);
        int end = length < HEADER ? 0 : ends.get(records);
        int changes = Math.clamp(records - 1, 0, states.size() - 1); // without OPEN and CLOSE
        assertThat(report.records()).as("%d bytes", length).isEqualTo(changes);
        assertThat(report.cutBytes()).as("%d bytes", length).isEqualTo(length - end);
        assertThat(db.stateDigest()).isEqualTo(states.get(Math.max(0, records - 1)));
      }
    }
  }

  @Test
  void zeroesAtTheEndAreATornTail() {
    for (int from = HEADER; from < log.length; from += 7) {
      byte[] zeroed = log.clone();
      Arrays.fill(zeroed, from, zeroed.length, (byte) 0);
      try (DeltaVectorDB db = builder().open(disk(zeroed))) {
        // Zeroes that were there before are none that were lost.
        int changes = (int) report(db).records();
        assertThat(changes).isGreaterThanOrEqualTo(recordsIn(from) - 1);
        assertThat(db.stateDigest()).isEqualTo(states.get(changes));
      }
    }
  }

  @Test
  void everyFlippedBitIsFoundAndNoneIsSkipped() {
    int last = ends.getLast();
    for (int bit = 0; bit < 8 * log.length; bit += 3) {
      byte[] wrong = log.clone();
      int at = bit >>> 3;
      wrong[at] ^= (byte) (1 << (bit & 7));
      DeltaException error = openAndClose(disk(wrong), recordsIn(at));
      if (at < HEADER) {
        assertThat(error).as("byte %d", at).isNotNull();
      }
      if (at >= last) {
        assertThat(error).as("byte %d: the last record may be torn", at).isNull();
      }
      if (error != null && error.code() == ErrorCode.CORRUPT_DATA && at >= ends.get(1)) {
        assertThat(error.getMessage())
            .contains(LOG + " at byte " + ends.get(recordsIn(at)))
            .contains("the last good record is " + recordsIn(at));
      }
    }
  }

  /** Opens: that is refused, or the state is that of so many records. */
  private @Nullable DeltaException openAndClose(MemoryDirectory disk, int records) {
    try (DeltaVectorDB db = builder().open(disk)) {
      assertThat(db.stateDigest()).isEqualTo(states.get(Math.max(0, records - 1)));
      return null;
    } catch (DeltaException e) {
      assertThat(e.code()).isIn(ErrorCode.CORRUPT_DATA, ErrorCode.UNSUPPORTED_VERSION);
      return e;
    }
  }

  @Test
  void damageInTheMiddleIsRefusedAndOpenedOnlyWhenAskedFor() {
    byte[] wrong = log.clone();
    wrong[ends.get(2) + 50] ^= 1;
    MemoryDirectory disk = disk(wrong);
    fails(
        ErrorCode.CORRUPT_DATA,
        "memory is damaged: "
            + LOG
            + " at byte "
            + ends.get(2)
            + ".*last good record is 2.*recover",
        () -> builder().open(disk));
    assertThat(disk.contents()).containsOnlyKeys(LOG);
    assertThat(disk.bytes(LOG)).isEqualTo(wrong);

    try (DeltaVectorDB db = builder().recover(true).open(disk)) {
      assertThat(db.stateDigest()).isEqualTo(states.get(1));
      RecoveryReport.Lost lost = Objects.requireNonNull(report(db).lost());
      assertThat(lost.record()).isEqualTo(2);
      assertThat(lost.file()).isEqualTo(LOG);
      assertThat(lost.offset()).isEqualTo((long) ends.get(2));
      assertThat(lost.files()).containsExactly("lost-2-" + LOG);
      db.applyDelta(creates("new", 1, 1, 1));
    }
    assertThat(disk.bytes("lost-2-" + LOG))
        .isEqualTo(Arrays.copyOfRange(wrong, ends.get(2), wrong.length));
    try (DeltaVectorDB db = builder().open(disk)) {
      assertThat(report(db).lost()).isNull();
      assertThat(db.has("new")).isTrue();
    }
  }

  @Test
  void recoveringFromDamageCanBeInterruptedAnywhere() {
    byte[] wrong = log.clone();
    wrong[ends.get(3) + 50] ^= 1;
    for (int call = 0; call < 12; call++) {
      MemoryDirectory disk = disk(wrong);
      disk.stopAfter(call);
      try {
        builder().recover(true).open(disk).close();
      } catch (DeltaException e) {
        assertThat(e.code()).isEqualTo(ErrorCode.STORAGE_FAILED);
      }
      MemoryDirectory again =
          disk.restarted(MemoryDirectory.Loss.SOME, new dev.deltavec.core.support.Generator(call));
      try (DeltaVectorDB db = builder().recover(true).open(again)) {
        assertThat(db.stateDigest()).isEqualTo(states.get(2));
      }
      assertThat(again.bytes("lost-3-" + LOG))
          .isEqualTo(Arrays.copyOfRange(wrong, ends.get(3), wrong.length));
    }
  }

  @Test
  void aLogThatIsNotTheFirstIsNotTakenForWhole() {
    MemoryDirectory disk = MemoryDirectory.of(Map.of("log-0000000000000005", log));
    fails(ErrorCode.CORRUPT_DATA, "log-0000000000000005", () -> builder().open(disk));
    fails(ErrorCode.CORRUPT_DATA, "nothing to recover", () -> builder().recover(true).open(disk));
  }

  @Test
  void aVersionToComeIsRefusedAsSuch() {
    byte[] newer = log.clone();
    newer[4] = 2;
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(newer, 0, 60);
    java.nio.ByteBuffer.wrap(newer)
        .order(java.nio.ByteOrder.LITTLE_ENDIAN)
        .putInt(60, (int) crc.getValue());
    fails(ErrorCode.UNSUPPORTED_VERSION, "version 2", () -> builder().open(disk(newer)));
  }

  @Test
  void recordsThatDoNotFitTheStateAreRefused() {
    // The same records behind another beginning: the second is missing, all numbers are right.
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder().open(disk)) {
      db.applyDelta(creates("other", 1, 2, 3));
    }
    byte[] foreign = disk.bytes(LOG);
    byte[] mixed = Arrays.copyOf(foreign, foreign.length);
    assertThat(mixed).isNotEqualTo(log);
    byte[] spliced = new byte[ends.get(1) + log.length - ends.get(2)];
    System.arraycopy(log, 0, spliced, 0, ends.get(1));
    System.arraycopy(log, ends.get(2), spliced, ends.get(1), log.length - ends.get(2));
    fails(
        ErrorCode.CORRUPT_DATA,
        "there is record 3, not 2; the last good record is 1",
        () -> builder().open(disk(spliced)));
  }
}
