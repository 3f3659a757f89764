package dev.deltavec.dataset;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Tables of text: one record a line, fields parted by tabs, no header, UTF-8. */
final class Tables {
  private Tables() {}

  /**
   * Reads a table.
   *
   * @param columns fields each line must have
   * @throws IOException if a line has another number of fields, or the file cannot be read
   */
  static List<String[]> read(Path file, int columns) throws IOException {
    List<String[]> rows = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      String[] fields = line.split("\t", -1);
      if (fields.length != columns) {
        throw new IOException(
            "%s, line %d: %d fields instead of %d"
                .formatted(file, rows.size() + 1, fields.length, columns));
      }
      rows.add(fields);
    }
    return rows;
  }

  /** Numbered texts as lines: {@code id TAB text}, from 0. */
  static String numbered(List<String> texts) {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < texts.size(); i++) {
      lines.append(i).append('\t').append(texts.get(i)).append('\n');
    }
    return lines.toString();
  }

  /** Lines of tab-parted fields. */
  static String lines(List<String[]> rows) {
    StringBuilder lines = new StringBuilder();
    rows.forEach(row -> lines.append(String.join("\t", row)).append('\n'));
    return lines.toString();
  }
}
