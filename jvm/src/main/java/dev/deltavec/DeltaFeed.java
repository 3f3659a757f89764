package dev.deltavec;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * Deltas one after the other, as their reader asks for them: first those that the history holds,
 * then, waiting for them, those that come in. {@link DeltaVectorDB#deltas} makes one.
 *
 * {@snippet :
 * try (DeltaFeed feed = db.deltas(FeedOptions.since(0))) {
 *   while (feed.hasNext()) {
 *     index(feed.next());
 *   }
 * }
 * }
 *
 * <p>A feed holds one page of the history (some 64 KiB, or one delta) and no more, however slow its
 * reader is, and loses nothing: if the next delta was compacted away before it was read, all
 * methods but {@link #close} throw {@link dev.deltavec.core.DeltaException} {@code
 * HISTORY_COMPACTED}; so they do once an import has replaced the database.
 *
 * <p>Any number of threads may use a feed: each delta goes to one of them. It ends when it or the
 * database is closed. A callback of {@link DeltaVectorDB#onDelta} should not wait for a feed: what
 * is applied meanwhile reaches the subscribers only when it is done.
 */
public final class DeltaFeed implements Iterator<DeltaEvent>, AutoCloseable {
  private final Gate gate;
  private final Following following;
  private final @Nullable DeltaOrigin origin;
  private final ArrayDeque<DeltaEvent> page = new ArrayDeque<>();

  /** Position of what follows the page. */
  private long position;

  private final int generation;
  private boolean closed;

  DeltaFeed(Gate gate, Following following, long position, @Nullable DeltaOrigin origin) {
    this.gate = gate;
    this.following = following;
    this.position = position;
    this.origin = origin;
    generation = following.generation();
  }

  /**
   * Waits for the next delta.
   *
   * @return false if there will be none: the feed or the database is closed, or the thread is
   *     interrupted, which it then still is
   */
  @Override
  public boolean hasNext() {
    gate.lock();
    try {
      return await();
    } finally {
      gate.unlock();
    }
  }

  /**
   * Waits for the next delta and takes it.
   *
   * @return the delta
   * @throws NoSuchElementException where {@link #hasNext} says false
   */
  @Override
  public DeltaEvent next() {
    gate.lock();
    try {
      if (!await()) {
        throw new NoSuchElementException("the feed has ended, or the thread is interrupted");
      }
      return page.remove();
    } finally {
      gate.unlock();
    }
  }

  /**
   * Takes the next delta if there is one in time.
   *
   * @param timeout how long to wait; nothing or less for not at all
   * @return the delta, or null if none has come or the feed has ended
   * @throws InterruptedException if the thread is interrupted while it waits
   */
  public @Nullable DeltaEvent poll(Duration timeout) throws InterruptedException {
    boolean finite = timeout.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0;
    long nanos = timeout.isNegative() ? 0 : finite ? timeout.toNanos() : Long.MAX_VALUE;
    gate.lock();
    try {
      while (!fill() && !ended() && nanos > 0) {
        nanos = gate.await(nanos);
      }
      return page.poll();
    } finally {
      gate.unlock();
    }
  }

  /** Ends the feed, also for threads that wait. Closing again does nothing. */
  @Override
  public void close() {
    gate.lock();
    try {
      closed = true;
      page.clear();
      gate.wake();
    } finally {
      gate.unlock();
    }
  }

  private boolean await() {
    while (!fill()) {
      if (ended()) {
        return false;
      }
      try {
        gate.await(Long.MAX_VALUE);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
    return true;
  }

  private boolean ended() {
    return closed || gate.isClosed();
  }

  /** Reads pages until one holds a delta, or there is nothing to read. */
  private boolean fill() {
    if (!ended()) {
      following.requireGeneration(generation);
    }
    while (page.isEmpty() && !ended() && position < following.position()) {
      position = following.readPage(position, origin, page);
    }
    return !page.isEmpty();
  }
}
