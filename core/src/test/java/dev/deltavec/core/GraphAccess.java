package dev.deltavec.core;

import dev.deltavec.core.index.GraphCheck;
import org.jspecify.annotations.Nullable;

/** Lets tests of other packages look at a database's graph. */
public final class GraphAccess {
  private GraphAccess() {}

  /** Returns what is wrong with the graph, or null. */
  public static @Nullable String wrong(Database database) {
    return GraphCheck.wrong(database.image(), database.graph());
  }
}
