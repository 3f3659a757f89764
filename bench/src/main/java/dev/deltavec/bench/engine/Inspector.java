package dev.deltavec.bench.engine;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.IndexReport;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Counts what must not be; {@code Wrong} in {@code packages/cli/src/bench/churn/protocol.ts}. */
final class Inspector {
  private int ghosts;
  private int repeated;
  private int leaks;
  private int unreachable;
  private int broken;
  private @Nullable String firstReport;

  /** Looks at the ids of a result. */
  void result(List<String> ids, ExactRows rows, Predicate<String> passes) {
    for (String id : ids) {
      if (!rows.has(id)) {
        ghosts++;
      } else if (!passes.test(id)) {
        leaks++;
      }
    }
    repeated += ids.size() - new HashSet<>(ids).size();
  }

  /** Looks at an index. */
  void index(DeltaVectorDB db) {
    IndexReport report = db.checkIndex();
    unreachable += report.unreachable();
    if (!report.ok()) {
      broken++;
      if (firstReport == null) {
        firstReport = report.toString();
      }
    }
  }

  /** The counts, as the protocol has them. */
  Map<String, @Nullable Object> wrong() {
    Map<String, @Nullable Object> wrong = new LinkedHashMap<>();
    wrong.put("ghosts", ghosts);
    wrong.put("repeated", repeated);
    wrong.put("leaks", leaks);
    wrong.put("unreachable", unreachable);
    wrong.put("broken", broken);
    wrong.put("report", firstReport);
    return wrong;
  }
}
