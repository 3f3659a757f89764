package dev.deltavec.server.search;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

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

  /**
   * Asks a node for a snapshot of one of its shards.
   *
   * @param url of the node
   * @param offset of the snapshot; negative for the newest
   * @return null if the node has none of that offset, or not the shard
   * @throws IOException if the node does not answer, or not as it should
   * @throws InterruptedException if the thread is interrupted
   */
  @Nullable Download snapshot(String url, int shard, long offset)
      throws IOException, InterruptedException;

  /**
   * A snapshot that another node sends.
   *
   * @param offset of the first record that is not in it
   * @param body frames
   */
  record Download(long offset, InputStream body) implements AutoCloseable {
    @Override
    public void close() throws IOException {
      body.close();
    }
  }
}
