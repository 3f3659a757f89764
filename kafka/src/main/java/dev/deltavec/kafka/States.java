package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog.StateMark;
import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Records of the topic of states. Key: a vector's id in UTF-8, value: frames that make it from
 * nothing, none if there is none; of large ones the first of several: {@link StateParts}. With a
 * key of no bytes: the mark of all before, as JSON.
 */
final class States {
  private static final int VERSION = 1;
  private static final Pattern VERSION_FIELD = field("version");
  private static final Pattern OFFSET_FIELD = field("offset");
  private static final Pattern HORIZON_FIELD = field("horizon");

  private States() {}

  static byte[] mark(StateMark mark) {
    String json =
        "{\"version\":%d,\"offset\":%d,\"horizon\":%d}"
            .formatted(VERSION, mark.offset(), mark.horizon());
    return json.getBytes(StandardCharsets.UTF_8);
  }

  static StateMark mark(byte[] json) {
    String text = new String(json, StandardCharsets.UTF_8);
    if (number(VERSION_FIELD, text) != VERSION) {
      throw new LogException(Reason.INVALID, "States of a version that is not known here: " + text);
    }
    return new StateMark(number(OFFSET_FIELD, text), number(HORIZON_FIELD, text));
  }

  /**
   * Reads a shard's states from the first to the last that is there when it has been reached. What
   * comes while they are read counts: for a newer state an older one may be removed before it is
   * reached, and would else be missed with the newer one.
   */
  static Optional<StateMark> read(
      KafkaLogOptions options,
      int shard,
      StateParts.Known known,
      BiConsumer<String, byte @Nullable []> each) {
    StateParts.Joiner joiner = new StateParts.Joiner(known, each);
    TopicPartition partition = new TopicPartition(options.stateTopic(), shard);
    KafkaConsumer<byte[], byte[]> consumer = Clients.consumer(options);
    try {
      consumer.assign(List.of(partition));
      long begin = consumer.beginningOffsets(List.of(partition)).getOrDefault(partition, 0L);
      long end = end(consumer, partition);
      consumer.seek(partition, begin);
      StateMark mark = null;
      long position = begin;
      long progress = System.nanoTime();
      while (position < end) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
        for (ConsumerRecord<byte[], byte[]> record : records) {
          byte[] key = record.key();
          byte[] value = record.value();
          if (key == null) {
            throw new LogException(
                Reason.INVALID,
                "Record " + record.offset() + " of " + partition + " has no key: no state");
          }
          if (key.length > 0) {
            joiner.add(record);
          } else if (value != null) {
            mark = mark(value);
          }
        }
        long now = consumer.position(partition);
        if (now > position) {
          position = now;
          progress = System.nanoTime();
        } else if (System.nanoTime() - progress > options.timeout().toNanos()) {
          throw new LogException(
              Reason.UNAVAILABLE, "States of shard " + shard + " cannot be read: no answer");
        }
        if (position >= end) {
          end = end(consumer, partition);
          progress = System.nanoTime();
        }
      }
      return Optional.ofNullable(mark);
    } catch (KafkaException e) {
      throw Clients.error("States of shard " + shard + " cannot be read", e);
    } finally {
      Clients.close(consumer);
    }
  }

  /** Returns the end of what is committed. */
  private static long end(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition) {
    return consumer.endOffsets(List.of(partition)).getOrDefault(partition, 0L);
  }

  private static Pattern field(String name) {
    return Pattern.compile("\"" + name + "\"\\s*:\\s*(-?\\d{1,18})\\b");
  }

  private static long number(Pattern field, String text) {
    Matcher matcher = field.matcher(text);
    if (!matcher.find()) {
      throw new LogException(Reason.INVALID, "States with a mark that is none: " + text);
    }
    return Long.parseLong(matcher.group(1));
  }
}
