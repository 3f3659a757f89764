package dev.deltavec.server.gateway;

import io.github.bucket4j.Bucket;
import io.github.bucket4j.ConsumptionProbe;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** How much each subject has asked for lately, and how many followers it has. Thread-safe. */
final class RateLimits {
  /** Subjects that are remembered; of more, those that have asked least lately begin anew. */
  private static final int MAX_SUBJECTS = 50_000;

  /** Tokens that are not good, for each address and second. */
  private static final int BAD_TOKENS = 20;

  private final GatewayConfig.Limits limits;
  private final Map<String, Buckets> subjects =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Buckets> eldest) {
          return size() > MAX_SUBJECTS;
        }
      };
  private final Map<String, Integer> followers = new HashMap<>();
  private int allFollowers;

  private record Buckets(
      @Nullable Bucket requests, @Nullable Bucket deltas, @Nullable Bucket bytes, Bucket bad) {}

  RateLimits(GatewayConfig.Limits limits) {
    this.limits = limits;
  }

  private Buckets of(String subject) {
    synchronized (subjects) {
      return subjects.computeIfAbsent(
          subject,
          name ->
              new Buckets(
                  bucket(limits.requestsPerSecond()),
                  bucket(limits.deltasPerSecond()),
                  bucket(limits.bytesPerSecond()),
                  fixed(BAD_TOKENS)));
    }
  }

  private static @Nullable Bucket bucket(int perSecond) {
    return perSecond == 0 ? null : fixed(perSecond);
  }

  private static Bucket fixed(int perSecond) {
    return Bucket.builder()
        .addLimit(
            limit -> limit.capacity(2L * perSecond).refillGreedy(perSecond, Duration.ofSeconds(1)))
        .build();
  }

  /**
   * Counts a request.
   *
   * @throws ApiException 429
   */
  void request(String subject) {
    Bucket bucket = of(subject).requests;
    if (bucket != null) {
      ConsumptionProbe probe = bucket.tryConsumeAndReturnRemaining(1);
      if (!probe.isConsumed()) {
        throw ApiException.rateLimited(
            "more than " + limits.requestsPerSecond() + " requests in a second",
            seconds(probe.getNanosToWaitForRefill()));
      }
    }
  }

  /**
   * Refuses an address from which too many bad tokens have come.
   *
   * @throws ApiException 429
   */
  void beforeToken(String address) {
    if (of("address " + address).bad.getAvailableTokens() <= 0) {
      throw ApiException.rateLimited("too many tokens that are not good", 1);
    }
  }

  /** Counts a token that is not good. */
  void badToken(String address) {
    of("address " + address).bad.tryConsume(1);
  }

  /**
   * Counts the bytes of a body.
   *
   * @throws ApiException 429 if those before were too many
   */
  void bytes(String subject, long bytes) {
    pay(of(subject).bytes, bytes, limits.bytesPerSecond() + " bytes");
  }

  /**
   * Counts deltas that are to be written.
   *
   * @throws ApiException 429 if those before were too many
   */
  void deltas(String subject, long deltas) {
    pay(of(subject).deltas, deltas, limits.deltasPerSecond() + " deltas");
  }

  /** Takes any amount once, and nothing until it has been paid for. */
  private static void pay(@Nullable Bucket bucket, long amount, String limit) {
    if (bucket == null || amount == 0) {
      return;
    }
    ConsumptionProbe probe = bucket.tryConsumeAndReturnRemaining(1);
    if (!probe.isConsumed()) {
      throw ApiException.rateLimited(
          "more than " + limit + " in a second", seconds(probe.getNanosToWaitForRefill()));
    }
    if (amount > 1) {
      bucket.consumeIgnoringRateLimits(amount - 1);
    }
  }

  /** Forgets what was asked for, for tests. */
  void forget() {
    synchronized (subjects) {
      subjects.clear();
    }
  }

  private static long seconds(long nanos) {
    return TimeUnit.NANOSECONDS.toSeconds(nanos + 999_999_999);
  }

  /**
   * Counts a follower in.
   *
   * @throws ApiException 429 or 503
   */
  void follow(String subject) {
    synchronized (followers) {
      int own = followers.getOrDefault(subject, 0);
      if (own >= limits.maxFollowersPerSubject()) {
        throw ApiException.rateLimited(own + " followers are as many as one may have", 10);
      }
      if (allFollowers >= limits.maxFollowers()) {
        throw ApiException.unavailable("there are as many followers as may be");
      }
      followers.put(subject, own + 1);
      allFollowers++;
    }
  }

  /** Counts a follower out. */
  void unfollow(String subject) {
    synchronized (followers) {
      followers.computeIfPresent(subject, (name, n) -> n == 1 ? null : n - 1);
      allFollowers--;
    }
  }
}
