package dev.deltavec.core.filter;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.memory.Memory;

/** Reads a filter from text that is JSON for sure, and says what in it is not a filter. */
final class FilterParser {
  private static final String[] KINDS = {"equals", "in", "range", "exists", "and", "or", "not"};
  private static final String[] BOUNDS = {"gt", "gte", "lt", "lte"};
  private static final String PATH = "the path must be an array of one or more strings";

  private final Memory memory;
  private final int end;
  private int at;

  FilterParser(Memory memory, int address, int bytes) {
    this.memory = memory;
    at = address;
    end = address + bytes;
  }

  /**
   * Reads a filter.
   *
   * @param place how messages name it
   * @param depth its number, counted from the outermost filter inwards
   */
  Predicate parse(String place, int depth) {
    if (depth > Filter.MAX_DEPTH) {
      throw wrong(place, "filters nest deeper than " + Filter.MAX_DEPTH);
    }
    int kind = next() == '{' ? key(KINDS) : -1;
    if (kind < 0) {
      throw notOne(place);
    }
    String inner = place + '.' + KINDS[kind];
    Predicate predicate = kind < Predicate.AND ? leaf(kind, inner) : group(kind, inner, depth);
    if (step() != '}') {
      throw notOne(place);
    }
    return predicate;
  }

  private Predicate group(int kind, String place, int depth) {
    Predicate[] parts;
    if (kind == Predicate.NOT) {
      parts = new Predicate[] {parse(place, depth + 1)};
    } else {
      parts = new Predicate[open(place, "must be an array of filters")];
      for (int i = 0; i < parts.length; i++) {
        parts[i] = parse(place + '[' + i + ']', depth + 1);
        step();
      }
    }
    return new Predicate(kind, new byte[0][], new Scalar[0], 0, 0, parts);
  }

  private Predicate leaf(int kind, String place) {
    int arguments = kind == Predicate.EXISTS ? 1 : 2;
    String shape = arguments == 1 ? "must be [path]" : "must be [path, value]";
    if (open(place, shape) != arguments) {
      throw wrong(place, shape);
    }
    byte[][] path = path(place);
    step();
    Scalar[] values = new Scalar[kind == Predicate.EXISTS ? 0 : 1];
    int n = 0;
    int bounds = 0;
    if (kind == Predicate.EQUALS) {
      values[n++] = scalar(place);
    } else if (kind == Predicate.IN) {
      values = new Scalar[open(place, "the value must be an array")];
      while (n < values.length) {
        values[n++] = scalar(place);
        step();
      }
      sort(values);
    } else if (kind == Predicate.RANGE) {
      values = new Scalar[BOUNDS.length];
      if (next() != '{') {
        throw wrong(place, "the value must be an object");
      }
      int seen = 0;
      do {
        int bound = key(BOUNDS);
        if (bound < 0 || (seen >> bound & 1) != 0) {
          throw wrong(place, "needs one or more of gt, gte, lt, lte, none of them twice");
        }
        seen |= 1 << bound;
        bounds |= bound << 2 * n;
        Scalar value = scalar(place);
        values[n++] = value;
        if (value.type != Scalar.NUMBER && value.type != Scalar.STRING
            || value.type != values[0].type) {
          throw wrong(place, "the bounds must be all numbers or all strings");
        }
      } while (next() == ',');
      step();
    }
    if (arguments == 2) {
      step();
    }
    return new Predicate(kind, path, values, n, bounds, new Predicate[0]);
  }

  /** Shell's sort. O(n^1.5) comparisons, whatever the order. */
  private void sort(Scalar[] values) {
    int gap = 1;
    while (gap < values.length / 3) {
      gap = 3 * gap + 1;
    }
    for (; gap > 0; gap /= 3) {
      for (int i = gap; i < values.length; i++) {
        Scalar value = values[i];
        int to = i;
        while (to >= gap && values[to - gap].compare(memory, value.at) < 0) {
          values[to] = values[to - gap];
          to -= gap;
        }
        values[to] = value;
      }
    }
  }

  private byte[][] path(String place) {
    byte[][] path = new byte[open(place, PATH)][];
    for (int i = 0; i < path.length; i++) {
      if (next() != '"') {
        throw wrong(place, PATH);
      }
      int start = at;
      at = JsonText.skipString(memory, at, end);
      path[i] = JsonText.string(memory, start, at);
      step();
    }
    if (path.length == 0) {
      throw wrong(place, PATH);
    }
    return path;
  }

  private Scalar scalar(String place) {
    int b = next();
    if (b == '{' || b == '[') {
      throw wrong(place, "a value must be a string, a number, true, false or null");
    }
    int start = at;
    at = JsonText.skip(memory, at, end);
    return new Scalar(memory, start, at);
  }

  /**
   * Steps into an array, and out again if it is empty.
   *
   * @return the number of its elements
   */
  private int open(String place, String orElse) {
    if (step() != '[') {
      throw wrong(place, orElse);
    }
    int start = at;
    int n = 0;
    if (next() == ']') {
      at++;
      return 0;
    }
    do {
      next();
      at = JsonText.skip(memory, at, end);
      n++;
    } while (step() == ',');
    at = start;
    return n;
  }

  /**
   * Steps over a brace or comma and a name with its colon.
   *
   * @return which of the names it is, or -1 if it is none of them or the object is empty
   */
  private int key(String[] names) {
    at++;
    for (int i = 0; next() == '"' && i < names.length; i++) {
      if (JsonText.compare(memory, at, ascii(names[i])) == 0) {
        at = JsonText.skipString(memory, at, end);
        step();
        return i;
      }
    }
    return -1;
  }

  private static byte[] ascii(String text) {
    byte[] bytes = new byte[text.length()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) text.charAt(i);
    }
    return bytes;
  }

  /** Steps over the next character that is not white space and returns it. */
  private int step() {
    int b = next();
    at++;
    return b;
  }

  /** Goes to the next character that is not white space and returns it. */
  private int next() {
    int b;
    while ((b = memory.getByte(at)) <= ' ') {
      at++;
    }
    return b;
  }

  private static DeltaException notOne(String place) {
    return wrong(place, "must be an object with one of equals, in, range, exists, and, or, not");
  }

  private static DeltaException wrong(String place, String what) {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, place + ": " + what);
  }
}
