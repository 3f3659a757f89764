package dev.deltavec.storage;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The header of a file.
 *
 * @param number of a log: that of its first record; of a snapshot: how many records it contains
 * @param id the same in all files of a database
 * @param dimensions of a log: those of the database; else 0
 * @param buildsOn of an increment: how many records the file before it contains; else null
 * @param mark of a snapshot: the one that the database had, or {@link LogFormat#NO_MARK}
 */
record FileHeader(long number, UUID id, int dimensions, @Nullable Long buildsOn, long mark) {}
