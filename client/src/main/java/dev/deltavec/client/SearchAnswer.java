package dev.deltavec.client;

import dev.deltavec.SearchResult;
import java.time.Duration;
import java.util.List;

/**
 * What a service has found.
 *
 * @param results the hits, closest first
 * @param partial whether shards are missing that may have closer ones
 * @param missing these shards
 * @param took what the service needed
 */
public record SearchAnswer(
    List<SearchResult> results, boolean partial, List<Integer> missing, Duration took) {
  /** Makes the lists unmodifiable. */
  public SearchAnswer {
    results = List.copyOf(results);
    missing = List.copyOf(missing);
  }
}
