package dev.deltavec.server.shard;

import dev.deltavec.DeltaFrames;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.MemoryDeltaLog;
import dev.deltavec.server.simulation.VirtualClock;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A log of one shard, who writes to it, and copies of the shard in a directory. */
final class ShardFixture implements AutoCloseable {
  static final Duration RETENTION = Duration.ofHours(1);

  final VirtualClock clock = new VirtualClock(1_700_000_000_000L);
  final MemoryDeltaLog log;
  final DeltaVectorDB reference =
      DeltaVectorDB.builder().dimensions(2).maxClockAhead(Duration.ofDays(100_000)).build();
  private final DeltaFrames frames = new DeltaFrames(2, 0);
  private final Path base;
  private final List<ShardRunner> opened = new ArrayList<>();
  private int sequence;

  ShardFixture(Path base) {
    this(base, "fixture");
  }

  ShardFixture(Path base, String epoch) {
    this.base = base;
    log = new MemoryDeltaLog(1, clock, epoch);
  }

  ShardSettings settings(String node) {
    return settings(node, Metric.COSINE, 1000);
  }

  ShardSettings settings(String node, Metric metric, int maxVectors) {
    return new ShardSettings(
        base.resolve(node),
        1,
        log.epoch(),
        new ShardSettings.DatabaseSettings(
            2,
            metric,
            0,
            Quantization.INT8,
            8,
            20,
            20,
            100,
            maxVectors,
            1L << 30,
            Duration.ofDays(1)),
        RETENTION,
        Duration.ofMinutes(1),
        1 << 20,
        100,
        Duration.ofMinutes(10),
        5,
        Duration.ofSeconds(10),
        Duration.ofMinutes(1));
  }

  /** Restores a copy. */
  ShardRunner open(ShardSettings settings) {
    ShardRunner runner = new ShardRunner(0, settings, log, new ShardCounters());
    opened.add(runner);
    runner.restore();
    return runner;
  }

  ShardRunner open(String node) {
    return open(settings(node));
  }

  byte[] frame(VectorDelta delta) {
    return frames.encode(delta, clock.millis(), ++sequence, 0x42).frame();
  }

  void append(byte[] record) {
    log.append(List.of(new DeltaLog.Part(0, record))).join();
  }

  /** Appends a delta, which the reference gets, too. */
  void write(VectorDelta delta) {
    clock.advance(1);
    byte[] frame = frame(delta);
    append(frame);
    reference.merge(frame);
  }

  void create(String id) {
    write(VectorDelta.create(id, new float[] {id.hashCode() % 100, 1}));
  }

  /** Applies all that is in the log. */
  void apply(ShardRunner runner) {
    try (DeltaLog.Reader reader = log.reader()) {
      reader.assign(Map.of(0, runner.next()));
      while (reader.position(0) < log.end(0)) {
        List<DeltaLog.Entry> entries = reader.poll(Duration.ZERO);
        runner.apply(entries, reader.position(0));
      }
    }
  }

  /** Returns the states in the log: frames by id, null for none. */
  Map<String, Boolean> states() {
    Map<String, Boolean> states = new TreeMap<>();
    log.readStates(0, (id, state) -> states.put(id, state != null));
    return states;
  }

  @Override
  public void close() {
    opened.forEach(ShardRunner::close);
    reference.close();
    frames.close();
    log.close();
  }
}
