package dev.deltavec.core;

/**
 * The stable codes of all errors. Names and numbers never change their meaning; new ones are added
 * at the end.
 */
public enum ErrorCode {
  /** An argument is malformed, out of its range, or does not fit the others. */
  INVALID_ARGUMENT,
  /** A vector or query has not the database's number of dimensions. */
  DIMENSION_MISMATCH,
  /** A value is NaN or infinite, or an operation would make it so. */
  NOT_FINITE,
  /** The operation needs a vector that is not there. */
  VECTOR_NOT_FOUND,
  /** A vector to be created is there already. */
  VECTOR_EXISTS,
  /** A given timestamp lies before the vector's newest delta. */
  OUT_OF_ORDER,
  /** The database holds {@code maxVectors} vectors. */
  CAPACITY_EXCEEDED,
  /** The platform refused more memory. */
  OUT_OF_MEMORY,
  /** A buffer of fixed size has no room for what was to be written. */
  BUFFER_FULL,
  /** The history asked for was compacted away. */
  HISTORY_COMPACTED,
  /** Bytes from outside are not what their format says. */
  CORRUPT_DATA,
  /** Bytes from outside are of a version that this release does not read. */
  UNSUPPORTED_VERSION,
  /** The database is closed. */
  CLOSED,
  /** The engine lacks a feature that is needed. */
  UNSUPPORTED_PLATFORM,
  /** The platform's storage failed; the cause says how. */
  STORAGE_FAILED,
  /** The platform's storage has no room left. */
  QUOTA_EXCEEDED,
  /** Another process, tab or database has the storage open. */
  LOCKED,
  /** Whoever had the database is gone; whether the call was applied is not known. */
  INTERRUPTED;

  /** Returns the code's number in binary interfaces, 1 or more. */
  public int number() {
    return ordinal() + 1;
  }
}
