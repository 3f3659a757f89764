package dev.deltavec.dataset;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The small set that the repository carries in {@code data}, cut out of the full one.
 *
 * <ul>
 *   <li>texts, queries: the first rows of the full set, but for slurs and the like, which a
 *       dictionary must explain and a demo need not print;
 *   <li>revisions: the first events of the stream, so that it is in order of time and every update
 *       and delete has its create before it;
 *   <li>glosses: what changed from WordNet 3.0 to 3.1, drawn by {@link Revisions} and embedded
 *       here;
 *   <li>questions: written by hand, embedded here.
 * </ul>
 */
final class CarriedSet {
  static final int TEXTS = 2_000;
  static final int QUERIES = 200;
  static final int EVENTS = 3_000;
  static final int GLOSS_UPDATES = 200;
  static final int GLOSS_DELETES = 80;
  static final int GLOSS_CREATES = 120;

  private static final long SEED = 42;

  private static final Pattern RUDE =
      Pattern.compile(
          "slur|slang|offensive|derogatory|disparag|obscen|vulgar|\\brac(e|ial)\\b|negr|caucas"
              + "|genital|sexual|pederast|prostitut|rape|\\bBlacks?\\b|shit|fuck",
          Pattern.CASE_INSENSITIVE);

  private CarriedSet() {}

  /**
   * Cuts the carried set.
   *
   * @param source folder with wordnet-384-base.f32, wordnet-384-query.f32, wordnet-base.tsv,
   *     wordnet-query.tsv, revisions-384.f32 and revisions.tsv
   * @param target folder to write to; made if need be
   * @param questions texts to embed as questions of the demo
   */
  static void cut(
      Path source,
      WordNet before,
      WordNet after,
      Embedder embedder,
      List<String> questions,
      Path target)
      throws IOException {
    int dimensions = embedder.dimensions();
    Files.createDirectories(target);
    List<String> files = new ArrayList<>();

    Set<String> carried = new HashSet<>();
    for (String part : List.of("base", "query")) {
      int count = part.equals("base") ? TEXTS : QUERIES;
      List<String[]> all = Tables.read(source.resolve("wordnet-" + part + ".tsv"), 2);
      String vectors = "wordnet-" + dimensions + "-" + part + ".f32";
      float[][] rows = VectorFile.read(source.resolve(vectors), all.size(), dimensions);
      List<String> texts = new ArrayList<>();
      List<float[]> kept = new ArrayList<>();
      for (int i = 0; texts.size() < count; i++) {
        String text = all.get(i)[1];
        if (polite(text)) {
          texts.add(text);
          kept.add(rows[i]);
        }
      }
      carried.addAll(texts);
      write(target, files, "wordnet-" + part + ".tsv", Tables.numbered(texts));
      write(target, files, vectors, kept);
    }

    List<String[]> events = Tables.read(source.resolve("revisions.tsv"), 6).subList(0, EVENTS);
    int rows = (int) events.stream().filter(event -> !event[4].equals("D")).count();
    write(target, files, "revisions.tsv", Tables.lines(events));
    String vectors = "revisions-" + dimensions + ".f32";
    write(
        target,
        files,
        vectors,
        Arrays.asList(VectorFile.read(source.resolve(vectors), rows, dimensions)));

    List<Revisions.Edit> edits =
        Revisions.draw(
            before,
            after,
            GLOSS_UPDATES,
            GLOSS_DELETES,
            GLOSS_CREATES,
            text -> polite(text) && !carried.contains(text),
            new Random(SEED));
    List<String[]> lines = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    for (Revisions.Edit edit : edits) {
      boolean vector = edit.operation() != Revisions.Operation.DELETE;
      lines.add(
          new String[] {
            String.valueOf(lines.size()),
            edit.id(),
            String.valueOf(edit.version()),
            String.valueOf(edit.operation().letter),
            String.valueOf(vector ? texts.size() : -1),
            edit.text()
          });
      if (vector) {
        texts.add(edit.text());
      }
    }
    write(target, files, "glosses.tsv", Tables.lines(lines));
    write(target, files, "glosses-" + dimensions + ".f32", embedder.embed(texts));

    write(target, files, "questions.tsv", Tables.numbered(questions));
    write(target, files, "questions-" + dimensions + ".f32", embedder.embed(questions));

    Checksums.write(target, files);
  }

  private static boolean polite(String text) {
    return !RUDE.matcher(text).find();
  }

  private static void write(Path target, List<String> files, String name, String text)
      throws IOException {
    Files.writeString(target.resolve(name), text);
    files.add(name);
  }

  private static void write(Path target, List<String> files, String name, List<float[]> rows)
      throws IOException {
    Files.deleteIfExists(target.resolve(name));
    VectorFile.append(target.resolve(name), rows);
    files.add(name);
  }
}
