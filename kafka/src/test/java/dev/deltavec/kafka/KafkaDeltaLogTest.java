package dev.deltavec.kafka;

import static dev.deltavec.kafka.DeltaLogContract.assertReason;
import static dev.deltavec.kafka.DeltaLogContract.bytes;
import static dev.deltavec.kafka.DeltaLogContract.part;
import static dev.deltavec.kafka.DeltaLogContract.readAll;
import static dev.deltavec.kafka.DeltaLogContract.states;
import static dev.deltavec.kafka.DeltaLogContract.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.DeltaLog.Entry;
import dev.deltavec.log.DeltaLog.Reader;
import dev.deltavec.log.DeltaLog.StateMark;
import dev.deltavec.log.DeltaLog.StateWriter;
import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class KafkaDeltaLogTest {
  @Test
  void doesNotShowABatchWhoseWriterDiedWithinIt() {
    KafkaLogOptions options = TestBroker.options().build();
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      KafkaProducer<byte[], byte[]> dying =
          Clients.transactions(options, "dying-" + options.prefix(), Duration.ofSeconds(1));
      dying.initTransactions();
      dying.beginTransaction();
      dying.send(new ProducerRecord<>(options.deltasTopic(), 0, null, bytes("lost")));
      dying.send(new ProducerRecord<>(options.deltasTopic(), 1, null, bytes("lost")));
      dying.flush();
      dying.close(Duration.ZERO);
      log.append(List.of(part(0, "one"))).join();
      log.append(List.of(part(0, "two"), part(1, "two"))).join();
      assertThat(readAll(log, Map.of(0, 0L, 1, 0L)))
          .isEqualTo(Map.of(0, List.of("one", "two"), 1, List.of("two")));
    }
  }

  @Test
  void showsBatchesOfManyThreadsWhole() {
    KafkaLogOptions options = TestBroker.options().build();
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      List<CompletableFuture<List<Long>>> appended = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        String text = "batch " + i;
        int shard = i % 4;
        appended.add(
            log.append(
                i % 3 == 0
                    ? List.of(part(shard, text))
                    : List.of(part(shard, text), part((shard + 1) % 4, text))));
      }
      appended.forEach(CompletableFuture::join);
      Map<String, Integer> copies = new HashMap<>();
      readAll(log, Map.of(0, 0L, 1, 0L, 2, 0L, 3, 0L))
          .values()
          .forEach(texts -> texts.forEach(text -> copies.merge(text, 1, Integer::sum)));
      assertThat(copies).hasSize(300);
      copies.forEach((text, n) ->
          assertThat(n).as(text).isEqualTo(Integer.parseInt(text.substring(6)) % 3 == 0 ? 1 : 2));
    }
  }

  @Test
  void appendsOnAfterATransactionThatFailed() {
    KafkaLogOptions options = TestBroker.options().build();
    try (DeltaLog log = KafkaDeltaLog.open(options);
        Admin admin = Clients.admin(options)) {
      log.append(List.of(part(0, "a"), part(1, "a"))).join();
      // Somebody with its id fences the log's own producer.
      String id =
          admin.listTransactions().all().get().stream()
              .map(listing -> listing.transactionalId())
              .filter(name -> name.startsWith(options.deltasTopic()))
              .findFirst()
              .orElseThrow();
      try (KafkaProducer<byte[], byte[]> other =
          Clients.transactions(options, id, Duration.ofSeconds(5))) {
        other.initTransactions();
      }
      assertReason(
          Reason.UNAVAILABLE, () -> log.append(List.of(part(0, "b"), part(1, "b"))).join());
      log.append(List.of(part(0, "c"), part(1, "c"))).join();
      assertThat(readAll(log, Map.of(0, 0L, 1, 0L)))
          .isEqualTo(Map.of(0, List.of("a", "c"), 1, List.of("a", "c")));
    } catch (InterruptedException | ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void goesOnWhenTheBrokerIsBack() throws Exception {
    KafkaLogOptions options = TestBroker.options().build();
    try (DeltaLog log = KafkaDeltaLog.open(options);
        Reader reader = log.reader();
        StateWriter writer = log.writeStates(1);
        ShardGroup one = ShardGroup.join(options, "g", new Member("one", "", 1), 0, view -> {})) {
      String epoch = log.epoch();
      reader.assign(Map.of(0, 0L));
      log.append(List.of(part(0, "a"), part(1, "a"))).join();
      writer.put("v", bytes("state"));
      writer.commit(new StateMark(1, 1));
      List<String> read = new ArrayList<>();
      TestBroker.stop();
      CompletableFuture<List<Long>> single =
          CompletableFuture.supplyAsync(() -> log.append(List.of(part(0, "b"))).join());
      CompletableFuture<List<Long>> several =
          CompletableFuture.supplyAsync(
              () -> log.append(List.of(part(2, "c"), part(1, "c"))).join());
      TestBroker.get();
      single.join();
      several.join();
      while (read.size() < 2) {
        reader.poll(Duration.ofSeconds(1)).forEach(entry -> read.add(text(entry.frames())));
      }
      assertThat(read).containsExactly("a", "b");
      assertThat(readAll(log, Map.of(1, 0L, 2, 0L)))
          .isEqualTo(Map.of(1, List.of("a", "c"), 2, List.of("c")));
      assertThat(states(log, 1)).isEqualTo(Map.of("v", "state"));
      try (DeltaLog again = KafkaDeltaLog.open(options)) {
        assertThat(again.epoch()).isEqualTo(epoch);
      }
      try (ShardGroup two =
          ShardGroup.join(options, "g", new Member("two", "", 1), 0, view -> {})) {
        while (one.view().map(view -> view.members().size()).orElse(0) < 2
            || two.view().isEmpty()) {
          Thread.sleep(10);
        }
        assertThat(two.view().orElseThrow().members())
            .isEqualTo(one.view().orElseThrow().members());
      }
    }
  }

  @Test
  void saysThatAReaderIsBehind() throws Exception {
    KafkaLogOptions options = TestBroker.options().build();
    try (DeltaLog log = KafkaDeltaLog.open(options);
        Admin admin = Clients.admin(options);
        Reader reader = log.reader()) {
      for (int i = 0; i < 5; i++) {
        log.append(List.of(part(0, "r" + i))).join();
      }
      reader.assign(Map.of(0, 1L));
      admin
          .deleteRecords(
              Map.of(new TopicPartition(options.deltasTopic(), 0), RecordsToDelete.beforeOffset(3)))
          .all()
          .get();
      assertThatThrownBy(() -> reader.poll(Duration.ofSeconds(30)))
          .isInstanceOfSatisfying(
              LogException.class, e -> assertThat(e.reason()).isEqualTo(Reason.BEHIND))
          .hasMessageContaining("from offset 1")
          .hasMessageContaining("begins with 3");
      while (log.begin(0) < 3) {
        Thread.sleep(50); // what is known of beginnings is some moments old
      }
      reader.assign(Map.of(0, 1L));
      List<Entry> read = reader.poll(Duration.ofSeconds(30));
      assertThat(read).extracting(Entry::offset).containsExactly(3L, 4L);
    }
  }

  @Test
  void refusesAnOffsetBehindTheEnd() {
    try (DeltaLog log = KafkaDeltaLog.open(TestBroker.options().build());
        Reader reader = log.reader()) {
      reader.assign(Map.of(0, 7L));
      assertReason(Reason.INVALID, () -> reader.poll(Duration.ofSeconds(30)));
    }
  }

  @Test
  void refusesTopicsOfAnotherNumberOfShards() {
    KafkaLogOptions options = TestBroker.options().build();
    KafkaDeltaLog.open(options).close();
    KafkaLogOptions other =
        KafkaLogOptions.builder(options.bootstrap()).prefix(options.prefix()).shards(8).build();
    assertThatThrownBy(() -> KafkaDeltaLog.open(other))
        .isInstanceOfSatisfying(
            LogException.class, e -> assertThat(e.reason()).isEqualTo(Reason.INVALID))
        .hasMessageContaining("has 4 partitions")
        .hasMessageContaining("8 shards");
  }

  @Test
  void refusesDeltasThatAreCompacted() throws Exception {
    KafkaLogOptions options = TestBroker.options().build();
    make(options, options.deltasTopic(), Map.of("cleanup.policy", "compact"));
    assertInvalid(options, "cleanup.policy=compact");
  }

  @Test
  void refusesStatesThatAreNotCompacted() throws Exception {
    KafkaLogOptions options = TestBroker.options().build();
    make(options, options.stateTopic(), Map.of("max.message.bytes", "30000000"));
    assertInvalid(options, "cleanup.policy=delete");
  }

  @Test
  void refusesTopicsOfSmallRecords() throws Exception {
    KafkaLogOptions options = TestBroker.options().build();
    make(options, options.deltasTopic(), Map.of("max.message.bytes", "1000000"));
    assertInvalid(options, "max.message.bytes=1000000");
  }

  @Test
  void makesTopicsThatKeepWhatTheyMust() throws Exception {
    KafkaLogOptions options = TestBroker.options().retention(Duration.ofDays(3)).build();
    KafkaDeltaLog.open(options).close();
    ConfigResource deltas = new ConfigResource(ConfigResource.Type.TOPIC, options.deltasTopic());
    ConfigResource state = new ConfigResource(ConfigResource.Type.TOPIC, options.stateTopic());
    try (Admin admin = Clients.admin(options)) {
      Map<ConfigResource, Config> made = admin.describeConfigs(List.of(deltas, state)).all().get();
      assertThat(values(made.get(deltas)))
          .containsEntry("cleanup.policy", "delete")
          .containsEntry("retention.ms", String.valueOf(Duration.ofDays(3).toMillis()))
          .containsEntry("retention.bytes", "-1")
          .containsEntry("message.timestamp.type", "CreateTime");
      assertThat(values(made.get(state))).containsEntry("cleanup.policy", "compact");
    }
  }

  private static Map<String, String> values(@Nullable Config config) {
    Map<String, String> values = new HashMap<>();
    if (config != null) {
      config.entries().forEach(entry -> values.put(entry.name(), entry.value()));
    }
    return values;
  }

  @Test
  void refusesMoreCopiesThanThereAreBrokers() {
    assertReason(
        Reason.INVALID, () -> KafkaDeltaLog.open(TestBroker.options().replication(2).build()));
  }

  @Test
  void doesNotPrintSecrets() {
    assertThat(TestBroker.options().property("sasl.jaas.config", "password=pw").build().toString())
        .contains("sasl.jaas.config")
        .doesNotContain("pw");
  }

  private static void make(KafkaLogOptions options, String topic, Map<String, String> config)
      throws Exception {
    try (Admin admin = Clients.admin(options)) {
      admin.createTopics(List.of(new NewTopic(topic, 4, (short) 1).configs(config))).all().get();
    }
  }

  private static void assertInvalid(KafkaLogOptions options, String message) {
    assertThatThrownBy(() -> KafkaDeltaLog.open(options))
        .isInstanceOfSatisfying(
            LogException.class, e -> assertThat(e.reason()).isEqualTo(Reason.INVALID))
        .hasMessageContaining(message);
  }

  @Test
  void saysThatNoBrokerAnswers() {
    KafkaLogOptions options =
        KafkaLogOptions.builder("127.0.0.1:1").timeout(Duration.ofMillis(200)).build();
    assertReason(Reason.UNAVAILABLE, () -> KafkaDeltaLog.open(options));
  }

  @Test
  void refusesRecordsThatAreTooLarge() {
    KafkaLogOptions options = TestBroker.options().maxRecordBytes(2000).build();
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      log.append(List.of(new DeltaLog.Part(0, new byte[2000]))).join();
      assertReason(
          Reason.INVALID, () -> log.append(List.of(new DeltaLog.Part(0, new byte[2001]))).join());
    }
  }

  @Test
  void takesRecordsOfTheLargestSize() {
    try (DeltaLog log = KafkaDeltaLog.open(TestBroker.options().build());
        Reader reader = log.reader()) {
      byte[] large = new byte[20 << 20];
      large[large.length - 1] = 7;
      reader.assign(Map.of(0, 0L));
      log.append(List.of(new DeltaLog.Part(0, large))).join();
      assertThat(reader.poll(Duration.ofSeconds(30)).getFirst().frames()).isEqualTo(large);
    }
  }

  @Test
  void readsStatesOfManyVectors() {
    try (DeltaLog log = KafkaDeltaLog.open(TestBroker.options().build())) {
      int n = 20_000;
      try (StateWriter writer = log.writeStates(0)) {
        for (int i = 0; i < n; i++) {
          writer.put("v" + i, new byte[500]);
        }
        writer.commit(new StateMark(5, 6));
        writer.put("later", bytes("never committed"));
      }
      HashSet<String> ids = new HashSet<>();
      assertThat(
              log.readStates(
                  0, (String id, byte @Nullable [] frames) -> assertThat(ids.add(id)).isTrue()))
          .contains(new StateMark(5, 6));
      assertThat(ids).hasSize(n).doesNotContain("later");
    }
  }

  @Test
  void readsStatesThatAreCommittedWhileItReads() {
    try (DeltaLog log = KafkaDeltaLog.open(TestBroker.options().build());
        StateWriter writer = log.writeStates(0)) {
      writer.put("v", bytes("old"));
      writer.commit(new StateMark(1, 1));
      Map<String, @Nullable String> read = new HashMap<>();
      assertThat(
              log.readStates(
                  0,
                  (String id, byte @Nullable [] frames) -> {
                    if (read.isEmpty()) {
                      writer.put("v", bytes("new"));
                      writer.commit(new StateMark(2, 1));
                    }
                    read.put(id, frames == null ? null : text(frames));
                  }))
          .contains(new StateMark(2, 1));
      assertThat(read).isEqualTo(Map.of("v", "new"));
    }
  }

  @Test
  void readsStatesWhileTheWriterOfNewerOnesIsNotThereAnyMore() {
    KafkaLogOptions options = TestBroker.options().build();
    try (DeltaLog log = KafkaDeltaLog.open(options)) {
      try (StateWriter writer = log.writeStates(0)) {
        writer.put("v", bytes("old"));
        writer.commit(new StateMark(1, 1));
      }
      KafkaProducer<byte[], byte[]> dying =
          Clients.transactions(options, options.stateTopic() + "-0", Duration.ofMinutes(1));
      dying.initTransactions();
      dying.beginTransaction();
      dying.send(new ProducerRecord<>(options.stateTopic(), 0, bytes("v"), bytes("half")));
      dying.flush();
      dying.close(Duration.ZERO);
      assertThat(states(log, 0)).isEqualTo(Map.of("v", "old"));
      try (StateWriter writer = log.writeStates(0)) {
        writer.put("w", bytes("new"));
        writer.commit(new StateMark(2, 1));
      }
      assertThat(states(log, 0)).isEqualTo(Map.of("v", "old", "w", "new"));
    }
  }
}
