package dev.deltavec.core.index;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Memory;

/**
 * A hierarchical navigable small world graph (Malkov and Yashunin, 2016, arXiv:1603.09320) that
 * stays whole under inserts and deletes.
 *
 * <p><b>Differences from the paper.</b> Every layer is symmetric: p is in the links of x exactly
 * when x is in the links of p. So in-neighbours are known, their number is bounded, and a node can
 * be taken out without a trace:
 *
 * <ul>
 *   <li><i>select</i>: a candidate is taken unless a taken one is closer to it, by the factor
 *       {@link Distances#alpha}, than the node is; then the nearest rejected ones fill up to {@code
 *       fill}.
 *   <li><i>link</i>: where a list overflows, <i>select</i> thins it, but no node that has {@code
 *       floor} links or fewer loses one if that can be helped. What is dropped goes on both sides.
 *   <li><i>remove</i>: the former neighbours are joined to each other, pairwise, nearest first,
 *       each gaining at most two links, and only pairs that no third of them already connects on a
 *       shorter way.
 * </ul>
 *
 * <p><b>Layout.</b> The node record of a slot: degree on layer 0 (byte 0), level (byte 1), {@link
 * #IN_GRAPH} (byte 2), address of the upper block (word 4), room for drift (word 8). Links of layer
 * 0: 2 M slots. The upper block of a node of level l: next and previous node of the same level
 * (slot + 1, or 0), then for each layer from 1 to l the degree and M slots. Layer 0 never holds a
 * slot that is not live, and a search needs nothing but what is here.
 *
 * <p>No method allocates once its scratch has grown, and {@link #insert} and {@link #remove} cannot
 * fail: {@link #prepare} gets what they need.
 */
public final class Hnsw {
  /** The links that a node may gain by one join. */
  private static final int JOIN_GAIN = 2;

  static final int MAX_LEVEL = 15;

  private static final int LEVEL = 1;
  private static final int STATE = 2;
  private static final int UPPER = 4;
  private static final byte IN_GRAPH = 1;

  private static final int NEXT = 0;
  private static final int PREVIOUS = 4;
  private static final int UPPER_HEADER = 8;

  private final Image image;
  private final Memory memory;
  private final Heap heap;
  private final Distances distances;
  private final int m;
  private final int layer0Cap;

  /** Rejected candidates fill a list up to this many links: 12 at M = 16. */
  private final int fill;

  /**
   * A node with this many links or fewer keeps them when a neighbour's list is thinned: 6 at M =
   * 16.
   */
  private final int floor;

  /**
   * Below this degree a layer-0 node takes part in joining a removed node's neighbours: 24 at M =
   * 16.
   */
  private final int joinLimit;

  private final int efConstruction;
  private final float alpha;
  private final int levelThreshold;
  private long random;

  /** First node of each level (slot + 1), for a new entry when the old one goes. */
  private final int[] firstOfLevel = new int[MAX_LEVEL + 1];

  private long upperBytes;

  private final Buffer visitedBuffer;
  private int visited;
  private final int gathered;
  private final int chosen;
  private final CandidatePool pool = new CandidatePool();
  private long[] candidates = new long[256];
  private final int[] picked;
  private final int[] gained;
  private final int[] degrees;
  private final float[] pairDistance;
  private final int[] adjacency;
  private long[] pairs = new long[64];

  /**
   * An empty graph.
   *
   * @param image where nodes and links are kept
   * @param distances what is near
   * @param options M, efConstruction and the seed of the levels
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public Hnsw(Image image, Distances distances, DatabaseOptions options) {
    this.image = image;
    this.memory = image.memory();
    this.heap = image.heap();
    this.distances = distances;
    m = options.hnswM();
    alpha = distances.alpha();
    layer0Cap = 2 * m;
    fill = Math.max(2, 3 * m / 4);
    floor = Math.max(1, 3 * m / 8);
    joinLimit = 3 * m / 2;
    efConstruction = Math.max(options.hnswEfConstruction(), m);
    levelThreshold = Integer.divideUnsigned(-1, m);
    random = options.seed() | 1;
    visitedBuffer = new Buffer(heap);
    int list = (layer0Cap + 1) * 4;
    gathered = new Buffer(heap).reserve(Math.max(list, Distances.MAX_BATCH * 4));
    chosen = new Buffer(heap).reserve(list);
    picked = new int[layer0Cap + 1];
    gained = new int[layer0Cap];
    degrees = new int[layer0Cap];
    pairDistance = new float[layer0Cap * layer0Cap];
    adjacency = new int[layer0Cap * words(layer0Cap)];
  }

  // ---------------------------------------------------------------- nodes and lists

  /** Returns whether the slot is linked into the graph. */
  public boolean contains(int slot) {
    return memory.getByte(image.node(slot) + STATE) == IN_GRAPH;
  }

