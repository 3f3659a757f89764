package dev.deltavec.client;

import java.io.ByteArrayOutputStream;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The messages of the live tail. Asks for no more while {@link #MAX_BYTES} wait to be taken, so
 * that who is slow slows the connection down.
 */
final class LiveTail implements WebSocket.Listener {
  private static final int MAX_BYTES = 4 << 20;
  private static final int MAX_MESSAGE = 64 << 20;

  /** The service pings every 15 s: who has not been heard for three of these is gone. */
  private static final long SILENCE = TimeUnit.SECONDS.toNanos(45);

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition news = lock.newCondition();
  private final ArrayDeque<byte[]> messages = new ArrayDeque<>();
  private final ByteArrayOutputStream part = new ByteArrayOutputStream();
  private final StringBuilder text = new StringBuilder();
  private @Nullable WebSocket socket;
  private long waiting;
  private boolean paused;
  private boolean stopped;
  private long heard = System.nanoTime();
  private @Nullable ClientException end;

  @Override
  public void onOpen(WebSocket webSocket) {
    lock.lock();
    try {
      socket = webSocket;
      heard = System.nanoTime();
    } finally {
      lock.unlock();
    }
    webSocket.request(1);
  }

  @Override
  public @Nullable CompletionStage<?> onBinary(WebSocket webSocket, ByteBuffer data, boolean last) {
    lock.lock();
    try {
      heard = System.nanoTime();
      if (part.size() + (long) data.remaining() > MAX_MESSAGE) {
        fail(new ClientException("CORRUPT_DATA", "a message of over 64 MiB", null));
        webSocket.abort();
        return null;
      }
      byte[] bytes = new byte[data.remaining()];
      data.get(bytes);
      part.writeBytes(bytes);
      if (last) {
        byte[] message = part.toByteArray();
        part.reset();
        messages.add(message);
        waiting += message.length;
        news.signalAll();
        paused = waiting >= MAX_BYTES;
      }
      if (!paused) {
        webSocket.request(1);
      }
    } finally {
      lock.unlock();
    }
    return null;
  }

  @Override
  public @Nullable CompletionStage<?> onText(WebSocket webSocket, CharSequence data, boolean last) {
    lock.lock();
    try {
      heard = System.nanoTime();
      text.append(data, 0, Math.min(data.length(), Math.max(0, MAX_BYTES - text.length())));
    } finally {
      lock.unlock();
    }
    webSocket.request(1);
    return null;
  }

  @Override
  public @Nullable CompletionStage<?> onPing(WebSocket webSocket, ByteBuffer message) {
    alive(webSocket);
    return null;
  }

  @Override
  public @Nullable CompletionStage<?> onPong(WebSocket webSocket, ByteBuffer message) {
    alive(webSocket);
    return null;
  }

  private void alive(WebSocket webSocket) {
    lock.lock();
    try {
      heard = System.nanoTime();
    } finally {
      lock.unlock();
    }
    webSocket.request(1);
  }

  @Override
  public @Nullable CompletionStage<?> onClose(WebSocket webSocket, int status, String reason) {
    lock.lock();
    try {
      int as =
          switch (status) {
            case 4001 -> 401;
            case 4009 -> 409;
            default -> 503;
          };
      String said = text.isEmpty() ? "" : text.toString();
      ClientException told = Gateway.refusal(as, said, null);
      fail(
          said.isEmpty()
              ? new ClientException(
                  as == 503 ? ClientException.UNAVAILABLE : told.code(),
                  "the service closed the connection: " + status + " " + reason,
                  as,
                  null,
                  -1,
                  null,
                  null)
              : told);
    } finally {
      lock.unlock();
    }
    return null;
  }

  @Override
  public void onError(WebSocket webSocket, Throwable error) {
    lock.lock();
    try {
      String why = error.getMessage() == null ? error.toString() : error.getMessage();
      fail(
          new ClientException(
              ClientException.UNAVAILABLE, "the connection is lost: " + why, error));
    } finally {
      lock.unlock();
    }
  }

  private void fail(ClientException why) {
    if (end == null) {
      end = why;
    }
    news.signalAll();
  }

  /**
   * Waits for messages.
   *
   * @return all that wait, but no more than about so many bytes; null if it was stopped
   * @throws ClientException how the connection ended, once all messages are taken
   */
  @Nullable ArrayDeque<byte[]> take(int bytes) throws InterruptedException {
    lock.lock();
    try {
      while (messages.isEmpty()) {
        if (stopped) {
          return null;
        }
        if (end != null) {
          throw end;
        }
        long left = heard + SILENCE - System.nanoTime();
        if (left <= 0) {
          throw new ClientException(
              ClientException.UNAVAILABLE, "nothing was heard for 45 s", null);
        }
        news.awaitNanos(left);
      }
      ArrayDeque<byte[]> taken = new ArrayDeque<>();
      for (int size = 0; !messages.isEmpty() && size < bytes; ) {
        byte[] message = messages.remove();
        size += message.length;
        taken.add(message);
      }
      return taken;
    } finally {
      lock.unlock();
    }
  }

  /** Notes that what was taken has been dealt with. */
  void done(long bytes) {
    lock.lock();
    try {
      waiting -= bytes;
      if (paused && waiting < MAX_BYTES) {
        paused = false;
        heard = System.nanoTime(); // nothing can be heard while nothing is asked for
        if (socket != null) {
          socket.request(1);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Lets {@link #take} return. */
  void stop() {
    lock.lock();
    try {
      stopped = true;
      messages.clear();
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
