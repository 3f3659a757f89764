package dev.deltavec.core.index;

import dev.deltavec.core.image.Codes;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Memory;

/**
 * The search graph in a snapshot: a head, and a record for each vector ({@code docs/format.md}).
 *
 * <p>Records that are read are kept in the image as they are, with the snapshot's slots, until
 * {@link #finish} translates and checks them all. What is wrong with the graph costs the graph, not
 * the vectors: it is then built anew.
 */
public final class GraphArchive {
  /** Bytes of the head before the center. */
  private static final int HEAD_BYTES = 36;

  /** Bytes of a record before its links: slot, and three words of the node's record. */
  private static final int NODE_BYTES = 16;

  /** Bytes that upper blocks may take beyond twice what was read of them. */
  private static final int SLACK = 1 << 16;

  private static final int STATE = 2;
  private static final int QUEUED = 8;

  private final Image image;
  private final Memory memory;
  private final Index index;
  private final Nodes nodes;
  private final Hnsw graph;

  private boolean good = true;
  private int entry;
  private int topLevel;
  private long random;
  private int nextTraining;
  private int cursor;
  private long read;

  /** The graph of an index. */
  public GraphArchive(Image image, Index index) {
    this.image = image;
    this.memory = image.memory();
    this.index = index;
    nodes = index.nodes();
    graph = index.graph();
  }

  // ---------------------------------------------------------------- writing

  /** Returns the bytes of the head. */
  public int headBytes() {
    return HEAD_BYTES + (isCentered() ? image.dimensions() << 2 : 0);
  }

  private boolean isCentered() {
    Codes codes = image.codes();
    return codes != null && image.keepsFloats();
  }

  /** Writes the head and returns the address behind it. */
  public int writeHead(int to) {
    Codes codes = image.codes();
    memory.putInt(to, graph.entry() + 1);
    memory.putInt(to + 4, graph.topLevel());
    memory.putLong(to + 8, graph.random());
    memory.putInt(to + 16, index.nextTraining());
    memory.putInt(to + 20, index.cursor());
    memory.putFloat(to + 24, codes == null ? 0 : codes.storedUnit());
    memory.putFloat(to + 28, codes == null ? 0 : codes.centerSquares());
    memory.putInt(to + 32, isCentered() ? 1 : 0);
    if (codes != null && isCentered()) {
      memory.copy(codes.center(), to + HEAD_BYTES, image.dimensions() << 2);
    }
    return to + headBytes();
  }

  /** Returns the most bytes that a vector's record takes. */
  public int nodeBound(int slot) {
    return NODE_BYTES
        + (graph.capacity(0) << 2)
        + nodes.level(slot) * (4 + (graph.capacity(1) << 2));
  }

  /** Writes a vector's record and returns the address behind it. */
  public int writeNode(int slot, int to) {
    int node = image.node(slot);
    memory.putInt(to, slot);
    memory.putInt(to + 4, memory.getInt(node));
    memory.putInt(to + 8, memory.getInt(node + 8));
    memory.putInt(to + 12, memory.getInt(node + 12));
    int at = copy(graph.links(slot, 0), to + NODE_BYTES, nodes.degree(slot));
    for (int layer = 1; layer <= nodes.level(slot); layer++) {
      int degree = graph.degree(slot, layer);
      memory.putInt(at, degree);
      at = copy(graph.links(slot, layer), at + 4, degree);
    }
    return at;
  }

  private int copy(int list, int to, int degree) {
    memory.copy(list, to, degree << 2);
    return to + (degree << 2);
  }

  /** Returns a hash of a record. */
  public int hash(int from, int to) {
    long h = 0x9E3779B97F4A7C15L;
    for (int i = from; i != to; i += 4) {
      h = (h ^ memory.getInt(i)) * 0x9FB21C651E98DF25L;
      h ^= h >>> 32;
    }
    return (int) h;
  }

  // ---------------------------------------------------------------- reading

  /** Notes that what was read of the graph is of no use. */
  public void spoil() {
    good = false;
  }

  /** Reads the head. */
  public void readHead(int at, int bytes) {
    int center = isCentered() ? image.dimensions() << 2 : 0;
    if (bytes != HEAD_BYTES + center || memory.getInt(at + 32) != (center == 0 ? 0 : 1)) {
      spoil();
      return;
    }
    entry = memory.getInt(at) - 1;
    topLevel = memory.getInt(at + 4);
    random = memory.getLong(at + 8);
    nextTraining = memory.getInt(at + 16);
    cursor = memory.getInt(at + 20);
    Codes codes = image.codes();
    if (codes != null && center != 0) {
      good &= codes.restore(memory.getFloat(at + 24), memory.getFloat(at + 28), at + HEAD_BYTES);
    }
  }

