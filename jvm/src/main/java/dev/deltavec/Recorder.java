package dev.deltavec;

import org.jspecify.annotations.Nullable;

/**
 * Is told of every call that has changed the database: with the lock of the gate, before anybody
 * else hears of it.
 */
interface Recorder {
  /** Keeps nothing: for a database in memory. */
  Recorder NONE = new Recorder() {};

  /**
   * Fails if no change can be recorded.
   *
   * @throws dev.deltavec.core.DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}
   */
  default void requireWritable() {}

  /** Local frames in the store's memory were applied. */
  default void applied(int frames, int bytes, int count, long now) {}

  /** A stream was merged, with so many deltas that were new. */
  default void merged(byte[] stream, int merged, long now) {}

  /**
   * A vector was brought back to its state behind a delta.
   *
   * @param payload of a record of the log
   */
  default void rolledBack(byte[] payload, long now) {}

  /**
   * History was compacted.
   *
   * @param payload of a record of the log
   */
  default void compacted(byte[] payload) {}

  /** The database got a mark; what it stands for was recorded before. */
  default void marked(long mark, long now) {}

  /** Returns the number of the last record. */
  default long last() {
    return 0;
  }

  /**
   * Returns once a record is as durable as the database promises; needs no lock.
   *
   * @throws dev.deltavec.core.DeltaException {@code STORAGE_FAILED}, {@code QUOTA_EXCEEDED}
   */
  default void settle(long record) {}

  /** Returns what is in files; null if nothing is. With a share of the gate's lock at least. */
  default @Nullable StorageStats storage() {
    return null;
  }
}
