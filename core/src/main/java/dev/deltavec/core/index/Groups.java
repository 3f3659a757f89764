package dev.deltavec.core.index;

import dev.deltavec.core.image.Codes;
import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.Memory;
import org.jspecify.annotations.Nullable;

/**
 * Vectors with the same codes share one linked node: many at the same place would link to each
 * other only, and a walk that gets there never leaves.
 *
 * <p>A table from the hash of the codes, as they were when a node was linked, to the node (open
 * addressing, linear probing, load at most 2/3; derived from the image). A node that stands for
 * others has a group: a block of the capacity, the number of duplicates, whether they all have the
 * node's very floats, 0, and the duplicates' slots.
 */
final class Groups {
  private static final int HEADER = 16;
  private static final int FIRST_CAPACITY = 4;

  private final Image image;
  private final Memory memory;
  private final Heap heap;
  private final Nodes nodes;
  private final Hnsw graph;
  private final @Nullable Codes codes;

  /** Slot + 1, or 0 for nothing. */
  private int[] table = new int[64];

  private int size;
  private int duplicates;
  private long blockBytes;

  Groups(Image image, Nodes nodes, Hnsw graph) {
    this.image = image;
    this.memory = image.memory();
    this.heap = image.heap();
    this.nodes = nodes;
    this.graph = graph;
    codes = image.codes();
  }

  /** Returns the number of duplicates: vectors in groups, without the nodes. */
  int duplicates() {
    return duplicates;
  }

  long tableBytes() {
    return 4L * table.length;
  }

  long blockBytes() {
    return blockBytes;
  }

  // ---------------------------------------------------------------- the table

  /** Returns a hash of what two vectors of a group have in common. */
  int hash(int slot) {
    if (codes != null) {
      return codes.hash(slot);
    }
    long h = 0x9E3779B97F4A7C15L;
    int row = image.vector(slot);
    for (int i = row, end = row + (image.stride() << 2); i != end; i += 8) {
      h = (h ^ memory.getLong(i)) * 0x9FB21C651E98DF25L;
      h ^= h >>> 32;
    }
    return (int) h;
  }

  /** Returns whether two vectors belong into one group. */
  boolean same(int a, int b) {
    return codes != null ? codes.same(a, b) : sameFloats(a, b);
  }

  private boolean sameFloats(int a, int b) {
    int rowA = image.vector(a);
    int rowB = image.vector(b);
    for (int i = 0, end = image.stride() << 2; i < end; i += 8) {
      if (memory.getLong(rowA + i) != memory.getLong(rowB + i)) {
        return false;
      }
    }
    return true;
  }

  /** Returns a linked node with the same codes, or -1. */
  int find(int slot, int hash) {
    int mask = table.length - 1;
    for (int i = hash & mask; table[i] != 0; i = i + 1 & mask) {
      int node = table[i] - 1;
      if (nodes.hash(node) == hash && node != slot && same(node, slot)) {
        return node;
      }
    }
    return -1;
  }

  /** Enters a linked node by its hash, which is noted with it. */
  void enter(int node, int hash) {
    nodes.setHash(node, hash);
    if (++size * 3 > table.length * 2) {
      int[] old = table;
      table = new int[old.length * 2];
      for (int entry : old) {
        if (entry != 0) {
          put(entry);
        }
      }
    }
    put(node + 1);
  }

  private void put(int entry) {
    int mask = table.length - 1;
    int i = nodes.hash(entry - 1) & mask;
    while (table[i] != 0) {
      i = i + 1 & mask;
    }
    table[i] = entry;
  }

  /** Takes a linked node out of the table. */
  void leave(int node) {
    int i = place(node);
    size--;
    int mask = table.length - 1;
    // Entries behind it move up, unless they stand at or after their own place already.
    for (int j = i + 1 & mask; table[j] != 0; j = j + 1 & mask) {
      int home = nodes.hash(table[j] - 1) & mask;
      if ((j - home & mask) >= (j - i & mask)) {
        table[i] = table[j];
        i = j;
      }
    }
    table[i] = 0;
  }

  private int place(int node) {
    int mask = table.length - 1;
    int i = nodes.hash(node) & mask;
    while (table[i] != node + 1) {
      i = i + 1 & mask;
    }
    return i;
  }

  /** Empties the table. */
  void clearTable() {
    table = new int[table.length];
    size = 0;
  }

  // ---------------------------------------------------------------- snapshots

  /**
   * Makes the groups of nodes and duplicates that were put into the image, and enters the nodes.
   * O(slots)
   *
   * @return false if they do not fit together, or there is no memory
   */
  boolean restore() {
    int limit = image.slotLimit();
    int[] counts = new int[limit];
    for (int slot = 0; slot < limit; slot++) {
      if (nodes.state(slot) == Nodes.DUPLICATE) {
        duplicates++;
        if (nodes.state(nodes.groupNode(slot)) != Nodes.LINKED) {
          return false;
        }
        counts[nodes.groupNode(slot)]++;
      }
    }
    for (int slot = 0; slot < limit; slot++) {
      if (nodes.state(slot) == Nodes.LINKED) {
        enter(slot, nodes.hash(slot));
        if (counts[slot] > 0 && !newGroup(slot, counts[slot])) {
          return false;
        }
      }
    }
    for (int slot = 0; slot < limit; slot++) {
      if (nodes.state(slot) == Nodes.DUPLICATE) {
        int node = nodes.groupNode(slot);
        int position = nodes.position(slot);
        if (Integer.compareUnsigned(position, counts[node]) >= 0) {
          return false;
        }
        memory.putInt(members(node) + (position << 2), slot);
        if (!(image.keepsFloats() && sameFloats(slot, node))) {
          unify(node);
        }
      }
    }
    return true;
  }

