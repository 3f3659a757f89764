package dev.deltavec.client;

import java.util.Map;

/**
 * What a service has taken, durably.
 *
 * @param accepted number of deltas
 * @param epoch names the service's log
 * @param offsets by shard, where they are in its log
 */
public record Posted(int accepted, String epoch, Map<Integer, Long> offsets) {
  /** Makes the map unmodifiable. */
  public Posted {
    offsets = Map.copyOf(offsets);
  }
}
