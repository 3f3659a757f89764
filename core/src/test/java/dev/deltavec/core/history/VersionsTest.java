package dev.deltavec.core.history;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.support.Generator;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class VersionsTest {
  @Test
  void versionsHoldAnySetOfNumbers() {
    for (long seed = 0; seed < 200; seed++) {
      Generator random = new Generator(seed);
      Versions versions = new Versions();
      int index = versions.meet(42);
      TreeSet<Integer> model = new TreeSet<>(Integer::compareUnsigned);
      for (int i = 0; i < 200; i++) {
        int number = random.chance(5) ? -1 - random.below(3) : 1 + random.below(120);
        versions.add(index, number);
        model.add(number);
      }
      assertThat(versions.seen(index)).isEqualTo(model.size());
      for (int number = -5; number < 130; number++) {
        assertThat(versions.contains(index, number))
            .as("%d, seed %d", number, seed)
            .isEqualTo(model.contains(number));
      }
      for (int i = 1; i < versions.intervals(index); i++) {
        assertThat(versions.last(index, i - 1) + 1).isNotEqualTo(versions.first(index, i));
      }
    }
  }

  @Test
  void manyNumbersInAnyOrderTakeNoQuadraticTime() {
    Versions versions = new Versions();
    int n = 1_000_000;
    for (int i = 0; i < n; i++) {
      int replica = versions.meet(i % 1_000);
      versions.add(replica, 2 * (int) (i * 7_919L % n)); // even ones only: no two join
    }
    long seen = 0;
    for (int i = 0; i < versions.count(); i++) {
      seen += versions.seen(i);
    }
    assertThat(seen).isEqualTo(n);
  }

  @Test
  void replicasAreFoundByTheirNumbers() {
    Versions versions = new Versions();
    for (int i = 0; i < 10_000; i++) {
      assertThat(versions.meet(i * 77_777L)).isEqualTo(i);
    }
    for (int i = 0; i < 10_000; i++) {
      assertThat(versions.find(i * 77_777L)).isEqualTo(i);
    }
    assertThat(versions.find(1)).isEqualTo(-1);
  }
}
