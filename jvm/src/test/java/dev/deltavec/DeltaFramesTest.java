package dev.deltavec;

import static dev.deltavec.Checks.at;
import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.patch;
import static dev.deltavec.Checks.replica;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.deltavec.Checks.Clock;
import dev.deltavec.DeltaFrames.Shared;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.support.Generator;
import dev.deltavec.jvm.SegmentMemory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.zip.CRC32C;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Deltas on their way: streams that are parted, and deltas that get their ids outside. */
class DeltaFramesTest {
  private static final Instant LATEST = at(1_900_000_000_000L);
  private static final long SEED = Long.getLong("deltavec.seed", 1);

  private final Clock clock = new Clock(1000);

  private static byte[] join(List<Shared> deltas) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    deltas.forEach(delta -> all.writeBytes(delta.frame()));
    return all.toByteArray();
  }

  private static List<String> idsOf(List<Shared> deltas) {
    return deltas.stream().map(Shared::vectorId).toList();
  }

  private static byte[] golden(String name) throws IOException {
    try (InputStream in = DeltaFramesTest.class.getResourceAsStream("/golden/" + name)) {
      return Objects.requireNonNull(in, name).readAllBytes();
    }
  }

  private static DeltaVectorDB ofGolden(int grid) {
    return replica(5, 6, new Clock(0))
        .grid(grid)
        .maxClockAhead(Duration.ofMillis(LATEST.toEpochMilli()))
        .build();
  }

  // ---------------------------------------------------------------- split

  @ParameterizedTest
  @CsvSource({"0, stream-v1.bin", "256, stream-grid-v1.bin"})
  void framesOfAStreamStandAlone(int grid, String name) throws IOException {
    byte[] stream = golden(name);
    try (DeltaFrames frames = new DeltaFrames(6, grid);
        DeltaVectorDB whole = ofGolden(grid);
        DeltaVectorDB parted = ofGolden(grid)) {
      int merged = whole.merge(stream).merged();
      List<Shared> deltas = frames.split(stream, LATEST);
      assertThat(deltas).hasSize(merged);
      List<Shared> shuffled = new ArrayList<>(deltas);
      Collections.shuffle(shuffled, new Random(SEED));
      for (Shared delta : shuffled) {
        assertThat(parted.merge(delta.frame()).merged()).isEqualTo(1);
      }
      assertThat(parted.stateDigest()).isEqualTo(whole.stateDigest());
      assertThat(parted.cursor()).isEqualTo(whole.cursor());
      assertThat(frames.split(join(deltas), LATEST)).isEqualTo(deltas);
    }
  }

  @Test
  void partsSayWhoseTheyAre() {
    try (DeltaFrames frames = new DeltaFrames(2, 0);
        DeltaVectorDB db = replica(7, 2, clock).build()) {
      db.applyDelta(creates("größe", 1, 2).withMetadata("{\"n\":1}"));
      clock.now++;
      db.applyDelta(VectorDelta.delete("größe"));
      assertThat(frames.split(db.deltasSince(null), at(1001)))
          .extracting(Shared::vectorId, Shared::time, Shared::sequence, Shared::replica)
          .containsExactly(tuple("größe", 1000L, 1, 7L), tuple("größe", 1001L, 2, 7L));
    }
  }

  @Test
  void deltasBehindTheLatestTimeAreRefusedWithTheirIndex() {
    try (DeltaFrames frames = new DeltaFrames(2, 0);
        DeltaVectorDB db = replica(7, 2, clock).build()) {
      db.applyDeltas(List.of(creates("a", 1, 2), creates("b", 1, 2).withTimestamp(at(2000))));
      byte[] stream = db.deltasSince(null);
      fails(ErrorCode.INVALID_ARGUMENT, 1, "\"b\".*future", () -> frames.split(stream, at(1999)));
      assertThat(frames.split(stream, at(2000))).hasSize(2);
    }
  }

  private static @Nullable ErrorCode codeOf(ThrowingCallable call) {
    try {
      call.call();
      return null;
    } catch (DeltaException e) {
      return e.code();
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Sets the checksums of frames right as far as their lengths lead. */
  private static void seal(byte[] stream) {
    ByteBuffer buffer = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = 0; stream.length - at >= Frame.HEADER_BYTES; ) {
      int length = buffer.getInt(at) & Frame.MAX_BYTES;
      if (length < Frame.HEADER_BYTES || length > stream.length - at) {
        return;
      }
      CRC32C crc = new CRC32C();
      crc.update(stream, at + 8, length - 8);
      buffer.putInt(at + 4, (int) crc.getValue());
      at += length;
    }
  }

  @ParameterizedTest
  @CsvSource({"0, stream-v1.bin", "256, stream-grid-v1.bin"})
  void whatAMergeRefusesIsRefusedForTheSameReason(int grid, String name) throws IOException {
    byte[] stream = golden(name);
    Generator random = new Generator(SEED);
    int refused = 0;
    try (DeltaFrames frames = new DeltaFrames(6, grid)) {
      for (int i = 0; i < 300; i++) {
        byte[] bad = stream.clone();
        for (int n = 1 + random.below(3); n > 0; n--) {
          bad[random.below(bad.length)] = (byte) random.below(256);
        }
        if (random.chance(90)) {
          seal(bad);
        }
        try (DeltaVectorDB db = ofGolden(grid)) {
          ErrorCode code = codeOf(() -> db.merge(bad));
          refused += code == null ? 0 : 1;
          assertThat(codeOf(() -> frames.split(bad, LATEST)))
              .as("seed %d, stream %d: %s", SEED, i, HexFormat.of().formatHex(bad))
              .isEqualTo(code);
        }
        codeOf(() -> DeltaFrames.ids(bad));
        codeOf(() -> frames.identify(bad, 1, 1, 1));
      }
    }
    assertThat(refused).isBetween(30, 299);
  }

  @Test
  void aStreamThatStandsForFarMoreThanItsBytesIsRefused() {
    try (DeltaFrames frames = new DeltaFrames(2, 0);
        DeltaVectorDB db = replica(7, 2, clock).build()) {
      String id = "x".repeat(1024);
      String big = "{\"a\":\"" + "y".repeat(248) + "\"}";
      db.applyDelta(creates(id, 1, 2).withMetadata(big));
      List<VectorDelta> many = Collections.nCopies(10_000, patch(id, big));
      for (int i = 0; i < 6; i++) {
        db.applyDeltas(many);
      }
      byte[] stream = db.deltasSince(null);
      assertThat(stream.length).isLessThan(2_000_000);
      assertThat(codeOf(() -> frames.split(stream, LATEST))).isEqualTo(ErrorCode.OUT_OF_MEMORY);
    }
  }

  // ---------------------------------------------------------------- identify

  /** Local frames, sealed. */
  private static byte[] local(VectorDelta... deltas) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try (SegmentMemory memory = new SegmentMemory()) {
      int frame = memory.allocate(1 << 20);
      FrameWriter writer = new FrameWriter(memory, true);
      for (VectorDelta delta : deltas) {
        writer.check(delta, -1);
        int end = writer.write(frame, delta, -1);
        memory.putByte(frame + 8, (byte) (memory.getByte(frame + 8) | Frame.SEALED));
        byte[] bytes = new byte[end - frame];
        memory.getBytes(frame, bytes, bytes.length);
        all.writeBytes(bytes);
      }
    }
    byte[] frames = all.toByteArray();
    seal(frames);
    return frames;
  }

  private static final VectorDelta[] EDITS = {
    creates("größe", 1, 2, 3).withMetadata("{\"n\":1}"),
    sparse("größe", 0, 4, 2, 5).withTimestamp(at(1_700_000_000_000L)),
    VectorDelta.delete("b")
  };

  /** What {@code encodeDeltas} of the TypeScript package makes of the same. */
  private static final String ENCODED =
      "26000001903da18661076772c3b6c39f65030000803f0000004000004040077b226e223a317d"
          + "2200000170a089f352076772c3b6c39f650068e5cf8b01020001000080400000a040"
          + "0b00000156aeefe5460162";

  @Test
  void localFramesAreThoseOfTheTypeScriptPackage() {
    assertThat(HexFormat.of().formatHex(local(EDITS))).isEqualTo(ENCODED);
  }

  @Test
  void localDeltasGetConsecutiveIdsAndKeepTheirTimes() {
    try (DeltaFrames frames = new DeltaFrames(3, 0);
        DeltaVectorDB db = replica(1, 3, new Clock(1_800_000_000_000L)).build()) {
      byte[] local = HexFormat.of().parseHex(ENCODED);
      List<Shared> deltas = frames.identify(local, 1_600_000_000_000L, 41, 9);
      assertThat(deltas)
          .extracting(Shared::vectorId, Shared::time, Shared::sequence, Shared::replica)
          .containsExactly(
              tuple("größe", 1_600_000_000_000L, 41, 9L),
              tuple("größe", 1_700_000_000_000L, 42, 9L),
              tuple("b", 1_600_000_000_000L, 43, 9L));
      assertThat(db.merge(join(deltas)).merged()).isEqualTo(3);
      assertThat(vector(db, "größe")).containsExactly(4, 2, 5);
      assertThat(db.getMetadata("größe")).isEqualTo("{\"n\":1}");
      assertThat(db.merge(join(frames.identify(local, 1_650_000_000_000L, 41, 9))).duplicates())
          .isEqualTo(3);
    }
  }

  @Test
  void whatNoDatabaseTakesGetsNoId() {
    try (DeltaFrames frames = new DeltaFrames(2, 0)) {
      VectorDelta good = creates("a", 1, 2);
      fails(
          ErrorCode.DIMENSION_MISMATCH,
          1,
          "\"b\"",
          () -> {
            frames.identify(local(good, creates("b", 1, 2, 3)), 1, 1, 1);
          });
      fails(
          ErrorCode.NOT_FINITE,
          0,
          "\"a\"",
          () -> {
            frames.identify(local(creates("a", 1, Double.NaN)), 1, 1, 1);
          });
      fails(
          ErrorCode.INVALID_ARGUMENT,
          0,
          "index",
          () -> {
            frames.identify(local(sparse("a", 2, 1)), 1, 1, 1);
          });
      fails(
          ErrorCode.INVALID_ARGUMENT,
          0,
          "JSON|metadata",
          () -> {
            frames.identify(local(good.withMetadata("[]")), 1, 1, 1);
          });
      fails(
          ErrorCode.INVALID_ARGUMENT,
          1,
          "sequence 0",
          () -> {
            frames.identify(local(good, good), 1, -1, 1);
          });
      fails(ErrorCode.INVALID_ARGUMENT, "48 bits", () -> frames.identify(local(good), -1, 1, 1));
      fails(ErrorCode.INVALID_ARGUMENT, "48 bits", () -> frames.identify(local(good), 1, 1, -1));
      List<Shared> identified = frames.identify(local(good), 1, 1, 1);
      fails(
          ErrorCode.CORRUPT_DATA,
          0,
          "flags",
          () -> {
            frames.identify(join(identified), 1, 1, 1);
          });
      fails(ErrorCode.CORRUPT_DATA, 0, "flags", () -> frames.split(local(good), LATEST));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 8})
  void damagedLocalFramesAreRefused(int grid) {
    byte[] local = local(creates("a", 1, 2).withMetadata("{\"n\":1}"));
    try (DeltaFrames frames = new DeltaFrames(2, grid)) {
      assertThat(frames.identify(local, 1, 1, 1)).hasSize(1);
      for (int bit = 0; bit < 8 * local.length; bit++) {
        byte[] bad = local.clone();
        bad[bit >>> 3] ^= (byte) (1 << (bit & 7));
        assertThat(codeOf(() -> frames.identify(bad, 1, 1, 1)))
            .as("bit %d", bit)
            .isIn(ErrorCode.CORRUPT_DATA, ErrorCode.UNSUPPORTED_VERSION);
        seal(bad);
        codeOf(() -> frames.identify(bad, 1, 1, 1));
      }
      for (int length = 1; length < local.length; length++) {
        byte[] cut = Arrays.copyOf(local, length);
        fails(ErrorCode.CORRUPT_DATA, 0, "at byte", () -> frames.identify(cut, 1, 1, 1));
      }
    }
  }

  // ---------------------------------------------------------------- encode

  @ParameterizedTest
  @ValueSource(ints = {0, 16})
  void anEncodedDeltaIsTheOneThatADatabaseIssues(int grid) {
    List<VectorDelta> deltas =
        List.of(
            creates("a", 1.26, -2, 0).withMetadata("{\"t\":\"é\"}"),
            VectorDelta.scale("a", 0.3f),
            VectorDelta.offset("a", 1.7f).withTimestamp(at(1500)),
            patch("a", "{\"u\":null,\"v\":[1]}"),
            VectorDelta.delete("a"),
            creates("b", 0, 0, 0));
    try (DeltaFrames frames = new DeltaFrames(3, grid);
        DeltaVectorDB db = replica(7, 3, new Clock(1500)).grid(grid).build()) {
      db.applyDeltas(deltas);
      List<Shared> encoded = new ArrayList<>();
      for (VectorDelta delta : deltas) {
        encoded.add(frames.encode(delta, 1500, encoded.size() + 1, 7));
      }
      assertThat(encoded).isEqualTo(frames.split(db.deltasSince(null), LATEST));
    }
  }

  @Test
  void withoutAGridValuesAreSetAsTheyAre() {
    try (DeltaFrames frames = new DeltaFrames(3, 0);
        DeltaVectorDB db = replica(1, 3, clock).build()) {
      List<Shared> deltas =
          List.of(
              frames.encode(creates("a", 1, 2, 3), 900, 1, 7),
              frames.encode(sparse("a", 2, 9, 0, 8), 901, 2, 7),
              frames.encode(dense("b", 1, 1, 1), 902, 3, 7));
      assertThat(db.merge(join(deltas)).merged()).isEqualTo(3);
      assertThat(vector(db, "a")).containsExactly(8, 2, 9);
      assertThat(db.has("b")).isFalse();
    }
  }

  @Test
  void onAGridADifferenceCannotBeSaidWithoutTheVector() {
    try (DeltaFrames frames = new DeltaFrames(2, 16)) {
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "sparse.*\"a\".*grid",
          () -> {
            frames.encode(sparse("a", 0, 1), 1, 1, 1);
          });
      fails(
          ErrorCode.INVALID_ARGUMENT,
          0,
          "dense.*\"a\".*grid",
          () -> {
            frames.identify(local(dense("a", 0, 1)), 1, 1, 1);
          });
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "beyond the grid",
          () -> {
            frames.encode(creates("a", 1e9, 1), 1, 1, 1);
          });
      fails(
          ErrorCode.NOT_FINITE,
          "finite",
          () -> {
            frames.encode(creates("a", Double.NaN, 1), 1, 1, 1);
          });
      fails(
          ErrorCode.DIMENSION_MISMATCH,
          "3 values",
          () -> {
            frames.encode(creates("a", 1, 2, 3), 1, 1, 1);
          });
    }
  }

  @Test
  void closedFramesRefuseEverything() {
    DeltaFrames frames = new DeltaFrames(2, 0);
    frames.close();
    frames.close();
    fails(ErrorCode.CLOSED, "closed", () -> frames.split(new byte[0], LATEST));
    fails(ErrorCode.CLOSED, "closed", () -> frames.encode(creates("a", 1, 2), 1, 1, 1));
    fails(ErrorCode.INVALID_ARGUMENT, "dimensions", () -> new DeltaFrames(0, 0));
  }

  // ---------------------------------------------------------------- ids

  @ParameterizedTest
  @ValueSource(strings = {"stream-v1.bin", "stream-grid-v1.bin"})
  void idsAreReadOfAnyFrames(String name) throws IOException {
    byte[] stream = golden(name);
    try (DeltaFrames frames = new DeltaFrames(6, name.contains("grid") ? 256 : 0)) {
      List<Shared> deltas = frames.split(stream, LATEST);
      assertThat(DeltaFrames.ids(join(deltas))).isEqualTo(idsOf(deltas));
      List<@Nullable String> linked = new ArrayList<>(DeltaFrames.ids(stream));
      assertThat(linked.removeIf(Objects::isNull)).isTrue();
      assertThat(linked).isEqualTo(idsOf(deltas));
    }
    assertThat(DeltaFrames.ids(local(EDITS))).containsExactly("größe", "größe", "b");
    assertThat(DeltaFrames.ids(new byte[0])).isEmpty();
  }

  @Test
  void idsOfFramesThatAreCutOffAreRefused() {
    byte[] frames = local(creates("größe", 1, 2));
    for (int length = 1; length < frames.length; length++) {
      byte[] cut = Arrays.copyOf(frames, length);
      fails(ErrorCode.CORRUPT_DATA, "at byte", () -> DeltaFrames.ids(cut));
    }
    byte[] garbage = frames.clone();
    garbage[3] = 2;
    fails(ErrorCode.UNSUPPORTED_VERSION, "version 2", () -> DeltaFrames.ids(garbage));
    garbage[3] = 1;
    garbage[12] = (byte) 0xff;
    fails(ErrorCode.CORRUPT_DATA, "UTF-8", () -> DeltaFrames.ids(garbage));
  }
}
