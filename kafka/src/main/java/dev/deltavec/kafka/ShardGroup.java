package dev.deltavec.kafka;

import java.util.Optional;
import java.util.function.Consumer;

/**
 * A node's membership of a group that shares the shards of a log out among its members. Kafka keeps
 * the group: whoever leaves, or is silent for {@link KafkaLogOptions#sessionTimeout}, is out of it,
 * and the others learn it. Of every change each member is told a {@link View}.
 *
 * <p>A view is what the group last agreed on: while the brokers cannot be reached it stays as it
 * is. So for a time two members may think that a shard is theirs; what they write is made for that.
 */
public final class ShardGroup implements AutoCloseable {
  private ShardGroup() {}

  /**
   * Joins a group. Returns at once; the listener is told as soon as the group has agreed.
   *
   * @param options of the log; its topics must be there
   * @param group the group's name, behind the options' prefix
   * @param self this member
   * @param standbys copies of each shard beside its owner's, from 0
   * @param listener told of every view, in order, by the group's own thread: it should return
   *     within seconds, as the group waits for it. What it throws is logged
   */
  public static ShardGroup join(
      KafkaLogOptions options,
      String group,
      Member self,
      int standbys,
      Consumer<? super View> listener) {
    throw new UnsupportedOperationException();
  }

  /** Returns what the group last agreed on; empty if it has not since this member joined. */
  public Optional<View> view() {
    return Optional.empty();
  }

  /** Leaves the group: others get this member's shards at once. Calling it again does nothing. */
  @Override
  public void close() {}
}