  /** Returns the entry node, or -1 if the graph is empty. */
  public int entry() {
    return memory.getInt(image.root() + Image.ENTRY) - 1;
  }

  /** Returns the highest level of any node, 0 to 15. */
  public int topLevel() {
    return memory.getInt(image.root() + Image.TOP_LEVEL);
  }

  /** Returns the bytes that the layers above 0 take. */
  public long upperBytes() {
    return upperBytes;
  }

  int level(int node) {
    return memory.getByte(image.node(node) + LEVEL);
  }

  int cap(int layer) {
    return layer == 0 ? layer0Cap : m;
  }

  int degree(int node, int layer) {
    return layer == 0
        ? memory.getByte(image.node(node)) & 0xff
        : memory.getInt(upperList(node, layer));
  }

  /** Returns the address of a node's links on a layer. */
  int links(int node, int layer) {
    return layer == 0 ? image.links(node) : upperList(node, layer) + 4;
  }

  private void setDegree(int node, int layer, int degree) {
    if (layer == 0) {
      memory.putByte(image.node(node), (byte) degree);
    } else {
      memory.putInt(upperList(node, layer), degree);
    }
  }

  private int upper(int node) {
    return memory.getInt(image.node(node) + UPPER);
  }

  private int upperList(int node, int layer) {
    return upper(node) + UPPER_HEADER + (layer - 1) * (4 + 4 * m);
  }

  private int upperBlockBytes(int level) {
    return UPPER_HEADER + level * (4 + 4 * m);
  }

  private void append(int from, int layer, int to) {
    int degree = degree(from, layer);
    memory.putInt(links(from, layer) + (degree << 2), to);
    setDegree(from, layer, degree + 1);
  }

  private void drop(int from, int layer, int to) {
    int list = links(from, layer);
    int last = degree(from, layer) - 1;
    for (int i = 0; i <= last; i++) {
      if (memory.getInt(list + (i << 2)) == to) {
        memory.putInt(list + (i << 2), memory.getInt(list + (last << 2)));
        setDegree(from, layer, last);
        return;
      }
    }
  }

  // ---------------------------------------------------------------- lifecycle of a node

  /**
   * Draws the level of a new node and gets all memory that linking it can need.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}; nothing has changed
   */
  public void prepare(int slot) {
    int level = drawLevel();
    int block = 0;
    if (level > 0) {
      int bytes = upperBlockBytes(level);
      block = heap.allocate(bytes);
      if (block == 0) {
        throw new DeltaException(ErrorCode.OUT_OF_MEMORY, "no memory for the links of a vector");
      }
      memory.clear(block, bytes);
      upperBytes += bytes;
    }
    int node = image.node(slot);
    try {
      visitedBuffer.reserve(visitedBytes(image.slotCapacity()));
    } catch (DeltaException e) {
      freeUpper(block, level);
      throw e;
    }
    memory.clear(node, Image.NODE_BYTES);
    memory.putByte(node + LEVEL, (byte) level);
    memory.putInt(node + UPPER, block);
  }

  /** Undoes {@link #prepare} of a node that is not in the graph. */
  public void discard(int slot) {
    int node = image.node(slot);
    freeUpper(upper(slot), level(slot));
    memory.clear(node, Image.NODE_BYTES);
  }

  private void freeUpper(int block, int level) {
    if (block != 0) {
      heap.free(block, upperBlockBytes(level));
      upperBytes -= upperBlockBytes(level);
    }
  }

  private int drawLevel() {
    int level = 0;
    while (level < MAX_LEVEL && Integer.compareUnsigned(nextRandom(), levelThreshold) < 0) {
      level++;
    }
    return level;
  }

