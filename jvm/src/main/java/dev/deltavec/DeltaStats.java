package dev.deltavec;

import dev.deltavec.jvm.SegmentMemory;
import org.jspecify.annotations.Nullable;

/**
 * Sizes and counts of a database. Bytes are those of its memory outside the Java heap unless said;
 * what threads need that search at the same time is not among them. Names and meanings are those of
 * every face of deltavec.
 *
 * @param size live vectors
 * @param capacity vectors there is room for before more memory is asked for
 * @param memoryBytes bytes granted so far
 * @param usedBytes bytes of these in use
 * @param vectorBytes bytes of the vectors and their norms
 * @param graphBytes bytes of the search graph
 * @param textBytes bytes of ids and metadata
 * @param mapBytes bytes on the Java heap: the map from ids to vectors
 * @param deltas deltas applied since the database was made, without those merged
 * @param historyBytes bytes of the history: deltas and checkpoints
 * @param checkpointBytes bytes of these that checkpoints take
 * @param historyDeltas deltas in the history
 * @param checkpoints checkpoints in the history
 * @param maxLevel highest layer of the search graph, 0 for one layer
 * @param stride floats that one vector takes in memory: dimensions and padding
 * @param index what the search graph holds
 * @param storage what is in files; null for a database in memory
 */
public record DeltaStats(
    int size,
    int capacity,
    long memoryBytes,
    long usedBytes,
    long vectorBytes,
    long graphBytes,
    long textBytes,
    long mapBytes,
    long deltas,
    long historyBytes,
    long checkpointBytes,
    int historyDeltas,
    int checkpoints,
    int maxLevel,
    int stride,
    IndexStats index,
    @Nullable StorageStats storage) {
  /** Reads the output of the core's statistics; see docs/abi.md. */
  static DeltaStats of(Store store) {
    SegmentMemory memory = store.memory();
    int record = store.database().output();
    return new DeltaStats(
        memory.getInt(record),
        memory.getInt(record + 4),
        store.whole(record + 8),
        store.whole(record + 16),
        store.whole(record + 24),
        store.whole(record + 32),
        store.whole(record + 40),
        store.whole(record + 48),
        store.whole(record + 56),
        store.whole(record + 72) + store.whole(record + 80),
        store.whole(record + 80),
        memory.getInt(record + 88),
        memory.getInt(record + 92),
        memory.getInt(record + 64),
        memory.getInt(record + 68),
        IndexStats.of(store),
        store.recorder().storage());
  }
}
