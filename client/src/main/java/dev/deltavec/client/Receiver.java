package dev.deltavec.client;

import dev.deltavec.DeltaEvent;
import dev.deltavec.DeltaFrames.Shared;
import dev.deltavec.DeltaOrigin;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.ExportOptions;
import dev.deltavec.FeedOptions;
import dev.deltavec.VectorDelta;
import dev.deltavec.client.FollowStatus.Phase;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.WebSocket;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** Gets what the service has: snapshots, chunks of deltas, the live tail; again and again. */
final class Receiver implements Runnable, AutoCloseable {
  /** Shards that are read at a time: while one is merged others are on their way. */
  private static final int AT_ONCE = 4;

  private static final int PIECE = 1 << 20;

  /** Whoever was away for longer reads chunks first, which others may have asked for before. */
  private static final long LONG = TimeUnit.SECONDS.toNanos(30);

  /** A connection that lasts so long was a good one. */
  private static final long STEADY = TimeUnit.SECONDS.toNanos(5);

  private static final long STALL = TimeUnit.SECONDS.toNanos(30);

  private final Following following;
  private final DeltaVectorDB db;
  private final Gateway gateway;
  private final Book book;
  private final Filter filter;
  private final Progress progress;
  private final Set<Watched> reading = ConcurrentHashMap.newKeySet();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Stale stale;
  private volatile @Nullable LiveTail tail;

  /** Whether edits are too old to be sent, and those up to when. */
  private volatile boolean renewal;

  private volatile long tooOld = Long.MIN_VALUE;

  /** Edits that are to be made again when the database is up to date. */
  private final ArrayDeque<VectorDelta> later = new ArrayDeque<>();

  /** Whether the next connection begins with chunks. */
  private boolean far = true;

  private int failures;

  Receiver(
      Following following,
      DeltaVectorDB db,
      Gateway gateway,
      Book book,
      Filter filter,
      Progress progress) {
    this.following = following;
    this.db = db;
    this.gateway = gateway;
    this.book = book;
    this.filter = filter;
    this.progress = progress;
    stale = new Stale(db, book, filter, progress);
  }

  /** Has the database filled anew, as deltas up to a time are too old to be sent. */
  void renew(long time) {
    tooOld = Math.max(tooOld, time);
    renewal = true;
    LiveTail messages = tail;
    if (messages != null) {
      messages.stop();
    }
  }

  // ---------------------------------------------------------------- connections

