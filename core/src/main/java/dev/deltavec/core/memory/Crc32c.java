package dev.deltavec.core.memory;

/**
 * CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4) over linear memory, eight bytes at a time
 * (Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation",
 * 2008).
 */
final class Crc32c {
  private static final int POLYNOMIAL = 0x82f63b78; // bits reversed

  /** Eight tables of 256, made when the first checksum is asked for. */
  private static int[] tables = new int[0];

  private Crc32c() {}

  /** See {@link Kernels#crc32c}. */
  static int of(Memory memory, int before, int address, int bytes) {
    if (tables.length == 0) {
      tables = makeTables();
    }
    int[] t = tables;
    int crc = ~before;
    int at = address;
    int left = bytes;
    for (; left >= 8; left -= 8, at += 8) {
      int low = memory.getInt(at) ^ crc;
      int high = memory.getInt(at + 4);
      crc =
          t[0x700 | low & 0xff]
              ^ t[0x600 | low >>> 8 & 0xff]
              ^ t[0x500 | low >>> 16 & 0xff]
              ^ t[0x400 | low >>> 24]
              ^ t[0x300 | high & 0xff]
              ^ t[0x200 | high >>> 8 & 0xff]
              ^ t[0x100 | high >>> 16 & 0xff]
              ^ t[high >>> 24];
    }
    for (; left > 0; left--, at++) {
      crc = crc >>> 8 ^ t[(crc ^ memory.getByte(at)) & 0xff];
    }
    return ~crc;
  }

  private static int[] makeTables() {
    int[] made = new int[8 * 256];
    for (int i = 0; i < 256; i++) {
      int crc = i;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc & 1) != 0 ? crc >>> 1 ^ POLYNOMIAL : crc >>> 1;
      }
      made[i] = crc;
    }
    for (int i = 256; i < made.length; i++) {
      int before = made[i - 256];
      made[i] = before >>> 8 ^ made[before & 0xff];
    }
    return made;
  }
}
