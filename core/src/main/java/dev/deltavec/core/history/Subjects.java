package dev.deltavec.core.history;

/**
 * What a merge asks of the database when a subject's life begins, goes on or ends. All of it can be
 * undone.
 */
public interface Subjects {
  /**
   * Brings a subject to a new state.
   *
   * @param subject a slot, a grave, or {@code IdMap.ABSENT} for an id that is not known
   * @param entry an entry of the log that carries the id
   * @param alive whether it lives now
   * @param row the values, if it lives
   * @param metadata its metadata
   * @return the subject as it is now
   */
  int settle(int subject, int entry, boolean alive, int row, byte[] metadata);
}
