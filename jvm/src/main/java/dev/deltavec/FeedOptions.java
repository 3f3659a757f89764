package dev.deltavec;

import org.jspecify.annotations.Nullable;

/**
 * Which deltas a feed brings.
 *
 * @param since position of the first delta (see {@link DeltaVectorDB#position}): those from there
 *     on that are in already come first, out of the history. Null for the present position
 * @param origin only deltas of this origin; null for all
 */
public record FeedOptions(@Nullable Long since, @Nullable DeltaOrigin origin) {
  private static final FeedOptions FROM_NOW = new FeedOptions(null, null);

  /** Returns options for the deltas that come in from now on. */
  public static FeedOptions fromNow() {
    return FROM_NOW;
  }

  /** Returns options for all deltas from a position on; 0 for the beginning. */
  public static FeedOptions since(long position) {
    return new FeedOptions(position, null);
  }

  /** Returns these options with another {@code origin}. */
  public FeedOptions withOrigin(@Nullable DeltaOrigin only) {
    return new FeedOptions(since, only);
  }
}
