package dev.deltavec.core;

/**
 * What the graph is built and walked on; results are then ranked by the floats, where those are
 * kept.
 */
public enum Quantization {
  /** The floats themselves. */
  NONE,
  /** 8-bit codes: a quarter of the bytes, and nearly the same order. */
  INT8,
  /** 4-bit codes: an eighth of the bytes; more candidates are ranked by their floats. */
  INT4
}
