package dev.deltavec.server.config;

import com.fasterxml.jackson.annotation.JsonCreator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A number of bytes, as configurations write it: {@code 1048576}, {@code 1024 KiB}, {@code 1 MiB}.
 *
 * @param bytes 0 or more
 */
public record ByteSize(long bytes) {
  private static final Pattern FORM = Pattern.compile("(\\d{1,15})\\s*(B|KiB|MiB|GiB)?");

  /**
   * Reads it.
   *
   * @throws IllegalArgumentException if it is something else
   */
  @JsonCreator
  public static ByteSize of(String text) {
    Matcher form = FORM.matcher(text.trim());
    if (!form.matches()) {
      throw new IllegalArgumentException(
          "a number of bytes is one as 1048576 or 1 MiB, not \"" + text + "\"");
    }
    int shift =
        switch (String.valueOf(form.group(2))) {
          case "KiB" -> 10;
          case "MiB" -> 20;
          case "GiB" -> 30;
          default -> 0;
        };
    return new ByteSize(Math.multiplyExact(Long.parseLong(form.group(1)), 1L << shift));
  }

  /**
   * Returns it as an int.
   *
   * @throws IllegalArgumentException if it is too large
   */
  public int toInt() {
    if (bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(bytes + " bytes are too many, at most 2 GiB - 1");
    }
    return (int) bytes;
  }
}
