package dev.deltavec.core.index;

import dev.deltavec.core.memory.Memory;

/**
 * Tells how far slots are from what it was set to: smaller is closer, never NaN. What is measured,
 * floats or codes, and on which scale, is the subclass's matter; two distances of one measure can
 * be compared.
 */
abstract class Measure {
  /** The most slots that one batch takes. */
  static final int MAX_BATCH = 256;

  final Memory memory;

  /** Address of the results of the last batch. */
  final int out;

  Measure(Memory memory, int out) {
    this.memory = memory;
    this.out = out;
  }

  /** Sets the vector of a slot as what distances are measured from. */
  abstract void from(int slot);

  /**
   * Sets a query as what distances are measured from.
   *
   * @param row address of a padded row of floats
   * @param inverse its inverse norm
   */
  abstract void from(int row, float inverse);

  /**
   * Measures to the slots listed at {@code slots}.
   *
   * @param slots address of {@code n} slots (32-bit each)
   * @param n 0 to {@link #MAX_BATCH}
   */
  abstract void batch(int slots, int n);

  /** Returns result {@code i} of the last {@link #batch}. */
  final float get(int i) {
    return memory.getFloat(out + (i << 2));
  }

  /**
   * Returns by what factor a distance must be smaller to count as clearly smaller, for the
   * diversity of links.
   */
  abstract float alpha();

  /**
   * Returns the length that a distance stands for, in the unit in which drift is told: of unit
   * vectors under cosine, of the vectors' lengths under dot (1 whatever the distance), of the
   * vectors' own under euclidean.
   */
  abstract float length(float distance);
}
