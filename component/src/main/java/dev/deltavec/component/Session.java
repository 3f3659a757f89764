package dev.deltavec.component;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import org.jspecify.annotations.Nullable;

/** A database of the host's, which an import replaces; or the reason why there is none. */
final class Session {
  /** Bytes that are read at a time: many sections, and a number with a sign. */
  private static final int WINDOW = 1 << 30;

  private @Nullable Database database;
  private long replica;

  /** Deltas that were applied, for a database without a log that would know. */
  private int applied;

  private final @Nullable DeltaException refusal;

  private Session(@Nullable Database database, @Nullable DeltaException refusal) {
    this.database = database;
    this.refusal = refusal;
    replica = database == null ? 0 : database.options().replica();
  }

  /**
   * A session with an empty database.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  static Session open(DatabaseOptions options) {
    return new Session(new Database(Guest.MEMORY, Guest.KERNELS, options), null);
  }

  /** A session without a database: whoever asks for it is told why. */
  static Session refused(DeltaException why) {
    return new Session(null, why);
  }

  /**
   * Returns the database. An import replaces it, so nobody keeps it from call to call.
   *
   * @throws DeltaException why there is none
   */
  Database database() {
    if (database == null) {
      throw refusal != null
          ? refusal
          : new DeltaException(ErrorCode.CLOSED, "the database is closed");
    }
    return database;
  }

  /** Returns the database, or null if there is none. */
  @Nullable Database databaseOrNull() {
    return database;
  }

  /** Returns the number under which the database issues deltas. */
  long replica() {
    return replica;
  }

  /**
   * Returns how many deltas have come in: the position of the next one.
   *
   * @throws DeltaException why there is no database
   */
  int position() {
    Database present = database();
    return present.options().history() ? present.arrived() : applied;
  }

  /** Notes that deltas were applied. */
  void advance(int count) {
    applied += count;
  }

  /** Frees the database's memory. */
  void close() {
    if (database != null) {
      database.close();
      database = null;
    }
  }

  /**
   * Replaces the database by a snapshot, with the same options. The snapshot's deltas stay what
   * they are; new ones are issued under another number. {@link Database#output} then has what
   * {@link Database#importEnd} tells.
   *
   * @param data address of the snapshot
   * @param bytes its length, unsigned
   * @param wished the number to issue deltas under, if no delta of it is known; -1 for a drawn one
   * @param seed what to draw the number from, together with where the snapshot stands
   * @return the number under which deltas are issued from now on
   * @throws DeltaException as {@link Database#importNext}; nothing has changed then
   */
  long restore(int data, int bytes, long wished, long seed) {
    Database old = database();
    Database made = Database.importing(Guest.MEMORY, Guest.KERNELS, old.options());
    long number = wished;
    try {
      int left = bytes;
      int at = data;
      while (left != 0) {
        int read = made.importNext(at, Integer.compareUnsigned(left, WINDOW) < 0 ? left : WINDOW);
        if (read == 0) {
          throw new DeltaException(
              ErrorCode.CORRUPT_DATA,
              "the snapshot is cut off, or something stands behind its end");
        }
        at += read;
        left -= read;
      }
      made.importEnd();
      int end = made.output();
      Replicas replicas =
          new Replicas(
              seed ^ Guest.MEMORY.getLong(end + 16) << 48 ^ Guest.MEMORY.getLong(end + 24));
      if (number < 0) {
        number = replicas.next();
      }
      for (made.replica(number); made.sequence() != 0; made.replica(number)) {
        number = replicas.next();
      }
    } catch (DeltaException e) {
      made.close();
      throw e;
    }
    old.close();
    database = made;
    replica = number;
    return number;
  }
}
