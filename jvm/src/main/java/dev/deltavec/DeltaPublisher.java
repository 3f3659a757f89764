package dev.deltavec;

import dev.deltavec.core.DeltaException;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Publishes deltas: each subscriber has a feed of its own, and a virtual thread that reads it. */
final class DeltaPublisher implements Flow.Publisher<DeltaEvent> {
  private static final System.Logger LOGGER = System.getLogger("dev.deltavec");

  private final Supplier<DeltaFeed> feeds;

  DeltaPublisher(Supplier<DeltaFeed> feeds) {
    this.feeds = feeds;
  }

  @Override
  public void subscribe(Flow.Subscriber<? super DeltaEvent> subscriber) {
    Objects.requireNonNull(subscriber, "subscriber");
    DeltaFeed feed;
    try {
      feed = feeds.get();
    } catch (DeltaException e) {
      subscriber.onSubscribe(new Refused());
      subscriber.onError(e);
      return;
    }
    Delivery delivery = new Delivery(feed, subscriber);
    subscriber.onSubscribe(delivery);
    Thread.ofVirtual().name("deltavec-publisher").start(delivery);
  }

  /** What comes before an error at once. */
  private static final class Refused implements Flow.Subscription {
    @Override
    public void request(long n) {}

    @Override
    public void cancel() {}
  }

  /** One subscription: hands on as many deltas as were asked for. */
  private static final class Delivery implements Flow.Subscription, Runnable {
    private final DeltaFeed feed;
    private final Flow.Subscriber<? super DeltaEvent> subscriber;
    private long wanted;
    private boolean cancelled;
    private boolean misused;

    Delivery(DeltaFeed feed, Flow.Subscriber<? super DeltaEvent> subscriber) {
      this.feed = feed;
      this.subscriber = subscriber;
    }

    @Override
    public void request(long n) {
      synchronized (this) {
        if (n <= 0) {
          misused = true;
        } else {
          wanted = wanted + n < 0 ? Long.MAX_VALUE : wanted + n;
        }
        notifyAll();
      }
      if (n <= 0) {
        feed.close();
      }
    }

    @Override
    public void cancel() {
      synchronized (this) {
        cancelled = true;
        notifyAll();
      }
      // Waits for the database, so not under the lock, which a callback of the database may wait
      // for.
      feed.close();
    }

    @Override
    public void run() {
      try {
        DeltaException failure = null;
        while (isWanted()) {
          DeltaEvent event;
          try {
            if (!feed.hasNext()) {
              break;
            }
            event = feed.next();
          } catch (NoSuchElementException e) {
            break; // closed in between
          } catch (DeltaException e) {
            failure = e;
            break;
          }
          subscriber.onNext(event);
        }
        end(failure);
      } catch (RuntimeException e) {
        LOGGER.log(System.Logger.Level.ERROR, "A subscriber to published deltas failed", e);
      } finally {
        feed.close();
      }
    }

    /** Waits until a delta is wanted; false if none is any more. */
    private synchronized boolean isWanted() {
      boolean interrupted = false;
      while (wanted == 0 && !cancelled && !misused && !interrupted) {
        try {
          wait();
        } catch (InterruptedException e) {
          interrupted = true; // nobody but the end of everything does that
        }
      }
      if (cancelled || misused || interrupted) {
        return false;
      }
      if (wanted != Long.MAX_VALUE) {
        wanted--;
      }
      return true;
    }

    private void end(@Nullable DeltaException failure) {
      boolean told;
      boolean wrong;
      synchronized (this) {
        told = cancelled;
        wrong = misused;
      }
      if (wrong) {
        subscriber.onError(new IllegalArgumentException("request of no or fewer deltas"));
      } else if (failure != null) {
        subscriber.onError(failure);
      } else if (!told) {
        subscriber.onComplete();
      }
    }
  }
}
