package dev.deltavec.client;

import dev.deltavec.DeltaFrames.Shared;
import dev.deltavec.client.FollowStatus.Phase;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Counts how a following goes, and tells it. Safe for use by several threads. */
final class Progress {
  private static final long INTERVAL = TimeUnit.MILLISECONDS.toNanos(100);

  private static final int MOST_CONFLICTS = 1_000;

  private final @Nullable Consumer<? super FollowStatus> listener;
  private FollowStatus status = new FollowStatus(Phase.CONNECTING, 0, 0, 0, 0, 0, 0, 0, 0, null);
  private final ArrayDeque<FollowConflict> conflicts = new ArrayDeque<>();
  private long conflicted;
  private long told = System.nanoTime() - INTERVAL;

  Progress(@Nullable Consumer<? super FollowStatus> listener) {
    this.listener = listener;
  }

  synchronized FollowStatus status() {
    return status;
  }

  void phase(Phase phase) {
    synchronized (this) {
      if (status.phase() == phase
          || status.phase() == Phase.FAILED
          || status.phase() == Phase.CLOSED) {
        return;
      }
      set(phase, status.shards(), status.restored(), status.behind(), status.problem());
    }
    tell(true);
  }

  void problem(@Nullable Exception problem) {
    synchronized (this) {
      if (status.problem() == problem) {
        return;
      }
      set(status.phase(), status.shards(), status.restored(), status.behind(), problem);
    }
    tell(true);
  }

  /** A delta of this database is not taken. */
  void conflict(ClientException why, Shared delta) {
    String id = DeltaIds.write(delta.time(), Own.sequence(delta), delta.replica());
    String message = String.valueOf(why.getMessage());
    synchronized (this) {
      conflicted++;
      conflicts.add(
          new FollowConflict(why.code(), message, delta.vectorId(), id, delta.frame().clone()));
      if (conflicts.size() > MOST_CONFLICTS) {
        conflicts.remove();
      }
    }
    problem(why);
  }

  synchronized List<FollowConflict> conflicts() {
    return List.copyOf(conflicts);
  }

  /** A connection begins with so many shards to be brought up to date. */
  void shards(int shards) {
    synchronized (this) {
      set(status.phase(), shards, 0, 0, status.problem());
    }
    tell(false);
  }

  /** One shard more is up to date. */
  void restored() {
    synchronized (this) {
      set(
          status.phase(),
          status.shards(),
          status.restored() + 1,
          status.behind(),
          status.problem());
    }
    tell(false);
  }

  /** So many records more, or fewer, are missing. */
  void behind(long change) {
    synchronized (this) {
      set(
          status.phase(),
          status.shards(),
          status.restored(),
          Math.max(0, status.behind() + change),
          status.problem());
    }
    tell(false);
  }

  private void set(
      Phase phase, int shards, int restored, long behind, @Nullable Exception problem) {
    status =
        new FollowStatus(
            phase,
            shards,
            restored,
            behind,
            status.received(),
            status.bytes(),
            status.sent(),
            status.skipped(),
            conflicted,
            problem);
  }

  void count(long received, long bytes, long sent, long skipped) {
    synchronized (this) {
      status =
          new FollowStatus(
              status.phase(),
              status.shards(),
              status.restored(),
              status.behind(),
              status.received() + received,
              status.bytes() + bytes,
              status.sent() + sent,
              status.skipped() + skipped,
              conflicted,
              status.problem());
    }
    tell(false);
  }

  private void tell(boolean now) {
    Consumer<? super FollowStatus> to = listener;
    if (to == null) {
      return;
    }
    FollowStatus what;
    synchronized (this) {
      long time = System.nanoTime();
      if (!now && time - told < INTERVAL) {
        return;
      }
      told = time;
      what = status;
    }
    try {
      to.accept(what);
    } catch (RuntimeException e) {
      System.getLogger("dev.deltavec.client")
          .log(System.Logger.Level.WARNING, "a listener of a following failed", e);
    }
  }
}
