package dev.deltavec;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What was found when a durable database was opened.
 *
 * @param snapshot how many records of the log the snapshot contains that was begun with; 0 for none
 * @param records how many changes behind it were done again
 * @param cutBytes bytes at the end of the log that were no whole record, as a crash leaves them;
 *     they were cut off
 * @param indexRebuilt whether the search graph was made anew, as that of the snapshot was damaged
 * @param damaged names of snapshot files that were damaged or not finished, and not needed
 * @param lost what could not be used, if that was asked for ({@link
 *     DeltaVectorDB.Builder#recover}), else null
 */
public record RecoveryReport(
    long snapshot,
    long records,
    long cutBytes,
    boolean indexRebuilt,
    List<String> damaged,
    @Nullable Lost lost) {
  /** Makes the list unmodifiable. */
  public RecoveryReport {
    damaged = List.copyOf(damaged);
  }

  /**
   * Damage in the middle of the log.
   *
   * @param file name of the file that is damaged
   * @param offset where in it, in bytes
   * @param why what is wrong there
   * @param record number of the last record that was good; what came later is not in the database
   * @param files names of the files, in the same directory, that hold what came later
   */
  public record Lost(String file, long offset, String why, long record, List<String> files) {
    /** Makes the list unmodifiable. */
    public Lost {
      files = List.copyOf(files);
    }
  }
}
