package dev.deltavec.server.gateway;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a gateway is set up; what a configuration leaves out has its default. A number of 0 for a
 * rate means that there is no limit.
 *
 * @param auth who may ask
 * @param limits how much
 * @param cors pages of which origins may ask
 * @param follow how followers are served
 * @param gzip whether frames are compressed for who takes that, where it saves a fifth at least
 */
public record GatewayConfig(Auth auth, Limits limits, Cors cors, Follow follow, boolean gzip) {
  /** What holds where nothing is said. Tokens are needed then, and where they come from. */
  public static final GatewayConfig DEFAULTS =
      new GatewayConfig(Auth.DEFAULTS, Limits.DEFAULTS, Cors.DEFAULTS, Follow.DEFAULTS, true);

  @JsonCreator
  static GatewayConfig read(
      @JsonProperty("auth") @Nullable Auth auth,
      @JsonProperty("limits") @Nullable Limits limits,
      @JsonProperty("cors") @Nullable Cors cors,
      @JsonProperty("follow") @Nullable Follow follow,
      @JsonProperty("gzip") @Nullable Boolean gzip) {
    return new GatewayConfig(
        auth == null ? Auth.DEFAULTS : auth,
        limits == null ? Limits.DEFAULTS : limits,
        cors == null ? Cors.DEFAULTS : cors,
        follow == null ? Follow.DEFAULTS : follow,
        gzip == null || gzip);
  }

  /** Returns this with other tokens. */
  public GatewayConfig withAuth(Auth other) {
    return new GatewayConfig(other, limits, cors, follow, gzip);
  }

  /** Returns this with other limits. */
  public GatewayConfig withLimits(Limits other) {
    return new GatewayConfig(auth, other, cors, follow, gzip);
  }

  /** Returns this with other origins. */
  public GatewayConfig withCors(Cors other) {
    return new GatewayConfig(auth, limits, other, follow, gzip);
  }

  /** Returns this with other ways to serve followers. */
  public GatewayConfig withFollow(Follow other) {
    return new GatewayConfig(auth, limits, cors, other, gzip);
  }

  private static int or(@Nullable Integer value, int fallback, int min, String name) {
    int number = value == null ? fallback : value;
    if (number < min) {
      throw new IllegalArgumentException(name + " must be at least " + min + ", not " + number);
    }
    return number;
  }

  private static long or(@Nullable Long value, long fallback, long min, String name) {
    long number = value == null ? fallback : value;
    if (number < min) {
      throw new IllegalArgumentException(name + " must be at least " + min + ", not " + number);
    }
    return number;
  }

  /**
   * Who may ask.
   *
   * @param off everybody may do everything, without a token
   * @param secret for tokens signed by HS256, 32 bytes at least
   * @param secretFile a file with the secret, in place of it
   * @param jwks file or URL of public keys, for tokens signed by RS256 or ES256
   * @param issuer which {@code iss} tokens must have; null for any
   * @param audience which {@code aud} tokens must have; null for any
   * @param leewaySeconds how far clocks may differ, 0 to 300
   * @param openMetrics {@code /metrics} needs no token with the scope {@code metrics}
   * @param bindClients who may write prefixes only writes as a client of the token's claim {@code
   *     clients}, or else as {@code sub} or {@code sub/…}
   * @param bindReplicas who may write prefixes only writes frames of the token's claim {@code
   *     replicas} only
   */
  public record Auth(
      boolean off,
      @Nullable String secret,
      @Nullable String secretFile,
      @Nullable String jwks,
      @Nullable String issuer,
      @Nullable String audience,
      int leewaySeconds,
      boolean openMetrics,
      boolean bindClients,
      boolean bindReplicas) {
    /** Tokens are needed. */
    public static final Auth DEFAULTS =
        new Auth(false, null, null, null, null, null, 30, false, true, false);

    /** Everybody may do everything. */
    public static final Auth OFF =
        new Auth(true, null, null, null, null, null, 30, true, true, false);

    @JsonCreator
    static Auth read(
        @JsonProperty("off") @Nullable Boolean off,
        @JsonProperty("secret") @Nullable String secret,
        @JsonProperty("secretFile") @Nullable String secretFile,
        @JsonProperty("jwks") @Nullable String jwks,
        @JsonProperty("issuer") @Nullable String issuer,
        @JsonProperty("audience") @Nullable String audience,
        @JsonProperty("leewaySeconds") @Nullable Integer leewaySeconds,
        @JsonProperty("openMetrics") @Nullable Boolean openMetrics,
        @JsonProperty("bindClients") @Nullable Boolean bindClients,
        @JsonProperty("bindReplicas") @Nullable Boolean bindReplicas) {
      int leeway = or(leewaySeconds, DEFAULTS.leewaySeconds, 0, "auth.leewaySeconds");
      if (leeway > 300) {
        throw new IllegalArgumentException("auth.leewaySeconds must be at most 300");
      }
      return new Auth(
          off != null && off,
          secret,
          secretFile,
          jwks,
          issuer,
          audience,
          leeway,
          openMetrics != null && openMetrics,
          bindClients == null || bindClients,
          bindReplicas != null && bindReplicas);
    }

    /** Returns this for tokens of a secret. */
    public Auth withSecret(String other) {
      return new Auth(
          off,
          other,
          secretFile,
          jwks,
          issuer,
          audience,
          leewaySeconds,
          openMetrics,
          bindClients,
          bindReplicas);
    }

    /** Returns this for tokens of a set of keys. */
    public Auth withJwks(String other) {
      return new Auth(
          off,
          secret,
          secretFile,
          other,
          issuer,
          audience,
          leewaySeconds,
          openMetrics,
          bindClients,
          bindReplicas);
    }

    @Override
    public String toString() {
      return "Auth[off=" + off + ", jwks=" + jwks + ", issuer=" + issuer + ", …]";
    }
  }

