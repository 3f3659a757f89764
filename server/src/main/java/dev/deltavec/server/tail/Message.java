package dev.deltavec.server.tail;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What followers are sent, encoded once for all of them. Nobody changes the bytes.
 *
 * <p>For WebSockets: rows of varint shard, varint next offset, varint bytes, frames. For
 * server-sent events: an event {@code deltas} with the cursor behind it as its id, and the frames
 * in base64.
 */
public final class Message {
  private static final int MAX_HEADER = 10;
  private static final byte[] EVENT = ascii("event: deltas\nid: ");
  private static final byte[] DATA = ascii("\ndata: ");
  private static final byte[] END = ascii("\n\n");

  private final byte[] frame;
  private final int header;
  private final byte[] event;

  private Message(byte[] frame, int header, byte[] event) {
    this.frame = frame;
    this.header = header;
    this.event = event;
  }

  /**
   * Encodes a message.
   *
   * @param parts at least one
   * @param socket whether it is for WebSockets
   * @param cursor where who has read it stands, for server-sent events; null if it is for none
   */
  static Message of(List<Part> parts, boolean socket, @Nullable String cursor) {
    byte[] frame = new byte[0];
    int header = 0;
    if (socket) {
      int size = 0;
      for (Part part : parts) {
        int bytes = part.bytes();
        size =
            Math.addExact(size, varint(part.shard()) + varint(part.next()) + varint(bytes) + bytes);
      }
      header = headerBytes(size);
      frame = new byte[header + size];
      header(frame, size);
      int at = header;
      for (Part part : parts) {
        at = put(frame, at, part.shard());
        at = put(frame, at, part.next());
        at = put(frame, at, part.bytes());
        for (byte[] bytes : part.frames()) {
          System.arraycopy(bytes, 0, frame, at, bytes.length);
          at += bytes.length;
        }
      }
    }
    return new Message(frame, header, cursor == null ? new byte[0] : event(parts, cursor));
  }

  private static byte[] event(List<Part> parts, String cursor) {
    int size = 0;
    for (Part part : parts) {
      size = Math.addExact(size, part.bytes());
    }
    byte[] id = ascii(cursor);
    byte[] frames = new byte[size];
    int at = 0;
    for (Part part : parts) {
      for (byte[] bytes : part.frames()) {
        System.arraycopy(bytes, 0, frames, at, bytes.length);
        at += bytes.length;
      }
    }
    return join(List.of(EVENT, id, DATA, Base64.getEncoder().encode(frames), END));
  }

  /** Returns the bytes that it takes in a queue. */
  int bytes() {
    return Math.max(frame.length, event.length);
  }

  /**
   * Returns messages as the bytes of one binary WebSocket frame, of a server: not masked. The bytes
   * of a single message are shared.
   */
  public static byte[] frame(List<Message> messages) {
    if (messages.size() == 1) {
      return messages.getFirst().frame;
    }
    int size = 0;
    for (Message message : messages) {
      size = Math.addExact(size, message.frame.length - message.header);
    }
    int at = headerBytes(size);
    byte[] frame = new byte[at + size];
    header(frame, size);
    for (Message message : messages) {
      int n = message.frame.length - message.header;
      System.arraycopy(message.frame, message.header, frame, at, n);
      at += n;
    }
    return frame;
  }

  /** Returns messages as server-sent events. The bytes of a single message are shared. */
  public static byte[] events(List<Message> messages) {
    if (messages.size() == 1) {
      return messages.getFirst().event;
    }
    List<byte[]> events = new ArrayList<>();
    messages.forEach(message -> events.add(message.event));
    return join(events);
  }

  private static byte[] join(List<byte[]> arrays) {
    int size = 0;
    for (byte[] array : arrays) {
      size = Math.addExact(size, array.length);
    }
    byte[] all = new byte[size];
    int at = 0;
    for (byte[] array : arrays) {
      System.arraycopy(array, 0, all, at, array.length);
      at += array.length;
    }
    return all;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static int headerBytes(int size) {
    return size < 126 ? 2 : size < 1 << 16 ? 4 : MAX_HEADER;
  }

  /** Writes a final binary frame's header (RFC 6455, 5.2). */
  private static void header(byte[] frame, int size) {
    frame[0] = (byte) 0x82;
    if (size < 126) {
      frame[1] = (byte) size;
    } else if (size < 1 << 16) {
      frame[1] = 126;
      frame[2] = (byte) (size >>> 8);
      frame[3] = (byte) size;
    } else {
      frame[1] = 127;
      for (int i = 0; i < 4; i++) {
        frame[6 + i] = (byte) (size >>> 24 - 8 * i);
      }
    }
  }

  private static int varint(long value) {
    int bytes = 1;
    for (long rest = value >>> 7; rest != 0; rest >>>= 7) {
      bytes++;
    }
    return bytes;
  }

  private static int put(byte[] bytes, int from, long value) {
    int at = from;
    long rest = value;
    for (; rest >>> 7 != 0; rest >>>= 7) {
      bytes[at++] = (byte) (rest | 0x80);
    }
    bytes[at++] = (byte) rest;
    return at;
  }
}
