package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.patch;
import static dev.deltavec.Checks.replica;
import static dev.deltavec.Checks.sparse;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.Checks.Clock;
import dev.deltavec.core.ErrorCode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Feeds: subscriptions to the past and to merged deltas, and readers that take their time. */
@Timeout(60)
class FeedTest {
  private static List<VectorDelta> ofEveryKind() {
    return List.of(
        creates("a", 1, 2).withMetadata("{\"x\":1}"),
        sparse("a", 1, 5),
        patch("a", "{\"größe\":\"🦀\"}"),
        sparse("a", 0, 8, 1, 9),
        dense("a", 3, 4),
        VectorDelta.scale("a", 1.5f),
        VectorDelta.offset("a", -1).withMetadata("{\"x\":null}"),
        VectorDelta.delete("a"));
  }

  /** Takes what a feed has without waiting. */
  private static List<DeltaEvent> drain(DeltaFeed feed) throws InterruptedException {
    List<DeltaEvent> deltas = new ArrayList<>();
    for (DeltaEvent delta = feed.poll(Duration.ZERO);
        delta != null;
        delta = feed.poll(Duration.ZERO)) {
      deltas.add(delta);
    }
    return deltas;
  }

  // ---------------------------------------------------------------- subscriptions

  @Test
  void aSubscriptionSinceAPositionBeginsWithThePastAndGoesOn() {
    try (DeltaVectorDB db = open(2)) {
      List<DeltaEvent> live = new ArrayList<>();
      List<DeltaEvent> replayed = new ArrayList<>();
      db.onDelta(live::add);
      db.applyDeltas(ofEveryKind());
      db.onDelta(replayed::add, FeedOptions.since(3));
      assertThat(replayed).hasSize(5).isEqualTo(live.subList(3, 8));
      db.applyDelta(creates("b", 1, 2));
      assertThat(replayed).isEqualTo(live.subList(3, 9));
    }
  }

  @Test
  void theReplayedPastIsWhatSubscribersSaw() {
    try (DeltaVectorDB db = open(2)) {
      List<DeltaEvent> live = new ArrayList<>();
      List<DeltaEvent> replayed = new ArrayList<>();
      db.onDelta(live::add);
      ofEveryKind().forEach(db::applyDelta);
      db.onDelta(replayed::add, FeedOptions.since(0));
      assertThat(replayed).hasSize(8).isEqualTo(live);
    }
  }

  @Test
  void positionsCountDeltas() {
    try (DeltaVectorDB db = open(2)) {
      assertThat(db.position()).isZero();
      List<Long> positions = new ArrayList<>();
      db.onDelta(delta -> positions.add(delta.position()));
      db.applyDelta(creates("a", 1, 2));
      db.applyDeltas(List.of(VectorDelta.scale("a", 2), VectorDelta.scale("a", 2)));
      assertThat(positions).containsExactly(0L, 1L, 2L);
      assertThat(db.position()).isEqualTo(3);
    }
  }

  @Test
  void whatIsRefusedTakesNoPosition() {
    try (DeltaVectorDB db = open(2)) {
      fails(ErrorCode.VECTOR_NOT_FOUND, "\"a\"", () -> db.applyDelta(VectorDelta.scale("a", 2)));
      assertThat(db.position()).isZero();
    }
  }

  @Test
  void mergedDeltasAreSeenWithTheirOrigin() {
    Clock clock = new Clock(10);
    try (DeltaVectorDB one = replica(1, 2, clock).build();
        DeltaVectorDB two = replica(2, 2, clock).build()) {
      List<DeltaEvent> sent = new ArrayList<>();
      List<DeltaEvent> seen = new ArrayList<>();
      one.onDelta(sent::add);
      two.onDelta(seen::add);
      one.applyDeltas(ofEveryKind());
      two.applyDelta(creates("b", 1, 2));
      two.merge(one.deltasSince(null));
      assertThat(seen).hasSize(9);
      for (int i = 0; i < 8; i++) {
        DeltaEvent delta = sent.get(i);
        assertThat(seen.get(1 + i))
            .isEqualTo(
                new DeltaEvent(
                    delta.deltaId(),
                    delta.vectorId(),
                    delta.operation(),
                    delta.metadata(),
                    delta.timestamp(),
                    DeltaOrigin.MERGE,
                    1 + i));
      }
      assertThat(two.position()).isEqualTo(9);
    }
  }

  @Test
  void deltasMergedAgainAreNotSeen() {
    try (DeltaVectorDB one = open(2);
        DeltaVectorDB two = open(2)) {
      one.applyDeltas(ofEveryKind());
      two.merge(one.deltasSince(null));
      two.onDelta(delta -> {
        throw new AssertionError("seen again: " + delta);
      });
      List<DeltaEvent> seen = new ArrayList<>();
      two.onDelta(seen::add);
      two.merge(one.deltasSince(null));
      assertThat(seen).isEmpty();
    }
  }

