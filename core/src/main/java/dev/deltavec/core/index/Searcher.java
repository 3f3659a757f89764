package dev.deltavec.core.index;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.Metric;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import org.jspecify.annotations.Nullable;

/**
 * Answers queries: through the graph, by a scan of codes, or by an exact scan of floats, whichever
 * is cheapest for what is asked. Writes the results as records of {@link #RECORD_BYTES} bytes:
 * score (float), address and length of the id, slot.
 *
 * <p>Codes find candidates; floats rank them. Candidates are measured by their floats, best first,
 * until the next one is farther than the worst result by more than codes are likely to err. So good
 * codes cost about 20 measurements, and poor ones more, not recall.
 */
public final class Searcher {
  /** Bytes of a result. */
  public static final int RECORD_BYTES = 16;

  /** Up to so many vectors, a scan of the floats is as fast as anything. */
  private static final int EXACT_ALWAYS = 256;

  /** What a walk costs for each place of its pool, in rows of a scan: of codes, and of floats. */
  private static final int CODE_ROWS_PER_EF = 14;

  private static final int FLOAT_ROWS_PER_EF = 10;

  /** Over this k, sorting all keys beats a sorted pool. */
  private static final int POOL_LIMIT = 256;

  /** The fewest candidates that a scan of codes keeps. */
  private static final int SCAN_POOL = 64;

  /** Standard deviations of the codes' error that a candidate may be off by. */
  private static final float CONFIDENCE = 2.5f;

  private static final int CHUNK = 8;

  /** What a queued node adds to the pool of a search, in parts of what any node stands for. */
  private static final int QUEUE_WEIGHT = 2;

  private final Image image;
  private final Memory memory;
  private final Kernels kernels;
  private final Metric metric;
  private final Distances own;
  private final Index index;
  private final Nodes nodes;
  private final @Nullable CodeDistances codes;
  private final boolean rescores;
  private final RecallMonitor monitor;
  private final Distances[] ofMetric = new Distances[Metric.values().length];
  private final Buffer query;
  private final Buffer slots;
  private final CandidatePool pool = new CandidatePool();
  private final CandidatePool results = new CandidatePool();
  private final long[] chunk = new long[Measure.MAX_BATCH];
  private long[] keys = new long[0];
  private int cursor;
  private int passing;
  private int listed;

  /**
   * A searcher over one database's index.
   *
   * @throws dev.deltavec.core.DeltaException {@code OUT_OF_MEMORY}
   */
  public Searcher(Image image, Kernels kernels, Index index, DatabaseOptions options) {
    this.image = image;
    this.memory = image.memory();
    this.kernels = kernels;
    this.index = index;
    metric = options.metric();
    nodes = index.nodes();
    own = index.distances();
    codes = index.codeDistances();
    rescores = codes != null && image.keepsFloats();
    monitor = new RecallMonitor(options.recallSampleRate());
    ofMetric[metric.ordinal()] = own;
    query = new Buffer(image.heap());
    query.reserve(image.stride() * 4);
    memory.clear(query.address(), image.stride() * 4);
    slots = new Buffer(image.heap());
    slots.reserve(Measure.MAX_BATCH * 4);
  }

  /** Returns what checks of searches have shown. */
  public RecallMonitor monitor() {
    return monitor;
  }

