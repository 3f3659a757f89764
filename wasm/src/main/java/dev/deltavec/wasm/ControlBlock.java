package dev.deltavec.wasm;

import dev.deltavec.core.delta.Utf8;
import dev.deltavec.core.memory.Memory;

/**
 * What the faces read after a call: the control block of {@code docs/abi.md} and, behind it, the
 * last error's message. It never moves.
 */
final class ControlBlock {
  private static final int BYTES = 64;
  private static final int OUTPUT = 0;
  private static final int OUTPUT_BYTES = 4;
  private static final int MESSAGE = 8;
  private static final int MESSAGE_BYTES = 12;
  private static final int INDEX = 16;
  private static final int NEXT = 20;
  private static final int LIVE = 24;
  private static final int PENDING = 28;
  private static final int ROOT = 32;

  /** Not part of the ABI: room for an output of 8 bytes. */
  private static final int SCRATCH = 56;

  /** Room for a message: an id of 1,024 bytes and what is said of it. */
  private static final int MESSAGE_CAPACITY = 2048 - BYTES;

  private final Memory memory;
  private final int address;

  ControlBlock(Memory memory, int address) {
    this.memory = memory;
    this.address = address;
  }

  int address() {
    return address;
  }

  /** First address behind the block and the message, a multiple of 64. */
  int end() {
    return address + BYTES + MESSAGE_CAPACITY;
  }

  void output(int output, int bytes) {
    memory.putInt(address + OUTPUT, output);
    memory.putInt(address + OUTPUT_BYTES, bytes);
  }

  /** Makes {@code value} the output. */
  void output(long value) {
    memory.putLong(address + SCRATCH, value);
    output(address + SCRATCH, 8);
  }

  void next(int slot) {
    memory.putInt(address + NEXT, slot);
  }

  /** Notes how many vectors live, and how many of them are queued to be linked. */
  void counts(int live, int pending) {
    memory.putInt(address + LIVE, live);
    memory.putInt(address + PENDING, pending);
  }

  /** Notes where the image begins of the database that was opened last. */
  void root(int root) {
    memory.putInt(address + ROOT, root);
  }

  /**
   * Stores an error.
   *
   * @param message its text; what does not fit is left out
   * @param index the offending delta's position in its batch, or -1
   */
  void error(String message, int index) {
    memory.putInt(address + INDEX, index);
    memory.putInt(address + MESSAGE, address + BYTES);
    memory.putInt(
        address + MESSAGE_BYTES, Utf8.encode(memory, address + BYTES, MESSAGE_CAPACITY, message));
  }
}
