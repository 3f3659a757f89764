package dev.deltavec.server.auth;

import com.nimbusds.jose.KeySourceException;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.proc.SecurityContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.text.ParseException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A set of keys in a file, read again some time after it has changed. Thread-safe. */
final class KeyFile implements JWKSource<SecurityContext> {
  private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Path file;
  private JWKSet keys;
  private FileTime changed;
  private long looked;

  /**
   * The keys of a file.
   *
   * @throws IllegalArgumentException if it holds none
   */
  KeyFile(Path file) {
    this.file = file;
    try {
      changed = Files.getLastModifiedTime(file);
      keys = JWKSet.load(file.toFile());
    } catch (IOException | ParseException e) {
      throw new IllegalArgumentException("no set of keys in " + file + ": " + e.getMessage(), e);
    }
    looked = System.nanoTime();
  }

  @Override
  public List<JWK> get(JWKSelector selector, @Nullable SecurityContext context)
      throws KeySourceException {
    return selector.select(current());
  }

  private synchronized JWKSet current() throws KeySourceException {
    long now = System.nanoTime();
    if (now - looked >= LOOK_NANOS) {
      looked = now;
      try {
        FileTime time = Files.getLastModifiedTime(file);
        if (!time.equals(changed)) {
          keys = JWKSet.load(file.toFile());
          changed = time;
        }
      } catch (IOException | ParseException e) {
        throw new KeySourceException("the set of keys cannot be read", e);
      }
    }
    return keys;
  }
}
