package dev.deltavec.core.index;

import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.Metric;
import dev.deltavec.core.image.Codes;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import org.jspecify.annotations.Nullable;

/**
 * Keeps every live vector findable while vectors come, move and go.
 *
 * <p>A vector is in one of four places: linked into the graph; a duplicate in the group of a linked
 * node ({@link Groups}); beside the graph, as it is zero and has no direction; or in the queue, to
 * be linked. A linked node whose vector has moved far stands in the queue, too, to be relinked.
 * Searches try what is in the queue one by one, so nothing is lost while it waits.
 *
 * <p><b>Drift.</b> A node counts how far its vector has moved since it was linked, each change by
 * its length, so that the sum is never below the true distance. Movements under {@link #THRESHOLD}
 * of the reach of its links hardly cost recall and are left alone.
 *
 * <p>Once {@link #prepare} has succeeded, the rest cannot fail for want of linear memory.
 */
public final class Index {
  /**
   * A node is relinked when it has drifted by this part of the reach of its links, and at most by
   * this much of the unit length.
   */
  private static final float THRESHOLD = 0.3f;

  /** A full queue holds one in this many of the live vectors, or {@link #LEAST_QUEUE}. */
  private static final int QUEUE_SHARE = 8;

  private static final int LEAST_QUEUE = 128;

  /** The center of the codes is looked for first with so many vectors, then with each growth. */
  private static final int FIRST_TRAINING = 256;

  private static final int TRAINING_GROWTH = 8;

  private final Image image;
  private final Memory memory;
  private final Metric metric;
  private final @Nullable Codes codes;
  private final Nodes nodes;
  private final Hnsw graph;
  private final Groups groups;
  private final SlotList queue;
  private final SlotList zeros;
  private final Distances distances;
  private final @Nullable CodeDistances codeDistances;
  private int cursor;
  private int waiting;
  private int nextTraining = FIRST_TRAINING;

  /**
   * The index of an empty image.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public Index(Image image, Kernels kernels, DatabaseOptions options) {
    this.image = image;
    this.memory = image.memory();
    metric = options.metric();
    codes = image.codes();
    nodes = new Nodes(image);
    distances = new Distances(image, kernels, metric);
    codeDistances = codes == null ? null : new CodeDistances(image, codes, kernels, metric);
    graph = new Hnsw(image, nodes, codeDistances == null ? distances : codeDistances, options);
    groups = new Groups(image, nodes, graph);
    queue = new SlotList(image.heap(), image.root() + Image.QUEUE);
    zeros = new SlotList(image.heap(), image.root() + Image.ZEROS);
  }

  /**
   * Looks at the image's root again, as another instance may have changed what it names. O(1)
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}
   */
  public void refresh() {
    image.refresh();
    queue.refresh();
    zeros.refresh();
    graph.reserveVisited();
  }

  Nodes nodes() {
    return nodes;
  }

  Hnsw graph() {
    return graph;
  }

  Groups groups() {
    return groups;
  }

  SlotList queue() {
    return queue;
  }

  SlotList zeros() {
    return zeros;
  }

  Distances distances() {
    return distances;
  }

  @Nullable CodeDistances codeDistances() {
    return codeDistances;
  }

  /** Returns whether the slot's vector can be found. */
  public boolean contains(int slot) {
    return nodes.lives(slot);
  }

  /** Returns how many vectors are in the queue, to be linked or relinked. O(1) */
  public int pending() {
    return queue.size();
  }

  /** Returns how many of these are to be linked for the first time. O(1) */
  int waiting() {
    return waiting;
  }

  /** Returns the bytes of the layers above 0, the groups and the lists. */
  public long bytes() {
    return graph.upperBytes() + groups.blockBytes() + queue.bytes() + zeros.bytes();
  }

  /** Returns the bytes that the table of groups takes outside linear memory. */
  public long tableBytes() {
    return groups.tableBytes();
  }

