package dev.deltavec.server.auth;

import java.io.Serial;

/** A token is missing, or not good. The message says no more than its sender may know. */
public final class AuthException extends Exception {
  @Serial private static final long serialVersionUID = 1;

  /** Whether the token may be good. */
  private final boolean unknown;

  /** A token that is not good. */
  public AuthException(String message) {
    this(message, false);
  }

  /**
   * An error.
   *
   * @param unknown whether the token may be good, as its key cannot be had now
   */
  public AuthException(String message, boolean unknown) {
    super(message);
    this.unknown = unknown;
  }

  /** Tells whether the token may be good, as its key cannot be had now. */
  public boolean unknown() {
    return unknown;
  }
}
