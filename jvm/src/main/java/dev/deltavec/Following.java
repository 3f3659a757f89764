package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What has come in, for whoever follows: subscribers, who are called, and feeds, which read pages
 * of the log. All is called with the lock of the gate.
 */
final class Following {
  /** The most bytes of frames that are read from the log at once, if they are more than one. */
  private static final int PAGE_BYTES = 1 << 16;

  private final Gate gate;
  private final Store store;
  private final Repairs repairs;
  private final EventHub events = new EventHub();

  /** How many deltas have come in. */
  private long position;

  private int generation;

  Following(Gate gate, Store store, Repairs repairs) {
    this.gate = gate;
    this.store = store;
    this.repairs = repairs;
  }

  /** Returns how many deltas have come in. */
  long position() {
    return position;
  }

  /** Sets how many deltas have come in: the database is another than before. */
  void startAt(long deltas) {
    position = deltas;
  }

  /** Notes that the database is another than before: feeds end. */
  void replaced() {
    generation++;
    position = store.arrived();
    gate.wake();
    repairs.wrote();
  }

  /** Returns how many times the database was replaced. */
  int generation() {
    return generation;
  }

  /** Fails for who has read what is no more. */
  void requireGeneration(int known) {
    if (known != generation) {
      throw new DeltaException(
          ErrorCode.HISTORY_COMPACTED,
          "an import has replaced the database: read the present state and follow from its"
              + " position");
    }
  }

  /** Returns whether anybody wants to be called. */
  boolean active() {
    return events.active();
  }

  /**
   * Counts deltas that have come in, and tells feeds and repairs. Returns the position of the
   * first.
   */
  long took(int deltas) {
    long first = position;
    position += deltas;
    gate.wake();
    repairs.wrote();
    return first;
  }

  /** Calls the subscribers with events. */
  void emit(List<DeltaEvent> news) {
    events.emit(news);
  }

  /** Counts deltas that have come in, and calls the subscribers with what the log says of them. */
  void tookLogged(int deltas) {
    long first = took(deltas);
    if (deltas > 0 && events.active()) {
      List<DeltaEvent> news = new ArrayList<>();
      for (long next = first; next < position; ) {
        next = readPage(next, null, news);
      }
      events.emit(news);
    }
  }

  /** Ends all subscriptions. */
  void close() {
    events.close();
  }

  // ---------------------------------------------------------------- subscribers

  DeltaVectorDB.Subscription subscribe(Consumer<? super DeltaEvent> callback, FeedOptions feed) {
    replay(callback, feed);
    EventHub.Subscriber subscriber = events.subscribe(callback, position, feed.origin());
    return () -> {
      gate.lock();
      try {
        events.unsubscribe(subscriber);
      } finally {
        gate.unlock();
      }
    };
  }

  private void replay(Consumer<? super DeltaEvent> callback, FeedOptions feed) {
    List<DeltaEvent> page = new ArrayList<>();
    long first = first(feed);
    requireLogged(first);
    int known = generation;
    for (long next = first;
        next < position && !gate.isClosed() && generation == known;
        page.clear()) {
      next = readPage(next, feed.origin(), page);
      for (DeltaEvent event : page) {
        if (!gate.isClosed()) {
          EventHub.call(callback, event);
        }
      }
    }
  }

  /** Fails if not all deltas from a position on are in the log. */
  private void requireLogged(long first) {
    for (int at = (int) first; at < position; at = store.database().next()) {
      if (store.database().read(at, PAGE_BYTES) < store.database().next() - at) {
        throw compacted(at);
      }
    }
  }

  private long first(FeedOptions feed) {
    Long since = feed.since();
    if (since == null) {
      return position;
    }
    if (since < 0 || since > position) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "since must be a position from 0 to " + position + ", not " + since);
    }
    return since;
  }

  // ---------------------------------------------------------------- feeds

  DeltaFeed feed(FeedOptions feed) {
    store.requireHistory();
    return new DeltaFeed(gate, this, first(feed), feed.origin());
  }

  /**
   * Reads a page of the log.
   *
   * @param from position to begin at, before the present one
   * @param origin of the deltas to read, or null for all
   * @param page gets the deltas
   * @return the position behind the page
   * @throws DeltaException {@code HISTORY_COMPACTED} if the first delta is gone
   */
  long readPage(long from, @Nullable DeltaOrigin origin, Collection<DeltaEvent> page) {
    int first = (int) from;
    if (store.database().read(first, PAGE_BYTES) < store.database().next() - first
        && store.database().read(first, 1)
            < store.database().next() - first) { // some are gone, so one at a time
      throw compacted(from);
    }
    FrameDecoder decoder = store.decoder();
    int frame = store.database().output();
    int next = store.database().next();
    for (int i = first; i < next; i++) {
      frame = decoder.read(frame);
      if (origin == null || origin == decoder.origin()) {
        page.add(decoder.event(i));
      }
    }
    return next;
  }

  private static DeltaException compacted(long from) {
    return new DeltaException(
        ErrorCode.HISTORY_COMPACTED,
        "deltas from position "
            + from
            + " on were compacted away: read the present state and follow from its position");
  }
}
