package dev.deltavec.storage;

import java.lang.foreign.MemorySegment;

/**
 * A record of the log: one call that changed the database.
 *
 * @param number counted from 1
 * @param kind one of those of {@link LogFormat}
 * @param count frames of an APPLY, new deltas of a MERGE, deltas of a ROLLBACK
 * @param clock what the clock said, Unix milliseconds
 * @param sequence newest sequence of the own replica behind it
 * @param payload its bytes, valid as long as the recovery that gives it
 */
public record LogRecord(
    long number, int kind, int count, double clock, int sequence, MemorySegment payload) {}
