package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * The lock of a database: one thread has it, or any number of threads that only read {@link #share}
 * it. Knows whether the database is closed, and who waits for deltas.
 */
final class Gate {
  private final ReentrantReadWriteLock both = new ReentrantReadWriteLock();
  private final ReentrantReadWriteLock.WriteLock lock = both.writeLock();

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

  /**
   * Takes the lock, also of a closed database, unless others have it for longer.
   *
   * @param nanos how long to wait; those who come to share it meanwhile wait, too
   */
  boolean tryLock(long nanos) {
    try {
      return lock.tryLock(nanos, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  void unlock() {
    lock.unlock();
  }

  /**
   * Shares the lock with others who only read. Nothing of what is done with it may ask for the
   * whole lock.
   *
   * @throws DeltaException {@code CLOSED}, without the lock
   */
  void share() {
    both.readLock().lock();
    if (closed) {
      both.readLock().unlock();
      throw closedError();
    }
  }

  /** Ends what {@link #share} began. */
  void unshare() {
    both.readLock().unlock();
  }

  /** Returns whether this thread has the whole lock. */
  boolean isMine() {
    return lock.isHeldByCurrentThread();
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
