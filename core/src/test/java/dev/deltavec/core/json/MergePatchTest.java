package dev.deltavec.core.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.support.Generator;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.StringJoiner;
import org.junit.jupiter.api.Test;

class MergePatchTest {
  private static String merge(String target, String patch) {
    return new String(
        MergePatch.apply(
            target.getBytes(StandardCharsets.UTF_8), patch.getBytes(StandardCharsets.UTF_8)),
        StandardCharsets.UTF_8);
  }

  @Test
  void followsTheExamplesOfTheRfc() {
    // RFC 7396, appendix A, those whose target and patch are objects.
    assertThat(merge("{\"a\":\"b\"}", "{\"a\":\"c\"}")).isEqualTo("{\"a\":\"c\"}");
    assertThat(merge("{\"a\":\"b\"}", "{\"b\":\"c\"}")).isEqualTo("{\"a\":\"b\",\"b\":\"c\"}");
    assertThat(merge("{\"a\":\"b\"}", "{\"a\":null}")).isEmpty();
    assertThat(merge("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}")).isEqualTo("{\"b\":\"c\"}");
    assertThat(merge("{\"a\":[\"b\"]}", "{\"a\":\"c\"}")).isEqualTo("{\"a\":\"c\"}");
    assertThat(merge("{\"a\":\"c\"}", "{\"a\":[\"b\"]}")).isEqualTo("{\"a\":[\"b\"]}");
    assertThat(merge("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}"))
        .isEqualTo("{\"a\":{\"b\":\"d\"}}");
    assertThat(merge("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}")).isEqualTo("{\"a\":[1]}");
    assertThat(merge("{\"e\":null}", "{\"a\":1}")).isEqualTo("{\"e\":null,\"a\":1}");
    assertThat(merge("", "{\"a\":{\"bb\":{\"ccc\":null}}}")).isEqualTo("{\"a\":{\"bb\":{}}}");
  }

  @Test
  void dropsWhiteSpaceButKeepsEverythingElse() {
    assertThat(
            merge(
                "",
                " { \"a b\" : [ 1 , { \"x\" : null } , \" \\u00e9 é😀 \" ] ,\n\"n\": -1.50e+3 } "))
        .isEqualTo("{\"a b\":[1,{\"x\":null},\" \\u00e9 é😀 \"],\"n\":-1.50e+3}");
  }

  @Test
  void namesAreComparedUnescaped() {
    assertThat(merge("{\"aé\":1}", "{\"\\u0061\\u00e9\":2}")).isEqualTo("{\"aé\":2}");
  }

  @Test
  void theLastOfARepeatedNameCounts() {
    assertThat(merge("", "{\"a\":1,\"b\":2,\"a\":3}")).isEqualTo("{\"a\":3,\"b\":2}");
  }

  @Test
  void aMemberThatWasRemovedComesBackLast() {
    String gone = merge("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":null,\"b\":5}");
    assertThat(gone).isEqualTo("{\"b\":5,\"c\":3}");
    assertThat(merge(gone, "{\"a\":4}")).isEqualTo("{\"b\":5,\"c\":3,\"a\":4}");
  }

  @Test
  void manyMembersAreEachFoundInTheirPlace() {
    StringJoiner target = new StringJoiner(",", "{", "}");
    StringJoiner patch = new StringJoiner(",", "{", "}");
    StringJoiner expected = new StringJoiner(",", "{", "}");
    for (int i = 0; i < 1000; i++) {
      target.add("\"m" + i + "\":0");
      if (i % 3 > 0) {
        expected.add("\"m" + i + "\":" + (i % 3 == 1 ? 0 : i));
      }
    }
    for (int i = 999; i >= 0; i--) {
      if (i % 3 != 1) {
        patch.add("\"m" + i + "\":" + (i % 3 == 0 ? "null" : i));
      }
    }
    assertThat(merge(target.toString(), patch.toString())).isEqualTo(expected.toString());
  }

  @Test
  void refusesWhatIsNotAnObject() {
    for (String patch : List.of("1", "[]", "\"a\"", "null", "true")) {
      assertThatThrownBy(() -> merge("", patch))
          .as(patch)
          .isInstanceOf(DeltaException.class)
          .hasMessageContaining("object");
    }
  }

  @Test
  void refusesWhatIsNotJson() {
    for (String patch :
        List.of(
            "",
            " ",
            "{",
            "{}x",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{\"a\":+1}",
            "{\"a\":tru}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":[1,]}",
            "{\"a\":[1 2]}",
            "{\"a\":\"",
            "{\"a\":\"\\",
            "{\"a\":\"\\u12",
            "{\"a\":nan}",
            "'a'",
            "{\"a\":1}}")) {
      assertThatThrownBy(() -> merge("", patch))
          .as(patch)
          .isInstanceOf(DeltaException.class)
          .hasMessageContaining("JSON");
    }
  }

  @Test
  void refusesMalformedUtf8() {
    for (int[] bad :
        new int[][] {
          {0x80},
          {0xc0, 0xaf},
          {0xc3},
          {0xe0, 0x80, 0x80},
          {0xed, 0xa0, 0x80},
          {0xf4, 0x90, 0x80, 0x80},
          {0xff}
        }) {
      byte[] patch = new byte[bad.length + 8];
      byte[] frame = "{\"a\":\"\"}".getBytes(StandardCharsets.US_ASCII);
      System.arraycopy(frame, 0, patch, 0, 6);
      for (int i = 0; i < bad.length; i++) {
        patch[6 + i] = (byte) bad[i];
      }
      System.arraycopy(frame, 6, patch, 6 + bad.length, 2);
      assertThatThrownBy(() -> MergePatch.apply(new byte[0], patch))
          .isInstanceOf(DeltaException.class);
    }
  }

  @Test
  void boundsNesting() {
    String deep = "{\"a\":" + "[".repeat(63) + "]".repeat(63) + "}";
    assertThat(merge("", deep)).isEqualTo(deep);
    assertThatThrownBy(() -> merge("", "{\"a\":" + "[".repeat(64) + "]".repeat(64) + "}"))
        .hasMessageContaining("deeper");
    assertThatThrownBy(() -> merge("", "{\"a\":".repeat(100_000))).hasMessageContaining("deeper");
  }

  @Test
  void noBytesMakeItFailInAnotherWay() {
    Generator random = new Generator(2);
    String alphabet = "{}[]\":,\\u0019aetrfn- .E+\n\u00e9";
    for (int round = 0; round < 100_000; round++) {
      StringBuilder text = new StringBuilder("{");
      for (int i = random.below(20); i >= 0; i--) {
        text.append(alphabet.charAt(random.below(alphabet.length())));
      }
      byte[] patch = text.toString().getBytes(StandardCharsets.UTF_8);
      if (random.chance(20)) {
        patch[random.below(patch.length)] = (byte) random.below(256);
      }
      try {
        byte[] once = MergePatch.apply(new byte[0], patch);
        assertThat(once.length == 0 ? once : MergePatch.apply(new byte[0], once)).isEqualTo(once);
      } catch (DeltaException e) {
        assertThat(e).hasMessageContaining("metadata");
      }
    }
  }
}
