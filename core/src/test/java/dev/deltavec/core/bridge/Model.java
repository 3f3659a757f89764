package dev.deltavec.core.bridge;

import org.jspecify.annotations.Nullable;

/**
 * Threads as step machines over one state, an array of small numbers. A step makes at most one
 * access to what the threads share, so all interleavings of steps are all that sequential
 * consistency allows.
 */
interface Model {
  /** Returns the state at the beginning; every number is 0 to 255. */
  int[] initial();

  /** Returns the number of threads. */
  int threads();

  /** Returns in how many ways a thread may go on at most. */
  int choices();

  /** Returns whether a thread can go on in a way now. */
  boolean can(int[] state, int thread, int choice);

  /** Returns whether a way to go on is one that need not come, such as a thread's death. */
  boolean isFate(int thread, int choice);

  /** Makes one step of a thread, in place. */
  void step(int[] state, int thread, int choice);

  /** Returns what is wrong with a state; null if nothing is. */
  @Nullable String wrong(int[] state);

  /**
   * Returns what is wrong with a state in which no thread goes on but by fate; null if nothing is.
   */
  @Nullable String wrongAtEnd(int[] state);

  /** Returns what a thread is about to do, for traces. */
  String describe(int[] state, int thread);
}
