package dev.deltavec.core.memory;

/** Byte arrays and 48-bit numbers in linear memory. */
public final class Bytes {
  private Bytes() {}

  /** Returns a copy of {@code n} bytes. O(n) */
  public static byte[] read(Memory memory, int address, int n) {
    byte[] copy = new byte[n];
    for (int i = 0; i < n; i++) {
      copy[i] = memory.getByte(address + i);
    }
    return copy;
  }

  /** Writes an array and returns the address behind it. O(bytes) */
  public static int write(Memory memory, int address, byte[] bytes) {
    for (int i = 0; i < bytes.length; i++) {
      memory.putByte(address + i, bytes[i]);
    }
    return address + bytes.length;
  }

  /** Returns the unsigned 48-bit number at an address, little-endian. */
  public static long get48(Memory memory, int address) {
    return memory.getInt(address) & 0xffff_ffffL
        | (long) (memory.getByte(address + 4) & 0xff) << 32
        | (long) (memory.getByte(address + 5) & 0xff) << 40;
  }

  /** Writes the lower 48 bits of a number, little-endian. */
  public static void put48(Memory memory, int address, long value) {
    memory.putInt(address, (int) value);
    memory.putByte(address + 4, (byte) (value >>> 32));
    memory.putByte(address + 5, (byte) (value >>> 40));
  }
}
