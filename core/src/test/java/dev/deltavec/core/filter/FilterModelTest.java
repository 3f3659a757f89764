package dev.deltavec.core.filter;

import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.Shrinker;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Compares filters with a naive evaluation over trees, whose texts are spelled in many ways. */
class FilterModelTest {
  private static final int SEEDS = 10_000;
  private static final List<String> NAMES = List.of("a", "b", "ab", "", "é", "\"", "\ud83d\ude00");
  private static final List<String> STRINGS =
      List.of("", "a", "b", "ab", "1", "é", "\\", "\u0000", "\uffff", "\ud83d\ude00", "\ud83d");
  private static final List<String> NUMBERS =
      List.of("0", "1", "-1", "10", "1.5", "1.05", "-0.25", "100", "1e20", "-1e-7", "123456789");

  /** A member of the metadata, or a part of the filter. */
  private record Step(String name, @Nullable Object value, @Nullable Part part) {
    @Override
    public String toString() {
      return part == null ? "metadata " + name + " = " + value : "filter " + part;
    }
  }

  /** A filter: path and values of a leaf, or parts. {@code kind} is its key. */
  private record Part(
      String kind, List<String> path, List<Scalar> values, List<String> bounds, List<Part> parts) {}

  /** A record, as a list of the JDK holds no null. */
  private record Scalar(@Nullable Object value) {}

  @Test
  void agreesWithANaiveEvaluation() {
    Texts texts = new Texts();
    for (long seed = 0; seed < SEEDS; seed++) {
      Generator random = new Generator(seed);
      List<Step> steps = new ArrayList<>();
      for (int i = random.below(5); i > 0; i--) {
        steps.add(new Step(random.pick(NAMES), value(random, 3), null));
      }
      for (int i = random.below(3); i >= 0; i--) {
        steps.add(new Step("", null, part(random, 3)));
      }
      long spelling = seed;
      Shrinker.check(seed, steps, some -> run(texts, some, new Generator(~spelling)));
    }
  }

  private static @Nullable String run(Texts texts, List<Step> steps, Generator random) {
    Map<String, @Nullable Object> metadata = new LinkedHashMap<>();
    List<Part> parts = new ArrayList<>();
    for (Step step : steps) {
      if (step.part == null) {
        metadata.put(step.name, step.value);
      } else {
        parts.add(step.part);
      }
    }
    Part all = new Part(random.chance(50) ? "and" : "or", List.of(), List.of(), List.of(), parts);
    List<Part> asked = new ArrayList<>(parts);
    asked.add(all);
    for (Part part : asked) {
      StringBuilder filter = new StringBuilder();
      writePart(part, random, filter);
      StringBuilder text = new StringBuilder();
      writeValue(metadata, random, text);
      boolean expected = matches(part, metadata);
      if (texts.matches(filter.toString(), text.toString()) != expected) {
        return "expected " + expected + ": " + filter + " of " + text;
      }
    }
    return null;
  }

  // What is to be compared.

  private static @Nullable Object scalar(Generator random) {
    return switch (random.below(8)) {
      case 0 -> null;
      case 1 -> random.chance(50);
      case 2, 3, 4 -> new BigDecimal(random.pick(NUMBERS));
      default -> random.pick(STRINGS);
    };
  }

  private static @Nullable Object value(Generator random, int depth) {
    int kind = depth == 0 ? 9 : random.below(10);
    if (kind < 2) {
      List<@Nullable Object> array = new ArrayList<>();
      for (int i = random.below(4); i > 0; i--) {
        array.add(value(random, depth - 1));
      }
      return array;
    }
    if (kind < 5) {
      Map<String, @Nullable Object> object = new LinkedHashMap<>();
      for (int i = random.below(4); i > 0; i--) {
        object.put(random.pick(NAMES), value(random, depth - 1));
      }
      return object;
    }
    return scalar(random);
  }

  private static Part part(Generator random, int depth) {
    List<String> path = new ArrayList<>();
    List<Scalar> values = new ArrayList<>();
    List<String> bounds = new ArrayList<>();
    List<Part> parts = new ArrayList<>();
    String kind =
        random.pick(
            List.of("equals", "in", "in", "range", "range", "exists", "and", "or", "not", "not"));
    if (depth == 0 && List.of("and", "or", "not").contains(kind)) {
      kind = "in";
    }
    for (int i = random.below(100) < 60 ? 1 : 2; i > 0; i--) {
      path.add(random.pick(NAMES));
    }
    switch (kind) {
      case "equals" -> values.add(new Scalar(scalar(random)));
      case "in" -> {
        for (int i = random.below(12); i > 0; i--) {
          values.add(new Scalar(scalar(random)));
        }
      }
      case "range" -> {
        boolean numbers = random.chance(60);
        int which = 1 + random.below(15);
        for (int i = 0; i < 4; i++) {
          if ((which >> i & 1) != 0 && (values.size() < 2 || random.chance(20))) {
            bounds.add(List.of("gt", "lte", "gte", "lt").get(i));
            values.add(
                new Scalar(numbers ? new BigDecimal(random.pick(NUMBERS)) : random.pick(STRINGS)));
          }
        }
      }
      case "and", "or" -> {
        for (int i = random.below(4); i > 0; i--) {
          parts.add(part(random, depth - 1));
        }
      }
      case "not" -> parts.add(part(random, depth - 1));
      default -> {}
    }
    return new Part(kind, path, values, bounds, parts);
  }

  // The naive evaluation.