  /**
   * Finds the {@code k} vectors closest to a query.
   *
   * @param values address of {@code dimensions} finite floats, any alignment
   * @param dimensions their number, the database's
   * @param k 1 or more; over the number of vectors gives them all
   * @param efSearch candidates kept, 1 or more
   * @param exact whether to compare with every vector
   * @param by the metric; another than the database's compares with every vector
   * @param among what may be found, null for all
   * @param output where the records go
   * @return the number of results, closest first; equal ones by slot
   * @throws dev.deltavec.core.DeltaException {@code OUT_OF_MEMORY}
   */
  public int search(
      int values,
      int dimensions,
      int k,
      int efSearch,
      boolean exact,
      Metric by,
      @Nullable Selection among,
      Buffer output) {
    int live = image.live();
    int eligible = among == null ? live : among.count();
    int wanted = Math.min(k, eligible);
    int records = output.reserve(wanted * RECORD_BYTES);
    if (wanted == 0) {
      return 0;
    }
    Distances distances = distances(by);
    int row = query.address();
    memory.copy(values, row, dimensions << 2);
    float inverse = image.inverseNorm(row);
    distances.from(row, inverse);
    if (exact || by != metric || eligible <= EXACT_ALWAYS) {
      return scanExactly(distances, wanted, among, records);
    }
    // Nodes that have moved lead astray until they are relinked: more places make up for them.
    long pool = Math.max(wanted, efSearch) * (long) (live + QUEUE_WEIGHT * index.pending()) / live;
    long ef = pool * live / eligible;
    int rowsPerEf = codes == null ? FLOAT_ROWS_PER_EF : CODE_ROWS_PER_EF;
    boolean walked = eligible > rowsPerEf * ef;
    if (walked) {
      walk((int) ef, wanted, row, inverse, among);
      // What passes may lie elsewhere than what is near.
      walked =
          among == null
              || passing >= Math.min(eligible, Math.max(wanted, efSearch / 2))
                  && results.size == wanted;
    }
    if (!walked && !scan(wanted, row, inverse, among)) {
      return scanExactly(distances, wanted, among, records);
    }
    int n = write(results.keys, results.size, distances, records);
    if (monitor.isDue()) {
      check(distances, n, among);
    }
    return n;
  }

  private Distances distances(Metric by) {
    Distances known = ofMetric[by.ordinal()];
    if (known == null) {
      known = new Distances(image, kernels, by);
      ofMetric[by.ordinal()] = known;
    }
    return known;
  }

  // ---------------------------------------------------------------- candidates

  private void walk(int ef, int wanted, int row, float inverse, @Nullable Selection among) {
    if (codes != null) {
      codes.from(row, inverse);
    }
    CandidatePool found = index.graph().search(ef);
    index.graph().offer(index.queue().address(), index.queue().size());
    passing = found.size;
    if (among != null) {
      passing = 0;
      for (int i = 0; i < found.size; i++) {
        passing += isAmong(Keys.slot(found.keys[i]), among) ? 1 : 0;
      }
    }
    rank(found, wanted, among, true);
  }

  /** Scans codes; returns false if they cannot tell which are the closest. */
  private boolean scan(int wanted, int row, float inverse, @Nullable Selection among) {
    if (codes == null || wanted > POOL_LIMIT) {
      return false;
    }
    codes.from(row, inverse);
    pool.reset(Math.max(SCAN_POOL, 3 * wanted));
    cursor = 0;
    for (int n = next(among, false); n > 0; n = next(among, false)) {
      codes.batch(slots.address(), n);
      offer(codes, pool, n);
    }
    boolean all = pool.size < Math.max(SCAN_POOL, 3 * wanted);
    return rank(pool, wanted, among, false) || all;
  }

  private void offer(Measure measure, CandidatePool to, int n) {
    Memory linear = memory;
    int list = slots.address();
    int distances = measure.out;
    long worst = to.worst();
    for (int i = 0, end = n << 2; i < end; i += 4) {
      long key = Keys.of(linear.getFloat(distances + i), linear.getInt(list + i));
      if (key < worst) {
        to.insert(key);
        worst = to.worst();
      }
    }
  }

  /**
   * Lists the next slots from the cursor on that live and may be found, and returns how many there
   * are.
   */
  private int next(@Nullable Selection among, boolean zeros) {
    int list = slots.address();
    int n = 0;
    if (among == null) {
      int limit = image.slotLimit();
      for (; cursor < limit && n < Measure.MAX_BATCH; cursor++) {
        memory.putInt(list + (n << 2), cursor);
        int state = nodes.state(cursor);
        n += state != Nodes.NONE && (zeros || state != Nodes.ZERO) ? 1 : 0;
      }
      return n;
    }
    int limit = among.slots();
    while (cursor < limit && n <= Measure.MAX_BATCH - 32) {
      int first = cursor;
      for (int word = memory.getInt(among.bits() + (cursor >>> 3)); word != 0; word &= word - 1) {
        int slot = first + Integer.numberOfTrailingZeros(word);
        memory.putInt(list + (n << 2), slot);
        n += zeros || nodes.state(slot) != Nodes.ZERO ? 1 : 0;
      }
      cursor = first + 32;
    }
    return n == 0 && cursor < limit ? next(among, zeros) : n;
  }

