package dev.deltavec;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What a compaction did.
 *
 * @param chains vectors whose history has a new horizon
 * @param deltas deltas that went into horizons
 * @param bytesBefore bytes of the history before
 * @param bytesAfter bytes of the history after
 * @param horizon the newest horizon that was made, or null if none was
 */
public record CompactionStats(
    int chains, int deltas, long bytesBefore, long bytesAfter, @Nullable Instant horizon) {}