  /** Returns the highest level of any node, 0 to 15. */
  public int topLevel() {
    return graph.topLevel();
  }

  // ---------------------------------------------------------------- snapshots

  int nextTraining() {
    return nextTraining;
  }

  int cursor() {
    return cursor;
  }

  /**
   * Makes nodes and links that were put into the image an index.
   *
   * @return false if they do not fit together; then {@link #reset} must follow
   */
  boolean restore(int entry, int level, long random, int training, int at) {
    int limit = image.slotLimit();
    int queued = 0;
    int beside = 0;
    for (int slot = 0; slot < limit; slot++) {
      int state = nodes.state(slot);
      waiting += state == Nodes.PENDING ? 1 : 0;
      queued += state == Nodes.PENDING || nodes.isQueued(slot) ? 1 : 0;
      beside += state == Nodes.ZERO ? 1 : 0;
    }
    try {
      queue.reserve(limit(image.slotCapacity()) + 2);
      queue.restore(queued);
      zeros.restore(beside);
      graph.restore(entry, level, random);
    } catch (DeltaException e) {
      return false;
    }
    nextTraining = Math.max(FIRST_TRAINING, training);
    cursor = Math.max(0, at);
    for (int slot = 0; slot < limit; slot++) {
      boolean zero = nodes.state(slot) == Nodes.ZERO;
      boolean inQueue = nodes.state(slot) == Nodes.PENDING || nodes.isQueued(slot);
      if ((zero || inQueue) && !(zero ? zeros : queue).put(nodes.position(slot), slot)) {
        return false;
      }
      if (nodes.lives(slot) && zero != isBeside(slot) && (zero || !inQueue)) {
        return false;
      }
    }
    return groups.restore();
  }

  /** Forgets where all vectors are; their nodes are the caller's to discard. */
  void reset() {
    groups.reset();
    queue.restore(0);
    zeros.restore(0);
    waiting = 0;
    cursor = 0;
    nextTraining = FIRST_TRAINING;
    graph.reset();
  }

  // ---------------------------------------------------------------- before the change

  /**
   * Gets all memory that a new vector can need.
   *
   * @throws DeltaException {@code OUT_OF_MEMORY}; nothing has changed
   */
  public void prepare(int slot) {
    queue.reserve(limit(image.slotCapacity()) + 2);
    graph.prepare(slot);
  }

  /** Undoes {@link #prepare} of a vector that did not get in. */
  public void discard(int slot) {
    graph.discard(slot);
  }

  /**
   * Gets the memory for zero vectors, if the slot's is one.
   *
   * @param more how many there may be that are not in yet, with this one
   * @throws DeltaException {@code OUT_OF_MEMORY}; nothing has changed
   */
  public void prepareZero(int slot, int more) {
    if (isBeside(slot)) {
      zeros.reserve(zeros.size() + more);
    }
  }

  /** Returns whether a vector has no place in the graph. */
  private boolean isBeside(int slot) {
    return metric != Metric.EUCLIDEAN && image.isZero(slot);
  }

  /**
   * Returns the length of a change, in the unit in which drift is told: of the vector's direction
   * under cosine, in parts of the vector under dot, as it is under euclidean.
   *
   * @param squared the squared length of the difference of the values
   * @param before the inverse norm before
   * @param after the inverse norm after
   */
  public float length(double squared, float before, float after) {
    if (metric == Metric.EUCLIDEAN) {
      return (float) Math.sqrt(squared);
    }
    if (before == 0 || after == 0) {
      return Float.MAX_VALUE;
    }
    double from = 1 / (double) before;
    double to = 1 / (double) after;
    if (metric == Metric.DOT) {
      return (float) (Math.sqrt(squared) / Math.max(from, to));
    }
    // |b/|b| - a/|a||^2 = (|b - a|^2 - (|b| - |a|)^2) / (|a| |b|)
    double growth = to - from;
    return (float) Math.sqrt(Math.max(0, squared - growth * growth) / (from * to));
  }

