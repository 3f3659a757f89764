package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.v;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.jvm.LogCapture;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Deltas as subscribers see them. */
class SubscriptionsTest {
  @Test
  void aSubscriberSeesEveryDeltaWithItsIdAndTime() {
    try (DeltaVectorDB db = open(2)) {
      List<DeltaEvent> seen = new ArrayList<>();
      db.onDelta(seen::add);
      Instant time = Instant.ofEpochMilli(1_700_000_000_000L);
      List<VectorDelta> deltas =
          List.of(
              creates("a", 1, 2).withMetadata("{\"x\":1}").withTimestamp(time),
              sparse("a", 1, 5).withTimestamp(time),
              dense("a", 3, 4).withTimestamp(time),
              VectorDelta.scale("a", 1.5f).withTimestamp(time),
              VectorDelta.offset("a", -1).withMetadata("{\"x\":null}").withTimestamp(time),
              VectorDelta.delete("a").withTimestamp(time));
      List<DeltaEvent> expected = new ArrayList<>();
      for (VectorDelta delta : deltas) {
        String id = db.applyDelta(delta);
        expected.add(
            new DeltaEvent(
                id,
                delta.vectorId(),
                delta.operation(),
                delta.metadata(),
                time,
                DeltaOrigin.LOCAL,
                expected.size()));
      }
      assertThat(seen).isEqualTo(expected);
    }
  }

  @Test
  void anEventsTimestampIsTheTimeOfTheDeltasId() {
    try (DeltaVectorDB db = open(2)) {
      List<DeltaEvent> seen = new ArrayList<>();
      db.onDelta(seen::add);
      String id = db.applyDelta(creates("a", 1, 2));
      assertThat(seen.getFirst().timestamp())
          .isEqualTo(Instant.ofEpochMilli(DeltaId.parse(id).time()));
    }
  }

  @Test
  void theDeltasOfABatchComeInOrderWhenAllOfItIsApplied() {
    try (DeltaVectorDB db = open(2)) {
      List<String> seen = new ArrayList<>();
      db.onDelta(delta -> seen.add(delta.deltaId() + " " + db.size()));
      List<String> ids =
          db.applyDeltas(
              List.of(creates("a", 1, 2), VectorDelta.scale("a", 2), creates("b", 1, 2)));
      assertThat(seen).containsExactly(ids.get(0) + " 2", ids.get(1) + " 2", ids.get(2) + " 2");
    }
  }

  @Test
  void whatIsRefusedIsNotSeen() {
    try (DeltaVectorDB db = open(2)) {
      List<DeltaEvent> seen = new ArrayList<>();
      db.onDelta(seen::add);
      fails(ErrorCode.VECTOR_NOT_FOUND, "\"a\"", () -> db.applyDelta(VectorDelta.delete("a")));
      fails(
          ErrorCode.VECTOR_NOT_FOUND,
          1,
          "\"b\"",
          () -> db.applyDeltas(List.of(creates("a", 1, 2), VectorDelta.delete("b"))));
      assertThat(seen).isEmpty();
    }
  }

  @Test
  void nothingIsSeenAfterUnsubscribingAndUnsubscribingAgainIsHarmless() {
    try (DeltaVectorDB db = open(2)) {
      List<DeltaEvent> seen = new ArrayList<>();
      List<DeltaEvent> others = new ArrayList<>();
      DeltaVectorDB.Subscription subscription = db.onDelta(seen::add);
      db.onDelta(others::add);
      db.applyDelta(creates("a", 1, 2));
      subscription.close();
      subscription.close();
      db.applyDelta(VectorDelta.scale("a", 2));
      assertThat(seen).hasSize(1);
      assertThat(others).hasSize(2);
    }
  }

  @Test
  void oneCallbackSubscribedTwiceIsCalledTwiceAndUnsubscribedOneByOne() {
    try (DeltaVectorDB db = open(2)) {
      List<DeltaEvent> seen = new ArrayList<>();
      Consumer<DeltaEvent> callback = seen::add;
      DeltaVectorDB.Subscription one = db.onDelta(callback);
      db.onDelta(callback);
      db.applyDelta(creates("a", 1, 2));
      one.close();
      db.applyDelta(VectorDelta.scale("a", 2));
      assertThat(seen).hasSize(3);
    }
  }

  @Test
  void aCallbackThatThrowsIsLoggedAndDisturbsNobody() {
    RuntimeException exception = new IllegalStateException("trouble");
    Error error = new AssertionError("more trouble");
    try (LogCapture log = new LogCapture();
        DeltaVectorDB db = open(2)) {
      List<String> seen = new ArrayList<>();
      db.onDelta(delta -> {
        throw exception;
      });
      db.onDelta(delta -> {
        throw error;
      });
      db.onDelta(delta -> seen.add(delta.deltaId()));
      List<String> ids =
          new ArrayList<>(db.applyDeltas(List.of(creates("a", 1, 2), VectorDelta.scale("a", 2))));
      ids.add(db.applyDelta(VectorDelta.offset("a", 1)));
      assertThat(seen).isEqualTo(ids);
      assertThat(log.causes())
          .filteredOn(cause -> cause != null)
          .containsExactly(exception, error, exception, error, exception, error);
      assertThat(vector(db, "a")).containsExactly(3, 5);
    }
  }

