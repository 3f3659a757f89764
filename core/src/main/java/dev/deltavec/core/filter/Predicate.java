package dev.deltavec.core.filter;

import dev.deltavec.core.memory.Memory;

/** One node of a filter. */
final class Predicate {
  static final int EQUALS = 0;
  static final int IN = 1;
  static final int RANGE = 2;
  static final int EXISTS = 3;
  static final int AND = 4;
  static final int OR = 5;
  static final int NOT = 6;

  /** Of the bounds gt, gte, lt, lte, the first that is from above. */
  private static final int LT = 2;

  private final int kind;

  /** The values of the names of members from the outermost in; empty for AND, OR and NOT. */
  private final byte[][] path;

  /** Of EQUALS and IN the alternatives in ascending order, of RANGE the bounds. */
  private final Scalar[] values;

  /** How many of the values count. */
  private final int count;

  /** Two bits for each value of RANGE: 0 gt, 1 gte, 2 lt, 3 lte. */
  private final int bounds;

  /** Of AND, OR and NOT, which has one. */
  private final Predicate[] parts;

  Predicate(int kind, byte[][] path, Scalar[] values, int count, int bounds, Predicate[] parts) {
    this.kind = kind;
    this.path = path;
    this.values = values;
    this.count = count;
    this.bounds = bounds;
    this.parts = parts;
  }

  boolean matches(Memory memory, int block) {
    if (kind < AND) {
      if (block == 0) {
        return false;
      }
      int start = block + 4;
      int end = start + memory.getInt(block);
      int at = find(memory, start, end);
      return at != 0 && (kind == EXISTS || any(memory, at, end));
    }
    for (Predicate part : parts) {
      if (part.matches(memory, block) != (kind == AND)) {
        return kind == OR;
      }
    }
    return kind != OR;
  }

  /** Returns where the value is that the path leads to, or 0. */
  private int find(Memory memory, int at, int end) {
    for (byte[] name : path) {
      if (memory.getByte(at) != '{' || (at = member(memory, at, end, name)) == 0) {
        return 0;
      }
    }
    return at;
  }

  private static int member(Memory memory, int at, int end, byte[] name) {
    if (memory.getByte(++at) == '}') {
      return 0;
    }
    while (true) {
      boolean found = JsonText.compare(memory, at, name) == 0;
      at = JsonText.skipString(memory, at, end) + 1;
      if (found) {
        return at;
      }
      at = JsonText.skip(memory, at, end);
      if (memory.getByte(at++) == '}') {
        return 0;
      }
    }
  }

  private boolean any(Memory memory, int at, int end) {
    if (memory.getByte(at) != '[') {
      return test(memory, at);
    }
    while (memory.getByte(at++) != ']') {
      if (test(memory, at)) {
        return true;
      }
      at = JsonText.skip(memory, at, end);
    }
    return false;
  }

  private boolean test(Memory memory, int at) {
    if (kind != RANGE) {
      return search(memory, at);
    }
    for (int i = 0; i < count; i++) {
      Scalar value = values[i];
      if (Scalar.type(memory, at) != value.type) {
        return false;
      }
      int bound = bounds >> 2 * i;
      int order = value.compare(memory, at);
      if ((bound & LT) != 0 ? order > 0 : order < 0) {
        return false;
      }
      if (order == 0 && (bound & 1) == 0) {
        return false;
      }
    }
    return true;
  }

  /** Looks for the value at {@code at} among the alternatives. O(log alternatives) comparisons */
  private boolean search(Memory memory, int at) {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = (low + high) >>> 1;
      int order = values[middle].compare(memory, at);
      if (order == 0) {
        return true;
      }
      if (order > 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return false;
  }
}
