package dev.deltavec.core.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Inside;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.TestDatabase;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Databases that are written as snapshots and read back; bytes that are damaged or made up. */
class SnapshotTest {
  private static final int ALL = SnapshotWriter.INDEX | SnapshotWriter.HISTORY;
  private static final int ROUNDS = Integer.getInteger("deltavec.seeds", 4_000);

  /** What an import, and calls behind it, may answer to bytes that were made up. */
  private static final Set<ErrorCode> DOCUMENTED =
      EnumSet.of(
          ErrorCode.CORRUPT_DATA,
          ErrorCode.UNSUPPORTED_VERSION,
          ErrorCode.DIMENSION_MISMATCH,
          ErrorCode.INVALID_ARGUMENT,
          ErrorCode.NOT_FINITE,
          ErrorCode.CAPACITY_EXCEEDED,
          ErrorCode.HISTORY_COMPACTED,
          ErrorCode.OUT_OF_MEMORY);

  private static DatabaseOptions.Builder options(int dimensions) {
    return DatabaseOptions.builder()
        .dimensions(dimensions)
        .replica(0x0123_4567_89abL)
        .checkpointInterval(3);
  }

  static Stream<DatabaseOptions> kinds() {
    List<DatabaseOptions> all = new ArrayList<>();
    for (Metric metric : Metric.values()) {
      for (Quantization quantization : Quantization.values()) {
        all.add(options(12).metric(metric).quantization(quantization).hnswM(5).build());
        if (quantization != Quantization.NONE) {
          all.add(
              options(12)
                  .metric(metric)
                  .quantization(quantization)
                  .keepFloats(false)
                  .history(false)
                  .build());
        }
      }
    }
    all.add(options(12).grid(64).build());
    all.add(options(12).history(false).hnswM(64).build());
    all.add(options(1).hnswM(3).build());
    return all.stream();
  }

  /** A database with deleted, changed, equal and zero vectors, and metadata. */
  private static TestDatabase lived(DatabaseOptions options, int vectors) {
    TestDatabase db = new TestDatabase(options);
    Generator random = new Generator(vectors);
    int dimensions = options.dimensions();
    float[] twin = random.vector(dimensions);
    for (int i = 0; i < vectors; i++) {
      float[] vector =
          i % 7 == 0 ? twin : i % 11 == 0 ? new float[dimensions] : random.vector(dimensions);
      db.now += random.below(3);
      db.apply(
          new Frames()
              .frame(
                  1, "v" + i, -1, Frames.counted(vector), i % 3 == 0 ? "{\"n\":" + i + "}" : null));
      String other = "v" + random.below(i + 1);
      if (db.get(other) != null) {
        switch (random.below(6)) {
          case 0 -> db.apply(new Frames().delete(other));
          case 1 -> db.apply(new Frames().scale(other, 0.5f));
          case 2 -> db.apply(new Frames().sparse(other, new int[] {0}, new float[] {i % 5}));
          case 3 -> db.apply(new Frames().dense(other, random.vector(dimensions)));
          default -> {
            // Left alone.
          }
        }
      }
    }
    return db;
  }

  private static TestDatabase read(DatabaseOptions options, byte[]... snapshots) {
    return new TestDatabase(options, new ArrayMemory(), List.of(snapshots), new Generator(5));
  }

  /** Returns what the last import has told: 1 the graph was kept, 2 damaged, 4 history taken. */
  private static int outcome(TestDatabase db) {
    return ByteBuffer.wrap(db.output()).order(ByteOrder.LITTLE_ENDIAN).getInt(8);
  }

