package dev.deltavec;

import dev.deltavec.core.Database;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One call of search with a filter that is code, for one or more queries. All is called with the
 * lock of the gate.
 *
 * <p>The function sees what is near, of which more and more is asked for until enough has passed.
 * Where little passes it is cheaper to let it see all vectors once, and to search among those that
 * have passed.
 *
 * <p>The function may call the database, and even change it. So nothing in the database's memory is
 * read after a call of the function: what is needed is copied before, and what was decided is kept
 * by id. A vector that the function brings in may be missed.
 */
final class FunctionSearch {
  /** So many times as many as are wanted are asked for at first. */
  private static final int FIRST = 4;

  /** If more than one in so many vectors were to be asked for, the function sees all. */
  private static final int MOST = 8;

  private static final int PAGE = 1024;

  private final Gate gate;
  private final Store store;
  private final Searches searches;
  private final FilterFunction filter;
  private final Map<String, Boolean> decided = new HashMap<>();

  /** Slots of all vectors that pass, ascending, once the function has seen all. */
  private int @Nullable [] passing;

  FunctionSearch(Gate gate, Store store, Searches searches, FilterFunction filter) {
    this.gate = gate;
    this.store = store;
    this.searches = searches;
    this.filter = filter;
  }

  /**
   * Searches once.
   *
   * @param efSearch candidates kept, at least
   * @param mode of the core's search, without a filter
   */
  List<SearchResult> search(float[] query, int k, int efSearch, int mode) {
    long ask = Math.max((long) FIRST * k, efSearch);
    while (passing == null && ask <= store.database().size() / MOST) {
      int asked = (int) ask;
      int at = Searches.put(store, query, 0);
      List<SearchResult> near = searches.find(store, at, asked, 2 * asked + efSearch, mode, 0);
      List<SearchResult> hits = accepted(near, k);
      if (hits.size() == k) {
        return hits;
      }
      // What should do, and half as much again, if as many pass further off.
      ask = 1 + 3L * k * (asked + 1) / (2L * (hits.size() + 1));
    }
    return among(passing == null ? seeAll() : passing, query, k, efSearch, mode);
  }

  /** Returns the first {@code k} that pass. */
  private List<SearchResult> accepted(List<SearchResult> near, int k) {
    List<SearchResult> hits = new ArrayList<>();
    for (SearchResult hit : near) {
      if (passes(hit.id())) {
        hits.add(hit);
        if (hits.size() == k) {
          break;
        }
      }
    }
    return hits;
  }

  private boolean passes(String id) {
    Boolean known = decided.get(id);
    if (known != null) {
      return known;
    }
    int bytes = store.putId(id);
    if (!store.database().metadata(store.input(), bytes)) {
      return false; // the function has just deleted it
    }
    boolean passes = filter.accepts(id, JsonReader.object(store.metadata()));
    gate.requireOpen();
    decided.put(id, passes);
    return passes;
  }

  /** Lets the function see all vectors there are now, whatever it does to them. */
  private int[] seeAll() {
    int size = store.database().size();
    int[] slots = new int[size];
    String[] ids = new String[size];
    int n = 0;
    for (int slot = 0; slot >= 0; slot = store.database().next()) {
      int rows = store.database().rows(slot, PAGE);
      int row = store.database().output();
      for (int end = row + rows * Database.ROW_BYTES; row != end; row += Database.ROW_BYTES) {
        slots[n] = store.memory().getInt(row);
        ids[n++] = store.text(store.memory().getInt(row + 4), store.memory().getInt(row + 8));
      }
    }
    int passed = 0;
    for (int i = 0; i < n; i++) {
      if (passes(ids[i])) {
        slots[passed++] = slots[i];
      }
    }
    passing = Arrays.copyOf(slots, passed);
    return passing;
  }

  private List<SearchResult> among(int[] slots, float[] query, int k, int efSearch, int mode) {
    if (slots.length == 0) {
      return List.of();
    }
    int at = Searches.put(store, query, 4L * slots.length);
    for (int i = 0, address = at + 4 * query.length; i < slots.length; i++, address += 4) {
      store.memory().putInt(address, slots[i]);
    }
    List<SearchResult> hits =
        searches.find(store, at, k, efSearch, mode | Database.FILTER_SLOTS, 4 * slots.length);
    // A slot may have gone to another vector that the function has brought.
    return hits.stream().filter(hit -> decided.getOrDefault(hit.id(), false)).toList();
  }
}
