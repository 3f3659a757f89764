package dev.deltavec.server.node;

import dev.deltavec.kafka.View;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** How a node comes to know which shards are its own: {@link dev.deltavec.kafka.ShardGroup}. */
@FunctionalInterface
public interface Grouping {
  /**
   * Joins the group.
   *
   * @param listener told of every view, in order
   * @return what leaves it
   */
  Membership join(Consumer<? super View> listener);

  /** Being in a group. */
  @FunctionalInterface
  interface Membership extends AutoCloseable {
    /**
     * Returns why this is not in the group any more, though it was not closed; null if it is. It
     * does not come back.
     */
    default @Nullable String failure() {
      return null;
    }

    /** Leaves the group. Calling it again does nothing. */
    @Override
    void close();
  }
}
