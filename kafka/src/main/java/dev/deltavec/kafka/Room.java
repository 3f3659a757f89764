package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog.Part;
import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What batches that are not durable yet may hold of memory, so that brokers that are away cost no
 * more than that. One batch always has room, however large. Safe for several threads.
 */
final class Room {
  /** What a part holds beside its frames, about. */
  private static final int OVERHEAD = 128;

  private final long most;
  private final AtomicLong used = new AtomicLong();

  Room(long most) {
    this.most = most;
  }

  /** Returns what a batch needs. */
  static long of(List<Part> parts) {
    long sum = 0;
    for (Part part : parts) {
      sum += part.frames().length + OVERHEAD;
    }
    return sum;
  }

  /**
   * Takes room, which is to be given back.
   *
   * @throws LogException {@code UNAVAILABLE} if there is none
   */
  void take(long bytes) {
    long before = used.getAndAdd(bytes);
    if (before > 0 && before + bytes > most) {
      used.addAndGet(-bytes);
      throw new LogException(
          Reason.UNAVAILABLE,
          "Batches of " + before + " bytes wait for brokers, of at most " + most);
    }
  }

  void give(long bytes) {
    used.addAndGet(-bytes);
  }
}
