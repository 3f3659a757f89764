package dev.deltavec.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FullSetTest {
  /** Gives each text the same random direction each time, and counts, or fails after some texts. */
  private static final class Fake implements Embedder {
    private int embedded;
    private int failAfter = Integer.MAX_VALUE;

    @Override
    public int dimensions() {
      return 8;
    }

    @Override
    public List<float[]> embed(List<String> texts) {
      if (embedded + texts.size() > failAfter) {
        throw new IllegalStateException("interrupted");
      }
      embedded += texts.size();
      return texts.stream().map(Fake::vector).toList();
    }

    private static float[] vector(String text) {
      Random random = new Random(text.hashCode());
      float[] vector = new float[8];
      double square = 0;
      for (int i = 0; i < vector.length; i++) {
        vector[i] = (float) random.nextGaussian();
        square += vector[i] * vector[i];
      }
      for (int i = 0; i < vector.length; i++) {
        vector[i] /= (float) Math.sqrt(square);
      }
      return vector;
    }

    @Override
    public void close() {}
  }

  @TempDir private Path folder;
  private final Fake embedder = new Fake();
  private WordNet wordNet = wordNet(200, "word");

  private static WordNet wordNet(int count, String word) {
    StringBuilder nouns = new StringBuilder();
    for (int i = 0; i < count; i++) {
      nouns.append("%08d 03 n 01 %s%d 0 000 | gloss %d%n".formatted(i, word, i, i));
    }
    try {
      Path file = Files.createTempFile("wordnet", ".tgz");
      WordNet read = WordNet.read(Files.write(file, Archives.release(nouns.toString(), "")));
      Files.delete(file);
      return read;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private Path out = Path.of("");

  @BeforeEach
  void out() {
    out = folder.resolve("set");
  }

  @Test
  void allFilesAreThereAndChecked() throws IOException {
    FullSet.build(wordNet, embedder, 150, 10, out);
    for (String[] line : Tables.read(out.resolve(Checksums.FILE), 1)) {
      String[] parts = line[0].split("  ", 2);
      Checksums.require(out.resolve(parts[1]), parts[0]);
    }
    assertThat(out.resolve("wordnet-8-base.f32")).hasSize(150 * 8 * 4);
    assertThat(out.resolve("wordnet-8-query.f32")).hasSize(10 * 8 * 4);
    assertThat(out.resolve("gt-150.i32")).hasSize(10 * 100 * 4);
  }

  @Test
  void noQueryIsInTheBase() throws IOException {
    FullSet.build(wordNet, embedder, 150, 50, out);
    List<String> base =
        Tables.read(out.resolve("wordnet-base.tsv"), 2).stream().map(row -> row[1]).toList();
    assertThat(Tables.read(out.resolve("wordnet-query.tsv"), 2))
        .hasSize(50)
        .noneMatch(row -> base.contains(row[1]));
  }

  @Test
  void anInterruptedRunIsTakenUp() throws IOException {
    embedder.failAfter = 100;
    assertThatThrownBy(() -> FullSet.build(wordNet, embedder, 150, 10, out))
        .hasMessage("interrupted");
    embedder.failAfter = Integer.MAX_VALUE;
    FullSet.build(wordNet, embedder, 150, 10, out);
    assertThat(embedder.embedded).isEqualTo(160);

    Path fresh = folder.resolve("fresh");
    FullSet.build(wordNet, new Fake(), 150, 10, fresh);
    assertThat(out.resolve("wordnet-8-base.f32"))
        .hasSameBinaryContentAs(fresh.resolve("wordnet-8-base.f32"));
  }

  @Test
  void vectorsOfOtherTextsAreNotKept() throws IOException {
    FullSet.build(wordNet, embedder, 150, 10, out);
    FullSet.build(wordNet(200, "other"), embedder, 150, 10, out);
    assertThat(embedder.embedded).isEqualTo(320);
  }

  @Test
  void moreTextsThanThereAreIsAnError() {
    assertThatThrownBy(() -> FullSet.build(wordNet, embedder, 200, 10, out))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at most 201");
  }
}