  @Test
  void aCallbackMayApplyDeltasAndAllSubscribersSeeAllOfThemInOneOrder() {
    try (DeltaVectorDB db = open(2)) {
      List<String> first = new ArrayList<>();
      List<String> second = new ArrayList<>();
      db.onDelta(delta -> {
        first.add(delta.deltaId());
        if (delta.vectorId().equals("a")) {
          db.applyDeltas(List.of(creates("b", 1, 1), creates("c", 1, 1)));
        } else if (delta.vectorId().equals("b")) {
          db.applyDelta(creates("d", 1, 1));
        }
      });
      db.onDelta(delta -> second.add(delta.deltaId()));
      db.applyDelta(creates("a", 1, 2));
      assertThat(db.size()).isEqualTo(4);
      assertThat(first).hasSize(4).isSorted();
      assertThat(second).isEqualTo(first);
    }
  }

  @Test
  void theIdsOfABatchAreItsOwnThoughCallbacksApplyDeltas() {
    try (DeltaVectorDB db = open(1)) {
      List<String> own = new ArrayList<>();
      db.onDelta(delta -> {
        if (delta.vectorId().equals("a")) {
          own.add(db.applyDelta(creates("from-callback", 1)));
          db.applyDelta(VectorDelta.delete("from-callback"));
        }
      });
      List<String> ids =
          db.applyDeltas(List.of(creates("a", 1), VectorDelta.scale("a", 2), creates("b", 1)));
      assertThat(ids).extracting(Checks::sequenceOf).containsExactly(1, 2, 3);
      assertThat(own).extracting(Checks::sequenceOf).containsExactly(4, 6);
    }
  }

  @Test
  void unsubscribingDuringADeliveryEndsTheSubscriptionAtOnce() {
    try (DeltaVectorDB db = open(2)) {
      List<String> seen = new ArrayList<>();
      List<DeltaVectorDB.Subscription> subscriptions = new ArrayList<>();
      subscriptions.add(
          db.onDelta(delta -> {
            seen.add("first");
            subscriptions.forEach(DeltaVectorDB.Subscription::close);
          }));
      subscriptions.add(db.onDelta(delta -> seen.add("second")));
      db.onDelta(delta -> seen.add("third"));
      db.applyDeltas(List.of(creates("a", 1, 2), VectorDelta.scale("a", 2)));
      assertThat(seen).containsExactly("first", "third", "third");
    }
  }

  @Test
  void whoSubscribesDuringADeliverySeesWhatIsAppliedFromThenOn() {
    try (DeltaVectorDB db = open(2)) {
      List<String> seen = new ArrayList<>();
      List<DeltaVectorDB.Subscription> subscribed = new ArrayList<>();
      db.onDelta(delta -> {
        if (subscribed.isEmpty()) {
          subscribed.add(db.onDelta(later -> seen.add(later.vectorId())));
          db.applyDelta(creates("c", 1, 1));
        }
      });
      db.applyDeltas(List.of(creates("a", 1, 2), creates("b", 1, 2)));
      assertThat(seen).containsExactly("c");
    }
  }

  @Test
  void anEventHoldsCopies() {
    try (DeltaVectorDB db = open(2)) {
      List<DeltaEvent> seen = new ArrayList<>();
      db.onDelta(seen::add);
      float[] vector = v(1, 2);
      db.applyDelta(VectorDelta.create("a", vector));
      vector[0] = 9;
      assertThat(seen.getFirst().operation()).isEqualTo(new DeltaOperation.Create(v(1, 2)));
    }
  }

  @Test
  void aDatabaseThatIsClosedByACallbackCallsNobodyAnyMore() {
    DeltaVectorDB db = open(2);
    List<String> seen = new ArrayList<>();
    db.onDelta(delta -> {
      seen.add("first");
      db.close();
    });
    db.onDelta(delta -> seen.add("second"));
    assertThat(db.applyDeltas(List.of(creates("a", 1, 2), VectorDelta.scale("a", 2)))).hasSize(2);
    assertThat(seen).containsExactly("first");
  }

  @Test
  void aSubscriptionMayBeEndedAfterTheDatabaseIsClosed() {
    DeltaVectorDB db = open(2);
    DeltaVectorDB.Subscription subscription = db.onDelta(delta -> {});
    db.close();
    subscription.close();
    fails(ErrorCode.CLOSED, "closed", () -> db.onDelta(delta -> {}));
  }
}
