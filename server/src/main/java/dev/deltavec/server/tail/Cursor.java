package dev.deltavec.server.tail;

import java.util.Arrays;

/**
 * Where a follower stands: {@code EPOCH:o0,o1,…}, for each shard the offset of the first record
 * that it has not, and nothing for shards that it does not want.
 */
public final class Cursor {
  /** Stands for a shard that is not wanted. */
  public static final long UNWANTED = -1;

  private static final int MAX_DIGITS = 18;

  private final String epoch;
  private final long[] offsets;

  /**
   * A cursor.
   *
   * @param offsets by shard, {@link #UNWANTED} for some; copied
   */
  public Cursor(String epoch, long[] offsets) {
    this.epoch = epoch;
    this.offsets = offsets.clone();
  }

  /**
   * Reads a cursor.
   *
   * @param shards how many there are
   * @throws FollowException {@code INVALID_ARGUMENT}
   */
  public static Cursor parse(String text, int shards) {
    int colon = text.lastIndexOf(':');
    if (colon <= 0) {
      throw invalid("has no epoch before a colon");
    }
    long[] offsets = new long[shards];
    int shard = 0;
    int at = colon + 1;
    while (at <= text.length()) {
      int comma = text.indexOf(',', at);
      int end = comma < 0 ? text.length() : comma;
      if (shard == shards) {
        throw invalid("has more than " + shards + " offsets");
      }
      offsets[shard++] = offset(text, at, end);
      at = end + 1;
    }
    if (shard != shards) {
      throw invalid("has " + shard + " offsets, not " + shards);
    }
    return new Cursor(text.substring(0, colon), offsets);
  }

  private static long offset(String text, int from, int to) {
    if (from == to) {
      return UNWANTED;
    }
    boolean digits = to - from <= MAX_DIGITS;
    for (int i = from; i < to && digits; i++) {
      digits = text.charAt(i) >= '0' && text.charAt(i) <= '9';
    }
    if (!digits) {
      throw invalid("has an offset that is no number of up to " + MAX_DIGITS + " digits");
    }
    return Long.parseLong(text, from, to, 10);
  }

  private static FollowException invalid(String what) {
    return new FollowException(FollowException.Reason.INVALID_ARGUMENT, "the cursor " + what);
  }

  /** Returns the log's name. */
  public String epoch() {
    return epoch;
  }

  /** Returns the offsets by shard, a copy. */
  public long[] offsets() {
    return offsets.clone();
  }

  /** Writes a cursor as text; see {@link Cursor}. */
  static String format(String epoch, long[] offsets, boolean[] wanted) {
    StringBuilder text = new StringBuilder(epoch.length() + 8 * offsets.length).append(epoch);
    for (int i = 0; i < offsets.length; i++) {
      text.append(i == 0 ? ':' : ',');
      if (wanted[i]) {
        text.append(offsets[i]);
      }
    }
    return text.toString();
  }

  @Override
  public String toString() {
    boolean[] wanted = new boolean[offsets.length];
    for (int i = 0; i < offsets.length; i++) {
      wanted[i] = offsets[i] >= 0;
    }
    return format(epoch, offsets, wanted);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Cursor cursor
        && epoch.equals(cursor.epoch)
        && Arrays.equals(offsets, cursor.offsets);
  }

  @Override
  public int hashCode() {
    return 31 * epoch.hashCode() + Arrays.hashCode(offsets);
  }
}
