package dev.deltavec;

import dev.deltavec.jvm.SegmentMemory;
import org.jspecify.annotations.Nullable;

/**
 * What {@link DeltaVectorDB#checkIndex} found.
 *
 * @param live vectors in the database
 * @param linked vectors in the search graph
 * @param duplicates vectors that share the place of another in the graph
 * @param zero vectors without length, beside the graph
 * @param pending new vectors that are not linked yet
 * @param queued vectors whose links are to be renewed
 * @param unreachable linked vectors that no search can reach; a fault
 * @param brokenLinks links to what is not in the graph; a fault
 * @param asymmetric links that do not lead back; a fault
 * @param badLevels vectors whose layers are wrong; a fault
 * @param badEntry 1 if searches begin at the wrong place, else 0; a fault
 * @param badLists lists of vectors (groups, queue, zero) that are wrong; a fault
 * @param firstBad id of a vector with a fault, or null if none is known
 */
public record IndexReport(
    int live,
    int linked,
    int duplicates,
    int zero,
    int pending,
    int queued,
    int unreachable,
    int brokenLinks,
    int asymmetric,
    int badLevels,
    int badEntry,
    int badLists,
    @Nullable String firstBad) {
  /** Returns whether there is no fault, and every vector has its place. */
  public boolean ok() {
    int faults = unreachable | brokenLinks | asymmetric | badLevels | badEntry | badLists;
    return faults == 0 && linked + duplicates + zero + pending == live;
  }

  /** Reads the output of the core's check; see docs/abi.md. */
  static IndexReport of(Store store) {
    SegmentMemory memory = store.memory();
    int record = store.database().output();
    int[] counts = new int[13];
    for (int i = 0; i < counts.length; i++) {
      counts[i] = memory.getInt(record + 4 * i);
    }
    return new IndexReport(
        counts[0],
        counts[1],
        counts[2],
        counts[3],
        counts[4],
        counts[5],
        counts[6],
        counts[7],
        counts[8],
        counts[9],
        counts[10],
        counts[11],
        counts[12] < 0 ? null : store.idAt(counts[12]));
  }
}
