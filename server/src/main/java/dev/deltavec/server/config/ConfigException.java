package dev.deltavec.server.config;

import java.io.Serial;

/** What is wrong with a configuration; the message names the option. */
public final class ConfigException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  /** An error. */
  public ConfigException(String message) {
    super(message);
  }
}
