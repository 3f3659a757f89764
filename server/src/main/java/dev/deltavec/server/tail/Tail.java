package dev.deltavec.server.tail;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.log.Shards;
import dev.deltavec.server.tail.FollowException.Reason;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The end of the log as it grows, read once for all followers. Thread-safe.
 *
 * <p>One thread reads all shards. What comes alone goes out at once; under load records are
 * gathered for some milliseconds. It is encoded once for all followers that want the same, and put
 * into their queues; nobody waits for a slow one.
 */
public final class Tail implements AutoCloseable {
  /** How long a follower that ends may take for the last words, in nanoseconds. */
  static final long LAST_WORDS = TimeUnit.SECONDS.toNanos(5);

  private static final System.Logger LOG = System.getLogger(Tail.class.getName());
  private static final Duration POLL = Duration.ofMillis(200);
  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
  private static final long MIN_TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
  private static final long TICK_PER_FOLLOWER_NANOS = TimeUnit.MICROSECONDS.toNanos(200);
  private static final long SWEEP_MILLIS = 250;
  private static final int SWEEPS_PER_PROGRESS = 4;
  private static final long BATCH_BYTES = 4 << 20;

  /** Most bytes that a follower is handed when it has caught up. */
  private static final long HANDOVER_BYTES = 256 << 10;

  /** About the most bytes of all shards that a follower holds while it catches up. */
  private static final long CATCH_UP_BYTES = 2 << 20;

  private static final long MIN_CATCH_UP_BYTES = 16 << 10;
  private static final long AHEAD_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final DeltaLog log;
  private final TailOptions options;
  private final LiveBuffer live;
  private final RecordStore store;
  private final Counter sentBytes;
  private final MeterRegistry meters;
  private final Thread reading;
  private final Thread sweeping;
  private final ReentrantLock lock = new ReentrantLock();

  /** Guarded by the lock. */
  private final Map<Group.Key, Group> groups = new HashMap<>();

  /** All of them, also those that catch up; guarded by itself. */
  private final Set<Follower> followers = new LinkedHashSet<>();

  private volatile int count;
  private volatile boolean ready;
  private volatile boolean closed;
  private volatile DeltaLog.@Nullable Reader reader;

  /**
   * Begins to read the log at its end.
   *
   * @param meters where followers, bytes and queues are counted
   */
  public Tail(DeltaLog log, TailOptions options, MeterRegistry meters) {
    this.log = log;
    this.options = options;
    this.meters = meters;
    live = new LiveBuffer(new long[log.shards()], options.liveBytes());
    store = new RecordStore(log, live, options.chunkBytes(), options.readers());
    sentBytes = meters.counter("deltavec.gateway.sent", "unit", "bytes");
    meters.gauge("deltavec.gateway.followers", this, tail -> tail.count);
    meters.gauge("deltavec.gateway.queued", this, Tail::queued);
    meters.gauge("deltavec.gateway.chunks", store, RecordStore::cached);
    reading = Thread.ofPlatform().name("deltavec-tail").daemon().start(this::read);
    sweeping = Thread.ofVirtual().name("deltavec-sweep").start(this::sweep);
  }

  /** Returns the records in memory and behind. */
  public RecordStore store() {
    return store;
  }

  /** Tells whether the end of the log is known. */
  public boolean ready() {
    return ready && !closed;
  }

  /** Returns how many followers there are. */
  public int followers() {
    return count;
  }

  private double queued() {
    long sum = 0;
    for (Follower follower : all()) {
      sum += follower.queued();
    }
    return sum;
  }

  private List<Follower> all() {
    synchronized (followers) {
      return List.copyOf(followers);
    }
  }

  void sent(long bytes) {
    sentBytes.increment(bytes);
  }

  // ---------------------------------------------------------------- reading