  private boolean isAmong(int slot, @Nullable Selection among) {
    return among == null
        || slot < among.slots()
            && (memory.getInt(among.bits() + (slot >>> 5 << 2)) >>> slot & 1) != 0;
  }

  // ---------------------------------------------------------------- ranking

  /**
   * Ranks candidates into {@link #results}.
   *
   * @param found candidates by what the graph is walked on
   * @param nodesOnly whether duplicates are not among them but stand behind their nodes
   * @return false if the last candidate may not have been the last that counts
   */
  private boolean rank(
      CandidatePool found, int wanted, @Nullable Selection among, boolean nodesOnly) {
    results.reset(wanted);
    int from = 0;
    boolean certain = false;
    while (from < found.size && !certain) {
      int to = Math.min(found.size, from + (from == 0 ? wanted + (wanted >> 1) : CHUNK));
      from = rankChunk(found, from, to, among, nodesOnly);
      certain = from < found.size && isCertain(found.keys[from] & ~Keys.EXPANDED, wanted);
    }
    int zeros = index.zeros().size();
    float zeroDistance = metric == Metric.COSINE ? 1 : 0;
    for (int i = 0; i < zeros; i++) {
      int slot = index.zeros().get(i);
      if (isAmong(slot, among)) {
        offer(Keys.of(zeroDistance, slot));
      }
    }
    return certain;
  }

  private boolean isCertain(long next, int wanted) {
    if (results.size < wanted) {
      return false;
    }
    float worst = Keys.distance(results.keys[wanted - 1]);
    float distance = Keys.distance(next);
    if (codes == null) {
      return distance > worst;
    }
    if (!rescores) {
      return codes.toExact(distance) > worst;
    }
    float margin = distance - codes.ofExact(worst);
    return margin > 0
        && margin * margin > CONFIDENCE * CONFIDENCE * codes.variance(distance, Keys.slot(next));
  }

  private int rankChunk(
      CandidatePool found, int from, int to, @Nullable Selection among, boolean nodesOnly) {
    int list = slots.address();
    int n = 0;
    int end = Math.min(to, from + Measure.MAX_BATCH);
    for (int i = from; i < end; i++) {
      int slot = Keys.slot(found.keys[i]);
      if (isAmong(slot, among) || nodesOnly && nodes.isGrouped(slot)) {
        memory.putInt(list + (n << 2), slot);
        chunk[n++] = found.keys[i] & ~Keys.EXPANDED;
      }
    }
    if (rescores) {
      own.batch(list, n);
      for (int i = 0; i < n; i++) {
        chunk[i] = Keys.of(own.get(i), Keys.slot(chunk[i]));
      }
    } else if (codes != null) {
      for (int i = 0; i < n; i++) {
        chunk[i] = Keys.of(codes.toExact(Keys.distance(chunk[i])), Keys.slot(chunk[i]));
      }
    }
    for (int i = 0; i < n; i++) {
      int slot = Keys.slot(chunk[i]);
      if (isAmong(slot, among)) {
        offer(chunk[i]);
      }
      if (nodesOnly && nodes.isGrouped(slot)) {
        rankGroup(slot, Keys.distance(chunk[i]), among);
      }
    }
    return end;
  }

  /** Offers the duplicates of a node. */
  private void rankGroup(int node, float distance, @Nullable Selection among) {
    Groups groups = index.groups();
    int members = groups.members(node);
    int size = groups.size(node);
    if (!rescores || groups.isUniform(node)) {
      for (int i = 0; i < size; i++) {
        int slot = memory.getInt(members + (i << 2));
        if (isAmong(slot, among)) {
          offer(Keys.of(distance, slot));
        }
      }
      return;
    }
    int list = slots.address();
    for (int i = 0; i < size; ) {
      int n = 0;
      for (; i < size && n < Measure.MAX_BATCH; i++) {
        int slot = memory.getInt(members + (i << 2));
        memory.putInt(list + (n << 2), slot);
        n += isAmong(slot, among) ? 1 : 0;
      }
      own.batch(list, n);
      offer(own, results, n);
    }
  }

  private void offer(long key) {
    if (results.accepts(key)) {
      results.insert(key);
    }
  }

