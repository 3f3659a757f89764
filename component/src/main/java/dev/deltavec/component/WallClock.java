package dev.deltavec.component;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.Frame;
import org.teavm.interop.Import;

/** The host's time of day, and numbers drawn from it. */
final class WallClock {
  private static final long REPLICA_MASK = (1L << 48) - 1;

  /** How many numbers were drawn: no two are alike, however coarse the clock is. */
  private static long drawn;

  private WallClock() {}

  /**
   * Asks the host.
   *
   * @param datetime address of 16 bytes: the seconds (u64), then the nanoseconds (u32)
   */
  @Import(module = "wasi:clocks/wall-clock@0.2.0", name = "now")
  private static native void now(int datetime);

  /**
   * Returns the Unix milliseconds. Overwrites the return area.
   *
   * @throws DeltaException {@code INVALID_ARGUMENT} if the clock stands at what no delta can have
   */
  static long millis() {
    now(Guest.RETURN);
    long seconds = Guest.MEMORY.getLong(Guest.RETURN);
    if (seconds < 0 || seconds >= Frame.TIME_LIMIT / 1000) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "the clock stands at what is no time in 48 bits");
    }
    return seconds * 1000 + nanoseconds() / 1_000_000;
  }

  /** Draws the number of a replica, below 2^48. Overwrites the return area. */
  static long replica() {
    now(Guest.RETURN);
    long bits = Guest.MEMORY.getLong(Guest.RETURN) * 1_000_000_000L + nanoseconds();
    return mixed(mixed(bits) + ++drawn) & REPLICA_MASK;
  }

  private static int nanoseconds() {
    int nanoseconds = Guest.MEMORY.getInt(Guest.RETURN + 8);
    return nanoseconds < 0 ? 0 : Math.min(nanoseconds, 999_999_999);
  }

  /** Lets every bit depend on every other (the finalizer of SplitMix64). */
  private static long mixed(long bits) {
    long z = bits + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
