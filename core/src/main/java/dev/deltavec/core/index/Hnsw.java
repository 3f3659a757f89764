package dev.deltavec.core.index;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Memory;
import java.util.Arrays;

/**
 * A hierarchical navigable small world graph (Malkov and Yashunin, 2016, arXiv:1603.09320) that
 * stays whole under inserts, updates and deletes.
 *
 * <p><b>Differences from the paper.</b> Every layer is symmetric: p is in the links of x exactly
 * when x is in the links of p. So in-neighbours are known, their number is bounded, and a node can
 * be taken out without a trace:
 *
 * <ul>
 *   <li><i>select</i>: a candidate is taken unless a taken one is closer to it, by the factor
 *       {@link Measure#alpha}, than the node is; then the nearest rejected ones fill up to {@code
 *       fill}. On layer 0 a node takes up to 11 M / 8 links of its own.
 *   <li><i>link</i>: where a list overflows, <i>select</i> thins it, but no node that has {@code
 *       floor} links or fewer loses one if that can be helped. What is dropped goes on both sides.
 *   <li><i>remove</i>: the former neighbours are joined to each other, pairwise, nearest first,
 *       each gaining at most two links, and only pairs that no third of them already connects on a
 *       shorter way.
 *   <li><i>relink</i>: a node that has moved looks for new neighbours from its old ones and from
 *       the entry; those it leaves are joined as if it had been removed.
 * </ul>
 *
 * <p><b>Layer 0 is connected, always.</b> A link is dropped only where its ends have a neighbour in
 * common, and what a removed or moved node held together is linked until it hangs together without
 * it. So every node is reached from every other.
 *
 * <p><b>Layout.</b> See {@link Nodes} for the record of a node. Links of layer 0: 2 M slots. The
 * upper block of a node of level l: next and previous node of the same level (slot + 1, or 0), the
 * address of its group, then for each layer from 1 to l the degree and M slots. Layer 0 never holds
 * a slot that is not linked, and a walk needs nothing but what is here.
 *
 * <p>No method allocates once its scratch has grown, and {@link #insert}, {@link #relink} and
 * {@link #remove} cannot fail: {@link #prepare} gets what they need.
 */
final class Hnsw {
  /** The links that a node may gain by one join. */
  private static final int JOIN_GAIN = 2;

  static final int MAX_LEVEL = 15;

  /** With fewer links than this, a node may find no two of its neighbours linked. */
  private static final int FEW = 8;

  /** The candidates kept while a node is relinked. */
  private static final int RELINK_EF = 64;

  private static final int NEXT = 0;
  private static final int PREVIOUS = 4;
  private static final int GROUP = 8;
  private static final int UPPER_HEADER = 12;

  private final Image image;
  private final Memory memory;
  private final Heap heap;
  private final Measure distances;
  private final Nodes nodes;
  private final int m;
  private final int layer0Cap;

  /** The most links that a node takes for itself on layer 0: 22 at M = 16. */
  private final int ownLinks;

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

  /** A bit for each slot, all zero but within a method. */
  private final Buffer marksBuffer;

  private final int gathered;
  private final int chosen;
  private final CandidatePool pool = new CandidatePool();
  private long[] candidates = new long[256];

  /** Keeps reads ahead from being compiled away. */
  @SuppressWarnings("unused")
  private int ahead;

  private final int[] picked;
  private final int[] selected;
  private final int[] component;

  /** How many parts the last {@link #unite} has left. */
  private int parts;

