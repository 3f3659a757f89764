package dev.deltavec.server.simulation;

import dev.deltavec.DeltaFrames;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.VectorDelta;
import dev.deltavec.log.DeltaLog;
import dev.deltavec.log.Shards;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;

/**
 * Replicas that append deltas, and a database of each shard that has every delta of the log once.
 */
final class Writers implements AutoCloseable {
  static final int DIMENSIONS = 4;
  private static final int IDS = 14;

  private final Random random;
  private final VirtualClock clock;
  private final DeltaLog log;
  private final long oldest;
  private final DeltaFrames frames = new DeltaFrames(DIMENSIONS, 0);
  private final DeltaVectorDB[] references;
  private final int[] sequences = new int[3];
  private final List<DeltaFrames.Shared> sent = new ArrayList<>();

  /** Batches whose append has failed; they are sent again until they succeed or are too old. */
  private final List<List<DeltaFrames.Shared>> unsure = new ArrayList<>();

  int appended;

  /**
   * Writers to a log.
   *
   * @param oldest milliseconds that a delta's time may lie back when it is appended
   */
  Writers(Random random, VirtualClock clock, DeltaLog log, long oldest) {
    this.random = random;
    this.clock = clock;
    this.log = log;
    this.oldest = oldest;
    references = new DeltaVectorDB[log.shards()];
    for (int i = 0; i < references.length; i++) {
      references[i] =
          DeltaVectorDB.builder()
              .dimensions(DIMENSIONS)
              .idleRepair(false)
              .maxClockAhead(Duration.ofDays(100_000))
              .build();
    }
  }

  String expected(int shard) {
    return references[shard].stateDigest();
  }

  void append() {
    List<DeltaFrames.Shared> batch = new ArrayList<>();
    int choice = random.nextInt(10);
    if (choice == 0 && !unsure.isEmpty()) {
      batch.addAll(unsure.remove(random.nextInt(unsure.size())));
    } else if (choice == 1 && !sent.isEmpty()) {
      for (int i = 0; i < 3; i++) {
        batch.add(sent.get(random.nextInt(sent.size()))); // once more
      }
    } else {
      int replica = random.nextInt(sequences.length);
      int n = 1 + random.nextInt(4);
      for (int i = 0; i < n; i++) {
        batch.add(next(replica));
      }
    }
    batch.removeIf(delta -> delta.time() < clock.millis() - oldest);
    send(batch);
  }

  private DeltaFrames.Shared next(int replica) {
    long back = random.nextInt(5) == 0 ? (long) (random.nextDouble() * oldest) : random.nextInt(5);
    return frames.encode(
        delta(), clock.millis() - back, ++sequences[replica], replica + 0x1000_0000L);
  }

  private VectorDelta delta() {
    String id = "v" + random.nextInt(IDS);
    float[] values = new float[DIMENSIONS];
    for (int i = 0; i < DIMENSIONS; i++) {
      values[i] = random.nextInt(2001) / 1000f - 1;
    }
    VectorDelta delta =
        switch (random.nextInt(8)) {
          case 0, 1, 2 -> VectorDelta.create(id, values);
          case 3 -> VectorDelta.delete(id);
          case 4 -> VectorDelta.dense(id, values);
          case 5 -> VectorDelta.scale(id, 0.5f);
          default -> VectorDelta.sparse(id, new int[] {1, 3}, new float[] {values[0], values[1]});
        };
    return random.nextInt(4) == 0
            && !(delta.operation() instanceof dev.deltavec.DeltaOperation.Delete)
        ? delta.withMetadata("{\"n\":" + random.nextInt(5) + "}")
        : delta;
  }

  private void send(List<DeltaFrames.Shared> batch) {
    if (batch.isEmpty()) {
      return;
    }
    Map<Integer, List<byte[]>> byShard = new TreeMap<>();
    for (DeltaFrames.Shared delta : batch) {
      byShard
          .computeIfAbsent(Shards.of(delta.vectorId(), log.shards()), n -> new ArrayList<>())
          .add(delta.frame());
    }
    boolean poison = random.nextInt(25) == 0;
    List<DeltaLog.Part> parts = new ArrayList<>();
    long before = end();
    byShard.forEach((shard, some) -> parts.add(new DeltaLog.Part(shard, join(some, poison))));
    boolean acknowledged;
    try {
      log.append(parts).get();
      acknowledged = true;
    } catch (ExecutionException e) {
      acknowledged = false;
      unsure.add(batch);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    if (acknowledged || end() != before) { // it is in the log
      appended += batch.size();
      sent.addAll(batch);
      byShard.forEach((shard, some) -> references[shard].merge(join(some, false)));
    }
  }

  private long end() {
    long sum = 0;
    for (int i = 0; i < log.shards(); i++) {
      sum += log.end(i);
    }
    return sum;
  }

  /** Sends again what is not known to be in the log. */
  void retry() {
    List<List<DeltaFrames.Shared>> all = List.copyOf(unsure);
    unsure.clear();
    for (List<DeltaFrames.Shared> batch : all) {
      List<DeltaFrames.Shared> young = new ArrayList<>(batch);
      young.removeIf(delta -> delta.time() < clock.millis() - oldest);
      send(young);
    }
  }

  /** Joins frames; with a frame that is none among them, if asked for. */
  private static byte[] join(List<byte[]> frames, boolean poison) {
    java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
    for (int i = 0; i < frames.size(); i++) {
      if (poison && i == frames.size() / 2) {
        byte[] bad = frames.get(i).clone();
        bad[bad.length - 1] ^= 0x55; // its checksum is wrong
        all.writeBytes(bad);
      }
      all.writeBytes(frames.get(i));
    }
    return all.toByteArray();
  }

  @Override
  public void close() {
    for (DeltaVectorDB db : references) {
      db.close();
    }
    frames.close();
  }
}
