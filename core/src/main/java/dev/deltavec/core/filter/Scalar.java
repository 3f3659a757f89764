package dev.deltavec.core.filter;

import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * A string, number, true, false or null of a filter, to compare metadata with. Scalars have a total
 * order: that of their types, then that of their values.
 */
final class Scalar {
  static final int STRING = '"';
  static final int NUMBER = '0';

  /** More than the exponent of any number that can be written, and no sum with it overflows. */
  private static final long MAX_EXPONENT = 100_000_000_000_000_000L;

  /** The magnitude of 0, less than any other. */
  private static final long ZERO = Long.MIN_VALUE;

  /** The first character, that of all numbers being 0. */
  final int type;

  /** Where it was read; means nothing once the filter is parsed. */
  final int at;

  /** A string's value, or a number's digits from the first to the last that is not 0. */
  private final byte[] value;

  /** Where the point is, counted from the first digit: 0.digits · 10^magnitude. */
  private final long magnitude;

  private final boolean negative;

  /** Reads the scalar that is from {@code at} to {@code end}. */
  Scalar(Memory memory, int at, int end) {
    type = type(memory, at);
    this.at = at;
    byte[] bytes = new byte[0];
    long size = 0;
    boolean minus = false;
    if (type == STRING) {
      bytes = JsonText.string(memory, at, end);
    } else if (type == NUMBER) {
      minus = memory.getByte(at) == '-';
      if (minus) {
        at++;
      }
      size = magnitude(memory, at);
      minus &= size != ZERO;
      bytes = digits(memory, at);
    }
    value = bytes;
    magnitude = size;
    negative = minus;
  }

  /** Returns the type of the value at {@code at}; a bracket is none that a scalar has. */
  static int type(Memory memory, int at) {
    int b = memory.getByte(at);
    return b == '-' || b <= '9' && b >= '0' ? NUMBER : b;
  }

  /**
   * Compares the value at {@code at} with this one. Exact; allocates nothing. O(bytes of the value)
   *
   * @return less than 0, 0 or more than 0 as the value there comes before, is or comes after this
   */
  int compare(Memory memory, int at) {
    int its = type(memory, at);
    if (its != type) {
      return its - type;
    }
    if (its == STRING) {
      return JsonText.compare(memory, at, value);
    }
    return its == NUMBER ? compareNumber(memory, at) : 0;
  }

  private int compareNumber(Memory memory, int at) {
    boolean minus = memory.getByte(at) == '-';
    if (minus) {
      at++;
    }
    long size = magnitude(memory, at);
    minus &= size != ZERO;
    if (minus != negative) {
      return minus ? -1 : 1;
    }
    int order = size != magnitude ? (size < magnitude ? -1 : 1) : compareDigits(memory, at);
    return minus ? -order : order;
  }

  /** Finds the place of the point relative to the first digit that is not 0, and the exponent. */
  private static long magnitude(Memory memory, int at) {
    long places = 0;
    boolean started = false;
    boolean point = false;
    int b;
    while ((b = memory.getByte(at)) == '.' || b >= '0' && b <= '9') {
      at++;
      if (b == '.') {
        point = true;
        continue;
      }
      started |= b != '0';
      if (started != point) {
        places += started ? 1 : -1;
      }
    }
    if (!started) {
      return ZERO;
    }
    if ((b | 0x20) != 'e') {
      return places;
    }
    boolean minus = memory.getByte(++at) == '-';
    if (minus || memory.getByte(at) == '+') {
      at++;
    }
    long exponent = 0;
    while ((b = memory.getByte(at++)) >= '0' && b <= '9') {
      exponent = Math.min(exponent * 10 + b - '0', MAX_EXPONENT);
    }
    return minus ? places - exponent : places + exponent;
  }

  private static byte[] digits(Memory memory, int at) {
    int end = at;
    int b;
    while ((b = memory.getByte(end)) == '.' || b >= '0' && b <= '9') {
      end++;
    }
    byte[] digits = new byte[end - at];
    int n = 0;
    int used = 0;
    for (; at < end; at++) {
      b = memory.getByte(at);
      if (b != '.' && (n > 0 || b != '0')) {
        digits[n++] = (byte) b;
        used = b == '0' ? used : n;
      }
    }
    return Arrays.copyOf(digits, used);
  }

  private int compareDigits(Memory memory, int at) {
    int i = 0;
    for (; ; at++) {
      int b = memory.getByte(at);
      if (b == '.' || i == 0 && b == '0') {
        continue;
      }
      if (b < '0' || b > '9') {
        return i < value.length ? -1 : 0;
      }
      int difference = b - (i < value.length ? value[i++] : '0');
      if (difference != 0) {
        return difference;
      }
    }
  }
}
