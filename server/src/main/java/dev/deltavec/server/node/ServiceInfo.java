package dev.deltavec.server.node;

import java.time.Duration;

/**
 * What a service holds.
 *
 * @param shards number of shards
 * @param epoch name of the log that feeds them; offsets of another epoch mean nothing
 * @param dimensions number of values of every vector
 * @param grid steps from 0 to 1 that values are kept on, 0 for plain floats
 * @param metric {@code cosine}, {@code dot} or {@code euclidean}
 * @param retention how old a delta may be when it comes
 */
public record ServiceInfo(
    int shards, String epoch, int dimensions, int grid, String metric, Duration retention) {}
