package dev.deltavec;

/** What a call that changes a durable database waits for. */
public enum Durability {
  /** For the disk: what a call has done is there when it returns, and a crash loses nothing. */
  STRICT,

  /**
   * For nothing: the disk is behind by at most the time that {@link
   * DeltaVectorDB.Builder#flushInterval} says. A crash loses what came later, never the middle of a
   * call.
   */
  RELAXED
}