  private boolean newGroup(int node, int count) {
    int capacity = FIRST_CAPACITY;
    while (capacity < count) {
      capacity *= 2;
    }
    int block = heap.allocate(bytes(capacity));
    if (block == 0) {
      return false;
    }
    blockBytes += bytes(capacity);
    memory.clear(block, bytes(capacity));
    memory.putInt(block, capacity);
    memory.putInt(block + 4, count);
    memory.putInt(block + 8, 1);
    graph.setGroup(node, block);
    nodes.setGrouped(node, true);
    return true;
  }

  /** Forgets all groups, and frees them. */
  void reset() {
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot++) {
      if (nodes.isGrouped(slot)) {
        int bytes = bytes(memory.getInt(graph.group(slot)));
        heap.free(graph.group(slot), bytes);
        blockBytes -= bytes;
        graph.setGroup(slot, 0);
        nodes.setGrouped(slot, false);
      }
    }
    clearTable();
    duplicates = 0;
  }

  // ---------------------------------------------------------------- groups

  /** Returns the number of duplicates of a linked node. */
  int size(int node) {
    return nodes.isGrouped(node) ? memory.getInt(graph.group(node) + 4) : 0;
  }

  /** Returns the address of the slots of a node's duplicates. */
  int members(int node) {
    return graph.group(node) + HEADER;
  }

  /**
   * Returns the position of the first duplicate from one on that is not the same as its node, -1 if
   * all are.
   */
  int firstUnlike(int node, int from) {
    for (int i = from, size = size(node); i < size; i++) {
      if (!same(node, memory.getInt(members(node) + (i << 2)))) {
        return i;
      }
    }
    return -1;
  }

  /** Makes the duplicate at a position the one that {@link #promote} takes; returns it. */
  int lead(int node, int position) {
    int first = members(node);
    int at = first + (position << 2);
    int slot = memory.getInt(at);
    int before = memory.getInt(first);
    memory.putInt(at, before);
    nodes.setPosition(before, position);
    memory.putInt(first, slot);
    nodes.setPosition(slot, 0);
    return slot;
  }

  /** Returns whether all of a node's duplicates have its very floats. */
  boolean isUniform(int node) {
    return memory.getInt(graph.group(node) + 8) != 0;
  }

  /**
   * Makes a slot a duplicate of a node.
   *
   * @return false if there is no memory; nothing has changed
   */
  boolean join(int slot, int node) {
    int group = nodes.isGrouped(node) ? graph.group(node) : 0;
    int count = group == 0 ? 0 : memory.getInt(group + 4);
    int capacity = group == 0 ? 0 : memory.getInt(group);
    if (count == capacity) {
      int wanted = Math.max(FIRST_CAPACITY, capacity * 2);
      int block = heap.allocate(bytes(wanted));
      if (block == 0) {
        return false;
      }
      if (group == 0) {
        memory.clear(block, HEADER);
        memory.putInt(block + 8, 1);
      } else {
        memory.copy(group, block, bytes(capacity));
        heap.free(group, bytes(capacity));
      }
      blockBytes += bytes(wanted) - (group == 0 ? 0 : bytes(capacity));
      memory.putInt(block, wanted);
      group = block;
      graph.setGroup(node, group);
      nodes.setGrouped(node, true);
    }
    if (!(image.keepsFloats() && sameFloats(slot, node))) {
      memory.putInt(group + 8, 0);
    }
    memory.putInt(group + HEADER + (count << 2), slot);
    memory.putInt(group + 4, count + 1);
    nodes.setState(slot, Nodes.DUPLICATE);
    nodes.setPosition(slot, count);
    nodes.setGroupNode(slot, node);
    duplicates++;
    return true;
  }

  /** Notes that the floats of a node or of a duplicate have changed, but not their codes. */
  void unify(int node) {
    if (nodes.isGrouped(node)) {
      memory.putInt(graph.group(node) + 8, 0);
    }
  }

  /** Takes a duplicate out of its group. */
  void part(int slot) {
    int node = nodes.groupNode(slot);
    int group = graph.group(node);
    int last = memory.getInt(group + 4) - 1;
    int position = nodes.position(slot);
    int moved = memory.getInt(group + HEADER + (last << 2));
    memory.putInt(group + HEADER + (position << 2), moved);
    nodes.setPosition(moved, position);
    memory.putInt(group + 4, last);
    duplicates--;
    nodes.setState(slot, Nodes.NONE);
    if (last == 0) {
      int bytes = bytes(memory.getInt(group));
      heap.free(group, bytes);
      blockBytes -= bytes;
      graph.setGroup(node, 0);
      nodes.setGrouped(node, false);
    }
  }

  /**
   * Puts a duplicate in the place of its node, which is not linked any more and may have other
   * codes. The node must not be queued.
   *
   * @return the duplicate, now the node
   */
  int promote(int node) {
    int hash = nodes.hash(node);
    int at = place(node);
    int heir = memory.getInt(members(node));
    part(heir);
    graph.replace(node, heir);
    nodes.setHash(heir, hash);
    table[at] = heir + 1;
    for (int i = 0, n = size(heir); i < n; i++) {
      nodes.setGroupNode(memory.getInt(members(heir) + (i << 2)), heir);
    }
    return heir;
  }

  private static int bytes(int capacity) {
    return HEADER + (capacity << 2);
  }
}
