package dev.deltavec.core.memory;

/**
 * The platform's linear memory: bytes at unsigned 32-bit addresses, little-endian, any alignment.
 *
 * <p>This and {@link Kernels} are the whole seam between the core and a platform. Memory is
 * obtained in regions that never move; address 0 is never part of a region, so it can stand for
 * "none". Accesses outside granted regions are a programming error of the core with no defined
 * result (a trap or an exception); all input is checked before it is turned into an address.
 *
 * <p>Every access is O(1) and allocates nothing. Not thread-safe: one writer.
 */
public interface Memory {
  /** Regions are granted in multiples of this many bytes: one WebAssembly page, 64 KiB. */
  int REGION_UNIT = 1 << 16;

  /**
   * Grants a zero-filled region that stays where it is until {@link #release released}. A region
   * that happens to follow the one granted before it may be used together with it.
   *
   * @param bytes size, an unsigned multiple of {@link #REGION_UNIT}, not 0
   * @return its address, a multiple of 64, or 0 if the platform refuses; then nothing has changed
   */
  int allocate(int bytes);

  /**
   * Gives back a region as it was granted.
   *
   * @param address what {@link #allocate} returned
   * @param bytes the size it was asked for with
   */
  void release(int address, int bytes);

  /** Returns the byte at {@code address}, -128 to 127. */
  byte getByte(int address);

  /** Stores a byte at {@code address}. */
  void putByte(int address, byte value);

  /** Returns the 32-bit integer at {@code address}. */
  int getInt(int address);

  /** Stores a 32-bit integer at {@code address}. */
  void putInt(int address, int value);

  /** Returns the 64-bit integer at {@code address}. */
  long getLong(int address);

  /** Stores a 64-bit integer at {@code address}. */
  void putLong(int address, long value);

  /** Returns the float at {@code address}. */
  float getFloat(int address);

  /** Stores a float at {@code address}. */
  void putFloat(int address, float value);

  /** Copies {@code bytes} bytes from {@code source} to {@code target}; the ranges may overlap. */
  void copy(int source, int target, int bytes);

  /** Sets {@code bytes} bytes from {@code address} to zero. */
  void clear(int address, int bytes);
}
