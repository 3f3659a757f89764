package dev.deltavec;

import dev.deltavec.core.Metric;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How {@link DeltaVectorDB#search} searches.
 *
 * {@snippet :
 * SearchOptions.defaults()
 *     .withFilter(MetadataFilter.equal("lang", "en"))
 *     .withEfSearch(200);
 * }
 *
 * @param efSearch candidates kept while searching, 1 to 10,000: more finds better and takes longer;
 *     null for the database's own
 * @param filter which vectors may be found; null for all
 * @param metric how closeness is measured; null for the database's own. For another, all vectors
 *     that the filter lets through are compared
 * @param exact whether to compare the query with every vector, and so find the closest for sure
 */
public record SearchOptions(
    @Nullable Integer efSearch,
    @Nullable SearchFilter filter,
    @Nullable Metric metric,
    boolean exact) {
  private static final SearchOptions DEFAULTS = new SearchOptions(null, null, null, false);

  /**
   * Returns options for a search as the database was set up for: in the graph, without a filter.
   */
  public static SearchOptions defaults() {
    return DEFAULTS;
  }

  /** Returns these options with another {@code efSearch}. */
  public SearchOptions withEfSearch(@Nullable Integer candidates) {
    return new SearchOptions(candidates, filter, metric, exact);
  }

  /** Returns these options with a filter on metadata. */
  public SearchOptions withFilter(MetadataFilter only) {
    return with(Objects.requireNonNull(only, "filter"));
  }

  /** Returns these options with a filter that is code. */
  public SearchOptions withFilter(FilterFunction only) {
    return with(Objects.requireNonNull(only, "filter"));
  }

  /** Returns these options without a filter. */
  public SearchOptions withoutFilter() {
    return with(null);
  }

  private SearchOptions with(@Nullable SearchFilter only) {
    return new SearchOptions(efSearch, only, metric, exact);
  }

  /** Returns these options with another {@code metric}. */
  public SearchOptions withMetric(@Nullable Metric other) {
    return new SearchOptions(efSearch, filter, other, exact);
  }

  /** Returns these options with another {@code exact}. */
  public SearchOptions withExact(boolean value) {
    return new SearchOptions(efSearch, filter, metric, value);
  }
}
