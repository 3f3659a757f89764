package dev.deltavec;

import dev.deltavec.core.Database;
import dev.deltavec.jvm.SegmentMemory;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Searches. All is called with the lock of the gate. */
final class Searches {
  // Output records; see docs/abi.md.
  private static final int HIT_BYTES = 16;
  private static final int HIT_ID = 4;
  private static final int HIT_ID_BYTES = 8;

  private final Store store;
  private final SegmentMemory memory;
  private final Database database;

  Searches(Store store) {
    this.store = store;
    memory = store.memory();
    database = store.database();
  }

  List<SearchResult> search(float[] query, int k) {
    store.putQuery(query);
    return hits(database.search(store.input(), query.length, k, 0));
  }

  List<SearchResult> searchAt(float[] query, int k, Instant time) {
    store.putQuery(query);
    return hits(database.searchAt(store.input(), query.length, k, Past.millis(time)));
  }

  private List<SearchResult> hits(int n) {
    SearchResult[] hits = new SearchResult[n];
    int record = database.output();
    for (int i = 0; i < n; i++, record += HIT_BYTES) {
      String id = store.text(memory.getInt(record + HIT_ID), memory.getInt(record + HIT_ID_BYTES));
      hits[i] = new SearchResult(id, memory.getFloat(record));
    }
    return Collections.unmodifiableList(Arrays.asList(hits));
  }
}
