package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog.Entry;
import dev.deltavec.log.DeltaLog.Reader;
import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;

/** Reads deltas of finished batches. */
final class KafkaReader implements Reader {
  private final String topic;
  private final KafkaConsumer<byte[], byte[]> consumer;
  private final Offsets begins;
  private final Consumer<KafkaReader> atClose;
  private final Map<Integer, Long> positions = new HashMap<>();
  private volatile boolean logClosed;
  private boolean closed;
  private final Object idle = new Object();
  private boolean woken; // by idle

  KafkaReader(KafkaLogOptions options, Offsets begins, Consumer<KafkaReader> atClose) {
    this.begins = begins;
    topic = options.deltasTopic();
    consumer = Clients.consumer(options);
    this.atClose = atClose;
  }

  @Override
  public void assign(Map<Integer, Long> offsets) {
    checkOpen();
    try {
      List<TopicPartition> partitions = new ArrayList<>(offsets.size());
      offsets.keySet().forEach(shard -> partitions.add(new TopicPartition(topic, shard)));
      consumer.assign(partitions);
      positions.clear();
      offsets.forEach((shard, offset) -> {
        long from = Math.max(offset, begins.of(shard));
        consumer.seek(new TopicPartition(topic, shard), from);
        positions.put(shard, from);
      });
    } catch (KafkaException e) {
      throw Clients.error("Shards cannot be read", e);
    }
  }

  @Override
  public List<Entry> poll(Duration timeout) {
    checkOpen();
    if (positions.isEmpty()) {
      return idle(timeout);
    }
    try {
      ConsumerRecords<byte[], byte[]> records = consumer.poll(timeout);
      List<Entry> entries = new ArrayList<>(records.count());
      for (ConsumerRecord<byte[], byte[]> record : records) {
        byte[] frames = record.value();
        if (frames != null && frames.length > 0) {
          entries.add(new Entry(record.partition(), record.offset(), record.timestamp(), frames));
        }
      }
      return entries;
    } catch (WakeupException e) {
      checkOpen();
      synchronized (idle) {
        woken = false;
      }
      return List.of();
    } catch (OffsetOutOfRangeException e) {
      throw gone(e);
    } catch (KafkaException e) {
      throw Clients.error("Topic " + topic + " cannot be read", e);
    }
  }

  /** Waits, since a consumer without shards refuses to. */
  private List<Entry> idle(Duration timeout) {
    long deadline = System.nanoTime() + timeout.toNanos();
    synchronized (idle) {
      while (!woken && System.nanoTime() - deadline < 0) {
        try {
          TimeUnit.NANOSECONDS.timedWait(idle, deadline - System.nanoTime());
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new LogException(Reason.UNAVAILABLE, "Interrupted while reading", e);
        }
      }
      woken = false;
    }
    checkOpen();
    return List.of();
  }

  private LogException gone(OffsetOutOfRangeException e) {
    Map.Entry<TopicPartition, Long> first =
        e.offsetOutOfRangePartitions().entrySet().iterator().next();
    TopicPartition partition = first.getKey();
    long offset = first.getValue();
    long begin;
    try {
      begin = consumer.beginningOffsets(List.of(partition)).getOrDefault(partition, 0L);
    } catch (KafkaException unknown) {
      throw Clients.error("Topic " + topic + " cannot be read", unknown);
    }
    String what = "Shard " + partition.partition() + " was to be read from offset " + offset;
    return offset < begin
        ? new LogException(Reason.BEHIND, what + ", but what is there begins with " + begin, e)
        : new LogException(Reason.INVALID, what + ", but the log ends before that", e);
  }

  @Override
  public long position(int shard) {
    checkOpen();
    Long known = positions.get(shard);
    if (known == null) {
      throw new LogException(Reason.INVALID, "Shard " + shard + " is not assigned");
    }
    try {
      long position = consumer.position(new TopicPartition(topic, shard), Duration.ZERO);
      positions.put(shard, position);
      return position;
    } catch (TimeoutException e) {
      return known; // being checked with the broker
    } catch (WakeupException e) {
      consumer.wakeup(); // it was for poll
      return known;
    } catch (KafkaException e) {
      throw Clients.error("The position in shard " + shard + " is not known", e);
    }
  }

  @Override
  public void wakeup() {
    synchronized (idle) {
      woken = true;
      idle.notifyAll();
    }
    consumer.wakeup();
  }

  /** Lets it end, from any thread; its own thread still has to close it. */
  void end() {
    logClosed = true;
    wakeup();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      atClose.accept(this);
      Clients.close(consumer);
    }
  }

  private void checkOpen() {
    if (closed || logClosed) {
      throw new LogException(Reason.CLOSED, closed ? "The reader is closed" : "The log is closed");
    }
  }
}
