package dev.deltavec.server.search;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.MetadataFilter;
import dev.deltavec.SearchOptions;
import dev.deltavec.SearchResult;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.server.node.Query;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** Searches shards that are in this process. Safe for use by any number of threads. */
public final class LocalSearch {
  /** With prefixes, so many times as many are looked for until enough have one of them. */
  private static final int WIDER = 8;

  private final IntFunction<? extends @Nullable DeltaVectorDB> shards;
  private final Ranking ranking;

  /**
   * A search.
   *
   * @param shards gives the database of a shard, or null if it is not here or not ready
   */
  public LocalSearch(IntFunction<? extends @Nullable DeltaVectorDB> shards, Metric metric) {
    this.shards = shards;
    ranking = new Ranking(metric);
  }

  /**
   * Searches some shards; those that are not here, or go away meanwhile, are missing.
   *
   * @param deadline by {@link System#nanoTime}; shards that are not begun by then are missing
   * @throws DeltaException for a query that is wrong
   */
  public PartialAnswer search(Query query, Collection<Integer> wanted, long deadline) {
    SearchOptions options = options(query);
    List<List<SearchResult>> found = new ArrayList<>();
    List<Integer> missing = new ArrayList<>();
    for (int shard : wanted) {
      DeltaVectorDB db = shards.apply(shard);
      if (db == null || System.nanoTime() - deadline > 0) {
        missing.add(shard);
        continue;
      }
      try {
        found.add(search(db, query, options));
      } catch (DeltaException e) {
        if (e.code() != ErrorCode.CLOSED && e.code() != ErrorCode.OUT_OF_MEMORY) {
          throw e;
        }
        missing.add(shard);
      }
    }
    return new PartialAnswer(ranking.best(found, query.k()), missing);
  }

  /**
   * Returns the options of a query.
   *
   * @throws DeltaException {@code INVALID_ARGUMENT}
   */
  static SearchOptions options(Query query) {
    if (query.k() < 1) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "k must be at least 1, not " + query.k());
    }
    SearchOptions options = SearchOptions.defaults();
    Integer ef = query.efSearch();
    if (ef != null) {
      options = options.withEfSearch(ef);
    }
    String json = query.filterJson();
    if (json != null) {
      MetadataFilter filter = FilterParser.parse(json);
      options = options.withFilter(filter);
    }
    return options;
  }

  private static List<SearchResult> search(DeltaVectorDB db, Query query, SearchOptions options) {
    int k = query.k();
    if (query.prefixes().isEmpty()) {
      return db.search(query.vector(), k, options);
    }
    // A filter that is code would have the database to itself, and hold up everybody else.
    int all = Math.max(1, db.size());
    long wide = k;
    while (true) {
      wide = Math.min(all, wide * WIDER);
      List<SearchResult> found = db.search(query.vector(), (int) wide, options);
      List<SearchResult> kept = new ArrayList<>();
      for (SearchResult each : found) {
        if (kept.size() < k && query.prefixes().stream().anyMatch(each.id()::startsWith)) {
          kept.add(each);
        }
      }
      if (kept.size() == k || found.size() < wide || wide == all) {
        return kept;
      }
    }
  }

  Ranking ranking() {
    return ranking;
  }
}
