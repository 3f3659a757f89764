package dev.deltavec.dataset;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/** Small WordNet archives for tests. */
final class Archives {
  private Archives() {}

  /** A gzipped tar of named files. */
  static byte[] tar(Map<String, byte[]> files) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(new GZIPOutputStream(bytes))) {
      for (Map.Entry<String, byte[]> file : files.entrySet()) {
        TarArchiveEntry entry = new TarArchiveEntry(file.getKey());
        entry.setSize(file.getValue().length);
        tar.putArchiveEntry(entry);
        tar.write(file.getValue());
        tar.closeArchiveEntry();
      }
    }
    return bytes.toByteArray();
  }

  /** A release with the given noun synsets; the other parts of speech are empty. */
  static byte[] release(String nouns, String senses) throws IOException {
    return tar(
        Map.of(
            "package/dict/data.noun", ascii("  1 This software is licensed.\n" + nouns),
            "package/dict/data.verb", ascii(""),
            "package/dict/data.adj",
                ascii("00000010 00 a 01 all(a) 0 000 | quantifier; \"all men\"\n"),
            "package/dict/data.adv", ascii(""),
            "package/dict/index.sense", ascii(senses)));
  }

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
