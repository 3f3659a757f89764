package dev.deltavec.server.auth;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What a token allows: to read or write all vectors, those whose ids begin with some prefixes, or
 * none; to read metrics.
 *
 * @param read whether anything may be read
 * @param readPrefixes of ids that may be read; empty for all
 * @param write whether anything may be written
 * @param writePrefixes of ids that may be written; empty for all
 * @param metrics whether metrics may be read
 */
public record Scopes(
    boolean read,
    List<String> readPrefixes,
    boolean write,
    List<String> writePrefixes,
    boolean metrics) {
  /** Everything. */
  public static final Scopes ALL = new Scopes(true, List.of(), true, List.of(), true);

  /** Makes the lists unmodifiable. */
  public Scopes {
    readPrefixes = List.copyOf(readPrefixes);
    writePrefixes = List.copyOf(writePrefixes);
  }

  /**
   * Reads a claim: words {@code read}, {@code write}, {@code read:PREFIX}, {@code write:PREFIX},
   * {@code metrics}, with prefixes percent-encoded. Words that are not known allow nothing.
   *
   * @param claim words with blanks between them; null for none
   * @throws AuthException for a prefix that is not encoded well
   */
  public static Scopes parse(@Nullable String claim) throws AuthException {
    Rights read = new Rights();
    Rights write = new Rights();
    boolean metrics = false;
    for (String word : claim == null ? new String[0] : claim.split(" ", -1)) {
      switch (word) {
        case "read" -> read.all = true;
        case "write" -> write.all = true;
        case "metrics" -> metrics = true;
        default -> {
          if (word.startsWith("read:")) {
            read.add(word.substring("read:".length()));
          } else if (word.startsWith("write:")) {
            write.add(word.substring("write:".length()));
          }
        }
      }
    }
    return new Scopes(read.any(), read.list(), write.any(), write.list(), metrics);
  }

  private static final class Rights {
    boolean all;
    final Set<String> prefixes = new TreeSet<>();

    void add(String encoded) throws AuthException {
      String prefix;
      try {
        // A plus is a plus here: only forms mean a blank by it.
        prefix = URLDecoder.decode(encoded.replace("+", "%2B"), StandardCharsets.UTF_8);
      } catch (IllegalArgumentException e) {
        throw new AuthException("the token's scope has a prefix that is not percent-encoded");
      }
      if (prefix.isEmpty()) {
        // Whoever makes tokens has forgotten something: better nothing than everything.
        throw new AuthException("the token's scope has an empty prefix");
      }
      prefixes.add(prefix);
    }

    boolean any() {
      return all || !prefixes.isEmpty();
    }

    List<String> list() {
      return all ? List.of() : List.copyOf(prefixes);
    }
  }

  /** Tells whether a vector may be written. */
  public boolean mayWrite(String id) {
    return write && (writePrefixes.isEmpty() || writePrefixes.stream().anyMatch(id::startsWith));
  }
}
