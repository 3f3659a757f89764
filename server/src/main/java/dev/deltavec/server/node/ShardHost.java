package dev.deltavec.server.node;

import dev.deltavec.core.DeltaException;
import dev.deltavec.kafka.Member;
import dev.deltavec.kafka.View;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.server.shard.Applier;
import dev.deltavec.server.shard.FollowerSnapshots;
import dev.deltavec.server.shard.OwnerStates;
import dev.deltavec.server.shard.ShardCounters;
import dev.deltavec.server.shard.ShardFiles;
import dev.deltavec.server.shard.ShardRunner;
import dev.deltavec.server.shard.ShardSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * The shards of a node, as the group's view has them: opened, restored, applied, written of, and
 * closed when they are others'. It has no threads of its own and looks at no clock but the one
 * given: who calls {@link #stepLive}, {@link #stepCatchUp} and {@link #maintain} lets it go on, and
 * restoring is left to an executor.
 *
 * <p>A shard that is far behind is read apart from those that follow, and so holds none of them up.
 */
public final class ShardHost implements AutoCloseable {
  private static final Logger LOG = System.getLogger("dev.deltavec.server");
  private static final long MAX_BACKOFF = 60_000;

  private final ShardSettings settings;
  private final HostSettings host;
  private final DeltaLog log;
  private final Executor restores;
  private final InstantSource clock;
  private final Listener listener;
  private final Slot[] slots;
  private final Applier live;
  private final Applier catchUp;
  private final FollowerSnapshots snapshots;
  private final ShardCounters counters = new ShardCounters();
  private volatile @Nullable View view;
  private volatile @Nullable View previous;
  private volatile long viewSince;
  private volatile boolean closed;

  /** Told of shards that come and go, in whatever thread. */
  public interface Listener {
    /** A shard can be searched. */
    void opened(ShardRunner runner);

    /** A shard is about to be closed; when this returns it is. Told also if it never opened. */
    void closing(ShardRunner runner);
  }

  /**
   * A node without shards.
   *
   * @param restores in which shards are restored and closed; as many threads as may be at it at a
   *     time
   * @param workers in which shards are applied side by side
   * @throws UncheckedIOException if the directory cannot be written
   */
  public ShardHost(
      ShardSettings settings,
      HostSettings host,
      DeltaLog log,
      Executor restores,
      Executor workers,
      InstantSource clock,
      Listener listener) {
    this.settings = settings;
    this.host = host;
    this.log = log;
    this.restores = restores;
    this.clock = clock;
    this.listener = listener;
    slots = new Slot[settings.shards()];
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new Slot(i);
      slots[i].idleSince = clock.millis();
    }
    try {
      snapshots = new FollowerSnapshots(settings, clock);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    live = new Applier(log, workers, runner -> {}, this::lost);
    catchUp = new Applier(log, workers, this::caughtUp, this::lost);
  }

  // ---------------------------------------------------------------- what is to be here

  /** Takes what the group has agreed on. Returns at once. */
  public void onView(View fresh) {
    View old = view;
    previous = old;
    viewSince = clock.millis();
    view = fresh;
    Set<Integer> owned = Set.copyOf(fresh.owned());
    Set<Integer> standby = Set.copyOf(fresh.standby());
    for (Slot slot : slots) {
      Slot.Role role =
          owned.contains(slot.shard)
              ? Slot.Role.OWNER
              : standby.contains(slot.shard) ? Slot.Role.STANDBY : Slot.Role.NONE;
      if (role == slot.role) {
        continue;
      }
      ShardRunner runner = slot.runner;
      if (role == Slot.Role.NONE) {
        boolean useful = runner != null && runner.ready();
        slot.lingerUntil = clock.millis() + (useful ? host.linger().toMillis() : 0);
        if (runner != null && !useful) {
          runner.cancel();
        }
      }
      slot.role = role;
      queue(slot);
    }
  }

  private boolean wanted(Slot slot) {
    return !closed && (slot.role != Slot.Role.NONE || clock.millis() < slot.lingerUntil);
  }

  private void queue(Slot slot) {
    if (!closed && slot.queued.compareAndSet(false, true)) {
      try {
        restores.execute(() -> {
          slot.queued.set(false);
          settle(slot);
        });
      } catch (RejectedExecutionException e) {
        LOG.log(Level.DEBUG, "the node ends");
      }
    }
  }

  /** Makes a slot what it is to be; called again when that has changed meanwhile. */
  private void settle(Slot slot) {
    synchronized (slot) {
      ShardRunner runner = slot.runner;
      if (runner != null && (!wanted(slot) || spent(runner))) {
        shut(slot, runner);
        runner = null;
      }
      if (runner == null && wanted(slot) && clock.millis() >= slot.retryAt) {
        open(slot);
      }
      try {
        settleReady(slot);
        settleStates(slot);
      } catch (RuntimeException | Error e) {
        giveUp(slot, "cannot be searched or written of: ", e);
      }
    }
  }

  /** Tells whether a runner can only be closed, also if the shard is wanted (again). */
  private static boolean spent(ShardRunner runner) {
    return runner.state() == ShardRunner.State.FAILED || runner.cancelled();
  }

  /** Closes what is half open, whatever the reason, to try anew later. */
  private void giveUp(Slot slot, String what, Throwable e) {
    ShardRunner runner = slot.runner;
    if (runner != null) {
      shut(slot, runner);
    }
    boolean foreseen =
        e instanceof DeltaException
            || e instanceof LogException
            || e instanceof UncheckedIOException;
    retryLater(slot, what + (foreseen ? e.getMessage() : e));
    if (!foreseen) {
      LOG.log(Level.ERROR, "shard " + slot.shard, e);
    }
  }

  private void open(Slot slot) {
    ShardRunner runner = new ShardRunner(slot.shard, settings, log, counters);
    slot.runner = runner;
    slot.filesRemoved = false;
    long start = System.nanoTime();
    try {
      if (!wanted(slot)) {
        runner.cancel();
      }
      runner.restore();
      slot.restoreMillis = Duration.ofNanos(System.nanoTime() - start).toMillis();
      slot.problem = null;
      slot.failures = 0;
      LOG.log(
          Level.INFO,
          "shard {0} restored in {1} ms, goes on at {2}",
          slot.shard,
          slot.restoreMillis,
          runner.next());
      if (!runner.ready()) {
        catchUp.add(runner);
      }
    } catch (CancellationException e) {
      shut(slot, runner);
    } catch (RuntimeException | Error e) { // else it would be said to be restoring for ever
      giveUp(slot, "cannot be restored: ", e);
    }
  }

  /** Lets a shard that has caught up be searched, and applied with the others that have. */
  private void settleReady(Slot slot) {
    ShardRunner runner = slot.ready();
    if (runner != null && !slot.listed) {
      slot.listed = true;
      catchUp.remove(runner);
      live.add(runner);
      listener.opened(runner);
    }
  }

  private void retryLater(Slot slot, String problem) {
    slot.failures++;
    long wait = Math.min(MAX_BACKOFF, 500L << Math.min(slot.failures, 10));
    slot.retryAt = clock.millis() + wait;
    slot.problem = problem;
    LOG.log(
        Level.WARNING, "shard " + slot.shard + " " + problem + "; tried again in " + wait + " ms");
  }

  private void shut(Slot slot, ShardRunner runner) {
    live.remove(runner);
    catchUp.remove(runner);
    runner.cancel();
    OwnerStates states = slot.states;
    slot.states = null;
    slot.runner = null;
    slot.listed = false;
    slot.idleSince = clock.millis();
    if (runner.state() == ShardRunner.State.FAILED) {
      retryLater(slot, "has failed: " + runner.failure());
    }
    try {
      listener.closing(runner);
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "shard " + slot.shard, e);
    }
    try {
      if (states != null) {
        states.close();
      }
    } catch (RuntimeException | Error e) {
      LOG.log(Level.WARNING, "states of shard " + slot.shard + " were not closed well: " + e);
    }
    try {
      runner.close();
    } catch (RuntimeException | Error e) {
      LOG.log(Level.WARNING, "shard " + slot.shard + " was not closed well: " + e);
    }
  }

  private void settleStates(Slot slot) {
    ShardRunner runner = slot.ready();
    OwnerStates states = slot.states;
    if (slot.role == Slot.Role.OWNER && runner != null) {
      if (states == null) {
        slot.states = new OwnerStates(runner, clock);
      }
    } else if (states != null && slot.role != Slot.Role.OWNER) {
      slot.states = null;
      states.close();
    }
  }

  private void caughtUp(ShardRunner runner) {
    LOG.log(Level.INFO, "shard {0} has caught up at {1}", runner.shard(), runner.next());
    queue(slots[runner.shard()]);
  }

  /** A shard is no longer applied: it has failed, or needs records that are gone. */
  private void lost(ShardRunner runner) {
    Slot slot = slots[runner.shard()];
    if (runner.state() != ShardRunner.State.FAILED) {
      runner.fail("the records it needs are gone");
    }
    queue(slot);
  }

  // ---------------------------------------------------------------- going on

  /** Applies what has come for shards that follow; by one thread. See {@link Applier#step}. */
  public int stepLive(Duration timeout) {
    return live.step(timeout);
  }

  /** Applies what shards lack that are behind; by one thread. See {@link Applier#step}. */
  public int stepCatchUp(Duration timeout) {
    return catchUp.step(timeout);
  }

  /** Returns whether some shard is behind. */
  public boolean catchingUp() {
    return catchUp.size() > 0;
  }

  /** Lets steps under way end. */
  public void wakeup() {
    live.wakeup();
    catchUp.wakeup();
  }

  /**
   * Does what is due: tries again what has failed, closes what has lingered, writes states,
   * compacts, removes what is old. By one thread, every second or so.
   */
  public void maintain() {
    for (Slot slot : slots) {
      try {
        maintain(slot);
      } catch (CancellationException e) {
        LOG.log(Level.DEBUG, "shard {0} moves away", slot.shard);
      } catch (DeltaException | LogException | IllegalStateException e) {
        LOG.log(Level.WARNING, "shard " + slot.shard + ": " + e.getMessage());
      } catch (RuntimeException | Error e) { // the other shards are to be looked after
        LOG.log(Level.ERROR, "shard " + slot.shard, e);
      }
    }
    try {
      snapshots.clean(shard -> slots[shard].runner != null);
    } catch (IOException e) {
      LOG.log(Level.WARNING, "old snapshots cannot be removed: " + e.getMessage());
    }
  }

  private void maintain(Slot slot) {
    ShardRunner runner = slot.runner;
    if (runner == null) {
      if (wanted(slot) && clock.millis() >= slot.retryAt) {
        queue(slot);
      } else if (slot.role == Slot.Role.NONE
          && !slot.filesRemoved
          && clock.millis() - slot.idleSince > host.keepFiles().toMillis()) {
        removeFiles(slot);
      }
      return;
    }
    if (!wanted(slot) || spent(runner)) {
      queue(slot);
      return;
    }
    if (!runner.ready()) {
      return;
    }
    runner.compactIfDue();
    OwnerStates states = slot.states;
    if (slot.role != Slot.Role.OWNER) {
      return;
    }
    if (states == null) {
      queue(slot);
    } else if (states.fenced()) {
      renew(slot, states);
    } else if (states.writeIfDue()) {
      slot.fencedAt = 0;
    }
  }

  /** Whoever was fenced, and is still said to be the owner after a while, takes it back. */
  private void renew(Slot slot, OwnerStates states) {
    if (slot.fencedAt == 0) {
      slot.fencedAt = clock.millis();
    } else if (clock.millis() - slot.fencedAt >= settings.stateEvery().toMillis()) {
      synchronized (slot) {
        if (slot.states == states) {
          slot.states = null;
          states.close();
          slot.fencedAt = 0;
          settleStates(slot);
        }
      }
    }
  }

  private void removeFiles(Slot slot) {
    synchronized (slot) {
      if (slot.runner == null && slot.role == Slot.Role.NONE) {
        try {
          ShardFiles.remove(settings, slot.shard);
          slot.filesRemoved = true;
        } catch (IOException e) {
          slot.idleSince = clock.millis();
          LOG.log(Level.WARNING, "files of shard " + slot.shard + " stay: " + e.getMessage());
        }
      }
    }
  }

  /**
   * Writes states of all own shards, as the node is about to end.
   *
   * @param timeout after which no more are begun
   */
  public void writeStates(Duration timeout) {
    long until = clock.millis() + timeout.toMillis();
    for (Slot slot : slots) {
      OwnerStates states = slot.states;
      if (states != null && clock.millis() < until) {
        try {
          states.write();
        } catch (DeltaException | LogException | IllegalStateException e) {
          LOG.log(Level.WARNING, "states of shard " + slot.shard + ": " + e.getMessage());
        }
      }
    }
  }

  // ---------------------------------------------------------------- what is here

  /** Returns a shard that is here and can be searched, or null. */
  public @Nullable ShardRunner ready(int shard) {
    return slots[shard].ready();
  }

  /** Returns the shards that can be searched here, ascending. */
  public List<ShardRunner> allReady() {
    List<ShardRunner> all = new ArrayList<>();
    for (Slot slot : slots) {
      ShardRunner runner = slot.ready();
      if (runner != null) {
        all.add(runner);
      }
    }
    return all;
  }

  /** Returns what is here of all shards, restored or not. */
  public List<Status> status() {
    List<Status> all = new ArrayList<>();
    for (Slot slot : slots) {
      ShardRunner runner = slot.runner;
      if (runner != null || slot.role != Slot.Role.NONE) {
        all.add(
            new Status(
                slot.shard,
                slot.role == Slot.Role.OWNER,
                Optional.ofNullable(runner),
                Optional.ofNullable(slot.states),
                Optional.ofNullable(slot.problem),
                slot.restoreMillis));
      }
    }
    return all;
  }

  /**
   * What is here of a shard.
   *
   * @param owner whether it is this node's own
   * @param runner the shard, once it is being restored
   * @param states what writes its states, if it is this node's own and here
   * @param problem why it is not here, if that is so
   * @param restoreMillis how long it took to open it
   */
  public record Status(
      int shard,
      boolean owner,
      Optional<ShardRunner> runner,
      Optional<OwnerStates> states,
      Optional<String> problem,
      long restoreMillis) {}

  /** Tells whether all shards that are this node's own can be searched. */
  public boolean ready() {
    View now = view;
    return now != null && now.owned().stream().allMatch(shard -> slots[shard].ready() != null);
  }

  /** Returns what the group last agreed on, or null if it has not yet. */
  public @Nullable View view() {
    return view;
  }

  /**
   * Returns the URLs of nodes that may have a shard, the likeliest first: its owner, who keeps
   * copies, who owned it before. This node is none of them.
   */
  public List<String> routes(int shard) {
    View now = view;
    if (now == null) {
      return List.of();
    }
    Set<String> urls = new LinkedHashSet<>();
    now.placement().owner(shard).map(Member::url).ifPresent(urls::add);
    now.placement().standbys(shard).forEach(member -> urls.add(member.url()));
    View before = previous;
    if (before != null && clock.millis() - viewSince < host.linger().toMillis()) {
      // Also if it has left the group: who is drained answers until the new owner does.
      before.placement().owner(shard).map(Member::url).ifPresent(urls::add);
    }
    urls.remove(now.self().url());
    urls.remove("");
    return List.copyOf(urls);
  }

  /** Returns the URLs of the other members that take shards. */
  List<String> others() {
    View now = view;
    return now == null
        ? List.of()
        : now.members().stream()
            .filter(member -> member.capacity() > 0 && !member.id().equals(now.self().id()))
            .map(Member::url)
            .filter(url -> !url.isEmpty())
            .toList();
  }

  /** Returns what was counted in all shards. */
  public ShardCounters counters() {
    return counters;
  }

  /** Returns the snapshots for followers. */
  public FollowerSnapshots snapshots() {
    return snapshots;
  }

  /** Closes all shards; for the time when nobody steps any more. */
  @Override
  public void close() {
    closed = true;
    for (Slot slot : slots) {
      ShardRunner restoring = slot.runner;
      if (restoring != null) {
        restoring.cancel();
      }
      synchronized (slot) {
        ShardRunner runner = slot.runner;
        if (runner != null) {
          shut(slot, runner);
        }
      }
    }
    live.close();
    catchUp.close();
  }
}
