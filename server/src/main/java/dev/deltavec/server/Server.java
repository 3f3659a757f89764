package dev.deltavec.server;

import dev.deltavec.kafka.KafkaDeltaLog;
import dev.deltavec.kafka.KafkaLogOptions;
import dev.deltavec.kafka.Member;
import dev.deltavec.kafka.ShardGroup;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.server.config.ConfigException;
import dev.deltavec.server.config.ServerConfig;
import dev.deltavec.server.gateway.Gateway;
import dev.deltavec.server.internal.HttpPeers;
import dev.deltavec.server.internal.Internal;
import dev.deltavec.server.internal.Secret;
import dev.deltavec.server.node.Grouping;
import dev.deltavec.server.node.Node;
import dev.deltavec.server.node.NodeMetrics;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.websocket.WsRouting;
import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** A node with its gateway, on its port. */
public final class Server implements AutoCloseable {
  private static final Logger LOG = System.getLogger("dev.deltavec.server");

  /** How long a node that is no longer ready goes on listening. */
  private static final Duration READY_SEEN = Duration.ofMillis(500);

  /** What is to be closed, the last first. */
  private final Deque<AutoCloseable> parts = new ArrayDeque<>();

  private final ServerConfig config;
  private final Node node;
  private final Gateway gateway;
  private final WebServer web;
  private boolean closed;

  /**
   * Starts a server; when this returns it listens, and restores its shards.
   *
   * @throws ConfigException for a configuration that is not good
   * @throws LogException if the log cannot be reached, or is not as configured
   */
  public static Server start(ServerConfig config) {
    KafkaLogOptions options = config.logOptions();
    return new Server(
        config,
        KafkaDeltaLog.open(options),
        member ->
            listener -> {
              ShardGroup group =
                  ShardGroup.join(
                      options,
                      config.kafka().group(),
                      member,
                      config.shards().standbys(),
                      listener);
              return membership(group);
            });
  }

  private static Grouping.Membership membership(ShardGroup group) {
    return new Grouping.Membership() {
      @Override
      public @Nullable String failure() {
        LogException failed = group.failure().orElse(null);
        return failed == null ? null : String.valueOf(failed.getMessage());
      }

      @Override
      public void close() {
        group.close();
      }
    };
  }

  /** How a member joins. */
  @FunctionalInterface
  public interface Joining {
    /** Returns how this member comes to know its shards. */
    Grouping of(Member self);
  }

  /**
   * Starts a server on a log of any kind.
   *
   * @param log closed with the server, also if it cannot be started
   */
  public Server(ServerConfig config, DeltaLog log, Joining joining) {
    this.config = config;
    try {
      parts.push(log);
      PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
      parts.push(meters::close);
      bindProcess(meters);
      Secret secret = new Secret(config.node().secret());
      HttpPeers peers = new HttpPeers(secret);
      parts.push(peers);
      Node.Settings settings = config.nodeSettings(log.epoch());
      node = new Node(settings, log, peers, new NodeMetrics(meters), InstantSource.system());
      parts.push(node);
      gateway = gateway(config, log, meters);
      parts.push(gateway);
      web = web(secret);
      web.start();
      parts.push(web::stop);
      if (!web.isRunning() || web.port() < 0) { // it only logs why
        throw new ConfigException(
            "node.port: "
                + config.node().host()
                + ":"
                + config.node().port()
                + " is not to be had");
      }
      node.start(joining.of(config.member(web.port())));
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private Gateway gateway(ServerConfig config, DeltaLog log, PrometheusMeterRegistry meters) {
    try {
      return new Gateway(config.gateway(), node, log, meters);
    } catch (IllegalArgumentException e) {
      throw new ConfigException("gateway: " + e.getMessage());
    }
  }

  private void bindProcess(PrometheusMeterRegistry meters) {
    JvmGcMetrics collector = new JvmGcMetrics();
    parts.push(collector);
    collector.bindTo(meters);
    new JvmMemoryMetrics().bindTo(meters);
    new JvmThreadMetrics().bindTo(meters);
    new ClassLoaderMetrics().bindTo(meters);
    new ProcessorMetrics().bindTo(meters);
    new UptimeMetrics().bindTo(meters);
  }

  private WebServer web(Secret secret) {
    HttpRouting.Builder http = HttpRouting.builder();
    WsRouting.Builder sockets = WsRouting.builder();
    http.register(
        "/internal",
        new Internal(
            secret,
            config.kafka().shards(),
            node.local(),
            node.host()::ready,
            node.host().snapshots()));
    gateway.routing(http, sockets);
    WebServerConfig.Builder server =
        WebServer.builder()
            .host(config.node().host())
            .port(config.node().port())
            .shutdownHook(false)
            .shutdownGracePeriod(config.node().drainTimeout());
    gateway.configure(server);
    return server.addRouting(http).addRouting(sockets).build();
  }

  /** Returns the port that it listens on. */
  public int port() {
    return web.port();
  }

  /** Answers nobody any more, as a node whose machine hangs; for tests. */
  void fallSilent() {
    web.stop();
  }

  /** Returns the node. */
  public Node node() {
    return node;
  }

  /**
   * Ends gracefully: is no longer ready, writes states of its shards, leaves the group, lets
   * requests end, and closes everything.
   */
  public void drain() {
    LOG.log(Level.INFO, "draining");
    node.drain(config.node().drainTimeout());
    gateway.drain();
    try {
      Thread.sleep(READY_SEEN); // so that who asks for /ready sees it
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    close();
  }

  /** Ends at once; calling it again does nothing. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    while (!parts.isEmpty()) {
      AutoCloseable part = parts.pop();
      try {
        part.close();
      } catch (Exception e) {
        LOG.log(Level.WARNING, "closing " + part, e);
      }
    }
  }
}
