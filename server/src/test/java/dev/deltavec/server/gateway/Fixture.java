package dev.deltavec.server.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.deltavec.DeltaFrames;
import dev.deltavec.VectorDelta;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.MemoryDeltaLog;
import dev.deltavec.log.Shards;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.websocket.WsRouting;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** A gateway on a port of this machine, with a log in memory. */
final class Fixture implements AutoCloseable {
  static final int SHARDS = 4;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient CLIENT =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .followRedirects(HttpClient.Redirect.NORMAL)
          .build();

  final MemoryDeltaLog log;
  final FakeService service;
  final PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  final Gateway gateway;
  final WebServer server;
  final DeltaFrames frames = new DeltaFrames(FakeService.DIMENSIONS, 0);
  private int sequence;

  Fixture(Path directory, GatewayConfig config) {
    this(directory, config, new MemoryDeltaLog(SHARDS));
  }

  Fixture(Path directory, GatewayConfig config, MemoryDeltaLog log) {
    this.log = log;
    service = new FakeService(log, directory);
    gateway = new Gateway(config, service, log, meters);
    HttpRouting.Builder http = HttpRouting.builder();
    WsRouting.Builder sockets = WsRouting.builder();
    gateway.routing(http, sockets);
    WebServerConfig.Builder builder = WebServer.builder().host("127.0.0.1").port(0);
    gateway.configure(builder);
    server = builder.addRouting(http).addRouting(sockets).build().start();
    await(gateway.tail()::ready);
  }

  static GatewayConfig open() {
    return GatewayConfig.DEFAULTS.withAuth(GatewayConfig.Auth.OFF);
  }

  static void await(BooleanSupplier condition) {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("it has not come to be in time").isLessThan(until);
      try {
        Thread.sleep(1);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + server.port() + path);
  }

  URI socketUri(String path) {
    return URI.create("ws://127.0.0.1:" + server.port() + path);
  }

  Socket connect() throws IOException {
    return new Socket(InetAddress.getLoopbackAddress(), server.port());
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(uri(path)).timeout(Duration.ofSeconds(20));
  }

  static HttpResponse<byte[]> send(HttpRequest request) {
    try {
      return CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  HttpResponse<byte[]> get(String path) {
    return send(request(path).build());
  }

  HttpResponse<byte[]> post(String path, String type, byte[] body, String... headers) {
    HttpRequest.Builder request =
        request(path)
            .header("Content-Type", type)
            .POST(HttpRequest.BodyPublishers.ofByteArray(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return send(request.build());
  }

  HttpResponse<byte[]> postFrames(byte[] body, String... headers) {
    return post("/deltas", Call.FRAMES, body, headers);
  }

  static JsonNode json(HttpResponse<byte[]> response) {
    return json(response.body());
  }

  static JsonNode json(byte[] body) {
    try {
      return JSON.readTree(body);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static void assertError(HttpResponse<byte[]> response, int status, String code) {
    assertThat(new String(response.body(), java.nio.charset.StandardCharsets.UTF_8))
        .contains("\"code\":\"" + code + "\"");
    assertThat(response.statusCode()).isEqualTo(status);
    assertThat(json(response).get("message").asText()).isNotEmpty();
  }

  /** Returns a delta that makes a vector, as a frame that stands alone. */
  synchronized byte[] frame(String id) {
    return frame(id, System.currentTimeMillis());
  }

  synchronized byte[] frame(String id, long time) {
    return frames
        .encode(VectorDelta.create(id, new float[] {1, 2, 3, 4}), time, ++sequence, 77)
        .frame();
  }

  static byte[] join(List<byte[]> arrays) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    arrays.forEach(out::writeBytes);
    return out.toByteArray();
  }

  /** Appends a record for each id, past the gateway. */
  void append(String... ids) {
    for (String id : ids) {
      log.append(List.of(new DeltaLog.Part(Shards.of(id, log.shards()), frame(id)))).join();
    }
  }

  /** Appends one batch that spans shards. */
  void appendBatch(List<String> ids) {
    TreeMap<Integer, List<byte[]>> parts = new TreeMap<>();
    for (String id : ids) {
      parts.computeIfAbsent(Shards.of(id, log.shards()), n -> new ArrayList<>()).add(frame(id));
    }
    List<DeltaLog.Part> list = new ArrayList<>();
    parts.forEach((shard, some) -> list.add(new DeltaLog.Part(shard, join(some))));
    log.append(list).join();
  }

  /** Returns the cursor of the beginning. */
  String zero() {
    return cursor(new long[log.shards()]);
  }

  /** Returns the cursor of the end of the log. */
  String now() {
    long[] ends = new long[log.shards()];
    for (int i = 0; i < ends.length; i++) {
      ends[i] = log.end(i);
    }
    return cursor(ends);
  }

  String cursor(long... offsets) {
    return new dev.deltavec.server.tail.Cursor(log.epoch(), offsets).toString();
  }

  /** Returns an id of a shard. */
  String idOf(int shard, String prefix) {
    for (int i = 0; ; i++) {
      if (Shards.of(prefix + i, log.shards()) == shard) {
        return prefix + i;
      }
    }
  }

  double metric(String name, String... tags) {
    return meters.get(name).tags(tags).counter().count();
  }

  @Override
  public void close() {
    gateway.close();
    server.stop();
    log.close();
    frames.close();
  }
}
