package dev.deltavec.core.delta;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;

/**
 * The identity of a delta: 128 bits, 48 of Unix milliseconds, 32 of sequence, 48 of replica, which
 * sort in that order. The sequence counts all deltas that a replica ever issued, from 1.
 *
 * <p>The text form has 26 characters of Crockford's base32 (the ULID form) and sorts like the
 * number.
 *
 * @param time Unix milliseconds, 0 to 2^48-1
 * @param sequence unsigned 32 bits
 * @param replica 0 to 2^48-1
 */
public record DeltaId(long time, int sequence, long replica) implements Comparable<DeltaId> {
  /** Characters of the text form. */
  public static final int TEXT_LENGTH = 26;

  private static final String ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  private static final long LIMIT = 1L << 48;

  /**
   * Checks the ranges.
   *
   * @throws DeltaException {@code INVALID_ARGUMENT}
   */
  public DeltaId {
    if (time < 0 || time >= LIMIT || replica < 0 || replica >= LIMIT) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "time " + time + " and replica " + replica + " must have 48 bits");
    }
  }

  /** Returns the text form of an id; arguments as in the record. */
  public static String format(long time, int sequence, long replica) {
    return new DeltaId(time, sequence, replica).toString();
  }

  /**
   * Reads the text form; small letters are taken as large ones.
   *
   * @throws DeltaException {@code INVALID_ARGUMENT}
   */
  public static DeltaId parse(String text) {
    if (text.length() != TEXT_LENGTH) {
      throw malformed(text);
    }
    long high = 0;
    long low = 0;
    for (int i = 0; i < TEXT_LENGTH; i++) {
      int c = text.charAt(i);
      int digit = ALPHABET.indexOf(c >= 'a' && c <= 'z' ? c - 32 : c);
      if (digit < 0 || (i == 0 && digit > 7)) {
        throw malformed(text);
      }
      high = high << 5 | low >>> 59;
      low = low << 5 | digit;
    }
    return new DeltaId(high >>> 16, (int) (high << 16 | low >>> 48), low & (LIMIT - 1));
  }

  private static DeltaException malformed(String text) {
    return new DeltaException(ErrorCode.INVALID_ARGUMENT, "not a delta id: " + text);
  }

  /** Orders by time, then sequence, then replica. */
  @Override
  public int compareTo(DeltaId other) {
    int byTime = Long.compare(time, other.time);
    if (byTime != 0) {
      return byTime;
    }
    int bySequence = Integer.compareUnsigned(sequence, other.sequence);
    return bySequence != 0 ? bySequence : Long.compare(replica, other.replica);
  }

  /** Returns the text form. */
  @Override
  public String toString() {
    long high = time << 16 | sequence >>> 16;
    long low = (long) sequence << 48 | replica;
    char[] text = new char[TEXT_LENGTH];
    for (int i = TEXT_LENGTH - 1; i >= 0; i--) {
      text[i] = ALPHABET.charAt((int) low & 31);
      low = low >>> 5 | high << 59;
      high >>>= 5;
    }
    return new String(text);
  }
}
