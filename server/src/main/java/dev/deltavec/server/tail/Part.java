package dev.deltavec.server.tail;

import java.util.List;

/**
 * What a message tells of one shard.
 *
 * @param next offset to go on with
 * @param frames what is new before that; may be empty
 */
record Part(int shard, long next, List<byte[]> frames) {
  /** Returns the bytes of all frames. */
  int bytes() {
    int bytes = 0;
    for (byte[] frame : frames) {
      bytes = Math.addExact(bytes, frame.length);
    }
    return bytes;
  }
}
