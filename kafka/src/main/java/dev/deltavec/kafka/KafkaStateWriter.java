package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog.StateMark;
import dev.deltavec.log.DeltaLog.StateWriter;
import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * Writes states of a shard: all up to a {@link #commit} and its mark in one transaction, so that
 * states never stand there without what says which they are. A transaction costs the broker nothing
 * by its size, and one that is open holds nobody up but readers of newer states.
 *
 * <p>The transactional id is the shard's: who initializes it fences whoever did before, and ends
 * what that one has left open.
 */
final class KafkaStateWriter implements StateWriter {
  /** Longer than states take to be written; brokers allow 15 minutes unless told otherwise. */
  private static final Duration LONGEST = Duration.ofMinutes(10);

  private static final byte[] MARK = new byte[0];

  private final KafkaLogOptions options;
  private final int shard;
  private final StateParts.Known known;
  private final Map<String, Integer> counts = new HashMap<>(); // of records, since the last commit
  private final Consumer<KafkaStateWriter> atClose;
  private final KafkaProducer<byte[], byte[]> producer;
  private @Nullable LogException failure;
  private volatile boolean closed;
  private boolean open;

  KafkaStateWriter(
      KafkaLogOptions options,
      int shard,
      StateParts.Known known,
      Consumer<KafkaStateWriter> atClose) {
    this.options = options;
    this.shard = shard;
    this.known = known;
    this.atClose = atClose;
    producer = Clients.transactions(options, options.stateTopic() + "-" + shard, LONGEST);
    try {
      producer.initTransactions();
    } catch (KafkaException e) {
      producer.close(Duration.ZERO);
      throw Clients.error("States of shard " + shard + " cannot be written", e);
    }
  }

  @Override
  public void put(String id, byte @Nullable [] frames) {
    byte[] key = id.getBytes(StandardCharsets.UTF_8);
    if (key.length == 0) {
      throw new LogException(Reason.INVALID, "A vector's id has at least one character");
    }
    int most = options.maxRecordBytes();
    int count = StateParts.count(frames, most);
    if (frames == null || count == 1) {
      send(key, frames, null);
    } else {
      Headers headers = StateParts.headers(count, ThreadLocalRandom.current().nextLong());
      for (int part = 0; part < count; part++) {
        int from = part * most;
        int to = Math.min(frames.length - from, most) + from;
        send(StateParts.key(key, part), Arrays.copyOfRange(frames, from, to), headers);
      }
    }
    int before = Math.max(known.of(id), counts.getOrDefault(id, 1));
    for (int part = count; part < before; part++) {
      send(StateParts.key(key, part), null, null); // or it would be kept forever
    }
    if (before > 1 || count > 1) {
      counts.put(id, count);
    }
  }

  @Override
  public void commit(StateMark mark) {
    send(MARK, States.mark(mark), null);
    try {
      producer.commitTransaction();
      open = false;
      counts.forEach(known::set);
      counts.clear();
    } catch (KafkaException e) {
      throw failed(e);
    }
  }

  private void send(byte[] key, byte @Nullable [] value, @Nullable Headers headers) {
    if (closed) {
      throw new LogException(Reason.CLOSED, "The writer is closed");
    }
    if (failure != null) {
      throw failure;
    }
    try {
      if (!open) {
        producer.beginTransaction();
        open = true;
      }
      producer.send(new ProducerRecord<>(options.stateTopic(), shard, key, value, headers));
    } catch (KafkaException | IllegalStateException e) {
      throw failed(e);
    }
  }

  private LogException failed(RuntimeException e) {
    LogException error =
        closed
            ? new LogException(Reason.CLOSED, "The log is closed", e)
            : Clients.error("States of shard " + shard + " were not written", e);
    failure = error;
    return error;
  }

  /** Lets it fail, from any thread. */
  void end() {
    closed = true;
    producer.close(Duration.ZERO);
  }

  @Override
  public void close() {
    atClose.accept(this);
    if (!closed && open && failure == null) {
      try {
        producer.abortTransaction();
      } catch (KafkaException e) {
        Clients.debug("States were not taken back; the next writer does it", e);
      }
    }
    closed = true;
    producer.close(Duration.ZERO);
  }
}
