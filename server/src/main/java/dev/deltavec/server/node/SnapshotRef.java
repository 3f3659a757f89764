package dev.deltavec.server.node;

import java.nio.file.Path;

/**
 * A file that holds all of a shard.
 *
 * @param offset of the first record that is not in it
 * @param file frames, a stream for a merge; open it at once, it is removed after a while
 */
public record SnapshotRef(long offset, Path file) {}
