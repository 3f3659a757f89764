package dev.deltavec;

import static dev.deltavec.Checks.fails;
import static dev.deltavec.MetadataFilter.and;
import static dev.deltavec.MetadataFilter.equal;
import static dev.deltavec.MetadataFilter.exists;
import static dev.deltavec.MetadataFilter.in;
import static dev.deltavec.MetadataFilter.not;
import static dev.deltavec.MetadataFilter.or;
import static dev.deltavec.MetadataFilter.range;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.core.ErrorCode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What filters are written as, and what cannot be one. */
class MetadataFilterTest {
  private static String json(MetadataFilter filter) {
    return new String(FilterJson.write(filter), StandardCharsets.UTF_8);
  }

  static Stream<Arguments> written() {
    return Stream.of(
        Arguments.of(equal("lang", "en"), "{\"equals\":[[\"lang\"],\"en\"]}"),
        Arguments.of(equal("n", 3), "{\"equals\":[[\"n\"],3]}"),
        Arguments.of(equal("n", -2.5), "{\"equals\":[[\"n\"],-2.5]}"),
        Arguments.of(equal("n", 1e300), "{\"equals\":[[\"n\"],1.0E300]}"),
        Arguments.of(equal("n", 0.1f), "{\"equals\":[[\"n\"],0.1]}"),
        Arguments.of(equal("n", Long.MIN_VALUE), "{\"equals\":[[\"n\"],-9223372036854775808]}"),
        Arguments.of(equal("n", (short) 7), "{\"equals\":[[\"n\"],7]}"),
        Arguments.of(equal("n", (byte) -7), "{\"equals\":[[\"n\"],-7]}"),
        Arguments.of(equal("n", new BigDecimal("1.50")), "{\"equals\":[[\"n\"],1.50]}"),
        Arguments.of(equal("n", BigInteger.TEN), "{\"equals\":[[\"n\"],10]}"),
        Arguments.of(equal("b", true), "{\"equals\":[[\"b\"],true]}"),
        Arguments.of(equal("x", null), "{\"equals\":[[\"x\"],null]}"),
        Arguments.of(equal(List.of("a", "b"), 1), "{\"equals\":[[\"a\",\"b\"],1]}"),
        Arguments.of(in("x", "a", 1, null, false), "{\"in\":[[\"x\"],[\"a\",1,null,false]]}"),
        Arguments.of(in(List.of("a", "b"), List.of(1, 2)), "{\"in\":[[\"a\",\"b\"],[1,2]]}"),
        Arguments.of(in("x"), "{\"in\":[[\"x\"],[]]}"),
        Arguments.of(range("n").gt(1).lte(2.5), "{\"range\":[[\"n\"],{\"gt\":1,\"lte\":2.5}]}"),
        Arguments.of(
            range(List.of("a", "b")).gte("x").lt("y"),
            "{\"range\":[[\"a\",\"b\"],{\"gte\":\"x\",\"lt\":\"y\"}]}"),
        Arguments.of(range("n").gt(1).gt(null).lt(2), "{\"range\":[[\"n\"],{\"lt\":2}]}"),
        Arguments.of(exists("x"), "{\"exists\":[[\"x\"]]}"),
        Arguments.of(exists(List.of("a", "b")), "{\"exists\":[[\"a\",\"b\"]]}"),
        Arguments.of(and(), "{\"and\":[]}"),
        Arguments.of(or(), "{\"or\":[]}"),
        Arguments.of(
            and(exists("a"), not(exists("b"))),
            "{\"and\":[{\"exists\":[[\"a\"]]},{\"not\":{\"exists\":[[\"b\"]]}}]}"),
        Arguments.of(
            or(List.of(exists("a"), and(exists("b")))),
            "{\"or\":[{\"exists\":[[\"a\"]]},{\"and\":[{\"exists\":[[\"b\"]]}]}]}"),
        Arguments.of(equal("", ""), "{\"equals\":[[\"\"],\"\"]}"),
        Arguments.of(
            equal("\"\\/", "\n\u0000\u001f"),
            "{\"equals\":[[\"\\\"\\\\/\"],\"\\u000a\\u0000\\u001f\"]}"),
        Arguments.of(equal("語😀", "é"), "{\"equals\":[[\"語😀\"],\"é\"]}"),
        Arguments.of(equal("x", "a\uD800b\uDC00"), "{\"equals\":[[\"x\"],\"a\\ud800b\\udc00\"]}"));
  }

