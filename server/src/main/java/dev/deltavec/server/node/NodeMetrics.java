package dev.deltavec.server.node;

import dev.deltavec.core.DeltaException;
import dev.deltavec.log.LogException;
import dev.deltavec.server.shard.OwnerStates;
import dev.deltavec.server.shard.ShardCounters;
import dev.deltavec.server.shard.ShardRunner;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** Meters of a node; {@code docs/server.md} lists them. */
public final class NodeMetrics implements AutoCloseable {
  private static final Logger LOG = System.getLogger("dev.deltavec.server");

  /** How often the log is asked where it ends. */
  private static final Duration LAG_EVERY = Duration.ofSeconds(5);

  private final MeterRegistry registry;
  private final MultiGauge lag;
  private final MultiGauge offsets;
  private final MultiGauge vectors;
  private final MultiGauge states;
  private final Timer whole;
  private final Timer partial;
  private final Counter missing;
  private final Timer restore;
  private final Map<Integer, ShardRunner> restored = new HashMap<>();
  private @Nullable ShardHost bound;
  private long lagAsked;

  /** Meters in a registry. */
  public NodeMetrics(MeterRegistry registry) {
    this.registry = registry;
    lag =
        MultiGauge.builder("deltavec.shard.lag")
            .description("Records that a shard is behind the log")
            .baseUnit("records")
            .register(registry);
    offsets =
        MultiGauge.builder("deltavec.shard.offset")
            .description("Offset that a shard goes on with")
            .register(registry);
    vectors =
        MultiGauge.builder("deltavec.shard.vectors")
            .description("Live vectors of a shard")
            .register(registry);
    states =
        MultiGauge.builder("deltavec.shard.states.age")
            .description("For how long changes of an own shard have no states in the log")
            .baseUnit("seconds")
            .register(registry);
    whole = search("whole");
    partial = search("partial");
    missing =
        Counter.builder("deltavec.node.search.missing")
            .description("Shards that were missing in answers")
            .baseUnit("shards")
            .register(registry);
    restore =
        Timer.builder("deltavec.shard.restore")
            .description("Time to open a shard from files or states")
            .register(registry);
  }

  private Timer search(String answer) {
    return Timer.builder("deltavec.node.search")
        .description("Searches of all shards")
        .tag("answer", answer)
        .publishPercentiles(0.5, 0.95, 0.99)
        .register(registry);
  }

  /** Registers what is read from the node's shards. */
  synchronized void bind(ShardHost host) {
    bound = host;
    ShardCounters counters = host.counters();
    count("deltavec.node.deltas", "merged", counters, ShardCounters::merged);
    count("deltavec.node.deltas", "repeated", counters, ShardCounters::repeated);
    count("deltavec.node.deltas", "late", counters, ShardCounters::late);
    count("deltavec.node.deltas", "skipped", counters, ShardCounters::skipped);
    Gauge.builder("deltavec.node.ready", host, node -> node.ready() ? 1 : 0)
        .description("Whether all own shards can be searched")
        .register(registry);
    shards("owner", host, status -> status.owner());
    shards("standby", host, status -> !status.owner());
    shards("restoring", host, status -> !status.runner().map(ShardRunner::ready).orElse(false));
    shards("failed", host, status -> status.problem().isPresent());
  }

  private void count(
      String name, String result, ShardCounters counters, ToDoubleFunction<ShardCounters> value) {
    FunctionCounter.builder(name, counters, value)
        .description("Deltas that came, and what became of them")
        .tag("result", result)
        .register(registry);
  }

  private void shards(String state, ShardHost host, Predicate<ShardHost.Status> which) {
    Gauge.builder(
            "deltavec.node.shards", host, node -> node.status().stream().filter(which).count())
        .description("Shards that are here")
        .tag("state", state)
        .register(registry);
  }

  void searched(Answer answer) {
    (answer.partial() ? partial : whole).record(answer.took());
    missing.increment(answer.missing().size());
  }

  /** Brings the figures of each shard up to date. */
  void update(ShardHost host) {
    List<MultiGauge.Row<?>> sizes = new ArrayList<>();
    List<MultiGauge.Row<?>> positions = new ArrayList<>();
    List<MultiGauge.Row<?>> ages = new ArrayList<>();
    for (ShardHost.Status status : host.status()) {
      ShardRunner runner = status.runner().orElse(null);
      if (runner == null || !runner.ready()) {
        continue;
      }
      if (restored.put(status.shard(), runner) != runner) {
        restore.record(Duration.ofMillis(status.restoreMillis()));
      }
      sizes.add(MultiGauge.Row.of(tags(status), runner, NodeMetrics::size));
      positions.add(MultiGauge.Row.of(tags(status), runner, ShardRunner::next));
      OwnerStates writing = status.states().orElse(null);
      if (writing != null) {
        ages.add(MultiGauge.Row.of(tags(status), writing, known -> known.age() / 1000.0));
      }
    }
    vectors.register(sizes, true);
    offsets.register(positions, true);
    states.register(ages, true);
    if (System.nanoTime() - lagAsked > LAG_EVERY.toNanos() || lagAsked == 0) {
      lagAsked = System.nanoTime();
      updateLag(host);
    }
  }

  private void updateLag(ShardHost host) {
    List<MultiGauge.Row<?>> rows = new ArrayList<>();
    try {
      for (ShardHost.Status status : host.status()) {
        status
            .runner()
            .ifPresent(runner -> rows.add(MultiGauge.Row.of(tags(status), runner.lag())));
      }
      lag.register(rows, true);
    } catch (LogException e) {
      LOG.log(Level.DEBUG, "the log does not say where it ends: {0}", e.getMessage());
    }
  }

  private static Tags tags(ShardHost.Status status) {
    return Tags.of("shard", Integer.toString(status.shard()));
  }

  private static double size(ShardRunner runner) {
    try {
      var db = runner.openDb();
      return db == null ? Double.NaN : db.size();
    } catch (DeltaException e) {
      return Double.NaN; // closed just now
    }
  }

  @Override
  public synchronized void close() {
    if (bound != null) {
      bound = null;
      lag.register(List.of(), true);
      offsets.register(List.of(), true);
      vectors.register(List.of(), true);
      states.register(List.of(), true);
    }
  }
}
