package dev.deltavec;

import static dev.deltavec.Checks.at;
import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.patch;
import static dev.deltavec.Checks.replica;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.Checks.Clock;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A database made anew of the states of its vectors. */
class StatesTest {
  private static final int SEEDS = Integer.getInteger("deltavec.seeds", 60);
  private static final int DIMENSIONS = 3;
  private static final List<String> IDS = List.of("a", "größe", "🦀", "d", "e", "f");

  private final Clock clock = new Clock(1000);

  private static byte[] state(DeltaVectorDB db, String id) {
    return Objects.requireNonNull(db.state(id), id);
  }

  private static CompactOptions before(long time) {
    return CompactOptions.all().withBefore(at(time));
  }

  // ---------------------------------------------------------------- one vector

  @Test
  void aVectorsStateIsItsDeltas() {
    try (DeltaVectorDB db = replica(1, 2, clock).build();
        DeltaVectorDB copy = replica(2, 2, clock).build()) {
      db.applyDeltas(
          List.of(creates("größe", 1, 2).withMetadata("{\"n\":1}"), sparse("größe", 1, 5)));
      db.applyDelta(creates("other", 1, 2));
      assertThat(copy.merge(state(db, "größe")).merged()).isEqualTo(2);
      assertThat(copy.ids()).containsExactly("größe");
      assertThat(vector(copy, "größe")).containsExactly(1, 5);
      assertThat(copy.getMetadata("größe")).isEqualTo("{\"n\":1}");
      assertThat(copy.getDeltaChain("größe").deltas())
          .extracting(DeltaChain.Entry::deltaId)
          .isEqualTo(
              db.getDeltaChain("größe").deltas().stream().map(DeltaChain.Entry::deltaId).toList());
    }
  }

  @Test
  void behindAHorizonItBeginsWithACreateThatHasTheHorizonsId() {
    try (DeltaVectorDB db = replica(1, 2, clock).build();
        DeltaVectorDB copy = replica(2, 2, clock).build()) {
      db.applyDelta(creates("a", 1, 2).withMetadata("{\"n\":{\"m\":[null]},\"o\":1}"));
      clock.now++;
      String horizon = db.applyDelta(VectorDelta.scale("a", 3));
      clock.now++;
      String last = db.applyDelta(sparse("a", 0, 7));
      db.compact(before(clock.now));
      copy.merge(state(db, "a"));
      assertThat(copy.getDeltaChain("a").deltas())
          .extracting(DeltaChain.Entry::deltaId)
          .containsExactly(horizon, last);
      assertThat(copy.getVectorAt("a", at(clock.now - 1))).containsExactly(3, 6);
      assertThat(copy.stateDigest()).isEqualTo(db.stateDigest());
    }
  }

  @Test
  void anEndIsRememberedUntilItIsCompacted() {
    try (DeltaVectorDB db = replica(1, 2, clock).build();
        DeltaVectorDB copy = replica(2, 2, clock).build()) {
      db.applyDeltas(List.of(creates("a", 1, 2), VectorDelta.delete("a"), creates("b", 1, 2)));
      assertThat(db.rememberedIds()).containsExactlyInAnyOrder("a", "b");
      copy.merge(state(db, "a"));
      assertThat(copy.size()).isZero();
      assertThat(copy.rememberedIds()).containsExactly("a");
      clock.now++;
      db.compact(before(clock.now));
      assertThat(db.rememberedIds()).containsExactly("b");
      assertThat(db.state("a")).isNull();
      assertThat(db.state("never")).isNull();
      db.applyDelta(creates("a", 3, 4));
      assertThat(copy.merge(state(db, "a")).merged()).isEqualTo(1);
      assertThat(vector(copy, "a")).containsExactly(3, 4);
    }
  }

