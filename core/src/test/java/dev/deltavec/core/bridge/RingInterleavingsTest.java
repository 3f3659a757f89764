package dev.deltavec.core.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.deltavec.core.bridge.RingModel.Fate;
import dev.deltavec.core.bridge.RingModel.Flaw;
import dev.deltavec.core.bridge.RingModel.Waking;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** All interleavings of the ring's two ends, and of how they wait for each other. */
class RingInterleavingsTest {
  /** A ring and the frames that go through it. */
  private record Case(int capacity, int[] frames, int markUnits) {
    @Override
    public String toString() {
      return capacity + " units, frames of " + Arrays.toString(frames) + ", marks of " + markUnits;
    }
  }

  /** All rings of two to four units with three frames, and some with four. */
  private static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (int capacity = 2; capacity <= 4; capacity++) {
      int most = Math.min(capacity, 3);
      for (int code = 0; code < most * most * most; code++) {
        int[] frames = {1 + code % most, 1 + code / most % most, 1 + code / most / most};
        cases.add(new Case(capacity, frames, 1));
        if (Arrays.stream(frames).min().getAsInt() >= 2) {
          cases.add(new Case(capacity, frames, 2));
        }
      }
    }
    cases.add(new Case(4, new int[] {4, 1, 4}, 1));
    cases.add(new Case(4, new int[] {3, 2, 4, 2}, 1));
    cases.add(new Case(4, new int[] {1, 2, 3, 1}, 1));
    cases.add(new Case(4, new int[] {3, 4, 2, 3}, 2));
    cases.add(new Case(2, new int[] {1, 2, 1, 2}, 1));
    return cases;
  }

  @ParameterizedTest
  @EnumSource(Fate.class)
  void nothingIsLostDoubledOrTornAndNobodySleepsForEver(Fate fate) {
    long states = 0;
    for (Case one : cases()) {
      for (Waking waking : Waking.values()) {
        Explorer.Outcome outcome = Explorer.explore(model(one, waking, fate, Flaw.NONE));
        assertThat(outcome.failure()).as("%s, %s", one, waking).isNull();
        assertThat(outcome.ends()).isPositive();
        states += outcome.states();
      }
    }
    assertThat(states).isGreaterThan(100_000);
  }

  @ParameterizedTest
  @EnumSource(value = Flaw.class, mode = Mode.EXCLUDE, names = "NONE")
  void everyFlawIsFound(Flaw flaw) {
    for (Case one : cases()) {
      for (Waking waking : Waking.values()) {
        for (Fate fate : Fate.values()) {
          if (Explorer.explore(model(one, waking, fate, flaw)).failure() != null) {
            return;
          }
        }
      }
    }
    fail("%s was not found", flaw);
  }

  @Test
  void aFailureComesWithTheStepsThatLeadToIt() {
    Case one = new Case(2, new int[] {1, 1, 1}, 1);
    String failure =
        Explorer.explore(model(one, Waking.NOTIFY, Fate.NONE, Flaw.SLEEPS_WITHOUT_LOOKING))
            .failure();
    assertThat(failure).startsWith("nobody can go on\n  begin\n").contains("producer", "consumer");
  }

  private static RingModel model(Case one, Waking waking, Fate fate, Flaw flaw) {
    return new RingModel(one.capacity(), one.frames(), one.markUnits(), waking, fate, flaw);
  }
}
