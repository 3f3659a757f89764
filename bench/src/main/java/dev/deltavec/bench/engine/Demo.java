package dev.deltavec.bench.engine;

import dev.deltavec.DeltaOperation;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.SearchResult;
import dev.deltavec.VectorDelta;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The demo on the JVM: loads the carried vectors, replays the edits one at a time, searches in
 * between, and holds the results against exact search. Reports the same events as {@code
 * packages/cli/src/demo/script.ts}, for the same edits.
 */
final class Demo {
  /** Vectors in one call while loading. */
  private static final int BATCH = 250;

  private static final int K = 10;
  private static final int SEARCH_EVERY = 10;
  private static final int REPORT_EVERY = 20;
  private static final int PAST_QUESTION = 6;
  private static final List<Integer> EXAMPLES = List.of(1, 24, 63);

  private enum Kind {
    CREATE,
    UPDATE,
    METADATA,
    DELETE
  }

  private final CarriedData data;
  private final int limit;
  private final Consumer<Object> emit;
  private final ExactSearch exact = new ExactSearch();
  private final Map<Kind, Integer> counts = new EnumMap<>(Kind.class);
  private final Map<Kind, Double> times = new EnumMap<>(Kind.class);
  private int searches;
  private double searchMs;

  /**
   * A run of the demo.
   *
   * @param limit edits to replay at most
   * @param emit gets what happens, in order
   */
  Demo(CarriedData data, int limit, Consumer<Object> emit) {
    this.data = data;
    this.limit = limit;
    this.emit = emit;
  }

