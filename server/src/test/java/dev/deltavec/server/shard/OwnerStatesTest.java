package dev.deltavec.server.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.VectorDelta;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.log.MemoryDeltaLog;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OwnerStatesTest {
  @TempDir Path base;
  private ShardFixture shard;
  private ShardRunner runner;

  @BeforeEach
  void begin() {
    shard = new ShardFixture(base);
    shard.create("a");
    shard.create("b");
    runner = shard.open("n");
    shard.apply(runner);
  }

  @AfterEach
  void end() {
    shard.close();
  }

  private static DeltaLog.StateMark mark(ShardFixture shard) {
    return shard.log.readStates(0, (id, state) -> {}).orElseThrow();
  }

  @Test
  void allIsWrittenAtFirst() {
    try (OwnerStates states = new OwnerStates(runner, shard.clock)) {
      assertThat(states.write()).isTrue();
      assertThat(shard.states()).isEqualTo(Map.of("a", true, "b", true));
      assertThat(mark(shard)).isEqualTo(new DeltaLog.StateMark(2, 0));
    }
  }

  @Test
  void nothingIsWrittenWhenNothingHasChanged() {
    try (OwnerStates states = new OwnerStates(runner, shard.clock)) {
      states.write();
      assertThat(states.write()).isFalse();
    }
  }

  @Test
  void writingIsDueAfterSoManyRecordsOrSoMuchTime() {
    try (OwnerStates states = new OwnerStates(runner, shard.clock)) {
      assertThat(states.writeIfDue()).isFalse();
      shard.clock.advance(Duration.ofMinutes(10).toMillis());
      assertThat(states.writeIfDue()).isTrue();
      for (int i = 0; i < 100; i++) {
        assertThat(states.writeIfDue()).isFalse();
        shard.create("v" + i);
        shard.apply(runner);
      }
      assertThat(states.writeIfDue()).isTrue();
    }
  }

  @Test
  void aVectorThatIsForgottenHasNoStateAnyMore() {
    try (OwnerStates states = new OwnerStates(runner, shard.clock)) {
      shard.write(VectorDelta.delete("a"));
      shard.apply(runner);
      states.write();
      assertThat(shard.states()).isEqualTo(Map.of("a", true, "b", true));
      shard.clock.advance(ShardFixture.RETENTION.toMillis() * 2);
      shard.create("c");
      shard.apply(runner);
      runner.compactIfDue();
      states.write();
      assertThat(shard.states()).isEqualTo(Map.of("a", false, "b", true, "c", true));
      assertThat(mark(shard).horizon()).isPositive();
    }
  }

  @Test
  void aNewOwnerWritesWhatHasChangedSinceStatesWereWritten() {
    try (OwnerStates states = new OwnerStates(runner, shard.clock)) {
      states.write();
    }
    ShardRunner other = shard.open("other");
    shard.create("c");
    shard.write(VectorDelta.delete("b"));
    shard.apply(other);
    try (OwnerStates states = new OwnerStates(other, shard.clock)) {
      assertThat(states.write()).isTrue();
    }
    ShardRunner fresh = shard.open("fresh");
    assertThat(fresh.next()).isEqualTo(4);
    assertThat(fresh.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void anOwnerThatDoesNotKnowRemovesWhatIsGone() {
    try (OwnerStates states = new OwnerStates(runner, shard.clock)) {
      states.write();
    }
    shard.write(VectorDelta.delete("a"));
    // One that has read the log from its first record knows of no states.
    ShardRunner other = shard.open("other");
    shard.apply(other);
    shard.clock.advance(ShardFixture.RETENTION.toMillis() * 2);
    shard.create("c");
    shard.apply(other);
    other.compactIfDue();
    other.requireStore().stateOffset(-1);
    try (OwnerStates states = new OwnerStates(other, shard.clock)) {
      states.write();
    }
    assertThat(shard.states()).isEqualTo(Map.of("a", false, "b", true, "c", true));
  }

  @Test
  void whoeverBeganBeforeIsFenced() {
    ShardRunner other = shard.open("other");
    shard.apply(other);
    try (OwnerStates first = new OwnerStates(runner, shard.clock);
        OwnerStates second = new OwnerStates(other, shard.clock)) {
      first.write();
      shard.create("c");
      shard.apply(runner);
      shard.apply(other);
      second.write();
      shard.create("d");
      shard.apply(runner);
      assertThat(first.write()).isFalse();
      assertThat(first.fenced()).isTrue();
      assertThat(mark(shard).offset()).isEqualTo(3);
    }
  }

  @Test
  void whatCouldNotBeWrittenIsWrittenTheNextTime() {
    try (OwnerStates states = new OwnerStates(runner, shard.clock)) {
      states.write();
      shard.create("c");
      shard.apply(runner);
      shard.log.faults(
          new MemoryDeltaLog.Faults() {
            @Override
            public MemoryDeltaLog.Fault commit(int number, DeltaLog.StateMark mark) {
              return MemoryDeltaLog.Fault.BEFORE;
            }
          });
      assertThatThrownBy(states::write).isInstanceOf(LogException.class);
      shard.log.faults(MemoryDeltaLog.Faults.NONE);
      states.write();
      assertThat(shard.states()).containsKey("c");
    }
  }

  @Test
  void oneThatIsBehindTheLogsBeginWritesNothing() {
    try (OwnerStates states = new OwnerStates(runner, shard.clock)) {
      shard.create("c");
      shard.create("d");
      shard.log.dropBefore(0, 3);
      assertThatThrownBy(states::write).isInstanceOf(LogException.class);
      assertThat(shard.log.readStates(0, (id, state) -> {})).isEmpty();
    }
  }

  @Test
  void afterAFailureWritingIsNotDueForTwiceAsLongEachTime() {
    int[] commits = {0};
    shard.log.faults(
        new MemoryDeltaLog.Faults() {
          @Override
          public MemoryDeltaLog.Fault commit(int number, DeltaLog.StateMark mark) {
            commits[0]++;
            return MemoryDeltaLog.Fault.BEFORE;
          }
        });
    try (OwnerStates states = new OwnerStates(runner, shard.clock)) {
      shard.clock.advance(Duration.ofMinutes(10).toMillis());
      for (int second = 0; second < 15; second++) {
        try {
          states.writeIfDue();
        } catch (LogException e) {
          assertThat(e.reason()).isNotNull();
        }
        shard.clock.advance(1_000);
      }
      assertThat(commits[0]).isEqualTo(4); // at 0, 1, 3 and 7
      assertThat(states.age()).isEqualTo(615_000);
      shard.log.faults(MemoryDeltaLog.Faults.NONE);
      assertThat(states.writeIfDue()).isTrue();
      assertThat(states.age()).isZero();
    }
  }
}
