package dev.deltavec;

import dev.deltavec.ChangedIds.Change;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Quantization;
import dev.deltavec.log.Shards;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * One graph over the vectors of many shards, on 8-bit codes: a database without floats and history
 * that a thread of its own keeps up with the shards.
 *
 * <p>It is behind by what is <i>changed</i>, and never trusted for more than which vectors may be
 * near: a search ranks what it names by the floats of the shards, together with what is changed. A
 * vector is changed from before the call that changes it returns until the graph has it as it is.
 */
final class JointIndex implements AutoCloseable {
  /** Up to so many changed vectors of a shard are ranked by each search; with more it waits. */
  static final int MOST_CHANGED = 256;

  private static final System.Logger LOGGER = System.getLogger("dev.deltavec");
  private static final int BATCH = 64;
  private static final long GONE = -1;

  private final int shards;

  /** What is changed, by shard. */
  private final List<ChangedIds> changed = new ArrayList<>();

  private final DeltaVectorDB graph;
  private final Source source;
  private final Thread thread;

  /** Where the vector of each of the graph's slots is: shard, and slot there; or {@link #GONE}. */
  private volatile long[] places = new long[0];

  private volatile boolean waits;
  private volatile boolean ended;
  private volatile boolean failed;

  /** Where the vectors are. */
  @FunctionalInterface
  interface Source {
    /** Returns the database of a shard, or null if it is not here. */
    @Nullable DeltaVectorDB shard(int shard);
  }

  /**
   * An empty index.
   *
   * @param options of the shards
   */
  JointIndex(int shards, DatabaseOptions options, Source source) {
    this.shards = shards;
    this.source = source;
    for (int i = 0; i < shards; i++) {
      changed.add(new ChangedIds());
    }
    graph =
        DeltaVectorDB.builder()
            .dimensions(options.dimensions())
            .metric(options.metric())
            .quantization(Quantization.INT8)
            .keepFloats(false)
            .history(false)
            .hnswM(options.hnswM())
            .hnswEfConstruction(options.hnswEfConstruction())
            .hnswEfSearch(options.hnswEfSearch())
            .build();
    thread = Thread.ofPlatform().daemon().name("deltavec-joint-index").unstarted(this::run);
    thread.start();
  }

  /** Notes that a vector has changed, or come, or gone. */
  void changed(int shard, String id) {
    changed.get(shard).add(id);
    if (waits) {
      LockSupport.unpark(thread);
    }
  }

  /** Notes all that the index holds of a shard, which has gone. O(vectors) */
  void forget(int shard) {
    for (String id : graph.ids()) {
      if (Shards.of(id, shards) == shard) {
        changed(shard, id);
      }
    }
  }

  /**
   * Returns what is changed of a shard; more than {@link #MOST_CHANGED} if it is not to be searched
   * by this index.
   */
  List<Change> changes(int shard) {
    return changed.get(shard).first(MOST_CHANGED + 1);
  }

  /** Returns how many vectors are changed. */
  int pending() {
    int n = 0;
    for (ChangedIds ids : changed) {
      n += ids.size();
    }
    return n;
  }

  /** Returns whether the index is of no use, for want of memory. */
  boolean failed() {
    return failed;
  }

  /** Returns how many vectors it holds. */
  int size() {
    return graph.size();
  }

  /**
   * Names vectors that may be near, the likely nearest first.
   *
   * @return for each its shard and its slot there, as {@link #shard} and {@link #slot} read them
   */
  long[] near(float[] query, int count, int efSearch) {
    int[] slots = graph.near(query, count, efSearch);
    long[] known = places;
    long[] found = new long[slots.length];
    int n = 0;
    for (int slot : slots) {
      if (slot < known.length && known[slot] != GONE) {
        found[n++] = known[slot];
      }
    }
    return n == found.length ? found : Arrays.copyOf(found, n);
  }

  static int shard(long place) {
    return (int) (place >>> 32);
  }

  static int slot(long place) {
    return (int) place;
  }

  /** Returns the bytes that it takes. */
  long bytes() {
    return graph.stats().usedBytes();
  }

  @Override
  public void close() {
    ended = true;
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive() && thread != Thread.currentThread()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    graph.close();
  }

  // ---------------------------------------------------------------- in its own thread

  private void run() {
    try {
      while (!ended) {
        if (!work()) {
          waits = true;
          if (pending() == 0 && !ended) {
            LockSupport.park(this);
          }
          waits = false;
        }
      }
    } catch (Throwable e) {
      failed = true;
      LOGGER.log(
          System.Logger.Level.ERROR, "The index over all shards is given up; each is searched", e);
    }
  }

  /** Brings some of what is changed of each shard; returns whether there was anything. */
  private boolean work() {
    boolean any = false;
    for (int shard = 0; shard < shards && !ended; shard++) {
      ChangedIds ids = changed.get(shard);
      List<Change> batch = ids.first(BATCH);
      if (!batch.isEmpty()) {
        any = true;
        take(source.shard(shard), batch);
        ids.remove(batch); // but for what has changed since
      }
    }
    return any;
  }

  private void take(@Nullable DeltaVectorDB shard, List<Change> batch) {
    List<VectorDelta> deltas = new ArrayList<>(batch.size());
    for (Change change : batch) {
      String id = change.id();
      float[] vector = vectorOf(shard, id);
      boolean known = graph.has(id);
      if (vector != null) {
        deltas.add(known ? VectorDelta.dense(id, vector) : VectorDelta.create(id, vector));
      } else if (known) {
        deltas.add(VectorDelta.delete(id));
      }
    }
    graph.applyDeltas(deltas);
    for (VectorDelta delta : deltas) {
      if (!(delta.operation() instanceof DeltaOperation.Delete)) {
        place(delta.vectorId(), shard);
      }
    }
  }

  /** Notes where a vector is. If it has gone by now, that is one more change. */
  private void place(String id, @Nullable DeltaVectorDB shard) {
    int slot = graph.slotOf(id);
    int there = shard == null ? -1 : slotIn(shard, id);
    long[] known = places;
    if (slot >= known.length) {
      int before = known.length;
      known = Arrays.copyOf(known, Math.max(slot + 1, 2 * before));
      Arrays.fill(known, before, known.length, GONE);
      places = known;
    }
    known[slot] = there < 0 ? GONE : (long) Shards.of(id, shards) << 32 | there;
  }

  private static int slotIn(DeltaVectorDB shard, String id) {
    try {
      return shard.slotOf(id);
    } catch (DeltaException e) {
      if (e.code() == ErrorCode.CLOSED) {
        return -1;
      }
      throw e;
    }
  }

  private static float @Nullable [] vectorOf(@Nullable DeltaVectorDB shard, String id) {
    if (shard == null) {
      return null;
    }
    try {
      return shard.getVector(id);
    } catch (DeltaException e) {
      if (e.code() == ErrorCode.CLOSED) {
        return null;
      }
      throw e;
    }
  }
}
