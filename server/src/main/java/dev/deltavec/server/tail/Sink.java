package dev.deltavec.server.tail;

import java.io.IOException;
import java.util.List;

/** The connection to one follower. All but the last two are called by one thread. */
public interface Sink {
  /** Tells whether messages are sent as frames of a WebSocket, else as server-sent events. */
  boolean socket();

  /**
   * Sends messages, in their order; blocks until the connection has taken them.
   *
   * @throws IOException if the connection is gone
   */
  void write(List<Message> messages) throws IOException;

  /**
   * Sends a sign of life.
   *
   * @throws IOException if the connection is gone
   */
  void ping() throws IOException;

  /**
   * Waits until the other side is known to read messages, after a first sign of life, or some time
   * has passed.
   *
   * @throws InterruptedException if the thread was
   */
  default void awaitReader() throws InterruptedException {}

  /**
   * Tells the follower why it ends, and ends it.
   *
   * @throws IOException if the connection is gone
   */
  void end(FollowException why) throws IOException;

  /** Tells whether the connection is not known to be gone. Called by any thread. */
  boolean connected();

  /** Ends the connection, whatever is under way. Called by any thread, any number of times. */
  void kill();
}
