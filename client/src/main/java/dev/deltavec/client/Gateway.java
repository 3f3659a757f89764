package dev.deltavec.client;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Speaks the protocol of a service, one call at a time for each thread. */
final class Gateway implements AutoCloseable {
  static final String FRAMES = "application/vnd.deltavec.frames";
  static final String JSON = "application/json";

  private static final Duration CONNECT = Duration.ofSeconds(10);
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final int MAX_ERROR_BYTES = 1 << 16;
  private static final int MAX_REDIRECTS = 5;
  private static final Pattern TOKEN = Pattern.compile("[\\w.~+/=-]+");
  static final ObjectMapper MAPPER = new ObjectMapper();

  private final URI base;
  private final @Nullable Supplier<String> token;
  private final HttpClient http;
  private final boolean own;
  private final Set<CompletableFuture<?>> calls = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  Gateway(URI base, @Nullable Supplier<String> token, @Nullable HttpClient http) {
    String scheme = base.getScheme();
    if (!"http".equals(scheme) && !"https".equals(scheme) || base.getHost() == null) {
      throw new IllegalArgumentException("gateway must be a URL of http or https, not " + base);
    }
    String text = base.toString();
    this.base = text.endsWith("/") ? base : URI.create(text + "/");
    this.token = token;
    own = http == null;
    this.http =
        http == null
            ? HttpClient.newBuilder()
                .connectTimeout(CONNECT)
                .version(HttpClient.Version.HTTP_1_1)
                .build()
            : http;
  }

  /** What the service is, and what the token lets one read of it: prefixes, or all if empty. */
  record Hello(ServiceInfo info, String prefix) {}

  /** Asks what the service is. */
  ServiceInfo info() throws InterruptedException {
    return hello().info();
  }

  /** Asks what the service is, and what one may read. */
  Hello hello() throws InterruptedException {
    HttpResponse<InputStream> response = send(get("info"));
    String prefix = response.headers().firstValue("Deltavec-Prefix").orElse("");
    return new Hello(info(json(response)), prefix);
  }

  private ServiceInfo info(JsonNode info) {
    int shards = info.path("shards").asInt();
    String epoch = info.path("epoch").asText();
    int dimensions = info.path("dimensions").asInt();
    if (shards < 1 || dimensions < 1 || epoch.isEmpty() || info.path("version").asInt() != 1) {
      throw new ClientException(
          "UNSUPPORTED_VERSION", base + " is no service of deltavec, or of another version", null);
    }
    return new ServiceInfo(
        shards,
        epoch,
        dimensions,
        info.path("grid").asInt(),
        info.path("metric").asText(),
        Duration.ofMillis(info.path("retentionMs").asLong()));
  }

  /** Frames, and what the headers say of them. */
  record Part(InputStream body, long bytes, long offset, long end, String epoch)
      implements AutoCloseable {
    @Override
    public void close() {
      try {
        body.close();
      } catch (IOException e) {
        // nobody reads it any more
      }
    }
  }

  /** Begins to read a snapshot of a shard. */
  Part snapshot(int shard, String query) throws InterruptedException {
    HttpResponse<InputStream> response;
    try {
      response = send(get("shards/" + shard + "/snapshot" + query.replaceFirst("^&", "?")));
    } catch (ClientException e) {
      if (e.status() == 404) { // what we were led to has been replaced by a newer one
        throw new ClientException(
            ClientException.UNAVAILABLE, "a snapshot is gone before it was read", e);
      }
      throw e;
    }
    return new Part(
        response.body(),
        response.headers().firstValueAsLong("Content-Length").orElse(-1),
        number(response, "Deltavec-Offset"),
        -1,
        header(response, "Deltavec-Epoch"));
  }

  /** Begins to read a chunk of a shard's deltas. */
  Part deltas(int shard, long since, String epoch, String query) throws InterruptedException {
    HttpResponse<InputStream> response =
        send(
            get(
                "shards/"
                    + shard
                    + "/deltas?since="
                    + since
                    + "&epoch="
                    + Filter.encoded(epoch)
                    + query));
    return new Part(
        response.body(),
        response.headers().firstValueAsLong("Content-Length").orElse(-1),
        number(response, "Deltavec-Next"),
        number(response, "Deltavec-End"),
        header(response, "Deltavec-Epoch"));
  }

