package dev.deltavec.micrometer;

import dev.deltavec.CallEvent;
import dev.deltavec.DatabaseCall;
import dev.deltavec.DeltaStats;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.IndexStats;
import dev.deltavec.StorageStats;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Meters of one database: what {@link DeltaVectorDB#stats} says as gauges and counters, and a timer
 * for each kind of call.
 *
 * {@snippet :
 * DeltaVectorMetrics metrics = new DeltaVectorMetrics(db, Tags.of("db", "notes"));
 * metrics.bindTo(registry);
 * }
 *
 * <p>All names begin with {@code deltavec.}; {@code docs/metrics.md} lists them. Databases that
 * share a registry need tags that tell them apart.
 *
 * <p>Statistics cost O(size), so they are asked for once for all meters, and again when they are
 * older than {@link #MAX_AGE} by the registry's clock. After {@link DeltaVectorDB#close} gauges
 * have no value (NaN). Meters hold the database until {@link #close}, which removes them.
 */
public final class DeltaVectorMetrics implements MeterBinder, AutoCloseable {
  /** How old statistics may be that meters show. */
  public static final Duration MAX_AGE = Duration.ofSeconds(1);

  private final DeltaVectorDB db;
  private final Tags tags;
  private final List<Bound> bound = new ArrayList<>();

  /**
   * Meters of a database, without tags of their own.
   *
   * @param db the database
   */
  public DeltaVectorMetrics(DeltaVectorDB db) {
    this(db, Tags.empty());
  }

  /**
   * Meters of a database.
   *
   * @param db the database
   * @param tags of all meters
   */
  public DeltaVectorMetrics(DeltaVectorDB db, Iterable<Tag> tags) {
    this.db = db;
    this.tags = Tags.of(tags);
  }

  /**
   * Registers the meters, and begins to time calls.
   *
   * @param registry where to; binding to several registries is possible, each once
   * @throws DeltaException {@code CLOSED}
   */
  @Override
  public synchronized void bindTo(MeterRegistry registry) {
    Bound meters = new Bound(registry);
    try {
      meters.calls = db.onCall(meters::timed);
      meters.register();
    } catch (RuntimeException e) {
      meters.remove();
      throw e;
    }
    bound.add(meters);
  }

  /** Removes the meters from their registries; the database stays as it is. */
  @Override
  public synchronized void close() {
    bound.forEach(Bound::remove);
    bound.clear();
  }

  /** The statistics as they were at a time of the clock; none once the database is closed. */
  private record Reading(@Nullable DeltaStats stats, long asked) {}

  /** The meters in one registry. */
  private final class Bound {
    private final MeterRegistry registry;
    private final Clock clock;
    private final List<Meter> meters = new ArrayList<>();
    private final Timer[] succeeded = new Timer[DatabaseCall.values().length];
    private final Timer[] failed = new Timer[DatabaseCall.values().length];
    private final Counter[] items = new Counter[DatabaseCall.values().length];
    private DeltaVectorDB.@Nullable Subscription calls;
    private volatile @Nullable Reading reading;
    private volatile double lastDeltas;

    Bound(MeterRegistry registry) {
      this.registry = registry;
      clock = registry.config().clock();
      for (DatabaseCall call : DatabaseCall.values()) {
        String name = "deltavec." + call.name().toLowerCase(Locale.ROOT).replace('_', '.');
        succeeded[call.ordinal()] = timer(name, "success");
        failed[call.ordinal()] = timer(name, "error");
        items[call.ordinal()] = counterOf(call, name);
      }
    }

    private Timer timer(String name, String outcome) {
      Timer timer =
          Timer.builder(name)
              .description("Calls, from beginning to end")
              .tags(tags)
              .tag("outcome", outcome)
              .register(registry);
      meters.add(timer);
      return timer;
    }

    /** Counts what calls were for, where one call is for many. */
    private @Nullable Counter counterOf(DatabaseCall call, String name) {
      String what =
          switch (call) {
            case APPLY -> "deltas";
            case SEARCH -> "queries";
            case MERGE -> "bytes";
            default -> null;
          };
      if (what == null) {
        return null;
      }
      Counter counter =
          Counter.builder(name + "." + what)
              .description("What the calls that succeeded were for")
              .baseUnit(what)
              .tags(tags)
              .register(registry);
      meters.add(counter);
      return counter;
    }

    private void timed(CallEvent event) {
      int call = event.call().ordinal();
      boolean success = event.failure() == null;
      (success ? succeeded : failed)[call].record(event.nanos(), TimeUnit.NANOSECONDS);
      Counter counter = items[call];
      if (success && counter != null) {
        counter.increment(event.items());
      }
    }

    private void register() {
      gauge("deltavec.vectors", "vectors", "Live vectors", DeltaStats::size);
      gauge("deltavec.capacity", "vectors", "Vectors there is room for", DeltaStats::capacity);
      memory("granted", DeltaStats::memoryBytes);
      memory("used", DeltaStats::usedBytes);
      memory("vectors", DeltaStats::vectorBytes);
      memory("graph", DeltaStats::graphBytes);
      memory("codes", stats -> stats.index().codeBytes());
      memory("text", DeltaStats::textBytes);
      memory("map", DeltaStats::mapBytes);
      memory("history", DeltaStats::historyBytes);
      memory("checkpoints", DeltaStats::checkpointBytes);
      gauge(
          "deltavec.history.deltas", "deltas", "Deltas in the history", DeltaStats::historyDeltas);
      gauge(
          "deltavec.history.checkpoints",
          "checkpoints",
          "Checkpoints in the history",
          DeltaStats::checkpoints);
      index("pending", IndexStats::pendingRepairs);
      index("linked", IndexStats::linked);
      index("duplicate", IndexStats::duplicates);
      index("zero", IndexStats::zero);
      drift("mean", IndexStats::meanDrift);
      drift("max", IndexStats::maxDrift);
      gauge(
          "deltavec.index.recall",
          null,
          "Share of the closest vectors that checked searches found",
          stats -> {
            Double recall = stats.index().estimatedRecall();
            return recall == null ? Double.NaN : recall;
          });
      meters.add(
          FunctionCounter.builder("deltavec.deltas", this, Bound::deltas)
              .description("Deltas applied here, without those merged")
              .baseUnit("deltas")
              .tags(tags)
              .register(registry));
      DeltaStats now = stats();
      if (now != null && now.storage() != null) {
        storage("log", StorageStats::logBytes);
        storage("snapshots", StorageStats::snapshotBytes);
        storage("pending", StorageStats::pendingBytes);
        meters.add(
            TimeGauge.builder(
                    "deltavec.storage.checkpoint", this, TimeUnit.MILLISECONDS, Bound::checkpoint)
                .description("When a snapshot was last written, Unix time")
                .tags(tags)
                .register(registry));
      }
    }

    private void memory(String area, ToDoubleFunction<DeltaStats> value) {
      add(
          Gauge.builder("deltavec.memory", this, bound -> bound.read(value)).tag("area", area),
          "bytes",
          "Bytes of memory");
    }

    private void storage(String part, ToDoubleFunction<StorageStats> value) {
      add(
          Gauge.builder(
                  "deltavec.storage",
                  this,
                  bound ->
                      bound.read(stats -> {
                        StorageStats storage = stats.storage();
                        return storage == null ? Double.NaN : value.applyAsDouble(storage);
                      }))
              .tag("part", part),
          "bytes",
          "Bytes in files");
    }

    private void index(String state, ToDoubleFunction<IndexStats> value) {
      add(
          Gauge.builder(
                  "deltavec.index.vectors",
                  this,
                  bound -> bound.read(stats -> value.applyAsDouble(stats.index())))
              .tag("state", state),
          "vectors",
          "Vectors in the search graph");
    }

    private void drift(String statistic, ToDoubleFunction<IndexStats> value) {
      add(
          Gauge.builder(
                  "deltavec.index.drift",
                  this,
                  bound -> bound.read(stats -> value.applyAsDouble(stats.index())))
              .tag("statistic", statistic),
          null,
          "How far vectors have moved since they were linked");
    }

    private void gauge(
        String name, @Nullable String unit, String what, ToDoubleFunction<DeltaStats> value) {
      add(Gauge.builder(name, this, bound -> bound.read(value)), unit, what);
    }

    private void add(Gauge.Builder<Bound> gauge, @Nullable String unit, String what) {
      // The registry holds meters weakly: while they are bound, they hold what they are asked of.
      meters.add(
          gauge
              .description(what)
              .baseUnit(unit)
              .tags(tags)
              .strongReference(true)
              .register(registry));
    }

    /** Returns a figure of the statistics, NaN once the database is closed. */
    private double read(ToDoubleFunction<DeltaStats> value) {
      DeltaStats now = stats();
      return now == null ? Double.NaN : value.applyAsDouble(now);
    }

    private double deltas() {
      DeltaStats now = stats();
      lastDeltas = now == null ? lastDeltas : now.deltas();
      return lastDeltas;
    }

    private double checkpoint() {
      return read(stats -> {
        StorageStats storage = stats.storage();
        return storage == null || storage.lastCheckpoint() == null
            ? Double.NaN
            : storage.lastCheckpoint().toEpochMilli();
      });
    }

    /**
     * Without a lock: a callback of the database may ask while another thread waits for the
     * database here.
     */
    private @Nullable DeltaStats stats() {
      long now = clock.monotonicTime();
      Reading last = reading;
      if (last == null || last.stats == null || now - last.asked >= MAX_AGE.toNanos()) {
        DeltaStats stats = null;
        try {
          stats = db.stats();
        } catch (DeltaException e) {
          if (e.code() != ErrorCode.CLOSED) {
            throw e;
          }
        }
        last = new Reading(stats, now);
        reading = last;
      }
      return last.stats;
    }

    private void remove() {
      if (calls != null) {
        calls.close();
      }
      meters.forEach(registry::remove);
    }
  }
}
