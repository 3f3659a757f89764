package dev.deltavec;

import org.jspecify.annotations.Nullable;

/**
 * A call of a database that has ended; see {@link DeltaVectorDB#onCall}.
 *
 * @param call what it did
 * @param items how much of it, as {@link DatabaseCall} says
 * @param nanos how long it took as a whole, waiting for others and for the disk included,
 *     nanoseconds
 * @param failure what it threw, null if it returned
 */
public record CallEvent(DatabaseCall call, int items, long nanos, @Nullable Throwable failure) {}
