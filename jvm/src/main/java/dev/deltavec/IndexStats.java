package dev.deltavec;

import dev.deltavec.core.Quantization;
import dev.deltavec.jvm.SegmentMemory;
import org.jspecify.annotations.Nullable;

/**
 * What the search graph holds. A vector that changes keeps its links and drifts away from where
 * they were made. Its drift is the sum of the lengths of its changes since then: of its direction
 * for cosine, in parts of its length for dot, as they are for euclidean. One that has drifted far
 * is pending, and compared directly, until its links are renewed; see {@link DeltaVectorDB#repair}.
 *
 * @param pendingRepairs vectors whose links are to be made or renewed
 * @param linked vectors in the graph
 * @param duplicates vectors that share the place of another in the graph, as they have the same
 *     code
 * @param zero vectors without length, which are kept beside the graph
 * @param meanDrift mean drift of the linked vectors that are not pending
 * @param maxDrift largest drift of these
 * @param estimatedRecall share of the closest vectors that searches found, measured on those that
 *     were checked (option {@code recallSampleRate}); null if none was
 * @param recallSamples searches that were checked
 * @param bytes bytes of the graph and the codes
 * @param codeBytes bytes of these that the codes take
 * @param quantization what the graph is built and walked on
 * @param keepFloats whether the vectors' floats are kept beside the codes
 */
public record IndexStats(
    int pendingRepairs,
    int linked,
    int duplicates,
    int zero,
    double meanDrift,
    double maxDrift,
    @Nullable Double estimatedRecall,
    long recallSamples,
    long bytes,
    long codeBytes,
    Quantization quantization,
    boolean keepFloats) {
  /** Reads the output of the core's statistics; see docs/abi.md. */
  static IndexStats of(Store store) {
    SegmentMemory memory = store.memory();
    int record = store.database().output();
    double recall = store.number(record + 136);
    return new IndexStats(
        memory.getInt(record + 104),
        memory.getInt(record + 108),
        memory.getInt(record + 112),
        memory.getInt(record + 116),
        store.number(record + 120),
        store.number(record + 128),
        Double.isNaN(recall) ? null : recall,
        store.whole(record + 144),
        store.whole(record + 32) + store.whole(record + 152),
        store.whole(record + 152),
        store.options().quantization(),
        store.options().keepFloats());
  }
}
