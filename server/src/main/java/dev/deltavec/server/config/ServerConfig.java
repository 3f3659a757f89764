package dev.deltavec.server.config;

import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.kafka.KafkaLogOptions;
import dev.deltavec.kafka.Member;
import dev.deltavec.server.gateway.GatewayConfig;
import dev.deltavec.server.node.HostSettings;
import dev.deltavec.server.node.Node;
import dev.deltavec.server.shard.ShardSettings;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** What a configuration says. Options are documented in {@code deltavec-server.yaml}. */
public record ServerConfig(
    NodeSection node,
    KafkaSection kafka,
    DatabaseSection database,
    ShardsSection shards,
    SearchSection search,
    GatewayConfig gateway) {
  private static final String AUTO = "auto";

  /** The node itself. */
  public record NodeSection(
      String id,
      String url,
      String host,
      int port,
      Path data,
      int capacity,
      String secret,
      Duration drainTimeout) {
    @Override
    public String toString() {
      return "NodeSection[id=" + id + ", url=" + url + ", port=" + port + ", data=" + data + "]";
    }
  }

  /** The log. */
  public record KafkaSection(
      String bootstrap,
      String prefix,
      String group,
      int shards,
      int replication,
      Duration retention,
      ByteSize maxRecord,
      Duration timeout,
      Duration sessionTimeout,
      Map<String, String> properties) {
    @Override
    public String toString() {
      return "KafkaSection[bootstrap=" + bootstrap + ", prefix=" + prefix + "]"; // no passwords
    }
  }

  /** The database of each shard. */
  public record DatabaseSection(
      int dimensions,
      Metric metric,
      int grid,
      Quantization quantization,
      int hnswM,
      int hnswEfConstruction,
      int hnswEfSearch,
      int checkpointInterval,
      int maxVectors,
      ByteSize memory,
      Duration flushInterval) {}

  /** How shards are kept. */
  public record ShardsSection(
      int standbys,
      Duration retention,
      Duration compactEvery,
      int restores,
      int appliers,
      ByteSize batch,
      long stateRecords,
      Duration stateEvery,
      long snapshotRecords,
      Duration snapshotEvery,
      Duration snapshotKeep,
      Duration linger,
      Duration keepFiles) {
    /** Checks the values. */
    public ShardsSection {
      check(standbys >= 0, "standbys must be 0 or more");
      check(retention.toMillis() > 0, "retention must be over 0");
      check(restores >= 1, "restores must be at least 1");
      check(appliers >= 0, "appliers must be 0 or more");
      check(stateRecords >= 1, "stateRecords must be at least 1");
    }
  }

  /** How is searched. */
  public record SearchSection(Duration hedge, boolean joint) {}

  private static void check(boolean holds, String message) {
    if (!holds) {
      throw new IllegalArgumentException(message);
    }
  }

  /**
   * Reads a configuration.
   *
   * @throws ConfigException for a value that cannot be what it is
   */
  public static ServerConfig of(ConfigFile file) {
    return new ServerConfig(
        file.section("node", NodeSection.class),
        file.section("kafka", KafkaSection.class),
        file.section("database", DatabaseSection.class),
        file.section("shards", ShardsSection.class),
        file.section("search", SearchSection.class),
        file.section("gateway", GatewayConfig.class));
  }

  /**
   * Returns how the log is reached.
   *
   * @throws ConfigException for a value that cannot be what it is
   */
  public KafkaLogOptions logOptions() {
    try {
      return KafkaLogOptions.builder(kafka.bootstrap)
          .prefix(kafka.prefix)
          .shards(kafka.shards)
          .replication(kafka.replication)
          .retention(kafka.retention)
          .maxRecordBytes(kafka.maxRecord.toInt())
          .timeout(kafka.timeout)
          .sessionTimeout(kafka.sessionTimeout)
          .properties(kafka.properties)
          .build();
    } catch (IllegalArgumentException e) {
      throw new ConfigException("kafka: " + e.getMessage());
    }
  }

  /**
   * Returns the node as its group knows it.
   *
   * @param port on which it listens
   * @throws ConfigException for a value that cannot be what it is
   */
  public Member member(int port) {
    try {
      String id = node.id.equals(AUTO) ? hostName() : node.id;
      String url = node.url.equals(AUTO) ? "http://" + reachable() + ":" + port : node.url;
      return new Member(id, url, node.capacity);
    } catch (IllegalArgumentException e) {
      throw new ConfigException("node: " + e.getMessage());
    }
  }

  private String reachable() {
    return node.host.equals("0.0.0.0") || node.host.equals("::") ? hostName() : node.host;
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      throw new ConfigException("node.id: this host has no name that is known: give the node one");
    }
  }

  /**
   * Returns how a node works.
   *
   * @param epoch of the log
   */
  public Node.Settings nodeSettings(String epoch) {
    ShardSettings.DatabaseSettings each =
        new ShardSettings.DatabaseSettings(
            database.dimensions,
            database.metric,
            database.grid,
            database.quantization,
            database.hnswM,
            database.hnswEfConstruction,
            database.hnswEfSearch,
            database.checkpointInterval,
            database.maxVectors,
            database.memory.bytes(),
            database.flushInterval);
    ShardSettings settings =
        new ShardSettings(
            node.data,
            kafka.shards,
            epoch,
            each,
            shards.retention,
            shards.compactEvery,
            shards.batch.toInt(),
            shards.stateRecords,
            shards.stateEvery,
            shards.snapshotRecords,
            shards.snapshotEvery,
            shards.snapshotKeep);
    int appliers =
        shards.appliers > 0 ? shards.appliers : Runtime.getRuntime().availableProcessors();
    return new Node.Settings(
        settings,
        new HostSettings(shards.linger, shards.keepFiles),
        shards.restores,
        appliers,
        Duration.ofSeconds(1),
        search.hedge,
        search.joint);
  }
}
