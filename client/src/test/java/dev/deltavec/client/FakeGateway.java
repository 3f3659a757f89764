package dev.deltavec.client;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.deltavec.DeltaFrames;
import dev.deltavec.DeltaFrames.Shared;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.SearchResult;
import dev.deltavec.core.DeltaException;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.log.MemoryDeltaLog;
import dev.deltavec.log.Shards;
import io.helidon.common.buffers.BufferData;
import io.helidon.common.uri.UriQuery;
import io.helidon.http.HeaderNames;
import io.helidon.http.Headers;
import io.helidon.http.HttpPrologue;
import io.helidon.http.Status;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.websocket.WsRouting;
import io.helidon.websocket.WsListener;
import io.helidon.websocket.WsSession;
import io.helidon.websocket.WsUpgradeException;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A service in this process that speaks the protocol, on a log in memory. Its faults are switches.
 */
final class FakeGateway implements AutoCloseable {
  static final int DIMENSIONS = 4;
  private static final Logger QUIET = Logger.getLogger("io.helidon");

  static {
    QUIET.setLevel(Level.OFF);
  }

  /** Chunks end at multiples of this. */
  volatile int chunk = 1_000;

  /** What the service holds, in one database. */
  final DeltaVectorDB all;

  final DeltaFrames frames;
  volatile MemoryDeltaLog log;
  volatile @Nullable String token;

  /** Deltas before this time are too old. */
  volatile long oldest;

  /** So many posts are answered with this status though they were taken. */
  final AtomicInteger lostAnswers = new AtomicInteger();

  /** So many posts are not taken. */
  final AtomicInteger busy = new AtomicInteger();

  /** The prefix that may be read, as is told; that is all that it does. */
  volatile String readable = "";

  /** A vector that may not be written. */
  volatile @Nullable String forbidden;

  /** Whether writers are refused. */
  volatile boolean readOnly;

  final AtomicInteger posts = new AtomicInteger();
  final AtomicInteger snapshots = new AtomicInteger();
  final List<String> authorizations = new CopyOnWriteArrayList<>();
  private final Set<WsSession> sessions = ConcurrentHashMap.newKeySet();
  private final WebServer server;
  private volatile boolean closed;

  FakeGateway(int shards) {
    log = new MemoryDeltaLog(shards, InstantSource.system(), "first");
    all =
        DeltaVectorDB.builder()
            .dimensions(DIMENSIONS)
            .maxClockAhead(Duration.ofDays(10_000))
            .build();
    frames = new DeltaFrames(DIMENSIONS, 0);
    server =
        WebServer.builder()
            .host("127.0.0.1")
            .port(0)
            .addRouting(
                HttpRouting.builder()
                    .get("/info", checked(this::info))
                    .get("/shards/{shard}/snapshot", checked(this::redirect))
                    .get("/shards/{shard}/snapshot/{epoch}/{offset}", checked(this::snapshot))
                    .get("/shards/{shard}/deltas", checked(this::deltas))
                    .post("/deltas", checked(this::post))
                    .post("/search", checked(this::search)))
            .addRouting(WsRouting.builder().endpoint("/follow", Tail::new))
            .build()
            .start();
  }

  URI uri() {
    return URI.create("http://127.0.0.1:" + server.port());
  }

  int port() {
    return server.port();
  }

  /** Begins anew with an empty log. */
  void beginAnew(String epoch) {
    log = new MemoryDeltaLog(log.shards(), InstantSource.system(), epoch);
    synchronized (this) {
      try (DeltaVectorDB none = DeltaVectorDB.builder().dimensions(DIMENSIONS).build()) {
        all.importFrom(none.export(dev.deltavec.ExportOptions.all()));
      }
    }
    cut();
  }

  /** Breaks off all live tails. */
  void cut() {
    sessions.clear();
  }

  /** Takes frames as if they had been posted. */
  synchronized Map<Integer, Long> take(List<Shared> deltas) {
    TreeMap<Integer, ByteArrayOutputStream> parts = new TreeMap<>();
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    for (Shared delta : deltas) {
      parts
          .computeIfAbsent(
              Shards.of(delta.vectorId(), log.shards()), shard -> new ByteArrayOutputStream())
          .writeBytes(delta.frame());
      whole.writeBytes(delta.frame());
    }
    List<Long> offsets =
        log.append(
                parts.entrySet().stream()
                    .map(part -> new DeltaLog.Part(part.getKey(), part.getValue().toByteArray()))
                    .toList())
            .join();
    all.merge(whole.toByteArray());
    Map<Integer, Long> placed = new TreeMap<>();
    int i = 0;
    for (Integer shard : parts.keySet()) {
      placed.put(shard, offsets.get(i++));
    }
    return placed;
  }

  // ---------------------------------------------------------------- requests

  private interface Handler {
    void handle(ServerRequest request, ServerResponse response);
  }

