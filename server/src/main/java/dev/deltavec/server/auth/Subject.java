package dev.deltavec.server.auth;

import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who asks.
 *
 * @param name the token's subject, or the address where there are no tokens
 * @param scopes what they may
 * @param expires when the token is no longer good; null for never
 * @param clients names of clients that it may write as; null if the token does not say
 * @param replicas replicas whose frames it may write; null if the token does not say
 */
public record Subject(
    String name,
    Scopes scopes,
    @Nullable Instant expires,
    @Nullable Set<String> clients,
    @Nullable Set<Long> replicas) {
  /** Somebody of whose clients and replicas nothing is said. */
  public Subject(String name, Scopes scopes, @Nullable Instant expires) {
    this(name, scopes, expires, null, null);
  }

  /** Makes the sets unmodifiable. */
  public Subject {
    clients = clients == null ? null : Set.copyOf(clients);
    replicas = replicas == null ? null : Set.copyOf(replicas);
  }
}
