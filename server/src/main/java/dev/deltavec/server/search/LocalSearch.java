package dev.deltavec.server.search;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.MetadataFilter;
import dev.deltavec.SearchOptions;
import dev.deltavec.SearchResult;
import dev.deltavec.ShardedSearch;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.server.node.Query;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Searches shards that are in this process. Safe for use by any number of threads. */
public final class LocalSearch implements AutoCloseable {
  /** With prefixes, so many times as many are looked for until enough have one of them. */
  private static final int WIDER = 8;

  /** Rather than look for more than this, all that have a prefix are compared with the query. */
  private static final int WIDEST = 10_000;

  private final ShardedSearch all;
  private final Set<Integer> present = ConcurrentHashMap.newKeySet();
  private final Ranking ranking;

  /**
   * A search of nothing yet.
   *
   * @param shards number of shards of the service
   * @param joint as {@link ShardedSearch#ShardedSearch(int, boolean)} takes it
   */
  public LocalSearch(int shards, boolean joint, Metric metric) {
    all = new ShardedSearch(shards, joint);
    ranking = new Ranking(metric);
  }

  /** Adds a shard. */
  public void add(int shard, DeltaVectorDB db) {
    all.add(shard, db);
    present.add(shard);
  }

  /** Removes a shard, if it is here; when this returns its database is no longer used. */
  public void remove(int shard) {
    present.remove(shard);
    all.remove(shard);
  }

  /** Tells whether a shard is here. */
  public boolean has(int shard) {
    return present.contains(shard);
  }

  /**
   * Searches shards; those that are not here, or go away meanwhile, are missing. What others that
   * are here have may be among the results. Where the query's deadline passes while those with a
   * prefix are looked for, all are missing.
   *
   * @throws DeltaException for a query that is wrong
   */
  public PartialAnswer search(Query query, Collection<Integer> wanted) {
    long deadline = System.nanoTime() + query.deadline().toNanos();
    SearchOptions options = options(query);
    List<Integer> missing = wanted.stream().filter(shard -> !has(shard)).toList();
    if (missing.size() == wanted.size()) {
      return new PartialAnswer(List.of(), missing);
    }
    try {
      List<SearchResult> found = search(query, options, deadline);
      if (found == null) {
        return new PartialAnswer(List.of(), List.copyOf(wanted));
      }
      return new PartialAnswer(found, wanted.stream().filter(shard -> !has(shard)).toList());
    } catch (DeltaException e) {
      if (e.code() == ErrorCode.CLOSED || e.code() == ErrorCode.OUT_OF_MEMORY) {
        return new PartialAnswer(List.of(), List.copyOf(wanted));
      }
      throw e;
    }
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

  /** Returns null if it has not come to an end by the deadline. */
  private @Nullable List<SearchResult> search(Query query, SearchOptions options, long deadline) {
    int k = query.k();
    if (query.prefixes().isEmpty()) {
      return all.search(query.vector(), k, options);
    }
    // A filter that is code would have the databases to itself, and hold up everybody else.
    Predicate<String> wanted = id -> query.prefixes().stream().anyMatch(id::startsWith);
    BooleanSupplier going = () -> System.nanoTime() - deadline < 0;
    long wide = k;
    while (going.getAsBoolean()) {
      wide = Math.min(Integer.MAX_VALUE, wide * WIDER);
      if (wide > WIDEST && options.filter() == null) {
        return all.rank(query.vector(), k, wanted, going);
      }
      List<SearchResult> found = all.search(query.vector(), (int) wide, options);
      List<SearchResult> kept = new ArrayList<>();
      for (SearchResult each : found) {
        if (kept.size() < k && wanted.test(each.id())) {
          kept.add(each);
        }
      }
      if (kept.size() == k || found.size() < wide) {
        return kept;
      }
    }
    return null;
  }

  Ranking ranking() {
    return ranking;
  }

  @Override
  public void close() {
    all.close();
  }
}
