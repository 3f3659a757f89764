package dev.deltavec.server.shard;

import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import java.nio.file.Path;
import java.time.Duration;

/**
 * What all shards of a node have in common.
 *
 * @param directory of all files of the node
 * @param shards number of shards of the log
 * @param epoch name of the log
 * @param database how each shard's database is made
 * @param retention how old a delta may be when it is appended; history from before may be compacted
 * @param compactEvery how far the log's time moves on between two compactions
 * @param batchBytes bytes of records that go into one merge, at least one record
 * @param stateRecords records after which an owner writes the states of what has changed, from 1
 * @param stateEvery time after which it does if anything has changed
 * @param snapshotRecords a snapshot for followers that is no more records behind is given again
 * @param snapshotEvery and one that is no older, however many records it is behind
 * @param snapshotKeep how long a snapshot is kept once there is a newer one
 */
public record ShardSettings(
    Path directory,
    int shards,
    String epoch,
    DatabaseSettings database,
    Duration retention,
    Duration compactEvery,
    int batchBytes,
    long stateRecords,
    Duration stateEvery,
    long snapshotRecords,
    Duration snapshotEvery,
    Duration snapshotKeep) {
  /**
   * How each shard's database is made; the options of {@link dev.deltavec.DeltaVectorDB.Builder}.
   *
   * @param maxVectors of each shard
   * @param memory bytes that each shard's database may take
   * @param flushInterval how far the disk may be behind
   */
  public record DatabaseSettings(
      int dimensions,
      Metric metric,
      int grid,
      Quantization quantization,
      int hnswM,
      int hnswEfConstruction,
      int hnswEfSearch,
      int checkpointInterval,
      int maxVectors,
      long memory,
      Duration flushInterval) {}

  /** Returns the directory of a shard. */
  public Path shardDirectory(int shard) {
    return directory.resolve("shard-" + shard);
  }

  /** Returns the directory of snapshots for followers. */
  public Path snapshotDirectory() {
    return directory.resolve("snapshots");
  }
}
