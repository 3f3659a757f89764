package dev.deltavec.server.tail;

import java.time.Duration;

/**
 * How followers are served.
 *
 * @param maxQueue most bytes that wait for one follower
 * @param maxBehind most records behind which a follower may be
 * @param maxTick longest time for which records are gathered into one message under load
 * @param ping time between two signs of life to a follower
 * @param writeTimeout how long one write to a follower may take
 * @param liveBytes most bytes of the newest records in memory
 * @param chunkBytes most bytes of older records in memory
 * @param readers most readers of older records at the same time
 */
public record TailOptions(
    long maxQueue,
    long maxBehind,
    Duration maxTick,
    Duration ping,
    Duration writeTimeout,
    long liveBytes,
    long chunkBytes,
    int readers) {}