  private void read() {
    while (!closed) {
      try (DeltaLog.Reader opened = log.reader()) {
        reader = opened;
        start(opened);
        loop(opened);
      } catch (LogException e) {
        if (!closed && e.reason() != LogException.Reason.CLOSED) {
          LOG.log(
              System.Logger.Level.WARNING, "the tail of the log cannot be read: " + e.getMessage());
          if (e.reason() == LogException.Reason.BEHIND) {
            ready = false; // what was missed is told to those who come again
            finish(new FollowException(Reason.TOO_FAR_BEHIND, "records are gone unread"));
          }
        }
        if (!closed) {
          LockSupport.parkNanos(RETRY_NANOS);
        }
      } finally {
        reader = null;
      }
    }
  }

  /** Goes on where it was, or begins at the end of the log. */
  private void start(DeltaLog.Reader opened) {
    long[] heads = live.heads();
    if (!ready) {
      for (int shard = 0; shard < heads.length; shard++) {
        heads[shard] = log.end(shard);
      }
      lock.lock();
      try {
        live.reset(heads);
      } finally {
        lock.unlock();
      }
    }
    Map<Integer, Long> offsets = new HashMap<>();
    for (int shard = 0; shard < heads.length; shard++) {
      offsets.put(shard, heads[shard]);
    }
    opened.assign(offsets);
    ready = true;
  }

  private void loop(DeltaLog.Reader opened) {
    long last = System.nanoTime() - options.maxTick().toNanos();
    while (!closed) {
      List<DeltaLog.Entry> entries = opened.poll(POLL);
      if (!entries.isEmpty()) {
        long wait = last + tick() - System.nanoTime();
        if (wait > 0) {
          LockSupport.parkNanos(wait);
        }
        entries = gather(opened, entries);
        last = System.nanoTime();
      }
      publish(entries, opened);
    }
  }

  /** Returns how long to gather: as long as the number of followers makes each message dear. */
  private long tick() {
    long tick = Math.max(MIN_TICK_NANOS, count * TICK_PER_FOLLOWER_NANOS);
    return Math.min(tick, options.maxTick().toNanos());
  }

  private static List<DeltaLog.Entry> gather(DeltaLog.Reader reader, List<DeltaLog.Entry> first) {
    List<DeltaLog.Entry> more = reader.poll(Duration.ZERO);
    if (more.isEmpty()) {
      return first;
    }
    List<DeltaLog.Entry> all = new ArrayList<>(first);
    long bytes = 0;
    while (!more.isEmpty() && bytes < BATCH_BYTES) {
      all.addAll(more);
      for (DeltaLog.Entry entry : more) {
        bytes += entry.frames().length;
      }
      more = bytes < BATCH_BYTES ? reader.poll(Duration.ZERO) : List.of();
    }
    return all;
  }

  private void publish(List<DeltaLog.Entry> entries, DeltaLog.Reader opened) {
    Map<Integer, List<DeltaLog.Entry>> byShard = new TreeMap<>();
    for (DeltaLog.Entry entry : entries) {
      byShard.computeIfAbsent(entry.shard(), shard -> new ArrayList<>()).add(entry);
    }
    lock.lock();
    try {
      entries.forEach(live::add);
      for (int shard = 0; shard < log.shards(); shard++) {
        live.advance(shard, opened.position(shard));
      }
      if (!entries.isEmpty()) {
        long[] heads = live.heads();
        groups.values().forEach(group -> group.publish(byShard, heads));
      }
    } finally {
      lock.unlock();
    }
  }

  // ---------------------------------------------------------------- followers

  /**
   * Takes a follower, which somebody then runs.
   *
   * @param cursor what the follower has
   * @param expires when it ends, whatever happens; null for never
   * @throws FollowException {@code UNAVAILABLE}, {@code EPOCH_CHANGED}, {@code TOO_FAR_BEHIND},
   *     {@code INVALID_ARGUMENT}
   * @throws LogException if the log cannot be reached
   */
  public Follower follow(Cursor cursor, Filter filter, @Nullable Instant expires, Sink sink) {
    if (!ready()) {
      throw new FollowException(Reason.UNAVAILABLE, "the log cannot be read now");
    }
    check(cursor);
    Follower follower = new Follower(this, sink, filter, cursor, expires, options.maxQueue());
    synchronized (followers) {
      followers.add(follower);
      count = followers.size();
    }
    if (closed) {
      follower.finish(goingAway());
    }
    return follower;
  }

