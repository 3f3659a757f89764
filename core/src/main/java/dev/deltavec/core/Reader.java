package dev.deltavec.core;

import dev.deltavec.core.image.Image;
import dev.deltavec.core.index.FilterCache;
import dev.deltavec.core.index.Index;
import dev.deltavec.core.index.Searcher;
import dev.deltavec.core.index.Selection;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;

/**
 * Searches an image: that of the {@link Database} it belongs to, or one that a database in another
 * instance writes to the same memory. What it changes is its own: scratch, and output.
 *
 * <p>It takes no part in keeping writers and readers apart. While it searches, nobody may write.
 */
public final class Reader {
  private static final Metric[] METRICS = Metric.values();

  private final Image image;
  private final Kernels kernels;
  private final Index index;
  private final FilterCache filters;
  private final Searcher searcher;
  private final DatabaseOptions options;

  /** The reader that belongs to a database, with whose parts it searches. */
  Reader(
      Image image,
      Kernels kernels,
      Index index,
      FilterCache filters,
      Searcher searcher,
      DatabaseOptions options) {
    this.image = image;
    this.kernels = kernels;
    this.index = index;
    this.filters = filters;
    this.searcher = searcher;
    this.options = options;
  }

  /**
   * A reader of an image that another instance writes. What it needs of the memory it takes itself;
   * the platform sees to it that two instances never get the same.
   *
   * @param memory the memory that holds the image
   * @param kernels the platform's arithmetic on that memory
   * @param options what the image's database was made with
   * @param root {@link Database#root} of that database
   * @return a reader, to be {@link #refresh refreshed} before each search
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public static Reader attach(Memory memory, Kernels kernels, DatabaseOptions options, int root) {
    Heap heap = new Heap(memory);
    try {
      Image image = new Image(heap, kernels, options, root);
      Index index = new Index(image, kernels, options);
      FilterCache filters = new FilterCache(image, index);
      Searcher searcher = new Searcher(image, kernels, index, options);
      return new Reader(image, kernels, index, filters, searcher, options);
    } catch (DeltaException e) {
      heap.close();
      throw e;
    }
  }

  /**
   * Returns a buffer for output.
   *
   * @return an empty one, in memory that is this reader's own
   */
  public Buffer newBuffer() {
    return new Buffer(image.heap());
  }

  /**
   * Looks at what the other instance has written. O(1)
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public void refresh() {
    index.refresh();
  }

  /**
   * Searches; see {@link Database#search(int, int, int, int, int, int, int)}.
   *
   * @param out where the records go
   * @return the number of results
   */
  public int search(
      int query,
      int floats,
      int k,
      int efSearch,
      int mode,
      int filter,
      int filterBytes,
      Buffer out) {
    checkQuery(query, floats, k, efSearch);
    int by = mode >>> Database.METRIC_SHIFT;
    int flags = mode & ((1 << Database.METRIC_SHIFT) - 1);
    if (by > METRICS.length || (flags & ~(Database.EXACT | Database.FILTER_SLOTS)) != 0) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "a search's mode is " + mode);
    }
    Selection among = null;
    if ((mode & Database.FILTER_SLOTS) != 0) {
      among = filters.selectListed(filter, filterBytes);
    } else if (filterBytes != 0) {
      among = filters.select(filter, filterBytes);
    }
    return searcher.search(
        query,
        floats,
        k,
        efSearch == 0 ? options.hnswEfSearch() : efSearch,
        (mode & Database.EXACT) != 0,
        by == 0 ? options.metric() : METRICS[by - 1],
        among,
        out);
  }

  void checkQuery(int query, int floats, int k, int efSearch) {
    if (k < 1) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "k must be 1 or more, not " + k);
    }
    if (efSearch < 0 || efSearch > DatabaseOptions.MAX_EF) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "efSearch must be from 1 to " + DatabaseOptions.MAX_EF + ", not " + efSearch);
    }
    int dimensions = options.dimensions();
    if (floats != dimensions) {
      throw new DeltaException(
          ErrorCode.DIMENSION_MISMATCH, "the query has " + floats + " values, not " + dimensions);
    }
    if (!kernels.allFinite(query, floats)) {
      throw new DeltaException(ErrorCode.NOT_FINITE, "the query has a value that is not finite");
    }
  }
}
