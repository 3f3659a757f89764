package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** The lock of a database. Knows whether the database is closed, and who waits for deltas. */
final class Gate {
  private final ReentrantLock lock = new ReentrantLock();

  /** Signalled when deltas have come in, and when a feed or the database is closed. */
  private final Condition news = lock.newCondition();

  private boolean closed;

  /**
   * Takes the lock.
   *
   * @throws DeltaException {@code CLOSED}, without the lock
   */
  void enter() {
    lock.lock();
    if (closed) {
      lock.unlock();
      throw closedError();
    }
  }

  private static DeltaException closedError() {
    return new DeltaException(ErrorCode.CLOSED, "the database is closed");
  }

  /** Takes the lock, also of a closed database. */
  void lock() {
    lock.lock();
  }

  /** Takes the lock, also of a closed database, unless another thread holds it. */
  boolean tryLock() {
    return lock.tryLock();
  }

  void unlock() {
    lock.unlock();
  }

  // What follows is called with the lock.

  boolean isClosed() {
    return closed;
  }

  /**
   * Fails if a callback has closed the database.
   *
   * @throws DeltaException {@code CLOSED}
   */
  void requireOpen() {
    if (closed) {
      throw closedError();
    }
  }

  /** Closes, and wakes whoever waits. Returns false if it was closed before. */
  boolean close() {
    boolean first = !closed;
    closed = true;
    wake();
    return first;
  }

  /** Wakes whoever waits. */
  void wake() {
    news.signalAll();
  }

  /** Waits as {@link #await} does, whatever interrupts the thread; also of a closed database. */
  void awaitUninterruptibly() {
    news.awaitUninterruptibly();
  }

  /**
   * Waits until deltas have come in, or something is closed.
   *
   * @return what is left of the time, nanoseconds
   */
  long await(long nanos) throws InterruptedException {
    return news.awaitNanos(nanos);
  }
}
