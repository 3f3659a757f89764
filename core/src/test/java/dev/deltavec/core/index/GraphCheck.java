package dev.deltavec.core.index;

import dev.deltavec.core.image.Image;
import dev.deltavec.core.memory.Memory;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Checks every invariant of a graph. */
public final class GraphCheck {
  private GraphCheck() {}

  /** Returns what is wrong, or null. */
  public static @Nullable String wrong(Image image, Hnsw graph) {
    Memory memory = image.memory();
    int nodes = 0;
    int top = -1;
    for (int slot = 0; slot < image.slotLimit(); slot++) {
      if (graph.contains(slot) != image.occupied(slot)) {
        return "slot " + slot + " is occupied or in the graph, not both";
      }
      if (!graph.contains(slot)) {
        continue;
      }
      nodes++;
      top = Math.max(top, graph.level(slot));
      for (int layer = 0; layer <= graph.level(slot); layer++) {
        int degree = graph.degree(slot, layer);
        if (degree > graph.cap(layer)) {
          return "slot " + slot + " has degree " + degree + " on layer " + layer;
        }
        Set<Integer> seen = new HashSet<>();
        for (int i = 0; i < degree; i++) {
          int neighbour = memory.getInt(graph.links(slot, layer) + 4 * i);
          if (neighbour < 0
              || neighbour >= image.slotLimit()
              || neighbour == slot
              || !seen.add(neighbour)) {
            return "slot " + slot + " has a bad link " + neighbour + " on layer " + layer;
          }
          if (!graph.contains(neighbour) || graph.level(neighbour) < layer) {
            return "slot " + slot + " links to " + neighbour + ", which is not on layer " + layer;
          }
          if (!linked(memory, graph, neighbour, slot, layer)) {
            return "slot "
                + slot
                + " links to "
                + neighbour
                + " on layer "
                + layer
                + ", not the other way";
          }
        }
      }
    }
    if (nodes != image.live()) {
      return nodes + " nodes, but " + image.live() + " live vectors";
    }
    if (nodes == 0) {
      return graph.entry() == -1 ? null : "an empty graph has entry " + graph.entry();
    }
    if (!graph.contains(graph.entry())
        || graph.level(graph.entry()) != top
        || graph.topLevel() != top) {
      return "entry " + graph.entry() + " is not a node of the top level " + top;
    }
    int reached = reached(image, graph);
    return reached == nodes
        ? null
        : (nodes - reached) + " of " + nodes + " nodes cannot be reached on layer 0";
  }

  private static boolean linked(Memory memory, Hnsw graph, int from, int to, int layer) {
    for (int i = 0; i < graph.degree(from, layer); i++) {
      if (memory.getInt(graph.links(from, layer) + 4 * i) == to) {
        return true;
      }
    }
    return false;
  }

  private static int reached(Image image, Hnsw graph) {
    Set<Integer> seen = new HashSet<>();
    ArrayDeque<Integer> queue = new ArrayDeque<>();
    seen.add(graph.entry());
    queue.add(graph.entry());
    for (Integer node = queue.poll(); node != null; node = queue.poll()) {
      for (int i = 0; i < graph.degree(node, 0); i++) {
        int neighbour = image.memory().getInt(graph.links(node, 0) + 4 * i);
        if (seen.add(neighbour)) {
          queue.add(neighbour);
        }
      }
    }
    return seen.size();
  }
}
