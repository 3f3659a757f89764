package dev.deltavec.core.snapshot;

import dev.deltavec.core.history.Versions;

/** What a database is besides its vectors, chains and graph. */
public final class Totals {
  /** Sequence of the newest delta that the own replica has issued. */
  public int sequence;

  /** The own replica. */
  public long replica;

  /** Time of the newest delta. */
  public long lastTime;

  /** How many deltas were applied at the local door. */
  public double applied;

  /** How many deltas must have arrived before the history's budget is looked at again. */
  public int nextCompaction;

  /** Of what was read: how many had arrived, those included that are renumbered away. */
  public int arrived;

  /** What was seen of each replica. */
  public Versions versions = new Versions();
}
