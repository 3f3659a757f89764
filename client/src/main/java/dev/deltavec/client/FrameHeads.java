package dev.deltavec.client;

import java.nio.charset.StandardCharsets;

/**
 * Walks over identified frames that stand alone, as a service sends them, and reads whose they are
 * ({@code docs/format.md}). Nothing else is looked at: what is wrong with a frame the database
 * finds when it merges it.
 */
final class FrameHeads {
  /** Bytes before whose delta it is. */
  static final int HEAD = 9;

  private static final int IDENTIFIED = 8;
  private static final int TIMED = 16;

  private final byte[] frames;
  private final int end;

  /** Index of the present frame. */
  private int start;

  /** Bytes of the present frame. */
  private int length;

  private int idAt;
  private int idLength;

  FrameHeads(byte[] frames, int from, int to) {
    this.frames = frames;
    start = from;
    end = to;
  }

  /** Goes to the next frame; returns false where there is none, or no whole one. */
  boolean next() {
    start += length;
    length = length(frames, start, end);
    if (length < 0 || length > end - start) {
      length = 0;
      return false;
    }
    idLength = 0;
    idAt = start + HEAD + 1;
    int kind = frames[start + 8] & (IDENTIFIED | TIMED);
    if (kind != IDENTIFIED || length < HEAD + 1 + 1 + 16) {
      return true; // the database says what is wrong with it
    }
    int bytes = frames[start + HEAD];
    if (bytes < 0) {
      bytes = bytes & 127 | frames[idAt++] << 7;
    }
    if (bytes > 0 && bytes <= start + length - 16 - idAt) {
      idLength = bytes;
    }
    return true;
  }

  /** Returns the length of a frame in bytes; -1 where there is none. */
  static int length(byte[] frames, int at, int end) {
    if (end - at < HEAD) {
      return -1;
    }
    int length = frames[at] & 0xff | (frames[at + 1] & 0xff) << 8 | (frames[at + 2] & 0xff) << 16;
    return length < HEAD ? -1 : length;
  }

  /** Returns whether the frame says whose it is. */
  boolean known() {
    return idLength > 0;
  }

  int start() {
    return start;
  }

  int length() {
    return length;
  }

  String vectorId() {
    return new String(frames, idAt, idLength, StandardCharsets.UTF_8);
  }

  /** Returns the time of the delta's id, Unix milliseconds. */
  long time() {
    return Bytes.get48(frames, idAt + idLength);
  }

  /** Returns the sequence of the delta's id. */
  long sequence() {
    return Bytes.get32(frames, idAt + idLength + 6);
  }

  /** Returns the replica of the delta's id. */
  long replica() {
    return Bytes.get48(frames, idAt + idLength + 10);
  }
}
