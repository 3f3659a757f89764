package dev.deltavec.component;

import dev.deltavec.wasm.LinearMemory;
import dev.deltavec.wasm.Native;
import dev.deltavec.wasm.SimdKernels;

/**
 * The instance: its memory, and what lies at fixed places of it, behind the static data in the
 * first page: the return area, room for an error's text, what the kernels need, the arena's first
 * block.
 */
final class Guest {
  static final LinearMemory MEMORY = new LinearMemory();

  /**
   * Address of the return area, a multiple of 64: a call that has more to return than one number
   * writes it there, and returns this.
   */
  static final int RETURN = Native.dataEnd();

  /** Bytes of the return area. */
  static final int RETURN_BYTES = 512;

  /** Address of room for an error's text, so that an error can be told when there is no memory. */
  static final int TEXT = RETURN + RETURN_BYTES;

  /** Bytes of that room: an id of 1,024 bytes and what is said of it. */
  static final int TEXT_BYTES = 2048;

  static final SimdKernels KERNELS = new SimdKernels(TEXT + TEXT_BYTES);

  /** Arguments and results of calls: the rest of the page at first. */
  static final Arena ARENA = new Arena(MEMORY, TEXT + TEXT_BYTES + SimdKernels.SCRATCH_BYTES);

  private Guest() {}
}
