package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;

/** A log of deltas in shards on Apache Kafka. */
public final class KafkaDeltaLog {
  private KafkaDeltaLog() {}

  /**
   * Opens a log, and makes its topics where they are missing.
   *
   * @throws LogException {@code UNAVAILABLE} if no broker answers in time, {@code INVALID} if the
   *     topics are not as the options say
   */
  public static DeltaLog open(KafkaLogOptions options) {
    throw new UnsupportedOperationException();
  }
}
