package dev.deltavec.server.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class BudgetTest {
  private final Budget budget = new Budget(100, "things");

  @Test
  void oneSubjectHasHalfOfItAtMost() {
    try (Budget.Share a = budget.share("a");
        Budget.Share more = budget.share("a");
        Budget.Share other = budget.share("b")) {
      a.resize(30);
      more.resize(20);
      assertThatThrownBy(() -> more.resize(21)).isInstanceOf(ApiException.class);
      assertThat(budget.taken()).isEqualTo(50);
      other.resize(50);
      assertThatThrownBy(() -> other.resize(51)).isInstanceOf(ApiException.class);
      a.resize(10);
      other.resize(70);
    }
    assertThat(budget.taken()).isZero();
  }

  @Test
  void whoIsAloneIsGivenAll() {
    try (Budget.Share a = budget.share("a")) {
      a.resize(500);
      assertThat(budget.taken()).isEqualTo(500);
    }
    assertThat(budget.taken()).isZero();
  }
}
