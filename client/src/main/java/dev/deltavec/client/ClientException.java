package dev.deltavec.client;

import java.io.Serial;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What a service refused, or why it was not reached. */
public final class ClientException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  /** The code of what went wrong on the way: the service was not reached, or broke off. */
  static final String UNAVAILABLE = "UNAVAILABLE";

  private final String code;
  private final int status;
  private final @Nullable String vectorId;
  private final int index;
  private final transient @Nullable Duration retryAfter;

  ClientException(
      String code,
      String message,
      int status,
      @Nullable String vectorId,
      int index,
      @Nullable Duration retryAfter,
      @Nullable Throwable cause) {
    super(message, cause);
    this.code = code;
    this.status = status;
    this.vectorId = vectorId;
    this.index = index;
    this.retryAfter = retryAfter;
  }

  ClientException(String code, String message, @Nullable Throwable cause) {
    this(code, message, 0, null, -1, null, cause);
  }

  /**
   * Returns the stable code: that of the service ({@code FORBIDDEN}, {@code TOO_OLD}, {@code
   * DIMENSION_MISMATCH}, …), or {@code UNAVAILABLE} if it was not reached.
   */
  public String code() {
    return code;
  }

  /** Returns the status of HTTP, or 0 if there was none. */
  public int status() {
    return status;
  }

  /** Returns the id of the vector whose delta was refused, or null if it is not known. */
  public @Nullable String vectorId() {
    return vectorId;
  }

  /** Returns the position in its batch of the delta that was refused, from 0, or -1. */
  public int index() {
    return index;
  }

  /** Returns how long the service asks to wait before the next try, or null if it does not say. */
  public @Nullable Duration retryAfter() {
    return retryAfter;
  }

  /** Returns whether the same call may succeed later. */
  public boolean retryable() {
    return switch (status) {
      case 0 -> code.equals(UNAVAILABLE);
      case 408, 429, 500, 502, 503, 504 -> true;
      default -> false;
    };
  }
}