  private static boolean matches(Part part, Map<String, @Nullable Object> metadata) {
    switch (part.kind) {
      case "and":
        return part.parts.stream().allMatch(p -> matches(p, metadata));
      case "or":
        return part.parts.stream().anyMatch(p -> matches(p, metadata));
      case "not":
        return !matches(part.parts.get(0), metadata);
      default:
    }
    Object value = metadata;
    for (String name : part.path) {
      if (!(value instanceof Map<?, ?> object) || !object.containsKey(name)) {
        return false;
      }
      value = object.get(name);
    }
    if (part.kind.equals("exists")) {
      return true;
    }
    return value instanceof List<?> array
        ? array.stream().anyMatch(element -> test(part, element))
        : test(part, value);
  }

  private static boolean test(Part part, @Nullable Object value) {
    if (part.kind.equals("range")) {
      for (int i = 0; i < part.values.size(); i++) {
        if (!within(part.bounds.get(i), part.values.get(i).value, value)) {
          return false;
        }
      }
      return true;
    }
    for (Scalar scalar : part.values) {
      boolean numbers = value instanceof BigDecimal && scalar.value instanceof BigDecimal;
      if (numbers ? order(value, scalar.value) == 0 : Objects.equals(value, scalar.value)) {
        return true;
      }
    }
    return false;
  }

  private static boolean within(String bound, @Nullable Object limit, @Nullable Object value) {
    if (value == null || limit == null || value.getClass() != limit.getClass()) {
      return false;
    }
    int order = order(value, limit);
    return switch (bound) {
      case "gt" -> order > 0;
      case "gte" -> order >= 0;
      case "lt" -> order < 0;
      default -> order <= 0;
    };
  }

  private static int order(@Nullable Object a, @Nullable Object b) {
    if (a instanceof BigDecimal x && b instanceof BigDecimal y) {
      return x.compareTo(y);
    }
    int[] x = String.valueOf(a).codePoints().toArray();
    int[] y = String.valueOf(b).codePoints().toArray();
    return Arrays.compare(x, y);
  }

  // Spelling.

  private static void writePart(Part part, Generator random, StringBuilder out) {
    out.append('{');
    writeString(part.kind, random, out);
    out.append(':');
    switch (part.kind) {
      case "and", "or" -> {
        out.append('[');
        for (int i = 0; i < part.parts.size(); i++) {
          comma(i, out);
          writePart(part.parts.get(i), random, out);
        }
        out.append(']');
      }
      case "not" -> writePart(part.parts.get(0), random, out);
      default -> {
        out.append('[');
        writeValue(part.path, random, out);
        switch (part.kind) {
          case "equals" -> {
            comma(1, out);
            writeValue(part.values.get(0).value, random, out);
          }
          case "in" -> {
            comma(1, out);
            List<@Nullable Object> list = new ArrayList<>();
            part.values.forEach(scalar -> list.add(scalar.value));
            writeValue(list, random, out);
          }
          case "range" -> {
            comma(1, out);
            Map<String, @Nullable Object> bounds = new LinkedHashMap<>();
            for (int i = 0; i < part.bounds.size(); i++) {
              bounds.put(part.bounds.get(i), part.values.get(i).value);
            }
            writeValue(bounds, random, out);
          }
          default -> {}
        }
        out.append(']');
      }
    }
    out.append('}');
  }

  private static void comma(int i, StringBuilder out) {
    if (i > 0) {
      out.append(',');
    }
  }

  private static void writeValue(@Nullable Object value, Generator random, StringBuilder out) {
    if (value instanceof Map<?, ?> object) {
      out.append('{');
      int i = 0;
      for (Map.Entry<?, ?> entry : object.entrySet()) {
        comma(i++, out);
        writeString(String.valueOf(entry.getKey()), random, out);
        out.append(':');
        writeValue(entry.getValue(), random, out);
      }
      out.append('}');
    } else if (value instanceof List<?> array) {
      out.append('[');
      for (int i = 0; i < array.size(); i++) {
        comma(i, out);
        writeValue(array.get(i), random, out);
      }
      out.append(']');
    } else if (value instanceof BigDecimal number) {
      writeNumber(number, random, out);
    } else if (value instanceof String string) {
      writeString(string, random, out);
    } else {
      out.append(value);
    }
  }

  private static void writeNumber(BigDecimal number, Generator random, StringBuilder out) {
    if (random.chance(40)) {
      out.append(number.toPlainString());
      return;
    }
    int shift = random.below(13) - 6;
    BigDecimal shifted = number.movePointRight(shift);
    if (random.chance(50)) {
      shifted = shifted.setScale(Math.max(0, shifted.scale()) + random.below(3));
    }
    out.append(shifted.toPlainString()).append(random.chance(50) ? "e" : "E");
    out.append(-shift > 0 && random.chance(50) ? "+" : "").append(-shift);
  }

  private static void writeString(String value, Generator random, StringBuilder out) {
    boolean plain = random.chance(50);
    out.append('"');
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      boolean pair =
          Character.isHighSurrogate(c)
              && i + 1 < value.length()
              && Character.isLowSurrogate(value.charAt(i + 1));
      boolean half = Character.isSurrogate(c) && !pair;
      if (half || c < ' ' || !plain && random.chance(50)) {
        for (int units = pair ? 2 : 1; units > 0; units--, i++) {
          out.append("\\u").append(String.format("%04x", (int) value.charAt(i)));
        }
        i--;
      } else if (c == '"' || c == '\\' || c == '/' && random.chance(50)) {
        out.append('\\').append(c);
      } else {
        out.append(c);
        if (pair) {
          out.append(value.charAt(++i));
        }
      }
    }
    out.append('"');
  }
}