  // ---------------------------------------------------------------- the change

  /** Moves the codes' center if the number of vectors calls for it. Once before any inserts. */
  public void train() {
    if (codes == null || image.live() < nextTraining) {
      return;
    }
    nextTraining = (int) Math.min(Integer.MAX_VALUE, (long) image.live() * TRAINING_GROWTH);
    if (codes.train(image)) {
      regroup();
    }
  }

  private void regroup() {
    groups.clearTable();
    int limit = image.slotLimit();
    for (int slot = 0; slot < limit; slot++) {
      if (nodes.state(slot) == Nodes.LINKED) {
        groups.enter(slot, groups.hash(slot));
      }
    }
    for (int slot = 0; slot < limit; slot++) {
      if (nodes.state(slot) == Nodes.DUPLICATE && !groups.same(slot, nodes.groupNode(slot))) {
        groups.part(slot);
        enqueueNew(slot);
      }
    }
  }

  /**
   * Takes in a prepared vector. About 2,000 distances at M = 16 and efConstruction = 100, unless
   * another one has its codes.
   */
  public void insert(int slot) {
    if (isBeside(slot)) {
      addZero(slot);
    } else {
      link(slot);
    }
  }

  private void link(int slot) {
    int hash = groups.hash(slot);
    int node = groups.find(slot, hash);
    if (node < 0 || !groups.join(slot, node)) {
      graph.insert(slot);
      groups.enter(slot, hash);
    }
  }

  private void addZero(int slot) {
    nodes.setState(slot, Nodes.ZERO);
    nodes.setPosition(slot, zeros.add(slot));
  }

  /** Takes a vector out. About 300 distances at M = 16. */
  public void remove(int slot) {
    leave(slot);
    graph.discard(slot);
  }

  /** Takes a vector from where it is; it can be put elsewhere. */
  private void leave(int slot) {
    switch (nodes.state(slot)) {
      case Nodes.ZERO -> {
        remove(zeros, slot);
        nodes.setState(slot, Nodes.NONE);
      }
      case Nodes.PENDING -> dequeue(slot);
      case Nodes.DUPLICATE -> groups.part(slot);
      case Nodes.LINKED -> unlink(slot);
      default -> {
        // Prepared, not in yet.
      }
    }
  }

  private void unlink(int node) {
    boolean queued = nodes.isQueued(node);
    if (queued) {
      dequeue(node);
    }
    if (nodes.isGrouped(node)) {
      int heir = groups.promote(node);
      if (queued) {
        enqueue(heir);
      }
    } else {
      groups.leave(node);
      graph.remove(node);
    }
  }

  /**
   * Follows a change of a vector's values.
   *
   * @param slot a slot that is in; its floats and codes are the new ones
   * @param length of the change, as {@link #length} tells it
   */
  public void moved(int slot, float length) {
    int state = nodes.state(slot);
    if (isBeside(slot)) {
      if (state != Nodes.ZERO) {
        leave(slot);
        addZero(slot);
      }
      return;
    }
    switch (state) {
      case Nodes.LINKED -> nodeMoved(slot, length);
      case Nodes.DUPLICATE -> {
        int node = nodes.groupNode(slot);
        if (groups.same(slot, node)) {
          groups.unify(node);
        } else {
          groups.part(slot);
          enqueueNew(slot);
        }
      }
      case Nodes.ZERO -> {
        leave(slot);
        enqueueNew(slot);
      }
      default -> {
        // In the queue already.
      }
    }
  }

  private void nodeMoved(int node, float length) {
    if (nodes.isGrouped(node)) {
      int other = groups.firstUnlike(node, 0);
      if (other < 0) {
        groups.unify(node);
      } else {
        int heir = groups.lead(node, other);
        unlink(node);
        enqueueNew(node);
        // Others may have moved in the same batch, the way that the node went.
        for (int i = groups.firstUnlike(heir, 0); i >= 0; i = groups.firstUnlike(heir, i)) {
          int slot = memory.getInt(groups.members(heir) + (i << 2));
          groups.part(slot);
          enqueueNew(slot);
        }
      }
    } else if (!nodes.isQueued(node)) {
      float drift = nodes.drift(node) + length;
      if (drift <= threshold(node)) {
        nodes.setDrift(node, drift);
      } else {
        enqueue(node);
      }
    }
  }

