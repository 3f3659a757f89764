package dev.deltavec.core.image;

import java.util.Arrays;

/**
 * Which slots and chains have changed since the last snapshot, so that the next one can hold these
 * alone. Links of the graph change in too many places to be noted; for them a hash of each node is
 * kept.
 */
public final class Changes {
  private int[] vectors = new int[64];
  private int[] chains = new int[64];
  private int[] graves = new int[64];
  private int[] nodes = new int[64];
  private int arrived;

  /**
   * Notes that a slot's vector, metadata, time or id has changed, or that the slot came or went.
   */
  public void vector(int slot) {
    vectors = set(vectors, slot);
  }

  /** Notes that more has happened to a subject's chain than that deltas were added at its end. */
  public void chain(int subject) {
    if (subject >= 0) {
      chains = set(chains, subject);
      vector(subject);
    } else {
      graves = set(graves, ~subject);
    }
  }

  /** Returns whether {@link #vector} was called for a slot. */
  public boolean hasVector(int slot) {
    return get(vectors, slot);
  }

  /** Returns whether {@link #chain} was called for a subject. */
  public boolean hasChain(int subject) {
    return subject >= 0 ? get(chains, subject) : get(graves, ~subject);
  }

  /** Returns how many deltas had arrived. */
  public int arrived() {
    return arrived;
  }

  /** Notes the hash of a slot's node, and returns whether it is another one than before. */
  public boolean node(int slot, int hash) {
    if (slot >= nodes.length) {
      nodes = Arrays.copyOf(nodes, Math.max(nodes.length * 2, slot + 1));
    }
    boolean changed = nodes[slot] != hash;
    nodes[slot] = hash;
    return changed;
  }

  /** Begins anew: nothing has changed. Hashes of nodes stay. */
  public void clear(int deltasArrived) {
    arrived = deltasArrived;
    Arrays.fill(vectors, 0);
    Arrays.fill(chains, 0);
    Arrays.fill(graves, 0);
  }

  private static int[] set(int[] bits, int i) {
    int[] list =
        i >>> 5 < bits.length
            ? bits
            : Arrays.copyOf(bits, Math.max(bits.length * 2, (i >>> 5) + 1));
    list[i >>> 5] |= 1 << i;
    return list;
  }

  private static boolean get(int[] bits, int i) {
    return i >>> 5 < bits.length && (bits[i >>> 5] & 1 << i) != 0;
  }
}
