package dev.deltavec.component;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;

/** Room for lists in the arena. */
final class Lists {
  private Lists() {}

  /**
   * Takes room for a list.
   *
   * @param length how many elements, 0 or more
   * @param bytes of each
   * @param align a power of two, 1 to 64
   * @return its address; the bytes may be anything
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  static int take(int length, int bytes, int align) {
    long all = (long) length * bytes;
    if (all < 0 || all > Integer.MAX_VALUE) {
      throw new DeltaException(
          ErrorCode.OUT_OF_MEMORY, "no memory for a list of " + all + " bytes");
    }
    return Guest.ARENA.take((int) all, align);
  }
}