  private float reach;
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
  Hnsw(Image image, Nodes nodes, Measure distances, DatabaseOptions options) {
    this.image = image;
    this.nodes = nodes;
    this.memory = image.memory();
    this.heap = image.heap();
    this.distances = distances;
    m = options.hnswM();
    alpha = distances.alpha();
    layer0Cap = 2 * m;
    ownLinks = 11 * m / 8;
    fill = Math.max(2, 3 * m / 4);
    floor = Math.max(1, 3 * m / 8);
    joinLimit = 3 * m / 2;
    efConstruction = Math.max(options.hnswEfConstruction(), m);
    levelThreshold = Integer.divideUnsigned(-1, m);
    random = options.seed() | 1;
    visitedBuffer = new Buffer(heap);
    marksBuffer = new Buffer(heap);
    int list = (layer0Cap + 1) * 4;
    gathered = new Buffer(heap).reserve(Math.max(list, Measure.MAX_BATCH * 4));
    chosen = new Buffer(heap).reserve(list);
    picked = new int[layer0Cap + 1];
    selected = new int[layer0Cap + 1];
    component = new int[layer0Cap];
    gained = new int[layer0Cap];
    degrees = new int[layer0Cap];
    pairDistance = new float[layer0Cap * layer0Cap];
    adjacency = new int[layer0Cap * words(layer0Cap)];
  }