  @Test
  void vectorsThatCameWithoutTheirHistoryHaveStates() {
    try (DeltaVectorDB db = replica(1, 2, clock).build();
        DeltaVectorDB imported = replica(2, 2, clock).build();
        DeltaVectorDB copy = replica(3, 2, clock).build()) {
      for (int i = 0; i < 100; i++) {
        db.applyDelta(creates("v" + i, i, 1));
      }
      imported.importFrom(db.export(new ExportOptions(false, false)));
      imported.applyDelta(VectorDelta.scale("v5", 2));
      for (String id : imported.rememberedIds()) {
        copy.merge(state(imported, id));
      }
      assertThat(copy.size()).isEqualTo(100);
      assertThat(copy.stateDigest()).isEqualTo(imported.stateDigest());
    }
  }

  @Test
  void metadataGrowsNoLongerThanItMayBe() {
    String long1 = "{\"a\":\"" + "x".repeat(200_000) + "\"}";
    String long2 = "{\"b\":\"" + "y".repeat(200_000) + "\"}";
    try (DeltaVectorDB one = replica(1, 2, clock).build();
        DeltaVectorDB two = replica(2, 2, clock).build();
        DeltaVectorDB copy = replica(3, 2, clock).build()) {
      one.applyDelta(creates("a", 1, 2));
      two.merge(one.deltasSince(null));
      one.applyDelta(patch("a", long1));
      clock.now++;
      two.applyDelta(patch("a", long2));
      one.merge(two.deltasSince(one.cursor()));
      two.merge(one.deltasSince(two.cursor()));
      assertThat(one.getMetadata("a")).isEqualTo(long1);
      assertThat(two.stateDigest()).isEqualTo(one.stateDigest());
      clock.now++;
      one.compact(before(clock.now));
      copy.merge(state(one, "a"));
      assertThat(copy.stateDigest()).isEqualTo(one.stateDigest());
      copy.importFrom(one.export(ExportOptions.all()));
      assertThat(copy.stateDigest()).isEqualTo(one.stateDigest());
    }
  }

