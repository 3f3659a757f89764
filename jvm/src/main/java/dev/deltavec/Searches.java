package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.jvm.SegmentMemory;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;

/** Searches. Takes the lock by itself: a share of it, unless a function is to be called. */
final class Searches {
  // Output records; see docs/abi.md.
  private static final int HIT_BYTES = 16;
  private static final int HIT_ID = 4;
  private static final int HIT_ID_BYTES = 8;
  private static final int HIT_SLOT = 12;

  private static final byte[] NO_FILTER = {};

  private final Gate gate;
  private final Store store;
  private final Readers readers;
  private final int dimensions;

  Searches(Gate gate, Store store, Readers readers) {
    this.gate = gate;
    this.store = store;
    this.readers = readers;
    dimensions = store.options().dimensions();
  }

  List<SearchResult> search(float[] query, int k, SearchOptions options) {
    return run(
        options,
        search -> {
          requireLength(query, -1);
          return search.run(query, k);
        });
  }

  List<List<SearchResult>> searchBatch(float[][] queries, int k, SearchOptions options) {
    return run(
        options,
        search -> {
          requireK(k);
          for (int i = 0; i < queries.length; i++) {
            requireLength(queries[i], i);
            requireFinite(queries[i], i);
          }
          List<List<SearchResult>> results = new ArrayList<>(queries.length);
          for (float[] query : queries) {
            results.add(search.run(query, k));
          }
          return Collections.unmodifiableList(results);
        });
  }

  List<SearchResult> searchAt(float[] query, int k, Instant time) {
    return readers.read(() -> {
      requireLength(query, -1);
      int at = put(store, query, 0);
      return hits(store, store.database().searchAt(at, query.length, k, Past.millis(time)));
    });
  }

  /** Ranks vectors that are named; see {@link DeltaVectorDB#rank}. */
  List<SearchResult> rank(float[] query, int[] slots, int count, List<byte[]> ids) {
    long bytes = 0;
    for (byte[] id : ids) {
      bytes += 4 + (id.length + 3 & ~3);
    }
    long more = 4L * count + bytes;
    return readers.read(() -> {
      requireLength(query, -1);
      int at = put(store, query, more);
      int first = at + query.length * 4;
      for (int i = 0; i < count; i++) {
        store.memory().putInt(first + 4 * i, slots[i]);
      }
      int list = first + 4 * count;
      int next = list;
      for (byte[] id : ids) {
        store.memory().putInt(next, id.length);
        store.memory().putBytes(next + 4, id);
        next += 4 + (id.length + 3 & ~3);
      }
      int n = store.database().rank(at, query.length, first, count, list, ids.size());
      return hits(store, n);
    });
  }

  /** Returns the slots of what a search finds, closest first. */
  int[] near(float[] query, int k, int efSearch) {
    return readers.search(seeker -> {
      requireLength(query, -1);
      int at = put(seeker, query, 0);
      int n = seeker.search(at, k, efSearch, 0, at, 0);
      int[] slots = new int[n];
      int record = seeker.output();
      for (int i = 0; i < n; i++, record += HIT_BYTES) {
        slots[i] = seeker.memory().getInt(record + HIT_SLOT);
      }
      return slots;
    });
  }

  /** What the queries of one call have in common. */
  private interface Search {
    List<SearchResult> run(float[] query, int k);
  }

  private <T> T run(SearchOptions options, Function<Search, T> call) {
    if (!(options.filter() instanceof FilterFunction function)) {
      MetadataFilter filter = (MetadataFilter) options.filter();
      byte[] json = filter == null ? NO_FILTER : FilterJson.write(filter);
      return readers.search(
          seeker -> call.apply(filtered(seeker, json, efSearch(options), mode(options))));
    }
    // The function may do anything with the database, so nobody else has it meanwhile.
    gate.enter();
    try {
      FunctionSearch search = new FunctionSearch(gate, store, this, function);
      int efSearch = efSearch(options);
      int mode = mode(options);
      return call.apply((query, k) -> {
        requireK(k);
        requireFinite(query, -1); // before the function is called
        return search.search(query, k, efSearch, mode);
      });
    } finally {
      gate.unlock();
    }
  }

  private int efSearch(SearchOptions options) {
    Integer wished = options.efSearch();
    if (wished != null && (wished < 1 || wished > DatabaseOptions.MAX_EF)) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "efSearch must be from 1 to " + DatabaseOptions.MAX_EF + ", not " + wished);
    }
    return wished == null ? store.options().hnswEfSearch() : wished;
  }

  private static int mode(SearchOptions options) {
    Metric metric = options.metric();
    return (options.exact() ? Database.EXACT : 0)
        | (metric == null ? 0 : metric.ordinal() + 1 << Database.METRIC_SHIFT);
  }

  private Search filtered(Seeker seeker, byte[] json, int efSearch, int mode) {
    return (query, k) -> {
      int at = put(seeker, query, json.length);
      seeker.memory().putBytes(at + query.length * 4, json);
      return find(seeker, at, k, efSearch, mode, json.length);
    };
  }

  /** Puts a query, with room for so many bytes behind it, and returns its address. */
  static int put(Seeker seeker, float[] query, long more) {
    int at = seeker.reserve(4L * query.length + more);
    seeker.memory().putFloats(at, query);
    return at;
  }

  /**
   * Searches for the query that was put last.
   *
   * @param query its address
   * @param efSearch candidates kept; what is over the most counts as the most
   * @param mode of the core's search
   * @param filterBytes length of the filter, which lies behind the query; 0 for none
   */
  List<SearchResult> find(
      Seeker seeker, int query, int k, int efSearch, int mode, int filterBytes) {
    int ef = Math.min(efSearch, DatabaseOptions.MAX_EF);
    int n = seeker.search(query, k, ef, mode, query + dimensions * 4, filterBytes);
    return hits(seeker, n);
  }

  private static List<SearchResult> hits(Seeker seeker, int n) {
    SegmentMemory memory = seeker.memory();
    SearchResult[] hits = new SearchResult[n];
    int record = seeker.output();
    for (int i = 0; i < n; i++, record += HIT_BYTES) {
      String id = seeker.text(memory.getInt(record + HIT_ID), memory.getInt(record + HIT_ID_BYTES));
      hits[i] = new SearchResult(id, memory.getFloat(record));
    }
    return Collections.unmodifiableList(Arrays.asList(hits));
  }

  // ---------------------------------------------------------------- checks

  private static void requireK(int k) {
    if (k < 1) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "k must be 1 or more, not " + k);
    }
  }

  private void requireLength(float[] query, int index) {
    if (query.length != dimensions) {
      throw error(
          ErrorCode.DIMENSION_MISMATCH,
          index,
          "has " + query.length + " values, not " + dimensions);
    }
  }

  private static void requireFinite(float[] query, int index) {
    for (float value : query) {
      if (!Float.isFinite(value)) {
        throw error(ErrorCode.NOT_FINITE, index, "has a value that is not finite");
      }
    }
  }

  private static DeltaException error(ErrorCode code, int index, String what) {
    return new DeltaException(
        code, (index < 0 ? "the query " : "query " + index + " ") + what, index);
  }
}
