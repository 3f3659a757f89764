package dev.deltavec.server.auth;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Who asks.
 *
 * @param name the token's subject, or the address where there are no tokens
 * @param scopes what they may
 * @param expires when the token is no longer good; null for never
 */
public record Subject(String name, Scopes scopes, @Nullable Instant expires) {}
