package dev.deltavec.core.json;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.json.MergePatch.Node;

/**
 * A strict JSON parser (RFC 8259) over UTF-8 bytes. Where a name repeats, the last value counts, as
 * in JavaScript. Nesting is bounded, so no text can exhaust the stack.
 */
public final class JsonParser {
  static final int MAX_DEPTH = 64;

  private static final String ESCAPES = "\"\\/bfnrt";
  private static final String ESCAPED = "\"\\/\b\f\n\r\t";

  private final byte[] text;
  private final String what;
  private final int maxDepth;
  private int at;
  private int depth;

  /** A parser of metadata. */
  JsonParser(byte[] text) {
    this(text, "metadata", MAX_DEPTH);
  }

  private JsonParser(byte[] text, String what, int maxDepth) {
    this.text = text;
    this.what = what;
    this.maxDepth = maxDepth;
  }

  /**
   * Checks that a text is one JSON value in UTF-8.
   *
   * @param what how messages name the text
   * @param maxDepth how deep its arrays and objects may nest
   * @throws DeltaException {@code INVALID_ARGUMENT} if it is not. O(bytes)
   */
  public static void check(byte[] text, String what, int maxDepth) {
    JsonParser parser = new JsonParser(text, what, maxDepth);
    parser.copyValue(new Output(text.length));
    parser.end();
  }

  /** Parses the whole text as one value. */
  Node parse() {
    Node value = value();
    end();
    return value;
  }

  private void end() {
    space();
    if (at < text.length) {
      throw malformed();
    }
  }

  private Node value() {
    space();
    if (peek() == '{') {
      return object();
    }
    Output out = new Output(16);
    copyValue(out);
    return Node.text(out.toBytes());
  }

  private Node object() {
    Node node = Node.object();
    enter();
    at++;
    space();
    if (peek() == '}') {
      at++;
    } else {
      do {
        space();
        Output rawName = new Output(16);
        String name = string(rawName);
        space();
        expect(':');
        Node value = value();
        node.put(name, rawName.toBytes(), value);
        space();
      } while (comma('}'));
    }
    depth--;
    return node;
  }

  /** Copies any value without its white space. */
  private void copyValue(Output out) {
    space();
    int c = peek();
    switch (c) {
      case '{' -> copyContainer(out, '}', true);
      case '[' -> copyContainer(out, ']', false);
      case '"' -> string(out);
      case 't' -> copyWord("true", out);
      case 'f' -> copyWord("false", out);
      case 'n' -> copyWord("null", out);
      default -> copyNumber(out);
    }
  }

  private void copyContainer(Output out, int close, boolean named) {
    enter();
    out.put(text[at++]);
    space();
    if (peek() == close) {
      at++;
    } else {
      boolean more;
      do {
        if (named) {
          space();
          string(out);
          space();
          expect(':');
          out.put(':');
        }
        copyValue(out);
        space();
        more = comma(close);
        if (more) {
          out.put(',');
        }
      } while (more);
    }
    out.put(close);
    depth--;
  }

  private void copyWord(String word, Output out) {
    for (int i = 0; i < word.length(); i++) {
      if (peek() != word.charAt(i)) {
        throw malformed();
      }
      out.put(text[at++]);
    }
  }

  private void copyNumber(Output out) {
    if (peek() == '-') {
      out.put(text[at++]);
    }
    if (peek() == '0') {
      out.put(text[at++]);
    } else {
      digits(out);
    }
    if (peek() == '.') {
      out.put(text[at++]);
      digits(out);
    }
    if (peek() == 'e' || peek() == 'E') {
      out.put(text[at++]);
      if (peek() == '+' || peek() == '-') {
        out.put(text[at++]);
      }
      digits(out);
    }
  }

  private void digits(Output out) {
    int start = at;
    while (peek() >= '0' && peek() <= '9') {
      out.put(text[at++]);
    }
    if (at == start) {
      throw malformed();
    }
  }

  /** Reads a string: copies it as it is, quotes included, and returns its unescaped value. */
  private String string(Output out) {
    expect('"');
    out.put('"');
    StringBuilder value = new StringBuilder();
    while (peek() != '"') {
      if (at == text.length) {
        throw malformed();
      }
      int b = text[at];
      if (b >= 0 && b < 0x20) {
        throw malformed();
      }
      if (b == '\\') {
        value.append(escape(out));
      } else if (b >= 0) {
        out.put(b);
        value.append((char) b);
        at++;
      } else {
        value.appendCodePoint(multibyte(out));
      }
    }
    at++;
    out.put('"');
    return value.toString();
  }

  private char escape(Output out) {
    out.put(text[at++]);
    int c = peek();
    out.put(c);
    at++;
    if (c == 'u') {
      int unit = 0;
      for (int i = 0; i < 4; i++) {
        int digit = hexDigit(peek());
        if (digit < 0) {
          throw malformed();
        }
        out.put(text[at++]);
        unit = unit << 4 | digit;
      }
      return (char) unit;
    }
    int character = unescape(c);
    if (character < 0) {
      at--;
      throw malformed();
    }
    return (char) character;
  }

  /** Returns what an escape of one letter stands for, or -1 if there is no such escape. */
  public static int unescape(int letter) {
    for (int i = 0; i < ESCAPES.length(); i++) {
      if (ESCAPES.charAt(i) == letter) {
        return ESCAPED.charAt(i);
      }
    }
    return -1;
  }

  private static int hexDigit(int c) {
    if (c >= '0' && c <= '9') {
      return c - '0';
    }
    int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  }

  private int multibyte(Output out) {
    int b = text[at] & 0xff;
    int more = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : 1;
    int point = b & 0x3f >> more;
    if (b < 0xc2 || b > 0xf4 || at + more >= text.length) {
      throw malformed();
    }
    out.put(b);
    for (int i = 1; i <= more; i++) {
      int next = text[at + i];
      if ((next & 0xc0) != 0x80) {
        throw malformed();
      }
      out.put(next);
      point = point << 6 | next & 0x3f;
    }
    boolean overlong = more == 2 && point < 0x800 || more == 3 && point < 0x10000;
    if (overlong || point > 0x10ffff || point >= 0xd800 && point <= 0xdfff) {
      throw malformed();
    }
    at += more + 1;
    return point;
  }

  private boolean comma(int close) {
    int c = peek();
    if (c != ',' && c != close) {
      throw malformed();
    }
    at++;
    return c == ',';
  }

  private void enter() {
    if (++depth > maxDepth) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, what + " nests deeper than " + maxDepth + " levels");
    }
  }

  private void expect(int c) {
    if (peek() != c) {
      throw malformed();
    }
    at++;
  }

  private void space() {
    while (at < text.length
        && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
      at++;
    }
  }

  /**
   * Returns the next byte, or -1 at the end; bytes over 127 are negative too and match nothing that
   * is asked for.
   */
  private int peek() {
    return at < text.length ? text[at] : -1;
  }

  private DeltaException malformed() {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, what + " is not JSON at byte " + at);
  }
}
