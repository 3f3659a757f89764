package dev.deltavec.kafka;

import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.LogException;
import dev.deltavec.log.LogException.Reason;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/**
 * A log of deltas in shards on Apache Kafka: topic {@code deltas} holds the records, one partition
 * for each shard, never compacted; topic {@code state}, compacted, the states.
 *
 * {@snippet :
 * KafkaLogOptions options = KafkaLogOptions.builder("localhost:9092").shards(64).build();
 * try (DeltaLog log = KafkaDeltaLog.open(options)) {
 *   log.append(List.of(new DeltaLog.Part(shard, frames))).join();
 * }
 * }
 *
 * <p>A batch of one shard is one record, which is durable once all replicas in sync have it ({@code
 * acks=all}) and is written once (idempotent producer). A batch of several shards is a transaction;
 * batches that come while one is under way share the next. Readers see finished transactions only,
 * so that a process that dies within one holds readers of its shards up until the broker ends it:
 * 10 s, and as long as the broker takes to look (10 s unless it is told otherwise).
 *
 * <p>Where brokers check rights, a process needs: to describe, read and write both topics (and to
 * make them, where they are missing), to write with transactional ids that begin with the names of
 * the topics and a hyphen, idempotent writes, and to read the groups it joins.
 *
 * <p>An append that fails may have happened all the same. While brokers are away appends wait, and
 * {@link #append} itself may, up to {@link KafkaLogOptions#timeout}, and no more of them than
 * {@link KafkaLogOptions#maxWaitingBytes}; readers return nothing and go on when brokers are back.
 * A batch of several shards whose result is cancelled before its turn is not written.
 */
public final class KafkaDeltaLog implements DeltaLog {
  private static final Duration END_AGE = Duration.ofMillis(20);
  private static final Duration BEGIN_AGE = Duration.ofMillis(200);

  private final KafkaLogOptions options;
  private final Admin admin;
  private final String epoch;
  private final Offsets begins;
  private final Offsets ends;
  private final Singles singles;
  private final Batches batches;
  private final Set<KafkaReader> readers = ConcurrentHashMap.newKeySet();
  private final Set<KafkaStateWriter> writers = ConcurrentHashMap.newKeySet();
  private final ConcurrentHashMap<Integer, StateParts.Known> parts = new ConcurrentHashMap<>();
  private volatile boolean closed;

  private KafkaDeltaLog(KafkaLogOptions options, Admin admin) {
    this.options = options;
    this.admin = admin;
    epoch = new Topics(options, admin).ensure();
    begins = new Offsets(options, admin, OffsetSpec.earliest(), BEGIN_AGE);
    ends = new Offsets(options, admin, OffsetSpec.latest(), END_AGE);
    Room room = new Room(options.maxWaitingBytes());
    singles = new Singles(options, ends, room);
    batches = new Batches(options, ends, room);
  }

  /**
   * Opens a log, and makes its topics where they are missing.
   *
   * @throws LogException {@code UNAVAILABLE} if no broker answers in time, {@code INVALID} if the
   *     topics are not as the options say
   */
  public static KafkaDeltaLog open(KafkaLogOptions options) {
    Admin admin;
    try {
      admin = Clients.admin(options);
    } catch (KafkaException e) {
      throw new LogException(
          Reason.INVALID,
          "No client of Kafka for " + options.bootstrap() + ": " + e.getMessage(),
          e);
    }
    try {
      return new KafkaDeltaLog(options, admin);
    } catch (RuntimeException e) {
      admin.close(Duration.ZERO);
      throw e;
    }
  }

  @Override
  public int shards() {
    return options.shards();
  }

  /** Returns the id of the topic of deltas: one that was deleted and made again has another. */
  @Override
  public String epoch() {
    return epoch;
  }

  /**
   * As the interface says. What hangs on the result runs on a thread that appends, and should be
   * quick.
   */
  @Override
  public CompletableFuture<List<Long>> append(List<Part> parts) {
    try {
      checkOpen();
      check(parts);
    } catch (LogException e) {
      return CompletableFuture.failedFuture(e);
    }
    if (parts.isEmpty()) {
      return CompletableFuture.completedFuture(List.of());
    }
    List<Part> copy = List.copyOf(parts);
    return copy.size() == 1 ? singles.append(copy.getFirst()) : batches.append(copy);
  }

  private void check(List<Part> parts) {
    BitSet seen = new BitSet();
    for (Part part : parts) {
      checkShard(part.shard());
      if (seen.get(part.shard())) {
        throw new LogException(
            Reason.INVALID, "A batch has one part for a shard; two are for " + part.shard());
      }
      seen.set(part.shard());
      int length = part.frames().length;
      if (length == 0 || length > options.maxRecordBytes()) {
        throw new LogException(
            Reason.INVALID,
            "A part has 1 to "
                + options.maxRecordBytes()
                + " bytes; that for shard "
                + part.shard()
                + " has "
                + length);
      }
    }
  }

  @Override
  public Reader reader() {
    checkOpen();
    KafkaReader reader = new KafkaReader(options, begins, readers::remove);
    readers.add(reader);
    if (closed) {
      reader.end();
    }
    return reader;
  }

  /** As the interface says; asked for at most 200 ms ago. */
  @Override
  public long begin(int shard) {
    checkOpen();
    checkShard(shard);
    return begins.of(shard);
  }

  /**
   * As the interface says: behind the last record of a finished batch; asked for at most 20 ms ago,
   * what this log has appended counted in.
   */
  @Override
  public long end(int shard) {
    checkOpen();
    checkShard(shard);
    return ends.of(shard);
  }

  /**
   * As the interface says. What is put up to a commit, and its mark, are one transaction of up to
   * 10 minutes, which brokers have to allow ({@code transaction.max.timeout.ms}, 15 minutes unless
   * told otherwise): readers find states as a commit left them, never some of newer ones. One that
   * takes longer is ended by the broker, and fails as {@code FENCED}. A state that is larger than
   * {@link KafkaLogOptions#maxRecordBytes} becomes several records.
   */
  @Override
  public StateWriter writeStates(int shard) {
    checkOpen();
    checkShard(shard);
    KafkaStateWriter writer = new KafkaStateWriter(options, shard, parts(shard), writers::remove);
    writers.add(writer);
    if (closed) {
      writer.end();
    }
    return writer;
  }

  @Override
  public Optional<StateMark> readStates(int shard, BiConsumer<String, byte @Nullable []> each) {
    checkOpen();
    checkShard(shard);
    return States.read(options, shard, parts(shard), each);
  }

  private StateParts.Known parts(int shard) {
    return parts.computeIfAbsent(shard, none -> new StateParts.Known());
  }

  @Override
  public void close() {
    synchronized (admin) {
      if (closed) {
        return;
      }
      closed = true;
    }
    batches.close();
    singles.close();
    readers.forEach(KafkaReader::end);
    writers.forEach(KafkaStateWriter::end);
    admin.close(Duration.ZERO);
  }

  private void checkOpen() {
    if (closed) {
      throw new LogException(Reason.CLOSED, "The log is closed");
    }
  }

  private void checkShard(int shard) {
    if (shard < 0 || shard >= options.shards()) {
      throw new LogException(
          Reason.INVALID, "Shards are 0 to " + (options.shards() - 1) + "; got " + shard);
    }
  }
}
