package dev.deltavec.kafka;

import java.util.List;

/**
 * Who is in a group and who has which shard, as one member sees it. Members of one generation see
 * the same, but for {@code self}.
 *
 * @param generation counts the group's changes; ascends, with gaps
 * @param members all, in order of their ids; self among them
 * @param self the member whose view this is
 * @param placement the shards of each
 */
public record View(long generation, List<Member> members, Member self, Placement placement) {
  /** Takes a copy of the list. */
  public View {
    members = List.copyOf(members);
  }

  /** Returns the shards this member owns, ascending. */
  public List<Integer> owned() {
    return placement.owned(self.id());
  }

  /** Returns the shards this member keeps a standby copy of, ascending. */
  public List<Integer> standby() {
    return placement.standby(self.id());
  }
}
