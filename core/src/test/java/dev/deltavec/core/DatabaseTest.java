package dev.deltavec.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.TestDatabase;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class DatabaseTest {
  private static DatabaseOptions.Builder options(int dimensions) {
    return DatabaseOptions.builder().dimensions(dimensions);
  }

  private static void fails(TestDatabase db, ErrorCode code, String named, ThrowingCallable call) {
    long digest = db.database.digest();
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(DeltaException.class, e -> assertThat(e.code()).isEqualTo(code))
        .hasMessageContaining(named);
    assertThat(db.database.digest()).isEqualTo(digest);
  }

  @Test
  void outOfMemoryAtAnyPointChangesNothing() {
    Generator random = new Generator(1);
    for (int units = 1; units < 40; units++) {
      ArrayMemory memory = new ArrayMemory(units * Memory.REGION_UNIT);
      TestDatabase db;
      try {
        db = new TestDatabase(options(64).build(), memory);
      } catch (DeltaException e) {
        assertThat(e.code()).isEqualTo(ErrorCode.OUT_OF_MEMORY);
        continue;
      }
      int created = 0;
      while (true) {
        Frames batch = new Frames();
        for (int i = 0; i < 10; i++) {
          batch.create("v" + (created + i), random.vector(64));
        }
        batch.metadata("v" + created, "{\"text\":\"" + "x".repeat(300) + "\"}");
        if (created > 0) {
          batch.scale("v0", -1);
        }
        long digest = db.database.digest();
        try {
          db.apply(batch);
          created += 10;
        } catch (DeltaException e) {
          assertThat(e.code()).isEqualTo(ErrorCode.OUT_OF_MEMORY);
          assertThat(db.database.digest()).isEqualTo(digest);
          assertThat(db.database.size()).isEqualTo(created);
          assertThat(Inside.wrong(db.database)).isNull();
          break;
        }
      }
      memory.limit(1 << 29);
      db.apply(new Frames().create("after", random.vector(64)));
      assertThat(db.database.size()).isEqualTo(created + 1);
      db.close();
      assertThat(memory.granted()).isZero();
    }
  }

  @Test
  void capacityCountsLiveVectorsOnly() {
    try (TestDatabase db = new TestDatabase(options(1).maxVectors(2).build())) {
      db.apply(new Frames().create("a", 1).create("b", 2));
      fails(db, ErrorCode.CAPACITY_EXCEEDED, "\"c\"", () -> db.apply(new Frames().create("c", 3)));
      db.apply(
          new Frames()
              .delete("a")
              .create("c", 3)
              .delete("c")
              .create("a", 4)
              .delete("b")
              .create("b", 5));
      assertThat(db.ids()).containsExactly("a", "b");
      assertThat(db.get("a")).containsExactly(4);
    }
  }

  @Test
  void aBatchIsAppliedWholeOrNotAtAll() {
    try (TestDatabase db = new TestDatabase(options(2).build())) {
      db.apply(new Frames().create("a", 1, 2).metadata("a", "{\"n\":1}"));
      fails(
          db,
          ErrorCode.VECTOR_NOT_FOUND,
          "delta 6: there is no vector \"zz\"",
          () ->
              db.apply(
                  new Frames()
                      .scale("a", 3)
                      .metadata("a", "{\"n\":2}")
                      .create("b", 5, 6)
                      .delete("a")
                      .create("a", 7, 8)
                      .metadata("a", "{\"m\":2}")
                      .offset("zz", 1)));
      assertThat(db.get("a")).containsExactly(1, 2);
      assertThat(db.metadata("a")).isEqualTo("{\"n\":1}");
      assertThat(db.get("b")).isNull();
    }
  }

  @Test
  void aGivenTimestampBeforeTheNewestDeltaIsOutOfOrder() {
    try (TestDatabase db = new TestDatabase(options(1).build())) {
      db.apply(new Frames().frame(Frame.CREATE, "a", 5_000, Frames.counted(1), null));
      fails(
          db,
          ErrorCode.OUT_OF_ORDER,
          "4999",
          () -> db.apply(new Frames().frame(Frame.SCALE, "a", 4_999, Frames.floats(2), null)));
      db.apply(new Frames().frame(Frame.SCALE, "a", 5_000, Frames.floats(2), null));
      assertThat(db.get("a")).containsExactly(2);
    }
  }

  @Test
  void idsHaveTheClockNeverBehindTheLastIssued() {
    try (TestDatabase db = new TestDatabase(options(1).build())) {
      db.now = 100;
      db.apply(new Frames().create("a", 1));
      db.now = 50;
      db.apply(new Frames().scale("a", 2).scale("a", 2));
      int record = db.database.output();
      assertThat(db.database.outputBytes()).isEqualTo(32);
      assertThat(db.memory.getLong(record)).isEqualTo(100);
      assertThat(db.memory.getInt(record + 8)).isEqualTo(2);
      assertThat(db.memory.getInt(record + 24)).isEqualTo(3);
    }
  }

  @Test
  void aFailedBatchUsesUpNoSequenceNumbers() {
    try (TestDatabase db = new TestDatabase(options(1).build())) {
      fails(
          db,
          ErrorCode.VECTOR_NOT_FOUND,
          "\"b\"",
          () -> db.apply(new Frames().create("a", 1).delete("b")));
      db.apply(new Frames().create("a", 1));
      assertThat(db.memory.getInt(db.database.output() + 8)).isEqualTo(1);
    }
  }

  @Test
  void overflowIsNotFinite() {
    try (TestDatabase db = new TestDatabase(options(2).build())) {
      db.apply(new Frames().create("a", 3e38f, 1));
      fails(db, ErrorCode.NOT_FINITE, "overflow", () -> db.apply(new Frames().scale("a", 2)));
      fails(db, ErrorCode.NOT_FINITE, "overflow", () -> db.apply(new Frames().offset("a", 3e38f)));
      fails(
          db,
          ErrorCode.NOT_FINITE,
          "value 1 of the dense",
          () -> db.apply(new Frames().dense("a", 1, Float.NaN)));
    }
  }

  @Test
  void bytesBehindTheLastFrameAreCorrupt() {
    try (TestDatabase db = new TestDatabase(options(1).build())) {
      fails(
          db,
          ErrorCode.CORRUPT_DATA,
          "left over",
          () -> db.apply(new Frames().create("a", 1).create("b", 1).toBytes(), 1));
      fails(
          db,
          ErrorCode.CORRUPT_DATA,
          "delta 1",
          () -> db.apply(new Frames().create("a", 1).toBytes(), 2));
    }
  }

  @Test
  void queriesAreChecked() {
    try (TestDatabase db = new TestDatabase(options(2).build())) {
      db.apply(new Frames().create("a", 1, 2));
      fails(db, ErrorCode.DIMENSION_MISMATCH, "3 values, not 2", () -> db.search(new float[3], 1));
      fails(
          db,
          ErrorCode.NOT_FINITE,
          "query",
          () -> db.search(new float[] {1, Float.NEGATIVE_INFINITY}, 1));
      fails(db, ErrorCode.INVALID_ARGUMENT, "k must be", () -> db.search(new float[2], 0));
    }
  }

  @Test
  void optionsAreChecked() {
    assertThatThrownBy(() -> options(0).build()).hasMessageContaining("dimensions");
    assertThatThrownBy(() -> options(65_537).build()).hasMessageContaining("dimensions");
    assertThatThrownBy(() -> options(1).maxVectors(0).build()).hasMessageContaining("maxVectors");
    assertThatThrownBy(() -> options(1).hnswM(1).build()).hasMessageContaining("hnswM");
    assertThatThrownBy(() -> options(1).hnswEfSearch(0).build())
        .hasMessageContaining("hnswEfSearch");
    assertThatThrownBy(() -> options(1).hnswEfConstruction(-1).build())
        .hasMessageContaining("hnswEfConstruction");
    assertThatThrownBy(() -> options(1).checkpointInterval(0).build())
        .hasMessageContaining("checkpointInterval");
    assertThatThrownBy(() -> options(1).replica(1L << 48).build()).hasMessageContaining("replica");
  }

  @Test
  void aClosedDatabaseRefusesEverything() {
    TestDatabase db = new TestDatabase(options(1).build());
    db.database.close();
    db.database.close();
    assertThatThrownBy(() -> db.database.size()).hasMessageContaining("closed");
    assertThatThrownBy(() -> db.get("a")).hasMessageContaining("closed");
    assertThatThrownBy(() -> db.search(new float[1], 1)).hasMessageContaining("closed");
    assertThatThrownBy(() -> db.apply(new Frames().delete("a"))).hasMessageContaining("closed");
    assertThatThrownBy(() -> db.database.stats()).hasMessageContaining("closed");
  }

  @Test
  void theDigestDependsOnStateAloneNotOnHowItCameAbout() {
    try (TestDatabase one = new TestDatabase(options(2).build());
        TestDatabase other = new TestDatabase(options(2).seed(99).replica(7).build())) {
      one.apply(new Frames().create("a", 1, 2).create("b", 3, 4).metadata("b", "{\"x\":1}"));
      other.apply(new Frames().create("x", 9, 9).create("b", 0, 0).metadata("b", "{ \"x\" : 1 }"));
      other.apply(
          new Frames()
              .delete("x")
              .create("a", 2, 4)
              .scale("a", 0.5f)
              .sparse("b", new int[] {0, 1}, new float[] {3, 4}));
      assertThat(other.database.digest()).isEqualTo(one.database.digest());
      other.apply(new Frames().metadata("a", "{\"y\":0}"));
      assertThat(other.database.digest()).isNotEqualTo(one.database.digest());
    }
  }

  @Test
  void worksWithAnyDimensions() {
    Generator random = new Generator(8);
    for (int dimensions : new int[] {1, 3, 15, 16, 17, 384, 1000, 1536, 65_536}) {
      try (TestDatabase db = new TestDatabase(options(dimensions).build())) {
        float[] a = random.vector(dimensions);
        float[] b = random.vector(dimensions);
        db.apply(new Frames().create("a", a).create("b", b).offset("b", 0.5f));
        assertThat(db.get("a")).containsExactly(a);
        assertThat(db.search(a, 1).get(0).score())
            .isCloseTo(1f, org.assertj.core.data.Offset.offset(1e-5f));
        db.apply(new Frames().sparse("a", new int[] {dimensions - 1}, new float[] {7}));
        a[dimensions - 1] = 7;
        assertThat(db.get("a")).containsExactly(a);
      }
    }
  }

  @Test
  void historyKeepsToItsBudget() {
    Generator random = new Generator(9);
    try (TestDatabase db = new TestDatabase(options(64).maxHistoryBytes(100_000).build())) {
      db.apply(new Frames().create("a", random.vector(64)));
      for (int i = 0; i < 5_000; i++) {
        db.now++;
        db.apply(new Frames().dense("a", random.vector(64)));
        assertThat(db.getAt("a", db.now)).as("the newest delta stays").isEqualTo(db.get("a"));
      }
      db.database.stats();
      double history = Double.longBitsToDouble(db.memory.getLong(db.database.output() + 72));
      assertThat(history).isLessThan(110_000);
      assertThatThrownBy(() -> db.getAt("a", 1_000_001)).hasMessageContaining("compacted");
    }
    assertThatThrownBy(() -> options(1).history(false).maxHistoryBytes(1).build())
        .hasMessageContaining("maxHistoryBytes");
  }
}
