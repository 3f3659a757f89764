package dev.deltavec;

import java.util.Arrays;

/**
 * What a merge did.
 *
 * @param merged deltas that were new
 * @param duplicates deltas that had been seen before
 * @param rejected deltas from before their vector's horizon, which cannot be merged any more
 */
public record MergeResult(int merged, int duplicates, Rejected rejected) {
  /**
   * Deltas that a merge gave back. Equality is that of the contents.
   *
   * @param count their number
   * @param bytes these deltas, to be merged by a replica whose history goes further back
   */
  @SuppressWarnings("ArrayRecordComponent") // a copy that is the caller's own
  public record Rejected(int count, byte[] bytes) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Rejected rejected
          && count == rejected.count
          && Arrays.equals(bytes, rejected.bytes);
    }

    @Override
    public int hashCode() {
      return 31 * count + Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
      return "Rejected[count=" + count + ", bytes=" + bytes.length + " bytes]";
    }
  }
}
