package dev.deltavec;

import dev.deltavec.ChangedIds.Change;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.Metric;
import dev.deltavec.log.Shards;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Searches databases that are shards of one set, as if they were one.
 *
 * {@snippet :
 * try (ShardedSearch search = new ShardedSearch(64)) {
 *   search.add(3, shard3);
 *   search.add(17, shard17);
 *   search.search(query, 10);
 * }
 * }
 *
 * <p>A vector is in the shard that {@link Shards#of(String, int)} says. Results are those of one
 * database with all the vectors: the same scores, and the same options. What one call has changed
 * in a shard the next search sees.
 *
 * <p><b>How.</b> Eight graphs cost about three times as much to search as one of the same vectors,
 * whatever is done about it: each is to be entered, and walked to the places that are near. So
 * where there are two shards or more, one further graph over them all is kept up to date in the
 * background, on 8-bit codes (about 620 bytes a vector of 384 dimensions, and once more the work of
 * linking it). It names those that may be near; the shards' own floats rank them, together with
 * what has changed since. What that graph does not have yet, as it is after {@link #add}, is
 * searched for in the shard itself, and so is everything when there is a filter, another metric, or
 * {@code exact} is asked for.
 *
 * <p>Any number of threads may use it. It does not own the databases, and does not close them:
 * {@link #remove} a database before it is closed.
 */
public final class ShardedSearch implements AutoCloseable {
  /** For more results than this, each shard is asked. */
  private static final int MOST_JOINT = 1_000;

  /** Codes may put this many too far up, and so many parts of k. */
  private static final int SPARE = 4;

  private static final int SPARE_PART = 4;

  /** So many vectors that are named are ranked by one call. */
  private static final int RANK_PAGE = 1_024;

  /**
   * Standard deviations that a shard's part of the nearest, drawn by its hash, is above the mean.
   */
  private static final double DEVIATIONS = 3;

  private static final Comparator<SearchResult> NEAREST =
      (a, b) -> {
        int order = Float.compare(a.score(), b.score());
        return order != 0 ? order : a.id().compareTo(b.id());
      };

  private static final Comparator<SearchResult> HIGHEST =
      (a, b) -> {
        int order = Float.compare(b.score(), a.score());
        return order != 0 ? order : a.id().compareTo(b.id());
      };

  private final int shards;
  private final boolean wantsJoint;

  /** Shared by searches, held by who adds or removes. */
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();

  private final AtomicReferenceArray<@Nullable Part> byShard;
  private volatile List<Part> parts = List.of();
  private volatile @Nullable JointIndex joint;
  private boolean closed;

  /** A database that is here. */
  private record Part(int shard, DeltaVectorDB db, DeltaVectorDB.Subscription subscription) {
    Comparator<SearchResult> order() {
      return db.options().metric() == Metric.EUCLIDEAN ? NEAREST : HIGHEST;
    }
  }

  /**
   * Nothing to search yet, with one graph over all.
   *
   * @param shards into how many shards the set is divided, 1 to {@value Shards#MAX}
   * @throws DeltaException {@code INVALID_ARGUMENT}
   */
  public ShardedSearch(int shards) {
    this(shards, true);
  }

  /**
   * Nothing to search yet.
   *
   * @param shards into how many shards the set is divided, 1 to {@value Shards#MAX}
   * @param joint whether to keep one graph over all; without it searches take longer, and memory
   *     and the work of keeping it are saved
   * @throws DeltaException {@code INVALID_ARGUMENT}
   */
  public ShardedSearch(int shards, boolean joint) {
    if (shards < 1 || shards > Shards.MAX) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "shards must be 1 to " + Shards.MAX + ", not " + shards);
    }
    this.shards = shards;
    wantsJoint = joint;
    byShard = new AtomicReferenceArray<>(shards);
  }

  /**
   * Adds a shard. Searches see it as soon as this returns. O(vectors), and in the background the
   * work of linking them.
   *
   * @param shard its number, from 0
   * @param db holds the vectors of that shard, and no others
   * @throws DeltaException {@code INVALID_ARGUMENT} for a number out of range, one that is here, or
   *     a database with other dimensions or another metric than those here; {@code CLOSED}
   */
  public void add(int shard, DeltaVectorDB db) {
    DatabaseOptions options = db.options();
    lock.writeLock().lock();
    try {
      requireOpen();
      if (shard < 0 || shard >= shards || byShard.get(shard) != null) {
        throw new DeltaException(
            ErrorCode.INVALID_ARGUMENT,
            "shard " + shard + (shard < 0 || shard >= shards ? " of " + shards : " is here"));
      }
      if (!parts.isEmpty()) {
        requireAlike(parts.getFirst().db().options(), options);
      }
      if (wantsJoint && joint == null && parts.size() == 1) {
        begin(options);
      }
      Part part = new Part(shard, db, follow(shard, db));
      byShard.set(shard, part);
      List<Part> more = new ArrayList<>(parts);
      more.add(part);
      parts = List.copyOf(more);
      bring(part);
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Makes the graph over all, when the second shard comes. */
  private void begin(DatabaseOptions options) {
    Part first = parts.getFirst();
    joint =
        new JointIndex(
            shards,
            options,
            shard -> {
              Part part = byShard.get(shard);
              return part == null ? null : part.db();
            });
    first.subscription().close();
    Part again = new Part(first.shard(), first.db(), follow(first.shard(), first.db()));
    byShard.set(first.shard(), again);
    parts = List.of(again);
    bring(again);
  }

  private DeltaVectorDB.Subscription follow(int shard, DeltaVectorDB db) {
    JointIndex index = joint;
    return index == null ? () -> {} : db.onDelta(event -> index.changed(shard, event.vectorId()));
  }

  private void bring(Part part) {
    JointIndex index = joint;
    if (index != null) {
      part.db().ids().forEach(id -> index.changed(part.shard(), id));
    }
  }

  private static void requireAlike(DatabaseOptions here, DatabaseOptions other) {
    if (here.dimensions() != other.dimensions() || here.metric() != other.metric()) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "a shard with %d dimensions and %s cannot be searched with those of %d and %s"
              .formatted(other.dimensions(), other.metric(), here.dimensions(), here.metric()));
    }
  }

  /**
   * Removes a shard. When this returns, no search uses its database any more. Not from within a
   * {@link FilterFunction}.
   *
   * @return false if it is not here
   */
  public boolean remove(int shard) {
    lock.writeLock().lock();
    try {
      Part part = shard < 0 || shard >= shards ? null : byShard.get(shard);
      if (part == null) {
        return false;
      }
      part.subscription().close();
      byShard.set(shard, null);
      parts = parts.stream().filter(other -> other != part).toList();
      JointIndex index = joint;
      if (index != null) {
        index.forget(shard);
      }
      return true;
    } finally {
      lock.writeLock().unlock();
    }
  }

  /**
   * Notes that a shard was replaced as a whole ({@link DeltaVectorDB#importFrom(byte[])}), of which
   * nobody is told delta by delta. O(vectors)
   */
  public void replaced(int shard) {
    lock.writeLock().lock();
    try {
      Part part = byShard.get(shard);
      JointIndex index = joint;
      if (part != null && index != null) {
        index.forget(shard);
        bring(part);
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /**
   * Finds the vectors closest to a query in all shards; otherwise as {@link
   * DeltaVectorDB#search(float[], int)}.
   */
  public List<SearchResult> search(float[] query, int k) {
    return search(query, k, SearchOptions.defaults());
  }

  /**
   * Finds the vectors closest to a query in all shards.
   *
   * @param query {@code dimensions} finite values
   * @param k how many to find, 1 or more
   * @param options how to search; {@code efSearch} finds what it does on one database with all the
   *     vectors
   * @return up to {@code k} hits, closest first; none if there are no shards
   * @throws DeltaException as {@link DeltaVectorDB#search(float[], int, SearchOptions)}; {@code
   *     CLOSED} also if a database that is here was closed
   */
  public List<SearchResult> search(float[] query, int k, SearchOptions options) {
    lock.readLock().lock();
    try {
      requireOpen();
      if (k < 1) {
        throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "k must be 1 or more, not " + k);
      }
      List<Part> here = parts;
      if (here.isEmpty()) {
        return List.of();
      }
      if (here.size() == 1) {
        return here.getFirst().db().search(query, k, options);
      }
      JointIndex index = joint;
      boolean plain = options.filter() != null || options.metric() != null || options.exact();
      List<SearchResult> found =
          index == null || plain || k > MOST_JOINT || index.failed()
              ? null
              : searchJoint(index, here, query, k, options);
      return best(found == null ? searchEach(here, query, k, options) : found, k, order(options));
    } finally {
      lock.readLock().unlock();
    }
  }

  /**
   * Ranks all vectors whose ids are wanted, exactly: for where these are few among many. Shards are
   * gone through in pages, between which others may add and remove; one that is removed meanwhile
   * adds no more.
   *
   * @param query {@code dimensions} finite values
   * @param k how many to find, 1 or more
   * @param wanted tells of an id; asked about each vector that is here
   * @param going asked again and again whether to go on
   * @return up to {@code k} hits, closest first, by the databases' metric; null if it was told to
   *     end. O(vectors + wanted x dimensions)
   * @throws DeltaException as {@link #search(float[], int)}
   */
  public @Nullable List<SearchResult> rank(
      float[] query, int k, Predicate<String> wanted, BooleanSupplier going) {
    if (k < 1) {
      throw new DeltaException(ErrorCode.INVALID_ARGUMENT, "k must be 1 or more, not " + k);
    }
    List<SearchResult> found = new ArrayList<>();
    for (Part part : parts) {
      List<byte[]> ids = new ArrayList<>();
      for (String id : whileHere(part, DeltaVectorDB::ids)) {
        if (wanted.test(id)) {
          ids.add(id.getBytes(StandardCharsets.UTF_8));
        }
      }
      for (int from = 0; from < ids.size(); from += RANK_PAGE) {
        if (!going.getAsBoolean()) {
          return null;
        }
        List<byte[]> page = ids.subList(from, Math.min(ids.size(), from + RANK_PAGE));
        found.addAll(whileHere(part, db -> db.rank(query, new int[0], 0, page)));
      }
      found = new ArrayList<>(best(found, k, part.order()));
    }
    return going.getAsBoolean() ? found : null;
  }

  /** Returns what a database has, or nothing if it is not here any more. */
  private <T> List<T> whileHere(Part part, Function<DeltaVectorDB, List<T>> ask) {
    lock.readLock().lock();
    try {
      requireOpen();
      return byShard.get(part.shard()) == part ? ask.apply(part.db()) : List.of();
    } finally {
      lock.readLock().unlock();
    }
  }

  private static int efSearch(List<Part> here, SearchOptions options) {
    Integer ef = options.efSearch();
    if (ef != null && (ef < 1 || ef > DatabaseOptions.MAX_EF)) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT,
          "efSearch must be from 1 to " + DatabaseOptions.MAX_EF + ", not " + ef);
    }
    return ef == null ? here.getFirst().db().options().hnswEfSearch() : ef;
  }

  // ---------------------------------------------------------------- by the graph over all

  /** What is ranked in one shard. */
  private static final class Named {
    private int[] slots = new int[8];
    private int count;
    private List<byte[]> ids = List.of();

    private void add(int slot) {
      if (count == slots.length) {
        slots = Arrays.copyOf(slots, 2 * count);
      }
      slots[count++] = slot;
    }

    private void add(List<Change> changes) {
      ids = new ArrayList<>(changes.size());
      for (Change change : changes) {
        ids.add(change.id().getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  /** Returns null if it is better to ask each shard. */
  private @Nullable List<SearchResult> searchJoint(
      JointIndex index, List<Part> here, float[] query, int k, SearchOptions options) {
    // What is changed is read before the graph: what has gone from here by then is there.
    @Nullable Named[] named = new Named[shards];
    List<Part> others = new ArrayList<>();
    for (Part part : here) {
      List<Change> changes = index.changes(part.shard());
      if (changes.size() > JointIndex.MOST_CHANGED) {
        others.add(part);
      } else if (!changes.isEmpty()) {
        Named of = new Named();
        of.add(changes);
        named[part.shard()] = of;
      }
    }
    if (2 * others.size() > here.size()) {
      return null;
    }
    int count = k + SPARE + k / SPARE_PART;
    int ef = efSearch(here, options);
    if (index.pending() > 0) {
      // What the graph names of shards that have gone, or are on their way, is of no use.
      long useful = 1;
      for (Part part : here) {
        useful += others.contains(part) ? 0 : part.db().size();
      }
      long times = Math.clamp((index.size() + useful - 1) / useful, 1, 8);
      count = (int) (count * times);
      ef = (int) Math.min(DatabaseOptions.MAX_EF, ef * times);
    }
    long[] near = index.near(query, count, ef);
    for (long place : near) {
      int shard = JointIndex.shard(place);
      Named of = named[shard];
      if (of == null) {
        of = new Named();
        named[shard] = of;
      }
      of.add(JointIndex.slot(place));
    }
    List<SearchResult> found = searchEach(others, query, k, options);
    for (Part part : here) {
      Named of = named[part.shard()];
      if (of != null && !others.contains(part)) {
        found.addAll(part.db().rank(query, of.slots, of.count, of.ids));
      }
    }
    // A slot may hold another vector by now, which is named, too.
    Set<String> seen = new HashSet<>();
    found.removeIf(hit -> !seen.add(hit.id()));
    return found.size() < k && near.length == count ? null : found;
  }

  // ---------------------------------------------------------------- each shard

  /** Returns what each finds, k of them at least if there are so many. */
  private List<SearchResult> searchEach(
      List<Part> of, float[] query, int k, SearchOptions options) {
    List<SearchResult> found = new ArrayList<>();
    boolean all = options.exact() || options.metric() != null || of.size() < 2;
    if (all || options.filter() instanceof FilterFunction) {
      // A function is asked once for each vector, so there is no second round.
      of.forEach(part -> found.addAll(part.db().search(query, k, options)));
      return found;
    }
    int count = partOf(k, of.size());
    SearchOptions each = options.withEfSearch(partOf(efSearch(of, options), of.size()));
    List<List<SearchResult>> first = new ArrayList<>(of.size());
    for (Part part : of) {
      List<SearchResult> hits = part.db().search(query, count, each);
      first.add(hits);
      found.addAll(hits);
    }
    // Where all that a shard gave is among the best, it may have more of them.
    List<SearchResult> best = best(found, k, order(options));
    found.clear();
    for (int i = 0; i < first.size(); i++) {
      List<SearchResult> hits = first.get(i);
      boolean more =
          count < k
              && hits.size() == count
              && (best.size() < k || order(options).compare(hits.getLast(), best.getLast()) <= 0);
      found.addAll(more ? of.get(i).db().search(query, k, each) : hits);
    }
    return found;
  }

  /** Returns how many of {@code n}, spread over shards by their hash, one of these may hold. */
  private static int partOf(int n, int of) {
    double mean = (double) n / of;
    return (int) Math.min(n, Math.ceil(mean + DEVIATIONS * Math.sqrt(mean)) + 1);
  }

  private Comparator<SearchResult> order(SearchOptions options) {
    Metric metric = options.metric();
    Metric by = metric == null ? parts.getFirst().db().options().metric() : metric;
    return by == Metric.EUCLIDEAN ? NEAREST : HIGHEST;
  }

  private static List<SearchResult> best(
      List<SearchResult> found, int k, Comparator<SearchResult> order) {
    SearchResult[] all = found.toArray(SearchResult[]::new);
    Arrays.sort(all, order);
    return Collections.unmodifiableList(
        Arrays.asList(all.length > k ? Arrays.copyOf(all, k) : all));
  }

  // ---------------------------------------------------------------- all in all

  /**
   * Waits until the graph over all has all that is in the shards.
   *
   * @param most how long to wait
   * @return whether it has; true also without such a graph
   * @throws InterruptedException if the thread is interrupted
   */
  public boolean settle(Duration most) throws InterruptedException {
    long end = System.nanoTime() + most.toNanos();
    while (pending() > 0) {
      if (System.nanoTime() - end > 0) {
        return false;
      }
      Thread.sleep(1);
    }
    return true;
  }

  /** Returns how many vectors have changed that the graph over all does not have yet. */
  public int pending() {
    JointIndex index = joint;
    return index == null || index.failed() ? 0 : index.pending();
  }

  /** Returns the bytes that the graph over all takes; 0 without it. O(vectors) */
  public long jointBytes() {
    lock.readLock().lock();
    try {
      JointIndex index = joint;
      return closed || index == null ? 0 : index.bytes();
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Returns the numbers of the shards that are here, in the order they came. */
  public List<Integer> shards() {
    return parts.stream().map(Part::shard).toList();
  }

  /** Ends all; the databases stay open. A second call has no effect. */
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      closed = true;
      parts.forEach(part -> part.subscription().close());
      parts = List.of();
      JointIndex index = joint;
      if (index != null) {
        index.close();
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new DeltaException(ErrorCode.CLOSED, "the search is closed");
    }
  }
}
