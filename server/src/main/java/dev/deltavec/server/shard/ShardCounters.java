package dev.deltavec.server.shard;

import dev.deltavec.MergeResult;
import java.util.concurrent.atomic.LongAdder;

/** Counts what is applied. Safe for use by any number of threads. */
public final class ShardCounters {
  private final LongAdder merged = new LongAdder();
  private final LongAdder repeated = new LongAdder();
  private final LongAdder late = new LongAdder();
  private final LongAdder skipped = new LongAdder();

  /** All zero. */
  public ShardCounters() {}

  void add(MergeResult result) {
    merged.add(result.merged());
    repeated.add(result.duplicates());
    late.add(result.rejected().count());
  }

  void skip() {
    skipped.increment();
  }

  /** Returns how many deltas were applied that were new. */
  public long merged() {
    return merged.sum();
  }

  /** Returns how many deltas came that had been there before. */
  public long repeated() {
    return repeated.sum();
  }

  /** Returns how many deltas came that were older than their vector's history. */
  public long late() {
    return late.sum();
  }

  /** Returns how many frames were passed over, as they are no deltas that can be applied. */
  public long skipped() {
    return skipped.sum();
  }
}
