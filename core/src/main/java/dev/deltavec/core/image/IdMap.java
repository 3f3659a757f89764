package dev.deltavec.core.image;

import dev.deltavec.core.memory.Memory;

/**
 * Finds a subject (a slot, or a grave) by its id: open addressing with linear probing over
 * subjects; the ids and their hashes are in the image. Derived from the image, so it can be made
 * anew. Load is at most 3/4; removal shifts entries back, so no tombstones gather.
 */
public final class IdMap {
  /** What {@link #find} says of an id that is not in the map. */
  public static final int ABSENT = Integer.MIN_VALUE;

  private final Image image;
  private final Memory memory;
  private final int seed;

  /** Slot + 1, or the bitwise complement of a grave's number; 0 for nothing. */
  private int[] table = new int[64];

  private int size;

  /**
   * An empty map.
   *
   * @param image where the ids are
   * @param seed makes the hash unpredictable to whoever chooses the ids
   */
  public IdMap(Image image, long seed) {
    this.image = image;
    this.memory = image.memory();
    this.seed = (int) (seed ^ seed >>> 32);
  }

  /** Returns the bytes that the table takes outside linear memory. */
  public long bytes() {
    return 4L * table.length;
  }

  /** Returns the hash of an id. O(bytes) */
  public int hash(int id, int bytes) {
    // MurmurHash3's 32-bit mixing (Appleby, public domain).
    int h = seed;
    int i = 0;
    for (; i + 4 <= bytes; i += 4) {
      h = mix(h, memory.getInt(id + i));
    }
    int tail = 0;
    for (int bits = 0; i < bytes; i++, bits += 8) {
      tail |= (memory.getByte(id + i) & 0xff) << bits;
    }
    h = mix(h, tail) ^ bytes;
    h = (h ^ h >>> 16) * 0x85ebca6b;
    h = (h ^ h >>> 13) * 0xc2b2ae35;
    return h ^ h >>> 16;
  }

  private static int mix(int h, int k) {
    return Integer.rotateLeft(h ^ Integer.rotateLeft(k * 0xcc9e2d51, 15) * 0x1b873593, 13) * 5
        + 0xe6546b64;
  }

  private static int entry(int subject) {
    return subject >= 0 ? subject + 1 : subject;
  }

  private static int subject(int entry) {
    return entry > 0 ? entry - 1 : entry;
  }

  /** Returns the subject of an id, or {@link #ABSENT}. Expected O(bytes). */
  public int find(int id, int bytes, int hash) {
    int mask = table.length - 1;
    for (int i = hash & mask; ; i = i + 1 & mask) {
      int entry = table[i];
      if (entry == 0) {
        return ABSENT;
      }
      int subject = subject(entry);
      if (image.hash(subject) == hash && image.hasId(subject, id, bytes)) {
        return subject;
      }
    }
  }

  /** Notes that an id in the map has moved from one subject to another, which holds it now. */
  public void move(int from, int to) {
    int mask = table.length - 1;
    int i = image.hash(to) & mask;
    while (table[i] != entry(from)) {
      i = i + 1 & mask;
    }
    table[i] = entry(to);
  }

  /** Adds a subject whose id is not in the map. */
  public void add(int subject) {
    if ((size + 1) * 4L > table.length * 3L) {
      int[] old = table;
      table = new int[old.length * 2];
      for (int entry : old) {
        if (entry != 0) {
          insert(entry);
        }
      }
    }
    insert(entry(subject));
    size++;
  }

  private void insert(int entry) {
    int mask = table.length - 1;
    int i = image.hash(subject(entry)) & mask;
    while (table[i] != 0) {
      i = i + 1 & mask;
    }
    table[i] = entry;
  }

  /** Removes a subject that is in the map; its id must still be in the image. */
  public void remove(int subject) {
    int mask = table.length - 1;
    int hole = image.hash(subject) & mask;
    while (table[hole] != entry(subject)) {
      hole = hole + 1 & mask;
    }
    // Knuth, The Art of Computer Programming 3, section 6.4, algorithm R.
    for (int i = hole + 1 & mask; table[i] != 0; i = i + 1 & mask) {
      int home = image.hash(subject(table[i])) & mask;
      if ((i - home & mask) >= (i - hole & mask)) {
        table[hole] = table[i];
        hole = i;
      }
    }
    table[hole] = 0;
    size--;
  }
}
