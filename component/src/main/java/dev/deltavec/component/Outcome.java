package dev.deltavec.component;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.wasm.LinearMemory;
import dev.deltavec.wasm.Native;

/**
 * What a call of deltavec.wit returns, at {@link Guest#RETURN}: a {@code result}, that is a byte, 0
 * for success and 1 for an error, and behind it the value or the {@code error}, both at the place
 * that the one with the larger alignment needs.
 */
final class Outcome {
  /** Where the value stands, if it has no numbers of 64 bits. */
  static final int VALUE = Guest.RETURN + 4;

  /** Where the value stands if it has numbers of 64 bits. */
  static final int LONG_VALUE = Guest.RETURN + 8;

  // error: 20 bytes, aligned to 4: a byte for the case, and its problem
  private static final int MESSAGE = 4; // string
  private static final int INDEX = 12; // option<u32>

  private static final LinearMemory MEMORY = Guest.MEMORY;

  private Outcome() {}

  /** Ends a call that has written its value. Returns what the call returns. */
  static int done() {
    Guest.ARENA.done();
    MEMORY.putInt(Guest.RETURN, 0);
    return Guest.RETURN;
  }

  /** Ends a call whose value is a list, or a string. Returns what the call returns. */
  static int done(int address, int length) {
    MEMORY.putInt(VALUE, address);
    MEMORY.putInt(VALUE + 4, length);
    return done();
  }

  /** Ends a call whose value is an {@code option} of a list or string that is there. */
  static int some(int address, int length) {
    MEMORY.putInt(VALUE, 1);
    MEMORY.putInt(VALUE + 4, address);
    MEMORY.putInt(VALUE + 8, length);
    return done();
  }

  /** Ends a call whose value is an {@code option} of nothing. */
  static int none() {
    MEMORY.putInt(VALUE, 0);
    return done();
  }

  /**
   * Ends a call by an error. Anything but what the core refuses is a mistake of ours: a trap.
   *
   * @param value {@link #VALUE} or {@link #LONG_VALUE}
   * @param e what was thrown
   * @return what the call returns
   */
  static int failed(int value, Throwable e) {
    return failed(value, e, false);
  }

  /**
   * Like {@link #failed(int, Throwable)}, of a batch: the error says which of its deltas it was.
   */
  static int failed(int value, Throwable e, boolean batch) {
    Guest.ARENA.done();
    int number = e instanceof DeltaException known ? caseOf(known) : -1;
    if (number < 0) {
      Native.trap();
      return 0;
    }
    DeltaException error = (DeltaException) e;
    boolean indexed = batch && error.index() >= 0;
    MEMORY.putInt(Guest.RETURN, 1);
    MEMORY.putInt(value, number);
    Texts.putError(value + MESSAGE, error.getMessage());
    MEMORY.putInt(value + INDEX, indexed ? 1 : 0);
    MEMORY.putInt(value + INDEX + 4, error.index());
    return Guest.RETURN;
  }

  /** Returns the case of {@code error}, -1 for codes that no call of this world can end with. */
  private static int caseOf(DeltaException error) {
    int number = error.code().number();
    if (number <= ErrorCode.OUT_OF_MEMORY.number()) {
      return number - 1;
    }
    // There is no BUFFER_FULL, and none of those behind UNSUPPORTED_VERSION.
    boolean isCase =
        number >= ErrorCode.HISTORY_COMPACTED.number()
            && number <= ErrorCode.UNSUPPORTED_VERSION.number();
    return isCase ? number - 2 : -1;
  }
}
