package dev.deltavec.client;

import dev.deltavec.MetadataFilter;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How {@link DeltaClient#search(float[], int, SearchRequest)} searches.
 *
 * @param efSearch candidates that each shard keeps while searching, 1 to 10,000; null for the
 *     service's own
 * @param filter which vectors may be found; null for all
 * @param deadline when the service answers with what it has by then, over 0; null for the service's
 *     own
 */
public record SearchRequest(
    @Nullable Integer efSearch, @Nullable MetadataFilter filter, @Nullable Duration deadline) {
  private static final SearchRequest DEFAULTS = new SearchRequest(null, null, null);

  /** Returns a request that leaves all to the service. */
  public static SearchRequest defaults() {
    return DEFAULTS;
  }

  /** Returns this request with another {@code efSearch}. */
  public SearchRequest withEfSearch(@Nullable Integer candidates) {
    return new SearchRequest(candidates, filter, deadline);
  }

  /** Returns this request with another {@code filter}. */
  public SearchRequest withFilter(@Nullable MetadataFilter only) {
    return new SearchRequest(efSearch, only, deadline);
  }

  /** Returns this request with another {@code deadline}. */
  public SearchRequest withDeadline(@Nullable Duration time) {
    return new SearchRequest(efSearch, filter, time);
  }
}