  private static void assertSame(TestDatabase copy, TestDatabase original) {
    assertThat(copy.database.digest()).isEqualTo(original.database.digest());
    assertThat(Inside.wrong(copy.database)).isNull();
    Generator random = new Generator(3);
    for (int i = 0; i < 20; i++) {
      float[] query = random.vector(original.database.options().dimensions());
      assertThat(copy.search(query, 10)).isEqualTo(original.search(query, 10));
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void aCopyFindsTheSameAndGoesOnAlike(DatabaseOptions options) {
    try (TestDatabase original = lived(options, 600);
        TestDatabase copy = read(options, original.export(ALL))) {
      assertThat(outcome(copy)).isEqualTo(options.history() ? 5 : 1);
      assertSame(copy, original);
      copy.now = original.now;
      for (TestDatabase db : List.of(original, copy)) {
        Generator random = new Generator(9);
        for (int i = 0; i < 100; i++) {
          db.apply(new Frames().create("later" + i, random.vector(options.dimensions())));
        }
      }
      assertThat(copy.output()).isEqualTo(original.output()); // the same ids
      assertSame(copy, original);
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void aSnapshotIsAsLongAsItWasSaidToBe(DatabaseOptions options) {
    try (TestDatabase db = lived(options, 300)) {
      for (int flags = 0; flags <= ALL; flags++) {
        long size = db.database.exportBegin(flags | SnapshotWriter.SIZE);
        assertThat(db.export(flags)).hasSize((int) size);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void aCopyOfACopyIsTheSameBytes(DatabaseOptions options) {
    try (TestDatabase original = lived(options, 200);
        TestDatabase copy = read(options, original.export(ALL));
        TestDatabase again = read(options, copy.export(ALL))) {
      assertThat(again.export(ALL)).isEqualTo(copy.export(ALL));
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void incrementsMakeOfABaseWhatIsThereNow(DatabaseOptions options) {
    try (TestDatabase original = lived(options, 150)) {
      List<byte[]> streams = new ArrayList<>();
      streams.add(original.export(ALL | SnapshotWriter.MARK));
      Generator random = new Generator(4);
      for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 20; i++) {
          String id = "v" + random.below(200);
          Frames frames = new Frames();
          if (original.get(id) == null) {
            frames.create(id, random.vector(options.dimensions()));
          } else if (random.chance(30)) {
            frames.delete(id);
          } else {
            frames.sparse(id, new int[] {0}, random.vector(1));
          }
          original.apply(frames);
        }
        original.database.repair(5);
        streams.add(original.export(ALL | SnapshotWriter.MARK | SnapshotWriter.INCREMENT));
      }
      try (TestDatabase copy = read(options, streams.toArray(byte[][]::new))) {
        assertThat(outcome(copy) & 3).isEqualTo(1);
        assertThat(copy.database.digest()).isEqualTo(original.database.digest());
        if (options.dimensions() > 1) {
          assertSame(copy, original); // of vectors at one distance slots decide, which may differ
        }
      }
    }
  }

  @Test
  void whatWasCompactedAwayLeavesNoGap() {
    DatabaseOptions options = options(2).build();
    try (TestDatabase original = new TestDatabase(options)) {
      original.apply(new Frames().create("a", 1, 2).create("b", 3, 4));
      for (int i = 0; i < 2_000; i++) {
        original.apply(new Frames().scale(i % 2 == 0 ? "a" : "b", i % 4 < 2 ? 2 : 0.5f));
      }
      original.compact(null, Long.MAX_VALUE, 3, -1);
      try (TestDatabase copy = read(options, original.export(ALL))) {
        assertThat(copy.database.arrived()).isEqualTo(6);
        assertThat(copy.database.read(0, 1 << 16)).isEqualTo(6);
        byte[] kept = copy.output();
        assertThat(original.database.read(0, 1 << 16)).isEqualTo(6);
        assertThat(kept).isEqualTo(original.output());
      }
    }
  }

  @Test
  void oneChangeMakesASmallIncrement() {
    try (TestDatabase db = lived(options(12).build(), 600)) {
      db.export(ALL | SnapshotWriter.MARK);
      db.apply(new Frames().sparse(db.ids().first(), new int[] {1}, new float[] {0.001f}));
      assertThat(db.export(ALL | SnapshotWriter.MARK | SnapshotWriter.INCREMENT).length)
          .isLessThan(4_000);
    }
  }

  @Test
  void anIncrementToNothingIsRefused() {
    try (TestDatabase db = lived(options(4).build(), 5)) {
      assertThatThrownBy(() -> db.export(ALL | SnapshotWriter.INCREMENT))
          .isInstanceOfSatisfying(
              DeltaException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
    }
  }

  // ---------------------------------------------------------------- parts, and other options

  @Test
  void withoutTheGraphItIsBuiltAnew() {
    DatabaseOptions options = options(12).build();
    try (TestDatabase original = lived(options, 400);
        TestDatabase copy = read(options, original.export(SnapshotWriter.HISTORY))) {
      assertThat(outcome(copy)).isEqualTo(4);
      assertThat(copy.database.digest()).isEqualTo(original.database.digest());
      assertThat(Inside.wrong(copy.database)).isNull();
    }
  }

  @Test
  void aGraphOfOtherOptionsIsBuiltAnew() {
    DatabaseOptions other =
        options(12).hnswM(8).metric(Metric.DOT).quantization(Quantization.INT4).build();
    try (TestDatabase original = lived(options(12).build(), 400);
        TestDatabase copy = read(other, original.export(ALL))) {
      assertThat(outcome(copy)).isEqualTo(4);
      assertThat(copy.database.digest()).isEqualTo(original.database.digest());
      assertThat(Inside.wrong(copy.database)).isNull();
    }
  }

  @Test
  void withoutAHistoryEachVectorsBeginsWithTheImport() {
    DatabaseOptions options = options(12).build();
    try (TestDatabase original = lived(options, 50);
        TestDatabase copy = read(options, original.export(SnapshotWriter.INDEX))) {
      String id = original.ids().first();
      assertThat(outcome(copy)).isEqualTo(1);
      assertThat(copy.getAt(id, original.now + 1_000)).isEqualTo(original.get(id));
      assertThatThrownBy(() -> copy.getAt(id, 1))
          .isInstanceOfSatisfying(
              DeltaException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.HISTORY_COMPACTED));
      // What was issued before is known, and is not taken again.
      assertThat(copy.cursor()).isEqualTo(original.cursor());
    }
  }

  @Test
  void aHistoryThatIsNotWantedIsLeftOut() {
    try (TestDatabase original = lived(options(12).build(), 50);
        TestDatabase copy = read(options(12).history(false).build(), original.export(ALL))) {
      assertThat(outcome(copy)).isEqualTo(1);
      assertSame(copy, original);
    }
  }

  @Test
  void whatDoesNotSuitTheOptionsIsRefused() {
    byte[] snapshot;
    try (TestDatabase original = lived(options(12).build(), 20)) {
      snapshot = original.export(ALL);
    }
    assertRefused(options(13).build(), snapshot, ErrorCode.DIMENSION_MISMATCH);
    assertRefused(options(12).grid(10).build(), snapshot, ErrorCode.INVALID_ARGUMENT);
    assertRefused(
        options(12).history(false).keepFloats(false).build(), snapshot, ErrorCode.INVALID_ARGUMENT);
    assertRefused(options(12).maxVectors(3).build(), snapshot, ErrorCode.CAPACITY_EXCEEDED);
  }

  private static void assertRefused(DatabaseOptions options, byte[] snapshot, ErrorCode code) {
    ArrayMemory memory = new ArrayMemory();
    assertThatThrownBy(() -> new TestDatabase(options, memory, List.of(snapshot), new Generator(1)))
        .isInstanceOfSatisfying(DeltaException.class, e -> assertThat(e.code()).isEqualTo(code));
    assertThat(memory.granted()).isZero();
  }

  @Test
  void deltasAreIssuedUnderAnotherReplicaWhenThatIsSaid() {
    DatabaseOptions options = options(3).build();
    try (TestDatabase original = lived(options, 5);
        TestDatabase copy = read(options, original.export(ALL))) {
      int sequence = copy.database.sequence();
      copy.database.replica(77);
      assertThat(copy.database.sequence()).isZero();
      copy.apply(new Frames().create("new", 1, 2, 3));
      assertThat(original.merge(copy.since(original.cursor()))).isEqualTo(1);
      copy.database.replica(options.replica());
      assertThat(copy.database.sequence()).isEqualTo(sequence);
    }
  }

  // ---------------------------------------------------------------- damage

  private static byte[] golden(String name) throws IOException {
    try (InputStream in = SnapshotTest.class.getResourceAsStream("/golden/" + name)) {
      return Objects.requireNonNull(in, name).readAllBytes();
    }
  }

  private static DatabaseOptions goldenOptions() {
    return options(4).hnswM(3).build();
  }

  /** What the golden files hold: a snapshot, and one with an increment behind it. */
  private static List<byte[]> goldenSnapshots() {
    try (TestDatabase db = lived(goldenOptions(), 14)) {
      byte[] base = db.export(ALL | SnapshotWriter.MARK);
      db.apply(new Frames().create("last", 1, 2, 3, 4).scale(db.ids().first(), 3).delete("v13"));
      return List.of(base, db.export(ALL | SnapshotWriter.MARK | SnapshotWriter.INCREMENT));
    }
  }

  @Test
  void theGoldenFilesAreWrittenAlike() throws IOException {
    List<byte[]> written = goldenSnapshots();
    assertThat(written.get(0)).isEqualTo(golden("snapshot-v1.bin"));
    assertThat(written.get(1)).isEqualTo(golden("increment-v1.bin"));
  }

  @Test
  void everyTruncationIsCorrupt() throws IOException {
    byte[] snapshot = golden("snapshot-v1.bin");
    for (int length = 0; length < snapshot.length; length++) {
      assertRefused(goldenOptions(), Arrays.copyOf(snapshot, length), ErrorCode.CORRUPT_DATA);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"snapshot-v1.bin", "increment-v1.bin"})
  void everyFlippedBitIsFoundOrCostsTheGraphAlone(String name) throws IOException {
    boolean increment = name.startsWith("increment");
    byte[] base = golden("snapshot-v1.bin");
    byte[] snapshot = golden(name);
    long digest;
    try (TestDatabase whole =
        read(goldenOptions(), increment ? new byte[][] {base, snapshot} : new byte[][] {base})) {
      digest = whole.database.digest();
    }
    int rebuilt = 0;
    for (int bit = 0; bit < 8 * snapshot.length; bit++) {
      byte[] wrong = snapshot.clone();
      wrong[bit >>> 3] ^= (byte) (1 << (bit & 7));
      ArrayMemory memory = new ArrayMemory();
      List<byte[]> streams = increment ? List.of(base, wrong) : List.of(wrong);
      try (TestDatabase copy =
          new TestDatabase(goldenOptions(), memory, streams, new Generator(bit))) {
        assertThat(outcome(copy)).as("bit %d", bit).isEqualTo(6);
        assertThat(copy.database.digest()).isEqualTo(digest);
        assertThat(Inside.wrong(copy.database)).isNull();
        rebuilt++;
      } catch (DeltaException e) {
        assertThat(e.code())
            .as("bit %d", bit)
            .isIn(ErrorCode.CORRUPT_DATA, ErrorCode.UNSUPPORTED_VERSION);
      }
      assertThat(memory.granted()).isZero();
    }
    assertThat(rebuilt).isPositive();
  }

  @Test
  void sectionsThatAreMissingDoubledOrSwappedAreFound() throws IOException {
    byte[] snapshot = golden("snapshot-v1.bin");
    List<byte[]> sections = sections(snapshot);
    assertThat(sections).hasSize(6);
    for (int i = 0; i < sections.size(); i++) {
      for (int j = 0; j < sections.size(); j++) {
        List<byte[]> others = new ArrayList<>(sections);
        if (i == j) {
          others.remove(i);
        } else {
          others.set(i, sections.get(j));
        }
        assertRefused(goldenOptions(), join(others), ErrorCode.CORRUPT_DATA);
      }
    }
  }

  @Test
  void madeUpBytesWithGoodChecksumsGiveDocumentedErrorsAndLittleMemory() throws IOException {
    byte[] base = golden("snapshot-v1.bin");
    byte[] increment = golden("increment-v1.bin");
    Generator random = new Generator(ROUNDS);
    int accepted = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] wrong = (round % 2 == 0 ? base : increment).clone();
      for (int n = 1 + random.below(3); n > 0; n--) {
        int at = random.below(wrong.length);
        if (random.chance(50)) {
          wrong[at] = (byte) random.below(256);
        } else {
          for (int i = at & -4; i < Math.min(wrong.length, (at & -4) + 4); i++) {
            wrong[i] = random.pick(List.of((byte) 0, (byte) -1, (byte) 127, (byte) 1));
          }
        }
      }
      reseal(wrong);
      int bytes = round % 2 == 0 ? wrong.length : base.length + wrong.length;
      // What a database takes before anything is in it, too.
      ArrayMemory memory = new ArrayMemory((4 * bytes + (3 << 20)) & -(1 << 16));
      List<byte[]> streams = round % 2 == 0 ? List.of(wrong) : List.of(base, wrong);
      try (TestDatabase copy =
          new TestDatabase(goldenOptions(), memory, streams, new Generator(round))) {
        accepted++;
        assertThat(Inside.wrong(copy.database)).as("round %d", round).isNull();
        copy.search(new float[] {1, 2, 3, 4}, 5);
        copy.ids().forEach(copy::chain);
        copy.since(new byte[0]);
        copy.apply(new Frames().create("new", 1, 2, 3, 4).delete("new"));
      } catch (DeltaException e) {
        assertThat(e.code()).as("round %d: %s", round, e).isIn(DOCUMENTED);
      }
      assertThat(memory.granted()).isZero();
    }
    assertThat(accepted).isPositive();
  }

  private static List<byte[]> sections(byte[] snapshot) {
    List<byte[]> sections = new ArrayList<>();
    for (int at = 0; at < snapshot.length; ) {
      int length = 16 + ByteBuffer.wrap(snapshot).order(ByteOrder.LITTLE_ENDIAN).getInt(at + 8);
      sections.add(Arrays.copyOfRange(snapshot, at, at + length));
      at += length;
    }
    return sections;
  }

  private static byte[] join(List<byte[]> parts) {
    java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
    parts.forEach(all::writeBytes);
    return all.toByteArray();
  }

  /** Puts right the checksums of all sections whose lengths still fit, and the end's. */
  private static void reseal(byte[] snapshot) {
    ByteBuffer view = ByteBuffer.wrap(snapshot).order(ByteOrder.LITTLE_ENDIAN);
    int checksums = 0;
    for (int at = 0; at + 16 <= snapshot.length; ) {
      int length = view.getInt(at + 8);
      if (length < 0 || length > snapshot.length - at - 16) {
        return;
      }
      if (view.getInt(at + 4) == Sections.END && length == 8) {
        view.putInt(at + 20, checksums);
      }
      CRC32C crc = new CRC32C();
      crc.update(snapshot, at + 4, 8);
      crc.update(snapshot, at + 16, length);
      view.putInt(at + 12, (int) crc.getValue());
      checksums = Integer.rotateLeft(checksums, 1) ^ (int) crc.getValue();
      at += 16 + length;
    }
  }

  /** Writes the golden files, which is done once for each version. */
  public static void main(String[] arguments) throws IOException {
    List<byte[]> written = goldenSnapshots();
    java.nio.file.Path to = java.nio.file.Path.of(arguments[0]);
    java.nio.file.Files.write(to.resolve("snapshot-v1.bin"), written.get(0));
    java.nio.file.Files.write(to.resolve("increment-v1.bin"), written.get(1));
  }
}
