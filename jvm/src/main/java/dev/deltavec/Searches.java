package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Searches. All is called with the lock of the gate. */
final class Searches {
  // Output records; see docs/abi.md.
  private static final int HIT_BYTES = 16;
  private static final int HIT_ID = 4;
  private static final int HIT_ID_BYTES = 8;

  private static final byte[] NO_FILTER = {};

  private final Gate gate;
  private final Store store;
  private final int dimensions;

  Searches(Gate gate, Store store) {
    this.gate = gate;
    this.store = store;
    dimensions = store.options().dimensions();
  }

  List<SearchResult> search(float[] query, int k, SearchOptions options) {
    requireLength(query, -1);
    return search(options).run(query, k);
  }

  List<List<SearchResult>> searchBatch(float[][] queries, int k, SearchOptions options) {
    requireK(k);
    for (int i = 0; i < queries.length; i++) {
      requireLength(queries[i], i);
      requireFinite(queries[i], i);
    }
    Search search = search(options);
    List<List<SearchResult>> results = new ArrayList<>(queries.length);
    for (float[] query : queries) {
      results.add(search.run(query, k));
    }
    return Collections.unmodifiableList(results);
  }

  List<SearchResult> searchAt(float[] query, int k, Instant time) {
    requireLength(query, -1);
    int at = store.putQuery(query, 0);
    return hits(store.database().searchAt(at, query.length, k, Past.millis(time)));
  }

  /** What the queries of one call have in common. */
  private interface Search {
    List<SearchResult> run(float[] query, int k);
  }

  private Search search(SearchOptions options) {
    Integer wished = options.efSearch();
    if (wished != null && (wished < 1 || wished > DatabaseOptions.MAX_EF)) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "efSearch must be from 1 to " + DatabaseOptions.MAX_EF + ", not " + wished);
    }
    int efSearch = wished == null ? store.options().hnswEfSearch() : wished;
    Metric metric = options.metric();
    int mode =
        (options.exact() ? Database.EXACT : 0)
            | (metric == null ? 0 : metric.ordinal() + 1 << Database.METRIC_SHIFT);
    return switch (options.filter()) {
      case null -> filtered(NO_FILTER, efSearch, mode);
      case MetadataFilter filter -> filtered(FilterJson.write(filter), efSearch, mode);
      case FilterFunction filter -> {
        FunctionSearch search = new FunctionSearch(gate, store, this, filter);
        yield (query, k) -> {
          requireK(k);
          requireFinite(query, -1); // before the function is called
          return search.search(query, k, efSearch, mode);
        };
      }
    };
  }

  private Search filtered(byte[] json, int efSearch, int mode) {
    return (query, k) -> {
      int at = store.putQuery(query, json.length);
      store.memory().putBytes(at + query.length * 4, json);
      return find(k, efSearch, mode, json.length);
    };
  }

  /**
   * Searches for the query that was put last.
   *
   * @param efSearch candidates kept; what is over the most counts as the most
   * @param mode of the core's search
   * @param filterBytes length of the filter, which lies behind the query; 0 for none
   */
  List<SearchResult> find(int k, int efSearch, int mode, int filterBytes) {
    int query = store.input();
    return hits(
        store
            .database()
            .search(
                query,
                dimensions,
                k,
                Math.min(efSearch, DatabaseOptions.MAX_EF),
                mode,
                query + dimensions * 4,
                filterBytes));
  }

  private List<SearchResult> hits(int n) {
    SearchResult[] hits = new SearchResult[n];
    int record = store.database().output();
    for (int i = 0; i < n; i++, record += HIT_BYTES) {
      String id =
          store.text(
              store.memory().getInt(record + HIT_ID), store.memory().getInt(record + HIT_ID_BYTES));
      hits[i] = new SearchResult(id, store.memory().getFloat(record));
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
