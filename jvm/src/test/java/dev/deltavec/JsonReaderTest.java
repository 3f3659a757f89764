package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.open;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Metadata as maps: what the database gives out is what is read. */
class JsonReaderTest {
  private static Map<String, @Nullable Object> roundTrip(String json) {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1).withMetadata(json));
      return JsonReader.object(Objects.requireNonNull(db.getMetadata("a")));
    }
  }

  static Stream<Arguments> values() {
    return Stream.of(
        Arguments.of("true", true),
        Arguments.of("false", false),
        Arguments.of("0", 0L),
        Arguments.of("-0", 0L),
        Arguments.of("9223372036854775807", Long.MAX_VALUE),
        Arguments.of("9223372036854775808", 9223372036854775808.0),
        Arguments.of("-9223372036854775808", Long.MIN_VALUE),
        Arguments.of("1.0", 1.0),
        Arguments.of("-2.5e-3", -0.0025),
        Arguments.of("1E+3", 1000.0),
        Arguments.of("1e999", Double.POSITIVE_INFINITY),
        Arguments.of("\"\"", ""),
        Arguments.of("\"語 é 😀\"", "語 é 😀"),
        Arguments.of("\"a\\\"\\\\\\/b\\b\\f\\n\\r\\t\"", "a\"\\/b\b\f\n\r\t"),
        Arguments.of("\"\\u8a9e\\ud83d\\ude00\\u0000\"", "語😀\0"),
        Arguments.of("\"\\ud800\"", "\uD800"),
        Arguments.of("[]", List.of()),
        Arguments.of(
            "[1, [2], {\"a\": [ ]}, null]",
            Arrays.asList(1L, List.of(2L), Map.of("a", List.of()), null)),
        Arguments.of("{}", Map.of()),
        Arguments.of("{\"a\": {\"\": 1}, \"b\": \"}\"}", Map.of("a", Map.of("", 1L), "b", "}")));
  }

  @ParameterizedTest
  @MethodSource("values")
  void isReadAsItIs(String json, Object value) {
    assertThat(roundTrip("{\"before\": 1, \"x\\ty\": " + json + ", \"behind\": [2]}"))
        .isEqualTo(Map.of("before", 1L, "x\ty", value, "behind", List.of(2L)));
  }

  @Test
  void anObjectWithoutMembersIsAnEmptyMap() {
    assertThat(roundTrip("{}")).isEmpty();
  }

  @Test
  void aNullWithinAListsObjectIsAMember() {
    Map<String, @Nullable Object> inner = new HashMap<>();
    inner.put("a", null);
    assertThat(roundTrip("{\"x\": [{\"a\": null}]}")).isEqualTo(Map.of("x", List.of(inner)));
  }

  @Test
  void mapsAndListsCannotBeChanged() {
    Map<String, @Nullable Object> metadata = roundTrip("{\"x\": [1]}");
    assertThatThrownBy(metadata::clear).isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(((List<?>) Objects.requireNonNull(metadata.get("x")))::clear)
        .isInstanceOf(UnsupportedOperationException.class);
  }
}
