package dev.deltavec.server.internal;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import org.jspecify.annotations.Nullable;

/** What nodes of one service know each other by. */
public final class Secret {
  /** The header that carries it. */
  public static final String HEADER = "Deltavec-Secret";

  private final String text;

  /**
   * A secret.
   *
   * @param text the same for all nodes; empty: nobody is believed
   */
  public Secret(String text) {
    this.text = text;
  }

  /** Returns what is sent. */
  String text() {
    return text;
  }

  /** Tells whether somebody knows it; takes the same time if not. */
  boolean matches(@Nullable String given) {
    return given != null
        && !text.isEmpty()
        && MessageDigest.isEqual(
            given.getBytes(StandardCharsets.UTF_8), text.getBytes(StandardCharsets.UTF_8));
  }
}