  // ---------------------------------------------------------------- exact scans

  private int scanExactly(Distances distances, int wanted, @Nullable Selection among, int records) {
    if (wanted > POOL_LIMIT) {
      return scanAndSort(distances, wanted, among, records);
    }
    results.reset(wanted);
    scanInto(results, distances, among);
    return write(results.keys, results.size, distances, records);
  }

  private void scanInto(CandidatePool to, Distances distances, @Nullable Selection among) {
    cursor = 0;
    for (int n = next(among, true); n > 0; n = next(among, true)) {
      distances.batch(slots.address(), n);
      offer(distances, to, n);
    }
  }

  private int scanAndSort(Distances distances, int wanted, @Nullable Selection among, int records) {
    if (keys.length < image.live()) {
      keys = new long[image.live()];
    }
    int found = 0;
    cursor = 0;
    for (int n = next(among, true); n > 0; n = next(among, true)) {
      distances.batch(slots.address(), n);
      for (int i = 0; i < n; i++) {
        keys[found++] = Keys.of(distances.get(i), memory.getInt(slots.address() + (i << 2)));
      }
    }
    Keys.sort(keys, found);
    return write(keys, wanted, distances, records);
  }

  /** Compares the results with those of an exact scan. */
  private void check(Distances distances, int n, @Nullable Selection among) {
    pool.reset(n);
    scanInto(pool, distances, among);
    int hits = 0;
    float worst = Keys.distance(pool.keys[pool.size - 1]);
    for (int i = 0; i < n; i++) {
      hits += Keys.distance(results.keys[i]) <= worst ? 1 : 0;
    }
    monitor.note(hits, pool.size);
  }

  // ---------------------------------------------------------------- rows from outside the index

  /**
   * Begins a search over rows that are {@link #offer offered} one by one.
   *
   * @param values as in {@link #search}
   */
  public void begin(int values, int dimensions, int k) {
    int row = query.address();
    memory.copy(values, row, dimensions << 2);
    own.from(row, image.inverseNorm(row));
    pool.reset(Math.min(k, image.slotLimit() + image.graveLimit() + 1));
    listed = 0;
  }

  /** Offers the present row of a slot to the search, some together. O(dimensions + k) */
  public void enlist(int slot) {
    memory.putInt(slots.address() + (listed << 2), slot);
    if (++listed == Measure.MAX_BATCH) {
      offerListed();
    }
  }

  private void offerListed() {
    own.batch(slots.address(), listed);
    for (int i = 0; i < listed; i++) {
      long key = Keys.of(own.get(i), memory.getInt(slots.address() + (i << 2)) << 1);
      if (pool.accepts(key)) {
        pool.insert(key);
      }
    }
    listed = 0;
  }

  /** Offers the row of a subject, a slot or a grave, to the search. O(dimensions + k) */
  public void offer(int subject, int row) {
    // A slot is even, a grave odd, so that a key holds either.
    long key = Keys.of(own.to(row), subject >= 0 ? subject << 1 : ~subject << 1 | 1);
    if (pool.accepts(key)) {
      pool.insert(key);
    }
  }

  /** Ends a search over offered rows; otherwise as {@link #search}, with slot -1 for a grave. */
  public int end(Buffer output) {
    offerListed();
    int records = output.reserve(pool.size * RECORD_BYTES);
    for (int i = 0; i < pool.size; i++) {
      int code = Keys.slot(pool.keys[i]);
      int subject = (code & 1) == 0 ? code >>> 1 : ~(code >>> 1);
      writeRecord(records + i * RECORD_BYTES, own.score(Keys.distance(pool.keys[i])), subject);
    }
    return pool.size;
  }

  private int write(long[] found, int n, Distances distances, int records) {
    for (int i = 0; i < n; i++) {
      writeRecord(
          records + i * RECORD_BYTES,
          distances.score(Keys.distance(found[i])),
          Keys.slot(found[i]));
    }
    return n;
  }

  private void writeRecord(int record, float score, int subject) {
    memory.putFloat(record, score);
    memory.putInt(record + 4, image.id(subject));
    memory.putInt(record + 8, image.idBytes(subject));
    memory.putInt(record + 12, Math.max(subject, -1));
  }
}
