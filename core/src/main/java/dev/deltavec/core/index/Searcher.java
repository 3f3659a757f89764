package dev.deltavec.core.index;

import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Memory;

/**
 * Answers queries: through the graph, or by an exact scan where that is no slower. Writes the
 * results as records of {@link #RECORD_BYTES} bytes: score (float), address and length of the id,
 * slot.
 */
public final class Searcher {
  /** Bytes of a result. */
  public static final int RECORD_BYTES = 16;

  /** Up to here a scan, which is exact, is also the faster way at efSearch = 50. */
  private static final int SCAN_ALWAYS = 512;

  /**
   * A walk looks at about 16 nodes for each place of its pool, at random; a scan reads in order.
   */
  private static final int SCAN_PER_EF = 10;

  /** Over this k, sorting all keys beats a sorted pool. */
  private static final int POOL_LIMIT = 256;

  private final Image image;
  private final Memory memory;
  private final Distances distances;
  private final Hnsw graph;
  private final Buffer query;
  private final Buffer slots;
  private final CandidatePool pool = new CandidatePool();
  private long[] keys = new long[0];

  /**
   * A searcher over one database's image and graph.
   *
   * @throws dev.deltavec.core.DeltaException {@code OUT_OF_MEMORY}
   */
  public Searcher(Image image, Distances distances, Hnsw graph) {
    this.image = image;
    this.memory = image.memory();
    this.distances = distances;
    this.graph = graph;
    query = new Buffer(image.heap());
    query.reserve(image.stride() * 4);
    memory.clear(query.address(), image.stride() * 4);
    slots = new Buffer(image.heap());
    slots.reserve(Distances.MAX_BATCH * 4);
  }

  /**
   * Finds the {@code k} vectors closest to a query.
   *
   * @param values address of {@code dimensions} finite floats, any alignment
   * @param dimensions their number, the database's
   * @param k 1 or more; over the number of vectors gives them all
   * @param efSearch candidates kept, 1 or more
   * @param exact whether to compare with every vector
   * @param output where the records go
   * @return the number of results, closest first; equal ones by slot
   * @throws dev.deltavec.core.DeltaException {@code OUT_OF_MEMORY}
   */
  public int search(int values, int dimensions, int k, int efSearch, boolean exact, Buffer output) {
    int live = image.live();
    int wanted = Math.min(k, live);
    int records = output.reserve(wanted * RECORD_BYTES);
    if (wanted == 0) {
      return 0;
    }
    int row = query.address();
    memory.copy(values, row, dimensions << 2);
    distances.from(row, image.inverseNorm(row));
    int ef = Math.max(wanted, efSearch);
    if (!exact && live > SCAN_ALWAYS && live / SCAN_PER_EF > ef) {
      CandidatePool found = graph.search(wanted, ef);
      return write(found.keys, Math.min(wanted, found.size), records);
    }
    return wanted <= POOL_LIMIT ? scan(wanted, records) : scanAndSort(wanted, records);
  }

  /**
   * Begins a search over rows that are {@link #offer offered} one by one.
   *
   * @param values as in {@link #search}
   */
  public void begin(int values, int dimensions, int k) {
    int row = query.address();
    memory.copy(values, row, dimensions << 2);
    distances.from(row, image.inverseNorm(row));
    pool.reset(Math.min(k, image.slotLimit() + image.graveLimit() + 1));
  }

  /** Offers the row of a subject, a slot or a grave, to the search. O(dimensions + k) */
  public void offer(int subject, int row) {
    // A slot is even, a grave odd, so that a key holds either.
    long key =
        Keys.of(
            distances.to(row, image.inverseNorm(row)),
            subject >= 0 ? subject << 1 : ~subject << 1 | 1);
    if (pool.accepts(key)) {
      pool.insert(key);
    }
  }

  /** Ends a search over offered rows; otherwise as {@link #search}, with slot -1 for a grave. */
  public int end(Buffer output) {
    int records = output.reserve(pool.size * RECORD_BYTES);
    for (int i = 0; i < pool.size; i++) {
      int code = Keys.slot(pool.keys[i]);
      int subject = (code & 1) == 0 ? code >>> 1 : ~(code >>> 1);
      writeRecord(records + i * RECORD_BYTES, Keys.distance(pool.keys[i]), subject);
    }
    return pool.size;
  }

  private int scan(int wanted, int records) {
    pool.reset(wanted);
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot += Distances.MAX_BATCH) {
      int n = measure(slot, limit);
      for (int i = 0; i < n; i++) {
        long key = key(i);
        if (pool.accepts(key)) {
          pool.insert(key);
        }
      }
    }
    return write(pool.keys, pool.size, records);
  }

  private int scanAndSort(int wanted, int records) {
    if (keys.length < image.live()) {
      keys = new long[image.live()];
    }
    int found = 0;
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot += Distances.MAX_BATCH) {
      int n = measure(slot, limit);
      for (int i = 0; i < n; i++) {
        keys[found++] = key(i);
      }
    }
    Keys.sort(keys, found);
    return write(keys, wanted, records);
  }

  /** Measures the live ones of the next slots and returns how many there are. */
  private int measure(int first, int limit) {
    int list = slots.address();
    int n = 0;
    for (int slot = first, end = Math.min(limit, first + Distances.MAX_BATCH); slot < end; slot++) {
      memory.putInt(list + (n << 2), slot);
      n += graph.contains(slot) ? 1 : 0;
    }
    distances.batch(list, n);
    return n;
  }

  private long key(int i) {
    return Keys.of(distances.get(i), memory.getInt(slots.address() + (i << 2)));
  }

  private int write(long[] found, int n, int records) {
    for (int i = 0; i < n; i++) {
      writeRecord(records + i * RECORD_BYTES, Keys.distance(found[i]), Keys.slot(found[i]));
    }
    return n;
  }

  private void writeRecord(int record, float distance, int subject) {
    memory.putFloat(record, distances.score(distance));
    memory.putInt(record + 4, image.id(subject));
    memory.putInt(record + 8, image.idBytes(subject));
    memory.putInt(record + 12, Math.max(subject, -1));
  }
}
