package dev.deltavec.server.gateway;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.server.auth.AuthException;
import dev.deltavec.server.auth.Scopes;
import dev.deltavec.server.auth.Subject;
import dev.deltavec.server.auth.TokenOptions;
import dev.deltavec.server.auth.Tokens;
import dev.deltavec.server.node.ServiceInfo;
import dev.deltavec.server.node.ShardService;
import dev.deltavec.server.tail.Cursor;
import dev.deltavec.server.tail.Filter;
import dev.deltavec.server.tail.Follower;
import dev.deltavec.server.tail.Tail;
import dev.deltavec.server.tail.TailOptions;
import io.helidon.common.socket.SocketOptions;
import io.helidon.cors.CrossOriginConfig;
import io.helidon.http.DirectHandler;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Headers;
import io.helidon.http.Method;
import io.helidon.http.Status;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.cors.CorsSupport;
import io.helidon.webserver.http.DirectHandlers;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.RoutingResponse;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.websocket.WsConfig;
import io.helidon.webserver.websocket.WsRouting;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The gateway of a service: what {@code docs/gateway.md} and {@code openapi.yaml} describe.
 *
 * {@snippet :
 * Gateway gateway = new Gateway(config, service, log, meters);
 * HttpRouting.Builder http = HttpRouting.builder();
 * WsRouting.Builder sockets = WsRouting.builder();
 * gateway.routing(http, sockets);
 * WebServerConfig.Builder builder = WebServer.builder().port(8080);
 * gateway.configure(builder);
 * WebServer server = builder.addRouting(http).addRouting(sockets).build().start();
 * // at the end:
 * gateway.drain();
 * gateway.close();
 * server.stop();
 * }
 */
