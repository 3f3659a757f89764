package dev.deltavec.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ExactSearchTest {
  private static final float[][] BASE = {{0, 1}, {1, 0}, {0.6f, 0.8f}, {1, 0}, {-1, 0}};

  @Test
  void theClosestComesFirst() {
    assertThat(ExactSearch.search(BASE, 5, new float[][] {{0, 1}}, 2)[0]).containsExactly(0, 2);
  }

  @Test
  void ofEqualsTheLowerRowComesFirst() {
    assertThat(ExactSearch.search(BASE, 5, new float[][] {{1, 0}}, 3)[0]).containsExactly(1, 3, 2);
  }

  @Test
  void rowsBeyondTheCountAreNotSeen() {
    assertThat(ExactSearch.search(BASE, 1, new float[][] {{1, 0}}, 1)[0]).containsExactly(0);
  }
}
