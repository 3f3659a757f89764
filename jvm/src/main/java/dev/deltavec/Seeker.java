package dev.deltavec;

import dev.deltavec.jvm.SegmentMemory;

/** Who searches, one thread at a time: the database, or an {@link ExtraReader} of its memory. */
interface Seeker {
  /** Returns the memory that holds the database, and what is put and found. */
  SegmentMemory memory();

  /**
   * Makes room for an argument and returns its address.
   *
   * @throws dev.deltavec.core.DeltaException {@code OUT_OF_MEMORY}
   */
  int reserve(long bytes);

  /**
   * Searches; see {@link dev.deltavec.core.Database#search(int, int, int, int, int, int, int)}.
   *
   * @return the number of results
   */
  int search(int query, int k, int efSearch, int mode, int filter, int filterBytes);

  /** Returns the address of the last search's results. */
  int output();

  /** Returns text that lies in the memory. */
  String text(int address, int bytes);
}
