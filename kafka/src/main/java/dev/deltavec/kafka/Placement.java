package dev.deltavec.kafka;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which member owns each shard, and which keep standby copies: a pure function of the members, so
 * that whoever knows them comes to the same result.
 *
 * <p>Rendezvous hashing (Thaler and Ravishankar 1998): each shard prefers members in an order of
 * its own, given by a hash of both and weighted by capacity, and so keeps its place when others
 * come and go. With bounded loads (Mirrokni, Thorup and Zadimoghaddam 2016): a member owns at most
 * 1.25 times its fair share, rounded up; a shard whose first choice is full goes to the next that
 * has room. Standby copies are with the next members of the shard's order, so that who is asked to
 * take over most often has a copy.
 *
 * <p>Immutable. Making one costs O(shards × members × log members).
 */
public final class Placement {
  private final int shards;
  private final Member[] owners;
  private final List<List<Member>> standbys;
  private final Map<String, List<Integer>> owned = new HashMap<>();
  private final Map<String, List<Integer>> standby = new HashMap<>();

  /**
   * Places shards.
   *
   * @param shards their number, from 1
   * @param members with ids that differ; in any order
   * @param standbys copies wanted of each shard beside the owner's, from 0; fewer if there are not
   *     as many members that have capacity
   * @throws IllegalArgumentException if two members have the same id
   */
  public Placement(int shards, Collection<Member> members, int standbys) {
    if (shards < 1 || standbys < 0) {
      throw new IllegalArgumentException(
          "shards must be at least 1 and standbys 0; got " + shards + ", " + standbys);
    }
    this.shards = shards;
    owners = new Member[shards];
    this.standbys = new ArrayList<>(shards);
    place(candidates(members), standbys);
    owned.replaceAll((id, list) -> List.copyOf(list));
    standby.replaceAll((id, list) -> List.copyOf(list));
  }

  /** Returns the number of shards. */
  public int shards() {
    return shards;
  }

  /** Returns who owns a shard; empty if no member has capacity. */
  public Optional<Member> owner(int shard) {
    return Optional.ofNullable(owners[shard]);
  }

  /** Returns who keeps standby copies of a shard, first the one most likely to take over. */
  public List<Member> standbys(int shard) {
    return standbys.get(shard);
  }

  /** Returns the shards a member owns, ascending; none if there is no such member. */
  public List<Integer> owned(String id) {
    return owned.getOrDefault(id, List.of());
  }

  /** Returns the shards a member keeps standby copies of, ascending. */
  public List<Integer> standby(String id) {
    return standby.getOrDefault(id, List.of());
  }

  private static Member[] candidates(Collection<Member> members) {
    Map<String, Member> byId = new HashMap<>();
    for (Member member : members) {
      if (byId.put(member.id(), member) != null) {
        throw new IllegalArgumentException("Two members are called " + member.id());
      }
    }
    return members.stream()
        .filter(member -> member.capacity() > 0)
        .sorted(Comparator.comparing(Member::id))
        .toArray(Member[]::new);
  }

  private void place(Member[] candidates, int copies) {
    long total = Arrays.stream(candidates).mapToLong(Member::capacity).sum();
    long[] seeds = Arrays.stream(candidates).mapToLong(member -> hash(member.id())).toArray();
    long[] room = new long[candidates.length];
    for (int i = 0; i < room.length; i++) {
      room[i] = Math.ceilDiv(5L * shards * candidates[i].capacity(), 4 * total);
    }
    for (int shard = 0; shard < shards; shard++) {
      int[] order = order(shard, candidates, seeds);
      int owner = -1;
      for (int i = 0; i < order.length && owner < 0; i++) {
        if (room[order[i]] > 0) {
          owner = order[i];
        }
      }
      if (owner >= 0) {
        room[owner]--;
        owners[shard] = candidates[owner];
        owned.computeIfAbsent(candidates[owner].id(), id -> new ArrayList<>()).add(shard);
      }
      List<Member> others = new ArrayList<>(copies);
      for (int i = 0; i < order.length && others.size() < copies; i++) {
        if (order[i] != owner) {
          Member other = candidates[order[i]];
          others.add(other);
          standby.computeIfAbsent(other.id(), id -> new ArrayList<>()).add(shard);
        }
      }
      standbys.add(List.copyOf(others));
    }
  }

  /** Returns the numbers of the candidates, the shard's first choice first. */
  private static int[] order(int shard, Member[] candidates, long[] seeds) {
    double[] scores = new double[candidates.length];
    Integer[] order = new Integer[candidates.length];
    for (int i = 0; i < scores.length; i++) {
      // Uniform in (0, 1); the least of exponential variables falls on each in proportion to its
      // rate. StrictMath: the same bits on every machine.
      double uniform = ((mix(seeds[i] ^ mix(shard + 1L)) >>> 11) + 0.5) * 0x1p-53;
      scores[i] = -StrictMath.log(uniform) / candidates[i].capacity();
      order[i] = i;
    }
    Arrays.sort(order, Comparator.comparingDouble(i -> scores[i]));
    return Arrays.stream(order).mapToInt(Integer::intValue).toArray();
  }

  /** FNV-1a over the id's characters, mixed. */
  private static long hash(String id) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < id.length(); i++) {
      hash = (hash ^ id.charAt(i)) * 0x100000001b3L;
    }
    return mix(hash);
  }

  /** The finalizer of SplitMix64 (Stafford's variant 13). */
  private static long mix(long z) {
    z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }
}
