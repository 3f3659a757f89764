package dev.deltavec.core.json;

import java.util.Arrays;

/** Bytes that grow. */
final class Output {
  private byte[] bytes;
  private int size;

  Output(int expected) {
    bytes = new byte[Math.max(16, expected)];
  }

  void put(int b) {
    if (size == bytes.length) {
      bytes = Arrays.copyOf(bytes, size * 2);
    }
    bytes[size++] = (byte) b;
  }

  void put(byte[] more) {
    for (byte b : more) {
      put(b);
    }
  }

  byte[] toBytes() {
    return Arrays.copyOf(bytes, size);
  }
}
