package dev.deltavec.client;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.DeltaException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two followers that edit the same vectors, whose connections are cut anywhere, who are closed and
 * opened again, and whose service loses answers and drops its log: in the end all have the same
 * state, and every edit that was acknowledged is there.
 */
class FollowModelTest {
  private static final int STEPS = 250;
  private static final String[] IDS = {"a", "b", "c", "d", "e", "f"};
  private static final Retry SOON = new Retry(Duration.ofMillis(2), Duration.ofMillis(20));

  @TempDir private Path directory;

  /** One follower with a database in files, behind a connection of its own. */
  private static final class Peer implements AutoCloseable {
    private final Path database;
    private final FollowOptions options;
    private final CutProxy proxy;
    private @Nullable DeltaVectorDB db;
    private @Nullable Following following;

    Peer(Path directory, FakeGateway gateway, boolean keepsState) throws IOException {
      database = directory.resolve("db");
      proxy = new CutProxy(gateway.port());
      FollowOptions all =
          FollowOptions.all().withRetry(SOON).withSaveInterval(Duration.ofMillis(10));
      options = keepsState ? all.withState(directory.resolve("state")) : all;
      begin();
    }

    void begin() {
      DeltaVectorDB opened =
          DeltaVectorDB.builder().dimensions(FakeGateway.DIMENSIONS).open(database);
      db = opened;
      following = Follower.follow(opened, proxy.uri(), options);
    }

    DeltaVectorDB db() {
      return Objects.requireNonNull(db);
    }

    Following following() {
      return Objects.requireNonNull(following);
    }

    void restart() {
      following().close();
      db().close();
      begin();
    }

    @Override
    public void close() throws IOException {
      following().close();
      db().close();
      proxy.close();
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void allEndInTheSameState(long seed) throws Exception {
    Random random = new Random(seed);
    try (FakeGateway gateway = new FakeGateway(3);
        Peer one = new Peer(directory.resolve("one"), gateway, true);
        Peer other = new Peer(directory.resolve("other"), gateway, seed % 2 == 0)) {
      List<String> applied = new ArrayList<>();
      for (int step = 0; step < STEPS; step++) {
        Peer peer = random.nextBoolean() ? one : other;
        switch (random.nextInt(40)) {
          case 0 -> peer.proxy.cut();
          case 1 -> peer.proxy.refuse(true);
          case 2, 3, 4 -> peer.proxy.refuse(false);
          case 5 -> gateway.lostAnswers.set(1 + random.nextInt(3));
          case 6 -> gateway.busy.set(1 + random.nextInt(3));
          case 7 -> gateway.cut();
          case 8 -> {
            if (random.nextInt(3) == 0) {
              peer.restart();
            }
          }
          case 9 -> {
            if (random.nextInt(4) == 0) {
              synchronized (gateway) {
                for (int shard = 0; shard < 3; shard++) {
                  gateway.log.dropBefore(shard, gateway.log.end(shard));
                }
              }
            }
          }
          case 10 -> Thread.sleep(random.nextInt(20));
          default -> edit(peer.db(), random, applied);
        }
      }
      for (Peer peer : List.of(one, other)) {
        peer.proxy.refuse(false);
      }
      for (Peer peer : List.of(one, other)) {
        peer.following().ready().get(10, TimeUnit.SECONDS);
        peer.following().flush().get(10, TimeUnit.SECONDS);
      }
      String expected = gateway.all.stateDigest();
      for (Peer peer : List.of(one, other)) {
        for (long end = System.nanoTime() + 10_000_000_000L;
            !peer.db().stateDigest().equals(expected) && System.nanoTime() < end; ) {
          Thread.sleep(2);
        }
        assertThat(peer.db().stateDigest()).as("seed %d", seed).isEqualTo(expected);
        assertThat(peer.following().status().skipped()).as("seed %d", seed).isZero();
      }
      var there = Seen.read(gateway.all.cursor());
      for (String id : applied) {
        long[] delta = DeltaIds.read(id);
        Intervals known = there.getOrDefault(delta[1], new Intervals());
        assertThat(known.contains(delta[0])).as("seed %d, delta %s", seed, id).isTrue();
      }
    }
  }

  private static void edit(DeltaVectorDB db, Random random, List<String> applied) {
    List<VectorDelta> batch = new ArrayList<>();
    for (int i = random.nextInt(3); i >= 0; i--) {
      String id = IDS[random.nextInt(IDS.length)];
      float value = random.nextInt(-5, 6);
      batch.add(
          switch (random.nextInt(8)) {
            case 0, 1 -> VectorDelta.create(id, new float[] {value, 1, 2, 3});
            case 2 -> VectorDelta.dense(id, new float[] {3, value, 1, 0});
            case 3 ->
                VectorDelta.sparse(id, new int[] {random.nextInt(4)}, new float[] {value})
                    .withMetadata("{\"x\":" + random.nextInt(9) + "}");
            case 4 -> VectorDelta.scale(id, value);
            case 5 -> VectorDelta.delete(id);
            default -> VectorDelta.offset(id, value);
          });
    }
    try {
      applied.addAll(db.applyDeltas(batch));
    } catch (DeltaException e) {
      assertThat(e.code().name()).matches("VECTOR_(EXISTS|NOT_FOUND)");
    }
  }
}
