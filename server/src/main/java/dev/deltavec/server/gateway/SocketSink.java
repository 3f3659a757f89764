package dev.deltavec.server.gateway;

import dev.deltavec.server.tail.FollowException;
import dev.deltavec.server.tail.Message;
import dev.deltavec.server.tail.Sink;
import io.helidon.common.buffers.BufferData;
import io.helidon.webserver.ConnectionContext;
import io.helidon.websocket.WsSession;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A follower by WebSocket. Its messages are written as frames that were made once for all, past the
 * session, which would copy each of them and keep a buffer for the largest.
 */
final class SocketSink implements Sink {
  private static final long LOOK_MILLIS = 10;
  private static final int CLOSE_LOOKS = 200;
  private static final long PONG_MILLIS = 2_000;

  private final WsSession session;
  private final ConnectionContext context;
  private final Thread connection = Thread.currentThread();
  private final CountDownLatch peerClosed = new CountDownLatch(1);
  private final CountDownLatch ponged = new CountDownLatch(1);

  /** The sink of a session, made by the thread of its connection. */
  SocketSink(WsSession session) {
    this.session = session;
    this.context = (ConnectionContext) session.socketContext();
  }

  @Override
  public boolean socket() {
    return true;
  }

  @Override
  public void write(List<Message> messages) {
    byte[] frame = Message.frame(messages);
    context.dataWriter().writeNow(BufferData.createReadOnly(frame, 0, frame.length));
  }

  @Override
  public void ping() {
    session.ping(BufferData.empty());
  }

  @Override
  public void end(FollowException why) {
    if (peerClosed.getCount() > 0 && connected()) {
      close(session, ApiException.of(why));
      try {
        boolean waiting = true;
        for (int n = 0; waiting && n < CLOSE_LOOKS && connected(); n++) {
          waiting = !peerClosed.await(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        }
        if (waiting) {
          kill();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Waits until a first ping is answered, or some time has passed. A client may still be about to
   * pass the connection from its reader of the handshake to that of frames: the JDK's {@code
   * java.net.http} mixes up what follows the handshake where that is more than 16 KiB. Who has
   * answered reads frames.
   */
  @Override
  public void awaitReader() throws InterruptedException {
    boolean waiting = true;
    for (long n = 0; waiting && n < PONG_MILLIS / LOOK_MILLIS && connected(); n++) {
      waiting = !ponged.await(LOOK_MILLIS, TimeUnit.MILLISECONDS);
    }
  }

  /** Notes that a ping was answered, or never will be. */
  void ponged() {
    ponged.countDown();
  }

  /** Says why, and closes. */
  static void close(WsSession session, ApiException why) {
    session.send(new String(Json.write(why.body()), StandardCharsets.UTF_8), true);
    session.close(why.closeCode(), why.code());
  }

  /** Notes that the other side has closed: nothing may be sent any more. */
  void peerClosed() {
    peerClosed.countDown();
    ponged.countDown();
  }

  @Override
  public boolean connected() {
    return connection.isAlive();
  }

  @Override
  public void kill() {
    try {
      context.serverSocket().close();
    } catch (RuntimeException e) {
      // It is closed.
    }
  }
}
