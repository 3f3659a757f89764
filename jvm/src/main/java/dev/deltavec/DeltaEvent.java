package dev.deltavec;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A delta as subscribers see it: as applied, with its id. Arrays are copies that all subscribers
 * share: do not write to them.
 *
 * @param deltaId the delta's id: 26 characters of Crockford base32 that sort by time
 * @param vectorId the vector's id
 * @param operation what changed
 * @param metadata the merge patch for the metadata, if there was one
 * @param timestamp the time of the delta's id
 */
public record DeltaEvent(
    String deltaId,
    String vectorId,
    DeltaOperation operation,
    @Nullable String metadata,
    Instant timestamp) {}
