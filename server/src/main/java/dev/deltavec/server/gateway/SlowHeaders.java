package dev.deltavec.server.gateway;

import io.helidon.http.Headers;
import io.helidon.http.HttpPrologue;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.http1.Http1ConnectionListener;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** Ends connections whose requests' headers do not come in time, a byte now and then. */
final class SlowHeaders implements Http1ConnectionListener, AutoCloseable {
  private static final long LOOK_MILLIS = 500;

  private final Map<ConnectionContext, Long> begun = new ConcurrentHashMap<>();
  private final long nanos;
  private final Thread thread;

  SlowHeaders(int millis) {
    nanos = TimeUnit.MILLISECONDS.toNanos(millis);
    thread = Thread.ofVirtual().name("deltavec-headers").start(this::look);
  }

  @Override
  public void prologue(ConnectionContext context, HttpPrologue prologue) {
    begun.put(context, System.nanoTime());
  }

  @Override
  public void headers(ConnectionContext context, Headers headers) {
    begun.remove(context);
  }

  private void look() {
    try {
      while (true) {
        Thread.sleep(LOOK_MILLIS);
        long now = System.nanoTime();
        begun.forEach((context, since) -> {
          if (now - since > nanos && begun.remove(context, since)) {
            try {
              context.serverSocket().close();
            } catch (RuntimeException e) {
              // It is closed.
            }
          }
        });
      }
    } catch (InterruptedException e) {
      // closed
    }
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
