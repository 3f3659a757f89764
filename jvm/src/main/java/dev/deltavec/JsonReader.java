package dev.deltavec;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads metadata into maps, lists and values. Takes what the core gives out: JSON without white
 * space, which has been checked.
 */
final class JsonReader {
  private final String text;
  private int at;

  private JsonReader(String text) {
    this.text = text;
  }

  /** Returns the members of an object; see {@link FilterFunction} for the kinds of values. */
  static Map<String, @Nullable Object> object(String json) {
    return new JsonReader(json).object();
  }

  private Map<String, @Nullable Object> object() {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    at++;
    while (text.charAt(at) != '}') {
      at += text.charAt(at) == ',' ? 1 : 0;
      String name = string();
      at++;
      members.put(name, value());
    }
    at++;
    return Collections.unmodifiableMap(members);
  }

  private List<@Nullable Object> array() {
    List<@Nullable Object> elements = new ArrayList<>();
    at++;
    while (text.charAt(at) != ']') {
      at += text.charAt(at) == ',' ? 1 : 0;
      elements.add(value());
    }
    at++;
    return Collections.unmodifiableList(elements);
  }

  private @Nullable Object value() {
    return switch (text.charAt(at)) {
      case '{' -> object();
      case '[' -> array();
      case '"' -> string();
      case 't' -> word(true, 4);
      case 'f' -> word(false, 5);
      case 'n' -> word(null, 4);
      default -> number();
    };
  }

  private @Nullable Object word(@Nullable Object value, int length) {
    at += length;
    return value;
  }

  private Number number() {
    int start = at;
    boolean whole = true;
    for (; "+-.0123456789eE".indexOf(text.charAt(at)) >= 0; at++) {
      whole &= ".eE".indexOf(text.charAt(at)) < 0;
    }
    String number = text.substring(start, at);
    if (whole) {
      try {
        return Long.valueOf(number);
      } catch (NumberFormatException e) {
        return Double.valueOf(number); // does not fit
      }
    }
    return Double.valueOf(number);
  }

  private String string() {
    int start = ++at;
    int end = start;
    while (text.charAt(end) != '"' && text.charAt(end) != '\\') {
      end++;
    }
    at = end + 1;
    return text.charAt(end) == '"' ? text.substring(start, end) : escaped(start, end);
  }

  /** Reads a string that has its first escape at {@code end}. */
  private String escaped(int start, int end) {
    StringBuilder value = new StringBuilder().append(text, start, end);
    for (char c = '\\'; c != '"'; c = text.charAt(at++)) {
      value.append(c == '\\' ? escape() : c);
    }
    return value.toString();
  }

  private char escape() {
    char c = text.charAt(at++);
    return switch (c) {
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> {
        at += 4;
        yield (char) Integer.parseInt(text, at - 4, at, 16);
      }
      default -> c;
    };
  }
}