  private void check(Cursor cursor) {
    if (!cursor.epoch().equals(log.epoch())) {
      throw epochChanged("the log is " + log.epoch() + ", not " + cursor.epoch());
    }
    long[] offsets = cursor.offsets();
    if (Arrays.stream(offsets).allMatch(offset -> offset < 0)) {
      throw new FollowException(Reason.INVALID_ARGUMENT, "the cursor names no shard");
    }
    long behind = 0;
    for (int shard = 0; shard < offsets.length; shard++) {
      if (offsets[shard] >= 0) {
        checkEnd(shard, offsets[shard]);
        behind += Math.max(0, store.end(shard) - offsets[shard]);
      }
    }
    if (behind > options.maxBehind()) {
      throw new FollowException(
          Reason.TOO_FAR_BEHIND,
          "the cursor is " + behind + " records behind, more than " + options.maxBehind(),
          Map.of("behind", behind));
    }
  }

  /**
   * Checks that a log may have an offset; it may have come to it just now.
   *
   * @throws FollowException {@code EPOCH_CHANGED} if not: records were lost since
   */
  public void checkEnd(int shard, long offset) {
    if (offset <= store.end(shard)) {
      return;
    }
    long end = log.end(shard);
    if (offset > end) {
      throw epochChanged("shard " + shard + " ends with offset " + end + ", before " + offset);
    }
  }

  private FollowException epochChanged(String message) {
    return new FollowException(Reason.EPOCH_CHANGED, message, Map.of("epoch", log.epoch()));
  }

  /** Sends a follower what is in the log, until it gets what comes as all others. */
  void catchUp(Follower follower) throws IOException, InterruptedException {
    long[] offsets = follower.offsets();
    skip(follower);
    long aheadUntil = 0;
    while (true) {
      FollowException ending = follower.ending();
      if (ending != null) {
        throw ending;
      }
      if (join(follower)) {
        return;
      }
      Map<Integer, Long> since = new TreeMap<>();
      for (int shard = 0; shard < offsets.length; shard++) {
        if (offsets[shard] >= 0 && offsets[shard] < store.end(shard)) {
          since.put(shard, offsets[shard]);
        }
      }
      if (since.isEmpty()) { // ahead of what has been read here
        long now = System.nanoTime();
        aheadUntil = aheadUntil == 0 ? now + AHEAD_NANOS : aheadUntil;
        if (now > aheadUntil) {
          throw new FollowException(Reason.UNAVAILABLE, "the end of the log is not known in time");
        }
        TimeUnit.MILLISECONDS.sleep(1);
      } else {
        long each = Math.max(CATCH_UP_BYTES / since.size(), MIN_CATCH_UP_BYTES);
        send(follower, store.readAll(since, each));
      }
    }
  }

  /** Passes over the shards in which nothing can be that the follower is given. */
  private void skip(Follower follower) throws IOException {
    Set<String> ids = follower.filter().onlyIds();
    if (ids == null) {
      return;
    }
    boolean[] relevant = new boolean[log.shards()];
    ids.forEach(id -> relevant[Shards.of(id, relevant.length)] = true);
    long[] offsets = follower.offsets();
    List<Part> parts = new ArrayList<>();
    for (int shard = 0; shard < offsets.length; shard++) {
      long end = store.end(shard);
      if (offsets[shard] >= 0 && !relevant[shard] && offsets[shard] < end) {
        parts.add(new Part(shard, end, List.of()));
      }
    }
    sendParts(follower, parts);
  }

  private void send(Follower follower, List<Slice> slices) throws IOException {
    List<Part> parts = new ArrayList<>();
    for (Slice slice : slices) {
      if (!Parts.add(parts, follower.filter(), slice.shard(), slice.entries(), slice.next())) {
        parts.add(new Part(slice.shard(), slice.next(), List.of()));
      }
    }
    sendParts(follower, parts);
  }