  /**
   * Reads the record of a vector.
   *
   * @param slot the vector's slot here
   * @param at address of the record
   * @param end address behind the last byte that may be read
   * @return the address behind the record; {@code end} if it is of no use
   */
  public int readNode(int slot, int at, int end) {
    forget(slot);
    int degree = memory.getByte(at + 4) & 0xff;
    int level = memory.getByte(at + 5);
    int state = memory.getByte(at + 6) & (7 | QUEUED);
    boolean linked = (state & 7) == Nodes.LINKED;
    int links = at + NODE_BYTES;
    if (level < 0
        || level > Hnsw.MAX_LEVEL
        || degree > graph.capacity(0)
        || degree << 2 > end - links
        || !(linked || (degree == 0 && state < QUEUED && state != Nodes.NONE))
        || state > (QUEUED | Nodes.PENDING)) {
      spoil();
      return end;
    }
    int start = at;
    int node = image.node(slot);
    memory.putInt(node, memory.getInt(at + 4));
    memory.putByte(node + STATE, (byte) state);
    memory.putByte(node + 1, (byte) 0);
    memory.putInt(node + 8, memory.getInt(at + 8));
    memory.putInt(node + 12, memory.getInt(at + 12));
    memory.copy(links, image.links(slot), degree << 2);
    int next = links + (degree << 2);
    if (level > 0 && (graph.upperBytes() > SLACK + 2 * read || !graph.giveLevel(slot, level))) {
      spoil();
      return end;
    }
    for (int layer = 1; layer <= level; layer++) {
      int n = end - next < 4 ? -1 : memory.getInt(next);
      if (n < 0 || n > graph.capacity(layer) || n << 2 > end - next - 4 || (n > 0 && !linked)) {
        spoil();
        return end;
      }
      memory.copy(next, graph.links(slot, layer) - 4, 4 + (n << 2));
      next += 4 + (n << 2);
    }
    read += next - start;
    return next;
  }

  /** Returns the bytes of a record that must be there for {@link #readNode}. */
  public static int leastBytes() {
    return NODE_BYTES;
  }

  /** Forgets what was read of a vector. */
  public void forget(int slot) {
    graph.discard(slot);
  }

  /**
   * Puts the graph together when all vectors are in and encoded.
   *
   * @param map the slot here of each slot of the snapshot, -1 for none
   * @param slots how many slots the snapshot has
   * @return whether the graph is whole; else there is none, for {@link #rebuild}
   */
  public boolean finish(int[] map, int slots) {
    if (good) {
      good = translate(map, slots) && index.restore(entry, topLevel, random, nextTraining, cursor);
    }
    if (good) {
      good = new IndexCheck(image, index).run().isGood();
    }
    return good;
  }

  private boolean translate(int[] map, int slots) {
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot++) {
      int state = nodes.state(slot);
      if (state == Nodes.DUPLICATE) {
        int node = translated(nodes.groupNode(slot), map, slots);
        if (node < 0) {
          return false;
        }
        nodes.setGroupNode(slot, node);
      }
      for (int layer = 0; state == Nodes.LINKED && layer <= nodes.level(slot); layer++) {
        int list = graph.links(slot, layer);
        for (int end = list + (graph.degree(slot, layer) << 2); list != end; list += 4) {
          int neighbour = translated(memory.getInt(list), map, slots);
          if (neighbour < 0) {
            return false;
          }
          memory.putInt(list, neighbour);
        }
      }
    }
    entry = entry == -1 ? -1 : translated(entry, map, slots);
    return true;
  }

  private static int translated(int slot, int[] map, int slots) {
    return slot >= 0 && slot < slots ? map[slot] : -1;
  }

  /**
   * Builds the graph anew from the vectors. O(vectors) insertions
   *
   * @throws dev.deltavec.core.DeltaException {@code OUT_OF_MEMORY}
   */
  public void rebuild() {
    int limit = image.slotLimit();
    index.reset();
    for (int slot = 0; slot < limit; slot++) {
      graph.discard(slot);
    }
    index.train();
    for (int slot = 0; slot < limit; slot++) {
      if (image.occupied(slot)) {
        index.prepare(slot);
        index.prepareZero(slot, 1);
        index.insert(slot);
      }
    }
  }
}
