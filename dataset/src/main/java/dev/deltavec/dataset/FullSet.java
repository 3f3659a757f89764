package dev.deltavec.dataset;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;

/**
 * The full benchmark set: WordNet texts and queries, their vectors, and the exact neighbours.
 *
 * <p>The distinct texts of WordNet 3.1, in the order of {@link WordNet#texts}, are shuffled by
 * {@link Collections#shuffle(List, Random)} with {@code new Random(42)}. The first are the base,
 * the next the queries, so that no query is in the base.
 */
final class FullSet {
  /** Seed of the shuffle. */
  static final long SEED = 42;

  /** Neighbours of each query in the ground truth. */
  static final int NEIGHBOURS = 100;

  /** Size of the smaller set, which gets a ground truth of its own. */
  static final int SMALLER = 10_000;

  private FullSet() {}

  /**
   * Makes the set in a folder. A run that was interrupted is taken up where it stopped; a folder
   * that is complete for the same texts is left as it is.
   *
   * @param count texts of the base, 100 or more
   * @param queries number of queries, 1 or more
   * @throws IllegalArgumentException if WordNet has fewer texts, or a number is out of range
   */
  static void build(WordNet wordNet, Embedder embedder, int count, int queries, Path folder)
      throws IOException {
    List<String> texts = wordNet.texts();
    if (count < NEIGHBOURS || queries < 1 || (long) count + queries > texts.size()) {
      throw new IllegalArgumentException(
          "count must be at least %d, queries at least 1, together at most %d; got %d and %d"
              .formatted(NEIGHBOURS, texts.size(), count, queries));
    }
    Collections.shuffle(texts, new Random(SEED));
    List<String> base = texts.subList(0, count);
    List<String> asked = texts.subList(count, count + queries);

    String name = "wordnet-" + embedder.dimensions();
    Files.createDirectories(folder);
    forgetOtherTexts(folder, name, base, asked);
    Path baseVectors = folder.resolve(name + "-base.f32");
    Path queryVectors = folder.resolve(name + "-query.f32");
    Embedding.embed(embedder, asked, queryVectors, "queries");
    Embedding.embed(embedder, base, baseVectors, "texts");

    List<String> files =
        new ArrayList<>(
            List.of(
                name + "-base.f32", name + "-query.f32", "wordnet-base.tsv", "wordnet-query.tsv"));
    float[][] rows = VectorFile.read(baseVectors, count, embedder.dimensions());
    float[][] queryRows = VectorFile.read(queryVectors, queries, embedder.dimensions());
    for (int size : new TreeSet<>(List.of(Math.min(SMALLER, count), count))) {
      String truth = "gt-%d.i32".formatted(size);
      VectorFile.writeInts(
          folder.resolve(truth), ExactSearch.search(rows, size, queryRows, NEIGHBOURS));
      files.add(truth);
    }
    Checksums.write(folder, files);
  }

  /** Removes vectors in the folder that belong to other texts than these, and writes the texts. */
  private static void forgetOtherTexts(
      Path folder, String name, List<String> base, List<String> asked) throws IOException {
    Path baseFile = folder.resolve("wordnet-base.tsv");
    Path queryFile = folder.resolve("wordnet-query.tsv");
    String baseLines = Tables.numbered(base);
    String queryLines = Tables.numbered(asked);
    boolean same =
        Files.exists(baseFile)
            && Files.exists(queryFile)
            && Files.readString(baseFile).equals(baseLines)
            && Files.readString(queryFile).equals(queryLines);
    Files.deleteIfExists(folder.resolve(Checksums.FILE));
    if (!same) {
      for (String part : List.of("-base.f32", "-query.f32")) {
        Files.deleteIfExists(folder.resolve(name + part));
        Files.deleteIfExists(folder.resolve(name + part + ".part"));
      }
      Files.writeString(baseFile, baseLines);
      Files.writeString(queryFile, queryLines);
    }
  }
}
