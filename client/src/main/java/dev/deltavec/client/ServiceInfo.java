package dev.deltavec.client;

import java.time.Duration;

/**
 * What a service says of itself.
 *
 * @param shards number of its shards
 * @param epoch names its log: one that began anew has another
 * @param dimensions values of every vector
 * @param grid steps from 0 to 1 that values lie on; 0 for plain floats
 * @param metric how closeness is measured, in lower case
 * @param retention how old a delta may be that it takes, at most
 */
public record ServiceInfo(
    int shards, String epoch, int dimensions, int grid, String metric, Duration retention) {}
