package dev.deltavec.core;

import dev.deltavec.core.history.DeltaLog;
import dev.deltavec.core.index.GraphCheck;
import dev.deltavec.core.memory.Bytes;
import org.jspecify.annotations.Nullable;

/** Lets tests of other packages look into a database. */
public final class Inside {
  private Inside() {}

  /** Returns what is wrong with the graph, or null. */
  public static @Nullable String wrong(Database database) {
    return GraphCheck.wrong(database.image(), database.graph());
  }

  /** Returns the frame of an arrival as the log holds it. */
  public static byte[] logged(Database database, int arrival) {
    DeltaLog log = database.log();
    int entry = log.arrival(arrival);
    return Bytes.read(database.image().memory(), log.frame(entry), log.frameBytes(entry));
  }
}
