package dev.deltavec.kafka;

import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/** The two topics of a log: made where they are missing, checked where they are there. */
final class Topics {
  private final KafkaLogOptions options;
  private final Admin admin;

  Topics(KafkaLogOptions options, Admin admin) {
    this.options = options;
    this.admin = admin;
  }

  /** Returns the log's epoch: the id of its topic of deltas. */
  String ensure() {
    String deltas = options.deltasTopic();
    String state = options.stateTopic();
    boolean madeDeltas = make(deltas, deltasConfig());
    boolean madeState = make(state, stateConfig());
    if (!madeDeltas) {
      checkDeltas(config(deltas));
    }
    if (!madeState) {
      checkState(config(state));
    }
    checkShards(state);
    return checkShards(deltas).topicId().toString();
  }

  private Map<String, String> deltasConfig() {
    return Map.of(
        "cleanup.policy",
        "delete",
        "retention.ms",
        String.valueOf(options.retention().isNegative() ? -1 : options.retention().toMillis()),
        "retention.bytes",
        "-1",
        "message.timestamp.type",
        "CreateTime",
        "max.message.bytes",
        String.valueOf(Clients.maxMessageBytes(options)),
        "min.insync.replicas",
        insync());
  }

  /** Segments that close soon enough, as the last one of a partition is never compacted. */
  private Map<String, String> stateConfig() {
    return Map.of(
        "cleanup.policy",
        "compact",
        "segment.bytes",
        String.valueOf(64 << 20),
        "segment.ms",
        String.valueOf(TimeUnit.HOURS.toMillis(6)),
        "min.cleanable.dirty.ratio",
        "0.3",
        "max.compaction.lag.ms",
        String.valueOf(TimeUnit.DAYS.toMillis(1)),
        "max.message.bytes",
        String.valueOf(Clients.maxMessageBytes(options)),
        "min.insync.replicas",
        insync());
  }

  /** With three copies and more, a record is on two before it counts as written. */
  private String insync() {
    return options.replication() >= 3 ? "2" : "1";
  }

  /** Makes a topic; returns whether it was missing. */
  private boolean make(String name, Map<String, String> config) {
    if (described(name) != null) {
      return false;
    }
    NewTopic topic =
        new NewTopic(name, options.shards(), (short) options.replication()).configs(config);
    try {
      await(admin.createTopics(List.of(topic)).all());
      return true;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof TopicExistsException) {
        return false; // another process was faster
      }
      throw Clients.error("Topic " + name + " cannot be made", e);
    }
  }

  private @Nullable TopicDescription described(String name) {
    try {
      return await(admin.describeTopics(List.of(name)).allTopicNames()).get(name);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof UnknownTopicOrPartitionException) {
        return null;
      }
      throw Clients.error("Topic " + name + " cannot be described", e);
    }
  }

  /** Waits, as brokers learn of a new topic one after the other. */
  private TopicDescription checkShards(String name) {
    long deadline = System.nanoTime() + options.timeout().toNanos();
    while (true) {
      TopicDescription topic = described(name);
      if (topic != null) {
        if (topic.partitions().size() != options.shards()) {
          throw new LogException(
              Reason.INVALID,
              "Topic "
                  + name
                  + " has "
                  + topic.partitions().size()
                  + " partitions, but there should be "
                  + options.shards()
                  + " shards: the number of shards of a log never changes");
        }
        if (topic.partitions().stream().allMatch(partition -> partition.leader() != null)) {
          return topic;
        }
      }
      if (System.nanoTime() - deadline > 0) {
        throw new LogException(Reason.UNAVAILABLE, "Topic " + name + " has no leaders");
      }
      sleep();
    }
  }

  private void checkDeltas(Config config) {
    String policy = value(config, "cleanup.policy");
    if (policy.contains("compact")) {
      throw new LogException(
          Reason.INVALID,
          "Topic "
              + options.deltasTopic()
              + " has cleanup.policy="
              + policy
              + ": a log of deltas must not be compacted, since of each key only the last record"
              + " would be kept; it has to be delete");
    }
    checkRecords(options.deltasTopic(), config);
  }

  private void checkState(Config config) {
    String policy = value(config, "cleanup.policy");
    if (!policy.equals("compact")) {
      throw new LogException(
          Reason.INVALID,
          "Topic "
              + options.stateTopic()
              + " has cleanup.policy="
              + policy
              + ": the last state of every vector is to be kept; it has to be compact");
    }
    checkRecords(options.stateTopic(), config);
  }

  private void checkRecords(String name, Config config) {
    int most = Integer.parseInt(value(config, "max.message.bytes"));
    if (most < Clients.maxMessageBytes(options)) {
      throw new LogException(
          Reason.INVALID,
          "Topic "
              + name
              + " has max.message.bytes="
              + most
              + ", but batches of up to "
              + options.maxRecordBytes()
              + " bytes need "
              + Clients.maxMessageBytes(options));
    }
  }

  private Config config(String name) {
    ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, name);
    long deadline = System.nanoTime() + options.timeout().toNanos();
    while (true) {
      try {
        return Objects.requireNonNull(
            await(admin.describeConfigs(List.of(topic)).all()).get(topic), name);
      } catch (ExecutionException e) {
        // A broker may not know yet of a topic that was made just now.
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)
            || System.nanoTime() - deadline > 0) {
          throw Clients.error("Topic " + name + " cannot be described", e);
        }
        sleep();
      }
    }
  }

  private static String value(Config config, String name) {
    return Objects.requireNonNull(config.get(name), name).value();
  }

  private <T> T await(KafkaFuture<T> future) throws ExecutionException {
    return await(future, options);
  }

  static <T> T await(KafkaFuture<T> future, KafkaLogOptions options) throws ExecutionException {
    try {
      return future.get(options.timeout().toMillis() + 1000, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LogException(Reason.UNAVAILABLE, "Interrupted while Kafka was waited for", e);
    } catch (TimeoutException e) {
      throw new LogException(Reason.UNAVAILABLE, "Kafka does not answer", e);
    }
  }

  private static void sleep() {
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LogException(Reason.UNAVAILABLE, "Interrupted while Kafka was waited for", e);
    }
  }
}
