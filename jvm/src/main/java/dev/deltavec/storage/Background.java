package dev.deltavec.storage;

import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Two threads for what all databases do with their files by the way; they go when idle. */
public final class Background {
  static final ScheduledThreadPoolExecutor EXECUTOR = executor();

  private Background() {}

  /** Runs something soon. */
  public static void run(Runnable task) {
    EXECUTOR.execute(task);
  }

  private static ScheduledThreadPoolExecutor executor() {
    ScheduledThreadPoolExecutor executor =
        new ScheduledThreadPoolExecutor(
            2,
            Thread.ofPlatform()
                .name("deltavec-storage-", 0)
                .daemon()
                .inheritInheritableThreadLocals(false)
                .factory());
    executor.setKeepAliveTime(10, TimeUnit.SECONDS);
    executor.allowCoreThreadTimeOut(true);
    return executor;
  }
}
