package dev.deltavec.server.auth;

import java.io.Serial;

/** A token is missing, or not good. The message says no more than its sender may know. */
public final class AuthException extends Exception {
  @Serial private static final long serialVersionUID = 1;

  /** An error. */
  public AuthException(String message) {
    super(message);
  }
}
