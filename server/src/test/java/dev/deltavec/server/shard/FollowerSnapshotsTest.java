package dev.deltavec.server.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.VectorDelta;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FollowerSnapshotsTest {
  @TempDir Path base;
  private ShardFixture shard;
  private ShardRunner runner;
  private FollowerSnapshots snapshots;

  @BeforeEach
  void begin() throws IOException {
    shard = new ShardFixture(base);
    for (int i = 0; i < 20; i++) {
      shard.create("v" + i);
    }
    runner = shard.open("n");
    shard.apply(runner);
    snapshots = new FollowerSnapshots(shard.settings("n"), shard.clock);
  }

  @AfterEach
  void end() {
    shard.close();
  }

  private static String digest(FollowerSnapshots.Snapshot snapshot) throws IOException {
    try (DeltaVectorDB follower = DeltaVectorDB.builder().dimensions(2).build()) {
      follower.merge(Files.readAllBytes(snapshot.file()));
      return follower.stateDigest();
    }
  }

  @Test
  void aSnapshotHasAllOfTheShard() throws Exception {
    shard.write(VectorDelta.delete("v3"));
    shard.apply(runner);
    FollowerSnapshots.Snapshot snapshot = snapshots.of(runner);
    assertThat(snapshot.offset()).isEqualTo(21);
    assertThat(digest(snapshot)).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void aSnapshotIsTheShardAtItsOffsetWhileRecordsAreApplied() throws Exception {
    Map<Long, String> digests = new ConcurrentHashMap<>();
    digests.put(runner.next(), shard.reference.stateDigest());
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              for (int i = 0; i < 400; i++) {
                shard.write(VectorDelta.dense("v" + i % 20, new float[] {i, 1}));
                shard.apply(runner);
                digests.put(runner.next(), runner.digest().digest());
              }
            });
    for (int i = 0; i < 20; i++) {
      FollowerSnapshots fresh = new FollowerSnapshots(shard.settings("other" + i), shard.clock);
      FollowerSnapshots.Snapshot snapshot = fresh.of(runner);
      String digest = digest(snapshot);
      while (!digests.containsKey(snapshot.offset())) {
        Thread.sleep(1);
      }
      assertThat(digest).isEqualTo(digests.get(snapshot.offset()));
    }
    writer.join();
  }

  @Test
  void aSnapshotThatIsNewEnoughIsGivenAgain() throws Exception {
    FollowerSnapshots.Snapshot first = snapshots.of(runner);
    shard.clock.advance(60_000);
    for (int i = 0; i < 5; i++) {
      shard.create("w" + i);
    }
    shard.apply(runner);
    assertThat(snapshots.of(runner)).isEqualTo(first);
    shard.create("x");
    shard.apply(runner);
    assertThat(snapshots.of(runner).offset()).isEqualTo(26);
  }

  @Test
  void oldSnapshotsGoOnceThereHasLongBeenANewerOne() throws Exception {
    FollowerSnapshots.Snapshot first = snapshots.of(runner);
    shard.clock.advance(60_000);
    for (int i = 0; i < 6; i++) {
      shard.create("w" + i);
    }
    shard.apply(runner);
    FollowerSnapshots.Snapshot second = snapshots.of(runner);
    snapshots.clean(n -> true);
    assertThat(snapshots.at(0, first.offset())).isEqualTo(first);
    shard.clock.advance(60_001);
    snapshots.clean(n -> true);
    assertThat(snapshots.at(0, first.offset())).isNull();
    assertThat(first.file()).doesNotExist();
    assertThat(snapshots.at(0, second.offset())).isEqualTo(second);
  }

  @Test
  void aSnapshotFromElsewhereIsKept() throws Exception {
    FollowerSnapshots.Snapshot received =
        snapshots.receive(0, 7, new ByteArrayInputStream(new byte[] {1, 2}));
    assertThat(snapshots.at(0, 7)).isEqualTo(received);
    assertThat(snapshots.young(0)).isEqualTo(received);
    assertThat(received.file()).hasBinaryContent(new byte[] {1, 2});
  }

  @Test
  void aShardThatIsNotReadyHasNone() {
    runner.close();
    assertThatThrownBy(() -> snapshots.of(runner)).isInstanceOf(IOException.class);
  }

  @Test
  void theNewestSnapshotOfAShardThatIsNotHereGoesAfterAWhile() throws Exception {
    FollowerSnapshots.Snapshot only = snapshots.of(runner);
    snapshots.clean(n -> false);
    assertThat(only.file()).exists();
    shard.clock.advance(60_001);
    snapshots.clean(n -> true);
    assertThat(only.file()).exists();
    snapshots.clean(n -> false);
    assertThat(only.file()).doesNotExist();
    assertThat(snapshots.at(0, only.offset())).isNull();
  }
}
