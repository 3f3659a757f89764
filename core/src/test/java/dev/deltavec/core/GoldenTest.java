package dev.deltavec.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.TestDatabase;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files of version 1 that stay readable for ever: streams as {@code since} gave them, of floats and
 * of grid 256, and the cursor that belongs to both. They came out of {@link #build}, which must
 * still give the same bytes.
 */
class GoldenTest {
  private static DatabaseOptions options(int grid, long replica) {
    return DatabaseOptions.builder()
        .dimensions(6)
        .grid(grid)
        .replica(replica)
        .checkpointInterval(3)
        .build();
  }

  private static byte[] golden(String name) throws IOException {
    try (InputStream in = GoldenTest.class.getResourceAsStream("/golden/" + name)) {
      return Objects.requireNonNull(in, name).readAllBytes();
    }
  }

  /** Two replicas' deltas of every kind, one with a gap. */
  static TestDatabase build(int grid) {
    TestDatabase one = new TestDatabase(options(grid, 0x0123_4567_89abL));
    TestDatabase two = new TestDatabase(options(grid, 0xfedc_ba98_7654L));
    one.now = 1_700_000_000_000L;
    two.now = 1_700_000_000_500L;
    one.apply(
        new Frames()
            .create("first", 1, -0.5f, 0.25f, 0, 0.125f, -1)
            .frame(
                Frame.CREATE,
                "zweiter é",
                -1,
                Frames.counted(0, 0, 0, 0, 0, 1),
                "{\"title\":\"Zwei\",\"n\":1}"));
    two.merge(one.since(two.cursor()));
    one.apply(
        new Frames()
            .sparse("first", new int[] {1, 4}, new float[] {0.75f, -0.25f})
            .scale("first", 0.5f)
            .offset("first", 0.0625f));
    two.now += 5;
    two.apply(
        new Frames()
            .frame(Frame.RUNS, "first", -1, runs(), "{\"by\":\"two\"}")
            .dense("zweiter é", 0.5f, 0.5f, 0.5f, 0.5f, 0, 0)
            .metadata("zweiter é", "{\"n\":null,\"tags\":[1,2]}")
            .metadata("first", "{\"by\":\"two\"}"));
    one.now += 100;
    one.apply(new Frames().create("third", 1, 1, 1, 1, 1, 1).delete("third"));
    one.merge(two.since(one.cursor()));
    two.close();
    return one;
  }

  private static byte[] runs() {
    java.io.ByteArrayOutputStream payload = new java.io.ByteArrayOutputStream();
    for (int number : new int[] {2, 0, 1, 1, 0}) {
      Frames.varint(payload, number); // two runs: 0 to 1, and 3
    }
    payload.writeBytes(Frames.floats(0.1f, 0.2f, 0.3f));
    return payload.toByteArray();
  }

  @ParameterizedTest
  @CsvSource({"0, stream-v1.bin", "256, stream-grid-v1.bin"})
  void streamsReadAsTheyDidWhenTheyWereWritten(int grid, String name) throws IOException {
    try (TestDatabase original = build(grid);
        TestDatabase copy = new TestDatabase(options(grid, 5))) {
      copy.now = 1_800_000_000_000L;
      assertThat(copy.merge(golden(name))).isEqualTo(original.database.arrived());
      assertThat(copy.database.digest()).isEqualTo(original.database.digest());
      assertThat(original.since(new byte[0])).isEqualTo(golden(name));
      assertThat(original.cursor()).isEqualTo(golden("cursor-v1.bin"));
      assertThat(original.since(golden("cursor-v1.bin"))).hasSize(Frame.HEADER_BYTES);
    }
  }

  @ParameterizedTest
  @CsvSource({"0, stream-v1.bin", "256, stream-grid-v1.bin"})
  void everyTruncationOfAStreamIsCorrupt(int grid, String name) throws IOException {
    byte[] stream = golden(name);
    try (TestDatabase db = new TestDatabase(options(grid, 5))) {
      db.now = 1_800_000_000_000L;
      long digest = db.database.digest();
      for (int length = 1; length < stream.length; length++) {
        byte[] cut = Arrays.copyOf(stream, length);
        if (isWhole(stream, length)) {
          continue; // ends between frames: a shorter stream, and a good one
        }
        assertThatThrownBy(() -> db.merge(cut))
            .isInstanceOfSatisfying(
                DeltaException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CORRUPT_DATA))
            .hasMessageContaining("at byte");
        assertThat(db.database.digest()).isEqualTo(digest);
        assertThat(db.database.arrived()).isZero();
      }
    }
  }

  private static boolean isWhole(byte[] stream, int length) {
    int at = 0;
    while (at < length) {
      at += stream[at] & 0xff | (stream[at + 1] & 0xff) << 8;
    }
    return at == length;
  }

  @ParameterizedTest
  @CsvSource({"0, stream-v1.bin", "256, stream-grid-v1.bin"})
  void everyFlippedBitOfAStreamIsFound(int grid, String name) throws IOException {
    byte[] stream = golden(name);
    try (TestDatabase db = new TestDatabase(options(grid, 5))) {
      db.now = 1_800_000_000_000L;
      long digest = db.database.digest();
      for (int bit = 0; bit < 8 * stream.length; bit++) {
        byte[] wrong = stream.clone();
        wrong[bit >>> 3] ^= (byte) (1 << (bit & 7));
        assertThatThrownBy(() -> db.merge(wrong))
            .as("bit %d", bit)
            .isInstanceOfSatisfying(
                DeltaException.class,
                e ->
                    assertThat(e.code())
                        .isIn(ErrorCode.CORRUPT_DATA, ErrorCode.UNSUPPORTED_VERSION));
        assertThat(db.database.digest()).isEqualTo(digest);
        assertThat(db.database.arrived()).isZero();
      }
      db.merge(stream); // the database still works
    }
  }

  @ParameterizedTest
  @ValueSource(strings = "cursor-v1.bin")
  void everyDamagedCursorIsFound(String name) throws IOException {
    byte[] cursor = golden(name);
    try (TestDatabase db = build(0)) {
      for (int length = 1; length < cursor.length; length++) {
        byte[] cut = Arrays.copyOf(cursor, length);
        assertThatThrownBy(() -> db.since(cut)).isInstanceOf(DeltaException.class);
      }
      for (int bit = 0; bit < 8 * cursor.length; bit++) {
        byte[] wrong = cursor.clone();
        wrong[bit >>> 3] ^= (byte) (1 << (bit & 7));
        assertThatThrownBy(() -> db.since(wrong))
            .isInstanceOfSatisfying(
                DeltaException.class,
                e ->
                    assertThat(e.code())
                        .isIn(ErrorCode.CORRUPT_DATA, ErrorCode.UNSUPPORTED_VERSION));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0, stream-v1.bin", "256, stream-grid-v1.bin"})
  void resealedDamageGivesOnlyDocumentedErrorsAndChangesNothing(int grid, String name)
      throws IOException {
    byte[] stream = golden(name);
    Generator random = new Generator(grid);
    try (TestDatabase db = new TestDatabase(options(grid, 5))) {
      db.now = 1_800_000_000_000L;
      for (int round = 0; round < 20_000; round++) {
        byte[] wrong = stream.clone();
        for (int n = 1 + random.below(3); n > 0; n--) {
          wrong[random.below(wrong.length)] = (byte) random.below(256);
        }
        reseal(wrong);
        long digest = db.database.digest();
        int arrived = db.database.arrived();
        try {
          db.merge(wrong);
        } catch (DeltaException e) {
          assertThat(db.database.digest()).isEqualTo(digest);
          assertThat(db.database.arrived()).isEqualTo(arrived);
        }
      }
      assertThat(Inside.wrong(db.database)).isNull();
    }
  }

  /** Puts right the checksum of every frame whose length still fits. */
  private static void reseal(byte[] stream) {
    for (int at = 0; at + 9 <= stream.length; ) {
      int length = stream[at] & 0xff | (stream[at + 1] & 0xff) << 8 | (stream[at + 2] & 0xff) << 16;
      if (length < 9 || at + length > stream.length) {
        return;
      }
      java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
      crc.update(stream, at + 8, length - 8);
      for (int i = 0; i < 4; i++) {
        stream[at + 4 + i] = (byte) (crc.getValue() >>> 8 * i);
      }
      at += length;
    }
  }
}
