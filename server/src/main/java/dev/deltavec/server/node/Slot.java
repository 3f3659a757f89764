package dev.deltavec.server.node;

import dev.deltavec.server.shard.OwnerStates;
import dev.deltavec.server.shard.ShardRunner;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** What a node has of one shard, and is to have. Fields are changed with the slot's monitor. */
final class Slot {
  /** What the node is to the shard. */
  enum Role {
    NONE,
    STANDBY,
    OWNER
  }

  final int shard;

  /** Whether somebody will look soon at what is to be done. */
  final AtomicBoolean queued = new AtomicBoolean();

  volatile Role role = Role.NONE;
  volatile @Nullable ShardRunner runner;
  volatile @Nullable OwnerStates states;
  volatile @Nullable String problem;

  /** Until when it is kept without a role. */
  volatile long lingerUntil;

  /** When restoring may be tried again. */
  volatile long retryAt;

  /** Since when there was nothing but, perhaps, files. */
  volatile long idleSince;

  volatile boolean filesRemoved;
  volatile long fencedAt;
  volatile long restoreMillis;
  int failures;

  /** Whether it is known to be ready by those who search. */
  boolean listed;

  Slot(int shard) {
    this.shard = shard;
  }

  /** Returns the runner if it is ready to be searched, else null. */
  @Nullable ShardRunner ready() {
    ShardRunner known = runner;
    return known != null && known.ready() ? known : null;
  }
}
