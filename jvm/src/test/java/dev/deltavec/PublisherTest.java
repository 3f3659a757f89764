package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.open;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PublisherTest {
  /** Writes down what it is told. */
  private static final class Reader implements Flow.Subscriber<DeltaEvent> {
    final BlockingQueue<Object> told = new LinkedBlockingQueue<>();
    Flow.@Nullable Subscription subscription;

    @Override
    public void onSubscribe(Flow.Subscription subscription) {
      this.subscription = subscription;
    }

    @Override
    public void onNext(DeltaEvent delta) {
      told.add(delta.vectorId());
    }

    @Override
    public void onError(Throwable error) {
      told.add(error);
    }

    @Override
    public void onComplete() {
      told.add("complete");
    }

    void request(long n) {
      subscription().request(n);
    }

    Flow.Subscription subscription() {
      return Objects.requireNonNull(subscription);
    }

    @Nullable Object next() throws InterruptedException {
      return told.poll(30, TimeUnit.SECONDS);
    }
  }

  private static Reader subscribe(DeltaVectorDB db, FeedOptions feed) {
    Reader reader = new Reader();
    db.publisher(feed).subscribe(reader);
    return reader;
  }

  @Test
  void subscribersGetAsManyDeltasAsTheyAskFor() throws InterruptedException {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1));
      Reader reader = subscribe(db, FeedOptions.since(0));
      db.applyDelta(creates("b", 2));
      db.applyDelta(creates("c", 3));
      reader.request(2);
      assertThat(reader.next()).isEqualTo("a");
      assertThat(reader.next()).isEqualTo("b");
      reader.request(1);
      assertThat(reader.next()).isEqualTo("c");
      assertThat(reader.told).isEmpty();
    }
  }

  @Test
  void subscribersWaitForDeltasToCome() throws InterruptedException {
    try (DeltaVectorDB db = open(1)) {
      Reader reader = subscribe(db, FeedOptions.fromNow());
      reader.request(Long.MAX_VALUE);
      reader.request(Long.MAX_VALUE);
      db.applyDelta(creates("a", 1));
      assertThat(reader.next()).isEqualTo("a");
      db.applyDelta(creates("b", 1));
      assertThat(reader.next()).isEqualTo("b");
    }
  }

  @Test
  void theEndOfTheDatabaseCompletesTheStream() throws InterruptedException {
    DeltaVectorDB db = open(1);
    Reader reader = subscribe(db, FeedOptions.fromNow());
    reader.request(1);
    db.close();
    assertThat(reader.next()).isEqualTo("complete");
  }

  @Test
  void whoCancelsIsToldNothingMore() throws InterruptedException {
    try (DeltaVectorDB db = open(1)) {
      Reader other = subscribe(db, FeedOptions.fromNow());
      Reader reader = subscribe(db, FeedOptions.fromNow());
      reader.request(1);
      reader.subscription().cancel();
      other.request(1);
      db.applyDelta(creates("a", 1));
      assertThat(other.next()).isEqualTo("a");
      assertThat(reader.told).isEmpty();
    }
  }

  @Test
  void compactedHistoryIsAnError() throws InterruptedException {
    try (DeltaVectorDB db = open(1)) {
      db.applyDelta(creates("a", 1));
      db.applyDelta(Checks.dense("a", 2));
      db.compact(CompactOptions.all());
      Reader reader = subscribe(db, FeedOptions.since(0));
      reader.request(1);
      assertThat(reader.next())
          .isInstanceOfSatisfying(
              DeltaException.class,
              error -> assertThat(error.code()).isEqualTo(ErrorCode.HISTORY_COMPACTED));
    }
  }

  @Test
  void aPositionThatIsNotThereIsAnErrorAtOnce() throws InterruptedException {
    try (DeltaVectorDB db = open(1)) {
      assertThat(subscribe(db, FeedOptions.since(7)).next())
          .isInstanceOfSatisfying(
              DeltaException.class,
              error -> assertThat(error.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
    }
  }

  @Test
  void toAskForNothingIsAnError() throws InterruptedException {
    try (DeltaVectorDB db = open(1)) {
      Reader reader = subscribe(db, FeedOptions.fromNow());
      reader.request(0);
      assertThat(reader.next()).isInstanceOf(IllegalArgumentException.class);
    }
  }
}
