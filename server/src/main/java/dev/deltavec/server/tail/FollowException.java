package dev.deltavec.server.tail;

import java.io.Serial;
import java.util.Map;

/** Why somebody cannot be given what they ask for from the log, or no longer. */
public final class FollowException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  /** Why. */
  public enum Reason {
    /** What is asked for is malformed. */
    INVALID_ARGUMENT,
    /** What is asked for is gone, or too much. */
    TOO_FAR_BEHIND,
    /** The offsets are those of another log. */
    EPOCH_CHANGED,
    /** Does not take what is sent as fast as it comes. */
    TOO_SLOW,
    /** The token's time is over. */
    UNAUTHENTICATED,
    /** The log cannot be read now. */
    UNAVAILABLE,
    /** The process ends. */
    GOING_AWAY
  }

  private final Reason reason;
  private final transient Map<String, Object> fields;

  /**
   * An error.
   *
   * @param fields what else an answer should tell, by name; may be empty
   */
  public FollowException(Reason reason, String message, Map<String, Object> fields) {
    super(message);
    this.reason = reason;
    this.fields = Map.copyOf(fields);
  }

  /** An error that says no more than its message. */
  public FollowException(Reason reason, String message) {
    this(reason, message, Map.of());
  }

  /** Returns why. */
  public Reason reason() {
    return reason;
  }

  /** Returns what else an answer should tell. */
  public Map<String, Object> fields() {
    return fields;
  }
}