  /** xorshift64* (Vigna, 2016, arXiv:1402.6246). */
  private int nextRandom() {
    random ^= random >>> 12;
    random ^= random << 25;
    random ^= random >>> 27;
    return (int) (random * 0x2545F4914F6CDD1DL >>> 32);
  }

  /**
   * Links a prepared node by its vector. About 2,000 distances at M = 16 and efConstruction = 100;
   * O(log n) layers.
   *
   * @param node a slot that was {@link #prepare prepared} and whose vector and norm are set
   */
  public void insert(int node) {
    int level = level(node);
    int entry = entry();
    memory.putByte(image.node(node) + STATE, IN_GRAPH);
    enlist(node, level);
    if (entry < 0) {
      setEntry(node, level);
      return;
    }
    int top = topLevel();
    distances.from(node);
    long nearest = keyOf(entry);
    for (int layer = top; layer > level; layer--) {
      nearest = descend(nearest, layer);
    }
    for (int layer = Math.min(top, level); layer >= 0; layer--) {
      distances.from(node);
      walk(nearest, layer, efConstruction);
      nearest = pool.keys[0] & ~Keys.EXPANDED;
      linkToPool(node, layer);
    }
    if (level > top) {
      setEntry(node, level);
    }
  }

  /**
   * Takes a node out of the graph and closes the hole. About a sixth of an insertion's distances.
   *
   * @param node a slot in the graph; its memory is freed
   */
  public void remove(int node) {
    int level = level(node);
    delist(node, level);
    memory.putByte(image.node(node) + STATE, (byte) 0);
    if (entry() == node) {
      moveEntry(node);
    }
    for (int layer = level; layer >= 0; layer--) {
      int n = degree(node, layer);
      int list = links(node, layer);
      for (int i = 0; i < n; i++) {
        int neighbour = memory.getInt(list + (i << 2));
        picked[i] = neighbour;
        drop(neighbour, layer, node);
      }
      setDegree(node, layer, 0);
      join(n, layer);
    }
    discard(node);
  }

  private void enlist(int node, int level) {
    if (level > 0) {
      int block = upper(node);
      int next = firstOfLevel[level];
      memory.putInt(block + NEXT, next);
      memory.putInt(block + PREVIOUS, 0);
      if (next != 0) {
        memory.putInt(upper(next - 1) + PREVIOUS, node + 1);
      }
      firstOfLevel[level] = node + 1;
    }
  }

  private void delist(int node, int level) {
    if (level > 0) {
      int block = upper(node);
      int next = memory.getInt(block + NEXT);
      int previous = memory.getInt(block + PREVIOUS);
      if (next != 0) {
        memory.putInt(upper(next - 1) + PREVIOUS, previous);
      }
      if (previous != 0) {
        memory.putInt(upper(previous - 1) + NEXT, next);
      } else {
        firstOfLevel[level] = next;
      }
    }
  }

  private void setEntry(int node, int level) {
    memory.putInt(image.root() + Image.ENTRY, node + 1);
    memory.putInt(image.root() + Image.TOP_LEVEL, level);
  }

  private void moveEntry(int old) {
    for (int level = MAX_LEVEL; level > 0; level--) {
      if (firstOfLevel[level] != 0) {
        setEntry(firstOfLevel[level] - 1, level);
        return;
      }
    }
    setEntry(otherNode(old), 0);
  }

  /**
   * Returns a node of the graph other than {@code node}, by a scan that begins behind it, or -1.
   */
  private int otherNode(int node) {
    int limit = image.slotLimit();
    for (int i = 1; i < limit; i++) {
      int candidate = node + i < limit ? node + i : node + i - limit;
      if (contains(candidate)) {
        return candidate;
      }
    }
    return -1;
  }

  // ---------------------------------------------------------------- walking

  private static int visitedBytes(int slots) {
    return (slots + 31 >>> 5) << 2;
  }

  /** Returns the key of one node at its distance from the query. */
  private long keyOf(int node) {
    memory.putInt(gathered, node);
    distances.batch(gathered, 1);
    return Keys.of(distances.get(0), node);
  }

  /** Goes from neighbour to nearer neighbour on one layer until none is nearer. */
  private long descend(long from, int layer) {
    long best = from;
    for (long before = Long.MAX_VALUE; best < before; ) {
      before = best;
      int node = Keys.slot(best);
      int n = degree(node, layer);
      int list = links(node, layer);
      distances.batch(list, n);
      for (int i = 0; i < n; i++) {
        best = Math.min(best, Keys.of(distances.get(i), memory.getInt(list + (i << 2))));
      }
    }
    return best;
  }

