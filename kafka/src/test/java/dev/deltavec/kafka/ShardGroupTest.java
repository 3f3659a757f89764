package dev.deltavec.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ShardGroupTest {
  private static final Member ONE = new Member("one", "http://one", 1);
  private static final Member TWO = new Member("two", "http://two", 1);

  private final List<ShardGroup> joined = new ArrayList<>();
  private KafkaLogOptions options;

  @BeforeEach
  void makeTopics() {
    options = TestBroker.options().shards(16).build();
    KafkaDeltaLog.open(options).close();
  }

  @AfterEach
  void leave() {
    joined.forEach(ShardGroup::close);
  }

  private ShardGroup join(Member member) {
    return join(member, new CopyOnWriteArrayList<>());
  }

  private ShardGroup join(Member member, List<View> views) {
    ShardGroup group = ShardGroup.join(options, "nodes", member, 1, views::add);
    joined.add(group);
    return group;
  }

  private static View await(ShardGroup group, Predicate<View> wanted) {
    while (true) {
      View view = group.view().filter(wanted).orElse(null);
      if (view != null) {
        return view;
      }
      sleep();
    }
  }

  private static void sleep() {
    try {
      Thread.sleep(10);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void sharesShardsOutAndGivesThemBackWhenAMemberLeaves() {
    List<View> views = new CopyOnWriteArrayList<>();
    ShardGroup one = join(ONE, views);
    assertThat(await(one, view -> true).owned()).hasSize(16);
    ShardGroup two = join(TWO);
    View ofOne = await(one, view -> view.members().size() == 2);
    View ofTwo = await(two, view -> view.members().size() == 2);
    assertThat(ofTwo.generation()).isEqualTo(ofOne.generation());
    assertThat(ofTwo.members()).containsExactly(ONE, TWO).isEqualTo(ofOne.members());
    assertThat(ofOne.owned()).isNotEmpty().doesNotContainAnyElementsOf(ofTwo.owned());
    assertThat(ofOne.owned().size() + ofTwo.owned().size()).isEqualTo(16);
    assertThat(ofOne.standby()).isEqualTo(ofTwo.owned());
    two.close();
    assertThat(await(one, view -> view.members().size() == 1).owned()).hasSize(16);
    while (views.size() < 3) {
      sleep();
    }
    assertThat(views).extracting(View::generation).isSorted().doesNotHaveDuplicates();
    assertThat(views).extracting(view -> view.members().size()).containsExactly(1, 2, 1);
  }

  @Test
  void takesShardsFromAMemberThatIsSilent() {
    ShardGroup one = join(ONE);
    ShardGroup two = join(TWO);
    await(one, view -> view.members().size() == 2);
    await(two, view -> view.members().size() == 2);
    two.abandon();
    assertThat(await(one, view -> view.members().size() == 1).owned()).hasSize(16);
  }

  @Test
  void letsAMemberThatWasStartedAgainTakeItsPlace() {
    ShardGroup one = join(ONE);
    ShardGroup two = join(TWO);
    await(one, view -> view.members().size() == 2);
    View before = await(two, view -> view.members().size() == 2);
    two.abandon();
    View after = await(join(TWO), view -> true);
    assertThat(after).usingRecursiveComparison().ignoringFields("placement").isEqualTo(before);
    assertThat(after.owned()).isEqualTo(before.owned());
  }

  @Test
  void tellsTheOthersOfAMemberThatComesBackAtAnotherPlace() {
    ShardGroup one = join(ONE);
    join(TWO);
    await(one, view -> view.members().size() == 2);
    joined.removeLast().abandon();
    Member moved = new Member("two", "http://elsewhere", 3);
    ShardGroup two = join(moved);
    assertThat(await(two, view -> true).members()).containsExactly(ONE, moved);
    assertThat(await(one, view -> view.members().contains(moved)).owned())
        .isEqualTo(two.view().orElseThrow().standby());
  }

  @Test
  void putsAMemberOutWhoseIdAnotherHasTaken() {
    ShardGroup old = join(ONE);
    await(old, view -> true);
    CompletableFuture<LogException> told = new CompletableFuture<>();
    old.onFailure(told::complete);
    ShardGroup young = join(ONE);
    await(young, view -> true);
    assertThat(told.join()).isSameAs(old.failure().orElseThrow());
    CompletableFuture<LogException> late = new CompletableFuture<>();
    old.onFailure(late::complete);
    assertThat(late.join()).isSameAs(told.join());
    assertThat(old.failure().orElseThrow().reason()).isEqualTo(Reason.FENCED);
    assertThat(old.failure().orElseThrow()).hasMessageContaining("as one");
  }

  @Test
  void ownsNothingWithoutCapacityButKnowsTheOthers() {
    ShardGroup one = join(ONE);
    ShardGroup gateway = join(new Member("gateway", "", 0));
    View view = await(gateway, seen -> seen.members().size() == 2);
    assertThat(view.owned()).isEmpty();
    assertThat(view.placement().owned("one")).hasSize(16);
    assertThat(one.failure()).isEmpty();
  }

  @Test
  void staysInTheGroupWhenTheListenerFails() {
    ShardGroup one =
        ShardGroup.join(
            options,
            "nodes",
            ONE,
            0,
            view -> {
              throw new IllegalStateException("on purpose");
            });
    joined.add(one);
    await(one, view -> true);
    join(TWO);
    await(one, view -> view.members().size() == 2);
    assertThat(one.failure()).isEmpty();
  }
}
