package dev.deltavec.component;

import org.jspecify.annotations.Nullable;

/**
 * The databases that the host has, by their numbers (the {@code rep} of their resource): 1 and up.
 */
final class Handles {
  private static @Nullable Session[] sessions = new Session[4];

  private Handles() {}

  /** Gives a session a number: the lowest that is free. O(sessions) */
  static int add(Session session) {
    int i = 0;
    while (i < sessions.length && sessions[i] != null) {
      i++;
    }
    if (i == sessions.length) {
      Session[] more = new Session[i * 2]; // Arrays.copyOf of objects needs their class
      System.arraycopy(sessions, 0, more, 0, i);
      sessions = more;
    }
    sessions[i] = session;
    return i + 1;
  }

  /**
   * Returns a session.
   *
   * @param number what {@link #add} gave; hosts hand out no other
   */
  static Session get(int number) {
    Session session = sessions[number - 1];
    if (session == null) {
      throw new IllegalStateException("no database has this number");
    }
    return session;
  }

  /** Closes a session; its number is free. */
  static void drop(int number) {
    get(number).close();
    sessions[number - 1] = null;
  }
}
