package dev.deltavec;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What a database that is kept in files has there. Figures are those of the log and its snapshots;
 * what the file system adds is not counted.
 *
 * @param logBytes bytes of the changes since the newest snapshot: what opening has to do again
 * @param snapshotBytes bytes of the newest snapshot, with the files that it builds on
 * @param pendingBytes bytes of these changes that are not known to be on disk yet
 * @param lastCheckpoint when a snapshot was last written, by the database's clock; null if none was
 *     since it was opened
 */
public record StorageStats(
    long logBytes, long snapshotBytes, long pendingBytes, @Nullable Instant lastCheckpoint) {}
