package dev.deltavec.server.gateway;

import dev.deltavec.server.tail.FollowException;
import dev.deltavec.server.tail.Message;
import dev.deltavec.server.tail.Sink;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** A follower by server-sent events, served by the thread of its request. */
final class EventSink implements Sink {
  private static final byte[] PING = ":\n\n".getBytes(StandardCharsets.US_ASCII);

  private final OutputStream out;
  private final Thread thread = Thread.currentThread();
  private boolean over;

  EventSink(OutputStream out) {
    this.out = out;
  }

  @Override
  public boolean socket() {
    return false;
  }

  @Override
  public void write(List<Message> messages) throws IOException {
    out.write(Message.events(messages));
    out.flush();
  }

  @Override
  public void ping() throws IOException {
    out.write(PING);
    out.flush();
  }

  @Override
  public void end(FollowException why) throws IOException {
    byte[] body = Json.write(ApiException.of(why).body());
    out.write("event: error\ndata: ".getBytes(StandardCharsets.US_ASCII));
    out.write(body);
    out.write("\n\n".getBytes(StandardCharsets.US_ASCII));
    out.flush();
  }

  /** Lets nobody interrupt the thread any more, as it goes on to something else. */
  synchronized void over() {
    over = true;
    Thread.interrupted();
  }

  @Override
  public boolean connected() {
    return true; // only writing tells
  }

  @Override
  public synchronized void kill() {
    if (!over) {
      thread.interrupt(); // a virtual thread that is interrupted in a write closes its socket
    }
  }
}