  /** Posts a body and returns the answer. */
  JsonNode post(
      String path, String type, byte[] body, Map<String, String> headers, Duration timeout)
      throws InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(base.resolve(path))
            .timeout(timeout)
            .header("Content-Type", type)
            .header("Accept", JSON)
            .POST(BodyPublishers.ofByteArray(body));
    headers.forEach(request::header);
    return json(send(request));
  }

  JsonNode post(String path, String type, byte[] body, Map<String, String> headers)
      throws InterruptedException {
    return post(path, type, body, headers, ANSWER);
  }

  /** Opens the live tail. */
  WebSocket follow(String cursor, String query, WebSocket.Listener listener)
      throws InterruptedException {
    String path = "follow?since=" + Filter.encoded(cursor) + query;
    URI http = base.resolve(path);
    URI uri = URI.create("ws" + http.toString().substring("http".length()));
    WebSocket.Builder builder =
        this.http.newWebSocketBuilder().connectTimeout(CONNECT).subprotocols("deltavec.v1");
    if (token != null) {
      builder.header("Authorization", bearer(token));
    }
    try {
      return await(builder.buildAsync(uri, listener));
    } catch (ExecutionException | CancellationException e) {
      Throwable cause = cause(e);
      if (cause instanceof WebSocketHandshakeException refused && refused.getResponse() != null) {
        HttpResponse<?> response = refused.getResponse();
        throw refusal(response, response.body() instanceof String text ? text : "");
      }
      throw unavailable(uri, cause);
    }
  }

  /** Asks for the token. No message quotes it, as others would that find fault with a header. */
  private static String bearer(Supplier<String> source) {
    String text;
    try {
      text = source.get();
    } catch (RuntimeException e) {
      throw new ClientException(
          ClientException.UNAVAILABLE,
          "there is no token now: who is asked for it has thrown " + e.getClass().getSimpleName(),
          e);
    }
    String trimmed = text == null ? "" : text.trim();
    if (!TOKEN.matcher(trimmed).matches()) {
      throw new ClientException(
          "UNAUTHENTICATED",
          trimmed.isEmpty()
              ? "the token is empty"
              : "the token has characters that no token has, such as spaces or line breaks",
          null);
    }
    return "Bearer " + trimmed;
  }

  private HttpRequest.Builder get(String path) {
    return HttpRequest.newBuilder(base.resolve(path)).timeout(ANSWER).GET();
  }

  /** Sends a request and follows redirects; the token goes to the same origin only. */
  private HttpResponse<InputStream> send(HttpRequest.Builder builder) throws InterruptedException {
    HttpRequest.Builder next = builder;
    for (int redirects = 0; ; redirects++) {
      URI uri = next.build().uri();
      if (token != null && sameOrigin(uri)) {
        next.setHeader("Authorization", bearer(token));
      }
      HttpResponse<InputStream> response;
      try {
        response = await(http.sendAsync(next.build(), BodyHandlers.ofInputStream()));
      } catch (ExecutionException | CancellationException e) {
        throw unavailable(uri, cause(e));
      }
      int status = response.statusCode();
      String location = response.headers().firstValue("Location").orElse(null);
      if (status / 100 == 3 && location != null && redirects < MAX_REDIRECTS) {
        text(response); // so that the connection can be used again
        next = HttpRequest.newBuilder(uri.resolve(location)).timeout(ANSWER).GET();
        continue;
      }
      if (status / 100 != 2) {
        throw refusal(response, text(response));
      }
      return response;
    }
  }

  /** Waits for an answer, or until this is closed. */
  private <T> T await(CompletableFuture<T> call) throws InterruptedException, ExecutionException {
    calls.add(call);
    try {
      if (closed) {
        call.cancel(true);
      }
      return call.get();
    } finally {
      calls.remove(call);
    }
  }

  private static Throwable cause(Exception e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return cause instanceof CompletionException && cause.getCause() != null
        ? cause.getCause()
        : cause;
  }

  private boolean sameOrigin(URI uri) {
    return base.getScheme().equals(uri.getScheme())
        && base.getHost().equalsIgnoreCase(uri.getHost())
        && base.getPort() == uri.getPort();
  }

  private static String text(HttpResponse<InputStream> response) {
    try (InputStream body = response.body()) {
      return new String(body.readNBytes(MAX_ERROR_BYTES), java.nio.charset.StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }

  private static JsonNode json(HttpResponse<InputStream> response) {
    try (InputStream body = response.body()) {
      return MAPPER.readTree(body);
    } catch (JacksonException e) {
      throw new ClientException(
          "CORRUPT_DATA", response.uri() + " has not answered with JSON: " + e.getMessage(), e);
    } catch (IOException e) {
      throw unavailable(response.uri(), e);
    }
  }

  /** Makes an error of one that the service told by HTTP. */
  private static ClientException refusal(HttpResponse<?> response, String body) {
    Duration wait =
        response
            .headers()
            .firstValue("Retry-After")
            .filter(text -> text.matches("\\d{1,6}"))
            .map(text -> Duration.ofSeconds(Long.parseLong(text)))
            .orElse(null);
    return refusal(response.statusCode(), body, wait);
  }

  /** Makes an error of what the service said. */
  static ClientException refusal(int status, String body, @Nullable Duration wait) {
    JsonNode error;
    try {
      error = MAPPER.readTree(body);
    } catch (JacksonException e) {
      error = MissingNode.getInstance();
    }
    String code = error.path("code").asText("");
    String message = error.path("message").asText("");
    return new ClientException(
        code.isEmpty() ? codeOf(status) : code,
        message.isEmpty() ? "the service answers with status " + status : message,
        status,
        error.path("vectorId").textValue(),
        error.path("index").asInt(-1),
        wait,
        null);
  }

  private static String codeOf(int status) {
    return switch (status) {
      case 401 -> "UNAUTHENTICATED";
      case 403 -> "FORBIDDEN";
      case 404 -> "NOT_FOUND";
      case 413 -> "TOO_LARGE";
      case 415 -> "UNSUPPORTED_MEDIA_TYPE";
      case 429 -> "RATE_LIMITED";
      case 504 -> "DEADLINE";
      default -> status >= 500 ? ClientException.UNAVAILABLE : "INVALID_ARGUMENT";
    };
  }

  static ClientException unavailable(URI uri, Throwable cause) {
    String why = cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    return new ClientException(
        ClientException.UNAVAILABLE,
        uri.getScheme() + "://" + uri.getAuthority() + " cannot be reached: " + why,
        cause);
  }

  private static String header(HttpResponse<?> response, String name) {
    return response
        .headers()
        .firstValue(name)
        .orElseThrow(() ->
            new ClientException(
                "CORRUPT_DATA", response.uri() + " has answered without " + name, null));
  }

  private static long number(HttpResponse<?> response, String name) {
    String text = header(response, name);
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new ClientException("CORRUPT_DATA", name + " is no number: " + text, e);
    }
  }

  /** Ends all calls. */
  @Override
  public void close() {
    closed = true;
    calls.forEach(call -> call.cancel(true));
    if (own) {
      http.shutdownNow();
    }
  }
}
