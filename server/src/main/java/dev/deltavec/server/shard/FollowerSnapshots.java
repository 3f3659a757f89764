package dev.deltavec.server.shard;

import dev.deltavec.DeltaVectorDB;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.function.IntPredicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Snapshots of shards for followers, as files: the states of all vectors, and behind them what was
 * applied while these were written. So they are the shard at exactly one offset, and it never
 * stands still for them. Safe for use by several threads.
 */
public final class FollowerSnapshots {
  private static final String SUFFIX = ".frames";

  /**
   * A snapshot.
   *
   * @param offset of the first record that is not in it
   * @param file frames, a stream for a merge
   */
  public record Snapshot(long offset, Path file) {}

  private record Kept(Snapshot snapshot, long since) {}

  private final Path directory;
  private final ShardSettings settings;
  private final InstantSource clock;
  private final Map<Integer, TreeMap<Long, Kept>> kept = new HashMap<>();
  private final Map<Integer, Object> turns = new HashMap<>();

  /**
   * Snapshots in a directory; those of another run are removed.
   *
   * @throws IOException if the directory cannot be written
   */
  public FollowerSnapshots(ShardSettings settings, InstantSource clock) throws IOException {
    this.directory = settings.snapshotDirectory();
    this.settings = settings;
    this.clock = clock;
    ShardStore.remove(directory);
    Files.createDirectories(directory);
  }

  /** Returns a kept snapshot, or null if there is none. */
  public synchronized @Nullable Snapshot at(int shard, long offset) {
    TreeMap<Long, Kept> all = kept.get(shard);
    Kept found = all == null ? null : all.get(offset);
    return found == null ? null : found.snapshot;
  }

  /** Returns the newest kept snapshot that is young enough, or null. */
  public synchronized @Nullable Snapshot young(int shard) {
    Kept newest = newest(shard);
    return newest != null && clock.millis() - newest.since <= settings.snapshotEvery().toMillis()
        ? newest.snapshot
        : null;
  }

  private synchronized @Nullable Kept newest(int shard) {
    TreeMap<Long, Kept> all = kept.get(shard);
    return all == null || all.isEmpty() ? null : all.lastEntry().getValue();
  }

  /**
   * Returns a snapshot of a shard that is here: one that is new enough, or a new one. O(bytes of
   * the shard); who asks meanwhile waits for the same.
   *
   * @throws IOException if the disk fails, or the shard goes away meanwhile
   */
  public Snapshot of(ShardRunner runner) throws IOException {
    synchronized (turn(runner.shard())) {
      Kept newest = newest(runner.shard());
      if (newest != null) {
        long behind = runner.next() - newest.snapshot.offset;
        boolean young =
            clock.millis() - newest.since <= settings.snapshotEvery().toMillis()
                || behind <= settings.snapshotRecords();
        if (behind >= 0 && young) {
          return newest.snapshot;
        }
      }
      Snapshot made = make(runner);
      keep(runner.shard(), made);
      return made;
    }
  }

  private synchronized Object turn(int shard) {
    return turns.computeIfAbsent(shard, n -> new Object());
  }

  private Path file(int shard, String name) {
    return directory.resolve(shard + "-" + settings.epoch() + "-" + name);
  }

  private Snapshot make(ShardRunner runner) throws IOException {
    int shard = runner.shard();
    Path states = file(shard, "states.tmp");
    Path tail = file(shard, "tail.tmp");
    runner.maintenance.lock();
    try {
      if (!runner.ready()) {
        throw new IOException("shard " + shard + " is not ready");
      }
      long offset;
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(states), 1 << 16)) {
        try (OutputStream copy = new BufferedOutputStream(Files.newOutputStream(tail), 1 << 16)) {
          runner.record(copy);
          try {
            writeStates(runner, out);
          } finally {
            offset = runner.endRecord();
          }
        }
        try (InputStream in = Files.newInputStream(tail)) {
          in.transferTo(out);
        }
      }
      Path file = file(shard, offset + SUFFIX);
      Files.move(states, file, StandardCopyOption.REPLACE_EXISTING);
      return new Snapshot(offset, file);
    } catch (CancellationException e) {
      throw new IOException("shard " + shard + " moves away", e);
    } finally {
      runner.maintenance.unlock();
      Files.deleteIfExists(states);
      Files.deleteIfExists(tail);
    }
  }

  private static void writeStates(ShardRunner runner, OutputStream out) throws IOException {
    DeltaVectorDB db = runner.db();
    for (String id : db.rememberedIds()) {
      runner.requireGoing();
      byte[] frames = db.state(id);
      if (frames != null) {
        out.write(frames);
      }
    }
  }

  /**
   * Keeps a snapshot that comes from elsewhere.
   *
   * @param in its bytes; read to its end
   */
  public Snapshot receive(int shard, long offset, InputStream in) throws IOException {
    synchronized (turn(shard)) {
      Snapshot known = at(shard, offset);
      if (known != null) {
        return known;
      }
      Path fresh = file(shard, "received.tmp");
      try {
        Files.copy(in, fresh, StandardCopyOption.REPLACE_EXISTING);
        Path file = file(shard, offset + SUFFIX);
        Files.move(fresh, file, StandardCopyOption.REPLACE_EXISTING);
        Snapshot received = new Snapshot(offset, file);
        keep(shard, received);
        return received;
      } finally {
        Files.deleteIfExists(fresh);
      }
    }
  }

  private synchronized void keep(int shard, Snapshot snapshot) {
    TreeMap<Long, Kept> all = kept.computeIfAbsent(shard, n -> new TreeMap<>());
    all.put(snapshot.offset, new Kept(snapshot, clock.millis()));
  }

  /**
   * Removes snapshots that have long been followed by a newer one, and all old ones of shards that
   * are not here.
   *
   * @param here tells whether a shard is here, so that its newest snapshot is of use
   * @throws IOException if the disk fails
   */
  public void clean(IntPredicate here) throws IOException {
    List<Path> old = new ArrayList<>();
    synchronized (this) {
      long limit = clock.millis() - settings.snapshotKeep().toMillis();
      kept.forEach((shard, all) -> {
        while (all.size() > 1 && all.higherEntry(all.firstKey()).getValue().since < limit) {
          old.add(all.pollFirstEntry().getValue().snapshot.file);
        }
        if (all.size() == 1 && !here.test(shard) && all.firstEntry().getValue().since < limit) {
          old.add(all.pollFirstEntry().getValue().snapshot.file);
        }
      });
    }
    for (Path file : old) {
      Files.deleteIfExists(file);
    }
  }

  /** Returns the bytes of all snapshots. */
  public long bytes() throws IOException {
    long sum = 0;
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        sum += file.toFile().length(); // 0 if it was removed just now
      }
    }
    return sum;
  }
}
