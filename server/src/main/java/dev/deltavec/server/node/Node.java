package dev.deltavec.server.node;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.server.search.LocalSearch;
import dev.deltavec.server.search.Peers;
import dev.deltavec.server.search.SearchRequest;
import dev.deltavec.server.search.Searcher;
import dev.deltavec.server.shard.FollowerSnapshots;
import dev.deltavec.server.shard.ShardRunner;
import dev.deltavec.server.shard.ShardSettings;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * A node at work: the shards that its group gives it, in threads that restore, apply and maintain
 * them, and search over all shards of the service.
 */
public final class Node implements ShardService, AutoCloseable {
  private static final Logger LOG = System.getLogger("dev.deltavec.server");
  private static final Duration POLL = Duration.ofMillis(500);
  private static final Duration IDLE = Duration.ofMillis(200);
  private static final Duration BACKOFF = Duration.ofSeconds(1);

  /** How long another node may take to say whether it has shards. */
  private static final Duration PROBE = Duration.ofSeconds(1);

  /**
   * How a node works.
   *
   * @param restores how many shards are restored at a time, from 1
   * @param workers threads that apply shards side by side, from 1
   * @param maintainEvery how often is looked at what is due
   * @param hedge how long a node is waited for before another is asked, too
   * @param joint whether to keep one search graph over all shards
   */
  public record Settings(
      ShardSettings shards,
      HostSettings host,
      int restores,
      int workers,
      Duration maintainEvery,
      Duration hedge,
      boolean joint) {}

  /** Lets shards be searched as they come and go. */
  private record SearchShards(LocalSearch local) implements ShardHost.Listener {
    @Override
    public void opened(ShardRunner runner) {
      DeltaVectorDB db = runner.openDb();
      if (db != null) {
        local.add(runner.shard(), db);
      }
    }

    @Override
    public void closing(ShardRunner runner) {
      local.remove(runner.shard());
    }
  }

  private final Settings settings;
  private final DeltaLog log;
  private final Peers peers;
  private final NodeMetrics metrics;
  private final ShardHost host;
  private final LocalSearch local;
  private final Searcher searcher;
  private final ServiceInfo info;
  private final ExecutorService restores;
  private final ExecutorService workers;
  private final List<Thread> threads = new ArrayList<>();
  private volatile Grouping.@Nullable Membership membership;
  private volatile @Nullable String expelled;
  private volatile boolean draining;
  private volatile boolean stopping;
  private boolean closed;

  /**
   * A node that is yet to be started.
   *
   * @param log stays open when the node is closed
   * @param peers stay open, too
   */
  public Node(
      Settings settings, DeltaLog log, Peers peers, NodeMetrics metrics, InstantSource clock) {
    this.settings = settings;
    this.log = log;
    this.peers = peers;
    this.metrics = metrics;
    ShardSettings shards = settings.shards();
    restores = Executors.newFixedThreadPool(settings.restores(), named("deltavec-restore-"));
    workers = Executors.newFixedThreadPool(settings.workers(), named("deltavec-apply-"));
    local = new LocalSearch(shards.shards(), settings.joint(), shards.database().metric());
    host =
        new ShardHost(
            shards, settings.host(), log, restores, workers, clock, new SearchShards(local));
    searcher =
        new Searcher(
            shards.shards(),
            shards.database().dimensions(),
            local,
            local::has,
            host::routes,
            peers,
            settings.hedge());
    info =
        new ServiceInfo(
            shards.shards(),
            shards.epoch(),
            shards.database().dimensions(),
            shards.database().grid(),
            shards.database().metric().name().toLowerCase(Locale.ROOT),
            shards.retention());
    metrics.bind(host);
  }

  private static ThreadFactory named(String prefix) {
    return Thread.ofPlatform().daemon().name(prefix, 0).factory();
  }

  /** Joins the group and begins to work. Returns at once. */
  public synchronized void start(Grouping grouping) {
    run("deltavec-live", () -> pump(host::stepLive));
    run("deltavec-catch-up", () -> pump(this::catchUp));
    run("deltavec-maintain", this::maintain);
    membership = grouping.join(host::onView);
  }

  private void run(String name, Runnable task) {
    Thread thread = Thread.ofPlatform().daemon().name(name).unstarted(task);
    threads.add(thread);
    thread.start();
  }

  private int catchUp(Duration timeout) {
    return host.stepCatchUp(host.catchingUp() ? timeout : Duration.ZERO);
  }

  /** Applies again and again. Where there is nothing to wait for it sleeps. */
  private void pump(ToIntFunction<Duration> step) {
    while (!stopping) {
      try {
        long start = System.nanoTime();
        int records = step.applyAsInt(POLL);
        if (records == 0 && System.nanoTime() - start < IDLE.toNanos() / 4) {
          pause(IDLE.dividedBy(4));
        }
      } catch (LogException e) {
        if (!stopping) {
          LOG.log(Level.WARNING, "the log cannot be read: {0}", e.getMessage());
          pause(BACKOFF);
        }
      } catch (Throwable e) { // without this thread the node would say that it is ready, and rot
        complain("applying failed", e);
        pause(BACKOFF);
      }
    }
  }

  private void maintain() {
    while (!stopping) {
      try {
        watchGroup();
        if (expelled == null && !draining) { // else another writes the states of its shards
          host.maintain();
        }
        metrics.update(host);
      } catch (Throwable e) {
        complain("maintenance failed", e);
      }
      pause(settings.maintainEvery());
    }
  }

  private void watchGroup() {
    Grouping.Membership member = membership;
    String why = member == null ? null : member.failure();
    if (why != null && expelled == null) {
      expelled = why;
      LOG.log(Level.ERROR, "this node is no longer in its group, and is to be ended: {0}", why);
    }
  }

