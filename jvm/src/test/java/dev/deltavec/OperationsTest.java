package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.sequenceOf;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.v;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.DeltaId;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The six operations, one by one and in batches; ids; reading. */
class OperationsTest {
  @Test
  void createStoresTheVector() {
    try (DeltaVectorDB db = open(3)) {
      db.applyDelta(creates("a", 1, -2.5, 1e-45));
      assertThat(vector(db, "a")).containsExactly(1, -2.5f, Float.MIN_VALUE);
      assertThat(db.has("a")).isTrue();
      assertThat(db.size()).isEqualTo(1);
      assertThat(db.ids()).containsExactly("a");
    }
  }

  @Test
  void sparseAssignsValuesAtIndices() {
    try (DeltaVectorDB db = open(5)) {
      db.applyDelta(creates("a", 1, 2, 3, 4, 5));
      db.applyDelta(sparse("a", 0, 10, 3, -4));
      assertThat(vector(db, "a")).containsExactly(10, 2, 3, -4, 5);
    }
  }

  @Test
  void sparseTakesIndicesInAnyOrder() {
    try (DeltaVectorDB db = open(300)) {
      db.applyDelta(VectorDelta.create("a", new float[300]));
      int[] indices = {299, 0, 150, 7};
      float[] values = {1, 2, 3, 4};
      db.applyDelta(VectorDelta.sparse("a", indices, values));
      float[] expected = new float[300];
      expected[299] = 1;
      expected[0] = 2;
      expected[150] = 3;
      expected[7] = 4;
      assertThat(vector(db, "a")).containsExactly(expected);
      assertThat(indices).as("the caller's array").containsExactly(299, 0, 150, 7);
    }
  }

  @Test
  void sparseOfEveryIndexIsADense() {
    try (DeltaVectorDB db = open(3)) {
      db.applyDelta(creates("a", 1, 2, 3));
      db.applyDelta(sparse("a", 0, 7, 1, 8, 2, 9));
      assertThat(vector(db, "a")).containsExactly(7, 8, 9);
    }
  }

