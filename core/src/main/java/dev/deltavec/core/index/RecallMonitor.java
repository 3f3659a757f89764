package dev.deltavec.core.index;

/** Estimates recall from searches that are done once more, exactly. */
public final class RecallMonitor {
  private final double rate;
  private double due;
  private double found;
  private double wanted;
  private double samples;

  /**
   * A monitor.
   *
   * @param rate which share of the searches to check, 0 to 1
   */
  RecallMonitor(double rate) {
    this.rate = rate;
  }

  /** Returns whether this search is to be checked; asked once for each. */
  boolean isDue() {
    due += rate;
    if (due < 1) {
      return false;
    }
    due -= 1;
    return true;
  }

  /**
   * Notes how a search did.
   *
   * @param hits how many of its results belong to the closest
   * @param k how many there were to find
   */
  void note(int hits, int k) {
    found += hits;
    wanted += k;
    samples++;
  }

  /** Returns the share of the closest that searches have found, NaN if none was checked. */
  public double recall() {
    return wanted == 0 ? Double.NaN : found / wanted;
  }

  /** Returns how many searches were checked. */
  public double samples() {
    return samples;
  }
}
