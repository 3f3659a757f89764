package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Renews links that vectors have drifted away from: when asked to, and while nobody writes. It
 * takes the lock by itself, for a short time at once, so that other threads get their turn.
 */
final class Repairs {
  private static final System.Logger LOGGER = System.getLogger("dev.deltavec");

  /** How long nobody must have written, and when to come again where the lock was not to be had. */
  private static final long QUIET_NANOS = 5_000_000;

  /** How long to wait for those who search; between threads that always do, no moment is free. */
  private static final long WAIT_NANOS = 1_000_000;

  /** How long the lock is held; over that only if renewing the links of one vector takes longer. */
  private static final long SLICE_NANOS = 500_000;

  /** What is left to others in between. */
  private static final long PAUSE_NANOS = 1_000_000;

  private final Gate gate;
  private final Store store;
  private final boolean idle;

  // With the lock:

  /** Whether the worker is going to come, or is here. */
  private boolean planned;

  private boolean written;

  /**
   * Repairs of one store.database().
   *
   * @param idle whether also to repair while nobody writes
   */
  Repairs(Gate gate, Store store, boolean idle) {
    this.gate = gate;
    this.store = store;
    this.idle = idle;
  }

  /** Repairs until nothing is pending; see {@link DeltaVectorDB#repair()}. */
  RepairStats repair() {
    return repair(Long.MAX_VALUE);
  }

  /** Repairs for some time; see {@link DeltaVectorDB#repair(Duration)}. */
  RepairStats repair(Duration budget) {
    if (budget.isNegative()) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "the budget must not be negative, not " + budget);
    }
    boolean finite = budget.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0;
    return repair(finite ? budget.toNanos() : Long.MAX_VALUE);
  }

  private RepairStats repair(long budget) {
    long start = System.nanoTime();
    int repaired = 0;
    while (true) {
      gate.enter();
      try {
        int before = store.database().pending();
        long left = budget - (System.nanoTime() - start);
        int after = before == 0 || left <= 0 ? before : slice(Math.min(left, SLICE_NANOS));
        repaired += before - after;
        if (after == 0 || after >= before) {
          return new RepairStats(repaired, after);
        }
      } finally {
        gate.unlock();
      }
    }
  }

  /** Repairs one vector, and more while there is time. Returns how many are pending. */
  private int slice(long nanos) {
    long start = System.nanoTime();
    long longest = 0;
    long at = start;
    int left;
    do {
      left = store.database().repair(1);
      long now = System.nanoTime();
      longest = Math.max(longest, now - at);
      at = now;
    } while (left > 0 && at - start + longest < nanos);
    return left;
  }

  // ---------------------------------------------------------------- while nobody writes

  /** Notes that somebody has written, with the lock. */
  void wrote() {
    written = true;
    if (idle && !planned && store.database().pending() > 0) {
      planned = true;
      new Visit(this).after(QUIET_NANOS);
    }
  }

  /** Repairs for a moment if nobody is busy. Returns when to come again, or -1 for not at all. */
  private long visit() {
    if (!gate.tryLock(WAIT_NANOS)) {
      return QUIET_NANOS;
    }
    long again = -1;
    try {
      if (gate.isClosed()) {
        return -1;
      }
      if (written) {
        written = false;
        again = QUIET_NANOS;
      } else if (slice(SLICE_NANOS) > 0) {
        again = PAUSE_NANOS;
      }
      return again;
    } catch (DeltaException e) {
      return -1; // out of memory: the next change brings the next try
    } catch (RuntimeException e) {
      LOGGER.log(System.Logger.Level.ERROR, "Idle repair has failed, and ends until a change", e);
      return -1;
    } finally {
      planned = again >= 0;
      gate.unlock();
    }
  }

  /** Comes to a database that is still in use. */
  private static final class Visit implements Runnable {
    private final WeakReference<Repairs> whose;

    Visit(Repairs repairs) {
      whose = new WeakReference<>(repairs);
    }

    void after(long nanos) {
      Worker.EXECUTOR.schedule(this, nanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void run() {
      Repairs repairs = whose.get();
      long again = repairs == null ? -1 : repairs.visit();
      if (again >= 0) {
        after(again);
      }
    }
  }

  /**
   * One thread for all databases, made when first needed; it goes when nothing has come for long.
   */
  private static final class Worker {
    static final ScheduledThreadPoolExecutor EXECUTOR = executor();

    private static ScheduledThreadPoolExecutor executor() {
      ScheduledThreadPoolExecutor executor =
          new ScheduledThreadPoolExecutor(
              1,
              Thread.ofPlatform()
                  .name("deltavec-repair")
                  .daemon()
                  .inheritInheritableThreadLocals(false)
                  .factory());
      executor.setKeepAliveTime(10, TimeUnit.SECONDS);
      executor.allowCoreThreadTimeOut(true);
      return executor;
    }
  }
}