  @Test
  void withoutAHistoryThereAreNoStates() {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(2).history(false).build()) {
      fails(ErrorCode.INVALID_ARGUMENT, "history", () -> db.state("a"));
      fails(ErrorCode.INVALID_ARGUMENT, "history", db::rememberedIds);
    }
    try (DeltaVectorDB db = replica(1, 2, clock).build()) {
      fails(ErrorCode.INVALID_ARGUMENT, "empty", () -> db.state(""));
    }
  }

  // ---------------------------------------------------------------- all of them

  private static byte[] all(DeltaVectorDB db, Generator random) {
    List<String> ids = new ArrayList<>(db.rememberedIds());
    Collections.shuffle(ids, new Random(random.nextLong()));
    ByteArrayOutputStream states = new ByteArrayOutputStream();
    ids.forEach(id -> states.writeBytes(state(db, id)));
    return states.toByteArray();
  }

  private static VectorDelta randomDelta(Generator random, boolean relative) {
    String id = random.pick(IDS);
    float[] values = random.vector(DIMENSIONS);
    VectorDelta delta =
        switch (random.below(relative ? 7 : 5)) {
          case 0, 1 -> VectorDelta.create(id, values);
          case 2 -> VectorDelta.delete(id);
          case 3 -> VectorDelta.scale(id, 0.5f + random.unit() / 4);
          case 4 -> VectorDelta.sparse(id, new int[0], new float[0]);
          case 5 -> VectorDelta.sparse(id, new int[] {random.below(3)}, new float[] {values[0]});
          default -> VectorDelta.dense(id, values);
        };
    boolean patched = !(delta.operation() instanceof DeltaOperation.Delete) && random.chance(40);
    String name = random.pick(List.of("x", "y", "z"));
    String value = random.pick(List.of("null", "1", "{\"n\":null,\"m\":2}", "[null]", "\"é\""));
    return patched ? delta.withMetadata("{\"" + name + "\":" + value + "}") : delta;
  }

  /** Applies what is no error at this place. */
  private static void applyAny(DeltaVectorDB db, VectorDelta delta) {
    try {
      db.applyDelta(delta);
    } catch (DeltaException e) {
      assertThat(e.code())
          .isIn(
              ErrorCode.VECTOR_EXISTS,
              ErrorCode.VECTOR_NOT_FOUND,
              ErrorCode.INVALID_ARGUMENT,
              ErrorCode.OUT_OF_ORDER);
    }
  }

  private static void assertSame(DeltaVectorDB copy, DeltaVectorDB db, String what, long seed) {
    assertThat(copy.stateDigest()).as("%s, seed %d", what, seed).isEqualTo(db.stateDigest());
    assertThat(copy.rememberedIds())
        .as("%s, seed %d", what, seed)
        .containsExactlyInAnyOrderElementsOf(db.rememberedIds());
    for (String id : db.rememberedIds()) {
      assertThat(copy.state(id)).as("%s of %s, seed %d", what, id, seed).isEqualTo(db.state(id));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 64})
  void theStatesOfAllVectorsAreTheDatabase(int grid) {
    for (long seed = 1; seed <= SEEDS; seed++) {
      Generator random = new Generator(seed * 100 + grid);
      Clock time = new Clock(10_000);
      try (DeltaVectorDB db = node(1, grid, random, time);
          DeltaVectorDB other = node(2, grid, random, time);
          DeltaVectorDB copy = node(3, grid, random, time);
          DeltaFrames frames = new DeltaFrames(DIMENSIONS, grid)) {
        for (int i = 10 + random.below(60); i > 0; i--) {
          time.now += random.below(3);
          applyAny(random.chance(70) ? db : other, randomDelta(random, true));
          if (random.chance(10)) {
            db.merge(other.deltasSince(null));
          }
          if (random.chance(5)) {
            db.compact(before(10_000 + random.below((int) (time.now - 10_000) + 1)));
          }
        }
        time.now++;
        if (random.chance(50)) {
          db.compact(before(10_000 + random.below((int) (time.now - 10_000) + 2)));
        }
        byte[] states = all(db, random);
        copy.merge(states);
        assertSame(copy, db, "the copy", seed);
        assertThat(copy.merge(states).merged()).as("again, seed %d", seed).isZero();
        long begin = time.now;
        int sequence = 0;
        for (int i = random.below(30); i > 0; i--) {
          time.now += random.below(3);
          VectorDelta delta = randomDelta(random, grid == 0);
          long late = begin + random.below((int) (time.now - begin) + 1);
          byte[] frame = frames.encode(delta, late, ++sequence, 77).frame();
          assertThat(copy.merge(frame)).isEqualTo(db.merge(frame));
        }
        assertSame(copy, db, "later", seed);
        long horizon = begin + random.below((int) (time.now - begin) + 2);
        db.compact(before(horizon));
        copy.compact(before(horizon));
        assertSame(copy, db, "compacted", seed);
        assertThat(copy.merge(all(db, random)).merged()).as("last, seed %d", seed).isZero();
        assertSame(copy, db, "the end", seed);
      }
    }
  }

  private static DeltaVectorDB node(int number, int grid, Generator random, Clock time) {
    return replica(number, DIMENSIONS, time)
        .grid(grid)
        .checkpointInterval(1 + random.below(6))
        .maxClockAhead(Duration.ofDays(1))
        .build();
  }

  @Test
  void manyVectorsAreListedPageByPage() {
    try (DeltaVectorDB db = replica(1, 2, clock).build()) {
      List<VectorDelta> deltas = new ArrayList<>();
      List<String> ids = new ArrayList<>();
      for (int i = 0; i < 3000; i++) {
        deltas.add(creates("v" + i, 1, 2));
        ids.add("v" + i);
        if (i % 3 == 0) {
          deltas.add(VectorDelta.delete("v" + i));
        }
      }
      db.applyDeltas(deltas);
      assertThat(db.rememberedIds()).containsExactlyInAnyOrderElementsOf(ids);
      db.compact(before(clock.now + 1));
      assertThat(db.rememberedIds()).containsExactlyInAnyOrderElementsOf(db.ids()).hasSize(2000);
    }
  }
}
