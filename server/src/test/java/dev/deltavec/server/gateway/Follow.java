package dev.deltavec.server.gateway;

import com.fasterxml.jackson.databind.JsonNode;
import dev.deltavec.DeltaFrames;
import java.io.ByteArrayOutputStream;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A follower as clients are: by WebSocket or by server-sent events. */
abstract sealed class Follow implements AutoCloseable {
  private static final HttpClient CLIENT =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  /** Ids in the order in which they came. */
  final List<String> ids = new ArrayList<>();

  String cursor = "";
  int messages;
  int code;
  @Nullable JsonNode why;
  boolean over;
  @Nullable RuntimeException broken;

  static Follow socket(Fixture fixture, String query, String... headers) {
    return new Socket(fixture, query, headers);
  }

  static Follow events(Fixture fixture, String query, String... headers) {
    return new Events(fixture, query, headers);
  }

  @Override
  public abstract void close();

  synchronized int count() {
    if (broken != null) {
      throw broken;
    }
    return ids.size();
  }

  synchronized List<String> ids() {
    return List.copyOf(ids);
  }

  synchronized boolean over() {
    return over;
  }

  synchronized int code() {
    return code;
  }

  synchronized @Nullable String errorCode() {
    return why == null ? null : why.get("code").asText();
  }

  synchronized String cursor() {
    return cursor;
  }

  synchronized void add(byte[] frames) {
    for (String id : DeltaFrames.ids(frames)) {
      ids.add(String.valueOf(id));
    }
  }

  void awaitCount(int n) {
    Fixture.await(() -> count() >= n);
  }

  void awaitOver() {
    Fixture.await(this::over);
  }

  static final class Socket extends Follow implements WebSocket.Listener {
    private final ByteArrayOutputStream partial = new ByteArrayOutputStream();
    private final StringBuilder text = new StringBuilder();
    private final WebSocket socket;
    private final String epoch;
    private final long[] offsets;

    Socket(Fixture fixture, String query, String... headers) {
      epoch = fixture.log.epoch();
      offsets = new long[fixture.log.shards()];
      WebSocket.Builder builder = CLIENT.newWebSocketBuilder();
      String protocol = null;
      for (int i = 0; i < headers.length; i += 2) {
        if (headers[i].equals("protocol")) {
          protocol = headers[i + 1];
        } else {
          builder.header(headers[i], headers[i + 1]);
        }
      }
      if (protocol != null) {
        builder.subprotocols("deltavec.v1", protocol);
      }
      socket = builder.buildAsync(fixture.socketUri("/follow?" + query), this).join();
    }

    String protocol() {
      return socket.getSubprotocol();
    }

    WebSocket socket() {
      return socket;
    }

    @Override
    public synchronized @Nullable CompletionStage<?> onBinary(
        WebSocket from, ByteBuffer data, boolean last) {
      byte[] bytes = new byte[data.remaining()];
      data.get(bytes);
      partial.writeBytes(bytes);
      if (last) {
        try {
          read(partial.toByteArray());
        } catch (RuntimeException e) {
          broken = e;
        }
        partial.reset();
        messages++;
      }
      from.request(1);
      return null;
    }

    private void read(byte[] message) {
      int[] at = new int[1];
      while (at[0] < message.length) {
        int shard = (int) varint(message, at);
        long next = varint(message, at);
        int length = (int) varint(message, at);
        byte[] frames = new byte[length];
        System.arraycopy(message, at[0], frames, 0, length);
        at[0] += length;
        add(frames);
        if (next < offsets[shard]) {
          throw new IllegalStateException("offset " + next + " goes back");
        }
        offsets[shard] = next;
      }
      cursor = new dev.deltavec.server.tail.Cursor(epoch, offsets).toString();
    }

    private static long varint(byte[] bytes, int[] at) {
      long value = 0;
      for (int shift = 0; ; shift += 7) {
        byte b = bytes[at[0]++];
        value |= (b & 0x7fL) << shift;
        if (b >= 0) {
          return value;
        }
      }
    }

    @Override
    public synchronized @Nullable CompletionStage<?> onText(
        WebSocket from, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        why = Fixture.json(text.toString().getBytes(StandardCharsets.UTF_8));
        text.setLength(0);
      }
      from.request(1);
      return null;
    }

    @Override
    public synchronized @Nullable CompletionStage<?> onClose(
        WebSocket from, int status, String reason) {
      code = status;
      over = true;
      return null;
    }

    @Override
    public synchronized void onError(WebSocket from, Throwable error) {
      over = true;
    }

    @Override
    public void close() {
      socket.abort();
    }
  }

  static final class Events extends Follow {
    private final Stream<String> lines;
    private final Thread thread;

    Events(Fixture fixture, String query, String... headers) {
      var request =
          fixture
              .request("/follow?" + query)
              .timeout(Duration.ofSeconds(60))
              .header("Accept", "text/event-stream");
      if (headers.length > 0) {
        request.headers(headers);
      }
      HttpResponse<Stream<String>> response =
          CLIENT.sendAsync(request.build(), HttpResponse.BodyHandlers.ofLines()).join();
      code = response.statusCode();
      lines = response.body();
      if (code != 200) {
        why = Fixture.json(String.join("", lines.toList()).getBytes(StandardCharsets.UTF_8));
        over = true;
        thread = Thread.currentThread();
        return;
      }
      thread = Thread.ofVirtual().start(this::read);
    }

    private void read() {
      try {
        String event = "";
        String data = "";
        for (Iterator<String> all = lines.iterator(); all.hasNext(); ) {
          String line = all.next();
          if (line.startsWith("event: ")) {
            event = line.substring(7);
          } else if (line.startsWith("data: ")) {
            data = line.substring(6);
          } else if (line.startsWith("id: ")) {
            synchronized (this) {
              cursor = line.substring(4);
            }
          } else if (line.isEmpty()) {
            event(event, data);
            event = "";
            data = "";
          }
        }
      } catch (RuntimeException e) {
        synchronized (this) {
          broken = e instanceof java.io.UncheckedIOException ? null : e;
        }
      } finally {
        synchronized (this) {
          over = true;
        }
      }
    }

    private synchronized void event(String event, String data) {
      if (event.equals("deltas")) {
        add(Base64.getDecoder().decode(data));
        messages++;
      } else if (event.equals("error")) {
        why = Fixture.json(data.getBytes(StandardCharsets.UTF_8));
      }
    }

    @Override
    public void close() {
      lines.close();
      try {
        if (thread != Thread.currentThread()) {
          thread.join(TimeUnit.SECONDS.toMillis(1));
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
