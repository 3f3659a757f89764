package dev.deltavec.client;

import java.net.http.HttpClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * How {@link Follower#follow} follows. Begin with {@link #all}, {@link #ids} or {@link #prefixes}.
 *
 * {@snippet :
 * FollowOptions.prefixes(List.of("notes/"))
 *     .withToken(() -> readToken())
 *     .withState(Path.of("notes.follow"));
 * }
 *
 * @param ids vectors that are followed; with {@code prefixes}, both. If there are neither, all are
 * @param prefixes of ids of vectors that are followed
 * @param token asked before each call for the token to show, a JWT; null for none
 * @param state file that keeps how far the following has come, replaced atomically; for a durable
 *     database, to be kept beside it and not inside its directory. Null: nothing is kept, so the
 *     next following begins with a snapshot
 * @param since what {@link Following#cursor} of an earlier following of this database gave, to go
 *     on from there; the file comes first
 * @param listener told how it goes, at each change of phase and at most ten times a second; what it
 *     throws is passed over
 * @param retry how long to wait between tries to connect
 * @param saveInterval how often the file is written at most, over 0: what has come in since then is
 *     asked for again after a crash
 * @param http makes the connections; null for one of its own
 */
public record FollowOptions(
    Set<String> ids,
    List<String> prefixes,
    @Nullable Supplier<String> token,
    @Nullable Path state,
    @Nullable String since,
    @Nullable Consumer<? super FollowStatus> listener,
    Retry retry,
    Duration saveInterval,
    @Nullable HttpClient http) {
  private static final FollowOptions ALL =
      new FollowOptions(
          Set.of(),
          List.of(),
          null,
          null,
          null,
          null,
          Retry.defaults(),
          Duration.ofSeconds(1),
          null);

  /**
   * Copies the collections.
   *
   * @throws IllegalArgumentException for an empty id or prefix, or an interval that is not over 0
   */
  public FollowOptions {
    ids = Set.copyOf(ids);
    prefixes = List.copyOf(prefixes);
    Objects.requireNonNull(retry, "retry");
    if (ids.contains("") || prefixes.contains("")) {
      throw new IllegalArgumentException("an id or prefix must not be empty");
    }
    if (saveInterval.isZero() || saveInterval.isNegative()) {
      throw new IllegalArgumentException("saveInterval must be over 0, not " + saveInterval);
    }
  }

  /** Returns options for following all vectors. */
  public static FollowOptions all() {
    return ALL;
  }

  /** Returns options for following some vectors. */
  public static FollowOptions ids(Collection<String> some) {
    return ALL.withIds(some);
  }

  /** Returns options for following the vectors whose ids begin so. */
  public static FollowOptions prefixes(Collection<String> some) {
    return ALL.withPrefixes(some);
  }

  /** Returns these options with other {@code ids}. */
  public FollowOptions withIds(Collection<String> some) {
    return new FollowOptions(
        Set.copyOf(some), prefixes, token, state, since, listener, retry, saveInterval, http);
  }

  /** Returns these options with other {@code prefixes}. */
  public FollowOptions withPrefixes(Collection<String> some) {
    return new FollowOptions(
        ids, List.copyOf(some), token, state, since, listener, retry, saveInterval, http);
  }

  /** Returns these options with a token that stays the same. */
  public FollowOptions withToken(String jwt) {
    return withToken(() -> jwt);
  }

  /** Returns these options with another {@code token}. */
  public FollowOptions withToken(@Nullable Supplier<String> source) {
    return new FollowOptions(
        ids, prefixes, source, state, since, listener, retry, saveInterval, http);
  }

  /** Returns these options with another {@code state}. */
  public FollowOptions withState(@Nullable Path file) {
    return new FollowOptions(
        ids, prefixes, token, file, since, listener, retry, saveInterval, http);
  }

  /** Returns these options with another {@code since}. */
  public FollowOptions withSince(@Nullable String cursor) {
    return new FollowOptions(
        ids, prefixes, token, state, cursor, listener, retry, saveInterval, http);
  }

  /** Returns these options with another {@code listener}. */
  public FollowOptions withListener(@Nullable Consumer<? super FollowStatus> told) {
    return new FollowOptions(ids, prefixes, token, state, since, told, retry, saveInterval, http);
  }

  /** Returns these options with another {@code retry}. */
  public FollowOptions withRetry(Retry waits) {
    return new FollowOptions(
        ids, prefixes, token, state, since, listener, waits, saveInterval, http);
  }

  /** Returns these options with another {@code saveInterval}. */
  public FollowOptions withSaveInterval(Duration value) {
    return new FollowOptions(ids, prefixes, token, state, since, listener, retry, value, http);
  }

  /** Returns these options with another {@code http}. */
  public FollowOptions withHttp(@Nullable HttpClient client) {
    return new FollowOptions(
        ids, prefixes, token, state, since, listener, retry, saveInterval, client);
  }
}
