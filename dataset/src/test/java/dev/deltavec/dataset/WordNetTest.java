package dev.deltavec.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WordNetTest {
  private static final String NOUNS =
      """
      00000001 03 n 02 hot_dog 0 frank 0 001 @ 00000002 n 0000 | a sausage; "a hot dog"
      00000002 03 n 01 food 0 000 | what is eaten
      00000003 03 n 01 food 0 000 | what is eaten
      """;
  private static final String SENSES =
      """
      hot_dog%1:13:00:: 00000001 1 0
      frank%1:13:00:: 00000001 2 0
      all%3:00:00:: 00000010 1 0
      """;

  @TempDir private Path folder;

  private Path file(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("wordnet.tgz"), bytes);
  }

  @Test
  void aTextIsTheFirstWordAndTheGloss() throws IOException {
    WordNet wordNet = WordNet.read(file(Archives.release(NOUNS, SENSES)));
    assertThat(wordNet.synsets().getFirst().text()).isEqualTo("hot dog: a sausage; \"a hot dog\"");
  }

  @Test
  void aTextThatStandsTwiceIsTakenOnce() throws IOException {
    WordNet wordNet = WordNet.read(file(Archives.release(NOUNS, SENSES)));
    assertThat(wordNet.synsets()).hasSize(4);
    assertThat(wordNet.texts()).hasSize(3);
  }

  @Test
  void theMarkerOfAnAdjectiveIsLeftOut() throws IOException {
    WordNet wordNet = WordNet.read(file(Archives.release(NOUNS, SENSES)));
    assertThat(wordNet.texts()).contains("all: quantifier; \"all men\"");
  }

  @Test
  void aSynsetIsFoundByEachOfItsSenseKeys() throws IOException {
    WordNet wordNet = WordNet.read(file(Archives.release(NOUNS, SENSES)));
    assertThat(wordNet.bySense().get("frank%1:13:00::"))
        .isSameAs(wordNet.bySense().get("hot_dog%1:13:00::"));
  }

  @Test
  void anArchiveInsideTheArchiveIsRead() throws IOException {
    byte[] inner = Archives.release(NOUNS, SENSES);
    WordNet wordNet = WordNet.read(file(Archives.tar(Map.of("package/WNdb-3.0.tar.gz", inner))));
    assertThat(wordNet.synsets()).hasSize(4);
  }

  @Test
  void aMissingPartIsNamed() throws IOException {
    Path archive = file(Archives.tar(Map.of("package/README.md", Archives.ascii("no words"))));
    assertThatThrownBy(() -> WordNet.read(archive))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("index.sense");
  }
}
