package dev.deltavec.core.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Whatever a text holds, it is a filter or it is refused. */
class FilterHostileTest {
  private static final int SEEDS = 10_000;
  private static final List<String> VICTIMS =
      List.of(
          "{\"equals\":[[\"a\"],\"x\\u00e9\\n\"]}",
          "{\"not\":{\"in\":[[\"a\",\"é\"],[1,-2.50e+3,\"\\ud83d\\ude00\",null,true]]}}",
          "{\"and\":[{\"range\":[[\"a\"],{\"gte\":0.5,\"lt\":1e9}]},{\"or\":[]},{\"exists\":[[\"b\"]]}]}");

  private static void parsesOrRefuses(Texts texts, byte[] text) {
    try {
      texts.filter(text).matches(texts.metadata("{\"a\":[1,\"x\",{\"b\":null}],\"b\":{\"é\":2}}"));
    } catch (DeltaException e) {
      assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    }
  }

  @Test
  void everyTruncationIsRefused() {
    Texts texts = new Texts();
    for (String victim : VICTIMS) {
      byte[] text = victim.getBytes(StandardCharsets.UTF_8);
      for (int length = 0; length < text.length; length++) {
        byte[] cut = Arrays.copyOf(text, length);
        assertThatThrownBy(() -> texts.filter(cut))
            .isInstanceOf(DeltaException.class)
            .hasMessageContaining("filter is not JSON at byte");
      }
    }
  }

  @Test
  void everyFlippedBitParsesOrIsRefused() {
    Texts texts = new Texts();
    for (String victim : VICTIMS) {
      byte[] text = victim.getBytes(StandardCharsets.UTF_8);
      for (int bit = 0; bit < 8 * text.length; bit++) {
        byte[] flipped = text.clone();
        flipped[bit / 8] ^= (byte) (1 << bit % 8);
        parsesOrRefuses(texts, flipped);
      }
    }
  }

  @Test
  void noPiecesOfJsonMakeItFailInAnotherWay() {
    Texts texts = new Texts();
    List<String> pieces =
        List.of(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "1",
            "null",
            " ",
            "[\"a\"]",
            "{\"and\":[",
            "{\"not\":",
            "{\"in\":[",
            "{\"equals\":[",
            "{\"range\":[",
            "{\"gt\":1",
            "\"lt\":",
            "]}");
    for (long seed = 0; seed < SEEDS; seed++) {
      Generator random = new Generator(seed);
      StringBuilder text = new StringBuilder("{\"and\":[{\"not\":");
      for (int i = random.below(10); i >= 0; i--) {
        text.append(random.pick(pieces));
      }
      parsesOrRefuses(texts, text.toString().getBytes(StandardCharsets.UTF_8));
    }
  }
}
