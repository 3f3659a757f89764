package dev.deltavec.log;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** What went wrong in a {@link DeltaLog}. */
public final class LogException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  /** Why. */
  public enum Reason {
    /** The log cannot be reached, or has not answered in time. */
    UNAVAILABLE,
    /** Somebody else writes here now. */
    FENCED,
    /** What is asked for is no longer there. */
    BEHIND,
    /** It was closed. */
    CLOSED,
    /** The log holds, or was given, what it must not. */
    INVALID
  }

  private final Reason reason;

  /** An error with its reason. */
  public LogException(Reason reason, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** An error without another behind it. */
  public LogException(Reason reason, String message) {
    this(reason, message, null);
  }

  /** Returns why. */
  public Reason reason() {
    return reason;
  }
}