  private static final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1;
    final int status;
    final transient ObjectNode body;

    Refused(int status, String code, String message) {
      this.status = status;
      body = Gateway.MAPPER.createObjectNode().put("code", code).put("message", message);
    }
  }

  private io.helidon.webserver.http.Handler checked(Handler handler) {
    return (request, response) -> {
      try {
        authorize(request.headers());
        handler.handle(request, response);
      } catch (Refused e) {
        refuse(response, e);
      } catch (DeltaException e) {
        Refused refused = new Refused(400, e.code().name(), e.getMessage());
        refused.body.put("index", e.index());
        refuse(response, refused);
      }
    };
  }

  private static void refuse(ServerResponse response, Refused e) {
    if (e.status == 429) {
      response.header("Retry-After", "0");
    }
    response.status(Status.create(e.status)).send(e.body.toString());
  }

  private void authorize(Headers headers) {
    String shown = headers.first(HeaderNames.AUTHORIZATION).orElse("");
    authorizations.add(shown);
    if (token != null && !shown.equals("Bearer " + token)) {
      throw new Refused(401, "UNAUTHENTICATED", "the token is not good");
    }
  }

  private void info(ServerRequest request, ServerResponse response) {
    if (!readable.isEmpty()) {
      response.header("Deltavec-Prefix", readable);
    }
    response.send(
        Gateway.MAPPER
            .createObjectNode()
            .put("shards", log.shards())
            .put("epoch", log.epoch())
            .put("dimensions", DIMENSIONS)
            .put("grid", 0)
            .put("metric", "cosine")
            .put("retentionMs", Duration.ofDays(30).toMillis())
            .put("version", 1)
            .toString());
  }

  private int shard(ServerRequest request) {
    return Integer.parseInt(request.path().pathParameters().get("shard"));
  }

  private void redirect(ServerRequest request, ServerResponse response) {
    String path =
        "/shards/" + shard(request) + "/snapshot/" + log.epoch() + "/" + log.end(shard(request));
    String query = request.query().rawValue();
    response
        .status(Status.TEMPORARY_REDIRECT_307)
        .header("Location", path + (query.isEmpty() ? "" : "?" + query))
        .send();
  }

  private synchronized void snapshot(ServerRequest request, ServerResponse response) {
    snapshots.incrementAndGet();
    int shard = shard(request);
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (String id : all.rememberedIds()) {
      byte[] state = all.state(id);
      if (state != null
          && Shards.of(id, log.shards()) == shard
          && asked(request.query()).matches(id)) {
        body.writeBytes(state);
      }
    }
    response.header("Deltavec-Offset", String.valueOf(log.end(shard)));
    response.header("Deltavec-Epoch", log.epoch());
    response.send(body.toByteArray());
  }

  private static Filter asked(UriQuery query) {
    return new Filter(query.all("id", List::of), query.all("prefix", List::of));
  }

  private void deltas(ServerRequest request, ServerResponse response) {
    int shard = shard(request);
    long since = Long.parseLong(request.query().get("since"));
    if (since < log.begin(shard)) {
      throw new Refused(409, "TOO_FAR_BEHIND", "the log begins later");
    }
    if (!request.query().get("epoch").equals(log.epoch())) {
      throw new Refused(409, "EPOCH_CHANGED", "the log began anew");
    }
    long limit = (since / chunk + 1) * chunk;
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    long next = since;
    try (DeltaLog.Reader reader = log.reader()) {
      reader.assign(Map.of(shard, since));
      while (next < Math.min(limit, log.end(shard))) {
        List<DeltaLog.Entry> entries = reader.poll(Duration.ofMillis(20));
        for (DeltaLog.Entry entry : entries) {
          if (entry.offset() < limit) {
            body.writeBytes(picked(entry.frames(), asked(request.query())));
          }
        }
        next = Math.min(limit, reader.position(shard));
      }
    }
    response.header("Deltavec-Next", String.valueOf(next));
    response.header("Deltavec-End", String.valueOf(log.end(shard)));
    response.header("Deltavec-Epoch", log.epoch());
    response.send(body.toByteArray());
  }

  private static byte[] picked(byte[] frames, Filter filter) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    FrameHeads heads = new FrameHeads(frames, 0, frames.length);
    while (heads.next()) {
      if (filter.all() || filter.matches(heads.vectorId())) {
        out.write(frames, heads.start(), heads.length());
      }
    }
    return out.toByteArray();
  }

  private void post(ServerRequest request, ServerResponse response) {
    byte[] body = request.content().as(byte[].class);
    posts.incrementAndGet();
    if (readOnly) {
      throw new Refused(403, "FORBIDDEN", "the token does not allow to write");
    }
    if (busy.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
      throw new Refused(429, "RATE_LIMITED", "too much at a time");
    }
    Map<Integer, Long> placed;
    List<Shared> deltas;
    synchronized (this) {
      deltas = frames.split(body, Instant.MAX);
      for (int i = 0; i < deltas.size(); i++) {
        if (deltas.get(i).time() < oldest) {
          Refused refused = new Refused(409, "TOO_OLD", "delta " + i + " is too old");
          refused.body.put("index", i).put("vectorId", deltas.get(i).vectorId());
          throw refused;
        }
        if (deltas.get(i).vectorId().equals(forbidden)) {
          Refused refused = new Refused(403, "FORBIDDEN", "the token does not allow this vector");
          refused.body.put("index", i).put("vectorId", forbidden);
          throw refused;
        }
      }
      placed = take(deltas);
    }
    if (lostAnswers.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
      throw new Refused(503, "UNAVAILABLE", "the answer is lost");
    }
    ObjectNode answer = Gateway.MAPPER.createObjectNode();
    answer.put("accepted", deltas.size()).put("epoch", log.epoch());
    ObjectNode offsets = answer.putObject("offsets");
    placed.forEach((shard, offset) -> offsets.put(String.valueOf(shard), offset));
    response.send(answer.toString());
  }

  private synchronized void search(ServerRequest request, ServerResponse response) {
    try {
      var asked = Gateway.MAPPER.readTree(request.content().as(byte[].class));
      float[] query = Gateway.MAPPER.convertValue(asked.get("vector"), float[].class);
      ObjectNode answer = Gateway.MAPPER.createObjectNode();
      ArrayNode results = answer.putArray("results");
      for (SearchResult hit : all.search(query, asked.get("k").asInt())) {
        results.addObject().put("id", hit.id()).put("score", hit.score());
      }
      answer.put("partial", asked.has("filter")).put("tookMs", 1.5);
      answer.putArray("missing").add(3);
      answer.set("asked", asked);
      response.send(answer.toString());
    } catch (java.io.IOException e) {
      throw new Refused(400, "INVALID_ARGUMENT", String.valueOf(e));
    }
  }

  // ---------------------------------------------------------------- the live tail

  private final class Tail implements WsListener {
    private String cursor = "";
    private Filter filter = new Filter(Set.of(), List.of());

    @Override
    public Optional<Headers> onHttpUpgrade(HttpPrologue prologue, Headers headers)
        throws WsUpgradeException {
      try {
        authorize(headers);
      } catch (Refused e) {
        throw new WsUpgradeException(e.body.toString());
      }
      cursor = prologue.query().get("since");
      filter = asked(prologue.query());
      return Optional.empty();
    }

    @Override
    public void onOpen(WsSession session) {
      sessions.add(session);
      Thread.startVirtualThread(() -> send(session));
    }

    @Override
    public void onClose(WsSession session, int status, String reason) {
      sessions.remove(session);
    }

    @Override
    public void onError(WsSession session, Throwable error) {
      sessions.remove(session);
    }

    private void send(WsSession session) {
      MemoryDeltaLog current = log;
      try (DeltaLog.Reader reader = current.reader()) {
        Map<Integer, Long> offsets = new HashMap<>();
        String[] parts = cursor.split(":", 2);
        if (!parts[0].equals(current.epoch())) {
          end(session, "EPOCH_CHANGED");
          return;
        }
        String[] places = parts[1].split(",", -1);
        for (int i = 0; i < places.length; i++) {
          if (!places[i].isEmpty()) {
            offsets.put(i, Long.parseLong(places[i]));
            if (offsets.get(i) < current.begin(i)) {
              end(session, "TOO_FAR_BEHIND");
              return;
            }
          }
        }
        reader.assign(offsets);
        while (!closed && sessions.contains(session)) {
          List<DeltaLog.Entry> entries = reader.poll(Duration.ofMillis(50));
          if (!entries.isEmpty()) {
            ByteArrayOutputStream message = new ByteArrayOutputStream();
            for (DeltaLog.Entry entry : entries) {
              byte[] some = picked(entry.frames(), filter);
              Bytes.putVarint(message, entry.shard());
              Bytes.putVarint(message, entry.offset() + 1);
              Bytes.putVarint(message, some.length);
              message.writeBytes(some);
            }
            session.send(BufferData.create(message.toByteArray()), true);
          }
        }
        session.close(1001, "going away");
      } catch (LogException | java.io.UncheckedIOException | IllegalStateException e) {
        sessions.remove(session); // it is gone
      }
    }

    private void end(WsSession session, String code) {
      session.send("{\"code\":\"" + code + "\",\"message\":\"begin anew\"}", true);
      session.close(4009, code);
    }
  }

  @Override
  public void close() {
    closed = true;
    cut();
    server.stop();
    log.close();
    all.close();
    frames.close();
  }

  @Override
  public String toString() {
    return new ArrayList<>(authorizations).stream().distinct().collect(Collectors.joining(","));
  }
}
