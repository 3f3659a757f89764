package dev.deltavec.client;

import dev.deltavec.DeltaFrames.Shared;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Sends what the service lacks: one request at a time, in order, until it is acknowledged. */
final class Sender implements Runnable, AutoCloseable {
  /** The most bytes of a request, but for a single delta. */
  private static final int MAX_BYTES = 8 << 20;

  private final Following following;
  private final Gateway gateway;
  private final Own own;
  private final Book book;
  private final Progress progress;

  /** Held while deltas are read, sent and noted: nobody may empty the database meanwhile. */
  private final ReentrantLock busy = new ReentrantLock();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition news = lock.newCondition();
  private final List<CompletableFuture<Void>> flushes = new ArrayList<>();
  private boolean allowed;
  private boolean dirty = true;
  private @Nullable Exception ended;

  Sender(Following following, Gateway gateway, Own own, Book book, Progress progress) {
    this.following = following;
    this.gateway = gateway;
    this.own = own;
    this.book = book;
    this.progress = progress;
  }

  /** Notes that there may be something to send. */
  void wake() {
    lock.lock();
    try {
      dirty = true;
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Says whether the database is as far as the service, so that it is known what that lacks. */
  void allow(boolean value) {
    lock.lock();
    try {
      allowed = value;
      dirty = true;
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Has something done while nothing is sent. */
  void quietly(Runnable what) {
    busy.lock();
    try {
      what.run();
    } finally {
      busy.unlock();
    }
  }

  Own own() {
    return own;
  }

  CompletableFuture<Void> flush() {
    CompletableFuture<Void> flushed = new CompletableFuture<>();
    lock.lock();
    try {
      if (ended != null) {
        flushed.completeExceptionally(ended);
      } else {
        flushes.add(flushed);
        dirty = true;
        news.signalAll();
      }
    } finally {
      lock.unlock();
    }
    return flushed;
  }

  /** Lets all who wait know that it has ended. */
  void fail(Exception why) {
    List<CompletableFuture<Void>> waiting;
    lock.lock();
    try {
      ended = ended == null ? why : ended;
      waiting = List.copyOf(flushes);
      flushes.clear();
    } finally {
      lock.unlock();
    }
    waiting.forEach(flush -> flush.completeExceptionally(why));
  }

  void stop() {
    lock.lock();
    try {
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void run() {
    int failures = 0;
    while (!following.stopping()) {
      try {
        List<CompletableFuture<Void>> waiting = await();
        if (waiting == null) {
          return;
        }
        try {
          if (sendAll()) {
            following.save();
            if (failures > 0) {
              progress.problem(null);
            }
            failures = 0;
            waiting.forEach(flush -> flush.complete(null));
          } else {
            again(waiting);
          }
        } catch (ClientException e) {
          if (following.stopping()) {
            waiting.forEach(flush -> flush.completeExceptionally(e));
            return;
          }
          progress.problem(e);
          if (e.retryable() || e.code().equals("UNAUTHENTICATED")) {
            again(waiting);
            failures++;
            following.sleep(failures, e);
          } else {
            // Nothing is taken at all, as by a token that may only read: it may be another later.
            waiting.forEach(flush -> flush.completeExceptionally(e));
            again(List.of());
            failures++;
            following.sleep(failures, e);
          }
        } catch (RuntimeException e) { // of the database, or the disk
          waiting.forEach(flush -> flush.completeExceptionally(e));
          following.end(e);
          return;
        }
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /** Waits for something to do; returns who waits for it, or null if it is to end. */
  private @Nullable List<CompletableFuture<Void>> await() throws InterruptedException {
    lock.lock();
    try {
      while (!(dirty && allowed)) {
        if (following.stopping()) {
          return null;
        }
        news.await();
      }
      dirty = false;
      List<CompletableFuture<Void>> waiting = List.copyOf(flushes);
      flushes.clear();
      return waiting;
    } finally {
      lock.unlock();
    }
  }

  private void again(List<CompletableFuture<Void>> waiting) {
    lock.lock();
    try {
      dirty = true;
      if (ended == null) {
        flushes.addAll(0, waiting);
        return;
      }
    } finally {
      lock.unlock();
    }
    waiting.forEach(flush -> flush.completeExceptionally(ended));
  }

  /** Returns false if it came to no end: what is to be sent is known only when it is allowed. */
  private boolean sendAll() throws InterruptedException {
    while (!following.stopping()) {
      busy.lockInterruptibly();
      try {
        if (!isAllowed()) {
          return false;
        }
        List<Shared> page = own.page();
        if (page.isEmpty()) {
          return true;
        }
        send(page);
      } finally {
        busy.unlock();
      }
    }
    return false;
  }

  private boolean isAllowed() {
    lock.lock();
    try {
      return allowed;
    } finally {
      lock.unlock();
    }
  }

  private void send(List<Shared> page) throws InterruptedException {
    for (int from = 0; from < page.size(); ) {
      int to = from;
      long bytes = 0;
      while (to < page.size() && (to == from || bytes + page.get(to).frame().length <= MAX_BYTES)) {
        bytes += page.get(to++).frame().length;
      }
      if (!post(page, page.subList(from, to))) {
        return; // what is left is another now
      }
      from = to;
    }
  }

  /** Sends some deltas; returns false if there are others to be sent in place of them. */
  private boolean post(List<Shared> page, List<Shared> some) throws InterruptedException {
    Map<Long, Long> before = new TreeMap<>();
    for (Shared delta : some) {
      long tried = book.tried(delta.replica());
      before.putIfAbsent(delta.replica(), tried);
      book.tried(delta.replica(), Math.max(tried, Own.sequence(delta)));
    }
    following.save(); // known before it is so
    try {
      gateway.post("deltas", Gateway.FRAMES, Own.join(some), Map.of());
    } catch (ClientException e) {
      if (e.status() / 100 == 4 && e.status() != 408) {
        before.forEach(book::tried); // all or none is taken: none
      }
      return handle(e, page, some);
    }
    some.forEach(own::has);
    progress.count(0, 0, some.size(), 0);
    return true;
  }

  /** Finds the delta that is not taken, and does without it. */
  private boolean handle(ClientException e, List<Shared> page, List<Shared> some)
      throws InterruptedException {
    boolean named = e.index() >= 0 && e.index() < some.size();
    Shared delta = some.get(named ? e.index() : 0);
    if (e.code().equals("TOO_OLD")) {
      allow(false);
      following.renew(delta.time());
      return false;
    }
    boolean ofOne = e.status() == 400 || e.status() == 413;
    if (named && (ofOne || e.status() == 403) || ofOne && some.size() == 1) {
      own.has(delta); // it shall not have it
      progress.conflict(e, delta);
      return false;
    }
    if (ofOne) {
      int half = some.size() / 2;
      return post(page, some.subList(0, half)) && post(page, some.subList(half, some.size()));
    }
    throw e;
  }

  /** Gives memory back, once nothing is sent any more. */
  @Override
  public void close() {
    busy.lock();
    try {
      own.close();
    } finally {
      busy.unlock();
    }
  }
}
