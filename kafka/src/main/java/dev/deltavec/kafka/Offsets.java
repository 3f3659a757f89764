package dev.deltavec.kafka;

import dev.deltavec.log.LogException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * One offset of every shard, asked for together and kept for a moment, so that asking often is
 * cheap: one request for all who ask at once. Safe for several threads.
 */
final class Offsets {
  private final KafkaLogOptions options;
  private final Admin admin;
  private final OffsetSpec spec;
  private final long maxAge;
  private final long[] least;
  private long[] known;
  private long asked;
  private @Nullable LogException failure;
  private long failed;

  Offsets(KafkaLogOptions options, Admin admin, OffsetSpec spec, Duration maxAge) {
    this.options = options;
    this.admin = admin;
    this.spec = spec;
    this.maxAge = maxAge.toNanos();
    least = new long[options.shards()];
    known = new long[0];
  }

  /**
   * Returns a shard's offset, which was so at most the maximal age ago. Who waits while another
   * asks gets that one's answer, or its error.
   */
  long of(int shard) {
    long called = System.nanoTime();
    synchronized (this) {
      if (failure != null && failed - called > 0) {
        throw failure;
      }
      if (known.length == 0 || System.nanoTime() - asked > maxAge) {
        long now = System.nanoTime();
        try {
          known = ask();
          asked = now;
          failure = null;
        } catch (LogException e) {
          failure = e;
          failed = System.nanoTime();
          throw e;
        }
      }
      return Math.max(known[shard], seen(shard));
    }
  }

  /** Tells of an offset that is certain. */
  void atLeast(int shard, long offset) {
    synchronized (least) {
      least[shard] = Math.max(least[shard], offset);
    }
  }

  private long seen(int shard) {
    synchronized (least) {
      return least[shard];
    }
  }

  private long[] ask() {
    Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
    for (int shard = 0; shard < options.shards(); shard++) {
      wanted.put(new TopicPartition(options.deltasTopic(), shard), spec);
    }
    try {
      Map<TopicPartition, ListOffsetsResultInfo> found =
          Topics.await(
              admin
                  .listOffsets(wanted, new ListOffsetsOptions(IsolationLevel.READ_COMMITTED))
                  .all(),
              options);
      long[] offsets = new long[options.shards()];
      found.forEach((partition, info) -> offsets[partition.partition()] = info.offset());
      return offsets;
    } catch (ExecutionException e) {
      throw Clients.error("Offsets of topic " + options.deltasTopic() + " are not known", e);
    }
  }
}