  @ParameterizedTest
  @MethodSource("written")
  void isWrittenAsTheCoreReadsIt(MetadataFilter filter, String json) {
    assertThat(json(filter)).isEqualTo(json);
  }

  static Stream<Arguments> wrong() {
    return Stream.of(
        wrong("a path without names", "path is empty", () -> equal(List.of(), 1)),
        wrong("NaN", "finite.*NaN", () -> equal("x", Double.NaN)),
        wrong("infinity", "finite.*Infinity", () -> in("x", 1, Double.POSITIVE_INFINITY)),
        wrong("an infinite float", "finite.*Infinity", () -> equal("x", 1f / 0)),
        wrong("a list", "a text, a number.*\\[1]", () -> equal("x", List.of(1))),
        wrong("a number of another kind", "Java's own", () -> equal("x", atomic())),
        wrong("a list in a list", "a text, a number", () -> in("x", List.of(List.of()))),
        wrong("bounds of both kinds", "all numbers, or all texts", () -> range("x").gt(1).lt("a")),
        wrong("a boolean as bound", "bounds.*true", () -> range("x").gt(true)),
        wrong("a bound that is not finite", "finite", () -> range("x").lt(Double.NaN)));
  }

  private static Number atomic() {
    return new java.util.concurrent.atomic.AtomicInteger(1);
  }

  private static Arguments wrong(String name, String message, Executable makes) {
    return Arguments.of(Named.of(name, makes), message);
  }

  @ParameterizedTest
  @MethodSource("wrong")
  void whatCannotBeInAFilterIsRefusedWhenItIsMade(Executable makes, String message) {
    fails(ErrorCode.INVALID_ARGUMENT, "filter.*" + message, makes::execute);
  }

  @Test
  void aRangeWithoutBoundsIsRefused() {
    fails(ErrorCode.INVALID_ARGUMENT, "range has no bounds", () -> json(range("x")));
  }

  private static MetadataFilter nested(int levels) {
    MetadataFilter filter = exists("x");
    for (int i = 1; i < levels; i++) {
      filter = i % 2 == 0 ? not(filter) : and(filter);
    }
    return filter;
  }

  @Test
  void aFilterNests32LevelsDeep() {
    assertThat(json(nested(32))).contains("exists");
    fails(ErrorCode.INVALID_ARGUMENT, "nests deeper than 32", () -> json(nested(33)));
    fails(ErrorCode.INVALID_ARGUMENT, "nests deeper than 32", () -> json(nested(100_000)));
  }

  @Test
  void aFilterTakes64KibibytesAtMost() {
    int rest = (1 << 16) - json(equal("x", "")).length();
    assertThat(FilterJson.write(equal("x", "y".repeat(rest)))).hasSize(1 << 16);
    fails(ErrorCode.INVALID_ARGUMENT, "65537 bytes", () -> json(equal("x", "y".repeat(rest + 1))));
    fails(
        ErrorCode.INVALID_ARGUMENT,
        "bytes of JSON, over 65536",
        () -> json(and(Collections.nCopies(1_000_000, exists("x")))));
  }

  @Test
  void aFilterKeepsWhatItWasMadeOf() {
    List<Object> values = new ArrayList<>(Arrays.asList(1, null));
    List<String> field = new ArrayList<>(List.of("a"));
    MetadataFilter filter = in(field, values);
    values.add(2);
    field.add("b");
    assertThat(json(filter)).isEqualTo("{\"in\":[[\"a\"],[1,null]]}");
    assertThat(filter).isEqualTo(in("a", 1, null));
  }

  @Test
  void nullIsNoFilterAndNoField() {
    MetadataFilter none = nothing();
    String nameless = nothing();
    assertThatThrownBy(() -> not(none)).isInstanceOf(NullPointerException.class);
    assertThatThrownBy(() -> and(exists("x"), none)).isInstanceOf(NullPointerException.class);
    assertThatThrownBy(() -> exists(nameless)).isInstanceOf(NullPointerException.class);
  }

  @SuppressWarnings({"TypeParameterUnusedInFormals", "NullAway"})
  private static <T> T nothing() {
    return null;
  }
}
