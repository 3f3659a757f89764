package dev.deltavec.server.shard;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Cuts a record into its frames, by nothing but the lengths that they begin with. */
final class FrameCutter {
  private static final int LEAST = 9;

  private FrameCutter() {}

  /**
   * Returns the frames of a record, which may be anything. What comes behind a length that cannot
   * be is the last piece. O(bytes)
   */
  static List<byte[]> cut(byte[] record) {
    List<byte[]> frames = new ArrayList<>();
    int at = 0;
    while (at < record.length) {
      int left = record.length - at;
      int length = left < LEAST ? left : length(record, at);
      if (length < LEAST || length > left) {
        length = left;
      }
      frames.add(Arrays.copyOfRange(record, at, at + length));
      at += length;
    }
    return frames;
  }

  private static int length(byte[] record, int at) {
    return record[at] & 0xff | (record[at + 1] & 0xff) << 8 | (record[at + 2] & 0xff) << 16;
  }
}
