package dev.deltavec.server.gateway;

import dev.deltavec.SearchResult;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.server.node.Answer;
import dev.deltavec.server.node.Query;
import dev.deltavec.server.node.ServiceInfo;
import dev.deltavec.server.node.ShardService;
import dev.deltavec.server.node.SnapshotRef;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A node that answers what a test has told it. */
final class FakeService implements ShardService {
  static final int DIMENSIONS = 4;

  private final ServiceInfo info;
  private final Path directory;
  private final Map<Integer, SnapshotRef> snapshots = new HashMap<>();
  volatile boolean ready = true;
  volatile boolean draining;
  private volatile @Nullable Query asked;
  volatile Function<Query, Answer> answers =
      query -> new Answer(List.of(new SearchResult("a", 0.5f)), List.of(), Duration.ofMillis(3));

  FakeService(DeltaLog log, Path directory) {
    this.directory = directory;
    info = new ServiceInfo(log.shards(), log.epoch(), DIMENSIONS, 0, "cosine", Duration.ofDays(30));
  }

  synchronized void snapshot(int shard, long offset, byte[] frames) throws IOException {
    Path file = directory.resolve("snapshot-" + shard + "-" + offset);
    Files.write(file, frames);
    snapshots.put(shard, new SnapshotRef(offset, file));
  }

  /** Returns the query that was asked last. */
  Query lastAsked() {
    return java.util.Objects.requireNonNull(asked);
  }

  @Override
  public ServiceInfo info() {
    return info;
  }

  @Override
  public Answer search(Query query) {
    asked = query;
    return answers.apply(query);
  }

  @Override
  public synchronized SnapshotRef snapshot(int shard) throws IOException {
    SnapshotRef snapshot = snapshots.get(shard);
    if (snapshot == null) {
      throw new IOException("nobody owns the shard");
    }
    return snapshot;
  }

  @Override
  public synchronized @Nullable SnapshotRef snapshotAt(int shard, long offset) {
    SnapshotRef snapshot = snapshots.get(shard);
    return snapshot != null && snapshot.offset() == offset ? snapshot : null;
  }

  @Override
  public boolean ready() {
    return ready;
  }

  @Override
  public boolean draining() {
    return draining;
  }
}
