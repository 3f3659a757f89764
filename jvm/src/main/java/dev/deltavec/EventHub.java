package dev.deltavec;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Delivers events to subscribers: each event to all of them before the next, in the order of {@link
 * #emit}. What is emitted while an event is being delivered waits for its turn. Used by one thread
 * at a time.
 */
final class EventHub {
  private static final System.Logger LOGGER = System.getLogger("dev.deltavec");

  /** Replaced, never changed, so that a delivery can go on over it. */
  private List<Subscriber> subscribers = List.of();

  private final ArrayDeque<DeltaEvent> waiting = new ArrayDeque<>();
  private boolean delivering;

  /** Returns whether anybody listens. */
  boolean active() {
    return !subscribers.isEmpty();
  }

  /**
   * Adds a subscriber.
   *
   * @param from position of the first event it gets
   * @param origin of the events it gets, or null for all
   */
  Subscriber subscribe(
      Consumer<? super DeltaEvent> callback, long from, @Nullable DeltaOrigin origin) {
    Subscriber subscriber = new Subscriber(callback, from, origin);
    List<Subscriber> more = new ArrayList<>(subscribers);
    more.add(subscriber);
    subscribers = List.copyOf(more);
    return subscriber;
  }

  /** Ends a subscription, also for events that wait. */
  void unsubscribe(Subscriber subscriber) {
    subscriber.active = false;
    subscribers = subscribers.stream().filter(other -> other != subscriber).toList();
  }

  /** Ends all subscriptions. */
  void close() {
    subscribers.forEach(subscriber -> subscriber.active = false);
    subscribers = List.of();
  }

  /** Delivers events, or leaves them to the delivery that is going on. */
  void emit(List<DeltaEvent> events) {
    waiting.addAll(events);
    if (delivering) {
      return;
    }
    delivering = true;
    try {
      while (!waiting.isEmpty()) {
        deliver(waiting.remove());
      }
    } finally {
      waiting.clear();
      delivering = false;
    }
  }

  private void deliver(DeltaEvent event) {
    for (Subscriber subscriber : subscribers) {
      if (subscriber.wants(event)) {
        call(subscriber.callback, event);
      }
    }
  }

  /** Calls a callback; what it throws is logged. */
  static void call(Consumer<? super DeltaEvent> callback, DeltaEvent event) {
    try {
      callback.accept(event);
    } catch (Throwable e) {
      LOGGER.log(
          System.Logger.Level.ERROR,
          "A subscriber to deltas failed at delta " + event.deltaId(),
          e);
    }
  }

  /** One subscription. */
  static final class Subscriber {
    private final Consumer<? super DeltaEvent> callback;
    private final long from;
    private final @Nullable DeltaOrigin origin;
    private boolean active = true;

    private Subscriber(
        Consumer<? super DeltaEvent> callback, long from, @Nullable DeltaOrigin origin) {
      this.callback = callback;
      this.from = from;
      this.origin = origin;
    }

    private boolean wants(DeltaEvent event) {
      return active && from <= event.position() && (origin == null || origin == event.origin());
    }
  }
}
