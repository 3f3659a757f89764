package dev.deltavec.core.image;

import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Memory;

/**
 * A growing array of records of one size, in pages that never move.
 *
 * <p>A page holds a power of two of records. The addresses of the pages stand in a directory in
 * linear memory, named by two words of the image's root (address, pages), so that whoever has the
 * root finds every record: record i lies at {@code directory[i >> shift] + (i & mask) *
 * recordBytes}. A full directory is copied to one twice as large; the old one stays, as somebody
 * may be reading through it (all old ones together are smaller than the current one).
 */
public final class RecordPages {
  private static final int FIRST_DIRECTORY_PAGES = 64;

  private final Heap heap;
  private final Memory memory;
  private final int root;
  private final int recordBytes;
  private final int shift;
  private final int mask;
  private int directory;
  private int directoryPages;
  private int pages;

  /**
   * The array that the root names: an empty one where it names none.
   *
   * @param heap where pages come from
   * @param root address of two words in the image's root: the directory's address and the number of
   *     pages
   * @param recordBytes bytes of a record, a multiple of 4
   * @param shift log2 of the records in a page
   */
  public RecordPages(Heap heap, int root, int recordBytes, int shift) {
    this.heap = heap;
    this.memory = heap.memory();
    this.root = root;
    this.recordBytes = recordBytes;
    this.shift = shift;
    this.mask = (1 << shift) - 1;
    refresh();
  }

  /** Looks at the root again: another instance may have added pages. */
  void refresh() {
    directory = memory.getInt(root);
    pages = memory.getInt(root + 4);
  }

  /** Returns the address of record {@code index}, which must be below {@link #capacity}. O(1). */
  public int address(int index) {
    return memory.getInt(directory + (index >>> shift << 2)) + (index & mask) * recordBytes;
  }

  /**
   * Writes the addresses of many records, in O(n). What each needs of this object is read once.
   *
   * @param indices address of {@code n} indices, 32 bits each
   * @param to address for as many addresses; may be {@code indices}
   */
  public void addresses(int indices, int n, int to) {
    int pagesAt = directory;
    int s = shift;
    int m = mask;
    int bytes = recordBytes;
    Memory linear = memory;
    for (int i = 0, end = n << 2; i < end; i += 4) {
      int index = linear.getInt(indices + i);
      linear.putInt(to + i, linear.getInt(pagesAt + (index >>> s << 2)) + (index & m) * bytes);
    }
  }

  /** Returns how many records there is room for. */
  public int capacity() {
    return pages << shift;
  }

  /** Returns how many bytes the pages take. */
  public long bytes() {
    return (long) capacity() * recordBytes;
  }

  /**
   * Makes sure that record {@code index} has a place. New records are zero.
   *
   * @return false if memory was refused; pages got before that stay and are used the next time
   */
  public boolean ensure(int index) {
    while (index >= capacity()) {
      if (pages == directoryPages && !growDirectory()) {
        return false;
      }
      int bytes = recordBytes << shift;
      int page = heap.allocate(bytes);
      if (page == 0) {
        return false;
      }
      memory.clear(page, bytes);
      memory.putInt(directory + (pages << 2), page);
      pages++;
      memory.putInt(root + 4, pages);
    }
    return true;
  }

  private boolean growDirectory() {
    int wanted = directoryPages == 0 ? FIRST_DIRECTORY_PAGES : directoryPages * 2;
    int larger = heap.allocate(wanted << 2);
    if (larger == 0) {
      return false;
    }
    if (pages != 0) {
      memory.copy(directory, larger, pages << 2);
    }
    directory = larger;
    directoryPages = wanted;
    memory.putInt(root, directory);
    return true;
  }
}
