package dev.deltavec.server.node;

import java.time.Duration;

/**
 * How a node treats its shards.
 *
 * @param linger how long a shard that has another owner now is still applied and answered for,
 *     while the other restores it
 * @param keepFiles how long the files of a shard are kept that is no longer here
 */
public record HostSettings(Duration linger, Duration keepFiles) {}