  @Test
  void sparseOfNothingLeavesTheVector() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 1, 2));
      db.applyDelta(sparse("a"));
      assertThat(vector(db, "a")).containsExactly(1, 2);
    }
  }

  @Test
  void denseReplacesAllValues() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 1, 2));
      db.applyDelta(dense("a", 3, 4));
      assertThat(vector(db, "a")).containsExactly(3, 4);
    }
  }

  @Test
  void scaleMultipliesInFloat() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 0.1, 3));
      db.applyDelta(VectorDelta.scale("a", 0.3f));
      assertThat(vector(db, "a")).containsExactly(0.1f * 0.3f, 3 * 0.3f);
    }
  }

  @Test
  void offsetAddsInFloat() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 0.1, 16_777_216));
      db.applyDelta(VectorDelta.offset("a", 0.2f));
      assertThat(vector(db, "a")).containsExactly(0.1f + 0.2f, 16_777_216);
    }
  }

  @Test
  void deleteEndsAVectorAndItsIdMayBeUsedAgain() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1));
      db.applyDelta(VectorDelta.delete("a"));
      assertThat(db.has("a")).isFalse();
      assertThat(db.getVector("a")).isNull();
      assertThat(db.getVectorView("a")).isNull();
      assertThat(db.size()).isZero();
      assertThat(db.ids()).isEmpty();
      db.applyDelta(creates("a", 2));
      assertThat(vector(db, "a")).containsExactly(2);
    }
  }

  @Test
  void theSignOfZeroIsKept() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", -0.0, 0));
      assertThat(Float.floatToRawIntBits(vector(db, "a")[0])).isEqualTo(0x8000_0000);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 15, 16, 17, 127, 128, 384, 1000, 1536, 65_536})
  void anyNumberOfDimensionsWorks(int dimensions) {
    try (DeltaVectorDB db = open(dimensions)) {
      float[] vector = new float[dimensions];
      for (int i = 0; i < dimensions; i++) {
        vector[i] = i + 1;
      }
      db.applyDelta(VectorDelta.create("a", vector));
      db.applyDelta(VectorDelta.sparse("a", new int[] {dimensions - 1}, new float[] {-dimensions}));
      vector[dimensions - 1] = -dimensions;
      assertThat(vector(db, "a")).containsExactly(vector);
      assertThat(db.search(vector, 2)).extracting(SearchResult::id).containsExactly("a");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a",
        " ",
        "\0",
        "größe",
        "日本語",
        "🦀",
        "\uFEFF",
        "a\nb",
        "..",
        "__proto__",
        "\uD83E\uDD80x",
        "߿ࠀ\uFFFF"
      })
  void anyTextIsAnId(String id) {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates(id, 1));
      assertThat(db.has(id)).isTrue();
      assertThat(db.ids()).containsExactly(id);
      assertThat(db.search(v(1), 1)).extracting(SearchResult::id).containsExactly(id);
    }
  }

  @Test
  void idsOf1024BytesAreTakenAndToldApart() {
    try (DeltaVectorDB db = open(1)) {
      String one = "x".repeat(1023) + "1";
      String two = "x".repeat(1023) + "2";
      String wide = "語".repeat(341) + "x";
      db.applyDeltas(List.of(creates(one, 1), creates(two, 2), creates(wide, 3)));
      assertThat(vector(db, one)).containsExactly(1);
      assertThat(vector(db, two)).containsExactly(2);
      assertThat(vector(db, wide)).containsExactly(3);
      assertThat(db.ids()).containsExactlyInAnyOrder(one, two, wide);
    }
  }

  // ---------------------------------------------------------------- batches

  @Test
  void aBatchIsAppliedInOrder() {
    try (DeltaVectorDB db = open(2)) {
      List<String> ids =
          db.applyDeltas(
              List.of(
                  creates("a", 1, 2),
                  VectorDelta.scale("a", 2),
                  VectorDelta.offset("a", 1),
                  sparse("a", 1, 0),
                  creates("b", 0, 1),
                  VectorDelta.delete("b")));
      assertThat(ids).hasSize(6).isSorted().doesNotHaveDuplicates();
      assertThat(vector(db, "a")).containsExactly(3, 0);
      assertThat(db.has("b")).isFalse();
    }
  }

  @Test
  void aBatchOfNothingDoesNothing() {
    try (DeltaVectorDB db = open(2)) {
      assertThat(db.applyDeltas(List.of())).isEmpty();
    }
  }

  @Test
  void aBatchOfThousandsIsTaken() {
    try (DeltaVectorDB db = open(4)) {
      List<VectorDelta> batch = new ArrayList<>();
      for (int i = 0; i < 5000; i++) {
        batch.add(creates("v" + i % 500, i, 1, 2, 3));
        batch.add(VectorDelta.delete("v" + i % 500));
      }
      batch.add(creates("last", 1, 2, 3, 4));
      assertThat(db.applyDeltas(batch)).hasSize(10_001);
      assertThat(db.ids()).containsExactly("last");
    }
  }

  @Test
  void oneByOneAndAsABatchGiveTheSameState() {
    List<VectorDelta> deltas =
        List.of(
            creates("a", 1, 2),
            creates("b", 3, 4).withMetadata("{\"x\":1}"),
            VectorDelta.scale("a", 1.5f),
            sparse("b", 0, 9).withMetadata("{\"y\":2}"),
            VectorDelta.delete("a"));
    try (DeltaVectorDB one = open(2);
        DeltaVectorDB all = open(2)) {
      deltas.forEach(one::applyDelta);
      all.applyDeltas(deltas);
      assertThat(all.stateDigest()).isEqualTo(one.stateDigest());
    }
  }

  // ---------------------------------------------------------------- delta ids

  @Test
  void aDeltaIdHoldsTimeSequenceAndReplica() {
    InstantSource clock = InstantSource.fixed(Instant.ofEpochMilli(1_234_567_890_123L));
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(1).replicaId("0123456789aB").clock(clock).build()) {
      String first = db.applyDelta(creates("a", 1));
      assertThat(first).matches("[0-9A-HJKMNP-TV-Z]{26}");
      assertThat(DeltaId.parse(first))
          .isEqualTo(new DeltaId(1_234_567_890_123L, 1, 0x0123456789abL));
      assertThat(sequenceOf(db.applyDelta(VectorDelta.scale("a", 2)))).isEqualTo(2);
    }
  }

  @Test
  void aGivenTimestampIsTheTimeOfTheId() {
    try (DeltaVectorDB db = open(1)) {
      String id =
          db.applyDelta(creates("a", 1).withTimestamp(Instant.ofEpochMilli(1_700_000_000_123L)));
      assertThat(DeltaId.parse(id).time()).isEqualTo(1_700_000_000_123L);
      String late =
          db.applyDelta(creates("b", 1).withTimestamp(Instant.ofEpochMilli((1L << 48) - 1)));
      assertThat(DeltaId.parse(late).time()).isEqualTo((1L << 48) - 1);
      String epoch = db.applyDelta(creates("c", 1).withTimestamp(Instant.EPOCH));
      assertThat(DeltaId.parse(epoch).time()).isZero();
    }
  }

  @Test
  void idsDoNotFallBehindWhenTheClockIsSetBack() {
    long[] now = {2_000};
    InstantSource clock = () -> Instant.ofEpochMilli(now[0]);
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(1).clock(clock).build()) {
      String before = db.applyDelta(creates("a", 1));
      now[0] = 1_000;
      String after = db.applyDelta(creates("b", 1));
      assertThat(after).isGreaterThan(before);
      assertThat(DeltaId.parse(after).time()).isEqualTo(2_000);
    }
  }

  @Test
  void aClockBefore1970IsRefusedAndChangesNothing() {
    InstantSource clock = InstantSource.fixed(Instant.ofEpochMilli(-5));
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(1).clock(clock).build()) {
      fails(ErrorCode.INVALID_ARGUMENT, "clock.*-5", () -> db.applyDelta(creates("a", 1)));
      assertThat(db.size()).isZero();
    }
  }

  @Test
  void databasesWithoutAReplicaIdHaveDifferentOnes() {
    try (DeltaVectorDB one = open(1);
        DeltaVectorDB two = open(1)) {
      assertThat(one.options().replica()).isNotEqualTo(two.options().replica());
    }
  }

  // ---------------------------------------------------------------- reading

  @Test
  void getVectorIntoFillsAnArray() {
    try (DeltaVectorDB db = open(3)) {
      db.applyDelta(creates("a", 1, 2, 3));
      float[] target = {9, 9, 9};
      assertThat(db.getVectorInto("nobody", target)).isFalse();
      assertThat(target).containsExactly(9, 9, 9);
      assertThat(db.getVectorInto("a", target)).isTrue();
      assertThat(target).containsExactly(1, 2, 3);
      fails(
          ErrorCode.DIMENSION_MISMATCH,
          "target.*\\b2\\b.*\\b3\\b",
          () -> db.getVectorInto("a", new float[2]));
    }
  }

  @Test
  void aCopyStaysAsItWas() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 1, 2));
      float[] before = vector(db, "a");
      db.applyDelta(dense("a", 3, 4));
      assertThat(before).containsExactly(1, 2);
      before[0] = 77;
      assertThat(vector(db, "a")).containsExactly(3, 4);
    }
  }

  @Test
  void theCallersArraysAreNotKept() {
    try (DeltaVectorDB db = open(2)) {
      float[] vector = v(1, 2);
      db.applyDelta(VectorDelta.create("a", vector));
      vector[0] = 9;
      assertThat(vector(db, "a")).containsExactly(1, 2);
    }
  }

  @Test
  void whatIsNotThereIsNull() {
    try (DeltaVectorDB db = open(2)) {
      assertThat(db.getVector("nobody")).isNull();
      assertThat(db.getMetadata("nobody")).isNull();
      assertThat(db.has("nobody")).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a\uD800b", "\uDC00"})
  void whatCannotBeAnIdIsRefusedWhenReading(String id) {
    try (DeltaVectorDB db = open(2)) {
      fails(ErrorCode.INVALID_ARGUMENT, "vectorId", () -> db.getVector(id));
      fails(ErrorCode.INVALID_ARGUMENT, "vectorId", () -> db.getVectorView(id));
      fails(ErrorCode.INVALID_ARGUMENT, "vectorId", () -> db.getVectorInto(id, new float[2]));
      fails(ErrorCode.INVALID_ARGUMENT, "vectorId", () -> db.getMetadata(id));
      fails(ErrorCode.INVALID_ARGUMENT, "vectorId", () -> db.has(id));
    }
  }

  @Test
  void anOverlongIdIsRefusedWhenReading() {
    try (DeltaVectorDB db = open(2)) {
      fails(ErrorCode.INVALID_ARGUMENT, "1024 bytes", () -> db.has("x".repeat(1025)));
      fails(ErrorCode.INVALID_ARGUMENT, "1024 bytes", () -> db.has("語".repeat(342)));
      fails(ErrorCode.INVALID_ARGUMENT, "1024 bytes", () -> db.has("x".repeat(10_000_000)));
    }
  }

  @Test
  void idsOfThousandsComeOnceEach() {
    try (DeltaVectorDB db = open(1)) {
      List<VectorDelta> batch = new ArrayList<>();
      List<String> expected = new ArrayList<>();
      for (int i = 0; i < 3000; i++) {
        batch.add(creates("v" + i, i));
        if (i % 3 != 0) {
          expected.add("v" + i);
        }
      }
      db.applyDeltas(batch);
      for (int i = 0; i < 3000; i += 3) {
        db.applyDelta(VectorDelta.delete("v" + i));
      }
      assertThat(db.ids()).containsExactlyInAnyOrderElementsOf(expected);
    }
  }

  @Test
  void deltasWithEqualContentsAreEqual() {
    assertThat(creates("a", 1, 2))
        .isEqualTo(creates("a", 1, 2))
        .hasSameHashCodeAs(creates("a", 1, 2));
    assertThat(creates("a", 1, 2)).isNotEqualTo(dense("a", 1, 2)).isNotEqualTo(creates("a", 1, 3));
    assertThat(sparse("a", 1, 2)).isEqualTo(sparse("a", 1, 2)).isNotEqualTo(sparse("a", 1, 3));
    assertThat(sparse("a", 1, 2))
        .hasToString(
            "VectorDelta[vectorId=a, "
                + "operation=Sparse[indices=[1], values=[2.0]], metadata=null, timestamp=null]");
    assertThat(creates("a", 1).operation()).hasToString("Create[vector=[1.0]]");
    assertThat(dense("a", 1).operation()).hasToString("Dense[vector=[1.0]]");
  }

  @Test
  void anErrorOfASingleDeltaHasNoIndex() {
    try (DeltaVectorDB db = open(1)) {
      assertThat(
              org.assertj.core.api.Assertions.catchThrowableOfType(
                      DeltaException.class, () -> db.applyDelta(VectorDelta.delete("a")))
                  .index())
          .isEqualTo(-1);
    }
  }
}
