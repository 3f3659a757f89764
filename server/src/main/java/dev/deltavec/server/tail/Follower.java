package dev.deltavec.server.tail;

import dev.deltavec.log.LogException;
import dev.deltavec.server.tail.FollowException.Reason;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One who is sent what is new: first what is in the log behind its cursor, then what comes, until
 * either side ends it. Nothing is left out; what is sent twice does no harm.
 */
public final class Follower {
  private static final System.Logger LOG = System.getLogger(Follower.class.getName());
  private static final int BATCH_BYTES = 256 << 10;
  private static final int MAX_ACTIONS = 16;

  private final Tail tail;
  private final Sink sink;
  private final Filter filter;
  private final boolean[] wanted;
  private final long[] offsets;
  private final @Nullable Instant expires;
  private final long maxQueue;

  /** Messages that wait; guarded by this, as all that follows. */
  private final ArrayDeque<Message> queue = new ArrayDeque<>();

  private final ArrayDeque<Action> actions = new ArrayDeque<>();
  private long queued;
  private @Nullable FollowException ending;

  private volatile long writingSince;
  private volatile long lastPing = System.nanoTime();
  private volatile boolean over;

  /** Something else to be sent. */
  public interface Action {
    /**
     * Sends it.
     *
     * @throws IOException if the connection is gone
     */
    void run() throws IOException;
  }

  Follower(
      Tail tail,
      Sink sink,
      Filter filter,
      Cursor cursor,
      @Nullable Instant expires,
      long maxQueue) {
    this.tail = tail;
    this.sink = sink;
    this.filter = filter;
    this.expires = expires;
    this.maxQueue = maxQueue;
    offsets = cursor.offsets();
    wanted = new boolean[offsets.length];
    for (int i = 0; i < offsets.length; i++) {
      wanted[i] = offsets[i] >= 0;
    }
  }

  boolean socket() {
    return sink.socket();
  }

  Filter filter() {
    return filter;
  }

  boolean[] wanted() {
    return wanted;
  }

  /** Returns where it stands while it catches up, by shard; for its own thread. */
  long[] offsets() {
    return offsets;
  }

  /** Serves the follower until it ends, in this thread. */
  public void run() {
    try {
      FollowException why = serve();
      if (why != null) {
        sending(() -> sink.end(why));
      }
    } catch (IOException | RuntimeException e) {
      // The connection is gone: the follower comes again with its cursor.
      LOG.log(System.Logger.Level.DEBUG, "a follower is gone", e);
    } finally {
      over = true;
      tail.remove(this);
    }
  }

  private @Nullable FollowException serve() throws IOException {
    try {
      sending(sink::ping); // with the headers of server-sent events
      sink.awaitReader();
      tail.catchUp(this);
      for (Batch batch = take(); batch != null; batch = take()) {
        if (!batch.messages.isEmpty()) {
          write(batch.messages);
        }
        for (Action action : batch.actions) {
          sending(action);
        }
      }
      return ending();
    } catch (FollowException e) {
      return e;
    } catch (LogException e) {
      return new FollowException(Reason.UNAVAILABLE, "the log cannot be read now");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return null;
    }
  }

  /** Sends messages; for its own thread. */
  void write(List<Message> messages) throws IOException {
    long bytes = 0;
    for (Message message : messages) {
      bytes += message.bytes();
    }
    sending(() -> sink.write(messages));
    tail.sent(bytes);
  }

  private void sending(Action action) throws IOException {
    writingSince = System.nanoTime() | 1;
    try {
      action.run();
    } finally {
      writingSince = 0;
    }
  }

  private record Batch(List<Message> messages, List<Action> actions) {}

  /** Waits for something to be sent; null at the end. */
  private synchronized @Nullable Batch take() throws InterruptedException {
    while (queue.isEmpty() && actions.isEmpty() && ending == null) {
      wait();
    }
    if (ending != null) {
      return null;
    }
    List<Message> messages = new ArrayList<>();
    int bytes = 0;
    while (!queue.isEmpty() && (bytes == 0 || bytes + queue.element().bytes() <= BATCH_BYTES)) {
      Message message = queue.remove();
      messages.add(message);
      bytes += message.bytes();
    }
    queued -= bytes;
    List<Action> now = List.copyOf(actions);
    actions.clear();
    return new Batch(messages, now);
  }

  /** Puts a message into the queue; a follower that has too much there ends. Never blocks. */
  synchronized void offer(Message message) {
    if (ending != null) {
      return;
    }
    if (queued > 0 && queued + message.bytes() > maxQueue) {
      finish(
          new FollowException(
              Reason.TOO_SLOW, "more than " + maxQueue + " bytes wait to be taken"));
      return;
    }
    queue.add(message);
    queued += message.bytes();
    notifyAll();
  }

  /** Sends something else when there is time, unless too much of that waits. Never blocks. */
  public synchronized void act(Action action) {
    if (ending == null && actions.size() < MAX_ACTIONS) {
      actions.add(action);
      notifyAll();
    }
  }

  /** Ends it as soon as may be; what waits is not sent. Never blocks. */
  public synchronized void finish(FollowException why) {
    if (ending == null) {
      ending = why;
      queue.clear();
      queued = 0;
      notifyAll();
    }
  }

  /** Ends it, as the connection is gone. */
  public void gone() {
    over = true;
    finish(new FollowException(Reason.GOING_AWAY, "the follower has gone"));
    sink.kill();
  }

  /** Tells whether it has ended. */
  public boolean over() {
    return over;
  }

  synchronized @Nullable FollowException ending() {
    return ending;
  }

  /** Returns the bytes that wait. */
  synchronized long queued() {
    return queued;
  }

  /** Does what is due by the clock. */
  void sweep(long now, Instant time, long pingNanos, long writeNanos) {
    if (!sink.connected()) {
      gone();
      return;
    }
    if (expires != null && !time.isBefore(expires)) {
      finish(new FollowException(Reason.UNAUTHENTICATED, "the token has expired"));
    }
    long since = writingSince;
    boolean patient = ending() == null;
    if (since != 0
        && now - since > (patient ? writeNanos : Math.min(writeNanos, Tail.LAST_WORDS))) {
      sink.kill();
    }
    if (patient && now - lastPing >= pingNanos) {
      lastPing = now;
      act(sink::ping);
    }
  }
}
