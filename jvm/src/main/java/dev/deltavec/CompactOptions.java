package dev.deltavec;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@link DeltaVectorDB#compact} merges into checkpoints.
 *
 * {@snippet :
 * CompactOptions.all().withBefore(Instant.now().minus(Duration.ofDays(30))).withKeepLast(10);
 * }
 *
 * @param before deltas from before this time go, to the millisecond; null for no bound, or, if
 *     {@code maxBytes} is the only field that is set, for none at all
 * @param keepLast so many of each vector's newest deltas stay in any case, 0 or more; what {@code
 *     maxBytes} takes away knows no such mercy
 * @param ids only these vectors, dead or alive; null for all. Not with {@code maxBytes}
 * @param maxBytes then the oldest deltas go until the history has this size, 0 or more, but no
 *     checkpoint is made that is larger than what it replaces; null for any size
 */
public record CompactOptions(
    @Nullable Instant before, int keepLast, @Nullable List<String> ids, @Nullable Long maxBytes) {
  private static final CompactOptions ALL = new CompactOptions(null, 0, null, null);

  /** Makes the list unmodifiable. */
  public CompactOptions {
    ids = ids == null ? null : List.copyOf(ids);
  }

  /** Returns options for all deltas of all vectors: each vector keeps one checkpoint. */
  public static CompactOptions all() {
    return ALL;
  }

  /** Returns these options with another {@code before}. */
  public CompactOptions withBefore(@Nullable Instant time) {
    return new CompactOptions(time, keepLast, ids, maxBytes);
  }

  /** Returns these options with another {@code keepLast}. */
  public CompactOptions withKeepLast(int deltas) {
    return new CompactOptions(before, deltas, ids, maxBytes);
  }

  /** Returns these options with other {@code ids}. */
  public CompactOptions withIds(@Nullable List<String> vectors) {
    return new CompactOptions(before, keepLast, vectors, maxBytes);
  }

  /** Returns these options with another {@code maxBytes}. */
  public CompactOptions withMaxBytes(@Nullable Long bytes) {
    return new CompactOptions(before, keepLast, ids, bytes);
  }
}
