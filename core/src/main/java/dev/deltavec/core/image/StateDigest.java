package dev.deltavec.core.image;

import dev.deltavec.core.memory.Memory;

/**
 * A 64-bit digest of the state (live vectors and metadata) for comparing replicas. The sum of one
 * hash for each vector, so it depends on neither order nor slots; equal states give equal digests
 * on every platform. Not for use against forgery.
 */
public final class StateDigest {
  // XXH64 (Collet; specification 0.1.1, "XXH64 algorithm description"), used through its
  // short-input path: one lane of 8
  // bytes at a time is fast enough here and keeps the code small.
  private static final long P1 = 0x9E3779B185EBCA87L;
  private static final long P2 = 0xC2B2AE3D27D4EB4FL;
  private static final long P3 = 0x165667B19E3779F9L;
  private static final long P4 = 0x85EBCA77C2B2AE63L;
  private static final long P5 = 0x27D4EB2F165667C5L;

  private StateDigest() {}

  /**
   * Returns the digest of an image. O(live vectors x dimensions)
   *
   * @param image whose slots are all live or free
   * @param dimensions floats of a vector that count
   */
  public static long of(Image image, int dimensions) {
    Memory memory = image.memory();
    long sum = 0;
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot++) {
      if (image.occupied(slot)) {
        long h = hash(memory, image.id(slot), image.idBytes(slot), P5);
        h = hash(memory, image.vector(slot), dimensions << 2, h);
        int metadata = image.metadataBlock(slot);
        sum +=
            metadata == 0
                ? hash(memory, 0, 0, h)
                : hash(memory, metadata + 4, memory.getInt(metadata), h);
      }
    }
    return avalanche(sum + image.live() * P1);
  }

  private static long hash(Memory memory, int address, int bytes, long seed) {
    long h = seed + P5 + bytes;
    int i = 0;
    for (; i + 8 <= bytes; i += 8) {
      h =
          Long.rotateLeft(h ^ Long.rotateLeft(memory.getLong(address + i) * P2, 31) * P1, 27) * P1
              + P4;
    }
    for (; i < bytes; i++) {
      h = Long.rotateLeft(h ^ (memory.getByte(address + i) & 0xff) * P5, 11) * P1;
    }
    return avalanche(h);
  }

  private static long avalanche(long value) {
    long h = (value ^ value >>> 33) * P2;
    h = (h ^ h >>> 29) * P3;
    return h ^ h >>> 32;
  }
}
