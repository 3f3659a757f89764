package dev.deltavec.kafka;

import static dev.deltavec.kafka.DeltaLogContract.assertReason;
import static dev.deltavec.kafka.DeltaLogContract.part;
import static dev.deltavec.kafka.DeltaLogContract.readAll;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.DeltaLog.Part;
import dev.deltavec.log.LogException.Reason;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.junit.jupiter.api.Test;

/** What waits while brokers are away, and before it. */
class RoomTest {
  private static final KafkaLogOptions NOBODY =
      KafkaLogOptions.builder("127.0.0.1:1")
          .shards(4)
          .timeout(Duration.ofMillis(1500))
          .maxWaitingBytes(10_000)
          .build();

  private static List<Part> batch(int bytes) {
    return List.of(new Part(0, new byte[bytes]), new Part(1, new byte[1]));
  }

  @Test
  void holdsNoMoreBatchesThanThereIsRoomForAndFailsThemTogether() {
    Room room = new Room(NOBODY.maxWaitingBytes());
    try (Admin admin = Clients.admin(NOBODY);
        Batches batches =
            new Batches(
                NOBODY, new Offsets(NOBODY, admin, OffsetSpec.latest(), Duration.ZERO), room)) {
      CompletableFuture<List<Long>> first = batches.append(batch(4_000));
      CompletableFuture<List<Long>> second = batches.append(batch(4_000));
      CompletableFuture<List<Long>> third = batches.append(batch(4_000));
      assertThat(third).isCompletedExceptionally();
      assertThat(first).isNotDone();
      assertReason(Reason.UNAVAILABLE, third::join);
      assertReason(Reason.UNAVAILABLE, first::join);
      assertReason(Reason.UNAVAILABLE, second::join);
      CompletableFuture<List<Long>> large = batches.append(batch(20_000));
      assertThat(large).isNotDone();
      assertReason(Reason.UNAVAILABLE, large::join);
    }
  }

  @Test
  void refusesBatchesOfOneShardThatItHasNoRoomFor() {
    Room room = new Room(NOBODY.maxWaitingBytes());
    try (Admin admin = Clients.admin(NOBODY);
        Singles singles =
            new Singles(
                NOBODY, new Offsets(NOBODY, admin, OffsetSpec.latest(), Duration.ZERO), room)) {
      room.take(9_000);
      CompletableFuture<List<Long>> refused = singles.append(new Part(0, new byte[1_000]));
      assertReason(Reason.UNAVAILABLE, refused::join);
      assertThat(refused.exceptionNow()).hasMessageContaining("wait for brokers");
      room.give(9_000);
      CompletableFuture<List<Long>> failed = singles.append(new Part(0, new byte[20_000]));
      assertReason(Reason.UNAVAILABLE, failed::join);
      assertThat(failed.exceptionNow()).hasMessageNotContaining("wait for brokers");
      room.take(10_000); // all is given back, else there would be no room
      room.give(10_000);
    }
  }

  @Test
  void doesNotWriteABatchThatNobodyWaitsForAnyMore() {
    try (DeltaLog log = KafkaDeltaLog.open(TestBroker.options().build())) {
      List<CompletableFuture<List<Long>>> later =
          log.append(List.of(part(0, "a"), part(1, "a")))
              .thenApply(offsets -> {
                // On the thread that appends, so that these wait.
                CompletableFuture<List<Long>> cancelled =
                    log.append(List.of(part(0, "b"), part(1, "b")));
                cancelled.cancel(true);
                return List.of(cancelled, log.append(List.of(part(0, "c"), part(1, "c"))));
              })
              .join();
      later.getLast().join();
      assertThat(readAll(log, Map.of(0, 0L, 1, 0L)))
          .isEqualTo(Map.of(0, List.of("a", "c"), 1, List.of("a", "c")));
    }
  }
}
