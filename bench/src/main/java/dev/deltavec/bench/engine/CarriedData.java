package dev.deltavec.bench.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The data that the repository carries; {@code data/README.md} describes the files.
 *
 * @param vectors of the texts
 * @param glosses edits from WordNet 3.0 to 3.1: first the old state of all that changes
 * @param oldGlosses how many of them are the old state
 */
record CarriedData(
    Matrix vectors,
    Matrix queries,
    Matrix questions,
    List<Edit> glosses,
    Matrix glossVectors,
    int oldGlosses,
    List<Edit> revisions,
    Matrix revisionVectors) {

  /**
   * One step of a stream of edits.
   *
   * @param kind C, U or D
   * @param row of the new vector; -1 for a delete
   * @param seconds Unix time, or -1 where it is not known
   */
  record Edit(String id, int version, char kind, int row, long seconds) {}

  static CarriedData read(Path folder) throws IOException {
    List<Edit> glosses = new ArrayList<>();
    for (String[] fields : table(folder.resolve("glosses.tsv"), 6)) {
      glosses.add(
          new Edit(
              fields[1],
              Integer.parseInt(fields[2]),
              fields[3].charAt(0),
              Integer.parseInt(fields[4]),
              -1));
    }
    return new CarriedData(
        Matrix.read(folder.resolve("wordnet-384-base.f32")),
        Matrix.read(folder.resolve("wordnet-384-query.f32")),
        Matrix.read(folder.resolve("questions-384.f32")),
        glosses,
        Matrix.read(folder.resolve("glosses-384.f32")),
        oldState(glosses),
        revisions(folder),
        Matrix.read(folder.resolve("revisions-384.f32")));
  }

  /** Reads a stream of revisions: of the carried data, or of the full set. */
  static List<Edit> revisions(Path folder) throws IOException {
    List<Edit> revisions = new ArrayList<>();
    for (String[] fields : table(folder.resolve("revisions.tsv"), 6)) {
      revisions.add(
          new Edit(
              "document-" + fields[1],
              Integer.parseInt(fields[2]),
              fields[4].charAt(0),
              Integer.parseInt(fields[5]),
              Long.parseLong(fields[3])));
    }
    return revisions;
  }

  /** Number of creates at the head of the stream whose vectors change later on. */
  private static int oldState(List<Edit> glosses) {
    Set<String> changed = new HashSet<>();
    glosses.stream().filter(edit -> edit.kind() != 'C').forEach(edit -> changed.add(edit.id()));
    int count = 0;
    while (count < glosses.size()
        && glosses.get(count).kind() == 'C'
        && changed.contains(glosses.get(count).id())) {
      count++;
    }
    return count;
  }

  private static List<String[]> table(Path file, int columns) throws IOException {
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

  /** Id of the text at an index of the base. */
  static String textId(int index) {
    return "text-%05d".formatted(index);
  }

  /** The vector that an edit makes. */
  float[] vector(Edit edit) {
    return (edit.seconds() < 0 ? glossVectors : revisionVectors).row(edit.row());
  }

  /** The edits to replay, in order. */
  List<Edit> replayed(int limit) {
    List<Edit> all = new ArrayList<>(glosses.subList(oldGlosses, glosses.size()));
    all.addAll(revisions);
    return all.subList(0, Math.min(limit, all.size()));
  }
}
