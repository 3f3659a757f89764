package dev.deltavec.client;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;

/** A set of sequence numbers, from 1, as intervals. */
final class Intervals {
  /** The last number of each interval by its first; no two touch. */
  private final TreeMap<Long, Long> ends = new TreeMap<>();

  /** Adds a number. O(log intervals) */
  void add(long number) {
    add(number, number);
  }

  /** Adds the numbers from one to another. */
  void add(long first, long last) {
    long from = first;
    long to = last;
    Map.Entry<Long, Long> before = ends.floorEntry(from);
    if (before != null && before.getValue() >= from - 1) {
      if (before.getValue() >= to) {
        return;
      }
      from = before.getKey();
    }
    Map.Entry<Long, Long> next = ends.higherEntry(from);
    while (next != null && next.getKey() <= to + 1) {
      to = Math.max(to, next.getValue());
      ends.remove(next.getKey());
      next = ends.higherEntry(from);
    }
    ends.put(from, to);
  }

  boolean contains(long number) {
    Map.Entry<Long, Long> found = ends.floorEntry(number);
    return found != null && found.getValue() >= number;
  }

  /** Returns the last number of the interval that holds this one. */
  long endOf(long number) {
    Map.Entry<Long, Long> found = ends.floorEntry(number);
    return found == null ? number : found.getValue();
  }

  /** Returns the first number behind this one that is in the set; the greatest if there is none. */
  long beginAfter(long number) {
    Long found = ends.higherKey(number);
    return found == null ? Long.MAX_VALUE : found;
  }

  boolean isEmpty() {
    return ends.isEmpty();
  }

  int size() {
    return ends.size();
  }

  /** Goes over the intervals, ascending. */
  void forEach(BiConsumer<Long, Long> each) {
    ends.forEach(each);
  }

  Intervals copy() {
    Intervals copy = new Intervals();
    copy.ends.putAll(ends);
    return copy;
  }

  /** Returns whether all of another set is in this one. */
  boolean containsAll(Intervals other) {
    return other.ends.entrySet().stream()
        .allMatch(interval -> {
          Map.Entry<Long, Long> found = ends.floorEntry(interval.getKey());
          return found != null && found.getValue() >= interval.getValue();
        });
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Intervals intervals && ends.equals(intervals.ends);
  }

  @Override
  public int hashCode() {
    return ends.hashCode();
  }

  @Override
  public String toString() {
    return ends.toString();
  }
}
