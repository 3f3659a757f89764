package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog.Part;
import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.jspecify.annotations.Nullable;

/**
 * Appends batches of several shards, each whole or not at all, by transactions. What comes while
 * one is under way goes into the next together, so that many batches cost as much as one.
 *
 * <p>The transactional id is this object's own: nobody has to be fenced, as deltas that come twice
 * are passed over. After an error the producer is made anew with the same id, which ends what the
 * last one has left open.
 */
final class Batches implements AutoCloseable {
  /** Readers of finished batches wait as long for one whose writer is gone. */
  static final Duration ABANDONED = Duration.ofSeconds(10);

  private static final long MOST_BYTES = 16 << 20;
  private static final int MOST_BATCHES = 1000;

  private final KafkaLogOptions options;
  private final Offsets ends;
  private final Room room;
  private final String id;
  private final ArrayDeque<Batch> waiting = new ArrayDeque<>();
  private final Thread thread;
  private boolean closed;
  private volatile @Nullable KafkaProducer<byte[], byte[]> producer;

  Batches(KafkaLogOptions options, Offsets ends, Room room) {
    this.options = options;
    this.ends = ends;
    this.room = room;
    id = options.deltasTopic() + "-" + UUID.randomUUID();
    thread = Thread.ofPlatform().name("deltavec-batches").daemon().start(this::run);
  }

  CompletableFuture<List<Long>> append(List<Part> parts) {
    Batch batch = new Batch(parts, Room.of(parts), new CompletableFuture<>());
    try {
      room.take(batch.bytes);
    } catch (LogException e) {
      batch.done.completeExceptionally(e);
      return batch.done;
    }
    synchronized (waiting) {
      if (!closed) {
        waiting.add(batch);
        waiting.notifyAll();
        return batch.done;
      }
    }
    failed(batch, closed());
    return batch.done;
  }

  private void run() {
    try {
      List<Batch> group = new ArrayList<>();
      while (next(group)) {
        try {
          commit(group);
        } catch (Throwable e) { // whatever it was, the next may go well
          LogException error = error(e);
          group.forEach(batch -> failed(batch, error));
        }
        group.clear();
      }
    } finally {
      synchronized (waiting) {
        closed = true;
      }
      failWaiting(closed());
      discard();
    }
  }

  private static LogException error(Throwable e) {
    LogException error = Clients.error("A batch was not appended, or that is not known", e);
    return error.reason() == Reason.FENCED
        // By the broker's own timeout, since nobody else has the id.
        ? new LogException(Reason.UNAVAILABLE, "" + error.getMessage(), e)
        : error;
  }

  /** Waits for what goes into the next transaction; returns false at the end. */
  private boolean next(List<Batch> group) {
    synchronized (waiting) {
      while (group.isEmpty()) {
        while (waiting.isEmpty() && !closed) {
          try {
            waiting.wait();
          } catch (InterruptedException e) {
            closed = true; // nobody but close interrupts
          }
        }
        if (closed) {
          return false;
        }
        long bytes = 0;
        while (!waiting.isEmpty()
            && group.size() < MOST_BATCHES
            && (group.isEmpty() || bytes + waiting.getFirst().bytes <= MOST_BYTES)) {
          Batch batch = waiting.removeFirst();
          if (batch.done.isDone()) {
            room.give(batch.bytes); // nobody waits for it any more
          } else {
            bytes += batch.bytes;
            group.add(batch);
          }
        }
      }
      return true;
    }
  }

  /** Fails all that has not been begun. */
  private void failWaiting(LogException error) {
    List<Batch> all;
    synchronized (waiting) {
      all = List.copyOf(waiting);
      waiting.clear();
    }
    all.forEach(batch -> failed(batch, error));
  }

  private void failed(Batch batch, LogException error) {
    if (batch.left.compareAndSet(false, true)) {
      room.give(batch.bytes);
      batch.done.completeExceptionally(error);
    }
  }

  private void commit(List<Batch> group) {
    KafkaProducer<byte[], byte[]> open;
    try {
      open = open();
    } catch (Throwable e) {
      failWaiting(error(e)); // each would wait as long for the same
      throw e;
    }
    List<List<Future<RecordMetadata>>> sent = new ArrayList<>(group.size());
    try {
      open.beginTransaction();
      for (Batch batch : group) {
        List<Future<RecordMetadata>> parts = new ArrayList<>(batch.parts.size());
        for (Part part : batch.parts) {
          parts.add(
              open.send(
                  new ProducerRecord<>(options.deltasTopic(), part.shard(), null, part.frames())));
        }
        sent.add(parts);
      }
      open.commitTransaction();
    } catch (Throwable e) {
      discard();
      throw e;
    }
    for (int i = 0; i < group.size(); i++) {
      List<Long> offsets = new ArrayList<>();
      List<Part> parts = group.get(i).parts;
      for (int j = 0; j < parts.size(); j++) {
        long offset = offset(sent.get(i).get(j));
        ends.atLeast(parts.get(j).shard(), offset + 1);
        offsets.add(offset);
      }
      Batch batch = group.get(i);
      if (batch.left.compareAndSet(false, true)) {
        room.give(batch.bytes);
      }
      batch.done.complete(offsets);
    }
  }

  private static long offset(Future<RecordMetadata> sent) {
    try {
      return sent.get().offset();
    } catch (InterruptedException | ExecutionException e) {
      throw Clients.error("The offset of a part is not known", e);
    }
  }

  private KafkaProducer<byte[], byte[]> open() {
    KafkaProducer<byte[], byte[]> open = producer;
    if (open == null) {
      open = Clients.transactions(options, id, ABANDONED);
      producer = open;
      try {
        open.initTransactions();
      } catch (Throwable e) {
        discard();
        throw e;
      }
    }
    return open;
  }

  private void discard() {
    KafkaProducer<byte[], byte[]> open = producer;
    producer = null;
    if (open != null) {
      open.close(Duration.ZERO);
    }
  }

  /** What is under way may end, for a short time; what waits fails. */
  @Override
  public void close() {
    synchronized (waiting) {
      closed = true;
      waiting.notifyAll();
    }
    if (!ended(Duration.ofSeconds(2))) {
      KafkaProducer<byte[], byte[]> open = producer;
      if (open != null) {
        open.close(Duration.ZERO);
      }
      thread.interrupt();
      ended(Duration.ofSeconds(2));
    }
  }

  private boolean ended(Duration within) {
    try {
      return thread.join(within);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static LogException closed() {
    return new LogException(Reason.CLOSED, "The log is closed");
  }

  /**
   * What is to be appended.
   *
   * @param left whether it has given its room back
   */
  private record Batch(
      List<Part> parts, long bytes, AtomicBoolean left, CompletableFuture<List<Long>> done) {
    Batch(List<Part> parts, long bytes, CompletableFuture<List<Long>> done) {
      this(parts, bytes, new AtomicBoolean(), done);
    }
  }
}
