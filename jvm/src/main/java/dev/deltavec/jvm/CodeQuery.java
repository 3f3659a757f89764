package dev.deltavec.jvm;

/**
 * How the JVM's kernels lay out a prepared query: what it is prepared for, its codes as bytes, and
 * between them factors for rows of 8 or of 4 bits. These are made from the bytes by the first batch
 * of such rows, so that nothing is prepared for rows that do not come.
 */
final class CodeQuery {
  /** Values of the first integer: what the factors are for. */
  static final int PLAIN = 0;

  static final int OF_8 = 8;
  static final int OF_4 = 4;

  /** Where an integer is that results are too large by. */
  static final int BIAS = 4;

  /** Where the factors are, of up to three bytes for each code. */
  static final int PREPARED = 64;

  private CodeQuery() {}

  /** Returns where the codes are as bytes. */
  static int plain(int codes) {
    return PREPARED + 3 * codes;
  }
}
