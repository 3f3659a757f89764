package dev.deltavec.core.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.json.MergePatch;
import dev.deltavec.core.memory.Memory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class FilterTest {
  private final Texts texts = new Texts();

  private void yes(String filter, String metadata) {
    assertThat(texts.matches(filter, metadata)).as("%s of %s", filter, metadata).isTrue();
  }

  private void no(String filter, String metadata) {
    assertThat(texts.matches(filter, metadata)).as("%s of %s", filter, metadata).isFalse();
  }

  /** {@code equals} of member a. */
  private static String equal(String value) {
    return "{\"equals\":[[\"a\"]," + value + "]}";
  }

  /** {@code range} of member a. */
  private static String range(String bounds) {
    return "{\"range\":[[\"a\"],{" + bounds + "}]}";
  }

  private static String a(String value) {
    return "{\"a\":" + value + "}";
  }

  private void refused(String filter, String message) {
    assertThatThrownBy(() -> texts.filter(filter))
        .as(filter)
        .isInstanceOfSatisfying(
            DeltaException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT))
        .hasMessageContaining(message);
  }

  @Test
  void equalsComparesScalarsOfAllTypes() {
    for (String value : List.of("\"x\"", "1", "true", "false", "null", "\"\"")) {
      yes(equal(value), a(value));
      no(equal(value), a("\"other\""));
    }
  }

  @Test
  void valuesOfDifferentTypesDiffer() {
    List<String> values = List.of("\"1\"", "1", "true", "false", "null", "\"null\"", "{}", "[]");
    for (String value : values.subList(0, 6)) {
      for (String other : values) {
        assertThat(texts.matches(equal(value), a(other))).isEqualTo(value.equals(other));
      }
    }
  }

  @Test
  void findsAMemberWhereverItStands() {
    String before = "\"b\":{\"a\":1,\"c\":[{\"a\":1},\"}]\"]},\"aa\":1,\"\":1,\"\\\"a\":1,";
    yes(equal("2"), "{" + before + "\"a\":2}");
    yes(equal("2"), "{" + before + "\"a\":2,\"c\":[]}");
    no(equal("1"), "{" + before + "\"a\":2}");
    no(equal("1"), "{" + before + "\"b\":1}");
  }

  @Test
  void findsAMemberBehindStringsOfAnyLength() {
    List<String> tricks =
        List.of("", "\\\\", "\\\"", "\\\"\\\\", "\\u0022", "é", "}],{[:", "#!\u005d");
    for (int before = 0; before < 20; before++) {
      for (int after = 0; after < 20; after++) {
        for (String trick : tricks) {
          String string = "\"" + "x".repeat(before) + trick + "y".repeat(after) + "\"";
          yes(equal("2"), "{" + string + ":1,\"b\":" + string + ",\"a\":2}");
          yes(equal("2"), "{\"b\":[" + string + ",{" + string + ":" + string + "}],\"a\":2}");
        }
      }
    }
  }

  @Test
  void aPathLeadsThroughObjects() {
    String filter = "{\"equals\":[[\"a\",\"b\",\"c\"],1]}";
    yes(filter, "{\"a\":{\"x\":0,\"b\":{\"c\":1}}}");
    no(filter, "{\"a\":{\"b\":{\"d\":1}},\"c\":1}");
    no(filter, "{\"a\":{\"b\":1}}");
    no(filter, "{\"a\":{\"b\":[{\"c\":1}]}}");
    no(filter, "{\"a\":{}}");
  }

  @Test
  void aNameMayBeEmpty() {
    yes("{\"exists\":[[\"\"]]}", "{\"b\":1,\"\":1}");
    no("{\"exists\":[[\"\"]]}", "{\"b\":1}");
  }

  @Test
  void withoutMetadataThereIsNoMember() {
    assertThat(texts.filter("{\"exists\":[[\"a\"]]}").matches(0)).isFalse();
    assertThat(texts.filter(equal("null")).matches(0)).isFalse();
    assertThat(texts.filter("{\"not\":" + equal("null") + "}").matches(0)).isTrue();
  }

  @Test
  void anEmptyObjectHasNoMember() {
    no("{\"exists\":[[\"a\"]]}", "{}");
  }

  @Test
  void existsMatchesWhateverIsThere() {
    for (String value : List.of("1", "null", "false", "\"\"", "{}", "[]")) {
      yes("{\"exists\":[[\"a\"]]}", a(value));
      no("{\"exists\":[[\"b\"]]}", a(value));
    }
  }

  @Test
  void nullIsNotMissing() {
    yes(equal("null"), a("null"));
    no(equal("null"), "{\"b\":null}");
  }

  @Test
  void anArrayMatchesIfAnElementDoes() {
    yes(equal("2"), a("[1,2,3]"));
    yes(equal("\"]\""), a("[\"[\",[\"x\"],\"]\"]"));
    yes(range("\"gt\":2,\"lt\":4"), a("[1,{\"b\":9},3]"));
    yes("{\"in\":[[\"a\"],[7,\"x\"]]}", a("[null,\"x\"]"));
    no(equal("4"), a("[1,2,3]"));
    no(equal("4"), a("[]"));
  }

  @Test
  void theBoundsOfARangeHoldForOneElement() {
    no(range("\"gt\":2,\"lt\":4"), a("[1,5]"));
  }

  @Test
  void arraysInArraysDoNotMatch() {
    no(equal("1"), a("[[1]]"));
  }

  @Test
  void inMatchesAnyAlternative() {
    String filter = "{\"in\":[[\"a\"],[3,\"x\",1.0,null,\"\",true,-2,\"x\"]]}";
    for (String value : List.of("1", "3", "-2", "\"x\"", "\"\"", "null", "true")) {
      yes(filter, a(value));
    }
    for (String value : List.of("2", "0", "\"y\"", "\"xx\"", "false", "{}")) {
      no(filter, a(value));
    }
  }

  @Test
  void inOfNothingMatchesNothing() {
    no("{\"in\":[[\"a\"],[]]}", a("1"));
    no("{\"in\":[[\"a\"],[]]}", a("[]"));
  }

  @Test
  void inFindsEachOfThousandsAndNothingElse() {
    StringBuilder list = new StringBuilder("[0");
    for (int i = 1; i < 3000; i++) {
      list.append(",\"id-").append(i * 7919 % 3001 * 2).append('"');
    }
    Filter filter = texts.filter("{\"in\":[[\"a\"]," + list + "]]}");
    for (int i = 1; i < 3000; i++) {
      int id = i * 7919 % 3001 * 2;
      assertThat(filter.matches(texts.metadata(a("\"id-" + id + "\"")))).isTrue();
      assertThat(filter.matches(texts.metadata(a("\"id-" + (id + 1) + "\"")))).isFalse();
    }
  }

  @Test
  void rangesHaveOpenAndClosedBounds() {
    for (String[] c :
        new String[][] {
          {"\"gt\":2", "3", "2", "1"}, {"\"lt\":2", "1", "2", "3"},
        }) {
      yes(range(c[0]), a(c[1]));
      no(range(c[0]), a(c[2]));
      no(range(c[0]), a(c[3]));
      String closed = c[0].replace("t\"", "te\"");
      yes(range(closed), a(c[1]));
      yes(range(closed), a(c[2]));
      no(range(closed), a(c[3]));
    }
  }

  @Test
  void allBoundsOfARangeHold() {
    String filter = range("\"lte\":5,\"gt\":1,\"lt\":4,\"gte\":2");
    yes(filter, a("2"));
    yes(filter, a("3.9"));
    no(filter, a("1.9"));
    no(filter, a("4"));
  }

  @Test
  void aRangeMatchesOnlyTheTypeOfItsBounds() {
    for (String value : List.of("\"5\"", "true", "null", "{}", "[[5]]")) {
      no(range("\"gte\":0"), a(value));
      no(range("\"lte\":9"), a(value));
    }
    for (String value : List.of("5", "true", "null", "{}")) {
      no(range("\"gte\":\"\""), a(value));
      no(range("\"lte\":\"~\""), a(value));
    }
  }

  @Test
  void stringsHaveTheOrderOfCodePoints() {
    List<String> ascending =
        List.of(
            "",
            "\\u0000",
            "\\u0000a",
            "A",
            "Aa",
            "a",
            "~",
            "é",
            "\\u07ff",
            "\\u0800",
            "\uffff",
            "\\ud83d\\ude00",
            "\udbff\udfff");
    for (int i = 0; i < ascending.size(); i++) {
      for (int j = 0; j < ascending.size(); j++) {
        String bound = "\"" + ascending.get(i) + "\"";
        String value = a("\"" + ascending.get(j) + "\"");
        assertThat(texts.matches(range("\"lt\":" + bound), value)).isEqualTo(j < i);
        assertThat(texts.matches(range("\"gt\":" + bound), value)).isEqualTo(j > i);
        assertThat(texts.matches(equal(bound), value)).isEqualTo(i == j);
      }
    }
  }

  @Test
  void halfASurrogatePairIsACodePoint() {
    yes(equal("\"\\ud83d\""), a("\"\\uD83D\""));
    yes(equal("\"\\ud83dx\\ude00\""), a("\"\\ud83d\\u0078\\ude00\""));
    no(equal("\"\\ud83d\\ude00\""), a("\"\\ude00\\ud83d\""));
    no(equal("\"\\ud83d\""), a("\"\\ud83d\\ude00\""));
    no(equal("\"\\ufffd\""), a("\"\\ud83d\""));
    yes(range("\"gt\":\"\\ud7ff\",\"lt\":\"\\ue000\""), a("\"\\udfff\""));
  }

  @Test
  void anEscapeIsWhatItStandsFor() {
    String value = "\"é\\u20ac😀/\\\\\\\"\\b\\f\\n\\r\\t\\u007f\"";
    String escaped =
        "\"\\u00E9€\\uD83D\\uDE00\\/\\u005c\\u0022\\u0008\\u000c\\u000a\\u000D\\u0009\u007f\"";
    yes(equal(value), a(escaped));
    yes(equal(escaped), a(value));
  }

  @Test
  void theEscapesOfACodePointAreItself() {
    for (int first = 0x80; first < 0x110000; first += 997) {
      StringBuilder plain = new StringBuilder();
      StringBuilder escaped = new StringBuilder();
      for (int point = first; point < Math.min(first + 997, 0x110000); point += 31) {
        if (point < 0xd800 || point > 0xdfff) {
          plain.appendCodePoint(point);
          for (char unit : Character.toChars(point)) {
            escaped.append(String.format("\\u%04x", (int) unit));
          }
        }
      }
      yes(equal("\"" + plain + "\""), a("\"" + escaped + "\""));
      yes(equal("\"" + escaped + "\""), a("\"" + plain + "\""));
    }
  }

  @Test
  void namesAreComparedUnescaped() {
    yes("{\"\\u0065quals\":[[\"\\u00e9\"],1]}", "{\"é\":1}");
    yes("{\"equals\":[[\"é\"],1]}", "{\"\\u00e9\":1}");
    no("{\"equals\":[[\"u00e9\"],1]}", "{\"\\u00e9\":1}");
  }

  @Test
  void spellingsOfANumberAreEqual() {
    List<List<String>> numbers =
        List.of(
            List.of("0", "-0", "0.0", "-0e5", "0E-999999999999999999999", "0.000"),
            List.of("1", "1.0", "1e0", "10e-1", "0.1e+1", "0.001E3", "1000e-3"),
            List.of("-12.5", "-125e-1", "-0.125e2", "-12.50"),
            List.of("9007199254740993", "9007199254740993.0", "900719925474099.3e1"),
            List.of("1e400", "10e399", "0.1e401"),
            List.of("1e999999999999", "10e999999999998"),
            List.of("1e-999999999999", "0.1e-999999999998"));
    for (List<String> some : numbers) {
      for (List<String> others : numbers) {
        for (String x : some) {
          for (String y : others) {
            assertThat(texts.matches(equal(x), a(y))).as("%s = %s", x, y).isEqualTo(some == others);
          }
        }
      }
    }
  }

  @Test
  void numbersAreComparedExactly() {
    List<String> ascending =
        List.of(
            "-1e999999999999999999999999",
            "-1e400",
            "-9007199254740993",
            "-9007199254740992",
            "-1.5",
            "-1",
            "-1e-400",
            "0",
            "1e-9999999999999999999999999",
            "1e-400",
            "0.1",
            "0.10000000000000000000000000000000000000001",
            "1",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e400",
            "1.0000001e400",
            "1e99999999999999999999999");
    for (int i = 0; i < ascending.size(); i++) {
      for (int j = 0; j < ascending.size(); j++) {
        String bound = ascending.get(i);
        String value = ascending.get(j);
        assertThat(texts.matches(range("\"lt\":" + bound), a(value)))
            .as("%s < %s", value, bound)
            .isEqualTo(j < i);
        assertThat(texts.matches(range("\"gte\":" + bound), a(value)))
            .as("%s >= %s", value, bound)
            .isEqualTo(j >= i);
      }
    }
  }

  @Test
  void andNeedsAllAndOrNeedsOne() {
    String one = "{\"exists\":[[\"a\"]]}";
    String two = "{\"exists\":[[\"b\"]]}";
    String both = "{\"a\":1,\"b\":1}";
    String and = "{\"and\":[" + one + "," + two + "]}";
    String or = "{\"or\":[" + one + "," + two + "]}";
    yes(and, both);
    no(and, "{\"a\":1}");
    no(and, "{\"b\":1}");
    yes(or, "{\"a\":1}");
    yes(or, "{\"b\":1}");
    no(or, "{\"c\":1}");
  }

  @Test
  void andOfNothingIsTrueAndOrOfNothingIsFalse() {
    yes("{\"and\":[]}", "{}");
    no("{\"or\":[]}", "{}");
    assertThat(texts.filter("{\"and\":[]}").matches(0)).isTrue();
  }

  @Test
  void notTurnsAFilterRound() {
    no("{\"not\":" + equal("1") + "}", a("1"));
    yes("{\"not\":" + equal("1") + "}", a("2"));
    yes("{\"not\":" + equal("1") + "}", "{}");
    yes("{\"not\":{\"not\":" + equal("1") + "}}", a("1"));
  }

  @Test
  void whiteSpaceInAFilterMeansNothing() {
    String filter =
        "{\"or\":[{\"and\":[]},{\"not\":{\"in\":[[\"a\",\"b\"],[1,null,\"x y\"]]}},"
            + "{\"range\":[[\"a\"],{\"gt\":1,\"lte\":2}]},{\"exists\":[[\"a\"]]}]}";
    String spaced = filter.replaceAll("([\\[\\]{}:,])", " \t$1\r\n ");
    texts.filter(spaced);
    assertThat(texts.matches(" {\n\"equals\" : [ [ \"a\" ] , 1 ] } ", a("1"))).isTrue();
    assertThat(texts.matches("{\"in\":[[\"a\"],[ 1 , 2 ]]}", a("2"))).isTrue();
    assertThat(texts.matches("{\"range\":[[\"a\"],{ \"gt\" : 1 , \"lt\" : 3 } ]}", a("2")))
        .isTrue();
  }

  @Test
  void knowsItsOwnText() {
    Filter filter = texts.filter(equal("1"));
    byte[] same = equal("1").getBytes(StandardCharsets.UTF_8);
    assertThat(filter.isOf(texts.write(same), same.length)).isTrue();
    byte[] other = equal("2").getBytes(StandardCharsets.UTF_8);
    assertThat(filter.isOf(texts.write(other), other.length)).isFalse();
    assertThat(filter.isOf(texts.write(same), same.length - 1)).isFalse();
  }

  @Test
  void refusesWhatIsNotOnePredicate() {
    String message = "filter: must be an object with one of equals, in, range";
    for (String filter :
        List.of(
            "1",
            "[]",
            "{}",
            "\"and\"",
            "{\"equal\":[[\"a\"],1]}",
            "{\"Equals\":[[\"a\"],1]}",
            "{\"and\":[],\"or\":[]}",
            "{\"and\":[],\"and\":[]}",
            "{\"and\":[],\"x\":1}")) {
      refused(filter, message);
    }
  }

  @Test
  void refusesArgumentsOfTheWrongShape() {
    for (String arguments : List.of("1", "{}", "[]", "[[\"a\"]]", "[[\"a\"],1,2]", "null")) {
      refused("{\"equals\":" + arguments + "}", "filter.equals: must be [path, value]");
    }
    for (String arguments : List.of("1", "{}", "[]", "[[\"a\"],1]", "true")) {
      refused("{\"exists\":" + arguments + "}", "filter.exists: must be [path]");
    }
  }

  @Test
  void refusesPathsThatAreNotNames() {
    for (String path : List.of("[]", "\"a\"", "[1]", "[\"a\",null]", "[[\"a\"]]", "{}")) {
      refused("{\"equals\":[" + path + ",1]}", "filter.equals: the path must be an array");
      refused("{\"exists\":[" + path + "]}", "filter.exists: the path must be an array");
    }
  }

  @Test
  void refusesValuesThatAreNotScalars() {
    for (String value : List.of("[]", "{}", "[1]")) {
      refused(equal(value), "filter.equals: a value must be a string");
      refused("{\"in\":[[\"a\"],[1," + value + "]]}", "filter.in: a value must be a string");
      refused(range("\"gt\":" + value), "filter.range: a value must be a string");
    }
    refused("{\"in\":[[\"a\"],1]}", "filter.in: the value must be an array");
  }

  @Test
  void refusesRangesWithoutSoundBounds() {
    refused("{\"range\":[[\"a\"],[1,2]]}", "filter.range: the value must be an object");
    for (String bounds : List.of("", "\"ge\":1", "\"gt\":1,\"gt\":2", "\"gt\":1,\"x\":2")) {
      refused(range(bounds), "filter.range: needs one or more of gt, gte, lt, lte");
    }
    for (String bounds : List.of("\"gt\":1,\"lt\":\"2\"", "\"gt\":null", "\"gt\":1,\"lt\":true")) {
      refused(range(bounds), "filter.range: the bounds must be all numbers or all strings");
    }
  }

  @Test
  void refusesGroupsThatAreNotArrays() {
    refused("{\"and\":{}}", "filter.and: must be an array of filters");
    refused("{\"or\":" + equal("1") + "}", "filter.or: must be an array of filters");
    refused("{\"not\":[]}", "filter.not: must be an object with one of equals");
  }

  @Test
  void aMessageNamesThePlace() {
    String fine = equal("1");
    refused(
        "{\"and\":[" + fine + "," + fine + ",{\"not\":{\"or\":[" + range("") + "]}}]}",
        "filter.and[2].not.or[0].range: ");
  }

  @Test
  void boundsNesting() {
    String leaf = equal("1");
    texts.filter("{\"and\":[".repeat(31) + leaf + "]}".repeat(31));
    refused("{\"not\":".repeat(32) + leaf + "}".repeat(32), "filters nest deeper than 32");
    refused("{\"and\":[".repeat(32) + leaf + "]}".repeat(32), "filters nest deeper than 32");
    refused("[".repeat(60_000), "filter nests deeper than 128");
  }

  @Test
  void boundsTheLength() {
    String most = equal("\"" + "x".repeat(Filter.MAX_BYTES - equal("\"\"").length()) + "\"");
    texts.filter(most);
    refused(most + " ", "filter is longer than 65536 bytes");
    assertThatThrownBy(() -> Filter.parse(texts.memory, 64, -1)).hasMessageContaining("longer");
  }

  @Test
  void refusesWhatIsNotJson() {
    for (String filter : List.of("", " ", "{", "{}}", "{\"and\":[]", "{\"and\":[1,]}", "{a:1}")) {
      refused(filter, "filter is not JSON at byte");
    }
  }

  @Test
  void refusesMalformedUtf8() {
    byte[] filter = equal("\"x\"").getBytes(StandardCharsets.UTF_8);
    for (int bad : new int[] {0x80, 0xc0, 0xc3, 0xed, 0xf8, 0xff}) {
      filter[filter.length - 4] = (byte) bad;
      assertThatThrownBy(() -> texts.filter(filter))
          .isInstanceOf(DeltaException.class)
          .hasMessageContaining("filter is not JSON at byte");
    }
  }

  @Test
  void asksWhatAMergePatchWrites() {
    byte[] patch =
        " { \"b\" : [ 1 , { \"x\" : [ ] } ] , \"a\" : { \"c\" : 2.50 } } "
            .getBytes(StandardCharsets.UTF_8);
    String metadata = new String(MergePatch.apply(new byte[0], patch), StandardCharsets.UTF_8);
    yes("{\"equals\":[[\"a\",\"c\"],2.5]}", metadata);
    yes("{\"equals\":[[\"b\"],1]}", metadata);
  }

  @Test
  void readsNothingBehindAFilter() {
    for (int length = 0; length < 20; length++) {
      byte[] filter = equal("\"" + "x".repeat(length) + "\"").getBytes(StandardCharsets.UTF_8);
      int start = texts.write(filter);
      Memory memory = texts.endingAt(start + filter.length);
      assertThatCode(() -> Filter.parse(memory, start, filter.length)).doesNotThrowAnyException();
    }
  }

  @Test
  void readsNothingBehindMetadata() {
    byte[] filter = equal("\"x\"").getBytes(StandardCharsets.UTF_8);
    for (int length = 0; length < 20; length++) {
      String string = "\"" + "x".repeat(length) + "\"";
      for (String metadata :
          List.of(a(string), a("[" + string + "]"), a("1"), "{" + string + ":1}", "{}")) {
        int block = texts.metadata(metadata);
        Memory memory = texts.endingAt(block + 4 + metadata.length());
        Filter asking = Filter.parse(memory, texts.write(filter), filter.length);
        assertThatCode(() -> asking.matches(block)).doesNotThrowAnyException();
      }
    }
  }

  @Test
  void needsNothingOfItsTextAfterwards() {
    Memory memory = texts.memory;
    int address = texts.write(equal("\"abc\"").getBytes(StandardCharsets.UTF_8));
    Filter filter = Filter.parse(memory, address, equal("\"abc\"").length());
    memory.clear(address, 100);
    assertThat(filter.matches(texts.metadata(a("\"abc\"")))).isTrue();
  }
}
