package dev.deltavec.client;

/** Reads ids of deltas. */
final class DeltaIds {
  private static final String ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

  private DeltaIds() {}

  /** Returns the id of a delta. */
  static String write(long time, long sequence, long replica) {
    long high = time << 16 | sequence >>> 16;
    long low = sequence << 48 | replica;
    char[] text = new char[26];
    for (int i = text.length - 1; i >= 0; i--) {
      text[i] = ALPHABET.charAt((int) (low & 31));
      low = low >>> 5 | high << 59;
      high >>>= 5;
    }
    return new String(text);
  }

  /**
   * Returns sequence and replica of an id.
   *
   * @param id 26 characters of Crockford's base32: 48 bits of time, 32 of sequence, 48 of replica
   */
  static long[] read(String id) {
    long high = 0;
    long low = 0;
    for (int i = 0; i < id.length(); i++) {
      high = high << 5 | low >>> 59;
      low = low << 5 | ALPHABET.indexOf(id.charAt(i));
    }
    long sequence = (high & 0xffff) << 16 | low >>> 48;
    return new long[] {sequence, low & 0xffff_ffff_ffffL};
  }
}
