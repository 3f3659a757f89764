package dev.deltavec.server.simulation;

import java.time.Instant;
import java.time.InstantSource;

/** A clock that stands still until it is told to go on. */
public final class VirtualClock implements InstantSource {
  private long millis;

  public VirtualClock(long millis) {
    this.millis = millis;
  }

  @Override
  public Instant instant() {
    return Instant.ofEpochMilli(millis);
  }

  public void advance(long by) {
    millis += by;
  }
}
