package dev.deltavec.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PlacementTest {
  private static final int SHARDS = 256;

  private static List<Member> members(int... capacities) {
    return IntStream.range(0, capacities.length)
        .mapToObj(i -> new Member("node-" + i, "http://node-" + i, capacities[i]))
        .toList();
  }

  private static Member owner(Placement placement, int shard) {
    return placement.owner(shard).orElseThrow();
  }

  @Test
  void doesNotDependOnTheOrderOfMembers() {
    List<Member> members = new ArrayList<>(members(3, 1, 2, 1, 1));
    Placement placement = new Placement(SHARDS, members, 2);
    Collections.shuffle(members, new Random(1));
    Placement other = new Placement(SHARDS, members, 2);
    for (int shard = 0; shard < SHARDS; shard++) {
      assertThat(other.owner(shard)).isEqualTo(placement.owner(shard));
      assertThat(other.standbys(shard)).isEqualTo(placement.standbys(shard));
    }
  }

  @Test
  void neverChangesFromReleaseToRelease() {
    Placement placement = new Placement(8, members(1, 1, 2), 1);
    assertThat(IntStream.range(0, 8).mapToObj(shard -> owner(placement, shard).id()))
        .containsExactly(
            "node-2", "node-2", "node-1", "node-0", "node-2", "node-1", "node-2", "node-2");
  }

  @Test
  void givesNoMemberMoreThanItsShareAndAQuarter() {
    for (int n = 1; n <= 12; n++) {
      int[] capacities = new Random(n).ints(n, 1, 5).toArray();
      int total = IntStream.of(capacities).sum();
      List<Member> members = members(capacities);
      Placement placement = new Placement(SHARDS, members, 0);
      int owned = 0;
      for (Member member : members) {
        int size = placement.owned(member.id()).size();
        assertThat(size)
            .isLessThanOrEqualTo((int) Math.ceil(1.25 * SHARDS * member.capacity() / total));
        owned += size;
      }
      assertThat(owned).isEqualTo(SHARDS);
    }
  }

  @Test
  void movesAShardOfAMemberThatStaysOnlyIfThatIsFull() {
    for (int gone = 0; gone < 8; gone++) {
      List<Member> members = members(1, 2, 1, 1, 3, 1, 2, 1);
      List<Member> left = new ArrayList<>(members);
      Member leaver = left.remove(gone);
      Placement before = new Placement(SHARDS, members, 0);
      Placement after = new Placement(SHARDS, left, 0);
      int total = left.stream().mapToInt(Member::capacity).sum();
      int others = 0;
      for (int shard = 0; shard < SHARDS; shard++) {
        Member was = owner(before, shard);
        if (!was.equals(leaver) && !was.equals(owner(after, shard))) {
          others++;
          boolean full =
              after.owned(was.id()).size() == Math.ceilDiv(5 * SHARDS * was.capacity(), 4 * total);
          // It has moved to a member it likes better, which has room now, or its own is full.
          boolean better = prefers(shard, left, owner(after, shard), was);
          assertThat(full || better).as("shard %d", shard).isTrue();
        }
      }
      assertThat(others).isLessThanOrEqualTo(before.owned(leaver.id()).size() / 2);
    }
  }

  private static boolean prefers(int shard, List<Member> members, Member one, Member other) {
    // All but the first choice, in order, are its standbys where nobody is full.
    List<Member> pair = List.of(one, other);
    assertThat(members).containsAll(pair);
    return new Placement(SHARDS, pair, 1).standbys(shard).getFirst().equals(other)
        && new Placement(SHARDS, pair, 1).owned(one.id()).contains(shard);
  }

  @Test
  void keepsEveryShardWhereItWasOrBringsItToTheNewMember() {
    // Two of the same capacity, then a third: without full members nothing else moves.
    List<Member> members = members(1, 1, 1);
    Placement before = new Placement(64, members.subList(0, 2), 0);
    Placement after = new Placement(64, members, 0);
    long strays =
        IntStream.range(0, 64)
            .filter(shard -> !owner(after, shard).equals(members.get(2)))
            .filter(shard -> !owner(after, shard).equals(owner(before, shard)))
            .count();
    assertThat(after.owned("node-2")).isNotEmpty();
    assertThat(strays).isLessThanOrEqualTo(4);
  }

  @Test
  void asksAStandbyFirstWhenTheOwnerGoes() {
    List<Member> members = members(1, 1, 1, 1);
    Placement before = new Placement(SHARDS, members, 1);
    Placement after = new Placement(SHARDS, members.subList(1, 4), 1);
    List<Integer> orphans = before.owned("node-0");
    long taken =
        orphans.stream()
            .filter(shard -> before.standbys(shard).contains(owner(after, shard)))
            .count();
    assertThat(taken).isGreaterThanOrEqualTo(orphans.size() * 3L / 4);
  }

  @Test
  void putsStandbysOnOtherMembers() {
    Placement placement = new Placement(SHARDS, members(1, 1, 1), 2);
    for (int shard = 0; shard < SHARDS; shard++) {
      Set<Member> copies = new HashSet<>(placement.standbys(shard));
      copies.add(owner(placement, shard));
      assertThat(copies).hasSize(3);
      for (Member standby : placement.standbys(shard)) {
        assertThat(placement.standby(standby.id())).contains(shard);
      }
    }
  }

  @Test
  void givesNothingToAMemberWithoutCapacity() {
    Placement placement = new Placement(SHARDS, members(1, 0), 1);
    assertThat(placement.owned("node-1")).isEmpty();
    assertThat(placement.standby("node-1")).isEmpty();
    assertThat(placement.owned("node-0")).hasSize(SHARDS);
  }

  @Test
  void hasNoOwnersWhereNobodyHasCapacity() {
    Placement placement = new Placement(4, members(0, 0), 1);
    assertThat(placement.owner(3)).isEmpty();
    assertThat(placement.standbys(3)).isEmpty();
    assertThat(new Placement(4, List.of(), 1).owner(0)).isEmpty();
  }

  @Test
  void refusesTwoMembersOfOneId() {
    Member member = new Member("a", "", 1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Placement(4, List.of(member, member), 0))
        .withMessageContaining("called a");
  }
}
