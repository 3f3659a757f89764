package dev.deltavec.server.gateway;

import dev.deltavec.DeltaFrames;
import dev.deltavec.DeltaFrames.Shared;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.DeltaException;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.log.Shards;
import dev.deltavec.server.auth.Subject;
import dev.deltavec.server.node.ServiceInfo;
import io.helidon.http.HeaderNames;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** {@code POST /deltas}: checks deltas, and appends them to the log, all or none. */
final class Appends implements AutoCloseable {
  private static final Duration MIN_MARGIN = Duration.ofMinutes(10);
  private static final int MAX_CLIENT = 200;
  private static final long MAX_SEQUENCE = 0xffff_ffffL;

  private final DeltaLog log;
  private final ServiceInfo info;
  private final GatewayConfig.Limits limits;
  private final GatewayConfig.Auth auth;
  private final RateLimits rates;
  private final InstantSource clock;
  private final Budget bodies;
  private final BlockingQueue<DeltaFrames> frames;
  private final Timer appendTime;
  private final Counter deltas;

  /** Who made deltas that came without an id, and the number of the first. */
  private record Sender(String client, long replica, long sequence) {}

  Appends(
      DeltaLog log,
      ServiceInfo info,
      GatewayConfig config,
      RateLimits rates,
      InstantSource clock,
      MeterRegistry meters) {
    this.log = log;
    this.info = info;
    limits = config.limits();
    auth = config.auth();
    this.rates = rates;
    this.clock = clock;
    bodies = new Budget(limits.maxBodies(), "deltas are being written");
    int checkers = Math.max(2, Runtime.getRuntime().availableProcessors());
    frames = new ArrayBlockingQueue<>(checkers);
    for (int i = 0; i < checkers; i++) {
      frames.add(new DeltaFrames(info.dimensions(), info.grid()));
    }
    appendTime =
        Timer.builder("deltavec.gateway.append").publishPercentiles(0.5, 0.99).register(meters);
    deltas = meters.counter("deltavec.gateway.deltas");
  }

  void handle(Call call) throws IOException, InterruptedException {
    try (Budget.Share share = bodies.share(call.subject().name())) {
      append(call, share);
    }
  }

  private void append(Call call, Budget.Share share) throws IOException, InterruptedException {
    String type = call.header(HeaderNames.CONTENT_TYPE);
    String media = type == null ? "" : type.split(";", 2)[0].trim().toLowerCase(Locale.ROOT);
    boolean json = media.equals("application/json");
    if (!json && !media.equals(Call.FRAMES)) {
      throw ApiException.mediaType("the body must be " + Call.FRAMES + " or application/json");
    }
    Sender sender = sender(call);
    if (json && sender == null) {
      throw ApiException.invalid(
          "deltas in JSON need the headers Deltavec-Client and Deltavec-Sequence");
    }
    String name = call.subject().name();
    if (sender != null) {
      checkClient(sender.client, call.subject());
    }
    long paid = Math.max(1, call.request().headers().contentLength().orElse(0));
    rates.bytes(name, paid);
    byte[] body = call.body(limits.maxBody(), limits.bodyMs(), share::resize);
    rates.bytes(name, Math.max(0, body.length - paid)); // of a body that did not say its length
    Instant now = clock.instant();
    List<Shared> shared = read(body, json, sender, now);
    check(shared, call.subject(), now);
    if (sender == null) {
      checkReplicas(shared, call.subject());
    }
    rates.deltas(name, shared.size());
    long bytes = 0;
    for (Shared delta : shared) {
      bytes += delta.frame().length;
    }
    share.resize(Math.max(body.length, bytes)); // frames with their identities are longer
    Map<String, Long> offsets = new LinkedHashMap<>();
    if (!shared.isEmpty()) {
      List<DeltaLog.Part> parts = parts(shared);
      List<Long> places = append(parts);
      for (int i = 0; i < parts.size(); i++) {
        offsets.put(Integer.toString(parts.get(i).shard()), places.get(i));
      }
      deltas.increment(shared.size());
    }
    call.json(Map.of("accepted", shared.size(), "epoch", log.epoch(), "offsets", offsets));
  }

  private static @Nullable Sender sender(Call call) {
    String client = call.header(Call.CLIENT);
    String sequence = call.header(Call.SEQUENCE);
    if (client == null && sequence == null) {
      return null;
    }
    if (client == null || sequence == null) {
      throw ApiException.invalid("Deltavec-Client and Deltavec-Sequence must come together");
    }
    if (client.isEmpty() || client.length() > MAX_CLIENT) {
      throw ApiException.invalid("Deltavec-Client must have 1 to " + MAX_CLIENT + " characters");
    }
    long first = Call.number("Deltavec-Sequence", sequence);
    if (first < 1 || first > MAX_SEQUENCE) {
      throw ApiException.invalid("Deltavec-Sequence must be from 1 to " + MAX_SEQUENCE);
    }
    return new Sender(client, replica(client), first);
  }

