package dev.deltavec.kafka;

/**
 * A node of a group that shares shards out among its members.
 *
 * @param id names the node, also after it was started anew; 1 to 200 characters: letters, digits,
 *     {@code . _ -}. Of two processes with the same id the later one stays in the group
 * @param url where other nodes reach it; empty if they do not
 * @param capacity how much it takes, relative to the capacity of others, 0 to 1,000,000: a node of
 *     twice the capacity gets twice as many shards, one of 0 gets none but knows who has them
 */
public record Member(String id, String url, int capacity) {
  /** The greatest capacity. */
  public static final int MAX_CAPACITY = 1_000_000;

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException if a value is not what it may be
   */
  public Member {
    if (!id.matches("[A-Za-z0-9._-]{1,200}")) {
      throw new IllegalArgumentException(
          "A member's id has 1 to 200 letters, digits, '.', '_' or '-'; got \"" + id + "\"");
    }
    if (url.length() > 2000) {
      throw new IllegalArgumentException("A member's url has at most 2,000 characters");
    }
    if (capacity < 0 || capacity > MAX_CAPACITY) {
      throw new IllegalArgumentException(
          "A member's capacity is 0 to " + MAX_CAPACITY + "; got " + capacity);
    }
  }
}
