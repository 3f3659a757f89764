package dev.deltavec.client;

import dev.deltavec.DeltaOrigin;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.FeedOptions;
import dev.deltavec.client.FollowStatus.Phase;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A database that follows a service; {@link Follower#follow} makes one. Any number of threads may
 * use it.
 */
public final class Following implements AutoCloseable {
  private static final Duration GOODBYE = Duration.ofSeconds(5);

  private final DeltaVectorDB db;
  private final FollowOptions options;
  private final Gateway gateway;
  private final Book book;
  private final Progress progress;
  private final Receiver receiver;
  private final Sender sender;
  private final CompletableFuture<Void> ready = new CompletableFuture<>();
  private final Thread receiving;
  private final Thread sending;
  private final Thread saving;

  /** Held while the file is written. */
  private final ReentrantLock saveLock = new ReentrantLock();

  private final Pause pause = new Pause();
  private long saved;
  private volatile boolean stopping;

  /** Held while the subscription begins or ends; nothing else is waited for meanwhile. */
  private final Object editsLock = new Object();

  private DeltaVectorDB.@Nullable Subscription edits;

  Following(DeltaVectorDB db, URI uri, FollowOptions options) {
    this.db = db;
    this.options = options;
    Filter filter = new Filter(options.ids(), options.prefixes());
    book = new Book(filter);
    begin();
    gateway = new Gateway(uri, options.token(), options.http());
    progress = new Progress(options.listener());
    Own own = new Own(db, book);
    sender = new Sender(this, gateway, own, book, progress);
    receiver = new Receiver(this, db, gateway, book, filter, progress);
    receiving = Thread.ofVirtual().name("deltavec-follow").unstarted(receiver);
    sending = Thread.ofVirtual().name("deltavec-send").unstarted(sender);
    saving = Thread.ofVirtual().name("deltavec-save").unstarted(this::saveNowAndThen);
  }

  /** Takes up what an earlier following has left. */
  private void begin() {
    Path file = options.state();
    String text;
    try {
      text = file == null ? null : Book.load(file);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
    boolean kept = text != null;
    if (text == null) {
      text = options.since();
    }
    if (text != null && book.read(text, db)) {
      byte[] carried = book.carried();
      if (carried.length > 0) { // it ended while the database was filled anew
        db.merge(carried);
        book.carry(new byte[0]);
      }
    } else {
      kept = false;
      Seen.read(db.cursor()).keySet().forEach(book::own);
    }
    if (!kept) {
      book.triedAll(Seen.read(db.cursor()));
    }
    book.own(db.options().replica());
  }

  void start() {
    receiving.start();
    sending.start();
    saving.start();
  }

  // ---------------------------------------------------------------- for those who follow

  /**
   * Returns what completes when the database is up to date for the first time: it then has all that
   * the service had when it was asked. Fails with {@link ClientException} if the service refuses,
   * or {@link DeltaException} if the database does; not while the service cannot be reached.
   */
  public CompletableFuture<Void> ready() {
    return ready.copy();
  }

  /** Returns how it goes. */
  public FollowStatus status() {
    return progress.status();
  }

  /**
   * Returns what completes when the service has acknowledged all that was changed here before this
   * call, but for {@link #conflicts}, and the state is in its file. It waits as long as the service
   * cannot be reached; fails if the service refuses, or the following is closed before.
   */
  public CompletableFuture<Void> flush() {
    return sender.flush();
  }

  /**
   * Returns the edits of this database that the service has not taken and that are not sent again,
   * the last 1,000 of them. Whoever listens is told of each, as the problem.
   */
  public List<FollowConflict> conflicts() {
    return progress.conflicts();
  }

  /**
   * Returns how far it has come, for {@link FollowOptions#withSince}: text, some bytes for each
   * shard. It is of no use for another database, or once the database has lost anything.
   */
  public String cursor() {
    return book.write(db.position());
  }

  /**
   * Ends it; the database stays open. What was not acknowledged is sent by the next following of
   * the database with the same state. Closing again does nothing.
   */
  @Override
  public void close() {
    end(null);
    try {
      for (Thread thread : new Thread[] {receiving, sending, saving}) {
        thread.join(GOODBYE);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    receiver.close();
    sender.close();
  }

  // ---------------------------------------------------------------- for its threads

  boolean stopping() {
    return stopping;
  }

  /** Waits before the next try, unless it ends. */
  void sleep(int failures, ClientException why) throws InterruptedException {
    pause.sleep(options.retry().after(failures, why.retryAfter()));
  }

  /** Ends it, by an error or because it is closed. */
  void end(@Nullable Exception why) {
    synchronized (editsLock) {
      if (stopping) {
        return;
      }
      stopping = true;
    }
    ignoreEdits();
    boolean gone =
        why instanceof DeltaException failed && failed.code() == ErrorCode.CLOSED || why == null;
    if (!gone) {
      progress.problem(why);
    }
    receiver.stop();
    sender.stop();
    try {
      save();
    } catch (DeltaException | UncheckedIOException e) {
      // the database is closed, or the disk fails: the next following asks for more again
    }
    Exception told =
        why == null ? new ClientException("CLOSED", "the following is closed", null) : why;
    gateway.close();
    pause.end();
    progress.phase(gone ? Phase.CLOSED : Phase.FAILED);
    ready.completeExceptionally(told);
    sender.fail(told);
  }

  /** Notes that the database is up to date. */
  void live() {
    synchronized (editsLock) {
      if (stopping) {
        return;
      }
      if (edits == null) {
        edits =
            db.onDelta(delta -> sender.wake(), FeedOptions.fromNow().withOrigin(DeltaOrigin.LOCAL));
      }
    }
    sender.allow(true);
    progress.phase(Phase.LIVE);
    progress.problem(null);
    ready.complete(null);
  }

  /** Does without being told of edits, which costs time while much comes in. */
  void ignoreEdits() {
    synchronized (editsLock) {
      if (edits != null) {
        edits.close();
        edits = null;
      }
    }
  }

  /** Has the database filled anew, as deltas up to a time are too old to be sent. */
  void renew(long time) {
    receiver.renew(time);
  }

  Sender sender() {
    return sender;
  }

  /** Writes the state to its file, if it is another than before, behind the database's own data. */
  void save() {
    Path file = options.state();
    if (file == null) {
      return;
    }
    saveLock.lock();
    try {
      long version = book.version();
      if (version == saved || book.shards() == 0) {
        return;
      }
      String text = book.write(db.position());
      db.flush();
      Book.save(file, text);
      saved = version;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file, e);
    } finally {
      saveLock.unlock();
    }
  }

  /** Has something done meanwhile nobody else writes the file. */
  void alone(Runnable what) {
    saveLock.lock();
    try {
      what.run();
    } finally {
      saveLock.unlock();
    }
  }

  private void saveNowAndThen() {
    try {
      while (!stopping) {
        pause.sleep(options.saveInterval());
        receiver.endStalled();
        save();
      }
    } catch (InterruptedException e) {
      // it ends
    } catch (DeltaException | UncheckedIOException e) {
      end(e);
    }
  }
}