  /**
   * How much may be asked. Rates hold for each subject of a token, or each address without tokens.
   *
   * @param maxBody most bytes of a body of deltas, at most 64 MiB
   * @param maxBodies most bytes of all bodies that are read at the same time
   * @param maxUrl most bytes of a request's first line
   * @param maxHeaders most bytes of a request's headers
   * @param maxIds most prefixes and ids of one filter
   * @param requestsPerSecond requests, with a burst of two seconds
   * @param deltasPerSecond deltas that are written; a body that exceeds it is paid for by a pause
   * @param bytesPerSecond bytes of bodies that are written, likewise
   * @param maxConnections most connections at the same time
   * @param maxFollowers most followers at the same time
   * @param maxFollowersPerSubject most followers of one subject
   * @param maxResults most results of a search
   * @param searchMs time for a search that says none
   * @param maxSearchMs most time for a search
   * @param appendMs how long deltas may take to become durable
   * @param maxClockAheadMs how far in the future the time of a delta may be
   * @param readMs how long a connection may be silent within a request
   * @param headerMs how long the headers of a request may take
   * @param bodyMs how long a body may take
   * @param trustForwarded whether the last address of {@code X-Forwarded-For} is that of who asks
   */
  public record Limits(
      int maxBody,
      long maxBodies,
      int maxUrl,
      int maxHeaders,
      int maxIds,
      int requestsPerSecond,
      int deltasPerSecond,
      int bytesPerSecond,
      int maxConnections,
      int maxFollowers,
      int maxFollowersPerSubject,
      int maxResults,
      int searchMs,
      int maxSearchMs,
      int appendMs,
      long maxClockAheadMs,
      int readMs,
      int headerMs,
      int bodyMs,
      boolean trustForwarded) {
    /** Limits for a service that is open to the world. */
    public static final Limits DEFAULTS =
        new Limits(
            16 << 20,
            256L << 20,
            16 << 10,
            16 << 10,
            1_000,
            1_000,
            50_000,
            64 << 20,
            20_000,
            10_000,
            1_000,
            1_000,
            1_000,
            30_000,
            30_000,
            86_400_000,
            45_000,
            10_000,
            60_000,
            false);

    private static final int MAX_BODY = 64 << 20;

    @JsonCreator
    static Limits read(
        @JsonProperty("maxBody") @Nullable Integer maxBody,
        @JsonProperty("maxBodies") @Nullable Long maxBodies,
        @JsonProperty("maxUrl") @Nullable Integer maxUrl,
        @JsonProperty("maxHeaders") @Nullable Integer maxHeaders,
        @JsonProperty("maxIds") @Nullable Integer maxIds,
        @JsonProperty("requestsPerSecond") @Nullable Integer requestsPerSecond,
        @JsonProperty("deltasPerSecond") @Nullable Integer deltasPerSecond,
        @JsonProperty("bytesPerSecond") @Nullable Integer bytesPerSecond,
        @JsonProperty("maxConnections") @Nullable Integer maxConnections,
        @JsonProperty("maxFollowers") @Nullable Integer maxFollowers,
        @JsonProperty("maxFollowersPerSubject") @Nullable Integer maxFollowersPerSubject,
        @JsonProperty("maxResults") @Nullable Integer maxResults,
        @JsonProperty("searchMs") @Nullable Integer searchMs,
        @JsonProperty("maxSearchMs") @Nullable Integer maxSearchMs,
        @JsonProperty("appendMs") @Nullable Integer appendMs,
        @JsonProperty("maxClockAheadMs") @Nullable Long maxClockAheadMs,
        @JsonProperty("readMs") @Nullable Integer readMs,
        @JsonProperty("headerMs") @Nullable Integer headerMs,
        @JsonProperty("bodyMs") @Nullable Integer bodyMs,
        @JsonProperty("trustForwarded") @Nullable Boolean trustForwarded) {
      Limits d = DEFAULTS;
      int body = or(maxBody, d.maxBody, 1_024, "limits.maxBody");
      if (body > MAX_BODY) {
        throw new IllegalArgumentException("limits.maxBody must be at most " + MAX_BODY);
      }
      return new Limits(
          body,
          or(maxBodies, Math.max(d.maxBodies, body), body, "limits.maxBodies"),
          or(maxUrl, d.maxUrl, 1_024, "limits.maxUrl"),
          or(maxHeaders, d.maxHeaders, 1_024, "limits.maxHeaders"),
          or(maxIds, d.maxIds, 0, "limits.maxIds"),
          or(requestsPerSecond, d.requestsPerSecond, 0, "limits.requestsPerSecond"),
          or(deltasPerSecond, d.deltasPerSecond, 0, "limits.deltasPerSecond"),
          or(bytesPerSecond, d.bytesPerSecond, 0, "limits.bytesPerSecond"),
          or(maxConnections, d.maxConnections, 1, "limits.maxConnections"),
          or(maxFollowers, d.maxFollowers, 0, "limits.maxFollowers"),
          or(maxFollowersPerSubject, d.maxFollowersPerSubject, 0, "limits.maxFollowersPerSubject"),
          or(maxResults, d.maxResults, 1, "limits.maxResults"),
          or(searchMs, d.searchMs, 1, "limits.searchMs"),
          or(maxSearchMs, d.maxSearchMs, 1, "limits.maxSearchMs"),
          or(appendMs, d.appendMs, 1, "limits.appendMs"),
          or(maxClockAheadMs, d.maxClockAheadMs, 0, "limits.maxClockAheadMs"),
          or(readMs, d.readMs, 100, "limits.readMs"),
          or(headerMs, d.headerMs, 100, "limits.headerMs"),
          or(bodyMs, d.bodyMs, 100, "limits.bodyMs"),
          trustForwarded != null && trustForwarded);
    }
  }

