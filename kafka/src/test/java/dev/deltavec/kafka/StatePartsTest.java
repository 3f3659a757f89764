package dev.deltavec.kafka;

import static dev.deltavec.kafka.DeltaLogContract.bytes;
import static dev.deltavec.kafka.DeltaLogContract.states;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.DeltaLog.StateMark;
import dev.deltavec.log.DeltaLog.StateWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

/** States of several records. */
class StatePartsTest {
  private static final int MOST = 1024;

  private final KafkaLogOptions options = TestBroker.options().maxRecordBytes(MOST).build();

  /** A text whose parts differ. */
  private static String state(String seed, int length) {
    StringBuilder text = new StringBuilder();
    while (text.length() < length) {
      text.append(seed).append(text.length()).append(' ');
    }
    return text.substring(0, length);
  }

  private static void write(DeltaLog log, String id, String... states) {
    try (StateWriter writer = log.writeStates(0)) {
      for (String state : states) {
        writer.put(id, state.isEmpty() ? null : bytes(state));
      }
      writer.commit(new StateMark(1, 1));
    }
  }

  /** The keys, as texts of bytes, whose last record is none. */
  private Set<String> removed() {
    TopicPartition partition = new TopicPartition(options.stateTopic(), 0);
    Set<String> removed = new HashSet<>();
    try (KafkaConsumer<byte[], byte[]> consumer = Clients.consumer(options)) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, 0);
      long end = consumer.endOffsets(List.of(partition)).getOrDefault(partition, 0L);
      while (consumer.position(partition) < end) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          String key = Arrays.toString(record.key());
          if (record.value() == null) {
            removed.add(key);
          } else {
            removed.remove(key);
          }
        }
      }
    }
    return removed;
  }

  private static String key(String id, int part) {
    return Arrays.toString(StateParts.key(bytes(id), part));
  }

  @Test
  void readsStatesOfAnySize() {
    try (DeltaLog log = KafkaDeltaLog.open(options);
        StateWriter writer = log.writeStates(0)) {
      Map<String, String> written =
          Map.of(
              "one",
              state("a", MOST),
              "two",
              state("b", MOST + 1),
              "three",
              state("c", 3 * MOST),
              "many\0ÿ",
              state("d", 50 * MOST + 7),
              "x".repeat(1024),
              state("e", 2 * MOST));
      written.forEach((id, state) -> writer.put(id, bytes(state)));
      writer.commit(new StateMark(1, 1));
      assertThat(states(log, 0)).isEqualTo(written);
    }
  }

  @Test
  void replacesALargeStateBySmallerOnesAndRemovesPartsThatAreLeft() {
    String large = state("large", 4 * MOST);
    String smaller = state("smaller", 2 * MOST);
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      write(log, "v", large);
      write(log, "v", smaller);
      assertThat(states(log, 0)).isEqualTo(Map.of("v", smaller));
      assertThat(removed()).containsExactlyInAnyOrder(key("v", 2), key("v", 3));
    }
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      states(log, 0); // where it learns of parts
      write(log, "v", large, "small");
      assertThat(states(log, 0)).isEqualTo(Map.of("v", "small"));
      assertThat(removed()).containsExactlyInAnyOrder(key("v", 1), key("v", 2), key("v", 3));
    }
  }

  @Test
  void replacesALargeStateByNone() {
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      write(log, "v", state("large", 3 * MOST));
      write(log, "v", "");
      assertThat(states(log, 0)).isEqualTo(Collections.singletonMap("v", null));
      assertThat(removed()).containsExactlyInAnyOrder(key("v", 0), key("v", 1), key("v", 2));
    }
  }

  @Test
  void replacesALargeStateItDoesNotKnowOf() {
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      write(log, "v", state("large", 3 * MOST));
    }
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      write(log, "v", "small");
      assertThat(states(log, 0)).isEqualTo(Map.of("v", "small"));
    }
  }

  @Test
  void passesByStatesOfWhichPartsAreMissingOrAreOfOthers() {
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      write(log, "v", "whole");
      try (KafkaProducer<byte[], byte[]> producer = Clients.producer(options)) {
        send(producer, "v", 1, 3, 7); // no first
        send(producer, "v", 0, 3, 7);
        send(producer, "v", 2, 3, 7); // no second
        send(producer, "v", 0, 2, 7);
        send(producer, "v", 1, 2, 8); // of another writing
        send(producer, "v", 0, 2, 7);
        send(producer, "w", 1, 2, 7); // of another vector
        send(producer, "v", 0, 2, 7); // no more
      }
      List<String> told = new ArrayList<>();
      log.readStates(0, (id, frames) -> told.add(id));
      assertThat(told).containsExactly("v");
      assertThat(states(log, 0)).isEqualTo(Map.of("v", "whole"));
    }
  }

  private void send(
      KafkaProducer<byte[], byte[]> producer, String id, int part, int count, long writing) {
    producer.send(
        new ProducerRecord<>(
            options.stateTopic(),
            0,
            StateParts.key(bytes(id), part),
            bytes("part " + part),
            StateParts.headers(count, writing)));
  }
}
