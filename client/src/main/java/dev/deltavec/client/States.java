package dev.deltavec.client;

import dev.deltavec.DeltaVectorDB;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads what makes vectors from nothing. */
final class States {
  private States() {}

  static List<String> ids(DeltaVectorDB db) {
    return db.ids();
  }

  static byte @Nullable [] of(DeltaVectorDB db, String id) {
    throw new UnsupportedOperationException(id + db);
  }
}
