package dev.deltavec.server.gateway;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * Sealed local frames ({@code docs/format.md}), as the TypeScript package's encodeDeltas writes.
 */
final class LocalFrames {
  private LocalFrames() {}

  static byte[] delete(String id) {
    byte[] utf8 = id.getBytes(StandardCharsets.UTF_8);
    int length = 10 + utf8.length;
    ByteBuffer frame = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    frame.putInt(length | 1 << 24).putInt(0).put((byte) (6 | 64)).put((byte) utf8.length).put(utf8);
    CRC32C checksum = new CRC32C();
    checksum.update(frame.array(), 8, length - 8);
    frame.putInt(4, (int) checksum.getValue());
    return frame.array();
  }
}
