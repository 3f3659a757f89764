package dev.deltavec;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A delta as subscribers see it: as applied, with its id. Arrays are copies that all subscribers
 * share: do not write to them.
 *
 * @param deltaId the delta's id: 26 characters of Crockford base32 that sort by time
 * @param vectorId the vector's id
 * @param operation what changed; on a grid, with the values that lie on it
 * @param metadata the merge patch for the metadata, if there was one
 * @param timestamp the time of the delta's id
 * @param origin which replica issued it
 * @param position how many deltas had come in before it. A feed that is to go on behind this delta
 *     begins at the position after it. Positions are the database's own: two replicas get the same
 *     deltas in different orders
 */
public record DeltaEvent(
    String deltaId,
    String vectorId,
    DeltaOperation operation,
    @Nullable String metadata,
    Instant timestamp,
    DeltaOrigin origin,
    long position) {}
