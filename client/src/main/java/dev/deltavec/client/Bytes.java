package dev.deltavec.client;

import java.io.ByteArrayOutputStream;

/** Numbers in bytes, little-endian. */
final class Bytes {
  private Bytes() {}

  static long get48(byte[] bytes, int at) {
    long value = 0;
    for (int i = 5; i >= 0; i--) {
      value = value << 8 | bytes[at + i] & 0xff;
    }
    return value;
  }

  static long get32(byte[] bytes, int at) {
    return bytes[at] & 0xffL
        | (bytes[at + 1] & 0xffL) << 8
        | (bytes[at + 2] & 0xffL) << 16
        | (bytes[at + 3] & 0xffL) << 24;
  }

  static void put48(ByteArrayOutputStream out, long value) {
    for (int shift = 0; shift < 48; shift += 8) {
      out.write((int) (value >>> shift));
    }
  }

  static void put32(ByteArrayOutputStream out, int value) {
    for (int shift = 0; shift < 32; shift += 8) {
      out.write(value >>> shift);
    }
  }

  static void putVarint(ByteArrayOutputStream out, long value) {
    long rest = value;
    for (; rest >>> 7 != 0; rest >>>= 7) {
      out.write((int) (rest & 127 | 128));
    }
    out.write((int) rest);
  }
}
