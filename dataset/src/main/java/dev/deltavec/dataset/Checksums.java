package dev.deltavec.dataset;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** SHA-256 of files, in the form that {@code sha256sum -c} reads. */
final class Checksums {
  /** Name of the list of checksums in a folder. Written last: a folder that has it is complete. */
  static final String FILE = "SHA256SUMS";

  private Checksums() {}

  /** SHA-256 of a file in lower-case hexadecimal. */
  static String of(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] block = new byte[1 << 16];
      for (int n = in.read(block); n >= 0; n = in.read(block)) {
        digest.update(block, 0, n);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform has SHA-256
    }
  }

  /**
   * Checks a file against its known checksum.
   *
   * @throws IOException if it differs, or the file cannot be read
   */
  static void require(Path file, String sha256) throws IOException {
    String found = of(file);
    if (!found.equals(sha256)) {
      throw new IOException(
          "%s is not the expected file: SHA-256 %s instead of %s".formatted(file, found, sha256));
    }
  }

  /** Writes the checksums of the named files of a folder into it. */
  static void write(Path folder, List<String> names) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (String name : names) {
      lines.append(of(folder.resolve(name))).append("  ").append(name).append('\n');
    }
    Files.writeString(folder.resolve(FILE), lines);
  }
}
