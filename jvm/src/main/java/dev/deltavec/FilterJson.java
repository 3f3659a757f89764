package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes filters as the JSON that the core reads, and says which values may be in one. */
final class FilterJson {
  private static final int MAX_DEPTH = 32;
  private static final int MAX_BYTES = 1 << 16;

  private final StringBuilder json = new StringBuilder(64);

  private FilterJson() {}

  /**
   * Returns a filter's JSON in UTF-8.
   *
   * @throws DeltaException {@code INVALID_ARGUMENT} for a filter that nests too deep or is too
   *     long, or a range without bounds
   */
  static byte[] write(MetadataFilter filter) {
    FilterJson writer = new FilterJson();
    writer.filter(filter, 1);
    byte[] utf8 = writer.json.toString().getBytes(StandardCharsets.UTF_8);
    if (utf8.length > MAX_BYTES) {
      throw tooLong(utf8.length);
    }
    return utf8;
  }

  private static DeltaException tooLong(int bytes) {
    return invalid("takes " + bytes + " bytes of JSON, over " + MAX_BYTES);
  }

  private void filter(MetadataFilter filter, int depth) {
    if (depth > MAX_DEPTH) {
      throw invalid("nests deeper than " + MAX_DEPTH + " levels");
    }
    if (json.length() > MAX_BYTES) {
      throw tooLong(json.length());
    }
    switch (filter) {
      case MetadataFilter.Equal equal -> {
        begin("equals", equal.field());
        json.append(',');
        scalar(equal.value());
        json.append("]}");
      }
      case MetadataFilter.In in -> {
        begin("in", in.field());
        json.append(",[");
        for (Object value : in.values()) {
          comma();
          scalar(value);
        }
        json.append("]]}");
      }
      case MetadataFilter.Range range -> range(range);
      case MetadataFilter.Exists exists -> {
        begin("exists", exists.field());
        json.append("]}");
      }
      case MetadataFilter.And and -> filters("and", and.filters(), depth);
      case MetadataFilter.Or or -> filters("or", or.filters(), depth);
      case MetadataFilter.Not not -> {
        json.append("{\"not\":");
        filter(not.filter(), depth + 1);
        json.append('}');
      }
    }
  }

  private void begin(String operator, List<String> field) {
    json.append("{\"").append(operator).append("\":[[");
    for (String name : field) {
      comma();
      text(name);
    }
    json.append(']');
  }

  private void filters(String operator, List<MetadataFilter> filters, int depth) {
    json.append("{\"").append(operator).append("\":[");
    for (MetadataFilter filter : filters) {
      comma();
      filter(filter, depth + 1);
    }
    json.append("]}");
  }

  private void range(MetadataFilter.Range range) {
    begin("range", range.field());
    json.append(",{");
    int start = json.length();
    bound("gt", range.gt());
    bound("gte", range.gte());
    bound("lt", range.lt());
    bound("lte", range.lte());
    if (json.length() == start) {
      throw invalid("a range has no bounds");
    }
    json.append("}]}");
  }

  private void bound(String name, @Nullable Object value) {
    if (value != null) {
      comma();
      json.append('"').append(name).append("\":");
      scalar(value);
    }
  }

  /** Separates an element from the one before it. */
  private void comma() {
    char last = json.charAt(json.length() - 1);
    if (last != '[' && last != '{') {
      json.append(',');
    }
  }

  private void scalar(@Nullable Object value) {
    if (value instanceof String text) {
      text(text);
    } else {
      json.append(value); // null, true, false, and numbers as Java writes them, are JSON
    }
  }

  private void text(String text) {
    json.append('"');
    text.codePoints()
        .forEach(point -> {
          if (point == '"' || point == '\\') {
            json.append('\\').append((char) point);
          } else if (point < ' ' || (point >= 0xd800 && point <= 0xdfff)) {
            json.append(String.format("\\u%04x", point)); // a lone surrogate fits no UTF-8
          } else {
            json.appendCodePoint(point);
          }
        });
    json.append('"');
  }

  // ---------------------------------------------------------------- values

  /** Fails for what is no text, number, truth value or null. */
  static void requireScalar(@Nullable Object value) {
    boolean valid =
        switch (value) {
          case null -> true;
          case String text -> true;
          case Boolean truth -> true;
          case Double number -> Double.isFinite(number);
          case Float number -> Float.isFinite(number);
          default -> isExact(value);
        };
    if (!valid) {
      throw invalid(
          value instanceof Number
              ? "a number must be finite, and of Java's own kinds, not " + value
              : "a value must be a text, a number, a boolean or null, not " + value);
    }
  }

  private static boolean isExact(Object value) {
    return value instanceof Integer
        || value instanceof Long
        || value instanceof Short
        || value instanceof Byte
        || value instanceof BigInteger
        || value instanceof BigDecimal;
  }

  /** Fails unless all bounds that are there are numbers, or all are texts. */
  static void requireBounds(@Nullable Object... bounds) {
    int numbers = 0;
    int texts = 0;
    for (Object bound : bounds) {
      requireScalar(bound);
      numbers += bound instanceof Number ? 1 : 0;
      texts += bound instanceof String ? 1 : 0;
      if (bound instanceof Boolean) {
        throw invalid("bounds must be numbers or texts, not " + bound);
      }
    }
    if (numbers > 0 && texts > 0) {
      throw invalid("bounds must be all numbers, or all texts");
    }
  }

  private static DeltaException invalid(String what) {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, "filter: " + what);
  }
}