  private float threshold(int node) {
    return switch (metric) {
      case COSINE -> THRESHOLD * Math.min(1, nodes.reach(node));
      case DOT -> THRESHOLD;
      case EUCLIDEAN -> THRESHOLD * nodes.reach(node);
    };
  }

  // ---------------------------------------------------------------- the queue

  private static int limit(int vectors) {
    return Math.max(LEAST_QUEUE, vectors / QUEUE_SHARE);
  }

  private void enqueueNew(int slot) {
    nodes.setState(slot, Nodes.PENDING);
    waiting++;
    add(slot);
  }

  private void enqueue(int node) {
    nodes.setQueued(node, true);
    add(node);
  }

  private void add(int slot) {
    nodes.setPosition(slot, queue.add(slot));
    // More than one at a time, as the limit may have come down with deletes.
    for (int i = 0; i < 2 && queue.size() > limit(image.live()); i++) {
      repairOne();
    }
  }

  private void dequeue(int slot) {
    remove(queue, slot);
    if (nodes.state(slot) == Nodes.PENDING) {
      nodes.setState(slot, Nodes.NONE);
      waiting--;
    } else {
      nodes.setQueued(slot, false);
      nodes.setDrift(slot, 0);
    }
  }

  private void remove(SlotList list, int slot) {
    int position = nodes.position(slot);
    int moved = list.remove(position);
    if (moved >= 0) {
      nodes.setPosition(moved, position);
    }
  }

  /**
   * Links or relinks vectors of the queue. Each costs about as much as an insertion.
   *
   * @param most how many, 0 or more
   * @return how many are left
   */
  public int repair(int most) {
    for (int i = 0; i < most && queue.size() > 0; i++) {
      repairOne();
    }
    return queue.size();
  }

  private void repairOne() {
    // The last one takes the place of the one removed, so the cursor goes round: none waits for
    // ever.
    cursor = cursor < queue.size() ? cursor : 0;
    int slot = queue.get(cursor++);
    boolean linked = nodes.state(slot) == Nodes.LINKED;
    dequeue(slot);
    if (!linked) {
      link(slot);
      return;
    }
    groups.leave(slot);
    int hash = groups.hash(slot);
    int node = nodes.isGrouped(slot) ? -1 : groups.find(slot, hash);
    if (node >= 0) {
      graph.remove(slot);
      if (groups.join(slot, node)) {
        return;
      }
      graph.insert(slot);
    } else {
      graph.relink(slot);
    }
    groups.enter(slot, hash);
  }

  // ---------------------------------------------------------------- statistics

  /** Returns the sum of the drift of all nodes that are not queued, and the largest. O(slots) */
  public double[] drift() {
    double sum = 0;
    double largest = 0;
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot++) {
      if (nodes.state(slot) == Nodes.LINKED && !nodes.isQueued(slot)) {
        double drift = nodes.drift(slot);
        sum += drift;
        largest = Math.max(largest, drift);
      }
    }
    int linked = linked();
    return new double[] {linked == queued() ? 0 : sum / (linked - queued()), largest};
  }

  /** Returns the number of linked nodes. O(1) */
  public int linked() {
    return image.live() - duplicates() - zeros.size() - waiting;
  }

  /** Returns the number of duplicates. O(1) */
  public int duplicates() {
    return groups.duplicates();
  }

  /** Returns the number of zero vectors that live beside the graph. O(1) */
  public int zeroVectors() {
    return zeros.size();
  }

  /** Returns the number of linked nodes that are queued. O(1) */
  int queued() {
    return queue.size() - waiting;
  }
}
