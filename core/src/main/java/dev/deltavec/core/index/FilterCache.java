package dev.deltavec.core.index;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.filter.Filter;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Memory;
import org.jspecify.annotations.Nullable;

/**
 * Which slots pass a filter: the last few filters are kept, with a bit for each slot. A change of a
 * vector's metadata is noted, and its bits are found anew by the next search that needs them; so a
 * filter that is used again costs what has changed since.
 *
 * <p>The last changes stand in a ring in the image, named by two words of its root: address, and
 * number of changes so far. So whoever looks at an image that another instance writes follows, too.
 */
public final class FilterCache {
  private static final int FILTERS = 4;

  /** Changes that are known; with more of them since, a filter is evaluated anew. */
  private static final int KNOWN_CHANGES = 1024;

  private static final class Entry {
    final Buffer bits;
    @Nullable Filter filter;
    int slots;
    int count;

    /** Up to which change the bits are right. */
    int seen;

    long used;

    Entry(Image image) {
      bits = new Buffer(image.heap());
    }
  }

  private final Image image;
  private final Memory memory;
  private final Index index;
  private final Entry[] entries = new Entry[FILTERS];
  private final Buffer listed;
  private final int root;
  private final int ring;
  private long clock;

  /**
   * An empty cache over one database's index.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public FilterCache(Image image, Index index) {
    this.image = image;
    this.memory = image.memory();
    this.index = index;
    listed = new Buffer(image.heap());
    root = image.root() + Image.CHANGES;
    int known = memory.getInt(root);
    ring = known != 0 ? known : newRing();
    for (int i = 0; i < FILTERS; i++) {
      entries[i] = new Entry(image);
    }
  }

  private int newRing() {
    int made = new Buffer(image.heap()).reserve(KNOWN_CHANGES << 2);
    memory.putInt(root, made);
    return made;
  }

  /** Notes that a slot's metadata have changed, or that its vector came or went. O(1) */
  public void changed(int slot) {
    int count = changes();
    memory.putInt(place(count), slot);
    memory.putInt(root + 4, count + 1);
  }

  /** Returns the number of changes so far, modulo 2^32. */
  private int changes() {
    return memory.getInt(root + 4);
  }

  private int place(int change) {
    return ring + ((change & KNOWN_CHANGES - 1) << 2);
  }

  /**
   * Returns the slots that a filter lets pass. O(changes since it was last used), the first time
   * O(slots)
   *
   * @param address of the filter as JSON, {@code bytes} long
   * @throws DeltaException {@code INVALID_ARGUMENT}, {@code OUT_OF_MEMORY}
   */
  public Selection select(int address, int bytes) {
    Entry oldest = entries[0];
    for (Entry entry : entries) {
      Filter known = entry.filter;
      if (known != null && known.isOf(address, bytes)) {
        update(entry, known);
        return selection(entry);
      }
      if (oldest.filter != null && (known == null || entry.used < oldest.used)) {
        oldest = entry;
      }
    }
    Filter filter = Filter.parse(memory, address, bytes);
    oldest.filter = null;
    evaluate(oldest, filter);
    oldest.filter = filter;
    return selection(oldest);
  }

  private Selection selection(Entry entry) {
    entry.used = ++clock;
    return new Selection(entry.bits.address(), entry.slots, entry.count);
  }

  private static int words(int slots) {
    return slots + 31 >>> 5;
  }

  private void evaluate(Entry entry, Filter filter) {
    int limit = image.slotLimit();
    int bits = entry.bits.reserve(words(image.slotCapacity()) << 2);
    int count = 0;
    for (int first = 0; first < limit; first += 32) {
      int word = 0;
      for (int i = 0; i < 32 && first + i < limit; i++) {
        if (passes(first + i, filter)) {
          word |= 1 << i;
          count++;
        }
      }
      memory.putInt(bits + (first >>> 3), word);
    }
    entry.slots = limit;
    entry.count = count;
    entry.seen = changes();
  }

  private boolean passes(int slot, Filter filter) {
    return index.contains(slot) && filter.matches(image.metadataBlock(slot));
  }

  private void update(Entry entry, Filter filter) {
    int limit = image.slotLimit();
    int changes = changes();
    int news = changes - entry.seen;
    // As many evaluations, one by one, as of all slots are no gain. Unsigned: it may have wrapped.
    if (words(limit) << 2 > entry.bits.capacity()
        || Integer.compareUnsigned(news, Math.min(KNOWN_CHANGES, limit)) > 0) {
      evaluate(entry, filter);
      return;
    }
    int bits = entry.bits.address();
    for (int word = words(entry.slots); word < words(limit); word++) {
      memory.putInt(bits + (word << 2), 0);
    }
    entry.slots = limit;
    for (; entry.seen != changes; entry.seen++) {
      int slot = memory.getInt(place(entry.seen));
      int at = bits + (slot >>> 5 << 2);
      int word = memory.getInt(at);
      int before = word >>> slot & 1;
      int now = passes(slot, filter) ? 1 : 0;
      entry.count += now - before;
      memory.putInt(at, word & ~(1 << slot) | now << slot);
    }
  }

  /**
   * Returns the listed slots that live. O(slots)
   *
   * @param address of ascending slots, 32 bits each
   * @param bytes a multiple of 4
   * @throws DeltaException {@code INVALID_ARGUMENT}, {@code OUT_OF_MEMORY}
   */
  public Selection selectListed(int address, int bytes) {
    int limit = image.slotLimit();
    int size = words(limit) << 2;
    int bits = listed.reserve(Math.max(4, size));
    memory.clear(bits, size);
    int count = 0;
    int last = -1;
    for (int at = address; at != address + bytes; at += 4) {
      int slot = memory.getInt(at);
      if (slot <= last || (bytes & 3) != 0) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT, "a filter's list of slots does not ascend");
      }
      last = slot;
      if (slot < limit && index.contains(slot)) {
        int word = bits + (slot >>> 5 << 2);
        memory.putInt(word, memory.getInt(word) | 1 << slot);
        count++;
      }
    }
    return new Selection(bits, limit, count);
  }
}
