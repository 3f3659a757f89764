package dev.deltavec.core;

/** How closeness is measured. Results always come closest first. */
public enum Metric {
  /** Cosine similarity, -1 to 1, higher is closer; 0 where either vector is zero. */
  COSINE,
  /** Dot product, higher is closer. */
  DOT,
  /** Euclidean distance, 0 or more, lower is closer. */
  EUCLIDEAN
}
