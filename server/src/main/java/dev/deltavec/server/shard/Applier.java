package dev.deltavec.server.shard;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * Reads the records of some shards with one reader and applies them, shards side by side. {@link
 * #step} is for one thread, which calls it again and again; everything else for any.
 */
public final class Applier implements AutoCloseable {
  private static final Logger LOG = System.getLogger("dev.deltavec.server");

  private final DeltaLog log;
  private final Executor workers;
  private final Consumer<ShardRunner> settled;
  private final Consumer<ShardRunner> lost;
  private final Map<Integer, ShardRunner> runners = new ConcurrentHashMap<>();
  private final AtomicBoolean changed = new AtomicBoolean();
  private final DeltaLog.Reader reader;

  /** What the reader reads. Of the thread that calls {@link #step}. */
  private Map<Integer, ShardRunner> assigned = Map.of();

  private boolean unchecked;

  /**
   * An applier without shards.
   *
   * @param workers in which shards are applied that come together
   * @param settled told of a shard that is here and has become ready
   * @param lost told of a shard that is no longer read, as it has failed, or records are gone that
   *     it needs
   */
  public Applier(
      DeltaLog log, Executor workers, Consumer<ShardRunner> settled, Consumer<ShardRunner> lost) {
    this.log = log;
    this.workers = workers;
    this.settled = settled;
    this.lost = lost;
    reader = log.reader();
  }

  /** Applies a shard's records from its {@link ShardRunner#next} on; it must be restored. */
  public void add(ShardRunner runner) {
    runners.put(runner.shard(), runner);
    changed.set(true);
    reader.wakeup();
  }

  /** Applies a shard no longer; it may be doing so for the last time. */
  public void remove(ShardRunner runner) {
    if (runners.remove(runner.shard(), runner)) {
      changed.set(true);
      reader.wakeup();
    }
  }

  /** Returns how many shards are applied. */
  public int size() {
    return runners.size();
  }

  /**
   * Applies what there is.
   *
   * @param timeout how long to wait if there is nothing
   * @return how many records were applied
   * @throws LogException if the log cannot be reached; it may be tried again
   */
  public int step(Duration timeout) {
    try {
      if (changed.getAndSet(false)) {
        assign();
      }
      List<DeltaLog.Entry> entries = reader.poll(timeout);
      if (unchecked) {
        requireBegun();
        unchecked = false;
      }
      apply(entries);
      return entries.size();
    } catch (LogException e) {
      changed.set(true); // what was read and not applied is read again
      if (e.reason() != LogException.Reason.BEHIND) {
        throw e;
      }
      dropBehind();
      return 0;
    } catch (RuntimeException | Error e) {
      changed.set(true); // or the next poll would go on behind it, and leave it out for good
      throw e;
    }
  }

  private void assign() {
    assigned = new HashMap<>(runners);
    Map<Integer, Long> offsets = new HashMap<>();
    assigned.forEach((shard, runner) -> offsets.put(shard, runner.next()));
    reader.assign(offsets);
    unchecked = true;
  }

  /** A reader that is told to begin with a record that is gone begins with a later one. */
  private void requireBegun() {
    for (ShardRunner runner : assigned.values()) {
      if (runner.next() < log.begin(runner.shard())) {
        throw new LogException(
            LogException.Reason.BEHIND, "records of shard " + runner.shard() + " are gone");
      }
    }
  }

  private void dropBehind() {
    for (ShardRunner runner : assigned.values()) {
      if (runner.next() < log.begin(runner.shard())) {
        LOG.log(
            Level.WARNING,
            "shard {0} is at {1}, from where the log has nothing any more",
            runner.shard(),
            runner.next());
        runners.remove(runner.shard(), runner);
        lost.accept(runner);
      }
    }
  }

  private void apply(List<DeltaLog.Entry> entries) {
    Map<Integer, List<DeltaLog.Entry>> byShard = new HashMap<>();
    for (DeltaLog.Entry entry : entries) {
      byShard.computeIfAbsent(entry.shard(), n -> new ArrayList<>()).add(entry);
    }
    List<CompletableFuture<?>> others = new ArrayList<>();
    assigned.forEach((shard, runner) -> {
      List<DeltaLog.Entry> mine = byShard.getOrDefault(shard, List.of());
      long position = reader.position(shard);
      if (mine.isEmpty() || byShard.size() == 1) {
        apply(runner, mine, position);
      } else {
        others.add(CompletableFuture.runAsync(() -> apply(runner, mine, position), workers));
      }
    });
    CompletableFuture.allOf(others.toArray(CompletableFuture<?>[]::new)).join();
  }

  private void apply(ShardRunner runner, List<DeltaLog.Entry> entries, long position) {
    if (entries.isEmpty() && position <= runner.next() && runner.ready()) {
      return;
    }
    boolean before = runner.ready();
    runner.apply(entries, position);
    if (runner.state() == ShardRunner.State.FAILED) {
      if (runners.remove(runner.shard(), runner)) {
        changed.set(true);
        lost.accept(runner);
      }
    } else if (!before && runner.ready()) {
      settled.accept(runner);
    }
  }

  /** Lets a {@link #step} under way end. */
  public void wakeup() {
    reader.wakeup();
  }

  /** Ends the reading; for the thread that calls {@link #step}. The shards stay open. */
  @Override
  public void close() {
    reader.close();
  }
}
