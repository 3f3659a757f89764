package dev.deltavec.log;

import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A log of record in memory, for tests, simulations and trying things out: it ends with the
 * process. It behaves as one on a broker may: offsets have gaps behind a batch that spans shards,
 * old records can be dropped, and appends and commits can be made to fail, before what they bring
 * is there or after.
 */
public final class MemoryDeltaLog implements DeltaLog {
  /** The most records that a poll returns. */
  private static final int MOST_RECORDS = 500;

  private final InstantSource clock;
  private final String epoch;
  private final Shard[] shards;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private Faults faults = Faults.NONE;
  private boolean closed;

  /** When something fails. */
  public enum Fault {
    /** Not at all. */
    NONE,
    /** Before anything has happened. */
    BEFORE,
    /** When all has happened, and only the answer is lost. */
    AFTER
  }

  /** Says what fails, as {@code UNAVAILABLE}. Asked with the log locked, so it must not use it. */
  public interface Faults {
    /** Nothing fails. */
    Faults NONE = new Faults() {};

    /** Says whether a batch fails that is about to be appended. */
    default Fault append(List<Part> parts) {
      return Fault.NONE;
    }

    /** Says whether states fail that are about to be committed. */
    default Fault commit(int shard, StateMark mark) {
      return Fault.NONE;
    }
  }

  /** What there is of one shard. */
  private static final class Shard {
    final TreeMap<Long, Entry> records = new TreeMap<>();
    final Map<String, byte @Nullable []> states = new LinkedHashMap<>();
    @Nullable StateMark mark;
    long begin;
    long end;

    /** How many have begun to write states; only the last may commit. */
    int writers;
  }

  /**
   * An empty log by the system's clock.
   *
   * @param shards their number, 1 to 65,536
   */
  public MemoryDeltaLog(int shards) {
    this(shards, InstantSource.system(), "memory-" + UUID.randomUUID());
  }

  /**
   * An empty log.
   *
   * @param shards their number, 1 to 65,536
   * @param clock says when records are appended
   * @param epoch names the log: letters, digits, - and _
   */
  public MemoryDeltaLog(int shards, InstantSource clock, String epoch) {
    if (shards < 1 || shards > Shards.MAX || !epoch.matches("[A-Za-z0-9_-]+")) {
      throw new LogException(
          LogException.Reason.INVALID, "no log has " + shards + " shards and epoch " + epoch);
    }
    this.clock = clock;
    this.epoch = epoch;
    this.shards = new Shard[shards];
    for (int i = 0; i < shards; i++) {
      this.shards[i] = new Shard();
    }
  }

  // ---------------------------------------------------------------- for tests

  /** Sets what fails from now on. */
  public void faults(Faults next) {
    lock.lock();
    try {
      faults = Objects.requireNonNull(next, "next");
    } finally {
      lock.unlock();
    }
  }

  /**
   * Drops a shard's records before an offset; readers that have not read them are behind then.
   *
   * @param offset the first that stays, at most {@link #end}; one before {@link #begin} does
   *     nothing
   */
  public void dropBefore(int shard, long offset) {
    lock.lock();
    try {
      Shard of = shard(shard);
      of.begin = Math.max(of.begin, Math.min(offset, of.end));
      of.records.headMap(of.begin).clear();
    } finally {
      lock.unlock();
    }
  }

  // ---------------------------------------------------------------- records

  @Override
  public int shards() {
    return shards.length;
  }

  @Override
  public String epoch() {
    return epoch;
  }

  private void requireOpen() {
    if (closed) {
      throw new LogException(LogException.Reason.CLOSED, "the log is closed");
    }
  }

  private Shard shard(int number) {
    requireOpen();
    if (number < 0 || number >= shards.length) {
      throw new LogException(
          LogException.Reason.INVALID, "there is no shard " + number + " of " + shards.length);
    }
    return shards[number];
  }

  private static LogException failed() {
    return new LogException(LogException.Reason.UNAVAILABLE, "a failure that was asked for");
  }

  @Override
  public CompletableFuture<List<Long>> append(List<Part> parts) {
    lock.lock();
    try {
      return CompletableFuture.completedFuture(appendAll(parts));
    } catch (LogException e) {
      return CompletableFuture.failedFuture(e);
    } finally {
      lock.unlock();
    }
  }

  private List<Long> appendAll(List<Part> parts) {
    requireOpen();
    Set<Integer> named = new HashSet<>();
    for (Part part : parts) {
      shard(part.shard());
      if (!named.add(part.shard())) {
        throw new LogException(
            LogException.Reason.INVALID, "shard " + part.shard() + " is named twice");
      }
    }
    Fault fault = faults.append(parts);
    if (fault == Fault.BEFORE) {
      throw failed();
    }
    long now = clock.millis();
    List<Long> offsets = new ArrayList<>();
    for (Part part : parts) {
      Shard to = shards[part.shard()];
      offsets.add(to.end);
      to.records.put(to.end, new Entry(part.shard(), to.end, now, part.frames().clone()));
      to.end += parts.size() > 1 ? 2 : 1; // the end of a transaction takes an offset
    }
    changed.signalAll();
    if (fault == Fault.AFTER) {
      throw failed();
    }
    return List.copyOf(offsets);
  }