  private void sendParts(Follower follower, List<Part> parts) throws IOException {
    for (List<Part> some : Parts.messages(parts)) {
      follower.write(List.of(message(follower, some)));
    }
  }

  /** Encodes parts for one follower, and moves its offsets behind them. */
  private Message message(Follower follower, List<Part> parts) {
    long[] offsets = follower.offsets();
    parts.forEach(part -> offsets[part.shard()] = part.next());
    return Message.of(
        parts,
        follower.socket(),
        follower.socket() ? null : Cursor.format(log.epoch(), offsets, follower.wanted()));
  }

  /** Lets a follower get what comes, if what it has not yet is little, and in memory. */
  private boolean join(Follower follower) {
    long[] offsets = follower.offsets();
    lock.lock();
    try {
      long[] heads = live.heads();
      List<Part> parts = new ArrayList<>();
      long bytes = 0;
      for (int shard = 0; shard < offsets.length; shard++) {
        if (offsets[shard] < 0 || offsets[shard] == heads[shard]) {
          continue;
        }
        if (offsets[shard] > heads[shard]) {
          return false;
        }
        Slice slice = live.slice(shard, offsets[shard], HANDOVER_BYTES);
        if (slice == null || slice.next() < heads[shard]) {
          return false;
        }
        bytes += slice.bytes();
        if (bytes > HANDOVER_BYTES) {
          return false;
        }
        if (!Parts.add(parts, follower.filter(), shard, slice.entries(), slice.next())) {
          parts.add(new Part(shard, slice.next(), List.of()));
        }
      }
      for (List<Part> some : Parts.messages(parts)) {
        follower.offer(message(follower, some));
      }
      groups
          .computeIfAbsent(
              Group.Key.of(follower.filter(), follower.wanted()),
              key -> new Group(log.epoch(), follower.filter(), follower.wanted(), heads))
          .add(follower);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Forgets a follower. */
  void remove(Follower follower) {
    lock.lock();
    try {
      Group.Key key = Group.Key.of(follower.filter(), follower.wanted());
      Group group = groups.get(key);
      if (group != null && group.remove(follower)) {
        groups.remove(key);
      }
    } finally {
      lock.unlock();
    }
    synchronized (followers) {
      if (followers.remove(follower)) {
        FollowException why = follower.ending();
        String reason = why == null ? "gone" : why.reason().name();
        meters.counter("deltavec.gateway.ended", "reason", reason).increment();
      }
      count = followers.size();
    }
  }

  private void sweep() {
    long pingNanos = options.ping().toNanos();
    long writeNanos = options.writeTimeout().toNanos();
    for (int n = 1; !closed; n++) {
      try {
        Thread.sleep(SWEEP_MILLIS);
      } catch (InterruptedException e) {
        return; // closed
      }
      long now = System.nanoTime();
      Instant time = Instant.now();
      all().forEach(follower -> follower.sweep(now, time, pingNanos, writeNanos));
      if (n % SWEEPS_PER_PROGRESS == 0) {
        lock.lock();
        try {
          long[] heads = live.heads();
          groups.values().forEach(group -> group.progress(heads));
        } finally {
          lock.unlock();
        }
      }
    }
  }

  private void finish(FollowException why) {
    all().forEach(follower -> follower.finish(why));
  }

  private static FollowException goingAway() {
    return new FollowException(Reason.GOING_AWAY, "the node is about to end");
  }

  /** Lets all followers go, so that they come again elsewhere; new ones are not taken. */
  public void drain() {
    finish(goingAway());
  }

  /** Ends reading, and all followers; waits some seconds for their last words. */
  @Override
  public void close() {
    closed = true;
    drain();
    DeltaLog.Reader opened = reader;
    if (opened != null) {
      opened.wakeup();
    }
    LockSupport.unpark(reading);
    long until = System.nanoTime() + LAST_WORDS;
    try {
      while (count > 0 && System.nanoTime() < until) {
        Thread.sleep(2);
      }
      reading.join(LAST_WORDS / 1_000_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    all().forEach(Follower::gone);
    sweeping.interrupt();
    store.close();
  }
}
