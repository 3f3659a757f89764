package dev.deltavec.component;

/**
 * Numbers of replicas, 48 bits each: a sequence that looks random and repeats none for very long
 * (SplitMix64, cut off). The same seed gives the same numbers.
 */
final class Replicas {
  private long state;

  /**
   * A sequence.
   *
   * @param seed any number; close ones give sequences that have nothing in common
   */
  Replicas(long seed) {
    state = seed;
  }

  /** Draws a number, 0 to 2^48-1. */
  long next() {
    state += 0x9E3779B97F4A7C15L;
    long z = state;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return (z ^ (z >>> 31)) >>> 16;
  }
}
