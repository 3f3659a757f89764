package dev.deltavec.client;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * How long to wait between tries: first {@code first}, then twice as long each time up to {@code
 * most}, each wait a random part of up to a half shorter.
 *
 * @param first of the waits, over 0
 * @param most that is waited, at least {@code first}
 */
public record Retry(Duration first, Duration most) {
  private static final Retry DEFAULTS = new Retry(Duration.ofMillis(500), Duration.ofSeconds(30));

  /**
   * Checks the range.
   *
   * @throws IllegalArgumentException naming what is out of it
   */
  public Retry {
    if (first.isZero() || first.isNegative()) {
      throw new IllegalArgumentException("first must be over 0, not " + first);
    }
    if (most.compareTo(first) < 0) {
      throw new IllegalArgumentException("most must be at least first, not " + most);
    }
  }

  /** Returns half a second, and half a minute. */
  public static Retry defaults() {
    return DEFAULTS;
  }

  /**
   * Returns how long to wait.
   *
   * @param failures how many tries have failed in a row, from 1
   * @param asked how long the service asks to wait at least; null if it does not
   */
  Duration after(int failures, @Nullable Duration asked) {
    long whole = first.toMillis() << Math.min(failures - 1, 20);
    long bounded = Math.max(1, Math.min(whole, most.toMillis()));
    long wait = bounded - ThreadLocalRandom.current().nextLong(bounded / 2 + 1);
    return Duration.ofMillis(asked == null ? wait : Math.max(wait, asked.toMillis()));
  }
}
