package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog.Part;
import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/** Appends batches of one shard: records that need no transaction. */
final class Singles implements AutoCloseable {
  private final KafkaLogOptions options;
  private final Offsets ends;
  private final Room room;
  private @Nullable KafkaProducer<byte[], byte[]> producer;
  private boolean closed;

  Singles(KafkaLogOptions options, Offsets ends, Room room) {
    this.options = options;
    this.ends = ends;
    this.room = room;
  }

  CompletableFuture<List<Long>> append(Part part) {
    CompletableFuture<List<Long>> done = new CompletableFuture<>();
    long bytes = Room.of(List.of(part));
    try {
      room.take(bytes);
    } catch (LogException e) {
      done.completeExceptionally(e);
      return done;
    }
    KafkaProducer<byte[], byte[]> open = null;
    try {
      open = open();
      open.send(
          new ProducerRecord<>(options.deltasTopic(), part.shard(), null, part.frames()),
          (sent, error) -> {
            room.give(bytes);
            if (error == null) {
              ends.atLeast(part.shard(), sent.offset() + 1);
              done.complete(List.of(sent.offset()));
            } else {
              done.completeExceptionally(failed(error));
            }
          });
    } catch (Throwable e) { // then the producer does not call back
      room.give(bytes);
      if (open != null) {
        discard(open);
      }
      done.completeExceptionally(failed(e));
    }
    return done;
  }

  private LogException failed(Throwable error) {
    synchronized (this) {
      if (closed) {
        return new LogException(Reason.CLOSED, "The log is closed", error);
      }
    }
    LogException failure = Clients.error("A batch was not appended, or that is not known", error);
    return failure.reason() == Reason.FENCED
        ? new LogException(Reason.UNAVAILABLE, "" + failure.getMessage(), error)
        : failure;
  }

  private synchronized KafkaProducer<byte[], byte[]> open() {
    if (closed) {
      throw new LogException(Reason.CLOSED, "The log is closed");
    }
    KafkaProducer<byte[], byte[]> open = producer;
    if (open == null) {
      open = Clients.producer(options);
      producer = open;
    }
    return open;
  }

  /** A producer that refuses to send has met what it cannot recover from. */
  private void discard(KafkaProducer<byte[], byte[]> broken) {
    synchronized (this) {
      if (producer == broken) {
        producer = null;
      }
    }
    broken.close(Duration.ZERO);
  }

  @Override
  public void close() {
    KafkaProducer<byte[], byte[]> open;
    synchronized (this) {
      closed = true;
      open = producer;
      producer = null;
    }
    if (open != null) {
      open.close(Duration.ZERO);
    }
  }
}
