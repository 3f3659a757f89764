package dev.deltavec;

import static dev.deltavec.Checks.at;
import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.replica;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.Checks.Clock;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Other replicas: streams and cursors, good and hostile. */
class MergeTest {
  private static final Set<ErrorCode> DOCUMENTED =
      EnumSet.of(
          ErrorCode.CORRUPT_DATA,
          ErrorCode.UNSUPPORTED_VERSION,
          ErrorCode.DIMENSION_MISMATCH,
          ErrorCode.NOT_FINITE,
          ErrorCode.INVALID_ARGUMENT,
          ErrorCode.CAPACITY_EXCEEDED,
          ErrorCode.OUT_OF_MEMORY);

  private final Clock clock = new Clock(1000);
  private final DeltaVectorDB.Builder first = replica(1, 2, clock);
  private final DeltaVectorDB.Builder second = replica(2, 2, clock);

  private static MergeResult result(int merged, int duplicates) {
    return new MergeResult(merged, duplicates, new MergeResult.Rejected(0, new byte[0]));
  }

  // ---------------------------------------------------------------- syncing

  @Test
  void twoCallsBringOneReplicaToTheStateOfAnother() {
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = second.build()) {
      one.applyDeltas(
          List.of(
              creates("größe", 1, 2).withMetadata("{\"n\":1}"),
              sparse("größe", 1, 5),
              VectorDelta.scale("größe", 2),
              creates("b", 1, 1),
              VectorDelta.delete("b")));
      assertThat(two.merge(one.deltasSince(two.cursor()))).isEqualTo(result(5, 0));
      assertThat(two.stateDigest()).isEqualTo(one.stateDigest());
      assertThat(vector(two, "größe")).containsExactly(2, 10);
      assertThat(two.getMetadata("größe")).isEqualTo("{\"n\":1}");
      assertThat(Checks.idOfClosest(two, 1, 5)).isEqualTo("größe");
    }
  }

  @Test
  void editsOfBothSidesEndInOneState() {
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = second.build()) {
      one.applyDelta(creates("a", 1, 2));
      two.merge(one.deltasSince(two.cursor()));
      clock.now++;
      one.applyDelta(sparse("a", 0, 7).withMetadata("{\"one\":1}"));
      clock.now++;
      two.applyDelta(sparse("a", 1, 8).withMetadata("{\"two\":2}"));
      two.merge(one.deltasSince(two.cursor()));
      one.merge(two.deltasSince(one.cursor()));
      assertThat(vector(one, "a")).containsExactly(7, 8);
      assertThat(one.getMetadata("a")).isEqualTo("{\"one\":1,\"two\":2}");
      assertThat(two.stateDigest()).isEqualTo(one.stateDigest());
    }
  }

  @Test
  void aReplicaThatLacksNothingGetsNothing() {
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = second.build()) {
      one.applyDelta(creates("a", 1, 2));
      two.merge(one.deltasSince(null));
      assertThat(two.merge(one.deltasSince(two.cursor()))).isEqualTo(result(0, 0));
      assertThat(two.merge(one.deltasSince(null))).isEqualTo(result(0, 1));
      assertThat(two.merge(new byte[0])).isEqualTo(result(0, 0));
      assertThat(one.deltasSince(new byte[0])).isEqualTo(one.deltasSince(null));
    }
  }

  @Test
  void lateDeltasGoWhereTheyBelong() {
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = second.build()) {
      one.applyDelta(creates("a", 1, 2));
      two.merge(one.deltasSince(null));
      one.applyDelta(dense("a", 3, 4).withTimestamp(at(2000)));
      two.applyDelta(VectorDelta.scale("a", 10).withTimestamp(at(3000)));
      two.merge(one.deltasSince(two.cursor()));
      assertThat(vector(two, "a")).containsExactly(30, 40);
      assertThat(two.getVectorAt("a", at(2500))).containsExactly(3, 4);
    }
  }

  @Test
  void aChangeOfAVectorThatIsNotThereYetWaitsForIt() {
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = second.build()) {
      one.applyDelta(creates("a", 1, 2));
      byte[] create = one.deltasSince(null);
      byte[] cursor = one.cursor();
      one.applyDelta(VectorDelta.scale("a", 2));
      two.merge(one.deltasSince(cursor));
      assertThat(two.has("a")).isFalse();
      assertThat(two.getDeltaChain("a").deltas()).hasSize(1);
      two.merge(create);
      assertThat(vector(two, "a")).containsExactly(2, 4);
    }
  }

  @Test
  void localDeltasFollowMergedOnesWhateverTheClockSays() {
    Clock slow = new Clock(5);
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = replica(2, 2, slow).maxClockAhead(Duration.ofDays(1)).build()) {
      one.applyDelta(creates("a", 1, 2));
      two.merge(one.deltasSince(null));
      String id = two.applyDelta(VectorDelta.scale("a", 2));
      assertThat(id).isGreaterThan(one.getDeltaChain("a").deltas().getFirst().deltaId());
      assertThat(vector(two, "a")).containsExactly(2, 4);
    }
  }

  @Test
  void deltasFromTooFarInTheFutureAreRefused() {
    Clock ahead = new Clock(1000 + 60_001);
    try (DeltaVectorDB one = replica(1, 2, ahead).build();
        DeltaVectorDB two = second.maxClockAhead(Duration.ofMinutes(1)).build();
        DeltaVectorDB any = replica(3, 2, clock).maxClockAhead(Duration.ofDays(1L << 40)).build()) {
      one.applyDelta(creates("a", 1, 2));
      byte[] stream = one.deltasSince(null);
      String digest = two.stateDigest();
      fails(ErrorCode.INVALID_ARGUMENT, "\"a\".*future", () -> two.merge(stream));
      assertThat(two.stateDigest()).isEqualTo(digest);
      clock.now++;
      assertThat(two.merge(stream)).isEqualTo(result(1, 0));
      assertThat(any.merge(stream)).isEqualTo(result(1, 0));
    }
  }

  @Test
  void deltasFromBeforeTheHorizonComeBackAndCanBeMergedElsewhere() {
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = second.build();
        DeltaVectorDB three = replica(3, 2, clock).build()) {
      one.applyDelta(creates("a", 1, 2));
      three.merge(one.deltasSince(null));
      two.merge(one.deltasSince(null));
      one.applyDelta(dense("a", 3, 4));
      clock.now++;
      two.applyDelta(VectorDelta.scale("a", 10));
      two.compact(CompactOptions.all());
      String digest = two.stateDigest();
      MergeResult result = two.merge(one.deltasSince(two.cursor()));
      assertThat(result.merged()).isZero();
      assertThat(result.rejected().count()).isEqualTo(1);
      assertThat(two.stateDigest()).isEqualTo(digest);
      assertThat(three.merge(result.rejected().bytes())).isEqualTo(result(1, 0));
      assertThat(vector(three, "a")).containsExactly(3, 4);
    }
  }

  @Test
  void whatTheOtherLacksAndWasCompactedAwayIsAnError() {
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = second.build()) {
      one.applyDelta(creates("a", 1, 2));
      two.merge(one.deltasSince(null));
      one.applyDelta(dense("a", 3, 4));
      one.compact(CompactOptions.all());
      fails(ErrorCode.HISTORY_COMPACTED, "compacted", () -> one.deltasSince(two.cursor()));
      fails(ErrorCode.HISTORY_COMPACTED, "compacted", () -> one.deltasSince(null));
      one.applyDelta(dense("a", 5, 6));
      assertThat(two.merge(one.deltasSince(one.cursor()))).isEqualTo(result(0, 0));
    }
  }

  @Test
  void streamsCanBeJoinedAndDeltasComeInAnyOrder() {
    for (int grid : new int[] {0, 64}) {
      List<byte[]> streams = new ArrayList<>();
      String digest;
      try (DeltaVectorDB one = replica(1, 2, clock).grid(grid).build()) {
        Generator random = new Generator(grid);
        byte[] cursor = one.cursor();
        one.applyDelta(creates("a", 1, 2));
        for (int i = 0; i < 30; i++) {
          clock.now += random.below(2);
          one.applyDelta(
              switch (random.below(3)) {
                case 0 -> VectorDelta.dense("a", random.vector(2));
                case 1 -> VectorDelta.offset("a", random.unit());
                default -> VectorDelta.sparse("a", new int[] {1}, random.vector(1));
              });
          streams.add(one.deltasSince(cursor));
          cursor = one.cursor();
        }
        digest = one.stateDigest();
      }
      Random random = new Random(grid);
      for (int round = 0; round < 10; round++) {
        Collections.shuffle(streams, random);
        try (DeltaVectorDB two =
            replica(2, 2, clock).grid(grid).checkpointInterval(1 + round).build()) {
          ByteArrayOutputStream joined = new ByteArrayOutputStream();
          streams.subList(0, 20).forEach(joined::writeBytes);
          two.merge(joined.toByteArray());
          streams.subList(10, 30).forEach(two::merge);
          assertThat(two.stateDigest()).isEqualTo(digest);
          assertThat(two.position()).isEqualTo(31);
        }
      }
    }
  }

  // ---------------------------------------------------------------- refused

  private static void refused(
      DeltaVectorDB db, byte[] stream, Set<ErrorCode> codes, String description) {
    String digest = db.stateDigest();
    long position = db.position();
    byte[] cursor = db.cursor();
    assertThatThrownBy(() -> db.merge(stream))
        .as(description)
        .isInstanceOfSatisfying(
            DeltaException.class, error -> assertThat(error.code()).as(description).isIn(codes));
    assertThat(db.stateDigest()).as(description).isEqualTo(digest);
    assertThat(db.position()).as(description).isEqualTo(position);
    assertThat(db.cursor()).as(description).isEqualTo(cursor);
  }

  @Test
  void vectorsOfAnotherLengthAreRefused() {
    try (DeltaVectorDB one = open(3);
        DeltaVectorDB two = second.clock(InstantSource.system()).build()) {
      one.applyDelta(creates("a", 1, 2, 3));
      refused(two, one.deltasSince(null), EnumSet.of(ErrorCode.DIMENSION_MISMATCH), "dimensions");
    }
  }

  @Test
  void deltasOfAnotherGridAreRefused() {
    try (DeltaVectorDB one = first.grid(10).build();
        DeltaVectorDB two = second.grid(20).build();
        DeltaVectorDB three = replica(3, 2, clock).build()) {
      one.applyDelta(creates("a", 1, 2));
      byte[] stream = one.deltasSince(null);
      fails(ErrorCode.INVALID_ARGUMENT, "10.*20", () -> two.merge(stream));
      fails(ErrorCode.INVALID_ARGUMENT, "10", () -> three.merge(stream));
    }
  }

  @Test
  void moreVectorsThanThereIsRoomForAreRefusedAsAWhole() {
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = second.maxVectors(2).build()) {
      one.applyDeltas(List.of(creates("a", 1, 2), creates("b", 1, 2), creates("c", 1, 2)));
      refused(two, one.deltasSince(null), EnumSet.of(ErrorCode.CAPACITY_EXCEEDED), "capacity");
      assertThat(two.size()).isZero();
      one.applyDelta(VectorDelta.delete("b"));
      assertThat(two.merge(one.deltasSince(null))).isEqualTo(result(4, 0));
    }
  }

  @Test
  void aRefusedMergeIsNotSeenBySubscribers() {
    try (DeltaVectorDB one = first.build();
        DeltaVectorDB two = second.build()) {
      one.applyDeltas(List.of(creates("a", 1, 2), creates("b", 1, 2)));
      byte[] stream = one.deltasSince(null);
      List<DeltaEvent> seen = new ArrayList<>();
      two.onDelta(seen::add);
      fails(
          ErrorCode.CORRUPT_DATA,
          "at byte",
          () -> two.merge(Arrays.copyOf(stream, stream.length - 1)));
      assertThat(seen).isEmpty();
      two.merge(stream);
      assertThat(seen).hasSize(2);
    }
  }

  @Test
  void aStreamLargerThanTheMemoryIsRefused() {
    try (DeltaVectorDB db = second.memoryLimit(1 << 20).build()) {
      refused(db, new byte[2 << 20], EnumSet.of(ErrorCode.OUT_OF_MEMORY), "memory");
      db.applyDelta(creates("a", 1, 2));
    }
  }

  @Test
  void aLongStreamLeavesNoBufferBehind() {
    try (DeltaVectorDB one = replica(1, 384, clock).build();
        DeltaVectorDB two = replica(2, 384, clock).build()) {
      one.applyDelta(VectorDelta.create("a", new float[384]));
      byte[] cursor = one.cursor();
      two.merge(one.deltasSince(null));
      for (int i = 0; i < 2000; i++) {
        one.applyDelta(VectorDelta.dense("a", new float[384]));
      }
      byte[] stream = one.deltasSince(cursor);
      two.merge(stream);
      DeltaStats stats = two.stats();
      assertThat(stats.usedBytes()).isLessThan(stats.historyBytes() + stream.length / 2);
    }
  }

  // ---------------------------------------------------------------- hostile

  private static byte[] golden(String name) throws IOException {
    try (InputStream in = MergeTest.class.getResourceAsStream("/golden/" + name)) {
      return Objects.requireNonNull(in, name).readAllBytes();
    }
  }

  private static DeltaVectorDB ofGolden(int grid) {
    return replica(5, 6, new Clock(1_800_000_000_000L)).grid(grid).checkpointInterval(3).build();
  }

  @ParameterizedTest
  @CsvSource({"0, stream-v1.bin", "256, stream-grid-v1.bin"})
  void goldenStreamsAreRead(int grid, String name) throws IOException {
    byte[] stream = golden(name);
    try (DeltaVectorDB db = ofGolden(grid);
        DeltaVectorDB copy = ofGolden(grid)) {
      int merged = db.merge(stream).merged();
      assertThat(merged).isEqualTo(db.position()).isGreaterThan(9);
      assertThat(db.merge(stream)).isEqualTo(result(0, merged));
      assertThat(db.ids()).containsExactlyInAnyOrder("first", "zweiter é");
      assertThat(db.getMetadata("zweiter é")).isEqualTo("{\"title\":\"Zwei\",\"tags\":[1,2]}");
      copy.merge(db.deltasSince(null));
      assertThat(copy.stateDigest()).isEqualTo(db.stateDigest());
      assertThat(copy.merge(db.deltasSince(golden("cursor-v1.bin")))).isEqualTo(result(0, 0));
    }
  }

  @ParameterizedTest
  @CsvSource({"0, stream-v1.bin", "256, stream-grid-v1.bin"})
  void everyTruncatedStreamIsRefusedAndChangesNothing(int grid, String name) throws IOException {
    byte[] stream = golden(name);
    try (DeltaVectorDB db = ofGolden(grid)) {
      int end = stream[0] & 0xff | (stream[1] & 0xff) << 8; // of the frame that is cut
      for (int length = 1; length < stream.length; length++) {
        if (length == end) {
          end += stream[end] & 0xff | (stream[end + 1] & 0xff) << 8;
          continue; // whole frames: a shorter stream
        }
        byte[] cut = Arrays.copyOf(stream, length);
        refused(db, cut, EnumSet.of(ErrorCode.CORRUPT_DATA), "cut to " + length);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0, stream-v1.bin", "256, stream-grid-v1.bin"})
  void everyFlippedBitIsFoundAndChangesNothing(int grid, String name) throws IOException {
    byte[] stream = golden(name);
    Set<ErrorCode> codes = EnumSet.of(ErrorCode.CORRUPT_DATA, ErrorCode.UNSUPPORTED_VERSION);
    try (DeltaVectorDB db = ofGolden(grid)) {
      for (int bit = 0; bit < 8 * stream.length; bit++) {
        stream[bit >>> 3] ^= (byte) (1 << (bit & 7));
        refused(db, stream, codes, "bit " + bit);
        stream[bit >>> 3] ^= (byte) (1 << (bit & 7));
      }
      assertThat(db.merge(stream).merged()).isGreaterThan(9);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 256})
  void garbageIsRefusedAndChangesNothing(int grid) {
    Generator random = new Generator(grid);
    try (DeltaVectorDB db = ofGolden(grid)) {
      db.applyDelta(VectorDelta.create("a", new float[6]));
      for (int i = 0; i < 2000; i++) {
        byte[] garbage = new byte[1 + random.below(100)];
        for (int k = 0; k < garbage.length; k++) {
          garbage[k] = (byte) random.below(256);
        }
        refused(db, garbage, DOCUMENTED, "garbage " + i);
      }
    }
  }

  @Test
  void everyDamagedCursorIsRefused() throws IOException {
    byte[] cursor = golden("cursor-v1.bin");
    try (DeltaVectorDB db = ofGolden(0)) {
      db.merge(golden("stream-v1.bin"));
      String digest = db.stateDigest();
      for (int length = 1; length < cursor.length; length++) {
        byte[] cut = Arrays.copyOf(cursor, length);
        fails(ErrorCode.CORRUPT_DATA, "cursor", () -> db.deltasSince(cut));
      }
      for (int bit = 0; bit < 8 * cursor.length; bit++) {
        byte[] wrong = cursor.clone();
        wrong[bit >>> 3] ^= (byte) (1 << (bit & 7));
        boolean version = bit >>> 3 == 3;
        fails(
            version ? ErrorCode.UNSUPPORTED_VERSION : ErrorCode.CORRUPT_DATA,
            "cursor",
            () -> db.deltasSince(wrong));
      }
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.deltasSince(cursor)).hasSizeLessThan(10);
    }
  }
}
