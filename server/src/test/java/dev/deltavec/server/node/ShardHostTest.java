package dev.deltavec.server.node;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.DeltaFrames;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.kafka.Member;
import dev.deltavec.kafka.Placement;
import dev.deltavec.kafka.View;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.MemoryDeltaLog;
import dev.deltavec.server.shard.ShardRunner;
import dev.deltavec.server.shard.ShardSettings;
import dev.deltavec.server.simulation.VirtualClock;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardHostTest {
  private static final Member SELF = new Member("self", "", 1);
  private static final Member OTHER = new Member("other", "http://other", 1);

  @TempDir Path base;
  private final VirtualClock clock = new VirtualClock(1_700_000_000_000L);
  private final MemoryDeltaLog log = new MemoryDeltaLog(1, clock, "test");
  private final Deque<Runnable> tasks = new ArrayDeque<>();
  private ShardHost host;
  private int opensThatFail;
  private int opened;

  @BeforeEach
  void begin() {
    try (DeltaFrames frames = new DeltaFrames(2, 0)) {
      VectorDelta delta = VectorDelta.create("a", new float[] {1, 2});
      byte[] record = frames.encode(delta, clock.millis(), 1, 0x42).frame();
      log.append(List.of(new DeltaLog.Part(0, record))).join();
    }
    ShardSettings settings =
        new ShardSettings(
            base,
            1,
            log.epoch(),
            new ShardSettings.DatabaseSettings(
                2,
                Metric.COSINE,
                0,
                Quantization.INT8,
                8,
                20,
                20,
                100,
                1000,
                1L << 28,
                Duration.ofDays(1)),
            Duration.ofHours(1),
            Duration.ofMinutes(1),
            1 << 20,
            1,
            Duration.ofMinutes(10),
            5,
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
              public void opened(ShardRunner runner) {
                opened++;
                if (opensThatFail-- > 0) {
                  throw new StackOverflowError("as often as told");
                }
              }

              @Override
              public void closing(ShardRunner runner) {}
            });
  }

  @AfterEach
  void end() {
    host.close();
    log.close();
  }

  private void give(Member... owners) {
    List<Member> all = List.of(SELF, OTHER);
    host.onView(new View(1, all, SELF, new Placement(1, List.of(owners), 0)));
  }

  private void runTasks() {
    for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
      task.run();
    }
  }

  private void goOn() {
    runTasks();
    host.stepCatchUp(Duration.ZERO);
    runTasks();
    host.stepLive(Duration.ZERO);
    host.maintain();
    runTasks();
  }

  @Test
  void aShardThatComesBackBeforeItsCancelledCopyWasClosedIsOpenedAnew() throws Exception {
    give(SELF);
    runTasks(); // restored, and behind by a record
    give(OTHER);
    give(SELF);
    goOn();
    goOn();
    ShardRunner runner = Objects.requireNonNull(host.ready(0));
    assertThat(runner.cancelled()).isFalse();
    assertThat(host.snapshots().of(runner).offset()).isEqualTo(1);
    assertThat(log.readStates(0, (id, state) -> {})).isPresent();
  }

  @Test
  void aShardThatAnErrorKeepsFromOpeningIsTriedAgain() {
    opensThatFail = 1;
    give(SELF);
    goOn();
    assertThat(host.ready()).isFalse();
    clock.advance(1_000);
    goOn();
    goOn();
    assertThat(host.ready()).isTrue();
    assertThat(opened).isEqualTo(2);
  }
}