  /**
   * Best-first search of one layer (the paper's algorithm 2, with one sorted pool for both of its
   * heaps): fills the pool with the {@code ef} nearest nodes found.
   */
  private void walk(long start, int layer, int ef) {
    visited = visitedBuffer.address();
    memory.clear(visited, visitedBytes(image.slotLimit()));
    pool.reset(ef);
    pool.insert(start);
    markVisited(Keys.slot(start));
    int next = 0;
    while (next < pool.size) {
      long key = pool.keys[next];
      if ((key & Keys.EXPANDED) != 0) {
        next++;
        continue;
      }
      pool.keys[next] = key | Keys.EXPANDED;
      int n = gather(Keys.slot(key), layer);
      distances.batch(gathered, n);
      next++;
      for (int i = 0; i < n; i++) {
        long candidate = Keys.of(distances.get(i), memory.getInt(gathered + (i << 2)));
        if (pool.accepts(candidate)) {
          next = Math.min(next, pool.insert(candidate));
        }
      }
    }
  }

  private void markVisited(int node) {
    int word = visited + (node >>> 5 << 2);
    memory.putInt(word, memory.getInt(word) | 1 << node);
  }

  /**
   * Lists the neighbours of a node that were not visited before, without a branch that could be
   * guessed wrong.
   */
  private int gather(int node, int layer) {
    int n = 0;
    int list = links(node, layer);
    for (int end = list + (degree(node, layer) << 2); list != end; list += 4) {
      int neighbour = memory.getInt(list);
      int word = visited + (neighbour >>> 5 << 2);
      int bits = memory.getInt(word);
      memory.putInt(word, bits | 1 << neighbour);
      memory.putInt(gathered + (n << 2), neighbour);
      n += ~(bits >>> neighbour) & 1;
    }
    return n;
  }

  /**
   * Finds the nodes nearest to the row that {@link Distances#from} was set to.
   *
   * @param k how many, 1 or more
   * @param ef the size of the pool, at least {@code k} is used
   * @return the pool; its first {@code min(k, size)} keys are the result
   */
  CandidatePool search(int k, int ef) {
    int entry = entry();
    if (entry < 0) {
      pool.reset(1);
      return pool;
    }
    long nearest = keyOf(entry);
    for (int layer = topLevel(); layer > 0; layer--) {
      nearest = descend(nearest, layer);
    }
    walk(nearest, 0, Math.max(k, ef));
    return pool;
  }

  // ---------------------------------------------------------------- linking

  /** Links a node that has no links on the layer to the best of the pool. */
  private void linkToPool(int node, int layer) {
    int n = 0;
    if (candidates.length < pool.size) {
      candidates = new long[pool.keys.length];
    }
    for (int i = 0; i < pool.size; i++) {
      long key = pool.keys[i] & ~Keys.EXPANDED;
      if (Keys.slot(key) != node) {
        candidates[n++] = key;
      }
    }
    int taken = select(n, m);
    for (int i = 0; i < taken; i++) {
      picked[i] = memory.getInt(chosen + (i << 2));
    }
    // Linking may prune a neighbour, which uses the scratch of select; the picks are safe in an
    // array.
    for (int i = 0; i < taken; i++) {
      connect(node, picked[i], layer);
    }
  }

  /**
   * Picks up to {@code most} of {@code candidates[0..n)}, which are ascending by their distance
   * from the node to be linked. Result: the slots at {@link #chosen}. Picked candidates are marked
   * {@link Keys#EXPANDED}.
   *
   * @return how many were picked
   */
  private int select(int n, int most) {
    int taken = 0;
    for (int i = 0; i < n && taken < most; i++) {
      if (isDiverse(candidates[i], taken)) {
        take(i, taken++);
      }
    }
    for (int i = 0; i < n && taken < Math.min(most, fill); i++) {
      if ((candidates[i] & Keys.EXPANDED) == 0) {
        take(i, taken++);
      }
    }
    return taken;
  }

  private void take(int candidate, int position) {
    memory.putInt(chosen + (position << 2), Keys.slot(candidates[candidate]));
    candidates[candidate] |= Keys.EXPANDED;
  }

