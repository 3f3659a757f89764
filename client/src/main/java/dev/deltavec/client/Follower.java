package dev.deltavec.client;

import dev.deltavec.DeltaVectorDB;
import java.net.URI;
import java.util.Objects;

/** Brings databases up to date with a service, and keeps them there. */
public final class Follower {
  private Follower() {}

  /**
   * Lets a database follow a service: it gets a snapshot, then the deltas since, then each delta as
   * it comes. Where the connection is lost it is made again. What is changed in the database is
   * sent, in the order in which it was changed, under the ids that the deltas have here; while
   * there is no connection it waits. All copies that have the same deltas are in the same state,
   * whatever order they came in.
   *
   * {@snippet :
   * try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(384).open(Path.of("notes"));
   *     Following following =
   *         Follower.follow(
   *             db,
   *             URI.create("https://vectors.example.com"),
   *             FollowOptions.all().withToken(token).withState(Path.of("notes.follow")))) {
   *   following.ready().join();
   *   db.applyDelta(VectorDelta.create("a", vector));
   *   following.flush().join(); // acknowledged
   * }
   * }
   *
   * <p>Everything that the database holds and the service does not counts as changed here, also
   * what was there before it followed for the first time. Edits that are older than the service
   * takes are made again on what it has, if they were never sent, and else are {@linkplain
   * Following#conflicts conflicts}. If the service cannot bring the database up to date from where
   * it stands (it was away too long, or the service began anew), the database is emptied but for
   * what the service does not have, and filled by a snapshot.
   *
   * <p>A delta that a batch brought is sent in one request with the others of its batch, which the
   * service takes all or none of, unless more than 4,096 deltas or 8 MiB wait to be sent.
   *
   * @param db the database; it keeps a history, and has the service's dimensions and grid. It may
   *     be used by others as before. Close the following before it
   * @param gateway where the service is, as {@code https://host/path}
   * @param options which vectors, and how
   * @return what follows until it is closed; it connects in the background
   * @throws IllegalArgumentException for another kind of URL, a database without history, or a
   *     {@code since} that is none
   * @throws java.io.UncheckedIOException if the file of the state cannot be read
   */
  public static Following follow(DeltaVectorDB db, URI gateway, FollowOptions options) {
    Objects.requireNonNull(db, "db");
    Objects.requireNonNull(gateway, "gateway");
    Objects.requireNonNull(options, "options");
    if (!db.options().history()) {
      throw new IllegalArgumentException("a database without history cannot follow");
    }
    Following following = new Following(db, gateway, options);
    following.start();
    return following;
  }
}
