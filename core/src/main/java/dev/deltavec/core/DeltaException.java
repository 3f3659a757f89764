package dev.deltavec.core;

/**
 * The one error of the database: a stable {@link #code code} and a message that names the offending
 * thing. After it is thrown the database is as it was before the call.
 */
public final class DeltaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorCode code;
  private final int index;
  private final String message;

  /**
   * An error that belongs to no particular delta.
   *
   * @param code the stable code
   * @param message what is wrong, naming the thing
   */
  public DeltaException(ErrorCode code, String message) {
    this(code, message, -1);
  }

  /**
   * An error of one delta of a batch.
   *
   * @param code the stable code
   * @param message what is wrong, naming the thing
   * @param index the delta's position in its batch from 0, or -1 for none
   */
  public DeltaException(ErrorCode code, String message, int index) {
    super(message);
    this.code = code;
    this.index = index;
    this.message = message;
  }

  /** Returns what is wrong, naming the thing. */
  @Override
  public String getMessage() {
    return message;
  }

  /** Returns the stable code. */
  public ErrorCode code() {
    return code;
  }

  /** Returns the position of the offending delta in its batch, from 0, or -1. */
  public int index() {
    return index;
  }
}
