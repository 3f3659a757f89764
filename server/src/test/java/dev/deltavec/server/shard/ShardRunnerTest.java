package dev.deltavec.server.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.DeltaFrames;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.Metric;
import dev.deltavec.log.DeltaLog;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardRunnerTest {
  @TempDir Path base;
  private ShardFixture shard;

  @BeforeEach
  void begin() {
    shard = new ShardFixture(base);
  }

  @AfterEach
  void end() {
    shard.close();
  }

  @Test
  void aNewShardCatchesUpFromTheFirstRecord() {
    shard.create("a");
    shard.create("b");
    ShardRunner runner = shard.open("n");
    assertThat(runner.state()).isEqualTo(ShardRunner.State.CATCHING_UP);
    shard.apply(runner);
    assertThat(runner.state()).isEqualTo(ShardRunner.State.READY);
    assertThat(runner.digest()).isEqualTo(new ShardRunner.Digest(2, shard.reference.stateDigest()));
  }

  @Test
  void aShardThatWasClosedGoesOnWhereItWas() {
    shard.create("a");
    ShardRunner first = shard.open("n");
    shard.apply(first);
    first.close();
    shard.create("b");
    ShardRunner again = shard.open("n");
    assertThat(again.next()).isEqualTo(1);
    shard.apply(again);
    assertThat(again.counters().merged()).isEqualTo(1);
    assertThat(again.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void framesThatAreNoneArePassedOverInEveryBatching() {
    byte[] good = shard.frame(VectorDelta.create("a", new float[] {1, 2}));
    byte[] bad = shard.frame(VectorDelta.create("b", new float[] {1, 2}));
    bad[bad.length - 1] ^= 1;
    byte[] other = shard.frame(VectorDelta.create("c", new float[] {3, 4}));
    ByteArrayOutputStream record = new ByteArrayOutputStream();
    record.writeBytes(good);
    record.writeBytes(bad);
    record.writeBytes(other);
    shard.reference.merge(good);
    shard.reference.merge(other);
    shard.append(record.toByteArray());
    shard.create("d");
    ShardRunner runner = shard.open("n");
    shard.apply(runner);
    assertThat(runner.counters().skipped()).isEqualTo(1);
    assertThat(runner.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void aRecordOfNothingThatCanBeReadIsPassedOver() {
    shard.append(new byte[] {1, 2, 3});
    shard.append(new byte[0]);
    byte[] cut = shard.frame(VectorDelta.delete("a"));
    cut[0] = 127; // longer than it is
    shard.append(cut);
    shard.create("a");
    ShardRunner runner = shard.open("n");
    shard.apply(runner);
    assertThat(runner.ready()).isTrue();
    assertThat(runner.db().mark()).isEqualTo(4);
    assertThat(runner.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void vectorsOfOtherDimensionsArePassedOver() {
    try (DeltaFrames other = new DeltaFrames(3, 0)) {
      shard.append(
          other
              .encode(VectorDelta.create("x", new float[] {1, 2, 3}), shard.clock.millis(), 1, 0x43)
              .frame());
    }
    shard.create("a");
    ShardRunner runner = shard.open("n");
    shard.apply(runner);
    assertThat(runner.counters().skipped()).isEqualTo(1);
    assertThat(runner.db().ids()).containsExactly("a");
  }

  @Test
  void aShardThatIsFullStopsAndLeavesNothingOut() {
    shard.create("a");
    shard.create("b");
    shard.create("c");
    ShardRunner runner = shard.open(shard.settings("n", Metric.COSINE, 2));
    shard.apply(runner);
    assertThat(runner.state()).isEqualTo(ShardRunner.State.FAILED);
    assertThat(runner.failure()).contains("CAPACITY_EXCEEDED");
    runner.close();
    ShardRunner larger = shard.open(shard.settings("n", Metric.COSINE, 3));
    shard.apply(larger);
    assertThat(larger.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void filesOfOtherOptionsAreSetAside() {
    shard.create("a");
    ShardRunner first = shard.open("n");
    shard.apply(first);
    first.close();
    ShardRunner other = shard.open(shard.settings("n", Metric.DOT, 1000));
    assertThat(other.next()).isZero();
    assertThat(base.resolve("n/shard-0.aside-1/db")).isDirectory();
  }

  @Test
  void filesOfAnotherLogAreSetAside() {
    shard.create("a");
    ShardRunner first = shard.open("n");
    shard.apply(first);
    first.close();
    try (ShardFixture fresh = new ShardFixture(base, "another")) {
      assertThat(fresh.open("n").db().size()).isZero();
    }
  }

  @Test
  void damagedFilesAreMadeAnew() throws Exception {
    for (int i = 0; i < 20; i++) {
      shard.create("v" + i);
    }
    ShardRunner first = shard.open("n");
    shard.apply(first);
    first.close();
    try (var files = Files.walk(base.resolve("n/shard-0/db"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        byte[] bytes = Files.readAllBytes(file);
        for (int i = 64; i < bytes.length / 2; i++) {
          bytes[i] ^= 0x11;
        }
        Files.write(file, bytes);
      }
    }
    ShardRunner again = shard.open("n");
    shard.apply(again);
    assertThat(again.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void filesFromBeforeTheLogBeginsAreMadeAnewFromStates() {
    shard.create("a");
    ShardRunner old = shard.open("old");
    shard.apply(old);
    old.close();
    shard.create("b");
    ShardRunner owner = shard.open("owner");
    shard.apply(owner);
    try (OwnerStates states = new OwnerStates(owner, shard.clock)) {
      assertThat(states.write()).isTrue();
    }
    shard.log.dropBefore(0, 2);
    shard.create("c");
    ShardRunner again = shard.open("old");
    assertThat(again.next()).isEqualTo(2);
    shard.apply(again);
    assertThat(again.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void historyFromBeforeTheRetentionIsCompacted() {
    shard.create("a");
    shard.write(VectorDelta.scale("a", 2));
    shard.write(VectorDelta.create("gone", new float[] {1, 1}));
    shard.write(VectorDelta.delete("gone"));
    ShardRunner runner = shard.open("n");
    shard.apply(runner);
    assertThat(runner.compactIfDue()).isTrue();
    assertThat(runner.compactIfDue()).isFalse();
    assertThat(runner.db().rememberedIds()).containsExactlyInAnyOrder("a", "gone");
    shard.clock.advance(ShardFixture.RETENTION.toMillis() + 120_000);
    shard.write(VectorDelta.scale("a", 3));
    shard.apply(runner);
    assertThat(runner.compactIfDue()).isTrue();
    assertThat(runner.db().rememberedIds()).containsExactly("a");
    assertThat(runner.db().getDeltaChain("a").deltas()).hasSize(1);
    assertThat(runner.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void aCancelledRestoreEnds() {
    shard.create("a");
    ShardRunner owner = shard.open("owner");
    shard.apply(owner);
    try (OwnerStates states = new OwnerStates(owner, shard.clock)) {
      states.write();
    }
    ShardRunner cancelled = new ShardRunner(0, shard.settings("n"), shard.log, new ShardCounters());
    cancelled.cancel();
    assertThatThrownBy(cancelled::restore).isInstanceOf(CancellationException.class);
    ShardRunner again = shard.open("n");
    assertThat(again.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void whatARestoreHasLeftThatDidNotEndIsNotBuiltUpon() {
    shard.create("a");
    try (ShardStore broken = ShardStore.open(0, shard.settings("n"))) {
      broken.db().merge(shard.frame(VectorDelta.create("old", new float[] {1, 1})));
    }
    ShardRunner runner = shard.open("n");
    shard.apply(runner);
    assertThat(runner.digest().digest()).isEqualTo(shard.reference.stateDigest());
  }

  @Test
  void recordsThatCameAlreadyAreNotAppliedAgain() {
    shard.create("a");
    shard.create("b");
    ShardRunner runner = shard.open("n");
    shard.apply(runner);
    try (DeltaLog.Reader reader = shard.log.reader()) {
      reader.assign(java.util.Map.of(0, 0L));
      runner.apply(reader.poll(Duration.ZERO), 1);
    }
    assertThat(runner.next()).isEqualTo(2);
    assertThat(runner.counters().repeated()).isZero();
  }
}