  @Override
  public void run() {
    long lost = System.nanoTime();
    boolean refused = false;
    while (!following.stopping()) {
      try {
        try {
          progress.phase(Phase.CONNECTING);
          far |= System.nanoTime() - lost > LONG;
          if (renewal) {
            // Were it the clock that is wrong, this would go on for ever, so not too fast.
            following.sleep(1, new ClientException("TOO_OLD", "edits are too old", null));
            beginAnew();
          }
          connect();
          if (following.stopping()) {
            return;
          }
        } catch (ClientException e) {
          if (following.stopping()) {
            return;
          }
          if (failures == 0) {
            lost = System.nanoTime();
            refused = false;
          }
          progress.problem(e);
          if (anew(e)) {
            beginAnew();
          } else if (e.code().equals("UNAUTHENTICATED") && !refused) {
            refused = true; // the token may have run out
            failures++;
            continue;
          } else if (!e.retryable()) {
            following.end(e);
            return;
          }
          failures++;
          if (!anew(e)) {
            progress.phase(Phase.OFFLINE);
          }
          if (!anew(e) || failures > 1) {
            following.sleep(failures, e);
          }
        }
      } catch (ClientException e) { // of what was asked after an error
        progress.problem(e);
        failures++;
        try {
          following.sleep(failures, e);
        } catch (InterruptedException ended) {
          return;
        }
      } catch (RuntimeException e) { // of the database, or the disk
        following.end(e);
        return;
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private static boolean anew(ClientException e) {
    return e.code().equals("TOO_FAR_BEHIND") || e.code().equals("EPOCH_CHANGED");
  }

  private void beginAnew() throws InterruptedException {
    Gateway.Hello hello = gateway.hello();
    following.sender().quietly(() -> following.alone(() -> empty(hello)));
    renewal = false;
    far = true;
  }

  private void connect() throws InterruptedException {
    Gateway.Hello hello = gateway.hello();
    ServiceInfo info = hello.info();
    check(info);
    if (book.shards() == 0) {
      book.begin(info.epoch(), info.shards(), hello.prefix());
    } else if (!book.epoch().equals(info.epoch()) || book.shards() != info.shards()) {
      throw new ClientException("EPOCH_CHANGED", "the service has begun anew", null);
    } else if (!book.prefix().equals(hello.prefix())) {
      // What could not be read was not in what came so far.
      throw new ClientException("EPOCH_CHANGED", "the token lets one read other vectors", null);
    }
    List<Integer> wanted = filter.shards(info.shards());
    List<Integer> missing = wanted.stream().filter(shard -> book.offset(shard) < 0).toList();
    if (far || !missing.isEmpty()) {
      following.ignoreEdits();
      progress.shards(wanted.size());
      if (!missing.isEmpty()) {
        progress.phase(Phase.SNAPSHOT);
        each(missing, shard -> readSnapshot(shard, info));
      }
      progress.phase(Phase.CATCHING_UP);
      each(
          wanted,
          shard -> {
            catchUp(shard, info);
            progress.restored();
          });
      far = false;
    }
    live(info);
  }

  private void check(ServiceInfo info) {
    int dimensions = db.options().dimensions();
    int grid = db.options().grid();
    if (info.dimensions() != dimensions) {
      throw new ClientException(
          "DIMENSION_MISMATCH",
          "the service has " + info.dimensions() + " dimensions, the database " + dimensions,
          null);
    }
    if (info.grid() != grid) {
      throw new ClientException(
          "INVALID_ARGUMENT",
          "the service has a grid of " + info.grid() + ", the database one of " + grid,
          null);
    }
    String metric = db.options().metric().name();
    if (!info.metric().equalsIgnoreCase(metric)) {
      throw new ClientException(
          "INVALID_ARGUMENT",
          "the service has the metric "
              + info.metric()
              + ", the database "
              + metric.toLowerCase(Locale.ROOT),
          null);
    }
  }

  // ---------------------------------------------------------------- shards

  private interface Work {
    void on(int shard) throws InterruptedException;
  }

  /** Does something for each shard, some at a time; the first error ends all. */
  private void each(List<Integer> shards, Work work) throws InterruptedException {
    ConcurrentLinkedQueue<Integer> left = new ConcurrentLinkedQueue<>(shards);
    AtomicBoolean failed = new AtomicBoolean();
    List<Future<?>> workers = new ArrayList<>();
    for (int i = 0; i < Math.min(AT_ONCE, shards.size()); i++) {
      workers.add(
          threads.submit(() -> {
            try {
              for (Integer shard = left.poll();
                  shard != null && !failed.get() && !following.stopping();
                  shard = left.poll()) {
                work.on(shard);
              }
              return null;
            } catch (ClientException | DeltaException | InterruptedException e) {
              failed.set(true);
              throw e;
            }
          }));
    }
    RuntimeException error = null;
    for (Future<?> worker : workers) {
      try {
        worker.get();
      } catch (ExecutionException e) {
        RuntimeException cause =
            e.getCause() instanceof RuntimeException thrown
                ? thrown
                : new IllegalStateException(e.getCause());
        error = error == null ? cause : error;
      } catch (InterruptedException e) {
        failed.set(true);
        throw e;
      }
    }
    if (following.stopping()) {
      throw new InterruptedException();
    }
    if (error != null) {
      throw error;
    }
  }

  private void readSnapshot(int shard, ServiceInfo info) throws InterruptedException {
    try (Gateway.Part part = gateway.snapshot(shard, filter.query(shard, info.shards()))) {
      requireEpoch(part.epoch(), info);
      mergeAll(part.body());
      book.reached(shard, part.offset());
    }
  }

  private void catchUp(int shard, ServiceInfo info) throws InterruptedException {
    String query = filter.query(shard, info.shards());
    long known = 0;
    while (!following.stopping()) {
      long since = book.offset(shard);
      try (Gateway.Part part = gateway.deltas(shard, since, info.epoch(), query)) {
        requireEpoch(part.epoch(), info);
        long behind = Math.max(0, part.end() - since);
        progress.behind(behind - known);
        known = behind;
        mergeAll(part.body());
        book.reached(shard, part.offset());
        progress.behind(-Math.min(known, part.offset() - since));
        known -= Math.min(known, part.offset() - since);
        // Chunks end at certain offsets, and where they get long.
        if (part.offset() <= since || part.offset() >= part.end()) {
          progress.behind(-known);
          return;
        }
      }
    }
  }

  private static void requireEpoch(String epoch, ServiceInfo info) {
    if (!epoch.equals(info.epoch())) {
      throw new ClientException("EPOCH_CHANGED", "the service has begun anew", null);
    }
  }

  /** Merges frames piece by piece, as they come. */
  private void mergeAll(InputStream body) throws InterruptedException {
    Watched in = new Watched(body);
    reading.add(in);
    try {
      byte[] buffer = new byte[PIECE];
      int filled = 0;
      while (true) {
        if (following.stopping()) {
          throw new InterruptedException();
        }
        int read = in.readNBytes(buffer, filled, buffer.length - filled);
        filled += read;
        int whole = 0;
        int length = 0;
        while (whole < filled
            && (length = FrameHeads.length(buffer, whole, filled)) > 0
            && length <= filled - whole) {
          whole += length;
        }
        merge(Arrays.copyOf(buffer, whole));
        System.arraycopy(buffer, whole, buffer, 0, filled - whole);
        filled -= whole;
        if (filled > 0 && (read == 0 && whole == 0 || filled >= FrameHeads.HEAD && length < 0)) {
          if (filled == buffer.length && length > buffer.length) {
            buffer = Arrays.copyOf(buffer, length); // one long frame
            continue;
          }
          progress.count(0, 0, 0, 1); // what is behind is no frame
          in.transferTo(java.io.OutputStream.nullOutputStream());
          return;
        }
        if (filled == 0 && read == 0) {
          return;
        }
      }
    } catch (IOException e) {
      throw new ClientException(
          ClientException.UNAVAILABLE, "the connection broke off: " + e.getMessage(), e);
    } finally {
      reading.remove(in);
    }
  }

  // ---------------------------------------------------------------- merging

  /** Merges frames that stand alone. */
  private void merge(byte[] frames) {
    byte[] followed = filter.all() ? frames : followed(frames);
    if (followed.length > 0) {
      long merged;
      try {
        merged = db.merge(followed).merged();
      } catch (DeltaException e) {
        requireSkippable(e);
        merged = mergeOneByOne(followed);
      }
      progress.count(merged, frames.length, 0, 0);
      note(followed);
    } else {
      progress.count(0, frames.length, 0, 0);
    }
  }

  private byte[] followed(byte[] frames) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(frames.length);
    FrameHeads heads = new FrameHeads(frames, 0, frames.length);
    while (heads.next()) {
      if (heads.known() && filter.matches(heads.vectorId())) {
        out.write(frames, heads.start(), heads.length());
      }
    }
    return out.toByteArray();
  }

  private void note(byte[] frames) {
    FrameHeads heads = new FrameHeads(frames, 0, frames.length);
    while (heads.next()) {
      if (heads.known()) {
        book.has(heads.replica(), heads.sequence());
      }
    }
  }

  /** Merges what can be, as every copy does: bad frames are in the log for good. */
  private long mergeOneByOne(byte[] frames) {
    long merged = 0;
    FrameHeads heads = new FrameHeads(frames, 0, frames.length);
    int end = 0;
    while (heads.next()) {
      end = heads.start() + heads.length();
      try {
        merged += db.merge(Arrays.copyOfRange(frames, heads.start(), end)).merged();
      } catch (DeltaException e) {
        requireSkippable(e);
        if (heads.known() && heads.time() > latest()) {
          throw e; // it is this machine's clock that is wrong, and the delta is needed
        }
        progress.count(0, 0, 0, 1);
        System.getLogger("dev.deltavec.client")
            .log(System.Logger.Level.WARNING, "a delta is passed over: {0}", e.getMessage());
      }
    }
    if (end < frames.length) {
      progress.count(0, 0, 0, 1);
    }
    return merged;
  }

  private long latest() {
    return System.currentTimeMillis() + Math.min(db.options().maxAheadMillis(), 1L << 48);
  }

  private static void requireSkippable(DeltaException e) {
    switch (e.code()) {
      case CORRUPT_DATA, UNSUPPORTED_VERSION, INVALID_ARGUMENT, DIMENSION_MISMATCH, NOT_FINITE -> {}
      default -> throw e;
    }
  }

  // ---------------------------------------------------------------- the live tail

  private void live(ServiceInfo info) throws InterruptedException {
    LiveTail messages = new LiveTail();
    tail = messages;
    if (following.stopping() || renewal) {
      return;
    }
    WebSocket socket = gateway.follow(book.cursor(), filter.query(), messages);
    long opened = System.nanoTime();
    try {
      makeAgain();
      following.live();
      for (ArrayDeque<byte[]> batch = messages.take(PIECE);
          batch != null;
          batch = messages.take(PIECE)) {
        long bytes = apply(batch, info);
        messages.done(bytes);
        failures = 0; // who only lets us in and closes again is not there
      }
      socket.sendClose(WebSocket.NORMAL_CLOSURE, "");
    } finally {
      tail = null;
      failures = System.nanoTime() - opened > STEADY ? 0 : failures;
      socket.abort();
    }
  }

  /** Merges messages: rows of shard, next offset, bytes of frames, frames. */
  private long apply(ArrayDeque<byte[]> batch, ServiceInfo info) {
    ByteArrayOutputStream frames = new ByteArrayOutputStream();
    List<long[]> places = new ArrayList<>();
    long bytes = 0;
    for (byte[] message : batch) {
      bytes += message.length;
      int[] at = {0};
      while (at[0] < message.length) {
        long shard = varint(message, at);
        long next = varint(message, at);
        long length = varint(message, at);
        if (shard >= info.shards() || length > message.length - at[0]) {
          throw malformed();
        }
        frames.write(message, at[0], (int) length);
        at[0] += (int) length;
        places.add(new long[] {shard, next});
      }
    }
    if (frames.size() > 0) {
      merge(frames.toByteArray());
    }
    for (long[] place : places) {
      book.reached((int) place[0], place[1]);
    }
    return bytes;
  }

  private static long varint(byte[] message, int[] at) {
    long value = 0;
    for (int shift = 0; shift < 63 && at[0] < message.length; shift += 7) {
      byte next = message[at[0]++];
      value |= (next & 127L) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw malformed();
  }

  private static ClientException malformed() {
    return new ClientException("CORRUPT_DATA", "a message of the service is malformed", null);
  }

  // ---------------------------------------------------------------- beginning anew

  /**
   * Empties the database but for what the service lacks. What was merged and compacted cannot be
   * told from what the service has removed since, so nothing else will do.
   */
  private void empty(Gateway.Hello hello) {
    ServiceInfo info = hello.info();
    following.ignoreEdits();
    following.sender().allow(false);
    Own own = following.sender().own();
    ConcurrentLinkedQueue<DeltaEvent> edits = new ConcurrentLinkedQueue<>();
    try (DeltaVectorDB.Subscription subscription =
        db.onDelta(edits::add, FeedOptions.fromNow().withOrigin(DeltaOrigin.LOCAL))) {
      long oldest = Math.max(tooOld, oldest(info));
      List<Shared> pending = new ArrayList<>();
      for (List<Shared> page = own.page(); !page.isEmpty(); page = own.page()) {
        pending.addAll(page);
        page.forEach(own::has); // so that the next page is another
      }
      List<Shared> kept = stale.take(pending, oldest);
      byte[] others = others();
      byte[] carried = join(kept, others);
      book.restart(info.epoch(), info.shards(), hello.prefix());
      kept.forEach(delta -> book.own(delta.replica()));
      stale.deltas().forEach(delta -> book.own(delta.replica()));
      // What is too old is kept until it is settled: after a crash it is found too old again.
      book.carry(join(stale.deltas(), carried));
      following.save();
      try (DeltaVectorDB none =
          DeltaVectorDB.builder()
              .dimensions(db.options().dimensions())
              .grid(db.options().grid())
              .metric(db.options().metric())
              .build()) {
        db.importFrom(none.export(ExportOptions.all()));
      }
      db.merge(carried);
      book.own(db.options().replica());
      noteOthers(others, kept);
      if (stale.isEmpty()) {
        book.carry(new byte[0]);
      }
    }
    putBack(edits);
  }

  /** Returns the time up to which deltas are too old for the service, or nearly so. */
  private static long oldest(ServiceInfo info) {
    long retention = info.retention().toMillis();
    long margin = Math.max(retention / 10, TimeUnit.MINUTES.toMillis(10));
    return retention <= 0
        ? Long.MIN_VALUE
        : System.currentTimeMillis() - retention + margin + TimeUnit.MINUTES.toMillis(1);
  }

  /** Returns what makes the vectors that are not followed, which are nobody else's business. */
  private byte[] others() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    if (!filter.all()) {
      for (String id : db.rememberedIds()) {
        byte[] state = filter.matches(id) ? null : db.state(id);
        if (state != null) {
          out.writeBytes(state);
        }
      }
    }
    return out.toByteArray();
  }

  /** Notes that nothing of vectors that are not followed is to be sent, but what was kept. */
  private void noteOthers(byte[] others, List<Shared> kept) {
    Map<Long, Intervals> pending = new TreeMap<>();
    for (Shared delta : kept) {
      pending.computeIfAbsent(delta.replica(), replica -> new Intervals()).add(Own.sequence(delta));
    }
    FrameHeads heads = new FrameHeads(others, 0, others.length);
    while (heads.next()) {
      Intervals own = heads.known() ? pending.get(heads.replica()) : null;
      if (heads.known() && (own == null || !own.contains(heads.sequence()))) {
        book.has(heads.replica(), heads.sequence());
      }
    }
  }

  private static byte[] join(List<Shared> kept, byte[] others) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(Own.join(kept));
    out.writeBytes(others);
    return out.toByteArray();
  }

  /**
   * Puts back edits that came while the database was emptied, and went with what was there: under
   * the ids that they had, or where they cannot be written so, by new ones once their vectors are
   * there again.
   */
  private void putBack(Iterable<DeltaEvent> edits) {
    var seen = Seen.read(db.cursor());
    for (DeltaEvent edit : edits) {
      long[] id = DeltaIds.read(edit.deltaId());
      Intervals known = seen.get(id[1]);
      if (known != null && known.contains(id[0])) {
        continue;
      }
      VectorDelta delta =
          VectorDelta.of(edit.vectorId(), edit.operation()).withMetadata(edit.metadata());
      byte[] frame =
          following.sender().own().encode(delta, edit.timestamp().toEpochMilli(), id[0], id[1]);
      if (frame == null) {
        later.add(delta);
      } else {
        db.merge(frame);
        book.own(id[1]);
      }
    }
  }

  private void makeAgain() {
    if (!stale.isEmpty()) {
      stale.settle();
      book.carry(new byte[0]);
    }
    for (VectorDelta delta = later.poll(); delta != null; delta = later.poll()) {
      try {
        db.applyDelta(delta);
      } catch (DeltaException e) {
        if (e.code() != ErrorCode.VECTOR_NOT_FOUND && e.code() != ErrorCode.VECTOR_EXISTS) {
          throw e;
        } // else somebody else has changed it meanwhile
      }
    }
  }

  // ---------------------------------------------------------------- the end

  /** A body that tells when it was last read from. */
  private static final class Watched extends FilterInputStream {
    private volatile long last = System.nanoTime();
    private volatile boolean waits;

    Watched(InputStream in) {
      super(in);
    }

    @Override
    public int read(byte[] bytes, int from, int length) throws IOException {
      last = System.nanoTime();
      waits = true;
      try {
        return super.read(bytes, from, length);
      } finally {
        waits = false;
      }
    }

    boolean stalled() {
      return waits && System.nanoTime() - last > STALL;
    }
  }

  /** Ends reading where nothing has come for long. */
  void endStalled() {
    reading.stream().filter(Watched::stalled).forEach(Receiver::end);
  }

  private static void end(Watched body) {
    try {
      body.close();
    } catch (IOException e) {
      // whoever reads it is told
    }
  }

  /** Ends what waits. */
  void stop() {
    LiveTail messages = tail;
    if (messages != null) {
      messages.stop();
    }
    reading.forEach(Receiver::end);
  }

  @Override
  public void close() {
    threads.shutdown();
  }
}
