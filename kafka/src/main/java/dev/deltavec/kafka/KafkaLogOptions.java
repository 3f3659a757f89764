package dev.deltavec.kafka;

import dev.deltavec.log.Shards;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;

/**
 * How to reach a log on Kafka, and what its topics are like.
 *
 * @param bootstrap brokers to begin with: {@code host:port,host:port}
 * @param prefix of the names of both topics, of groups and of transactions, so that several
 *     services can share brokers; up to 100 letters, digits, {@code . _ -}
 * @param shards number of partitions of both topics, 1 to 65,536; as the topics have it, if they
 *     are there
 * @param replication copies of each partition; only for topics that are made
 * @param retention how long records of deltas are kept; negative: forever. Only for topics that are
 *     made
 * @param maxRecordBytes the largest batch of one shard
 * @param maxWaitingBytes what batches that are not durable yet may hold together, at least 1 KiB;
 *     over it appends fail at once as {@code UNAVAILABLE}
 * @param timeout within which the log has to answer and to acknowledge
 * @param sessionTimeout after which a silent member is taken out of its group
 * @param properties of all Kafka clients beside those that deltavec sets: security above all, or
 *     {@code compression.type}, which is none unless set, as vectors hardly get smaller
 */
public record KafkaLogOptions(
    String bootstrap,
    String prefix,
    int shards,
    int replication,
    Duration retention,
    int maxRecordBytes,
    long maxWaitingBytes,
    Duration timeout,
    Duration sessionTimeout,
    Map<String, String> properties) {
  /** Checks the values. */
  public KafkaLogOptions {
    properties = Map.copyOf(properties);
    check(!bootstrap.isBlank(), "bootstrap names at least one broker");
    check(
        prefix.matches("[A-Za-z0-9._-]{0,100}"),
        "prefix has up to 100 letters, digits, '.', '_' or '-'; got \"" + prefix + "\"");
    check(
        shards >= 1 && shards <= Shards.MAX,
        "shards must be 1 to " + Shards.MAX + "; got " + shards);
    check(
        replication >= 1 && replication <= Short.MAX_VALUE,
        "replication must be 1 to 32,767; got " + replication);
    check(
        maxRecordBytes >= 1024 && maxRecordBytes <= 1 << 30,
        "maxRecordBytes must be 1 KiB to 1 GiB; got " + maxRecordBytes);
    check(
        maxWaitingBytes >= 1024, "maxWaitingBytes must be at least 1 KiB; got " + maxWaitingBytes);
    check(
        timeout.toMillis() >= 100 && timeout.toMillis() <= 3_600_000,
        "timeout must be 100 ms to 1 h; got " + timeout);
    check(
        sessionTimeout.toMillis() >= 500 && sessionTimeout.toMillis() <= 3_600_000,
        "sessionTimeout must be 0.5 s to 1 h; got " + sessionTimeout);
  }

  /**
   * Returns a builder with what is usual: 64 shards, 1 copy, kept forever, 20 and 64 MiB, 30 s, 10
   * s.
   */
  public static Builder builder(String bootstrap) {
    return new Builder(bootstrap);
  }

  /** Returns the name of the topic of deltas. */
  public String deltasTopic() {
    return prefix + "deltas";
  }

  /** Returns the name of the topic of states. */
  public String stateTopic() {
    return prefix + "state";
  }

  /** Returns the options, without the values of properties, which may be secrets. */
  @Override
  public String toString() {
    return "KafkaLogOptions[bootstrap="
        + bootstrap
        + ", prefix="
        + prefix
        + ", shards="
        + shards
        + ", replication="
        + replication
        + ", retention="
        + retention
        + ", maxRecordBytes="
        + maxRecordBytes
        + ", maxWaitingBytes="
        + maxWaitingBytes
        + ", timeout="
        + timeout
        + ", sessionTimeout="
        + sessionTimeout
        + ", properties="
        + new TreeSet<>(properties.keySet())
        + "]";
  }

  private static void check(boolean holds, String message) {
    if (!holds) {
      throw new IllegalArgumentException(message);
    }
  }

  /** Makes options step by step. */
  public static final class Builder {
    private final String bootstrap;
    private String prefix = "";
    private int shards = 64;
    private int replication = 1;
    private Duration retention = Duration.ofMillis(-1);
    private int maxRecordBytes = 20 << 20;
    private long maxWaitingBytes = 64 << 20;
    private Duration timeout = Duration.ofSeconds(30);
    private Duration sessionTimeout = Duration.ofSeconds(10);
    private final Map<String, String> properties = new HashMap<>();

    private Builder(String bootstrap) {
      this.bootstrap = bootstrap;
    }

    /** Sets the prefix of names; "" unless set. */
    public Builder prefix(String value) {
      prefix = value;
      return this;
    }

    /** Sets the number of shards; 64 unless set. */
    public Builder shards(int value) {
      shards = value;
      return this;
    }

    /** Sets the number of copies of topics that are made; 1 unless set. */
    public Builder replication(int value) {
      replication = value;
      return this;
    }

    /** Sets how long deltas are kept in a topic that is made; negative, forever, unless set. */
    public Builder retention(Duration value) {
      retention = value;
      return this;
    }

    /** Sets the largest batch of one shard in bytes; 20 MiB unless set. */
    public Builder maxRecordBytes(int value) {
      maxRecordBytes = value;
      return this;
    }

    /** Sets what batches that are not durable yet may hold in bytes; 64 MiB unless set. */
    public Builder maxWaitingBytes(long value) {
      maxWaitingBytes = value;
      return this;
    }

    /** Sets the time to answer and to acknowledge; 30 s unless set. */
    public Builder timeout(Duration value) {
      timeout = value;
      return this;
    }

    /** Sets when a silent member is taken out of its group; 10 s unless set. */
    public Builder sessionTimeout(Duration value) {
      sessionTimeout = value;
      return this;
    }

    /** Adds a property of all clients, by Kafka's name for it. */
    public Builder property(String name, String value) {
      properties.put(name, value);
      return this;
    }

    /** Adds properties of all clients. */
    public Builder properties(Map<String, String> values) {
      properties.putAll(values);
      return this;
    }

    /**
     * Returns the options.
     *
     * @throws IllegalArgumentException if a value is not what it may be
     */
    public KafkaLogOptions build() {
      return new KafkaLogOptions(
          bootstrap,
          prefix,
          shards,
          replication,
          retention,
          maxRecordBytes,
          maxWaitingBytes,
          timeout,
          sessionTimeout,
          properties);
    }
  }
}
