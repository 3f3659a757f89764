package dev.deltavec.client;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Waits that an end cuts short. Threads that change a database must not be interrupted: a file that
 * is written by one that is is closed.
 */
final class Pause {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition end = lock.newCondition();
  private boolean ended;

  /** Waits for some time, or until it has ended. */
  void sleep(Duration time) throws InterruptedException {
    lock.lock();
    try {
      for (long left = time.toNanos(); left > 0 && !ended; ) {
        left = end.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  void end() {
    lock.lock();
    try {
      ended = true;
      end.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
