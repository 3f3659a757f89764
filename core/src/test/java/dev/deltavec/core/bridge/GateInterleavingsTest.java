package dev.deltavec.core.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.bridge.GateModel.Fate;
import dev.deltavec.core.bridge.GateModel.Flaw;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** All interleavings of a writer and two readers at the gate. */
class GateInterleavingsTest {
  @ParameterizedTest
  @EnumSource(Fate.class)
  void writerAndReadersAreNeverInsideTogetherAndNobodyWaitsForEver(Fate fate) {
    Explorer.Outcome outcome = Explorer.explore(new GateModel(3, 2, fate, Flaw.NONE));
    assertThat(outcome.failure()).isNull();
    assertThat(outcome.ends()).isPositive();
    assertThat(outcome.states()).isGreaterThan(10_000);
  }

  @ParameterizedTest
  @EnumSource(value = Flaw.class, mode = Mode.EXCLUDE, names = "NONE")
  void everyFlawIsFound(Flaw flaw) {
    assertThat(Arrays.stream(Fate.values()))
        .anyMatch(fate -> Explorer.explore(new GateModel(2, 2, fate, flaw)).failure() != null);
  }
}
