package dev.deltavec;

/**
 * What an export holds besides vectors and metadata.
 *
 * @param index the search graph, so that it need not be built anew: about 7 % more at 384
 *     dimensions
 * @param history all deltas and checkpoints, where the database keeps them
 */
public record ExportOptions(boolean index, boolean history) {
  private static final ExportOptions ALL = new ExportOptions(true, true);

  /** Returns options for everything. */
  public static ExportOptions all() {
    return ALL;
  }

  /** Returns these options with another {@code index}. */
  public ExportOptions withIndex(boolean value) {
    return new ExportOptions(value, history);
  }

  /** Returns these options with another {@code history}. */
  public ExportOptions withHistory(boolean value) {
    return new ExportOptions(index, value);
  }
}