  private boolean isDiverse(long candidate, int taken) {
    float toNode = Keys.distance(candidate);
    if (taken > 0) {
      distances.from(Keys.slot(candidate));
    }
    // Four at a time: most rejections come from the first few.
    for (int from = 0; from < taken; from += 4) {
      int n = Math.min(4, taken - from);
      distances.batch(chosen + (from << 2), n);
      for (int i = 0; i < n; i++) {
        float toTaken = distances.get(i);
        if (toTaken + (alpha - 1) * Math.abs(toTaken) < toNode) {
          return false;
        }
      }
    }
    return true;
  }

  private void connect(int a, int b, int layer) {
    append(a, layer, b);
    if (degree(b, layer) < cap(layer)) {
      append(b, layer, a);
    } else {
      thin(b, a, layer);
    }
  }

  /** Chooses anew among the links of a full node and {@code extra}, which links to it already. */
  private void thin(int node, int extra, int layer) {
    int list = links(node, layer);
    int n = degree(node, layer);
    distances.from(node);
    for (int i = 0; i < n; i++) {
      memory.putInt(gathered + (i << 2), memory.getInt(list + (i << 2)));
    }
    memory.putInt(gathered + (n << 2), extra);
    n++;
    distances.batch(gathered, n);
    for (int i = 0; i < n; i++) {
      candidates[i] = Keys.of(distances.get(i), memory.getInt(gathered + (i << 2)));
    }
    Keys.sort(candidates, n);
    int taken = select(n, cap(layer));
    keepPoor(n, taken, layer);
    int kept = 0;
    for (int i = 0; i < n; i++) {
      int neighbour = Keys.slot(candidates[i]);
      if ((candidates[i] & Keys.EXPANDED) != 0) {
        memory.putInt(list + (kept++ << 2), neighbour);
      } else {
        drop(neighbour, layer, node);
      }
    }
    setDegree(node, layer, kept);
  }

  /**
   * Takes back rejected candidates that have few links, where there is room or a taken one that can
   * spare one.
   */
  private void keepPoor(int n, int takenBySelect, int layer) {
    int taken = takenBySelect;
    int farthest = n - 1;
    for (int i = 0; i < n; i++) {
      if ((candidates[i] & Keys.EXPANDED) != 0 || degree(Keys.slot(candidates[i]), layer) > floor) {
        continue;
      }
      if (taken == cap(layer)) {
        while (farthest >= 0 && !canSpare(farthest, layer)) {
          farthest--;
        }
        if (farthest < 0) {
          return;
        }
        candidates[farthest] &= ~Keys.EXPANDED;
        taken--;
      }
      candidates[i] |= Keys.EXPANDED;
      taken++;
    }
  }

  private boolean canSpare(int candidate, int layer) {
    return (candidates[candidate] & Keys.EXPANDED) != 0
        && degree(Keys.slot(candidates[candidate]), layer) > floor;
  }

  // ---------------------------------------------------------------- closing holes

  private static int words(int bits) {
    return bits + 31 >>> 5;
  }

  /** Joins {@code picked[0..n)}, which have lost a common neighbour, to each other. */
  private void join(int n, int layer) {
    int limit = layer == 0 ? joinLimit : m;
    findAdjacent(n, layer);
    measurePairs(n);
    for (int i = 0; i < n; i++) {
      gained[i] = 0;
      degrees[i] = degree(picked[i], layer);
    }
    int count = openPairs(n);
    Keys.sort(pairs, count);
    for (int p = 0; p < count; p++) {
      int i = (int) pairs[p] >>> 8 & 0xff;
      int j = (int) pairs[p] & 0xff;
      if (gained[i] < JOIN_GAIN
          && gained[j] < JOIN_GAIN
          && degrees[i] < limit
          && degrees[j] < limit
          && !bridged(i, j, n)) {
        pair(i, j, n, layer);
      }
    }
    for (int p = 0; p < count; p++) {
      int i = (int) pairs[p] >>> 8 & 0xff;
      int j = (int) pairs[p] & 0xff;
      // A partner may gain one more than in the first pass, for one that gained nothing.
      if ((gained[i] == 0 || gained[j] == 0)
          && gained[i] <= JOIN_GAIN
          && gained[j] <= JOIN_GAIN
          && degrees[i] < limit
          && degrees[j] < limit
          && !bridged(i, j, n)) {
        pair(i, j, n, layer);
      }
    }
    if (layer == 0) {
      relinkLonely(n);
    }
  }