  /**
   * Which pages may ask. Pages of the gateway's own origin always may.
   *
   * @param origins such as {@code https://app.example.org}; {@code *} for all; none by default
   * @param maxAgeSeconds how long a browser keeps the answer
   */
  public record Cors(List<String> origins, int maxAgeSeconds) {
    /** None. */
    public static final Cors DEFAULTS = new Cors(List.of(), 3_600);

    /** Makes the list unmodifiable. */
    public Cors {
      origins = List.copyOf(origins);
    }

    @JsonCreator
    static Cors read(
        @JsonProperty("origins") @Nullable List<String> origins,
        @JsonProperty("maxAgeSeconds") @Nullable Integer maxAgeSeconds) {
      return new Cors(
          origins == null ? List.of() : origins,
          or(maxAgeSeconds, DEFAULTS.maxAgeSeconds, 0, "cors.maxAgeSeconds"));
    }
  }

  /**
   * How followers are served.
   *
   * @param maxQueue most bytes that wait for one follower, before it is let go
   * @param maxBehind most records that a follower may have to catch up with
   * @param tickMs longest time that records are gathered before they are sent, under load
   * @param pingMs time between two signs of life
   * @param writeMs how long a follower may take none of what is written
   * @param liveBytes most bytes of the newest records in memory
   * @param chunkBytes most bytes of older records in memory
   * @param readers most readers of older records at the same time
   */
  public record Follow(
      long maxQueue,
      long maxBehind,
      int tickMs,
      int pingMs,
      int writeMs,
      long liveBytes,
      long chunkBytes,
      int readers) {
    /** For up to some thousand followers. */
    public static final Follow DEFAULTS =
        new Follow(8 << 20, 1_000_000, 20, 15_000, 30_000, 32 << 20, 64 << 20, 4);

    @JsonCreator
    static Follow read(
        @JsonProperty("maxQueue") @Nullable Long maxQueue,
        @JsonProperty("maxBehind") @Nullable Long maxBehind,
        @JsonProperty("tickMs") @Nullable Integer tickMs,
        @JsonProperty("pingMs") @Nullable Integer pingMs,
        @JsonProperty("writeMs") @Nullable Integer writeMs,
        @JsonProperty("liveBytes") @Nullable Long liveBytes,
        @JsonProperty("chunkBytes") @Nullable Long chunkBytes,
        @JsonProperty("readers") @Nullable Integer readers) {
      Follow d = DEFAULTS;
      return new Follow(
          or(maxQueue, d.maxQueue, 1_024, "follow.maxQueue"),
          or(maxBehind, d.maxBehind, 0, "follow.maxBehind"),
          or(tickMs, d.tickMs, 0, "follow.tickMs"),
          or(pingMs, d.pingMs, 100, "follow.pingMs"),
          or(writeMs, d.writeMs, 100, "follow.writeMs"),
          or(liveBytes, d.liveBytes, 1_024, "follow.liveBytes"),
          or(chunkBytes, d.chunkBytes, 0, "follow.chunkBytes"),
          or(readers, d.readers, 1, "follow.readers"));
    }
  }
}
