package dev.deltavec.broker;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ThreadLocalRandom;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.Feature;
import org.apache.kafka.server.common.MetadataVersion;

/**
 * An Apache Kafka broker in this process, with its own controller (KRaft), for tests and for trying
 * deltavec out: one node, not secured, reached from this machine only.
 *
 * <p>Started again on the same directory it has the same topics and records, and the same ports; so
 * clients of before go on. Its servers are internal classes of Kafka, which this is the only class
 * to know; they belong to one version of Kafka.
 *
 * <p>What Kafka logs from warnings on goes to standard error, unless Log4j is configured otherwise.
 */
public final class EmbeddedBroker implements AutoCloseable {
  private static final String HOST = "127.0.0.1";
  private static final int NODE = 1;
  private static final String PORTS = "ports.properties";

  private final int port;
  private final KafkaRaftServer server;
  private boolean closed;

  private EmbeddedBroker(int port, KafkaRaftServer server) {
    this.port = port;
    this.server = server;
  }

  /**
   * What may be chosen of a broker.
   *
   * @param port for clients; 0: the one the directory was used with, or a free one
   * @param properties of the broker beside, or instead of, those set here, by Kafka's names
   */
  public record Options(int port, Map<String, String> properties) {
    /** A free port, and nothing special. */
    public static final Options DEFAULT = new Options(0, Map.of());

    /** Checks the port. */
    public Options {
      if (port < 0 || port > 65_535) {
        throw new IllegalArgumentException("port must be 0 to 65,535; got " + port);
      }
      properties = Map.copyOf(properties);
    }

    /** A port of one's own, and nothing special. */
    public static Options port(int port) {
      return new Options(port, Map.of());
    }
  }

  /**
   * Starts a broker, and waits until it serves clients: some seconds.
   *
   * @param directory its files; made if missing. One broker at a time
   * @throws IllegalStateException if it cannot be started
   * @throws UncheckedIOException if the directory cannot be used
   */
  public static EmbeddedBroker start(Path directory, Options options) {
    QuietLog.install();
    try {
      Files.createDirectories(directory);
      int[] ports = ports(directory, options.port());
      Path data = directory.resolve("data");
      if (!Files.exists(data.resolve("meta.properties"))) {
        format(data);
      }
      KafkaRaftServer server =
          new KafkaRaftServer(
              new KafkaConfig(properties(data, ports, options.properties()), false), Time.SYSTEM);
      try {
        server.startup();
      } catch (RuntimeException e) {
        server.shutdown();
        throw e;
      }
      return new EmbeddedBroker(ports[0], server);
    } catch (IOException e) {
      throw new UncheckedIOException("No broker in " + directory + ": " + e.getMessage(), e);
    } catch (RuntimeException e) {
      throw new IllegalStateException("No broker in " + directory + ": " + e.getMessage(), e);
    }
  }

  /** Returns where clients begin: {@code host:port}. */
  public String bootstrap() {
    return HOST + ":" + port;
  }

  /** Stops the broker; its files stay. Calling it again does nothing. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      server.shutdown();
      server.awaitShutdown();
    }
  }

  private static void format(Path data) throws IOException {
    try {
      new Formatter()
          .setPrintStream(
              new PrintStream(
                  PrintStream.nullOutputStream(), false, java.nio.charset.StandardCharsets.UTF_8))
          .setSupportedFeatures(Feature.PRODUCTION_FEATURES)
          .setReleaseVersion(MetadataVersion.latestProduction())
          .setNodeId(NODE)
          .setClusterId(Uuid.randomUuid().toString())
          .setControllerListenerName("CONTROLLER")
          .setMetadataLogDirectory(data.toString())
          .addDirectory(data.toString())
          .setHasDynamicQuorum(false)
          .run();
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static Map<String, String> properties(Path data, int[] ports, Map<String, String> more) {
    Map<String, String> all = new HashMap<>();
    all.put("process.roles", "broker,controller");
    all.put("node.id", String.valueOf(NODE));
    all.put("log.dirs", data.toString());
    all.put(
        "listeners",
        "PLAINTEXT://" + HOST + ":" + ports[0] + ",CONTROLLER://" + HOST + ":" + ports[1]);
    all.put("advertised.listeners", "PLAINTEXT://" + HOST + ":" + ports[0]);
    all.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    all.put("controller.listener.names", "CONTROLLER");
    all.put("controller.quorum.voters", NODE + "@" + HOST + ":" + ports[1]);
    // One node: nobody to wait for.
    all.put("controller.quorum.election.timeout.ms", "100");
    all.put("controlled.shutdown.enable", "true");
    all.put("broker.heartbeat.interval.ms", "200");
    // A broker that was killed is not let in again before its session has ended.
    all.put("broker.session.timeout.ms", "2000");
    all.put("offsets.topic.replication.factor", "1");
    all.put("offsets.topic.num.partitions", "4");
    all.put("offsets.topic.segment.bytes", "4194304");
    all.put("transaction.state.log.replication.factor", "1");
    all.put("transaction.state.log.min.isr", "1");
    all.put("transaction.state.log.num.partitions", "4");
    all.put("transaction.state.log.segment.bytes", "4194304");
    all.put("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500");
    all.put("group.initial.rebalance.delay.ms", "0");
    all.put("group.min.session.timeout.ms", "500");
    all.put("auto.create.topics.enable", "false");
    // Small: a guest in a process that has other things to do.
    all.put("num.network.threads", "2");
    all.put("num.io.threads", "4");
    all.put("background.threads", "2");
    all.put("group.coordinator.threads", "1");
    all.put("share.coordinator.threads", "1");
    all.put("num.recovery.threads.per.data.dir", "2");
    all.put("log.cleaner.dedupe.buffer.size", "8388608");
    all.put("log.cleaner.io.buffer.size", "131072");
    all.put("log.index.size.max.bytes", "2097152");
    all.put("metadata.max.idle.interval.ms", "5000");
    all.put("message.max.bytes", String.valueOf(32 << 20));
    all.putAll(more);
    return all;
  }

  /** Returns the ports for clients and for the controller: those of before, or free ones. */
  private static int[] ports(Path directory, int wanted) throws IOException {
    Path file = directory.resolve(PORTS);
    Properties known = new Properties();
    if (Files.exists(file)) {
      try (var in = Files.newInputStream(file)) {
        known.load(in);
      }
    }
    int clients = wanted != 0 ? wanted : Integer.parseInt(known.getProperty("clients", "0"));
    int controller = Integer.parseInt(known.getProperty("controller", "0"));
    int[] ports = {clients != 0 ? clients : free(controller), controller};
    if (controller == 0 || controller == ports[0]) {
      ports[1] = free(ports[0]);
    }
    known.setProperty("clients", String.valueOf(ports[0]));
    known.setProperty("controller", String.valueOf(ports[1]));
    try (var out = Files.newOutputStream(file)) {
      known.store(out, null);
    }
    return ports;
  }

  /**
   * Returns a port that is free and stays so: below those that systems give to outgoing
   * connections, one of which would otherwise take it, or reach itself by it, while the broker is
   * down.
   */
  private static int free(int except) throws IOException {
    IOException last = null;
    for (int i = 0; i < 100; i++) {
      int port = ThreadLocalRandom.current().nextInt(16_384, 32_000);
      if (port == except) {
        continue;
      }
      try (ServerSocket socket = new ServerSocket()) {
        socket.bind(new InetSocketAddress(InetAddress.getByName(HOST), port));
        return port;
      } catch (IOException e) {
        last = e;
      }
    }
    throw new IOException("no free port", last);
  }
}
