package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.patch;
import static dev.deltavec.Checks.v;
import static dev.deltavec.MetadataFilter.and;
import static dev.deltavec.MetadataFilter.equal;
import static dev.deltavec.MetadataFilter.exists;
import static dev.deltavec.MetadataFilter.in;
import static dev.deltavec.MetadataFilter.not;
import static dev.deltavec.MetadataFilter.or;
import static dev.deltavec.MetadataFilter.range;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.support.Generator;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What each filter on metadata lets through. */
class FilterTest {
  /** Ids are one letter each. */
  private static final Map<String, String> METADATA = new LinkedHashMap<>();

  static {
    METADATA.put("a", "{\"n\": 1, \"s\": \"x\", \"b\": true}");
    METADATA.put("b", "{\"n\": 2.5, \"s\": \"y\", \"b\": false}");
    METADATA.put("c", "{\"n\": -3, \"s\": \"\"}");
    METADATA.put("d", "{\"n\": \"1\", \"s\": [\"x\", \"z\"], \"b\": [true]}");
    METADATA.put("e", "{\"n\": [7, 8, null], \"o\": {\"n\": 1, \"p\": {\"q\": \"deep\"}}}");
    METADATA.put("f", "{\"n\": {\"n\": 1}, \"s\": \"é\"}");
    METADATA.put("g", "{}");
    METADATA.put("h", "{\"n\": [], \"s\": \"語\", \"o\": [{\"n\": 1}]}");
    METADATA.put("i", "{\"n\": 1e2, \"s\": \"\\u0078\", \"o.n\": 1}");
    METADATA.put("j", "{\"n\": [[1]], \"s\": \"😀\"}");
    METADATA.put("k", "{\"n\": [null, 1.0, \"x\"], \"s\": \"\\uff5e\"}");
  }

  private static DeltaVectorDB filled() {
    DeltaVectorDB db = open(2);
    int i = 0;
    for (Map.Entry<String, String> entry : METADATA.entrySet()) {
      db.applyDelta(creates(entry.getKey(), ++i, 1).withMetadata(entry.getValue()));
    }
    db.applyDelta(creates("l", ++i, 1)); // none
    return db;
  }

  private static String found(DeltaVectorDB db, MetadataFilter filter) {
    SearchOptions options = SearchOptions.defaults().withFilter(filter);
    StringBuilder ids = new StringBuilder();
    db.search(v(1, 1), 100, options).stream().map(SearchResult::id).sorted().forEach(ids::append);
    return ids.toString();
  }

  static Stream<Arguments> filters() {
    return Stream.of(
        Arguments.of(equal("n", 1), "ak"),
        Arguments.of(equal("n", 1.0), "ak"),
        Arguments.of(equal("n", new BigDecimal("10E-1")), "ak"),
        Arguments.of(equal("n", "1"), "d"),
        Arguments.of(equal("n", 100), "i"),
        Arguments.of(equal("n", -3L), "c"),
        Arguments.of(equal("n", 8), "e"),
        Arguments.of(equal("s", "x"), "adi"),
        Arguments.of(equal("s", ""), "c"),
        Arguments.of(equal("s", "é"), "f"),
        Arguments.of(equal("s", "😀"), "j"),
        Arguments.of(equal("b", true), "ad"),
        Arguments.of(equal("b", false), "b"),
        Arguments.of(equal("b", 1), ""),
        Arguments.of(equal("n", null), "ek"),
        Arguments.of(equal("missing", null), ""),
        Arguments.of(equal(List.of("o", "n"), 1), "e"),
        Arguments.of(equal("o.n", 1), "i"),
        Arguments.of(equal(List.of("o", "p", "q"), "deep"), "e"),
        Arguments.of(equal(List.of("s", "x"), 1), ""),
        Arguments.of(in("n", 2.5, "1", -3), "bcd"),
        Arguments.of(in("s", "z", "y", "nothing"), "bd"),
        Arguments.of(in("b", true, false), "abd"),
        Arguments.of(in("n", (Object) null), "ek"),
        Arguments.of(in("n"), ""),
        Arguments.of(range("n").gt(1), "bei"),
        Arguments.of(range("n").gte(1), "abeik"),
        Arguments.of(range("n").lt(1), "c"),
        Arguments.of(range("n").lte(1), "ack"),
        Arguments.of(range("n").gt(-3).lt(2.5), "ak"),
        Arguments.of(range("n").gte(-3).lte(2.5), "abck"),
        Arguments.of(range("n").gt(2).lt(2), ""),
        Arguments.of(range("n").gte("0"), "dk"),
        Arguments.of(range("n").lte("1"), "d"),
        Arguments.of(range("s").gt("x"), "bdfhjk"),
        Arguments.of(range("s").gte("x").lt("z"), "abdi"),
        Arguments.of(range("s").lt("a"), "c"),
        // By code points, not by Java's chars: the surrogates of an emoji sort behind U+FF5E.
        Arguments.of(range("s").gt("\uff5e"), "j"),
        Arguments.of(range("s").gte("語").lte("\uff5e"), "hk"),
        Arguments.of(range("b").gte(0), ""),
        Arguments.of(exists("n"), "abcdefhijk"),
        Arguments.of(exists(List.of("o", "n")), "e"),
        Arguments.of(exists(List.of("o", "p", "q")), "e"),
        Arguments.of(exists("missing"), ""),
        Arguments.of(not(exists("n")), "gl"),
        Arguments.of(not(equal("s", "x")), "bcefghjkl"),
        Arguments.of(and(), "abcdefghijkl"),
        Arguments.of(or(), ""),
        Arguments.of(and(exists("b"), exists("s")), "abd"),
        Arguments.of(and(equal("s", "x"), range("n").lt(50)), "a"),
        Arguments.of(or(equal("b", false), equal("s", "z")), "bd"),
        Arguments.of(not(and(exists("n"), exists("s"))), "egl"),
        Arguments.of(not(or(exists("n"), exists("s"))), "gl"),
        Arguments.of(not(not(exists("b"))), "abd"));
  }

