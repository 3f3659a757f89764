package dev.deltavec.server.simulation;

import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.kafka.View;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.server.node.HostSettings;
import dev.deltavec.server.node.ShardHost;
import dev.deltavec.server.shard.ShardRunner;
import dev.deltavec.server.shard.ShardSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A node that does nothing by itself: its threads are the simulation's steps. */
final class SimulatedNode {
  private static final String LOCK = "LOCK";

  final String id;
  private final Path base;
  private final DeltaLog log;
  private final VirtualClock clock;
  private final Duration retention;
  private int life;
  private @Nullable ShardHost host;
  private final Deque<Runnable> tasks = new ArrayDeque<>();
  private final Deque<View> views = new ArrayDeque<>();

  SimulatedNode(String id, Path base, DeltaLog log, VirtualClock clock, Duration retention) {
    this.id = id;
    this.base = base;
    this.log = log;
    this.clock = clock;
    this.retention = retention;
  }

  boolean running() {
    return host != null;
  }

  private Path directory() {
    return base.resolve(id + "-" + life);
  }

  void start() {
    ShardSettings.DatabaseSettings database =
        new ShardSettings.DatabaseSettings(
            Writers.DIMENSIONS,
            Metric.COSINE,
            0,
            Quantization.INT8,
            4,
            20,
            20,
            5,
            1000,
            1L << 28,
            Duration.ofDays(1)); // nothing is on disk before it is told to be
    ShardSettings settings =
        new ShardSettings(
            directory(),
            log.shards(),
            log.epoch(),
            database,
            retention,
            retention.dividedBy(20),
            300,
            20,
            Duration.ofMinutes(1),
            10,
            Duration.ofSeconds(10),
            Duration.ofMinutes(1));
    host =
        new ShardHost(
            settings,
            new HostSettings(Duration.ofSeconds(20), Duration.ofMinutes(30)),
            log,
            tasks::add,
            Runnable::run,
            clock,
            new ShardHost.Listener() {
              @Override
              public void opened(ShardRunner runner) {}

              @Override
              public void closing(ShardRunner runner) {}
            });
  }

  /** Ends as a process that is killed: what was not on disk is gone. */
  void crash() {
    ShardHost gone = requireHost();
    Path old = directory();
    life++;
    copy(old, directory());
    host = null;
    tasks.clear();
    views.clear();
    gone.close();
  }

  /** Ends as a process that is told to. */
  void stop() {
    ShardHost gone = requireHost();
    gone.writeStates(Duration.ofSeconds(10));
    host = null;
    tasks.clear();
    views.clear();
    gone.close();
  }

  /** Loses its disk, too. */
  void lose() {
    crash();
    life++;
  }

  private static void copy(Path from, Path to) {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Path copy = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(copy);
        } else if (!file.getFileName().toString().equals(LOCK)) {
          Files.copy(file, copy);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  ShardHost requireHost() {
    ShardHost running = host;
    if (running == null) {
      throw new IllegalStateException(id + " does not run");
    }
    return running;
  }

  /** The group has agreed on something; the node learns it later. */
  void tell(View view) {
    views.add(view);
  }

  void learn() {
    View view = views.poll();
    if (view != null) {
      requireHost().onView(view);
    }
  }

  void runTask() {
    Runnable task = tasks.poll();
    if (task != null) {
      task.run();
    }
  }

  void apply(boolean live) {
    try {
      if (live) {
        requireHost().stepLive(Duration.ZERO);
      } else {
        requireHost().stepCatchUp(Duration.ZERO);
      }
    } catch (LogException e) {
      // It is tried again.
      return;
    }
  }

  void maintain() {
    requireHost().maintain();
  }

  /** Brings to disk what a shard has. */
  void flush(int shard) {
    ShardRunner runner = requireHost().ready(shard);
    if (runner != null) {
      runner.db().flush();
    }
  }

  /** Does all there is to do. */
  void settle() {
    while (!views.isEmpty()) {
      learn();
    }
    for (int i = 0; i < 3; i++) {
      while (!tasks.isEmpty()) {
        runTask();
      }
      apply(true);
      apply(false);
    }
    maintain();
  }

  boolean settled(List<Integer> shards) {
    return tasks.isEmpty()
        && shards.stream()
            .allMatch(shard -> {
              ShardRunner runner = requireHost().ready(shard);
              return runner != null && runner.next() >= log.end(shard);
            });
  }
}