  @Test
  void aSubscriptionToOneOriginSeesNoOther() {
    try (DeltaVectorDB one = open(1);
        DeltaVectorDB two = open(1)) {
      one.applyDelta(creates("theirs", 1));
      List<String> local = new ArrayList<>();
      List<String> merged = new ArrayList<>();
      two.applyDelta(creates("own", 1));
      two.onDelta(d -> local.add(d.vectorId()), FeedOptions.since(0).withOrigin(DeltaOrigin.LOCAL));
      two.onDelta(
          d -> merged.add(d.vectorId()), FeedOptions.fromNow().withOrigin(DeltaOrigin.MERGE));
      two.merge(one.deltasSince(null));
      two.applyDelta(creates("later", 1));
      assertThat(local).containsExactly("own", "later");
      assertThat(merged).containsExactly("theirs");
    }
  }

  @Test
  void aCallbackThatAppliesDuringItsReplayGetsThoseDeltasOnce() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDeltas(List.of(creates("a", 1), creates("b", 1)));
      List<String> others = new ArrayList<>();
      db.onDelta(delta -> others.add(delta.vectorId()));
      List<String> seen = new ArrayList<>();
      db.onDelta(
          delta -> {
            seen.add(delta.vectorId());
            if (delta.vectorId().length() < 3) {
              db.applyDelta(creates(delta.vectorId() + "+", 1));
            }
          },
          FeedOptions.since(0));
      assertThat(seen).containsExactly("a", "b", "a+", "b+", "a++", "b++");
      assertThat(others).containsExactly("a+", "b+", "a++", "b++");
      db.applyDelta(creates("last", 1));
      assertThat(seen).endsWith("last").hasSize(7);
    }
  }

  @Test
  void whoSubscribesToThePastDuringADeliveryGetsEveryDeltaOnce() {
    try (DeltaVectorDB db = open(1)) {
      List<String> seen = new ArrayList<>();
      List<DeltaVectorDB.Subscription> subscribed = new ArrayList<>();
      db.onDelta(delta -> {
        if (subscribed.isEmpty()) {
          subscribed.add(db.onDelta(d -> seen.add(d.vectorId()), FeedOptions.since(0)));
        }
      });
      db.applyDeltas(List.of(creates("a", 1), creates("b", 1), creates("c", 1)));
      assertThat(seen).containsExactly("a", "b", "c");
    }
  }

  @Test
  void aDatabaseThatIsClosedDuringAReplayCallsNobodyAnyMore() {
    DeltaVectorDB db = open(1);
    db.applyDeltas(List.of(creates("a", 1), creates("b", 1)));
    List<String> seen = new ArrayList<>();
    DeltaVectorDB.Subscription subscription =
        db.onDelta(
            delta -> {
              seen.add(delta.vectorId());
              db.close();
            },
            FeedOptions.since(0));
    assertThat(seen).containsExactly("a");
    subscription.close();
  }

  @Test
  void aPositionThatWasNotReachedIsRefused() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1));
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "0 to 1, not 2",
          () -> db.onDelta(delta -> {}, FeedOptions.since(2)));
      fails(ErrorCode.INVALID_ARGUMENT, "not -1", () -> db.deltas(FeedOptions.since(-1)));
      fails(
          ErrorCode.INVALID_ARGUMENT,
          "not " + Long.MAX_VALUE,
          () -> db.deltas(FeedOptions.since(Long.MAX_VALUE)));
    }
  }

  @Test
  void aSubscriptionToAPastThatWasCompactedIsRefusedAndBringsNothing() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDeltas(List.of(creates("a", 1), creates("b", 1), dense("a", 2)));
      db.compact(CompactOptions.all().withIds(List.of("b")));
      List<DeltaEvent> seen = new ArrayList<>();
      fails(
          ErrorCode.HISTORY_COMPACTED,
          "position 0",
          () -> db.onDelta(seen::add, FeedOptions.since(0)));
      assertThat(seen).isEmpty();
      db.onDelta(seen::add, FeedOptions.since(2));
      assertThat(seen).hasSize(1);
    }
  }

  @Test
  void withoutHistoryDeltasAreSeenFromNowOn() {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(1).history(false).build()) {
      db.applyDelta(creates("a", 1));
      List<Long> seen = new ArrayList<>();
      db.onDelta(delta -> seen.add(delta.position()), FeedOptions.since(1));
      db.applyDelta(dense("a", 2));
      assertThat(seen).containsExactly(1L);
    }
  }

  // ---------------------------------------------------------------- readers

  @Test
  void aFeedBringsThePastAndThenWhatComes() throws InterruptedException {
    try (DeltaVectorDB db = open(2)) {
      List<DeltaEvent> live = new ArrayList<>();
      db.onDelta(live::add);
      db.applyDeltas(ofEveryKind());
      try (DeltaFeed feed = db.deltas(FeedOptions.since(0))) {
        assertThat(drain(feed)).isEqualTo(live);
        db.applyDelta(creates("b", 1, 2));
        assertThat(feed.hasNext()).isTrue();
        assertThat(feed.next()).isEqualTo(live.getLast());
        assertThat(feed.poll(Duration.ZERO)).isNull();
      }
    }
  }

  @Test
  void aFeedFromNowOnLeavesThePastOut() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1));
      try (DeltaFeed feed = db.deltas(FeedOptions.fromNow())) {
        db.applyDelta(creates("b", 1));
        assertThat(feed.next().vectorId()).isEqualTo("b");
      }
    }
  }

  @Test
  void aFeedOfOneOriginBringsNoOther() throws InterruptedException {
    try (DeltaVectorDB one = open(1);
        DeltaVectorDB two = open(1)) {
      one.applyDelta(creates("theirs", 1));
      two.applyDelta(creates("own", 1));
      two.merge(one.deltasSince(null));
      try (DeltaFeed feed = two.deltas(FeedOptions.since(0).withOrigin(DeltaOrigin.MERGE))) {
        assertThat(drain(feed)).extracting(DeltaEvent::vectorId).containsExactly("theirs");
      }
    }
  }

  @Test
  void aSlowReaderLosesNothing() throws InterruptedException {
    try (DeltaVectorDB db = open(100)) {
      db.applyDelta(VectorDelta.create("a", new float[100]));
      try (DeltaFeed feed = db.deltas(FeedOptions.since(0))) {
        assertThat(feed.next().position()).isZero();
        for (int i = 0; i < 3000; i++) {
          db.applyDelta(VectorDelta.dense("a", new float[100]));
        }
        List<DeltaEvent> rest = drain(feed);
        assertThat(rest).hasSize(3000);
        for (int i = 0; i < 3000; i++) {
          assertThat(rest.get(i).position()).isEqualTo(i + 1);
        }
      }
    }
  }

  @Test
  void aDeltaLargerThanAPageComesWhole() {
    try (DeltaVectorDB db = open(65_536)) {
      float[] vector = new float[65_536];
      vector[65_535] = 3;
      db.applyDelta(VectorDelta.create("a", vector));
      db.applyDelta(VectorDelta.delete("a"));
      try (DeltaFeed feed = db.deltas(FeedOptions.since(0))) {
        assertThat(feed.next().operation()).isEqualTo(new DeltaOperation.Create(vector));
        assertThat(feed.next().operation()).isEqualTo(new DeltaOperation.Delete());
      }
    }
  }

  @Test
  void aReaderIsToldWhenDeltasItHasNotReadAreCompactedAway() {
    try (DeltaVectorDB db = open(1)) {
      db.applyDeltas(List.of(creates("a", 1), creates("b", 1), creates("c", 1)));
      try (DeltaFeed feed = db.deltas(FeedOptions.since(0));
          DeltaFeed later = db.deltas(FeedOptions.since(2))) {
        db.compact(CompactOptions.all().withIds(List.of("b")));
        assertThat(feed.next().vectorId()).isEqualTo("a");
        fails(ErrorCode.HISTORY_COMPACTED, "position 1", feed::next);
        fails(ErrorCode.HISTORY_COMPACTED, "position 1", feed::hasNext);
        fails(ErrorCode.HISTORY_COMPACTED, "position 1", () -> feed.poll(Duration.ZERO));
        assertThat(later.next().vectorId()).isEqualTo("c");
      }
    }
  }

  @Test
  void aClosedFeedHasEnded() throws InterruptedException {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1));
      DeltaFeed feed = db.deltas(FeedOptions.since(0));
      assertThat(feed.hasNext()).isTrue();
      feed.close();
      feed.close();
      assertThat(feed.hasNext()).isFalse();
      assertThat(feed.poll(Duration.ofDays(1))).isNull();
      assertThatThrownBy(feed::next).isInstanceOf(NoSuchElementException.class);
    }
  }

  @Test
  void aFeedEndsWhenTheDatabaseIsClosed() throws InterruptedException {
    DeltaVectorDB db = open(1);
    db.applyDelta(creates("a", 1));
    DeltaFeed feed = db.deltas(FeedOptions.since(0));
    db.close();
    assertThat(feed.hasNext()).isFalse();
    assertThat(feed.poll(Duration.ofDays(1))).isNull();
    feed.close();
  }

  @Test
  void pollWaitsNoLongerThanItIsTold() throws InterruptedException {
    try (DeltaVectorDB db = open(1);
        DeltaFeed feed = db.deltas(FeedOptions.fromNow())) {
      assertThat(feed.poll(Duration.ofMillis(1))).isNull();
      assertThat(feed.poll(Duration.ofSeconds(Long.MIN_VALUE))).isNull();
      db.applyDelta(creates("a", 1));
      assertThat(feed.poll(Duration.ofSeconds(Long.MAX_VALUE))).isNotNull();
    }
  }

  /** Runs a reader in a thread of its own, and something once it is about to wait. */
  private static <T> T waiting(Callable<T> reader, Runnable meanwhile)
      throws InterruptedException, ExecutionException {
    try (ExecutorService threads = Executors.newSingleThreadExecutor()) {
      CountDownLatch started = new CountDownLatch(1);
      List<Thread> thread = new ArrayList<>();
      Future<T> result =
          threads.submit(() -> {
            thread.add(Thread.currentThread());
            started.countDown();
            return reader.call();
          });
      started.await();
      while (thread.getFirst().getState() == Thread.State.RUNNABLE) {
        Thread.onSpinWait();
      }
      meanwhile.run();
      return result.get();
    }
  }

  @Test
  void aWaitingReaderGetsWhatAnotherThreadApplies() throws Exception {
    try (DeltaVectorDB db = open(1);
        DeltaFeed feed = db.deltas(FeedOptions.fromNow())) {
      DeltaEvent delta = waiting(feed::next, () -> db.applyDelta(creates("a", 1)));
      assertThat(delta.vectorId()).isEqualTo("a");
    }
  }

  @Test
  void aWaitingReaderGetsWhatAnotherThreadMerges() throws Exception {
    try (DeltaVectorDB one = open(1);
        DeltaVectorDB two = open(1);
        DeltaFeed feed = two.deltas(FeedOptions.fromNow())) {
      one.applyDelta(creates("a", 1));
      DeltaEvent delta = waiting(feed::next, () -> two.merge(one.deltasSince(null)));
      assertThat(delta.origin()).isEqualTo(DeltaOrigin.MERGE);
    }
  }

  @Test
  void aWaitingReaderIsLetGoWhenTheFeedIsClosed() throws Exception {
    try (DeltaVectorDB db = open(1);
        DeltaFeed feed = db.deltas(FeedOptions.fromNow())) {
      assertThat(waiting(feed::hasNext, feed::close)).isFalse();
    }
  }

  @Test
  void aWaitingReaderIsLetGoWhenTheDatabaseIsClosed() throws Exception {
    try (DeltaVectorDB db = open(1);
        DeltaFeed feed = db.deltas(FeedOptions.fromNow())) {
      assertThat(waiting(feed::hasNext, db::close)).isFalse();
    }
  }

  @Test
  void anInterruptedReaderIsLetGoAndStaysInterrupted() {
    try (DeltaVectorDB db = open(1);
        DeltaFeed feed = db.deltas(FeedOptions.fromNow())) {
      Thread.currentThread().interrupt();
      assertThat(feed.hasNext()).isFalse();
      assertThat(Thread.interrupted()).isTrue();
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> feed.poll(Duration.ofDays(1)))
          .isInstanceOf(InterruptedException.class);
      assertThat(Thread.interrupted()).isFalse();
      db.applyDelta(creates("a", 1));
      assertThat(feed.next().vectorId()).isEqualTo("a");
    }
  }

  @Test
  void readersOfOneFeedShareItsDeltas() throws Exception {
    try (DeltaVectorDB db = open(1);
        ExecutorService threads = Executors.newFixedThreadPool(3)) {
      db.applyDelta(creates("a", 1));
      DeltaFeed feed = db.deltas(FeedOptions.since(0));
      List<Future<List<Long>>> readers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        readers.add(
            threads.submit(() -> {
              List<Long> positions = new ArrayList<>();
              for (DeltaEvent delta = feed.poll(Duration.ofSeconds(30));
                  delta != null && delta.position() < 2000;
                  delta = feed.poll(Duration.ofSeconds(30))) {
                positions.add(delta.position());
              }
              feed.close();
              return positions;
            }));
      }
      for (int i = 0; i < 2000; i++) {
        db.applyDelta(VectorDelta.offset("a", 1));
      }
      List<Long> all = new ArrayList<>();
      for (Future<List<Long>> reader : readers) {
        List<Long> positions = reader.get();
        assertThat(positions).isSorted();
        all.addAll(positions);
      }
      assertThat(all).hasSize(2000).doesNotHaveDuplicates();
    }
  }

  @Test
  void aFeedCannotRemove() {
    try (DeltaVectorDB db = open(1);
        DeltaFeed feed = db.deltas(FeedOptions.fromNow())) {
      assertThatThrownBy(feed::remove).isInstanceOf(UnsupportedOperationException.class);
    }
  }
}
