package dev.deltavec.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class FilterTest {
  @Test
  void filtersOfWhichOneTakesMoreHaveOtherTexts() {
    Filter both = new Filter(Set.of("b"), List.of("a"));
    Filter prefix = new Filter(Set.of(), List.of("aib"));
    Filter comma = new Filter(Set.of(), List.of("a,ib"));
    assertThat(Set.of(both.text(), prefix.text(), comma.text())).hasSize(3);
  }

  @Test
  void theTextDoesNotDependOnTheOrder() {
    assertThat(new Filter(List.of("x", "y"), List.of("b", "a")).text())
        .isEqualTo(new Filter(List.of("y", "x"), List.of("a", "b")).text());
  }
}
