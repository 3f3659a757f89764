package dev.deltavec;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Opens a durable database, does what it is told line by line, and is killed meanwhile. The tests
 * of packages/deltavec/test/crash start it, speak to it, and look at what it leaves.
 */
final class CrashVictim {
  private final DeltaVectorDB db;
  private final PrintStream answers =
      new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);

  private CrashVictim(DeltaVectorDB db) {
    this.db = db;
  }

  /** Takes the database's directory and the dimensions of a new one. */
  public static void main(String[] args) throws IOException {
    try (DeltaVectorDB db =
        DeltaVectorDB.builder()
            .dimensions(Integer.parseInt(args[1]))
            .durability(Durability.STRICT)
            .open(Path.of(args[0]))) {
      new CrashVictim(db).run();
    }
  }

  private void run() throws IOException {
    RecoveryReport report = Objects.requireNonNull(db.recovery());
    answer(
        "opened {\"position\":%d,\"digest\":\"%s\",\"cutBytes\":%d,\"lost\":%b}"
            .formatted(db.position(), db.stateDigest(), report.cutBytes(), report.lost() != null));
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      obey(line.split(" ", 3));
    }
  }

  private void obey(String[] words) {
    switch (words[0]) {
      case "apply" -> {
        List<String> ids = db.applyDeltas(batch(words[2]));
        answer("acknowledged " + words[1] + " " + db.stateDigest() + " " + String.join(",", ids));
      }
      case "checkpoint" -> {
        db.checkpoint();
        answer("checkpointed");
      }
      case "chains" ->
          answer(
              Stream.of(words[1].split(",", -1))
                  .map(id ->
                      db.getDeltaChain(id).deltas().stream()
                          .map(DeltaChain.Entry::deltaId)
                          .collect(Collectors.joining(",")))
                  .collect(Collectors.joining(" ", "chains ", "")));
      case "close" -> {
        db.close();
        answer("closed");
      }
      default -> throw new IllegalArgumentException("what is " + words[0] + "?");
    }
  }

  /** Reads deltas that are parted by bars, their fields by tabs. */
  private static List<VectorDelta> batch(String text) {
    return Stream.of(text.split("\\|", -1)).map(delta -> delta(delta.split("\t", -1))).toList();
  }

  private static VectorDelta delta(String[] fields) {
    String id = fields[1];
    VectorDelta delta =
        switch (fields[0]) {
          case "create" -> VectorDelta.create(id, floats(fields[3]));
          case "dense" -> VectorDelta.dense(id, floats(fields[3]));
          case "sparse" -> VectorDelta.sparse(id, indices(fields[3]), floats(fields[4]));
          case "scale" -> VectorDelta.scale(id, Float.parseFloat(fields[3]));
          case "offset" -> VectorDelta.offset(id, Float.parseFloat(fields[3]));
          default -> VectorDelta.delete(id);
        };
    return fields[2].isEmpty() ? delta : delta.withMetadata(fields[2]);
  }

  private static int[] indices(String list) {
    return list.isEmpty()
        ? new int[0]
        : Stream.of(list.split(",", -1)).mapToInt(Integer::parseInt).toArray();
  }

  private static float[] floats(String list) {
    String[] texts = list.isEmpty() ? new String[0] : list.split(",", -1);
    float[] values = new float[texts.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.parseFloat(texts[i]);
    }
    return values;
  }

  private void answer(String line) {
    answers.print(line + "\n");
    answers.flush();
  }
}
