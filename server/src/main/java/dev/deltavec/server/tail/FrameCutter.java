package dev.deltavec.server.tail;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;

/** Passes on the frames of a long stream that a filter lets through, with little memory. */
public final class FrameCutter {
  private static final int BUFFER_BYTES = 128 << 10;
  private static final int HEADER_BYTES = 9;

  private FrameCutter() {}

  /** Takes pieces of the stream that pass. */
  private interface Taker {
    void take(byte[] bytes, int from, int length) throws IOException;
  }

  /**
   * Returns the bytes of all frames that pass. O(bytes)
   *
   * @throws IOException if the stream fails, or is no row of whole frames
   */
  public static long length(InputStream in, Filter filter) throws IOException {
    long[] sum = new long[1];
    cut(in, filter, (bytes, from, length) -> sum[0] += length);
    return sum[0];
  }

  /**
   * Writes all frames that pass. O(bytes)
   *
   * @throws IOException as {@link #length}, or if writing fails
   */
  public static void copy(InputStream in, Filter filter, OutputStream out) throws IOException {
    cut(in, filter, out::write);
  }

  private static void cut(InputStream in, Filter filter, Taker taker) throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    int end = 0;
    boolean more = true;
    while (more) {
      int read = in.readNBytes(buffer, end, buffer.length - end);
      more = read > 0;
      end += read;
      int at = whole(buffer, end, filter, taker);
      System.arraycopy(buffer, at, buffer, 0, end - at);
      end -= at;
      if (end == buffer.length) { // one frame is longer than all that is here
        int length = (buffer[0] & 0xff) | (buffer[1] & 0xff) << 8 | (buffer[2] & 0xff) << 16;
        if (length <= buffer.length) {
          throw new IOException("the stream is no row of frames");
        }
        buffer = Arrays.copyOf(buffer, length);
      }
    }
    if (end > 0) {
      throw new IOException("the stream ends within a frame");
    }
  }

  /** Takes the whole frames of a buffer; returns where the first that is not whole begins. */
  private static int whole(byte[] buffer, int end, Filter filter, Taker taker) throws IOException {
    int at = 0;
    int begin = 0;
    for (int length = Filter.lengthAt(buffer, at, end);
        length >= HEADER_BYTES;
        length = Filter.lengthAt(buffer, at, end)) {
      if (!filter.passes(buffer, at, length)) {
        if (at > begin) {
          taker.take(buffer, begin, at - begin);
        }
        begin = at + length;
      }
      at += length;
    }
    if (at > begin) {
      taker.take(buffer, begin, at - begin);
    }
    return at;
  }
}