  private void relinkLonely(int n) {
    // Linking uses the other scratch arrays, but not this one.
    int lonely = 0;
    for (int i = 0; i < n; i++) {
      if (degrees[i] == 0) {
        gained[lonely++] = picked[i];
      }
    }
    for (int i = 0; i < lonely; i++) {
      if (degree(gained[i], 0) == 0) {
        linkFromTop(gained[i]);
      }
    }
  }

  private void pair(int i, int j, int n, int layer) {
    append(picked[i], layer, picked[j]);
    append(picked[j], layer, picked[i]);
    gained[i]++;
    gained[j]++;
    degrees[i]++;
    degrees[j]++;
    setAdjacent(i, j, n);
  }

  private void setAdjacent(int i, int j, int n) {
    int w = words(n);
    adjacency[i * w + (j >>> 5)] |= 1 << j;
    adjacency[j * w + (i >>> 5)] |= 1 << i;
  }

  private boolean isAdjacent(int i, int j, int n) {
    return (adjacency[i * words(n) + (j >>> 5)] >>> j & 1) != 0;
  }

  private void findAdjacent(int n, int layer) {
    int w = words(n);
    for (int i = 0; i < n * w; i++) {
      adjacency[i] = 0;
    }
    visited = visitedBuffer.address();
    for (int i = 0; i < n; i++) {
      int node = picked[i];
      memory.putInt(visited + (node >>> 5 << 2), 0);
    }
    // Only words that hold a member matter; the others may hold what an earlier walk left.
    for (int i = 0; i < n; i++) {
      markVisited(picked[i]);
    }
    for (int i = 0; i < n; i++) {
      int list = links(picked[i], layer);
      for (int end = list + (degree(picked[i], layer) << 2); list != end; list += 4) {
        int neighbour = memory.getInt(list);
        if ((memory.getInt(visited + (neighbour >>> 5 << 2)) >>> neighbour & 1) != 0) {
          for (int j = 0; j < n; j++) {
            if (picked[j] == neighbour) {
              setAdjacent(i, j, n);
            }
          }
        }
      }
    }
  }

  private void measurePairs(int n) {
    for (int i = 0; i < n; i++) {
      memory.putInt(gathered + (i << 2), picked[i]);
    }
    for (int i = 0; i + 1 < n; i++) {
      distances.from(picked[i]);
      distances.batch(gathered + ((i + 1) << 2), n - i - 1);
      for (int j = i + 1; j < n; j++) {
        float d = distances.get(j - i - 1);
        pairDistance[i * n + j] = d;
        pairDistance[j * n + i] = d;
      }
    }
  }

  private int openPairs(int n) {
    int most = n * (n - 1) / 2;
    if (pairs.length < most) {
      pairs = new long[most];
    }
    int count = 0;
    for (int i = 0; i < n; i++) {
      for (int j = i + 1; j < n; j++) {
        if (!isAdjacent(i, j, n)) {
          pairs[count++] = Keys.of(pairDistance[i * n + j], i << 8 | j);
        }
      }
    }
    return count;
  }

  /**
   * Returns whether a third member is linked to both and nearer to both than they are to each
   * other.
   */
  private boolean bridged(int i, int j, int n) {
    int w = words(n);
    float direct = pairDistance[i * n + j];
    for (int word = 0; word < w; word++) {
      for (int both = adjacency[i * w + word] & adjacency[j * w + word];
          both != 0;
          both &= both - 1) {
        int k = (word << 5) + Integer.numberOfTrailingZeros(both);
        if (pairDistance[i * n + k] < direct && pairDistance[k * n + j] < direct) {
          return true;
        }
      }
    }
    return false;
  }

  /** Links a layer-0 node that has lost all its links by a search from the entry. */
  private void linkFromTop(int node) {
    int start = entry() == node ? otherNode(node) : entry();
    if (start < 0) {
      return;
    }
    distances.from(node);
    long nearest = keyOf(start);
    for (int layer = level(start); layer > 0; layer--) {
      nearest = descend(nearest, layer);
    }
    walk(nearest, 0, efConstruction);
    linkToPool(node, 0);
  }
}
