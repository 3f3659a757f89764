package dev.deltavec.server.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApplierTest {
  @TempDir Path base;

  @Test
  void whatAnErrorKeptFromBeingAppliedIsReadAgain() {
    try (ShardFixture shard = new ShardFixture(base)) {
      shard.create("a");
      ShardRunner runner = shard.open("n");
      int[] told = {0};
      try (Applier applier =
          new Applier(
              shard.log,
              Runnable::run,
              ready -> {
                if (told[0]++ == 0) {
                  throw new StackOverflowError("once");
                }
              },
              lost -> {})) {
        applier.add(runner);
        assertThatThrownBy(() -> applier.step(Duration.ZERO))
            .isInstanceOf(StackOverflowError.class);
        shard.create("b");
        // An entry read and not applied: the reader is past it, the shard is not.
        applier.step(Duration.ZERO);
        assertThat(runner.next()).isEqualTo(2);
        assertThat(runner.digest().digest()).isEqualTo(shard.reference.stateDigest());
      }
    }
  }
}
