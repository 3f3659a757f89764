package dev.deltavec.server.node;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A search of all shards.
 *
 * @param vector as many finite values as the service has dimensions; not copied
 * @param k how many to find, from 1
 * @param efSearch candidates kept while searching, 1 to 10,000; null for what is configured
 * @param filterJson filter on metadata as JSON, which reads as the filters of all faces do; null
 *     for none
 * @param prefixes of ids that may be found: what the asker may see; empty for all
 * @param deadline time from now, over 0, after which what has been found is the answer
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody
public record Query(
    float[] vector,
    int k,
    @Nullable Integer efSearch,
    @Nullable String filterJson,
    List<String> prefixes,
    Duration deadline) {
  /** Makes the list unmodifiable. */
  public Query {
    prefixes = List.copyOf(prefixes);
  }
}