  /** Returns the replica that stands for a client: 48 bits of a digest of its name. */
  static long replica(String client) {
    byte[] digest;
    try {
      digest =
          MessageDigest.getInstance("SHA-256")
              .digest(("deltavec-client:" + client).getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
    long replica = 0;
    for (int i = 0; i < 6; i++) {
      replica = replica << 8 | digest[i] & 0xff;
    }
    return replica == 0 ? 1 : replica;
  }

  private List<Shared> read(byte[] body, boolean json, @Nullable Sender sender, Instant now)
      throws InterruptedException {
    List<VectorDelta> list = json ? DeltaJson.read(body) : List.of();
    DeltaFrames checker = frames.poll(limits.appendMs(), TimeUnit.MILLISECONDS);
    if (checker == null) {
      throw ApiException.unavailable("too many deltas are being checked at once");
    }
    try {
      if (sender == null) {
        return checker.split(body, now.plusMillis(limits.maxClockAheadMs()));
      }
      List<Shared> shared;
      if (json) {
        requireSequence(sender, list.size());
        shared = encode(checker, list, sender, now);
      } else {
        shared = checker.identify(body, now.toEpochMilli(), (int) sender.sequence, sender.replica);
        requireSequence(sender, shared.size());
      }
      return shared;
    } finally {
      frames.add(checker);
    }
  }

  private static void requireSequence(Sender sender, int n) {
    if (sender.sequence + n - 1 > MAX_SEQUENCE) {
      throw ApiException.invalid("the deltas' sequence passes " + MAX_SEQUENCE);
    }
  }

  private static List<Shared> encode(
      DeltaFrames checker, List<VectorDelta> list, Sender sender, Instant now) {
    List<Shared> shared = new ArrayList<>();
    for (VectorDelta delta : list) {
      int index = shared.size();
      try {
        shared.add(
            checker.encode(
                delta, now.toEpochMilli(), (int) (sender.sequence + index), sender.replica));
      } catch (DeltaException e) {
        throw new DeltaException(e.code(), String.valueOf(e.getMessage()), index);
      }
    }
    return shared;
  }

  /** Refuses what the asker may not write, and times that nobody would apply. */
  private void check(List<Shared> shared, Subject subject, Instant now) {
    long retention = info.retention().toMillis();
    long margin = Math.min(retention / 2, Math.max(retention / 10, MIN_MARGIN.toMillis()));
    long oldest = now.toEpochMilli() - (retention - margin);
    long latest = now.toEpochMilli() + limits.maxClockAheadMs();
    for (int i = 0; i < shared.size(); i++) {
      Shared delta = shared.get(i);
      Map<String, Object> fields = Map.of("index", i, "vectorId", delta.vectorId());
      if (!subject.scopes().mayWrite(delta.vectorId())) {
        throw new ApiException(
            403, "FORBIDDEN", "the token does not allow to write " + delta.vectorId(), fields);
      }
      if (delta.time() < oldest) {
        throw new ApiException(
            409,
            "TOO_OLD",
            "a delta of "
                + Instant.ofEpochMilli(delta.time())
                + " is too old: history is kept for "
                + info.retention(),
            fields);
      }
      if (delta.time() > latest) {
        throw new ApiException(
            400,
            "INVALID_ARGUMENT",
            "a delta of " + Instant.ofEpochMilli(delta.time()) + " is too far in the future",
            fields);
      }
    }
  }

  /** Refuses the name of another client: its deltas would be taken for repeats of these. */
  private void checkClient(String client, Subject subject) {
    Set<String> clients = subject.clients();
    boolean bound = auth.bindClients() && !subject.scopes().writePrefixes().isEmpty();
    boolean may =
        clients != null
            ? clients.contains(client)
            : !bound || client.equals(subject.name()) || client.startsWith(subject.name() + "/");
    if (!may) {
      throw ApiException.forbidden(
          "the token does not allow to write as the client "
              + client
              + "; it allows "
              + (clients != null ? "those of its claim clients" : "its sub, and SUB/…"));
    }
  }

  /** Refuses deltas of other replicas than the token names, if it has to. */
  private void checkReplicas(List<Shared> shared, Subject subject) {
    Set<Long> replicas = subject.replicas();
    boolean bound = auth.bindReplicas() && !subject.scopes().writePrefixes().isEmpty();
    if (replicas == null && !bound) {
      return;
    }
    for (int i = 0; i < shared.size(); i++) {
      long replica = shared.get(i).replica();
      if (replicas == null || !replicas.contains(replica)) {
        throw new ApiException(
            403,
            "FORBIDDEN",
            "the token does not allow to write deltas of the replica " + Long.toHexString(replica),
            Map.of("index", i, "vectorId", shared.get(i).vectorId()));
      }
    }
  }

  private List<DeltaLog.Part> parts(List<Shared> shared) {
    Map<Integer, ByteArrayOutputStream> byShard = new TreeMap<>();
    for (Shared delta : shared) {
      byShard
          .computeIfAbsent(
              Shards.of(delta.vectorId(), log.shards()), shard -> new ByteArrayOutputStream())
          .writeBytes(delta.frame());
    }
    List<DeltaLog.Part> parts = new ArrayList<>();
    byShard.forEach((shard, bytes) -> parts.add(new DeltaLog.Part(shard, bytes.toByteArray())));
    return parts;
  }

  private List<Long> append(List<DeltaLog.Part> parts) {
    long begin = System.nanoTime();
    try {
      return log.append(parts).get(limits.appendMs(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw unknown(
          504,
          "DEADLINE",
          "the deltas were not durable in time; whether they are is not known, send them again");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unknown(
          503, "UNAVAILABLE", "the node is about to end; whether the deltas are there is unknown");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof LogException cause
          && cause.reason() == LogException.Reason.INVALID) {
        throw ApiException.tooLarge("the log does not take these deltas in one batch");
      }
      throw unknown(
          503, "UNAVAILABLE", "the log has not taken the deltas, or not said so; send them again");
    } finally {
      appendTime.record(System.nanoTime() - begin, TimeUnit.NANOSECONDS);
    }
  }

  /** An answer that does not tell whether the deltas are there, unlike all others. */
  private static ApiException unknown(int status, String code, String message) {
    return new ApiException(status, code, message, Map.of("outcome", "unknown"));
  }

  @Override
  public void close() {
    for (DeltaFrames checker = frames.poll(); checker != null; checker = frames.poll()) {
      checker.close();
    }
  }
}
