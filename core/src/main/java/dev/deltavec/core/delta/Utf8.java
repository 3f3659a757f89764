package dev.deltavec.core.delta;

import dev.deltavec.core.memory.Memory;

/** UTF-8 in linear memory (RFC 3629): shortest forms only, no surrogates, nothing over U+10FFFF. */
public final class Utf8 {
  private Utf8() {}

  /**
   * Finds what is not well-formed.
   *
   * @return the offset of the first byte of a malformed sequence, or -1 if all is well-formed.
   *     O(bytes)
   */
  public static int firstMalformed(Memory memory, int address, int bytes) {
    int i = 0;
    while (i < bytes) {
      int b = memory.getByte(address + i);
      if (b >= 0) {
        i++;
        continue;
      }
      b &= 0xff;
      int more;
      int low = 0x80;
      int high = 0xbf;
      if (b >= 0xc2 && b <= 0xdf) {
        more = 1;
      } else if (b >= 0xe0 && b <= 0xef) {
        more = 2;
        low = b == 0xe0 ? 0xa0 : 0x80;
        high = b == 0xed ? 0x9f : 0xbf;
      } else if (b >= 0xf0 && b <= 0xf4) {
        more = 3;
        low = b == 0xf0 ? 0x90 : 0x80;
        high = b == 0xf4 ? 0x8f : 0xbf;
      } else {
        return i;
      }
      if (more >= bytes - i) {
        return i;
      }
      for (int k = 1; k <= more; k++) {
        int next = memory.getByte(address + i + k) & 0xff;
        if (next < low || next > high) {
          return i;
        }
        low = 0x80;
        high = 0xbf;
      }
      i += more + 1;
    }
    return -1;
  }

  /** Returns the text of well-formed UTF-8. O(bytes) */
  public static String decode(Memory memory, int address, int bytes) {
    char[] text = new char[bytes];
    int n = 0;
    int i = 0;
    while (i < bytes) {
      int b = memory.getByte(address + i++);
      if (b >= 0) {
        text[n++] = (char) b;
        continue;
      }
      b &= 0xff;
      int more = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
      int point = b & (0x3f >> more);
      for (; more > 0; more--) {
        point = point << 6 | memory.getByte(address + i++) & 0x3f;
      }
      if (point < 0x10000) {
        text[n++] = (char) point;
      } else {
        text[n++] = (char) (0xd7c0 + (point >> 10));
        text[n++] = (char) (0xdc00 + (point & 0x3ff));
      }
    }
    return new String(text, 0, n);
  }

  /**
   * Writes a text as far as there is room for it, a lone surrogate as U+FFFD. O(length)
   *
   * @param address where to
   * @param room bytes there, 4 or more; what does not fit is left out
   * @param text any text
   * @return the bytes written
   */
  public static int encode(Memory memory, int address, int room, String text) {
    int at = address;
    int limit = address + room - 4;
    for (int i = 0; i < text.length() && at <= limit; ) {
      int c = text.codePointAt(i);
      i += c < 0x10000 ? 1 : 2;
      if (c < 0x80) {
        memory.putByte(at++, (byte) c);
        continue;
      }
      if (c >= 0xd800 && c < 0xe000) {
        c = 0xfffd;
      }
      int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
      memory.putByte(at++, (byte) ((0xff80 >> more) | (c >> (6 * more))));
      while (more > 0) {
        more--;
        memory.putByte(at++, (byte) (0x80 | ((c >> (6 * more)) & 0x3f)));
      }
    }
    return at - address;
  }
}
