package dev.deltavec.core.support;

import java.util.List;

/** A small seeded source of choices for property tests: plain Java, the same numbers everywhere. */
public final class Generator {
  private long state;

  public Generator(long seed) {
    state = seed * 0x9E3779B97F4A7C15L + 0x1234567;
  }

  /** SplitMix64. */
  public long nextLong() {
    state += 0x9E3779B97F4A7C15L;
    long z = state;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }

  /** From 0 to below {@code bound}. */
  public int below(int bound) {
    return (int) ((nextLong() >>> 33) % bound);
  }

  public boolean chance(int percent) {
    return below(100) < percent;
  }

  public <T> T pick(List<T> of) {
    return of.get(below(of.size()));
  }

  /** From -1 to 1. */
  public float unit() {
    return (nextLong() >> 40) / (float) (1 << 23);
  }

  /** About normal, mean 0, deviation 1. */
  public float gauss() {
    float sum = 0;
    for (int i = 0; i < 12; i++) {
      sum += unit();
    }
    return sum / 2;
  }

  public float[] vector(int dimensions) {
    float[] v = new float[dimensions];
    for (int i = 0; i < dimensions; i++) {
      v[i] = gauss();
    }
    return v;
  }
}