  @ParameterizedTest
  @MethodSource("filters")
  void letsThrough(MetadataFilter filter, String ids) {
    try (DeltaVectorDB db = filled()) {
      assertThat(found(db, filter)).isEqualTo(ids);
    }
  }

  @Test
  void followsEveryChangeOfTheMetadata() {
    try (DeltaVectorDB db = filled()) {
      db.applyDelta(patch("l", "{\"n\": 1}"));
      db.applyDelta(patch("a", "{\"n\": null}"));
      assertThat(found(db, equal("n", 1))).isEqualTo("kl");
      db.applyDelta(VectorDelta.delete("k"));
      db.applyDelta(creates("m", 1, 2).withMetadata("{\"n\": 1}"));
      assertThat(found(db, equal("n", 1))).isEqualTo("lm");
    }
  }

  @Test
  void hitsComeInTheirOrderAndNoMoreThanWanted() {
    try (DeltaVectorDB db = filled()) {
      SearchOptions options = SearchOptions.defaults().withFilter(exists("s"));
      assertThat(db.search(v(1, 1), 3, options))
          .extracting(SearchResult::id)
          .containsExactly("a", "b", "c");
    }
  }

  // ---------------------------------------------------------------- any filter

  private static Object scalar(Generator random) {
    return switch (random.below(4)) {
      case 0 -> random.below(4) - 1;
      case 1 -> random.below(4) / 2.0;
      case 2 -> "abc".substring(0, random.below(4));
      default -> random.chance(50);
    };
  }

  private static String json(@Nullable Object value) {
    return value instanceof String text ? '"' + text + '"' : String.valueOf(value);
  }

  private static String anyMetadata(Generator random, int depth) {
    List<String> members = new ArrayList<>();
    for (String name : List.of("p", "q", "r")) {
      switch (random.below(5)) {
        case 0 -> {}
        case 1 -> members.add('"' + name + "\":" + (depth > 0 ? anyMetadata(random, 0) : "{}"));
        case 2 -> {
          List<String> elements = new ArrayList<>();
          for (int i = random.below(3); i > 0; i--) {
            elements.add(random.chance(20) ? "null" : json(scalar(random)));
          }
          members.add('"' + name + "\":[" + String.join(",", elements) + "]");
        }
        default -> members.add('"' + name + "\":" + json(scalar(random)));
      }
    }
    return "{" + String.join(",", members) + "}";
  }

