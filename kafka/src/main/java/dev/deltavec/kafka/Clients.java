package dev.deltavec.kafka;

import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka's clients as this package sets them up, and what their errors mean. */
final class Clients {
  private static final System.Logger LOG = System.getLogger("dev.deltavec.kafka");

  /** What a request holds beside its largest record, generously. */
  private static final int OVERHEAD = 64 << 10;

  private Clients() {}

  static Admin admin(KafkaLogOptions options) {
    return Admin.create(shared(options));
  }

  /** A producer of single records: each is acknowledged by itself, and written once. */
  static KafkaProducer<byte[], byte[]> producer(KafkaLogOptions options) {
    return new KafkaProducer<>(producing(options));
  }

  /**
   * A producer of transactions; not yet initialized.
   *
   * @param timeout after which the broker ends a transaction of one who is gone
   */
  static KafkaProducer<byte[], byte[]> transactions(
      KafkaLogOptions options, String id, Duration timeout) {
    Map<String, Object> all = producing(options);
    all.put("transactional.id", id);
    all.put("transaction.timeout.ms", Math.toIntExact(timeout.toMillis()));
    return new KafkaProducer<>(all);
  }

  /** A consumer outside of any group that sees finished batches only. */
  static KafkaConsumer<byte[], byte[]> consumer(KafkaLogOptions options) {
    Map<String, Object> all = new HashMap<>();
    all.put("fetch.max.wait.ms", 250);
    all.put("max.partition.fetch.bytes", 2 << 20);
    all.put("fetch.max.bytes", 16 << 20); // what a reader holds; larger records come alone
    all.put("max.poll.records", 1000);
    all.put("receive.buffer.bytes", -1);
    all.putAll(shared(options));
    all.put("fetch.min.bytes", 1);
    all.put("isolation.level", "read_committed");
    all.put("auto.offset.reset", "none");
    all.put("enable.auto.commit", false);
    return consumer(all);
  }

  /** A member of a group, by its assignor; {@code extra} is what the assignor needs. */
  static KafkaConsumer<byte[], byte[]> member(
      KafkaLogOptions options, String group, String id, Map<String, Object> extra) {
    Map<String, Object> all = shared(options);
    int session = Math.toIntExact(options.sessionTimeout().toMillis());
    all.put("group.protocol", "classic");
    all.put("group.id", group);
    all.put("group.instance.id", id);
    all.put("session.timeout.ms", session);
    all.put("heartbeat.interval.ms", Math.max(session / 5, 100));
    all.put("max.poll.interval.ms", Math.max(30_000, 3 * session));
    all.put("auto.offset.reset", "none");
    all.put("enable.auto.commit", false);
    all.putAll(extra);
    return consumer(all);
  }

  private static KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> all) {
    return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** Closes a consumer without waiting for brokers that may be gone. */
  static void close(KafkaConsumer<?, ?> consumer) {
    try {
      consumer.close(CloseOptions.timeout(Duration.ofMillis(100)));
    } catch (KafkaException e) {
      debug("A consumer did not close well", e);
    }
  }

  /** Logs what has no consequences. */
  static void debug(String what, Exception error) {
    LOG.log(Level.DEBUG, what, error);
  }

  private static Map<String, Object> producing(KafkaLogOptions options) {
    int timeout = Math.toIntExact(options.timeout().toMillis());
    Map<String, Object> all = new HashMap<>();
    all.put("linger.ms", 0); // what comes while requests are under way is sent together anyway
    all.put("batch.size", 256 << 10);
    all.put("buffer.memory", Math.max(64L << 20, 3L * options.maxRecordBytes()));
    all.put("retry.backoff.ms", 5);
    all.put("retry.backoff.max.ms", 500);
    all.putAll(shared(options));
    all.put("acks", "all");
    all.put("enable.idempotence", true);
    all.put("max.request.size", options.maxRecordBytes() + OVERHEAD);
    all.put("delivery.timeout.ms", timeout);
    all.put("request.timeout.ms", requestTimeout(options));
    all.put("max.block.ms", timeout);
    all.put("key.serializer", ByteArraySerializer.class);
    all.put("value.serializer", ByteArraySerializer.class);
    return all;
  }

  private static Map<String, Object> shared(KafkaLogOptions options) {
    Map<String, Object> all = new HashMap<>();
    all.put("reconnect.backoff.max.ms", 500);
    all.put("request.timeout.ms", requestTimeout(options));
    all.put("default.api.timeout.ms", Math.toIntExact(options.timeout().toMillis()));
    all.put("enable.metrics.push", false);
    all.putAll(options.properties());
    all.put("bootstrap.servers", options.bootstrap());
    return all;
  }

  private static int requestTimeout(KafkaLogOptions options) {
    return Math.toIntExact(Math.max(100, Math.min(options.timeout().toMillis() / 2, 15_000)));
  }

  /** What the largest record's topic has to take. */
  static int maxMessageBytes(KafkaLogOptions options) {
    return options.maxRecordBytes() + OVERHEAD;
  }

  /** Returns what an error of a client means to those who use a log. */
  static LogException error(String what, Throwable error) {
    Throwable cause = error;
    while ((cause instanceof ExecutionException || cause instanceof CompletionException)
        && cause.getCause() != null) {
      cause = cause.getCause();
    }
    if (cause instanceof LogException already) {
      return already;
    }
    if (cause instanceof InterruptException || cause instanceof InterruptedException) {
      Thread.currentThread().interrupt();
    }
    Reason reason = reason(cause);
    if (reason == Reason.UNAVAILABLE && cause.getCause() != null) {
      // Clients wrap what has made them give up.
      reason = reason(cause.getCause());
    }
    return new LogException(reason, what + ": " + cause.getMessage(), cause);
  }

  private static Reason reason(Throwable cause) {
    return switch (cause) {
      case ProducerFencedException e -> Reason.FENCED;
      case InvalidProducerEpochException e -> Reason.FENCED;
      case FencedInstanceIdException e -> Reason.FENCED;
      case RecordTooLargeException e -> Reason.INVALID;
      case InvalidTopicException e -> Reason.INVALID;
      case InvalidReplicationFactorException e -> Reason.INVALID;
      case PolicyViolationException e -> Reason.INVALID;
      case InvalidConfigurationException e -> Reason.INVALID;
      default -> Reason.UNAVAILABLE;
    };
  }
}
