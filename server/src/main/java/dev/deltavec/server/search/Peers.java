package dev.deltavec.server.search;

import java.io.IOException;
import java.time.Duration;

/** How other nodes are asked. Safe for use by any number of threads; calls block. */
public interface Peers {
  /**
   * Asks a node to search some of its shards.
   *
   * @param url of the node
   * @param timeout after which it fails
   * @throws IOException if the node does not answer, or not as it should
   * @throws InterruptedException if the thread is interrupted
   */
  PartialAnswer search(String url, SearchRequest request, Duration timeout)
      throws IOException, InterruptedException;
}
