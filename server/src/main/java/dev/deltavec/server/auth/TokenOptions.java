package dev.deltavec.server.auth;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Which tokens are good.
 *
 * @param secret for HS256, 32 bytes at least in UTF-8; null: no such tokens
 * @param jwks path or http(s) URL of a set of public keys for RS256 and ES256; null: no such tokens
 * @param issuer the claim {@code iss} must be this; null: it may be any
 * @param audience the claim {@code aud} must name this; null: it may be any
 * @param leeway how far clocks may differ
 */
public record TokenOptions(
    @Nullable String secret,
    @Nullable String jwks,
    @Nullable String issuer,
    @Nullable String audience,
    Duration leeway) {
  @Override
  public String toString() {
    return "TokenOptions[secret="
        + (secret == null ? "none" : "set")
        + ", jwks="
        + jwks
        + ", issuer="
        + issuer
        + ", audience="
        + audience
        + "]";
  }
}
