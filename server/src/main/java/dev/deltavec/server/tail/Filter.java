package dev.deltavec.server.tail;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Which vectors' frames somebody is given: those that are asked for, of those that may be seen.
 * Immutable; equal filters are equal.
 */
public final class Filter {
  /** Lets everything pass. */
  public static final Filter ALL = new Filter(Set.of(), Set.of(), Set.of());

  private static final int HEADER_BYTES = 9;
  private static final int FLAGS_AT = 8;
  private static final int IDENTIFIED = 8;
  private static final int TIMED = 16;

  private final Set<String> prefixes;
  private final Set<String> ids;
  private final Set<String> within;
  private final byte[][] prefixBytes;
  private final byte[][] withinBytes;

  private Filter(Collection<String> prefixes, Collection<String> ids, Collection<String> within) {
    this.prefixes = Set.copyOf(prefixes);
    this.ids = Set.copyOf(ids);
    this.within = Set.copyOf(within);
    prefixBytes = utf8(prefixes);
    withinBytes = utf8(within);
  }

  /**
   * Returns a filter.
   *
   * @param prefixes ids that begin with one of these are asked for
   * @param ids these are asked for, too; all if there is neither a prefix nor an id
   * @param within only ids that begin with one of these may be seen; all if there is none
   */
  public static Filter of(
      Collection<String> prefixes, Collection<String> ids, Collection<String> within) {
    boolean all = prefixes.isEmpty() && ids.isEmpty() || prefixes.contains("");
    Filter filter =
        new Filter(
            all ? Set.of() : prefixes,
            all ? Set.of() : ids,
            within.contains("") ? Set.of() : within);
    return filter.equals(ALL) ? ALL : filter;
  }

  private static byte[][] utf8(Collection<String> texts) {
    return texts.stream().map(t -> t.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
  }

  /** Tells whether everything passes. */
  public boolean all() {
    return prefixes.isEmpty() && ids.isEmpty() && within.isEmpty();
  }

  /** Returns a text that equal filters share, and others do not. O(its length) */
  public String key() {
    return new TreeSet<>(prefixes) + "|" + new TreeSet<>(ids) + "|" + new TreeSet<>(within);
  }

  /** Returns the ids if only single ids are asked for, else null. */
  public @Nullable Set<String> onlyIds() {
    return prefixes.isEmpty() && !ids.isEmpty() ? ids : null;
  }

  /**
   * Returns the frames that pass. O(frames)
   *
   * @param frames sealed, identified, standing alone; what is something else does not pass
   * @return the same array if all pass
   */
  public byte[] cut(byte[] frames) {
    if (all()) {
      return frames;
    }
    ByteArrayOutputStream kept = null;
    int at = 0;
    int begin = 0; // of what passes in one piece
    while (at < frames.length) {
      int length = lengthAt(frames, at, frames.length);
      boolean passes = length > 0 && passes(frames, at, length);
      if (!passes) {
        kept = kept == null ? new ByteArrayOutputStream(frames.length) : kept;
        kept.write(frames, begin, at - begin);
        begin = length > 0 ? at + length : frames.length;
      }
      at = length > 0 ? at + length : frames.length;
    }
    if (kept == null) {
      return frames;
    }
    kept.write(frames, begin, frames.length - begin);
    return kept.toByteArray();
  }

  /**
   * Returns the length of the frame that begins at an offset.
   *
   * @param end of what may be read
   * @return 0 if no whole frame is there
   */
  static int lengthAt(byte[] bytes, int at, int end) {
    if (end - at < HEADER_BYTES) {
      return 0;
    }
    int length = (bytes[at] & 0xff) | (bytes[at + 1] & 0xff) << 8 | (bytes[at + 2] & 0xff) << 16;
    return length < HEADER_BYTES || length > end - at ? 0 : length;
  }

  /**
   * Tells whether a frame passes.
   *
   * @param at where it begins
   * @param length its bytes, 9 at least
   */
  public boolean passes(byte[] bytes, int at, int length) {
    if ((bytes[at + FLAGS_AT] & (IDENTIFIED | TIMED)) != IDENTIFIED || length < HEADER_BYTES + 2) {
      return false;
    }
    int id = at + HEADER_BYTES;
    int idBytes = bytes[id++];
    if (idBytes < 0) {
      idBytes = idBytes & 0x7f | (bytes[id++] & 0x7f) << 7;
    }
    if (id + idBytes > at + length) {
      return false;
    }
    if (withinBytes.length > 0 && !begins(bytes, id, idBytes, withinBytes)) {
      return false;
    }
    return prefixBytes.length == 0 && ids.isEmpty()
        || begins(bytes, id, idBytes, prefixBytes)
        || !ids.isEmpty() && ids.contains(new String(bytes, id, idBytes, StandardCharsets.UTF_8));
  }

  private static boolean begins(byte[] bytes, int at, int length, byte[][] prefixes) {
    for (byte[] prefix : prefixes) {
      if (prefix.length <= length
          && Arrays.equals(bytes, at, at + prefix.length, prefix, 0, prefix.length)) {
        return true;
      }
    }
    return false;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Filter filter
        && prefixes.equals(filter.prefixes)
        && ids.equals(filter.ids)
        && within.equals(filter.within);
  }

  @Override
  public int hashCode() {
    return Objects.hash(prefixes, ids, within);
  }

  @Override
  public String toString() {
    return "Filter" + List.of(key());
  }
}