  // ---------------------------------------------------------------- nodes and lists

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
    return nodes.level(node);
  }

  /** Returns for how many links a list has room. */
  int capacity(int layer) {
    return layer == 0 ? layer0Cap : m;
  }

  /**
   * Returns how many links a node may have. Where there are few, that leaves one place on layer 0,
   * for what would lose its connection else.
   */
  private int cap(int layer) {
    return layer != 0 ? m : m < FEW ? layer0Cap - 1 : layer0Cap;
  }

  int degree(int node, int layer) {
    return layer == 0 ? nodes.degree(node) : memory.getInt(upperList(node, layer));
  }

  /** Returns the address of a node's links on a layer. */
  int links(int node, int layer) {
    return layer == 0 ? image.links(node) : upperList(node, layer) + 4;
  }

  private void setDegree(int node, int layer, int degree) {
    if (layer == 0) {
      nodes.setDegree(node, degree);
    } else {
      memory.putInt(upperList(node, layer), degree);
    }
  }

  private int upper(int node) {
    return nodes.upper(node);
  }

  /** Returns the address of a linked node's group, 0 for none. */
  int group(int node) {
    return level(node) == 0 ? upper(node) : memory.getInt(upper(node) + GROUP);
  }

  /** Sets the address of a linked node's group. */
  void setGroup(int node, int group) {
    if (level(node) == 0) {
      nodes.setUpper(node, group);
    } else {
      memory.putInt(upper(node) + GROUP, group);
    }
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
    int at = list;
    for (int end = list + (last << 2); at != end && memory.getInt(at) != to; ) {
      at += 4;
    }
    memory.putInt(at, memory.getInt(list + (last << 2)));
    setDegree(from, layer, last);
  }

  private boolean isLinked(int from, int layer, int to) {
    int list = links(from, layer);
    for (int end = list + (degree(from, layer) << 2); list != end; list += 4) {
      if (memory.getInt(list) == to) {
        return true;
      }
    }
    return false;
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
    try {
      reserve();
    } catch (DeltaException e) {
      freeUpper(block, level);
      throw e;
    }
    nodes.clear(slot);
    nodes.setLevel(slot, level);
    nodes.setUpper(slot, block);
    if (block != 0) {
      memory.clear(block, UPPER_HEADER);
    }
  }

  /** Gets the memory for walks and for marks. */
  void reserve() {
    int bits = reserveVisited();
    if (bits > marksBuffer.capacity()) {
      memory.clear(marksBuffer.reserve(bits), bits);
    }
  }

  /** Makes room to note which nodes a walk has seen; returns the bytes that takes. */
  int reserveVisited() {
    int bits = bitBytes(image.slotCapacity());
    visitedBuffer.reserve(bits);
    return bits;
  }

  /** Frees what {@link #prepare} got for a node that is not in the graph. */
  public void discard(int slot) {
    freeUpper(level(slot) == 0 ? 0 : upper(slot), level(slot));
    nodes.clear(slot);
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
    nodes.setState(node, Nodes.LINKED);
    nodes.setDrift(node, 0);
    nodes.setDegree(node, 0);
    for (int layer = level; layer > 0; layer--) {
      setDegree(node, layer, 0);
    }
    enlist(node, level);
    if (entry < 0) {
      nodes.setReach(node, distances.length(1));
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
      begin(efConstruction);
      seed(nearest);
      walk(layer);
      nearest = pool.keys[0] & ~Keys.EXPANDED;
      connectTo(selectFromPool(layer), node, layer);
    }
    nodes.setReach(node, reach);
    if (level > top) {
      setEntry(node, level);
    }
  }

  /**
   * Links a node anew, which has moved. About the distances of an insertion.
   *
   * @param node a linked node; its level stays
   */
  public void relink(int node) {
    int level = level(node);
    nodes.setDrift(node, 0);
    distances.from(node);
    long nearest = 0;
    boolean found = entry() != node;
    if (found) {
      nearest = keyOf(entry());
      for (int layer = topLevel(); layer > level; layer--) {
        nearest = descend(nearest, layer);
      }
    }
    for (int layer = level; layer >= 0; layer--) {
      distances.from(node);
      begin(RELINK_EF);
      markVisited(node);
      if (found && level(Keys.slot(nearest)) >= layer) {
        seed(nearest);
      }
      int n = gather(node, layer);
      distances.batch(gathered, n);
      for (int i = 0; i < n; i++) {
        long key = Keys.of(distances.get(i), memory.getInt(gathered + (i << 2)));
        if (pool.accepts(key)) {
          pool.insert(key);
        }
      }
      walk(layer);
      if (pool.size > 0) {
        nearest = pool.keys[0] & ~Keys.EXPANDED;
        found = true;
        exchange(node, layer);
      }
    }
    if (found) {
      nodes.setReach(node, reach);
    }
  }

  /** Replaces a node's links by the best of the pool, and closes the holes that it leaves. */
  private void exchange(int node, int layer) {
    int taken = selectFromPool(layer);
    for (int i = 0; i < taken; i++) {
      mark(selected[i]);
    }
    int list = links(node, layer);
    int degree = degree(node, layer);
    int left = 0;
    int kept = 0;
    for (int i = 0; i < degree; i++) {
      int neighbour = memory.getInt(list + (i << 2));
      if (isMarked(neighbour)) {
        memory.putInt(list + (kept++ << 2), neighbour);
      } else {
        drop(neighbour, layer, node);
        picked[left++] = neighbour;
      }
    }
    for (int i = 0; i < taken; i++) {
      unmark(selected[i]);
    }
    setDegree(node, layer, kept);
    for (int i = 0; i < kept; i++) {
      picked[left + i] = memory.getInt(list + (i << 2));
    }
    if (left > 0) {
      join(left, left + kept, layer);
      if (layer == 0 && parts > 1) {
        holdOn(node, left, kept);
      }
    }
    connectTo(taken, node, layer);
  }

  /** Links a node again to what it left and what has found no other connection. */
  private void holdOn(int node, int left, int kept) {
    for (int i = 0; i < left; i++) {
      boolean held = kept > 0 && component[i] == 0;
      for (int j = 0; j < i; j++) {
        held |= component[j] == component[i];
      }
      if (!held && degree(node, 0) < layer0Cap && degree(picked[i], 0) < layer0Cap) {
        append(node, 0, picked[i]);
        append(picked[i], 0, node);
      }
    }
  }

  /** Links a node to those that were selected and are not its neighbours yet. */
  private void connectTo(int taken, int node, int layer) {
    for (int i = 0; i < taken; i++) {
      if (degree(node, layer) < cap(layer) && !isLinked(node, layer, selected[i])) {
        connect(node, selected[i], layer);
      }
    }
  }

  /**
   * Takes a node out of the graph and closes the hole. About a sixth of an insertion's distances.
   *
   * @param node a linked node; what {@link #prepare} got for it stays
   */
  public void remove(int node) {
    int level = level(node);
    delist(node, level);
    nodes.setState(node, Nodes.NONE);
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
      join(n, n, layer);
    }
  }

  /**
   * Puts one node in the place of another: links, level and reach. O(M^2)
   *
   * @param node a linked node; it is not linked any more
   * @param other a prepared node that is not linked and has the same codes
   */
  public void replace(int node, int other) {
    int level = level(node);
    delist(node, level);
    discard(other);
    memory.copy(image.node(node), image.node(other), Image.NODE_BYTES);
    memory.copy(image.links(node), image.links(other), layer0Cap << 2);
    nodes.clear(node); // level 0: nothing is to be freed
    enlist(other, level);
    for (int layer = level; layer >= 0; layer--) {
      int list = links(other, layer);
      for (int end = list + (degree(other, layer) << 2); list != end; list += 4) {
        int neighbour = memory.getInt(list);
        int back = links(neighbour, layer);
        while (memory.getInt(back) != node) {
          back += 4;
        }
        memory.putInt(back, other);
      }
    }
    if (entry() == node) {
      setEntry(other, level);
    }
  }

  // ---------------------------------------------------------------- snapshots

  /** Returns the state of the generator of levels. */
  long random() {
    return random;
  }

  /**
   * Gives a node that has none a level, with empty lists.
   *
   * @return false if there is no memory
   */
  boolean giveLevel(int slot, int level) {
    int bytes = upperBlockBytes(level);
    int block = heap.allocate(bytes);
    if (block == 0) {
      return false;
    }
    memory.clear(block, bytes);
    upperBytes += bytes;
    nodes.setLevel(slot, level);
    nodes.setUpper(slot, block);
    return true;
  }

  /** Makes nodes and links that were put into the image a graph. */
  void restore(int entry, int level, long state) {
    random = state;
    setEntry(entry, level);
    for (int slot = image.slotLimit() - 1; slot >= 0; slot--) {
      if (nodes.state(slot) == Nodes.LINKED) {
        enlist(slot, level(slot));
      }
    }
    reserve();
  }

  /** Forgets the graph; its nodes are the caller's to {@link #discard}. */
  void reset() {
    setEntry(-1, 0);
    Arrays.fill(firstOfLevel, 0);
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
      if (nodes.state(candidate) == Nodes.LINKED) {
        return candidate;
      }
    }
    return -1;
  }

  // ---------------------------------------------------------------- walking

  private static int bitBytes(int slots) {
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

  /** Begins a walk: an empty pool of {@code ef} places, nothing visited. */
  private void begin(int ef) {
    visited = visitedBuffer.address();
    memory.clear(visited, bitBytes(image.slotLimit()));
    pool.reset(ef);
  }

  private void seed(long key) {
    if (!isVisited(Keys.slot(key))) {
      markVisited(Keys.slot(key));
      pool.insert(key);
    }
  }

  /**
   * Best-first search of one layer (the paper's algorithm 2, with one sorted pool for both of its
   * heaps) from what is in the pool: fills it with the nearest nodes found.
   */
  private void walk(int layer) {
    CandidatePool found = pool;
    Measure measure = distances;
    Memory linear = memory;
    int slots = gathered;
    int results = measure.out;
    int last = (capacity(layer) << 2) - 1;
    int next = 0;
    while (next < found.size) {
      long key = found.keys[next];
      if ((key & Keys.EXPANDED) != 0) {
        next++;
        continue;
      }
      found.keys[next] = key | Keys.EXPANDED;
      int n = gather(Keys.slot(key), layer);
      next++;
      if (next < found.size) {
        // Likely the next to be expanded: its links come in while the distances wait for theirs.
        int list = links(Keys.slot(found.keys[next]), layer);
        ahead = linear.getByte(list) + linear.getByte(list + last);
      }
      measure.batch(slots, n);
      long worst = found.worst();
      for (int i = 0, end = n << 2; i < end; i += 4) {
        long candidate = Keys.of(linear.getFloat(results + i), linear.getInt(slots + i));
        if (candidate < worst) {
          next = Math.min(next, found.insert(candidate));
          worst = found.worst();
        }
      }
    }
  }

  /** Offers slots that the last walk has not come by, which need not be linked, to its pool. */
  void offer(int slots, int size) {
    for (int from = 0; from < size; ) {
      int n = 0;
      for (; from < size && n < Measure.MAX_BATCH; from++) {
        int slot = memory.getInt(slots + (from << 2));
        memory.putInt(gathered + (n << 2), slot);
        n += isVisited(slot) ? 0 : 1;
      }
      distances.batch(gathered, n);
      for (int i = 0; i < n; i++) {
        long candidate = Keys.of(distances.get(i), memory.getInt(gathered + (i << 2)));
        if (pool.accepts(candidate)) {
          pool.insert(candidate);
        }
      }
    }
  }

  private boolean isVisited(int node) {
    return (memory.getInt(visited + (node >>> 5 << 2)) >>> node & 1) != 0;
  }

  private void mark(int node) {
    int word = marksBuffer.address() + (node >>> 5 << 2);
    memory.putInt(word, memory.getInt(word) | 1 << node);
  }

  private void unmark(int node) {
    int word = marksBuffer.address() + (node >>> 5 << 2);
    memory.putInt(word, memory.getInt(word) & ~(1 << node));
  }

  private boolean isMarked(int node) {
    return (memory.getInt(marksBuffer.address() + (node >>> 5 << 2)) >>> node & 1) != 0;
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
    Memory linear = memory;
    int bitsAt = visited;
    int first = gathered;
    int to = first;
    int list = links(node, layer);
    for (int end = list + (degree(node, layer) << 2); list != end; list += 4) {
      int neighbour = linear.getInt(list);
      int word = bitsAt + (neighbour >>> 5 << 2);
      int bits = linear.getInt(word);
      linear.putInt(word, bits | 1 << neighbour);
      linear.putInt(to, neighbour);
      to += (~(bits >>> neighbour) & 1) << 2;
    }
    return to - first >>> 2;
  }

  /**
   * Finds the nodes nearest to what the measure was set to.
   *
   * @param ef the size of the pool, 1 or more
   * @return the pool, which {@link #offer} may add to
   */
  CandidatePool search(int ef) {
    int entry = entry();
    if (entry < 0) {
      begin(ef);
      return pool;
    }
    long nearest = keyOf(entry);
    for (int layer = topLevel(); layer > 0; layer--) {
      nearest = descend(nearest, layer);
    }
    begin(ef);
    seed(nearest);
    walk(0);
    return pool;
  }

  // ---------------------------------------------------------------- linking

  /**
   * Selects a node's links from the pool into {@link #selected}, and notes how far they reach.
   *
   * @return how many
   */
  private int selectFromPool(int layer) {
    int n = pool.size;
    if (candidates.length < n) {
      candidates = new long[pool.keys.length];
    }
    for (int i = 0; i < n; i++) {
      candidates[i] = pool.keys[i] & ~Keys.EXPANDED;
    }
    int taken = select(n, layer == 0 ? ownLinks : m);
    for (int i = 0; i < taken; i++) {
      selected[i] = memory.getInt(chosen + (i << 2));
    }
    for (int i = 0, seen = 0; i < n && seen <= taken / 2; i++) {
      if ((candidates[i] & Keys.EXPANDED) != 0) {
        seen++;
        reach = distances.length(Keys.distance(candidates[i]));
      }
    }
    return taken;
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
    keepPoor(n, select(n, cap(layer)), layer);
    for (int i = 0; i < n; i++) {
      mark(Keys.slot(candidates[i]));
    }
    unmark(extra); // it may go itself, so nothing else goes on its account
    int kept = n;
    for (int i = n - 1; i >= 0; i--) {
      if ((candidates[i] & Keys.EXPANDED) == 0) {
        if (layer != 0 || hasMarkedNeighbour(Keys.slot(candidates[i]))) {
          dropCandidate(node, i, layer);
          kept--;
        } else {
          candidates[i] |= Keys.EXPANDED;
        }
      }
    }
    while (kept > cap(layer) && dropOne(node, extra, n, layer)) {
      kept--;
    }
    if (kept > capacity(layer)) {
      putBetween(node, extra, n, layer);
    }
    kept = 0;
    for (int i = 0; i < n; i++) {
      if ((candidates[i] & Keys.EXPANDED) != 0) {
        int neighbour = Keys.slot(candidates[i]);
        memory.putInt(list + (kept++ << 2), neighbour);
        unmark(neighbour);
      }
    }
    setDegree(node, layer, kept);
  }

  /** Returns whether a node has a marked neighbour on layer 0. */
  private boolean hasMarkedNeighbour(int node) {
    int list = links(node, 0);
    for (int end = list + (degree(node, 0) << 2); list != end; list += 4) {
      if (isMarked(memory.getInt(list))) {
        return true;
      }
    }
    return false;
  }

  /**
   * Drops one link of a node whose neighbours are marked, so that all stays connected.
   *
   * @return false if that was not possible
   */
  private boolean dropOne(int node, int extra, int n, int layer) {
    int dropped = -1;
    for (int i = n - 1; i >= 0 && dropped < 0; i--) {
      if (canSpare(i, layer) && hasMarkedNeighbour(Keys.slot(candidates[i]))) {
        dropped = i;
      }
    }
    for (int i = n - 1; i >= 0 && dropped < 0; i--) {
      if (isKept(i)
          && (hasMarkedNeighbour(Keys.slot(candidates[i]))
              || Keys.slot(candidates[i]) == extra && degree(extra, layer) > 1)) {
        dropped = i;
      }
    }
    if (dropped >= 0) {
      dropCandidate(node, dropped, layer);
    }
    return dropped >= 0;
  }

  private void dropCandidate(int node, int candidate, int layer) {
    int neighbour = Keys.slot(candidates[candidate]);
    candidates[candidate] &= ~Keys.EXPANDED;
    unmark(neighbour);
    drop(neighbour, layer, node);
  }

  /**
   * Puts {@code extra}, which has no other link, between a node no two neighbours of which are
   * linked, and the farthest of these.
   */
  private void putBetween(int node, int extra, int n, int layer) {
    int farthest = n - 1;
    while (!isKept(farthest) || Keys.slot(candidates[farthest]) == extra) {
      farthest--;
    }
    int neighbour = Keys.slot(candidates[farthest]);
    dropCandidate(node, farthest, layer);
    append(extra, layer, neighbour);
    append(neighbour, layer, extra);
  }

  private boolean isKept(int candidate) {
    return (candidates[candidate] & Keys.EXPANDED) != 0;
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
    return isKept(candidate) && degree(Keys.slot(candidates[candidate]), layer) > floor;
  }

  // ---------------------------------------------------------------- closing holes

  private static int words(int bits) {
    return bits + 31 >>> 5;
  }

  /**
   * Joins {@code picked[0..left)}, which have lost a common neighbour, to each other. It still
   * holds {@code picked[left..n)}, which get no links but to keep layer 0 connected.
   */
  private void join(int left, int n, int layer) {
    int limit = layer == 0 ? joinLimit : m;
    findAdjacent(n, layer);
    measurePairs(left, n);
    for (int i = 0; i < n; i++) {
      gained[i] = 0;
      degrees[i] = degree(picked[i], layer);
    }
    int count = openPairs(left, n);
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
      unite(left, n);
    }
  }

  /**
   * Links those that have lost a neighbour until they hang together: through each other, or through
   * that neighbour if it still holds them.
   */
  private void unite(int left, int n) {
    parts = 0;
    for (int i = 0; i < n; i++) {
      component[i] = -1;
    }
    for (int i = n - 1; i >= 0; i--) {
      if (component[i] < 0) {
        // Those that are held are one part, and come first.
        if (i >= left) {
          for (int j = left; j < n; j++) {
            component[j] = 0;
          }
          for (int j = left; j < n; j++) {
            spread(j, n, 0);
          }
        } else {
          component[i] = parts;
          spread(i, n, parts);
        }
        parts++;
      }
    }
    while (parts > 1) {
      int a = -1;
      int b = -1;
      float best = Float.POSITIVE_INFINITY;
      for (int i = 0; i < left; i++) {
        for (int j = i + 1; j < n; j++) {
          if (component[i] != component[j]
              && degrees[i] < layer0Cap
              && degrees[j] < layer0Cap
              && (a < 0 || pairDistance[i * n + j] < best)) {
            a = i;
            b = j;
            best = pairDistance[i * n + j];
          }
        }
      }
      if (a >= 0) {
        pair(a, b, n, 0);
        merge(component[b], component[a], n);
      } else if (!uniteFull(left, n)) {
        return;
      }
    }
  }

  private void merge(int from, int to, int n) {
    for (int i = 0; i < n; i++) {
      component[i] = component[i] == from ? to : component[i];
    }
    parts--;
  }

  /** Connects two parts of which one has no room for another link. Seen with M below 4 only. */
  private boolean uniteFull(int left, int n) {
    for (int i = 0; i < left; i++) {
      for (int j = 0; j < n; j++) {
        if (component[i] == component[j]) {
          continue;
        }
        if (makeRoom(i) && makeRoom(j)) {
          pair(i, j, n, 0);
        } else if (degrees[i] <= layer0Cap - 2 && degrees[j] == layer0Cap) {
          // The first comes between the second and one of its neighbours.
          int neighbour = memory.getInt(links(picked[j], 0));
          if (!isLinked(neighbour, 0, picked[i])) { // else they are connected as it is
            drop(picked[j], 0, neighbour);
            drop(neighbour, 0, picked[j]);
            pair(i, j, n, 0);
            append(picked[i], 0, neighbour);
            append(neighbour, 0, picked[i]);
          }
        } else {
          continue;
        }
        for (int k = 0; k < n; k++) {
          degrees[k] = degree(picked[k], 0);
        }
        merge(component[j], component[i], n);
        return true;
      }
    }
    return false;
  }

  private void spread(int i, int n, int part) {
    int w = words(n);
    for (int word = 0; word < w; word++) {
      for (int bits = adjacency[i * w + word]; bits != 0; bits &= bits - 1) {
        int j = (word << 5) + Integer.numberOfTrailingZeros(bits);
        if (component[j] < 0) {
          component[j] = part;
          spread(j, n, part);
        }
      }
    }
  }

  /** Frees a place in the list of {@code picked[i]}, whose ends stay connected. */
  private boolean makeRoom(int i) {
    int node = picked[i];
    int degree = degree(node, 0);
    if (degree < layer0Cap) {
      return true;
    }
    int list = links(node, 0);
    for (int k = 0; k < degree; k++) {
      mark(memory.getInt(list + (k << 2)));
    }
    int spared = -1;
    for (int k = 0; k < degree && spared < 0; k++) {
      int neighbour = memory.getInt(list + (k << 2));
      if (hasMarkedNeighbour(neighbour)) {
        spared = neighbour;
      }
    }
    for (int k = 0; k < degree; k++) {
      unmark(memory.getInt(list + (k << 2)));
    }
    if (spared < 0) {
      return false;
    }
    drop(spared, 0, node);
    drop(node, 0, spared);
    degrees[i]--;
    return true;
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

  private void measurePairs(int left, int n) {
    for (int i = 0; i < n; i++) {
      memory.putInt(gathered + (i << 2), picked[i]);
    }
    for (int i = 0; i < left && i + 1 < n; i++) {
      distances.from(picked[i]);
      distances.batch(gathered + ((i + 1) << 2), n - i - 1);
      for (int j = i + 1; j < n; j++) {
        float d = distances.get(j - i - 1);
        pairDistance[i * n + j] = d;
        pairDistance[j * n + i] = d;
      }
    }
  }

  private int openPairs(int left, int n) {
    int most = left * (left - 1) / 2;
    if (pairs.length < most) {
      pairs = new long[most];
    }
    int count = 0;
    for (int i = 0; i < left; i++) {
      for (int j = i + 1; j < left; j++) {
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
}
