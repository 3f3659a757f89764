package dev.deltavec.server.node;

import dev.deltavec.SearchResult;
import java.time.Duration;
import java.util.List;

/**
 * What a search of all shards has found.
 *
 * @param results the closest first, at most as many as were asked for
 * @param missing shards that are not in it, ascending; empty for a whole answer
 * @param took time from the question on
 */
public record Answer(List<SearchResult> results, List<Integer> missing, Duration took) {
  /** Makes the lists unmodifiable. */
  public Answer {
    results = List.copyOf(results);
    missing = List.copyOf(missing);
  }

  /** Tells whether some shard is missing. */
  public boolean partial() {
    return !missing.isEmpty();
  }
}
