package dev.deltavec.server.node;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What a gateway needs of the node that it runs in. Safe for use by any number of threads; calls
 * block.
 */
public interface ShardService {
  /** Returns what the service holds; the same for as long as the process runs. O(1) */
  ServiceInfo info();

  /**
   * Searches all shards, here and on other nodes, until the query's deadline. A shard that nobody
   * answers for in time is {@link Answer#missing}; that is no error.
   *
   * @throws dev.deltavec.core.DeltaException for a query that is wrong, as {@link
   *     dev.deltavec.DeltaVectorDB#search}: {@code DIMENSION_MISMATCH}, {@code NOT_FINITE}, {@code
   *     INVALID_ARGUMENT}
   */
  Answer search(Query query);

  /**
   * Returns the newest snapshot of a shard: the states of all its vectors, one after the other, a
   * stream for a merge. It is no older than is configured; made if need be, or fetched from the
   * shard's owner.
   *
   * @param shard from 0 to the number of shards - 1
   * @throws IOException if none can be had now: nobody owns the shard, its owner cannot be reached,
   *     or the disk fails
   * @throws IllegalArgumentException if there is no such shard
   */
  SnapshotRef snapshot(int shard) throws IOException;

  /**
   * Returns the snapshot of a shard at an offset, which {@link #snapshot} has given before, or the
   * shard's owner to another gateway; they are kept for a while.
   *
   * @param shard from 0 to the number of shards - 1
   * @param offset as of the snapshot
   * @return null if it is no longer, or never was, there
   * @throws IOException as {@link #snapshot}
   * @throws IllegalArgumentException if there is no such shard
   */
  @Nullable SnapshotRef snapshotAt(int shard, long offset) throws IOException;

  /** Tells whether the node has all it should own, up to date but for what comes in right now. */
  boolean ready();

  /** Tells whether the node is about to end, and should be asked nothing new. */
  boolean draining();
}
