package dev.deltavec.storage;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.io.IOException;
import java.util.Locale;

/** Makes errors of the platform into those of the database. */
public final class Failures {
  private Failures() {}

  /**
   * Returns an error of the database.
   *
   * @param what what could not be done
   * @param cause why
   * @return {@code QUOTA_EXCEEDED} if there is no room, else {@code STORAGE_FAILED}
   */
  public static DeltaException of(String what, IOException cause) {
    String why = String.valueOf(cause.getMessage());
    String lower = why.toLowerCase(Locale.ROOT);
    boolean full =
        lower.contains("no space left")
            || lower.contains("quota")
            || lower.contains("not enough space");
    return caused(
        full ? ErrorCode.QUOTA_EXCEEDED : ErrorCode.STORAGE_FAILED,
        "cannot " + what + ": " + why,
        cause);
  }

  static DeltaException caused(ErrorCode code, String message, Throwable cause) {
    DeltaException error = new DeltaException(code, message);
    error.initCause(cause);
    return error;
  }

  static DeltaException corrupt(String message) {
    return new DeltaException(ErrorCode.CORRUPT_DATA, message);
  }
}