  @Override
  public long begin(int shard) {
    lock.lock();
    try {
      return shard(shard).begin;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public long end(int shard) {
    lock.lock();
    try {
      return shard(shard).end;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Reader reader() {
    lock.lock();
    try {
      requireOpen();
      return new MemoryReader();
    } finally {
      lock.unlock();
    }
  }

  private final class MemoryReader implements Reader {
    private final Map<Integer, Long> positions = new HashMap<>();
    private boolean woken;
    private boolean ended;

    @Override
    public void assign(Map<Integer, Long> offsets) {
      lock.lock();
      try {
        requireRunning();
        Map<Integer, Long> next = new HashMap<>();
        offsets.forEach((shard, offset) -> next.put(shard, Math.max(offset, shard(shard).begin)));
        positions.clear();
        positions.putAll(next);
      } finally {
        lock.unlock();
      }
    }

    private void requireRunning() {
      requireOpen();
      if (ended) {
        throw new LogException(LogException.Reason.CLOSED, "the reader is closed");
      }
    }

    @Override
    public List<Entry> poll(Duration timeout) {
      lock.lock();
      try {
        long left = TimeUnit.NANOSECONDS.convert(timeout);
        while (true) {
          requireRunning();
          List<Entry> found = take();
          if (!found.isEmpty() || woken || left <= 0) {
            woken = false;
            return found;
          }
          left = changed.awaitNanos(left);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return List.of();
      } finally {
        lock.unlock();
      }
    }

    private List<Entry> take() {
      List<Entry> found = new ArrayList<>();
      for (Map.Entry<Integer, Long> position : positions.entrySet()) {
        Shard from = shards[position.getKey()];
        if (position.getValue() < from.begin) {
          throw new LogException(
              LogException.Reason.BEHIND,
              "records of shard "
                  + position.getKey()
                  + " from "
                  + position.getValue()
                  + " to "
                  + from.begin
                  + " are gone");
        }
        for (Entry entry : from.records.tailMap(position.getValue()).values()) {
          if (found.size() == MOST_RECORDS) {
            break;
          }
          found.add(entry);
          position.setValue(entry.offset() + 1);
        }
        if (from.records.ceilingKey(position.getValue()) == null) {
          position.setValue(Math.max(position.getValue(), from.end));
        }
      }
      return found;
    }

    @Override
    public long position(int shard) {
      lock.lock();
      try {
        requireRunning();
        Long position = positions.get(shard);
        if (position == null) {
          throw new LogException(
              LogException.Reason.INVALID, "shard " + shard + " is not assigned");
        }
        return position;
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void wakeup() {
      lock.lock();
      try {
        woken = true;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void close() {
      lock.lock();
      try {
        ended = true;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  // ---------------------------------------------------------------- states

  @Override
  public StateWriter writeStates(int shard) {
    lock.lock();
    try {
      return new MemoryStateWriter(shard, ++shard(shard).writers);
    } finally {
      lock.unlock();
    }
  }

  private final class MemoryStateWriter implements StateWriter {
    private final int shard;
    private final int number;
    private final Map<String, byte @Nullable []> pending = new LinkedHashMap<>();
    private boolean ended;

    MemoryStateWriter(int shard, int number) {
      this.shard = shard;
      this.number = number;
    }

    @Override
    public void put(String id, byte @Nullable [] frames) {
      pending.put(id, frames == null ? null : frames.clone());
    }

    @Override
    public void commit(StateMark mark) {
      lock.lock();
      try {
        Shard of = shard(shard);
        if (ended) {
          throw new LogException(LogException.Reason.CLOSED, "the writer is closed");
        }
        if (of.writers != number) {
          throw new LogException(
              LogException.Reason.FENCED, "somebody else writes states of shard " + shard);
        }
        Fault fault = faults.commit(shard, mark);
        if (fault == Fault.BEFORE) {
          throw failed();
        }
        of.states.putAll(pending);
        of.mark = mark;
        pending.clear();
        if (fault == Fault.AFTER) {
          throw failed();
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void close() {
      ended = true;
      pending.clear();
    }
  }

  @Override
  public Optional<StateMark> readStates(int shard, BiConsumer<String, byte @Nullable []> each) {
    Map<String, byte @Nullable []> states;
    StateMark mark;
    lock.lock();
    try {
      Shard of = shard(shard);
      states = new LinkedHashMap<>(of.states);
      mark = of.mark;
    } finally {
      lock.unlock();
    }
    if (mark == null) {
      return Optional.empty();
    }
    states.forEach((id, frames) -> each.accept(id, frames == null ? null : frames.clone()));
    return Optional.of(mark);
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