  void run() {
    List<VectorDelta> starting = starting();
    List<VectorDelta> deltas = deltas();

    long beforeInit = System.nanoTime();
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(Matrix.DIMENSIONS).maxVectors(10_000).build()) {
      report("ready", "runtime", Calls.runtime(), "initMs", millisSince(beforeInit));

      long beforeLoad = System.nanoTime();
      for (int i = 0; i < starting.size(); i += BATCH) {
        db.applyDeltas(starting.subList(i, Math.min(i + BATCH, starting.size())));
      }
      report("loaded", "vectors", db.size(), "ms", millisSince(beforeLoad));
      Instant beforeEdits = Instant.now();
      starting.forEach(this::follow);

      report("answers", "when", "before", "answers", answers(db));
      checkpoint(db, 0);
      replay(db, deltas);
      report("answers", "when", "after", "answers", answers(db));
      past(db, beforeEdits, starting);
      done(db);
    }
  }

  private void replay(DeltaVectorDB db, List<VectorDelta> deltas) {
    Set<Long> checkpoints = new java.util.HashSet<>();
    for (int third = 1; third <= 3; third++) {
      checkpoints.add(Math.round(third * deltas.size() / 3.0));
    }
    for (int i = 0; i < deltas.size(); i++) {
      VectorDelta delta = deltas.get(i);
      long start = System.nanoTime();
      db.applyDelta(delta);
      double ms = millisSince(start);
      Kind kind = kindOf(delta);
      counts.merge(kind, 1, Integer::sum);
      times.merge(kind, ms, Double::sum);
      follow(delta);

      int done = i + 1;
      if (done % SEARCH_EVERY == 0) {
        float[] query = data.queries().row(searches % data.queries().size());
        long before = System.nanoTime();
        db.search(query, K);
        searchMs += millisSince(before);
        searches++;
      }
      if (done % REPORT_EVERY == 0 || done == deltas.size()) {
        report("progress", "done", done, "total", deltas.size(), "live", db.size());
      }
      if (checkpoints.contains((long) done)) {
        checkpoint(db, done);
      }
    }
  }

  /** Reads the past: what a question found before the edits, and the vector of its first hit. */
  private void past(DeltaVectorDB db, Instant time, List<VectorDelta> starting) {
    float[] query = data.questions().row(PAST_QUESTION);
    long beforeSearch = System.nanoTime();
    List<SearchResult> then = db.searchAt(query, 1, time);
    double foundMs = millisSince(beforeSearch);
    String id = then.get(0).id();
    long beforeGet = System.nanoTime();
    float[] vector = db.getVectorAt(id, time);
    double getMs = millisSince(beforeGet);
    boolean same =
        starting.stream()
            .filter(delta -> delta.vectorId().equals(id))
            .anyMatch(delta ->
                delta.operation() instanceof DeltaOperation.Create create
                    && Arrays.equals(create.vector(), vector));
    report(
        "past",
        "question",
        PAST_QUESTION,
        "then",
        hits(then),
        "now",
        hits(db.search(query, 1)),
        "deltas",
        db.getDeltaChain(id).deltas().size(),
        "same",
        same,
        "searchUs",
        1000 * foundMs,
        "getUs",
        1000 * getMs);
  }

  private void done(DeltaVectorDB db) {
    List<Object> examples = new ArrayList<>();
    for (int query : EXAMPLES) {
      examples.add(Map.of("query", query, "hits", hits(db.search(data.queries().row(query), 3))));
    }
    report(
        "done",
        "creates",
        timing(Kind.CREATE),
        "updates",
        timing(Kind.UPDATE),
        "metadataOnly",
        timing(Kind.METADATA),
        "deletes",
        timing(Kind.DELETE),
        "searches",
        searches,
        "searchUs",
        searches == 0 ? 0 : 1000 * searchMs / searches,
        "digest",
        db.stateDigest(),
        "examples",
        examples);
  }

  private void checkpoint(DeltaVectorDB db, int done) {
    List<List<SearchResult>> found = new ArrayList<>();
    long start = System.nanoTime();
    for (float[] query : data.queries().rows()) {
      found.add(db.search(query, K));
    }
    double ms = millisSince(start);
    double sum = 0;
    for (int i = 0; i < found.size(); i++) {
      List<String> ids = found.get(i).stream().map(SearchResult::id).toList();
      sum += exact.recall(data.queries().row(i), ids, K);
    }
    report(
        "checkpoint",
        "edits",
        done,
        "live",
        db.size(),
        "recall",
        sum / found.size(),
        "searchUs",
        1000 * ms / found.size());
  }

  private List<Object> answers(DeltaVectorDB db) {
    List<Object> answers = new ArrayList<>();
    for (float[] question : data.questions().rows()) {
      answers.add(hits(db.search(question, 3)));
    }
    return answers;
  }

  private static List<Object> hits(List<SearchResult> results) {
    List<Object> hits = new ArrayList<>();
    results.forEach(result -> hits.add(Map.of("id", result.id(), "score", result.score())));
    return hits;
  }

  private Map<String, Object> timing(Kind kind) {
    return Map.of("count", counts.getOrDefault(kind, 0), "ms", times.getOrDefault(kind, 0.0));
  }

  private List<VectorDelta> starting() {
    List<VectorDelta> deltas = new ArrayList<>();
    for (int i = 0; i < data.vectors().size(); i++) {
      deltas.add(VectorDelta.create(CarriedData.textId(i), data.vectors().row(i)));
    }
    for (CarriedData.Edit edit : data.glosses().subList(0, data.oldGlosses())) {
      deltas.add(delta(edit, new float[0]));
    }
    return deltas;
  }

  private List<VectorDelta> deltas() {
    Map<String, float[]> current = new HashMap<>();
    for (CarriedData.Edit edit : data.glosses().subList(0, data.oldGlosses())) {
      current.put(edit.id(), data.vector(edit));
    }
    List<VectorDelta> deltas = new ArrayList<>();
    for (CarriedData.Edit edit : data.replayed(limit)) {
      deltas.add(delta(edit, current.getOrDefault(edit.id(), new float[0])));
      if (edit.kind() == 'D') {
        current.remove(edit.id());
      } else {
        current.put(edit.id(), data.vector(edit));
      }
    }
    return deltas;
  }

  /** An edit as a delta; an update that leaves the vector as it was changes only metadata. */
  private VectorDelta delta(CarriedData.Edit edit, float[] before) {
    DeltaOperation operation =
        switch (edit.kind()) {
          case 'C' -> new DeltaOperation.Create(data.vector(edit));
          case 'D' -> new DeltaOperation.Delete();
          default ->
              Arrays.equals(before, data.vector(edit))
                  ? new DeltaOperation.Sparse(new int[0], new float[0])
                  : new DeltaOperation.Dense(data.vector(edit));
        };
    VectorDelta delta = VectorDelta.of(edit.id(), operation);
    if (edit.kind() != 'D') {
      delta = delta.withMetadata("{\"version\":" + edit.version() + "}");
    }
    return edit.seconds() < 0 ? delta : delta.withTimestamp(Instant.ofEpochSecond(edit.seconds()));
  }

  private static Kind kindOf(VectorDelta delta) {
    return switch (delta.operation()) {
      case DeltaOperation.Create create -> Kind.CREATE;
      case DeltaOperation.Sparse sparse -> Kind.METADATA;
      case DeltaOperation.Delete delete -> Kind.DELETE;
      default -> Kind.UPDATE;
    };
  }

  private void follow(VectorDelta delta) {
    switch (delta.operation()) {
      case DeltaOperation.Create create -> exact.set(delta.vectorId(), create.vector());
      case DeltaOperation.Dense dense -> exact.set(delta.vectorId(), dense.vector());
      case DeltaOperation.Delete delete -> exact.delete(delta.vectorId());
      default -> {}
    }
  }

  private void report(String type, Object... fields) {
    Map<String, Object> event = new LinkedHashMap<>();
    event.put("type", type);
    for (int i = 0; i < fields.length; i += 2) {
      event.put((String) fields[i], fields[i + 1]);
    }
    emit.accept(event);
  }

  private static double millisSince(long start) {
    return (System.nanoTime() - start) / 1e6;
  }
}
