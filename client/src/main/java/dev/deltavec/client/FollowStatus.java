package dev.deltavec.client;

import org.jspecify.annotations.Nullable;

/**
 * How a following goes.
 *
 * @param phase what it does
 * @param shards how many shards it follows; 0 as long as that is not known
 * @param restored how many of these have been brought up to date since the connection was made
 * @param behind records that are known to be missing, while it catches up
 * @param received deltas that came in and were new
 * @param bytes that came in, of frames
 * @param sent deltas of this database that the service has acknowledged
 * @param skipped frames that came in and that no database takes; every copy passes over the same
 * @param conflicts deltas of this database that the service has not taken, and that are not sent
 *     again; {@link Following#conflicts} lists them
 * @param problem what went wrong last; null once it goes well
 */
public record FollowStatus(
    Phase phase,
    int shards,
    int restored,
    long behind,
    long received,
    long bytes,
    long sent,
    long skipped,
    long conflicts,
    @Nullable Exception problem) {
  /** What a following does. */
  public enum Phase {
    /** It connects, for the first time or again. */
    CONNECTING,
    /** It reads snapshots of shards. */
    SNAPSHOT,
    /** It reads what came behind them. */
    CATCHING_UP,
    /** It is up to date, and told of each delta. */
    LIVE,
    /** The service cannot be reached; it will try again. */
    OFFLINE,
    /** It has ended by an error, which is the problem. */
    FAILED,
    /** It was closed. */
    CLOSED
  }
}
