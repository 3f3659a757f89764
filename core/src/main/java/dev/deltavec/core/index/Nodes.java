package dev.deltavec.core.index;

import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Memory;

/**
 * The node record of a slot, 16 bytes: degree on layer 0 (byte 0), level (byte 1), state (byte 2),
 * reach (byte 3), address of the upper block or of the group (word 4), drift or position (word 8),
 * hash of the codes or node of the group (word 12).
 */
final class Nodes {
  /** A slot with no vector, or one that is not settled yet. */
  static final int NONE = 0;

  /** Linked into the graph. */
  static final int LINKED = 1;

  /** In the group of a linked node with the same codes. Word 8: position there; 12: the node. */
  static final int DUPLICATE = 2;

  /** Beside the graph, as its vector is zero. Word 8: position in the list. */
  static final int ZERO = 3;

  /** To be linked. Word 8: position in the queue. */
  static final int PENDING = 4;

  private static final int STATE_MASK = 7;

  /**
   * Bit of the state of a linked node that is to be relinked; word 8 is its position in the queue.
   */
  private static final int QUEUED = 8;

  /** Bit of the state of a linked node that has a group. */
  private static final int GROUPED = 16;

  private static final int LEVEL = 1;
  private static final int STATE = 2;
  private static final int REACH = 3;
  private static final int UPPER = 4;
  private static final int DRIFT = 8;
  private static final int HASH = 12;

  private final Image image;
  private final Memory memory;

  Nodes(Image image) {
    this.image = image;
    this.memory = image.memory();
  }

  void clear(int slot) {
    memory.clear(image.node(slot), Image.NODE_BYTES);
  }

  int degree(int slot) {
    return memory.getByte(image.node(slot)) & 0xff;
  }

  void setDegree(int slot, int degree) {
    memory.putByte(image.node(slot), (byte) degree);
  }

  int level(int slot) {
    return memory.getByte(image.node(slot) + LEVEL);
  }

  void setLevel(int slot, int level) {
    memory.putByte(image.node(slot) + LEVEL, (byte) level);
  }

  int state(int slot) {
    return memory.getByte(image.node(slot) + STATE) & STATE_MASK;
  }

  /** Returns whether the slot holds a vector that can be found. */
  boolean lives(int slot) {
    return memory.getByte(image.node(slot) + STATE) != NONE;
  }

  void setState(int slot, int state) {
    memory.putByte(image.node(slot) + STATE, (byte) state);
  }

  boolean isQueued(int slot) {
    return (memory.getByte(image.node(slot) + STATE) & QUEUED) != 0;
  }

  void setQueued(int slot, boolean queued) {
    setBit(slot, QUEUED, queued);
  }

  boolean isGrouped(int slot) {
    return (memory.getByte(image.node(slot) + STATE) & GROUPED) != 0;
  }

  void setGrouped(int slot, boolean grouped) {
    setBit(slot, GROUPED, grouped);
  }

  private void setBit(int slot, int bit, boolean on) {
    int at = image.node(slot) + STATE;
    int state = memory.getByte(at) & ~bit;
    memory.putByte(at, (byte) (on ? state | bit : state));
  }

  int upper(int slot) {
    return memory.getInt(image.node(slot) + UPPER);
  }

  void setUpper(int slot, int block) {
    memory.putInt(image.node(slot) + UPPER, block);
  }

  float drift(int slot) {
    return memory.getFloat(image.node(slot) + DRIFT);
  }

  void setDrift(int slot, float drift) {
    memory.putFloat(image.node(slot) + DRIFT, drift);
  }

  int position(int slot) {
    return memory.getInt(image.node(slot) + DRIFT);
  }

  void setPosition(int slot, int position) {
    memory.putInt(image.node(slot) + DRIFT, position);
  }

  int hash(int slot) {
    return memory.getInt(image.node(slot) + HASH);
  }

  void setHash(int slot, int hash) {
    memory.putInt(image.node(slot) + HASH, hash);
  }

  /** Returns the node in whose group a duplicate is. */
  int groupNode(int slot) {
    return hash(slot);
  }

  void setGroupNode(int slot, int node) {
    setHash(slot, node);
  }

  /**
   * Returns how far a node's links reach: the length that its drift is measured by, to within a
   * factor of 1.2.
   */
  float reach(int slot) {
    int code = memory.getByte(image.node(slot) + REACH) & 0xff;
    // Half steps of powers of two: 2^((code - 128) / 2), as the sum of exponent bits and a half.
    float power = Float.intBitsToFloat((code >> 1) + 63 << 23);
    return (code & 1) == 0 ? power * 1.19f : power * 1.68f;
  }

  void setReach(int slot, float reach) {
    int bits = Float.floatToRawIntBits(reach);
    int code = (bits >>> 23) - 63 << 1 | ((bits & 0x7fffff) >= 0x3504f3 ? 1 : 0);
    memory.putByte(image.node(slot) + REACH, (byte) Math.max(0, Math.min(255, code)));
  }
}