  private static MetadataFilter anyFilter(Generator random, int depth) {
    String name = random.pick(List.of("p", "q", "r"));
    List<String> field =
        random.chance(25) ? List.of(name, random.pick(List.of("p", "q"))) : List.of(name);
    return switch (random.below(depth > 0 ? 8 : 5)) {
      case 0, 1 -> equal(field, random.chance(10) ? null : scalar(random));
      case 2 -> in(field, scalar(random), scalar(random));
      case 3 -> {
        boolean text = random.chance(40);
        Object low = text ? "ab".substring(0, random.below(3)) : random.below(3) - 1;
        Object high = text ? "abc".substring(0, random.below(4)) : random.below(3) / 2.0;
        MetadataFilter.Range above =
            random.chance(50) ? range(field).gt(low) : range(field).gte(low);
        yield random.chance(40) ? above : random.chance(50) ? above.lt(high) : above.lte(high);
      }
      case 4 -> exists(field);
      case 5 -> and(anyFilter(random, depth - 1), anyFilter(random, depth - 1));
      case 6 -> or(anyFilter(random, depth - 1), anyFilter(random, depth - 1));
      default -> not(anyFilter(random, depth - 1));
    };
  }

  private static boolean matches(MetadataFilter filter, Map<?, ?> metadata) {
    return switch (filter) {
      case MetadataFilter.Equal equal ->
          values(equal.field(), metadata).stream().anyMatch(one -> same(one, equal.value()));
      case MetadataFilter.In in ->
          values(in.field(), metadata).stream()
              .anyMatch(one -> in.values().stream().anyMatch(value -> same(one, value)));
      case MetadataFilter.Range range ->
          values(range.field(), metadata).stream()
              .anyMatch(one ->
                  within(one, range.gt(), 1, 1)
                      && within(one, range.gte(), 0, 1)
                      && within(one, range.lt(), -1, -1)
                      && within(one, range.lte(), -1, 0));
      case MetadataFilter.Exists exists -> holder(exists.field(), metadata) != null;
      case MetadataFilter.And and -> and.filters().stream().allMatch(f -> matches(f, metadata));
      case MetadataFilter.Or or -> or.filters().stream().anyMatch(f -> matches(f, metadata));
      case MetadataFilter.Not not -> !matches(not.filter(), metadata);
    };
  }

  /** Returns the object that has a path's last member, or null. */
  private static @Nullable Map<?, ?> holder(List<String> path, Map<?, ?> metadata) {
    Map<?, ?> at = metadata;
    for (String name : path.subList(0, path.size() - 1)) {
      if (!(at.get(name) instanceof Map<?, ?> inner)) {
        return null;
      }
      at = inner;
    }
    return at.containsKey(path.getLast()) ? at : null;
  }

  private static List<?> values(List<String> path, Map<?, ?> metadata) {
    Map<?, ?> holder = holder(path, metadata);
    if (holder == null) {
      return List.of();
    }
    Object value = holder.get(path.getLast());
    return value instanceof List<?> list ? list : Arrays.asList(value);
  }

  private static boolean same(@Nullable Object one, @Nullable Object other) {
    if (one instanceof Number number && other instanceof Number wanted) {
      return number.doubleValue() == wanted.doubleValue();
    }
    return one == null ? other == null : one.equals(other);
  }

  private static boolean within(
      @Nullable Object value, @Nullable Object bound, int least, int most) {
    if (bound == null) {
      return true;
    }
    int order;
    if (value instanceof Number number && bound instanceof Number other) {
      order = Double.compare(number.doubleValue(), other.doubleValue());
    } else if (value instanceof String text && bound instanceof String other) {
      order = Integer.signum(text.compareTo(other));
    } else {
      return false;
    }
    return order >= least && order <= most;
  }

  @Test
  void anyFilterLetsThroughWhatAPlainReadingOfItDoes() {
    long seed = 6;
    Generator random = new Generator(seed);
    try (DeltaVectorDB db = open(2)) {
      Map<String, Map<String, @Nullable Object>> metadata = new LinkedHashMap<>();
      for (int i = 0; i < 150; i++) {
        String json = anyMetadata(random, 1);
        db.applyDelta(creates("v" + i, i, 1).withMetadata(json));
        metadata.put("v" + i, JsonReader.object(json));
      }
      int some = 0;
      for (int i = 0; i < 400; i++) {
        MetadataFilter filter = anyFilter(random, 3);
        List<String> expected =
            metadata.entrySet().stream()
                .filter(entry -> matches(filter, entry.getValue()))
                .map(Map.Entry::getKey)
                .toList();
        List<SearchResult> hits =
            db.search(v(1, 2), 150, SearchOptions.defaults().withFilter(filter));
        assertThat(hits)
            .as("seed %d, case %d: %s", seed, i, filter)
            .extracting(SearchResult::id)
            .containsExactlyInAnyOrderElementsOf(expected);
        some += expected.isEmpty() || expected.size() == 150 ? 0 : 1;
      }
      assertThat(some).as("filters that tell vectors apart").isGreaterThan(250);
    }
  }
}
