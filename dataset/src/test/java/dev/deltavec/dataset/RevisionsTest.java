package dev.deltavec.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.dataset.Revisions.Edit;
import dev.deltavec.dataset.Revisions.Operation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RevisionsTest {
  @TempDir private static Path folder;
  private WordNet before = read("", "");
  private WordNet after = before;

  private static WordNet read(String nouns, String senses) {
    try {
      return WordNet.read(
          Files.write(folder.resolve("wordnet.tgz"), Archives.release(nouns, senses)));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @BeforeEach
  void releases() {
    before =
        read(
            """
            00000001 03 n 01 kept 0 000 | stays as it is
            00000002 03 n 01 edited 0 000 | was once so
            00000003 03 n 01 gone 0 000 | is not in the next release
            00000004 03 n 01 dotted 0 000 | the same words
            """,
            """
            kept%1:00:00:: 00000001 1 0
            edited%1:00:00:: 00000002 1 0
            gone%1:00:00:: 00000003 1 0
            dotted%1:00:00:: 00000004 1 0
            """);
    after =
        read(
            """
            00000101 03 n 01 kept 0 000 | stays as it is
            00000102 03 n 01 edited 0 000 | is now otherwise
            00000103 03 n 01 fresh 0 000 | was not in the last release
            00000104 03 n 01 dotted 0 000 | The same, words.
            """,
            """
            kept%1:00:00:: 00000101 1 0
            edited%1:00:00:: 00000102 1 0
            fresh%1:00:00:: 00000103 1 0
            dotted%1:00:00:: 00000104 1 0
            """);
  }

  private List<Edit> draw(int updates, int deletes, int creates) {
    return Revisions.draw(before, after, updates, deletes, creates, text -> true, new Random(1));
  }

  @Test
  void theStreamHoldsWhatChanged() {
    assertThat(draw(1, 1, 1))
        .containsExactlyInAnyOrder(
            new Edit("edited%1:00:00::", 0, Operation.CREATE, "edited: was once so"),
            new Edit("edited%1:00:00::", 1, Operation.UPDATE, "edited: is now otherwise"),
            new Edit("gone%1:00:00::", 0, Operation.CREATE, "gone: is not in the next release"),
            new Edit("gone%1:00:00::", 1, Operation.DELETE, ""),
            new Edit("fresh%1:00:00::", 0, Operation.CREATE, "fresh: was not in the last release"));
  }

  @Test
  void theOldStateComesFirst() {
    assertThat(draw(1, 1, 1).subList(0, 2)).allMatch(edit -> edit.operation() == Operation.CREATE);
  }

  @Test
  void anEditOfPunctuationIsNoUpdate() {
    assertThatThrownBy(() -> draw(2, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1 updates");
  }

  @Test
  void anUnwantedTextIsLeftOut() {
    assertThatThrownBy(() ->
            Revisions.draw(before, after, 1, 1, 1, text -> !text.startsWith("gone"), new Random(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0 deletes");
  }
}
