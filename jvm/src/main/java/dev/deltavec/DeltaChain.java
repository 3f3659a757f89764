package dev.deltavec;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the history holds of one vector.
 *
 * @param vectorId the vector's id
 * @param deltas its deltas, oldest first, in the order of their ids
 * @param checkpoints number of checkpoints, the horizon among them
 * @param horizon time of the newest delta that was compacted away, or null if the chain goes back
 *     to the vector's beginning
 * @param bytes bytes of the deltas and checkpoints in the history
 * @param alive whether the vector lives now
 */
public record DeltaChain(
    String vectorId,
    List<Entry> deltas,
    int checkpoints,
    @Nullable Instant horizon,
    long bytes,
    boolean alive) {
  /** Makes the list unmodifiable. */
  public DeltaChain {
    deltas = List.copyOf(deltas);
  }

  /**
   * A delta of a chain.
   *
   * @param deltaId the delta's id: 26 characters of Crockford base32 that sort by time
   * @param operation what changed; on a grid, with the values that lie on it
   * @param metadata the merge patch for the metadata, if there was one
   * @param timestamp the time of the delta's id
   * @param origin which replica issued it
   * @param checkpoint whether a checkpoint stands behind it
   */
  public record Entry(
      String deltaId,
      DeltaOperation operation,
      @Nullable String metadata,
      Instant timestamp,
      DeltaOrigin origin,
      boolean checkpoint) {}
}