public final class Gateway implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Gateway.class.getName());

  /** Headers that are not those of an error. */
  private static final List<HeaderName> OF_SUCCESS =
      List.of(
          HeaderNames.ETAG,
          HeaderNames.CONTENT_LENGTH,
          HeaderNames.CONTENT_ENCODING,
          HeaderNames.VARY,
          Call.BYTES,
          Call.NEXT,
          Call.END);

  private static final int MAX_SOCKET_FRAME = 4 << 10;
  private static final int VERSION = 1;

  private final GatewayConfig config;
  private final ShardService service;
  private final ServiceInfo info;
  private final DeltaLog log;
  private final MeterRegistry meters;
  private final RateLimits rates;
  private final Tail tail;
  private final Appends appends;
  private final Snapshots snapshots;
  private final Chunks chunks;
  private final Searches searches;
  private final SlowHeaders slowHeaders;
  private final @Nullable Tokens tokens;
  private final byte[] openApi;
  private final List<String> routes = new ArrayList<>();
  private volatile boolean draining;

  /** What a request needs a right for. */
  private enum Need {
    NOTHING,
    READ,
    WRITE,
    METRICS
  }

  /** Answers a request. */
  private interface Action {
    void handle(Call call) throws IOException, InterruptedException;
  }

  /**
   * A gateway, which begins to read the log.
   *
   * @param service what it asks of the node
   * @param log closed by its owner, after the gateway
   * @param meters where requests and followers are counted; what {@code /metrics} shows, if it is
   *     one of Prometheus
   * @throws IllegalArgumentException if the configuration is not good
   */
  public Gateway(GatewayConfig config, ShardService service, DeltaLog log, MeterRegistry meters) {
    this(config, service, log, meters, InstantSource.system());
  }

  /** A gateway by another clock, for tests. */
  Gateway(
      GatewayConfig config,
      ShardService service,
      DeltaLog log,
      MeterRegistry meters,
      InstantSource clock) {
    this.config = config;
    this.service = service;
    this.log = log;
    this.meters = meters;
    tokens = config.auth().off() ? null : tokens(config.auth());
    openApi = resource();
    info = service.info();
    rates = new RateLimits(config.limits());
    tail = new Tail(log, options(config.follow()), meters);
    appends = new Appends(log, info, config, rates, clock, meters);
    snapshots = new Snapshots(service, info, config);
    chunks = new Chunks(tail, info, config);
    searches = new Searches(service, info, config.limits());
    slowHeaders = new SlowHeaders(config.limits().headerMs());
  }

  private static Tokens tokens(GatewayConfig.Auth auth) {
    String secret = auth.secret();
    String file = auth.secretFile();
    if (file != null) {
      if (secret != null) {
        throw new IllegalArgumentException("auth has both a secret and a secretFile");
      }
      try {
        secret = Files.readString(Path.of(file)).strip();
      } catch (IOException e) {
        throw new IllegalArgumentException("auth.secretFile cannot be read: " + file, e);
      }
    }
    return new Tokens(
        new TokenOptions(
            secret,
            auth.jwks(),
            auth.issuer(),
            auth.audience(),
            Duration.ofSeconds(auth.leewaySeconds())));
  }

  private static TailOptions options(GatewayConfig.Follow follow) {
    return new TailOptions(
        follow.maxQueue(),
        follow.maxBehind(),
        Duration.ofMillis(follow.tickMs()),
        Duration.ofMillis(follow.pingMs()),
        Duration.ofMillis(follow.writeMs()),
        follow.liveBytes(),
        follow.chunkBytes(),
        follow.readers());
  }

  private static byte[] resource() {
    try (InputStream in = Gateway.class.getResourceAsStream("/openapi.yaml")) {
      if (in == null) {
        throw new IllegalStateException("openapi.yaml is not there");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ---------------------------------------------------------------- set-up

  /** Adds all routes. */
  public void routing(HttpRouting.Builder http, WsRouting.Builder sockets) {
    if (!config.cors().origins().isEmpty()) {
      http.register(
          CorsSupport.builder()
              .addCrossOrigin(
                  CrossOriginConfig.builder()
                      .allowOrigins(config.cors().origins().toArray(new String[0]))
                      .allowMethods("GET", "POST")
                      .allowHeaders(
                          "Authorization",
                          "Content-Type",
                          "Last-Event-ID",
                          "If-None-Match",
                          "Deltavec-Client",
                          "Deltavec-Sequence")
                      .exposeHeaders(
                          "Deltavec-Offset",
                          "Deltavec-Epoch",
                          "Deltavec-Next",
                          "Deltavec-End",
                          "Deltavec-Prefix",
                          "Deltavec-Bytes",
                          "ETag",
                          "Retry-After")
                      .maxAgeSeconds(config.cors().maxAgeSeconds())
                      .build())
              .build());
    }
    route(http, Method.GET, "/info", Need.READ, this::info);
    route(http, Method.GET, "/shards/{shard}/snapshot", Need.READ, snapshots::newest);
    route(http, Method.GET, "/shards/{shard}/snapshot/{epoch}/{offset}", Need.READ, snapshots::at);
    route(http, Method.GET, "/shards/{shard}/deltas", Need.READ, chunks::handle);
    route(http, Method.GET, "/follow", Need.READ, this::follow);
    route(http, Method.POST, "/deltas", Need.WRITE, appends::handle);
    route(http, Method.POST, "/search", Need.READ, searches::handle);
    route(http, Method.GET, "/health", Need.NOTHING, call -> call.json(Map.of("status", "alive")));
    route(http, Method.GET, "/ready", Need.NOTHING, this::ready);
    route(http, Method.GET, "/metrics", Need.METRICS, this::metrics);
    route(http, Method.GET, "/openapi.yaml", Need.NOTHING, this::openApi);
    sockets.endpoint("/follow", () -> new FollowSocket(this));
  }

  /**
   * Sets limits, timeouts and answers to what is no request of a server; leaves address, port and
   * routing alone.
   */
  public void configure(WebServerConfig.Builder server) {
    GatewayConfig.Limits limits = config.limits();
    Duration idle = Duration.ofMillis(Math.max(60_000, 4L * config.follow().pingMs()));
    long read = Math.max(limits.readMs(), 3L * config.follow().pingMs());
    server
        .addProtocol(
            Http1Config.builder()
                .name("http_1_1")
                .maxPrologueLength(limits.maxUrl())
                .maxHeadersSize(limits.maxHeaders())
                .receiveLog(false)
                .sendLog(false)
                .addReceiveListener(slowHeaders)
                .build())
        .addProtocol(WsConfig.builder().maxFrameLength(MAX_SOCKET_FRAME).build())
        .protocolsDiscoverServices(false)
        .maxTcpConnections(limits.maxConnections())
        .idleConnectionTimeout(idle)
        .idleConnectionPeriod(Duration.ofSeconds(10))
        .writeBufferSize(32 << 10)
        .connectionOptions(
            SocketOptions.builder().readTimeout(Duration.ofMillis(read)).tcpNoDelay(true).build())
        .directHandlers(direct());
  }

  private static DirectHandlers direct() {
    DirectHandler handler =
        (request, type, status, headers, message) -> {
          boolean encoded =
              status.code() == 400 && request.headers().contains(HeaderNames.CONTENT_ENCODING);
          ApiException error =
              switch (encoded ? 415 : status.code()) {
                case 404 -> ApiException.notFound("there is nothing here");
                case 405 -> new ApiException(405, "NOT_FOUND", "there is no such method here");
                case 413 -> ApiException.tooLarge("the request is too large");
                case 414 -> new ApiException(414, "TOO_LARGE", "the request's line is too long");
                case 415 -> ApiException.mediaType("the body must not be encoded");
                case 431 -> new ApiException(431, "TOO_LARGE", "the headers are too large");
                case 503 -> ApiException.unavailable("the server is busy");
                default ->
                    status.code() >= 500
                        ? new ApiException(500, "INTERNAL", "something went wrong here")
                        : new ApiException(
                            status.code(), "INVALID_ARGUMENT", "the request is not good");
              };
          return DirectHandler.TransportResponse.builder()
              .status(Status.create(error.status()))
              .headers(headers)
              .header(HeaderNames.CONTENT_TYPE, "application/json")
              .entity(new String(Json.write(error.body()), StandardCharsets.UTF_8))
              .build();
        };
    DirectHandlers.Builder handlers = DirectHandlers.builder();
    for (DirectHandler.EventType type : DirectHandler.EventType.values()) {
      handlers.addHandler(type, handler);
    }
    return handlers.build();
  }

  /** Returns all routes, as {@code METHOD /path}. */
  List<String> routes() {
    return List.copyOf(routes);
  }

  private void route(
      HttpRouting.Builder http, Method method, String path, Need need, Action action) {
    routes.add(method.text() + " " + path);
    http.route(method, path, (request, response) -> answer(path, need, action, request, response));
  }

  private void answer(
      String path, Need need, Action action, ServerRequest request, ServerResponse response) {
    long begin = System.nanoTime();
    int status;
    try {
      action.handle(call(need, request, response));
      status = response.status().code();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      status = refuse(ApiException.unavailable("the node is about to end"), request, response);
    } catch (IOException | RuntimeException e) {
      if (response.isSent() || isGone(e)) {
        throw e instanceof RuntimeException unchecked
            ? unchecked
            : new UncheckedIOException((IOException) e);
      }
      status = refuse(refused(e, path), request, response);
    }
    Timer.builder("deltavec.gateway.requests")
        .tag("route", path)
        .tag("status", Integer.toString(status))
        .register(meters)
        .record(System.nanoTime() - begin, TimeUnit.NANOSECONDS);
  }

  private static boolean isGone(Throwable error) {
    for (Throwable e = error; e != null; e = e.getCause()) {
      if (e instanceof SocketException) {
        return true;
      }
    }
    return false;
  }

  /** Counts what is refused, logs what is a fault of ours, and returns what to answer. */
  ApiException refused(Throwable error, String path) {
    ApiException answer = ApiException.of(error);
    if (answer.status() == 500) {
      LOG.log(System.Logger.Level.ERROR, "a request of " + path + " failed", error);
    }
    meters.counter("deltavec.gateway.refused", "code", answer.code()).increment();
    return answer;
  }

  private static int refuse(ApiException why, ServerRequest request, ServerResponse response) {
    if (response instanceof RoutingResponse routing) {
      routing.resetStream(); // headers stay: those of CORS are among them
    }
    for (HeaderName name : OF_SUCCESS) {
      response.headers().remove(name);
    }
    response.status(Status.create(why.status()));
    response.header(HeaderNames.CONTENT_TYPE, "application/json");
    response.header(HeaderNames.CACHE_CONTROL, "no-store");
    if (why.status() == 401) {
      response.header(HeaderNames.WWW_AUTHENTICATE, "Bearer");
    }
    if (why.retryAfter() > 0) {
      response.header(HeaderNames.RETRY_AFTER, Long.toString(why.retryAfter()));
    }
    boolean unread = unread(request);
    if (unread) {
      response.header(HeaderValues.CONNECTION_CLOSE); // or the whole body would be read
    }
    response.send(Json.write(why.body()));
    if (unread) {
      linger(request);
    }
    return why.status();
  }

  private static boolean unread(ServerRequest request) {
    try {
      return request.content().hasEntity() && !request.content().consumed();
    } catch (RuntimeException e) {
      return true; // it is encoded in a way that is not known
    }
  }

  /**
   * Takes some of what is still coming: a connection that is closed before would be reset, and the
   * answer lost.
   */
  private static void linger(ServerRequest request) {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
    byte[] buffer = new byte[32 << 10];
    try {
      InputStream in = request.content().inputStream();
      for (int left = 4 << 20; left > 0 && System.nanoTime() < until; ) {
        int n = in.read(buffer);
        if (n < 0) {
          return;
        }
        left -= n;
      }
    } catch (IOException | RuntimeException e) {
      // It is closed in any case.
    }
  }

  // ---------------------------------------------------------------- who asks

  private Call call(Need need, ServerRequest request, ServerResponse response) {
    String address = request.remotePeer().host();
    if (need == Need.NOTHING || need == Need.METRICS && config.auth().openMetrics()) {
      return new Call(
          request,
          response,
          new Subject(address, new Scopes(false, List.of(), false, List.of(), false), null),
          tokens == null);
    }
    String forwarded = request.headers().first(HeaderNames.X_FORWARDED_FOR).orElse(null);
    String token = bearer(request.headers().first(HeaderNames.AUTHORIZATION).orElse(null));
    Subject subject = subject(token, address, forwarded);
    Scopes scopes = subject.scopes();
    boolean may =
        switch (need) {
          case READ -> scopes.read();
          case WRITE -> scopes.write();
          case METRICS -> scopes.metrics();
          case NOTHING -> true;
        };
    if (!may) {
      throw ApiException.forbidden("the token has no scope for this");
    }
    return new Call(request, response, subject, tokens == null);
  }

  /**
   * Finds out who asks, and counts that.
   *
   * @param token null for none
   * @param forwarded what a proxy says the address is; null for nothing
   * @throws ApiException 401 or 429
   */
  Subject subject(@Nullable String token, String address, @Nullable String forwarded) {
    String from = address;
    if (config.limits().trustForwarded() && forwarded != null) {
      from = forwarded.substring(forwarded.lastIndexOf(',') + 1).trim();
    }
    Subject subject;
    if (tokens == null) {
      subject = new Subject(from, Scopes.ALL, null);
    } else {
      rates.beforeToken(from);
      try {
        subject = tokens.check(token);
      } catch (AuthException e) {
        if (!e.unknown()) {
          rates.badToken(from);
        }
        throw ApiException.of(e);
      }
    }
    rates.request(subject.name());
    return subject;
  }

  /** Returns the token of a header {@code Authorization}; null if it has none. */
  static @Nullable String bearer(@Nullable String header) {
    return header != null && header.regionMatches(true, 0, "Bearer ", 0, 7)
        ? header.substring(7).trim()
        : null;
  }

  /** Returns when a follower has to end; null for never. */
  @Nullable Instant expiry(Subject subject) {
    Instant expires = subject.expires();
    return expires == null ? null : expires.plusSeconds(config.auth().leewaySeconds());
  }

  /** Tells whether a page may ask: no page, one of this origin, or one of those configured. */
  boolean originAllowed(Headers headers) {
    String origin = headers.first(HeaderNames.ORIGIN).orElse(null);
    if (origin == null) {
      return true;
    }
    String host = headers.first(HeaderNames.HOST).orElse("");
    int scheme = origin.indexOf("://");
    return scheme > 0 && origin.substring(scheme + 3).equalsIgnoreCase(host)
        || config.cors().origins().contains("*")
        || config.cors().origins().contains(origin);
  }

  // ---------------------------------------------------------------- small answers

  private void info(Call call) {
    call.filter(0); // tells the token's prefixes
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("shards", info.shards());
    body.put("epoch", log.epoch());
    body.put("dimensions", info.dimensions());
    body.put("grid", info.grid());
    body.put("metric", info.metric());
    body.put("retentionMs", info.retention().toMillis());
    body.put("version", VERSION);
    call.json(body);
  }

  private void ready(Call call) {
    if (draining || service.draining()) {
      throw ApiException.unavailable("the node is about to end");
    }
    if (!tail.ready() || !service.ready()) {
      throw ApiException.unavailable("the node is not ready yet");
    }
    call.json(Map.of("status", "ready"));
  }

  private void metrics(Call call) {
    PrometheusMeterRegistry prometheus = prometheus(meters);
    if (prometheus == null) {
      throw ApiException.notFound("there are no metrics");
    }
    call.response().header(HeaderNames.CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    call.response().header(HeaderNames.CACHE_CONTROL, "no-store");
    call.response().send(prometheus.scrape().getBytes(StandardCharsets.UTF_8));
  }

  private static @Nullable PrometheusMeterRegistry prometheus(MeterRegistry meters) {
    if (meters instanceof PrometheusMeterRegistry prometheus) {
      return prometheus;
    }
    if (meters instanceof CompositeMeterRegistry composite) {
      for (MeterRegistry part : composite.getRegistries()) {
        PrometheusMeterRegistry found = prometheus(part);
        if (found != null) {
          return found;
        }
      }
    }
    return null;
  }

  private void openApi(Call call) {
    call.response().header(HeaderNames.CONTENT_TYPE, "application/yaml");
    call.response().send(openApi);
  }

  // ---------------------------------------------------------------- followers

  /**
   * Reads a follower's cursor.
   *
   * @throws ApiException 400, 503
   */
  Cursor cursor(@Nullable String text) {
    if (draining) {
      throw ApiException.unavailable("the node is about to end");
    }
    if (text == null || text.isEmpty()) {
      throw ApiException.invalid("since must be a cursor: EPOCH:o0,o1,…");
    }
    return Cursor.parse(text, info.shards());
  }

  private void follow(Call call) throws IOException {
    if (!originAllowed(call.request().headers())) {
      throw ApiException.forbidden("the page's origin is not allowed");
    }
    String accept = call.header(HeaderNames.ACCEPT);
    if (accept == null || !accept.contains("text/event-stream")) {
      throw new ApiException(
          406, "INVALID_ARGUMENT", "accept text/event-stream, or ask for a WebSocket");
    }
    String last = call.header(HeaderNames.create("Last-Event-ID"));
    Cursor cursor = cursor(last == null || last.isEmpty() ? call.query("since") : last);
    Filter filter = call.filter(config.limits().maxIds());
    String name = call.subject().name();
    rates.follow(name);
    try {
      ServerResponse response = call.response();
      LazyOutput out = new LazyOutput(response);
      EventSink sink = new EventSink(out);
      Follower follower = tail.follow(cursor, filter, expiry(call.subject()), sink);
      try {
        response.header(HeaderNames.CONTENT_TYPE, "text/event-stream");
        response.header(HeaderNames.CACHE_CONTROL, "no-store");
        response.header("X-Accel-Buffering", "no");
        response.header(HeaderValues.CONNECTION_CLOSE);
        follower.run(); // whatever fails from here on, it is forgotten at its end
      } finally {
        sink.over();
        follower.gone();
      }
      out.close();
    } finally {
      rates.unfollow(name);
    }
  }

  /** Begins the answer with the first byte, so that there can be another until then. */
  private static final class LazyOutput extends OutputStream {
    private final ServerResponse response;
    private @Nullable OutputStream out;

    LazyOutput(ServerResponse response) {
      this.response = response;
    }

    private OutputStream out() {
      OutputStream opened = out;
      if (opened == null) {
        opened = response.outputStream();
        out = opened;
      }
      return opened;
    }

    @Override
    public void write(int b) throws IOException {
      out().write(b);
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      out().write(bytes, from, length);
    }

    @Override
    public void flush() throws IOException {
      out().flush();
    }

    @Override
    public void close() throws IOException {
      out().close();
    }
  }

  Tail tail() {
    return tail;
  }

  RateLimits rates() {
    return rates;
  }

  GatewayConfig config() {
    return config;
  }

  // ---------------------------------------------------------------- the end

  /** Lets all followers go, and takes no new ones; other requests are still answered. */
  public void drain() {
    draining = true;
    tail.drain();
  }

  /** Ends everything; what was begun should have been answered. */
  @Override
  public void close() {
    drain();
    tail.close();
    slowHeaders.close();
    appends.close();
  }
}
