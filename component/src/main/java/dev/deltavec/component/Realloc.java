package dev.deltavec.component;

import dev.deltavec.core.DeltaException;
import dev.deltavec.wasm.Native;
import org.teavm.interop.Export;

/** How hosts take memory for arguments. */
final class Realloc {
  private Realloc() {}

  /**
   * Takes or resizes memory of the arena for the next call. Traps if there is none: there is no
   * other answer to that.
   *
   * @param old what this gave before for the same call, or 0
   * @param oldBytes its size, 0 for new memory
   * @param align a power of two
   * @param bytes the size
   * @return the address
   */
  @Export(name = "cabi_realloc")
  static int realloc(int old, int oldBytes, int align, int bytes) {
    try {
      return Guest.ARENA.resize(old, oldBytes, align, bytes);
    } catch (DeltaException e) {
      Native.trap();
      return 0;
    }
  }
}
