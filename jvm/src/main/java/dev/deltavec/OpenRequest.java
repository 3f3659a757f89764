package dev.deltavec;

import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;

/**
 * What a database is to be opened with.
 *
 * @param options those that were set, by the names of {@link StoredOptions}
 * @param replica the number for deltas from now on, if it is not that of before
 * @param recover whether to go on with what is before damage
 */
record OpenRequest(
    Map<String, Object> options,
    long replica,
    long memoryLimit,
    InstantSource clock,
    boolean idleRepair,
    Durability durability,
    Duration flushInterval,
    boolean recover) {}
