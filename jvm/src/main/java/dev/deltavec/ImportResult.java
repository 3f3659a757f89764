package dev.deltavec;

/**
 * What an import has brought.
 *
 * @param vectors number of vectors
 * @param deltas number of deltas in the history
 * @param index what became of the search graph
 * @param history whether the history was taken: there was one, and this database keeps it; else all
 *     histories begin here
 */
public record ImportResult(int vectors, int deltas, Index index, boolean history) {
  /** What became of the search graph. */
  public enum Index {
    /** It was taken as it is. */
    KEPT,
    /** It was built anew: the export has none, or one for other options. */
    REBUILT,
    /** It was there but damaged, and was built anew. */
    DAMAGED
  }
}
