package dev.deltavec;

/** Which replica issued a delta. */
public enum DeltaOrigin {
  /** This one. */
  LOCAL,
  /** Another one, whose deltas came by {@link DeltaVectorDB#merge}. */
  MERGE
}
