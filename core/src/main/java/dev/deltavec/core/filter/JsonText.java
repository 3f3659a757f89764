package dev.deltavec.core.filter;

import dev.deltavec.core.json.JsonParser;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * Steps over JSON in linear memory that has been checked. The value of a string is its UTF-8, where
 * half a surrogate pair, which only an escape can give, has three bytes as any other code point of
 * its size; so the order of bytes is that of code points.
 */
final class JsonText {
  /** Each byte 1. */
  private static final long ONES = 0x0101_0101_0101_0101L;

  private JsonText() {}

  /**
   * Steps over a value.
   *
   * @param end where the text ends
   * @return where the value ends, or, after a number, true, false and null, where the next comma or
   *     bracket is
   */
  static int skip(Memory memory, int at, int end) {
    int depth = 0;
    while (true) {
      int b = memory.getByte(at);
      int bracket = b | 0x20; // folds [ onto { and ] onto }
      if (b == '"') {
        at = skipString(memory, at, end);
      } else if (depth == 0 && (b == ',' || bracket == '}')) {
        return at;
      } else {
        at++;
        depth += bracket == '{' ? 1 : bracket == '}' ? -1 : 0;
        if (bracket != '}') {
          continue;
        }
      }
      if (depth == 0) {
        return at;
      }
    }
  }

  /**
   * Steps over the string whose opening quote is at {@code at}, eight bytes at a time.
   *
   * @param end where the text ends
   */
  static int skipString(Memory memory, int at, int end) {
    at++;
    while (true) {
      if (end - at >= 8) {
        // The lowest bit that is set belongs to the first quote or backslash.
        long eight = memory.getLong(at);
        long quote = eight ^ ONES * '"';
        long backslash = eight ^ ONES * '\\';
        long found = (quote - ONES & ~quote | backslash - ONES & ~backslash) & ONES << 7;
        if (found == 0) {
          at += 8;
          continue;
        }
        at += Long.numberOfTrailingZeros(found) >> 3;
      }
      int b = memory.getByte(at++);
      if (b == '"') {
        return at;
      }
      if (b == '\\') {
        at++;
      }
    }
  }

  /** Returns the value of the string from its opening quote to behind its closing one. */
  static byte[] string(Memory memory, int at, int end) {
    byte[] value = new byte[end - at]; // no escape is shorter than its value
    int n = 0;
    int b;
    while ((b = memory.getByte(++at)) != '"') {
      if (b == '\\') {
        int point = escaped(memory, ++at);
        at += length(memory, at, point) - 1;
        for (; point >>> 8 != 0; point >>>= 8) {
          value[n++] = (byte) point;
        }
        b = point;
      }
      value[n++] = (byte) b;
    }
    return Arrays.copyOf(value, n);
  }

  /**
   * Compares the string whose opening quote is at {@code at} with a value.
   *
   * @return less than 0, 0 or more than 0 as the string comes before, is or comes after the value
   */
  static int compare(Memory memory, int at, byte[] value) {
    int rest = 0; // of an escaped code point, the next byte lowest
    for (int i = 0; ; i++) {
      int b = rest & 0xff;
      rest >>>= 8;
      if (b == 0) {
        b = memory.getByte(++at) & 0xff;
        if (b == '"') {
          return i - value.length;
        }
        if (b == '\\') {
          int point = escaped(memory, ++at);
          at += length(memory, at, point) - 1;
          b = point & 0xff;
          rest = point >>> 8;
        }
      }
      if (i == value.length) {
        return 1;
      }
      int difference = b - (value[i] & 0xff);
      if (difference != 0) {
        return difference;
      }
    }
  }

  /** Returns the UTF-8 of the escape behind a backslash, its first byte lowest. */
  private static int escaped(Memory memory, int at) {
    int c = memory.getByte(at);
    if (c != 'u') {
      return JsonParser.unescape(c);
    }
    c = hex(memory, at + 1);
    if (c < 0x80) {
      return c;
    }
    if (c < 0x800) {
      return 0x80c0 | c >> 6 | (c & 0x3f) << 8;
    }
    if (c >> 10 == 0x36 && memory.getByte(at + 5) == '\\' && memory.getByte(at + 6) == 'u') {
      int low = hex(memory, at + 7);
      if (low >> 10 == 0x37) {
        c = (c << 10) + low - 0x35fdc00;
        return 0x808080f0 | c >> 18 | (c >> 4 & 0x3f00) | (c & 0xfc0) << 10 | (c & 0x3f) << 24;
      }
    }
    return 0x8080e0 | c >> 12 | (c & 0xfc0) << 2 | (c & 0x3f) << 16;
  }

  private static int hex(Memory memory, int at) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      int c = memory.getByte(at + i);
      value = value << 4 | (c & 15) + (c > '9' ? 9 : 0);
    }
    return value;
  }

  /** Returns the length of the escape behind a backslash, given its UTF-8. */
  private static int length(Memory memory, int at, int utf8) {
    return memory.getByte(at) != 'u' ? 1 : utf8 < 0 ? 11 : 5;
  }
}
