package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.fails;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.Checks.Clock;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import dev.deltavec.storage.MemoryDirectory;
import dev.deltavec.storage.MemoryDirectory.Loss;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How far a database has been brought, in the words of who brings it. */
class MarkTest {
  private final Clock clock = new Clock(1_700_000_000_000L);
  private final DeltaFrames frames = new DeltaFrames(3, 0);
  private int sequence;

  private DeltaVectorDB.Builder builder(Durability durability) {
    return DeltaVectorDB.builder()
        .dimensions(3)
        .clock(clock)
        .durability(durability)
        .flushInterval(Duration.ofDays(1));
  }

  private byte[] create(String id) {
    return frames.encode(creates(id, 1, 2, 3), clock.now, ++sequence, 9).frame();
  }

  @Test
  void aMarkIsTheOneThatWasSetLast() {
    try (DeltaVectorDB db = builder(Durability.RELAXED).build()) {
      assertThat(db.mark()).isEqualTo(-1);
      byte[] frame = create("a");
      assertThat(db.merge(frame, 7).merged()).isEqualTo(1);
      assertThat(db.mark()).isEqualTo(7);
      assertThat(db.merge(frame, 8).duplicates()).isEqualTo(1);
      assertThat(db.merge(new byte[0], Long.MAX_VALUE).merged()).isZero();
      assertThat(db.mark()).isEqualTo(Long.MAX_VALUE);
      db.setMark(0);
      assertThat(db.mark()).isZero();
      db.setMark(-1);
      assertThat(db.mark()).isEqualTo(-1);
    }
  }

  @Test
  void whatFailsLeavesTheMarkAsItWas() {
    try (DeltaVectorDB db = builder(Durability.RELAXED).build()) {
      byte[] frame = create("a");
      db.merge(frame, 7);
      fails(ErrorCode.CORRUPT_DATA, "at byte", () -> db.merge(new byte[] {1}, 8));
      fails(ErrorCode.INVALID_ARGUMENT, "mark", () -> db.merge(create("b"), -1));
      fails(ErrorCode.INVALID_ARGUMENT, "mark", () -> db.setMark(-2));
      assertThat(db.mark()).isEqualTo(7);
      assertThat(db.size()).isEqualTo(1);
    }
  }

  @Test
  void anImportLeavesNoMark() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder(Durability.RELAXED).open(disk)) {
      db.merge(create("a"), 7);
      db.importFrom(db.export(ExportOptions.all()));
      assertThat(db.mark()).isEqualTo(-1);
    }
    try (DeltaVectorDB db = builder(Durability.RELAXED).open(disk)) {
      assertThat(db.mark()).isEqualTo(-1);
      assertThat(db.has("a")).isTrue();
    }
  }

  @Test
  void aMarkIsKeptByTheLogAndBySnapshots() {
    MemoryDirectory disk = new MemoryDirectory();
    for (int opening = 0; opening < 8; opening++) {
      try (DeltaVectorDB db = builder(Durability.RELAXED).open(disk)) {
        assertThat(db.mark()).isEqualTo(opening - 1);
        assertThat(db.size()).isEqualTo(opening);
        if (opening == 5) {
          db.checkpoint();
          db.setMark(opening - 2);
        }
        db.merge(create("v" + opening), opening);
        if (opening % 3 != 0) {
          db.checkpoint();
        }
      }
    }
  }

  @Test
  void aMarkIsThatOfTheNewestIncrement() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder(Durability.RELAXED).open(disk)) {
      for (int i = 0; i < 50; i++) {
        db.merge(create("v" + i), i);
      }
      db.checkpoint();
      for (int i = 50; i < 53; i++) {
        db.merge(create("v" + i), i);
        db.checkpoint();
      }
    }
    assertThat(disk.contents().keySet()).anyMatch(name -> name.startsWith("increment-"));
    try (DeltaVectorDB db = builder(Durability.RELAXED).open(disk)) {
      assertThat(db.mark()).isEqualTo(52);
      assertThat(db.size()).isEqualTo(53);
    }
  }

  @Test
  void aMarkOutlivesOtherOptions() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder(Durability.RELAXED).open(disk)) {
      db.merge(create("a"), 7);
    }
    try (DeltaVectorDB db = builder(Durability.RELAXED).maxVectors(5).open(disk)) {
      assertThat(db.mark()).isEqualTo(7);
    }
    try (DeltaVectorDB db = builder(Durability.RELAXED).open(disk)) {
      assertThat(db.mark()).isEqualTo(7);
      assertThat(db.options().maxVectors()).isEqualTo(5);
    }
  }

  @Test
  void aMergeWithAMarkIsForcedOnce() {
    MemoryDirectory disk = new MemoryDirectory();
    try (DeltaVectorDB db = builder(Durability.STRICT).open(disk)) {
      int before = disk.forces.get();
      for (int i = 0; i < 10; i++) {
        db.merge(create("v" + i), i);
      }
      assertThat(disk.forces.get() - before).isEqualTo(10);
      db.setMark(9);
      assertThat(disk.forces.get() - before).isEqualTo(10);
    }
  }

  @ParameterizedTest
  @EnumSource(Durability.class)
  void aMarkIsNeverAheadOfTheData(Durability durability) {
    for (int call = 0; call < 200; call++) {
      MemoryDirectory disk = new MemoryDirectory();
      disk.stopAfter(call);
      sequence = 0;
      int acknowledged = feed(disk, durability, 30);
      if (acknowledged == 30) {
        break;
      }
      MemoryDirectory left = disk.restarted(Loss.SOME, new Generator(call));
      try (DeltaVectorDB db = builder(durability).open(left)) {
        long mark = db.mark();
        assertThat(db.size()).as("call %d", call).isBetween((int) mark + 1, (int) mark + 2);
        if (durability == Durability.STRICT) {
          assertThat(mark).as("call %d", call).isGreaterThanOrEqualTo(acknowledged - 1);
        }
      }
    }
  }

  /** Brings a database from its mark to the end, and returns how far it came. */
  private int feed(MemoryDirectory disk, Durability durability, int end) {
    int done = 0;
    try (DeltaVectorDB db = builder(durability).open(disk)) {
      for (; done < end; done++) {
        db.merge(create("v" + done), done);
        if (done % 7 == 6) {
          db.checkpoint();
        } else if (done % 5 == 4) {
          db.flush();
        }
      }
    } catch (DeltaException e) {
      assertThat(e.code()).isEqualTo(ErrorCode.STORAGE_FAILED);
      return Math.min(done, end - 1);
    }
    return done;
  }

  @Test
  void snapshotsThatWaitForOneAnotherStandForWhatTheyHold() throws InterruptedException {
    MemoryDirectory disk = new MemoryDirectory();
    disk.forceMillis = 1;
    try (DeltaVectorDB db = builder(Durability.RELAXED).open(disk)) {
      for (int round = 0; round < 5; round++) {
        Thread one = Thread.ofPlatform().start(db::checkpoint);
        Thread two = Thread.ofPlatform().start(db::checkpoint);
        for (int i = 0; one.isAlive() || two.isAlive(); i++) {
          db.merge(create("v" + round + "-" + i), sequence);
          Thread.sleep(1);
        }
        one.join();
        two.join();
      }
      db.flush();
      MemoryDirectory copy = disk.restarted(Loss.ALL, new Generator(1));
      try (DeltaVectorDB again = builder(Durability.RELAXED).open(copy)) {
        assertThat(again.stateDigest()).isEqualTo(db.stateDigest());
        assertThat(again.mark()).isEqualTo(sequence);
      }
    }
  }
}
