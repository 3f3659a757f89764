package dev.deltavec.server.tail;

import dev.deltavec.log.DeltaLog;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Followers that want the same, and so are sent the same bytes. Guarded by the lock of {@link
 * Tail}.
 */
final class Group {
  /** What members want in common. */
  record Key(Filter filter, String shards) {
    static Key of(Filter filter, boolean[] wanted) {
      return new Key(filter, Arrays.toString(wanted));
    }
  }

  private final String epoch;
  private final Filter filter;
  private final boolean[] wanted;
  private final List<Follower> members = new ArrayList<>();

  /** Offsets that members have been told, at least. */
  private final long[] told;

  private int sockets;

  Group(String epoch, Filter filter, boolean[] wanted, long[] heads) {
    this.epoch = epoch;
    this.filter = filter;
    this.wanted = wanted.clone();
    told = heads.clone();
  }

  /** Adds a member that has, or has in its queue, all that was published. */
  void add(Follower follower) {
    members.add(follower);
    sockets += follower.socket() ? 1 : 0;
  }

  /** Removes a member; returns whether it was the last. */
  boolean remove(Follower follower) {
    if (members.remove(follower)) {
      sockets -= follower.socket() ? 1 : 0;
    }
    return members.isEmpty();
  }

  /**
   * Sends what is new to all members.
   *
   * @param entries by shard
   * @param heads offsets behind all records, by shard
   */
  void publish(Map<Integer, List<DeltaLog.Entry>> entries, long[] heads) {
    List<Part> parts = new ArrayList<>();
    entries.forEach((shard, list) -> {
      if (wanted[shard]) {
        Parts.add(parts, filter, shard, list, heads[shard]);
      }
    });
    if (!parts.isEmpty()) {
      boolean[] has = new boolean[told.length];
      parts.forEach(part -> has[part.shard()] = true);
      progress(parts, has, heads);
      send(parts);
    }
  }

  /** Tells all members how far they are, if they do not know. */
  void progress(long[] heads) {
    List<Part> parts = new ArrayList<>();
    progress(parts, new boolean[told.length], heads);
    send(parts);
  }

  private void progress(List<Part> parts, boolean[] has, long[] heads) {
    for (int shard = 0; shard < told.length; shard++) {
      if (wanted[shard] && !has[shard] && told[shard] < heads[shard]) {
        parts.add(new Part(shard, heads[shard], List.of()));
      }
    }
  }

  private void send(List<Part> parts) {
    for (List<Part> some : Parts.messages(parts)) {
      some.forEach(part -> told[part.shard()] = part.next());
      boolean events = sockets < members.size();
      Message message =
          Message.of(some, sockets > 0, events ? Cursor.format(epoch, told, wanted) : null);
      members.forEach(member -> member.offer(message));
    }
  }
}
