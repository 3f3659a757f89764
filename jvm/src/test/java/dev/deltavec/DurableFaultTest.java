package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.Checks.Clock;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import dev.deltavec.storage.MemoryDirectory;
import dev.deltavec.storage.MemoryDirectory.Loss;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The power goes at every call of the disk, and takes all, some or nothing of what was not forced;
 * it goes again while that is recovered. What is there afterwards must be a state that was: no
 * older than the last that a call has promised, and no half of one.
 */
class DurableFaultTest {
  private static final List<String> IDS = List.of("a", "b", "c", "größe", "🦀");
  private static final int STEPS = 24;

  private static DeltaVectorDB.Builder builder(Durability durability, Clock clock) {
    return DeltaVectorDB.builder()
        .dimensions(3)
        .checkpointInterval(4)
        .clock(clock)
        .idleRepair(false)
        .durability(durability)
        .flushInterval(Duration.ofDays(1));
  }

  /** A run of calls, the same each time, until the disk fails. */
  private static final class Run {
    private final Generator random;
    private final Clock clock = new Clock(1_700_000_000_000L);
    private final DeltaVectorDB other = builder(Durability.RELAXED, clock).build();
    private final boolean strict;

    /** The state behind each change. */
    final List<String> states = new ArrayList<>();

    /** How many of them were promised to be on disk. */
    int promised;

    /** The newest mark that was promised; a mark is the number of the state that it stands for. */
    long promisedMark = -1;

    private long mark = -1;

    boolean opened;

    Run(long seed, boolean strict) {
      random = new Generator(seed);
      this.strict = strict;
    }

    void on(MemoryDirectory disk) {
      DeltaVectorDB db;
      try {
        db = builder(strict ? Durability.STRICT : Durability.RELAXED, clock).open(disk);
      } catch (DeltaException e) {
        assertThat(e.code()).isEqualTo(ErrorCode.STORAGE_FAILED);
        return;
      }
      opened = true;
      states.add(db.stateDigest());
      promised = 1;
      try {
        for (int i = 0; i < STEPS; i++) {
          clock.now += random.below(3);
          step(db);
        }
        db.close();
        promised = states.size();
        promisedMark = mark;
      } catch (DeltaException e) {
        assertThat(e.code()).as(e.getMessage()).isEqualTo(ErrorCode.STORAGE_FAILED);
      } finally {
        other.close();
        closeQuietly(db);
      }
    }

    private void step(DeltaVectorDB db) {
      boolean promises = false;
      try {
        switch (random.below(13)) {
          case 0, 1 -> db.applyDeltas(batch(db));
          case 2 -> merge(db);
          case 3 -> rollBack(db);
          case 4 -> db.compact(CompactOptions.all().withKeepLast(3));
          case 5 -> {
            db.flush();
            promises = true;
          }
          case 6, 7 -> {
            db.checkpoint();
            promises = true;
          }
          case 8 -> {
            replace(db);
            promises = true;
          }
          case 9 -> {
            db.setMark(states.size());
            mark = states.size();
          }
          default -> db.applyDelta(delta(db, random.pick(IDS)));
        }
      } finally {
        states.add(db.stateDigest()); // also that of a call that has failed: it may be on disk
      }
      if (promises || strict) {
        promised = states.size();
        promisedMark = mark;
      }
    }

    /** Imports what another database has; if that fails, it may be there or not. */
    private void replace(DeltaVectorDB db) {
      states.add(other.stateDigest());
      promisedMark = -1; // it is forgotten as soon as the import is there
      mark = -1;
      db.importFrom(other.export(ExportOptions.all()));
    }

    private VectorDelta delta(DeltaVectorDB db, String id) {
      float[] vector = {random.below(5) + 1, random.below(5), random.below(5)};
      if (!db.has(id)) {
        return VectorDelta.create(id, vector).withMetadata("{\"n\":" + random.below(9) + "}");
      }
      return switch (random.below(4)) {
        case 0 -> VectorDelta.delete(id);
        case 1 -> VectorDelta.sparse(id, new int[] {1}, new float[] {random.below(9)});
        default -> VectorDelta.dense(id, vector);
      };
    }

    private List<VectorDelta> batch(DeltaVectorDB db) {
      List<VectorDelta> batch = new ArrayList<>();
      for (String id : IDS.subList(0, 1 + random.below(IDS.size()))) {
        batch.add(delta(db, id));
      }
      return batch;
    }

