package dev.deltavec.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.deltavec.DeltaFrames;
import dev.deltavec.SearchResult;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.DeltaException;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Calls a service, without a database of its own.
 *
 * {@snippet :
 * try (DeltaClient client =
 *     DeltaClient.builder(URI.create("https://vectors.example.com")).token(token).build()) {
 *   client.post(List.of(VectorDelta.create("a", vector)));
 *   client.search(vector, 10).results();
 * }
 * }
 *
 * <p>Any number of threads may use a client. Its posts take turns; searches run side by side. Calls
 * that fail because the service is not reached, or busy, are repeated for some time ({@link
 * Builder#timeout}).
 */
public final class DeltaClient implements AutoCloseable {
  private static final int MAX_CLIENT = 200;

  private final Gateway gateway;
  private final Retry retry;
  private final Duration timeout;
  private final long replica;
  private final ReentrantLock posts = new ReentrantLock();

  /** Sequence of the next delta. */
  private long sequence;

  /** A batch of which it is not known whether the service has it, and its body. */
  private @Nullable List<VectorDelta> unsure;

  private byte[] unsureBody = new byte[0];
  private @Nullable DeltaFrames frames;
  private boolean closed;

  private DeltaClient(Builder builder) {
    gateway = new Gateway(builder.uri, builder.token, builder.http);
    retry = builder.retry;
    timeout = builder.timeout;
    replica = replica(builder.client);
    sequence = builder.sequence;
  }

  /** Returns a builder for the service at {@code https://host/path}. */
  public static Builder builder(URI gateway) {
    return new Builder(gateway);
  }

  /**
   * Asks the service what it is.
   *
   * @throws ClientException what the service says, or that it is not reached
   */
  public ServiceInfo info() {
    return repeat(left -> gateway.info());
  }

  /**
   * Sends deltas to the service, which takes all of them or none. When this returns they are
   * durable; searches find them soon after.
   *
   * <p>The service takes each once, however often it is sent: a client numbers its deltas. Where
   * this fails with a {@link ClientException#retryable} error it is not known whether the service
   * has them; to post equal deltas next with the same client is then safe, as they get the same
   * numbers.
   *
   * @param deltas what changes, at most 16 MiB of frames. A vector that is not there is changed by
   *     nothing but a create, and a create replaces the values of one that is
   * @return where the service has them
   * @throws DeltaException for deltas that no service takes, with the index; on a grid also those
   *     that set values of a vector, as their difference from what was there is not known
   * @throws ClientException what the service says, or that it is not reached
   */
  public Posted post(List<VectorDelta> deltas) {
    List<VectorDelta> batch = List.copyOf(deltas);
    posts.lock();
    try {
      requireOpen();
      byte[] body;
      if (batch.equals(unsure)) {
        body = unsureBody;
      } else {
        body = encode(batch);
        // If it was not applied, its numbers are lost, which does no harm.
        sequence += batch.size();
        unsure = batch;
        unsureBody = body;
      }
      JsonNode answer;
      try {
        answer = repeat(left -> gateway.post("deltas", Gateway.FRAMES, body, Map.of(), left));
      } catch (ClientException e) {
        if (!e.retryable()) {
          forget();
        }
        throw e;
      }
      forget();
      Map<Integer, Long> offsets = new TreeMap<>();
      answer
          .path("offsets")
          .properties()
          .forEach(
              shard -> offsets.put(Integer.parseInt(shard.getKey()), shard.getValue().asLong()));
      return new Posted(answer.path("accepted").asInt(), answer.path("epoch").asText(), offsets);
    } finally {
      posts.unlock();
    }
  }

  /**
   * Returns the number that the next delta gets: with {@link Builder#client}, what another client
   * of this name is to begin with. Read it while nothing is being posted.
   */
  public long nextSequence() {
    posts.lock();
    try {
      return sequence;
    } finally {
      posts.unlock();
    }
  }

  private void forget() {
    unsure = null;
    unsureBody = new byte[0];
  }

  private byte[] encode(List<VectorDelta> batch) {
    DeltaFrames writer = frames;
    if (writer == null) {
      ServiceInfo info = info();
      writer = new DeltaFrames(info.dimensions(), info.grid());
      frames = writer;
    }
    long now = System.currentTimeMillis();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < batch.size(); i++) {
      try {
        out.writeBytes(writer.encode(batch.get(i), now, (int) (sequence + i), replica).frame());
      } catch (DeltaException e) {
        throw new DeltaException(e.code(), e.getMessage(), i);
      }
    }
    return out.toByteArray();
  }

  /**
   * Finds the vectors closest to a query; see {@link #search(float[], int, SearchRequest)}.
   *
   * @param query values, as many as the service's vectors have
   * @param k how many to find, 1 or more
   */
  public SearchAnswer search(float[] query, int k) {
    return search(query, k, SearchRequest.defaults());
  }

  /**
   * Finds the vectors closest to a query, in all shards.
   *
   * @param query finite values, as many as the service's vectors have
   * @param k how many to find, 1 or more
   * @param request how
   * @return up to {@code k} hits, closest first, and whether shards are missing
   * @throws ClientException what the service says, or that it is not reached
   */
  public SearchAnswer search(float[] query, int k, SearchRequest request) {
    ObjectNode body = Gateway.MAPPER.createObjectNode();
    ArrayNode vector = body.putArray("vector");
    for (float value : query) {
      vector.add(value);
    }
    body.put("k", k);
    if (request.efSearch() != null) {
      body.put("efSearch", request.efSearch());
    }
    if (request.filter() != null) {
      body.set("filter", FilterNode.of(request.filter()));
    }
    if (request.deadline() != null) {
      body.put("deadlineMs", request.deadline().toMillis());
    }
    byte[] bytes = body.toString().getBytes(StandardCharsets.UTF_8);
    JsonNode answer = repeat(left -> gateway.post("search", Gateway.JSON, bytes, Map.of(), left));
    List<SearchResult> results = new ArrayList<>();
    for (JsonNode hit : answer.path("results")) {
      results.add(new SearchResult(hit.path("id").asText(), (float) hit.path("score").asDouble()));
    }
    List<Integer> missing = new ArrayList<>();
    answer.path("missing").forEach(shard -> missing.add(shard.asInt()));
    return new SearchAnswer(
        results,
        answer.path("partial").asBoolean(),
        missing,
        Duration.ofNanos((long) (answer.path("tookMs").asDouble() * 1e6)));
  }

  /** Something that is asked for, within the time that is left. */
  private interface Call<T> {
    T make(Duration left) throws InterruptedException;
  }

  private <T> T repeat(Call<T> call) {
    long end = System.nanoTime() + timeout.toNanos();
    for (int failures = 1; ; failures++) {
      try {
        try {
          return call.make(Duration.ofNanos(Math.max(1_000_000, end - System.nanoTime())));
        } catch (ClientException e) {
          Duration wait = retry.after(failures, e.retryAfter());
          if (!e.retryable() || System.nanoTime() + wait.toNanos() > end) {
            throw e;
          }
          Thread.sleep(wait);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new ClientException(
            ClientException.UNAVAILABLE, "the thread was interrupted while it waited", e);
      }
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new ClientException("CLOSED", "the client is closed", null);
    }
  }

  /** Ends calls under way. Closing again does nothing. */
  @Override
  public void close() {
    gateway.close();
    posts.lock();
    try {
      closed = true;
      if (frames != null) {
        frames.close();
      }
    } finally {
      posts.unlock();
    }
  }

  /** Returns the replica that stands for a client of this name; never 0. */
  static long replica(String client) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest(("deltavec-client:" + client).getBytes(StandardCharsets.UTF_8));
      long first = ByteBuffer.wrap(hash).getLong() >>> 16;
      return first == 0 ? 1 : first;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }

  /** Collects the options of a client; every setter returns the builder. */
  public static final class Builder {
    private final URI uri;
    private @Nullable Supplier<String> token;
    private @Nullable HttpClient http;
    private Retry retry = Retry.defaults();
    private Duration timeout = Duration.ofSeconds(30);
    private String client = UUID.randomUUID().toString();
    private long sequence = 1;

    private Builder(URI uri) {
      this.uri = Objects.requireNonNull(uri, "gateway");
    }

    /** Sets the token to show, a JWT. Default: none. */
    public Builder token(String jwt) {
      Objects.requireNonNull(jwt, "token");
      return token(() -> jwt);
    }

    /** Sets who is asked for the token before each call. Default: nobody. */
    public Builder token(Supplier<String> source) {
      token = Objects.requireNonNull(source, "token");
      return this;
    }

    /**
     * Sets under which name deltas are posted, and with which number to begin. Only one client at a
     * time may have a name. Default: a random name, and 1.
     *
     * @param name 1 to 200 characters
     * @param nextSequence number of the next delta, from 1: what is behind all those that were
     *     posted under this name
     * @throws IllegalArgumentException for what is out of range
     */
    public Builder client(String name, long nextSequence) {
      if (name.isEmpty() || name.length() > MAX_CLIENT) {
        throw new IllegalArgumentException("name must have 1 to 200 characters");
      }
      if (nextSequence < 1 || nextSequence > 0xffff_ffffL) {
        throw new IllegalArgumentException("nextSequence must be from 1 to 2^32-1");
      }
      client = name;
      sequence = nextSequence;
      return this;
    }

    /** Sets how long to wait between tries. Default {@link Retry#defaults}. */
    public Builder retry(Retry waits) {
      retry = Objects.requireNonNull(waits, "retry");
      return this;
    }

    /** Sets how long a call may take with all its tries, over 0. Default half a minute. */
    public Builder timeout(Duration most) {
      if (most.isZero() || most.isNegative()) {
        throw new IllegalArgumentException("timeout must be over 0, not " + most);
      }
      timeout = most;
      return this;
    }

    /** Sets what makes the connections. Default: one of its own. */
    public Builder http(HttpClient connections) {
      http = Objects.requireNonNull(connections, "http");
      return this;
    }

    /**
     * Makes the client; it connects when it is used.
     *
     * @throws IllegalArgumentException for another kind of URL
     */
    public DeltaClient build() {
      return new DeltaClient(this);
    }
  }
}
