package dev.deltavec.core.index;

import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Memory;

/**
 * Checks every invariant of an index: each live vector in exactly one place, links in range and the
 * same from both ends, levels, the entry, the lists, and that every node is reached from the entry
 * on layer 0. O(links x M)
 *
 * <p>Trusts nothing it reads but addresses of pages; it is what an import asks.
 */
public final class IndexCheck {
  private final Image image;
  private final Memory memory;
  private final Index index;
  private final Nodes nodes;
  private final Hnsw graph;

  private int linked;
  private int duplicates;
  private int zeros;
  private int pending;
  private int queued;
  private int unreachable;
  private int brokenLinks;
  private int asymmetric;
  private int badLevels;
  private int badEntry;
  private int badLists;
  private int firstBad = -1;

  /** Links found from both ends, less those that lead to a lower slot. */
  private int balance;

  /** Whether every link is looked up from the other end. */
  private boolean thorough;

  /**
   * A check.
   *
   * @param index what is to be checked, with {@link #run}
   */
  public IndexCheck(Image image, Index index) {
    this.image = image;
    this.memory = image.memory();
    this.index = index;
    nodes = index.nodes();
    graph = index.graph();
  }

  /** Checks. */
  public IndexCheck run() {
    IndexCheck quick = once();
    if (balance == 0 && asymmetric == 0) {
      return quick;
    }
    IndexCheck again = new IndexCheck(image, index);
    again.thorough = true;
    return again.once();
  }

  private IndexCheck once() {
    int top = -1;
    for (int slot = 0, limit = image.slotLimit(); slot < limit; slot++) {
      if (nodes.lives(slot) != image.occupied(slot)) {
        badLists++;
        bad(slot);
      }
      switch (nodes.state(slot)) {
        case Nodes.LINKED -> {
          top = Math.max(top, nodes.level(slot));
          checkNode(slot);
        }
        case Nodes.DUPLICATE -> checkDuplicate(slot);
        case Nodes.ZERO -> {
          zeros++;
          checkPlace(index.zeros(), slot);
        }
        case Nodes.PENDING -> {
          pending++;
          checkPlace(index.queue(), slot);
        }
        default -> {
          // Free.
        }
      }
    }
    badLists += index.queue().size() == pending + queued ? 0 : 1;
    badLists += index.zeros().size() == zeros && index.duplicates() == duplicates ? 0 : 1;
    badLists += index.linked() == linked ? 0 : 1;
    checkEntry(top);
    return this;
  }

  /** Returns whether nothing was wrong. */
  public boolean isGood() {
    return unreachable + brokenLinks + asymmetric + badLevels + badEntry + badLists == 0;
  }

  private void bad(int slot) {
    firstBad = firstBad < 0 ? slot : firstBad;
  }

  private void checkNode(int slot) {
    linked++;
    int level = nodes.level(slot);
    if (level < 0 || level > Hnsw.MAX_LEVEL) {
      badLevels++;
      bad(slot);
      return;
    }
    if (nodes.isQueued(slot)) {
      queued++;
      checkPlace(index.queue(), slot);
    }
    if (nodes.isGrouped(slot) && index.groups().size(slot) == 0) {
      badLists++;
      bad(slot);
    }
    for (int layer = 0; layer <= level; layer++) {
      int degree = graph.degree(slot, layer);
      if (degree < 0 || degree > graph.capacity(layer)) {
        badLevels++;
        bad(slot);
        continue;
      }
      int list = graph.links(slot, layer);
      for (int i = 0; i < degree; i++) {
        checkLink(slot, layer, memory.getInt(list + (i << 2)), list, i);
      }
    }
  }

  private void checkLink(int slot, int layer, int neighbour, int list, int position) {
    if (neighbour < 0
        || neighbour >= image.slotLimit()
        || neighbour == slot
        || nodes.state(neighbour) != Nodes.LINKED) {
      brokenLinks++;
      bad(slot);
      return;
    }
    if (nodes.level(neighbour) < layer) {
      badLevels++;
      bad(slot);
      return;
    }
    for (int i = 0; i < position; i++) {
      if (memory.getInt(list + (i << 2)) == neighbour) {
        brokenLinks++;
        bad(slot);
      }
    }
    // Half of the links are looked up from the other end. If as many lead down as up, all have
    // their
    // counterpart, as no list has one twice.
    if (slot > neighbour && !thorough) {
      balance--;
    } else if (isLinked(neighbour, layer, slot)) {
      balance++;
    } else {
      asymmetric++;
      bad(slot);
    }
  }

  private boolean isLinked(int from, int layer, int to) {
    int degree = Math.min(graph.degree(from, layer), graph.capacity(layer));
    int list = graph.links(from, layer);
    for (int end = list + (degree << 2); list != end; list += 4) {
      if (memory.getInt(list) == to) {
        return true;
      }
    }
    return false;
  }

  private void checkDuplicate(int slot) {
    duplicates++;
    int node = nodes.groupNode(slot);
    if (node < 0
        || node >= image.slotLimit()
        || nodes.state(node) != Nodes.LINKED
        || !nodes.isGrouped(node)
        || Integer.compareUnsigned(nodes.position(slot), index.groups().size(node)) >= 0
        || memory.getInt(index.groups().members(node) + (nodes.position(slot) << 2)) != slot
        || !index.groups().same(slot, node)) {
      badLists++;
      bad(slot);
    }
  }

  private void checkPlace(SlotList list, int slot) {
    int position = nodes.position(slot);
    if (Integer.compareUnsigned(position, list.size()) >= 0 || list.get(position) != slot) {
      badLists++;
      bad(slot);
    }
  }

  private void checkEntry(int top) {
    int entry = graph.entry();
    if (top < 0) {
      badEntry = entry == -1 ? 0 : 1;
      return;
    }
    if (entry < 0
        || entry >= image.slotLimit()
        || nodes.state(entry) != Nodes.LINKED
        || nodes.level(entry) != top
        || graph.topLevel() != top) {
      badEntry = 1;
      bad(Math.max(entry, 0));
      unreachable = linked;
      return;
    }
    if (brokenLinks == 0 && badLevels == 0) {
      boolean[] reached = new boolean[image.slotLimit()];
      int count = reach(entry, reached);
      unreachable = linked - count;
      for (int slot = 0; unreachable > 0 && firstBad < 0; slot++) {
        if (nodes.state(slot) == Nodes.LINKED && !reached[slot]) {
          bad(slot);
        }
      }
    }
  }

  private int reach(int entry, boolean[] reached) {
    int[] stack = new int[linked];
    int size = 1;
    int count = 1;
    stack[0] = entry;
    reached[entry] = true;
    while (size > 0) {
      int node = stack[--size];
      int list = graph.links(node, 0);
      for (int end = list + (graph.degree(node, 0) << 2); list != end; list += 4) {
        int neighbour = memory.getInt(list);
        if (!reached[neighbour]) {
          reached[neighbour] = true;
          stack[size++] = neighbour;
          count++;
        }
      }
    }
    return count;
  }

  /**
   * Writes what was found: thirteen 32-bit words, as {@code docs/abi.md} lists them for {@code
   * dv_check}.
   */
  public void write(int at) {
    int[] words = {
      image.live(),
      linked,
      duplicates,
      zeros,
      pending,
      queued,
      unreachable,
      brokenLinks,
      asymmetric,
      badLevels,
      badEntry,
      badLists,
      firstBad
    };
    for (int i = 0; i < words.length; i++) {
      memory.putInt(at + (i << 2), words[i]);
    }
  }
}