    private void merge(DeltaVectorDB db) {
      other.applyDelta(delta(other, random.pick(IDS)));
      try {
        other.merge(db.deltasSince(other.cursor()));
        byte[] stream = other.deltasSince(db.cursor());
        db.merge(stream, states.size());
        mark = states.size();
      } catch (DeltaException e) {
        if (e.code() != ErrorCode.HISTORY_COMPACTED) {
          throw e;
        }
      }
    }

    private void rollBack(DeltaVectorDB db) {
      String id = random.pick(IDS);
      List<DeltaChain.Entry> deltas = db.getDeltaChain(id).deltas();
      if (!deltas.isEmpty()) {
        db.rollbackTo(id, deltas.get(random.below(deltas.size())).deltaId());
      }
    }
  }

  private static void closeQuietly(DeltaVectorDB db) {
    try {
      db.close();
    } catch (DeltaException e) {
      assertThat(e.code()).isEqualTo(ErrorCode.STORAGE_FAILED);
    }
  }

  /** Opens what a crash has left, and checks that it is a state that was promised or later. */
  private static void check(Run run, MemoryDirectory disk, String what) {
    Clock clock = new Clock(1_800_000_000_000L);
    try (DeltaVectorDB db = builder(Durability.STRICT, clock).open(disk)) {
      int state = run.states.lastIndexOf(db.stateDigest());
      assertThat(db.mark()).as(what).isBetween(run.promisedMark, (long) Math.max(state, -1));
      if (run.opened) {
        assertThat(state).as(what).isBetween(run.promised - 1, run.states.size() - 1);
      } else {
        assertThat(db.size()).as(what).isZero();
      }
      assertThat(Objects.requireNonNull(db.recovery()).lost()).as(what).isNull();
      assertThat(db.checkIndex().firstBad()).as(what).isNull();
      // And it goes on from there.
      db.applyDelta(VectorDelta.create("new", new float[] {1, 2, 3}));
    }
    try (DeltaVectorDB db = builder(Durability.STRICT, clock).open(disk)) {
      assertThat(db.has("new")).as(what).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "STRICT, NONE",
    "STRICT, ALL",
    "STRICT, SOME",
    "RELAXED, NONE",
    "RELAXED, ALL",
    "RELAXED, SOME"
  })
  void whereverThePowerGoesTheStateIsOneThatWas(Durability durability, Loss loss) {
    for (long seed = 1; seed <= 4; seed++) {
      MemoryDirectory whole = new MemoryDirectory();
      new Run(seed, durability == Durability.STRICT).on(whole);
      for (int call = 0; call <= whole.calls(); call++) {
        MemoryDirectory disk = new MemoryDirectory();
        disk.stopAfter(call);
        Run run = new Run(seed, durability == Durability.STRICT);
        run.on(disk);
        Generator random = new Generator(seed * 1000 + call);
        String what = "seed " + seed + ", the power goes at call " + call;
        check(run, disk.restarted(loss, random), what);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"STRICT, SOME", "RELAXED, SOME", "RELAXED, NONE"})
  void recoveryCanBeInterruptedAnywhere(Durability durability, Loss loss) {
    for (long seed = 10; seed <= 12; seed++) {
      MemoryDirectory whole = new MemoryDirectory();
      new Run(seed, durability == Durability.STRICT).on(whole);
      for (int call = 1; call <= whole.calls(); call += 1 + (int) (seed % 3)) {
        MemoryDirectory disk = new MemoryDirectory();
        disk.stopAfter(call);
        Run run = new Run(seed, durability == Durability.STRICT);
        run.on(disk);
        for (int again = 0; again < 12; again++) {
          Generator random = new Generator(seed * 1000 + call);
          MemoryDirectory left = disk.restarted(loss, random);
          left.stopAfter(again);
          try {
            closeQuietly(builder(Durability.STRICT, new Clock(1_800_000_000_000L)).open(left));
          } catch (DeltaException e) {
            assertThat(e.code()).as(e.getMessage()).isEqualTo(ErrorCode.STORAGE_FAILED);
          }
          String what =
              "seed " + seed + ", the power goes at call " + call + " and " + again + " later";
          check(run, left.restarted(Loss.SOME, random), what);
        }
      }
    }
  }
}