  /** Logs, and does not mind if there is no memory even for that. */
  private static void complain(String what, Throwable e) {
    try {
      LOG.log(Level.ERROR, what, e);
    } catch (RuntimeException | Error again) {
      e.addSuppressed(again);
    }
  }

  private static void pause(Duration time) {
    try {
      Thread.sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the node ends
    }
  }

  // ---------------------------------------------------------------- what is asked of it

  @Override
  public ServiceInfo info() {
    return info;
  }

  @Override
  public Answer search(Query query) {
    Answer answer = searcher.search(query);
    metrics.searched(answer);
    return answer;
  }

  @Override
  public SnapshotRef snapshot(int shard) throws IOException {
    check(shard);
    ShardRunner runner = host.ready(shard);
    FollowerSnapshots snapshots = host.snapshots();
    if (runner != null) {
      return ref(snapshots.of(runner));
    }
    FollowerSnapshots.Snapshot young = snapshots.young(shard);
    if (young == null) {
      young = fetch(shard, -1);
    }
    if (young == null) {
      throw new IOException("nobody has shard " + shard + " just now");
    }
    return ref(young);
  }

  @Override
  public @Nullable SnapshotRef snapshotAt(int shard, long offset) throws IOException {
    check(shard);
    FollowerSnapshots.Snapshot known = host.snapshots().at(shard, offset);
    if (known == null) {
      known = fetch(shard, offset);
    }
    return known == null ? null : ref(known);
  }

  private static SnapshotRef ref(FollowerSnapshots.Snapshot snapshot) {
    return new SnapshotRef(snapshot.offset(), snapshot.file());
  }

  private FollowerSnapshots.@Nullable Snapshot fetch(int shard, long offset) throws IOException {
    IOException failed = null;
    for (String url : host.routes(shard)) {
      try (Peers.Download download = peers.snapshot(url, shard, offset)) {
        if (download != null) {
          return host.snapshots().receive(shard, download.offset(), download.body());
        }
      } catch (IOException e) {
        failed = e;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
    if (failed != null) {
      throw failed;
    }
    return null;
  }

  private void check(int shard) {
    if (shard < 0 || shard >= info.shards()) {
      throw new IllegalArgumentException("there is no shard " + shard + " of " + info.shards());
    }
  }

  @Override
  public boolean ready() {
    return !draining && expelled == null && host.ready();
  }

  /**
   * Returns why the group has put this node out, as another process has joined with its id; null if
   * it has not. It does not come back: it is no longer ready, and is to be ended.
   */
  public @Nullable String expelled() {
    return expelled;
  }

  @Override
  public boolean draining() {
    return draining;
  }

  /** Returns the search of the shards that are here. */
  public LocalSearch local() {
    return local;
  }

  /** Returns the shards. */
  public ShardHost host() {
    return host;
  }

  // ---------------------------------------------------------------- the end

  /**
   * Is no longer ready, writes states of its own shards and leaves the group; then it goes on
   * applying and answering until others can answer for each of its shards. When this returns it
   * still answers.
   *
   * @param timeout after which no more states are begun to be written, and others are no longer
   *     waited for
   */
  public void drain(Duration timeout) {
    draining = true;
    Grouping.Membership member;
    synchronized (this) {
      member = membership;
      membership = null;
    }
    if (member == null) {
      return;
    }
    long until = System.nanoTime() + timeout.toNanos();
    if (expelled == null) {
      host.writeStates(timeout);
    }
    member.close();
    if (expelled == null) {
      handOver(until);
    }
  }

  /** Waits until each shard that is here can be searched at another node. */
  private void handOver(long until) {
    Set<Integer> open = new TreeSet<>();
    host.allReady().forEach(runner -> open.add(runner.shard()));
    List<String> others = host.others();
    float[] any = new float[info.dimensions()];
    any[0] = 1;
    Query probe = new Query(any, 1, null, null, List.of(), PROBE);
    try {
      while (!open.isEmpty() && !others.isEmpty() && System.nanoTime() - until < 0) {
        for (String url : others) {
          probe(url, new SearchRequest(probe, List.copyOf(open)), open);
        }
        if (!open.isEmpty()) {
          Thread.sleep(IDLE);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (!open.isEmpty()) {
      LOG.log(Level.WARNING, "nobody else can be asked for shards {0} yet", open);
    }
  }

  private void probe(String url, SearchRequest request, Set<Integer> open)
      throws InterruptedException {
    if (request.shards().isEmpty()) {
      return;
    }
    try {
      List<Integer> missing = peers.search(url, request, PROBE).missing();
      open.removeIf(shard -> request.shards().contains(shard) && !missing.contains(shard));
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "{0} does not answer: {1}", url, e.getMessage());
    }
  }

  /** Leaves the group, if it has not, and closes all shards. Calling it again does nothing. */
  @Override
  public void close() {
    draining = true;
    Grouping.Membership member;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      member = membership;
      membership = null;
    }
    if (member != null) {
      member.close();
    }
    stopping = true;
    host.wakeup();
    for (Thread thread : threads) {
      thread.interrupt();
      join(thread);
    }
    restores.shutdown();
    host.close();
    workers.shutdown();
    local.close();
    try {
      if (!restores.awaitTermination(30, TimeUnit.SECONDS)) {
        LOG.log(Level.WARNING, "a shard is still being restored");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    metrics.close();
  }

  private static void join(Thread thread) {
    try {
      thread.join(Duration.ofSeconds(30));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Returns the log. */
  public DeltaLog log() {
    return log;
  }
}
