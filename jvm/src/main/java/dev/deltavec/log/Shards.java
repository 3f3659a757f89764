package dev.deltavec.log;

import java.nio.charset.StandardCharsets;

/**
 * Which shard a vector belongs to: a hash of its id, which no release changes, since a shard's
 * records never move.
 *
 * <p>MurmurHash3_x86_32 (Appleby) with seed 0 over the id in UTF-8; the shard is the upper 32 bits
 * of hash times number of shards, so each gets an equal part of the hashes.
 */
public final class Shards {
  /** The most shards of a log. */
  public static final int MAX = 65_536;

  private Shards() {}

  /**
   * Returns the shard of a vector. O(bytes of the id)
   *
   * @param id of the vector
   * @param shards their number, from 1
   */
  public static int of(String id, int shards) {
    return of(id.getBytes(StandardCharsets.UTF_8), shards);
  }

  /** As {@link #of(String, int)}, of an id in UTF-8. */
  public static int of(byte[] id, int shards) {
    return (int) (Integer.toUnsignedLong(hash(id)) * shards >>> 32);
  }

  /** Returns the hash. */
  static int hash(byte[] data) {
    int h = 0;
    int blocks = data.length & ~3;
    for (int i = 0; i < blocks; i += 4) {
      h ^= mix(word(data, i, 4));
      h = Integer.rotateLeft(h, 13) * 5 + 0xe6546b64;
    }
    h ^= mix(word(data, blocks, data.length - blocks));
    h ^= data.length;
    h = (h ^ h >>> 16) * 0x85ebca6b;
    h = (h ^ h >>> 13) * 0xc2b2ae35;
    return h ^ h >>> 16;
  }

  private static int mix(int word) {
    return Integer.rotateLeft(word * 0xcc9e2d51, 15) * 0x1b873593;
  }

  private static int word(byte[] data, int at, int n) {
    int word = 0;
    for (int i = 0; i < n; i++) {
      word |= (data[at + i] & 0xff) << 8 * i;
    }
    return word;
  }
}
