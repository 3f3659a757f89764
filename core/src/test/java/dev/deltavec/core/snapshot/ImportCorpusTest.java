package dev.deltavec.core.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.TestDatabase;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Imports what a fuzzer has left: {@code fuzz/import}, with what came of each beside it. */
class ImportCorpusTest {
  private static final String RESULTS = "results.tsv";
  private static final int MOST_BYTES = 176 << 10;
  private static final int ALL = SnapshotWriter.INDEX | SnapshotWriter.HISTORY;

  /** Where the sources are: a build's copy may have files that are there no more. */
  private static Path corpus() {
    return Path.of(System.getProperty("basedir", "core"), "src/test/resources/fuzz/import");
  }

  @TestFactory
  Stream<DynamicTest> eachFileGivesWhatItGave() throws IOException {
    Path corpus = corpus();
    return Files.readAllLines(corpus.resolve(RESULTS)).stream()
        .map(line ->
            DynamicTest.dynamicTest(
                line.substring(0, line.indexOf('\t')),
                () -> {
                  String name = line.substring(0, line.indexOf('\t'));
                  byte[] data = Files.readAllBytes(corpus.resolve(name));
                  ImportInput input = ImportInput.of(data);
                  assertThat(input.toBytes()).isEqualTo(data);
                  assertThat(line(name, input)).isEqualTo(line);
                }));
  }

  @Test
  void allFilesAreListedAndTakeLittleRoom() throws IOException {
    Path corpus = corpus();
    List<String> listed =
        Files.readAllLines(corpus.resolve(RESULTS)).stream().map(l -> l.split("\t")[0]).toList();
    List<String> there = new ArrayList<>();
    long bytes = 0;
    for (Path file : files(corpus)) {
      there.add(file.getFileName().toString());
      bytes += Files.size(file);
    }
    assertThat(there).containsExactlyInAnyOrderElementsOf(listed);
    assertThat(bytes).isBetween(1L, (long) MOST_BYTES);
  }

  /** A line of the results: file, options as the npm package has them, result. */
  private static String line(String name, ImportInput input) {
    DatabaseOptions options = input.options();
    return String.join(
        "\t",
        name,
        "" + options.dimensions(),
        options.metric().name(),
        "" + options.hnswM(),
        options.quantization().name(),
        "" + options.keepFloats(),
        "" + options.grid(),
        "" + options.history(),
        "" + options.maxVectors(),
        ImportTarget.run(input));
  }

  private static List<Path> files(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.filter(f -> !f.endsWith(RESULTS)).sorted().toList();
    }
  }

  // ---------------------------------------------------------------- the corpus

  /**
   * Prepares a fuzzer's corpus, or keeps what it has left.
   *
   * @param arguments {@code seeds DIRECTORY}: writes exports of small databases; or {@code keep
   *     FROM... TO}: copies what the directories hold, put right, those of the first before others
   *     and the small before the large as far as there is room, and writes down what comes of each
   */
  public static void main(String[] arguments) throws IOException, NoSuchAlgorithmException {
    Path to = Files.createDirectories(Path.of(arguments[arguments.length - 1]));
    if (arguments[0].equals("seeds")) {
      Files.createDirectories(to.resolveSibling("crashes")); // where the fuzzer writes
      for (byte[] seed : seeds()) {
        Files.write(to.resolve(name(seed)), seed);
      }
      return;
    }
    TreeMap<String, String> lines = new TreeMap<>();
    int room = MOST_BYTES;
    for (int i = 1; i + 1 < arguments.length; i++) {
      List<Path> found = new ArrayList<>(files(Files.createDirectories(Path.of(arguments[i]))));
      found.sort(Comparator.comparingLong(file -> file.toFile().length()));
      for (Path file : found) {
        ImportInput input = ImportInput.of(Files.readAllBytes(file));
        byte[] data = input.toBytes();
        String name = name(data);
        if (!lines.containsKey(name) && data.length <= room) {
          Files.write(to.resolve(name), data);
          lines.put(name, line(name, input));
          room -= data.length;
        }
      }
    }
    Files.write(to.resolve(RESULTS), lines.values());
  }

  private static String name(byte[] data) throws NoSuchAlgorithmException {
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(data);
    return HexFormat.of().formatHex(hash, 0, 6) + ".bin";
  }

  private static List<byte[]> seeds() throws IOException {
    List<byte[]> seeds = new ArrayList<>();
    for (String name : List.of("snapshot-v1.bin", "increment-v1.bin")) {
      try (InputStream in = ImportCorpusTest.class.getResourceAsStream("/golden/" + name)) {
        byte[] stream = Objects.requireNonNull(in, name).readAllBytes();
        byte[] before = seeds.isEmpty() ? new byte[1] : seeds.get(0); // choices, and the base
        seeds.add(join(before, stream));
      }
    }
    for (Metric metric : Metric.values()) {
      for (Quantization quantization : Quantization.values()) {
        for (int kind = 0; kind < 4; kind++) {
          boolean floats = kind != 2 || quantization == Quantization.NONE;
          DatabaseOptions options =
              DatabaseOptions.builder()
                  .dimensions(3)
                  .metric(metric)
                  .quantization(quantization)
                  .hnswM(3)
                  .keepFloats(floats)
                  .history(floats && kind != 1)
                  .grid(kind == 3 ? 16 : 0)
                  .checkpointInterval(3)
                  .build();
          int choices = options.history() ? 0 : ImportInput.NO_HISTORY;
          byte[] whole;
          byte[] both;
          try (TestDatabase db = new TestDatabase(options)) {
            whole = live(db, 6 + 9 * (kind & 1)).export(ALL | SnapshotWriter.MARK);
            String first = db.ids().first();
            db.apply(new Frames().create("e", 1, 2, 3).scale(first, 2).metadata("e", "{\"a\":1}"));
            db.apply(
                new Frames().delete(db.ids().last()).sparse(first, new int[] {1}, new float[1]));
            byte[] more = db.export(ALL | SnapshotWriter.INCREMENT);
            both = join(whole, more);
          }
          for (byte[] stream : List.of(whole, both)) {
            ImportInput of = ImportInput.of(new byte[] {(byte) choices});
            seeds.add(new ImportInput(choices, stream, of.options()).toBytes());
          }
        }
      }
    }
    return seeds;
  }

  private static byte[] join(byte[] one, byte[] other) {
    byte[] both = Arrays.copyOf(one, one.length + other.length);
    System.arraycopy(other, 0, both, one.length, other.length);
    return both;
  }

  private static TestDatabase live(TestDatabase db, int vectors) {
    Generator random = new Generator(vectors);
    float[] twin = random.vector(3);
    for (int i = 0; i < vectors; i++) {
      String id = "" + (char) ('f' + i);
      db.now++;
      float[] vector = i % 5 == 1 ? twin : i % 5 == 2 ? new float[3] : random.vector(3);
      db.apply(new Frames().create(id, vector));
      if (i % 4 == 3) {
        db.apply(new Frames().metadata(id, "{\"n\":[1,\"é\"]}").scale(id, 0.5f));
        db.now += 4; // and it has a checkpoint
        db.apply(new Frames().sparse(id, new int[] {1}, random.vector(1)));
      }
    }
    db.apply(new Frames().delete("h"));
    return db;
  }
}
