package dev.deltavec.core;

import dev.deltavec.core.history.DeltaLog;
import dev.deltavec.core.memory.Bytes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Lets tests of other packages look into a database. */
public final class Inside {
  private Inside() {}

  private static final List<String> COUNTS =
      List.of(
          "live",
          "linked",
          "duplicates",
          "zero",
          "pending",
          "queued",
          "unreachable",
          "brokenLinks",
          "asymmetric",
          "badLevels",
          "badEntry",
          "badLists",
          "firstBad");

  /** Returns what a check of the index counts. */
  public static Map<String, Integer> check(Database database) {
    database.check();
    Map<String, Integer> counts = new LinkedHashMap<>();
    for (int i = 0; i < COUNTS.size(); i++) {
      counts.put(COUNTS.get(i), database.image().memory().getInt(database.output() + 4 * i));
    }
    return counts;
  }

  /** Returns what is wrong with the index, or null. */
  public static @Nullable String wrong(Database database) {
    Map<String, Integer> counts = check(database);
    int bad = 0;
    for (String count : COUNTS.subList(6, 12)) {
      bad += counts.getOrDefault(count, 0);
    }
    int places = 0;
    for (String count : COUNTS.subList(1, 5)) {
      places += counts.getOrDefault(count, 0);
    }
    return bad == 0 && places == database.size() ? null : counts.toString();
  }

  /** Returns the frame of an arrival as the log holds it. */
  public static byte[] logged(Database database, int arrival) {
    DeltaLog log = database.log();
    int entry = log.arrival(arrival);
    return Bytes.read(database.image().memory(), log.frame(entry), log.frameBytes(entry));
  }
}
