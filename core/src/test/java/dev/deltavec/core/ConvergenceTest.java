package dev.deltavec.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.Naive;
import dev.deltavec.core.support.Naive.Delta;
import dev.deltavec.core.support.TestDatabase;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Any order and repetition of the same deltas ends in the same state. Writes what it did to {@code
 * target/convergence/deltas.bin}, for other engines to do the same and compare.
 *
 * <p>The file, little-endian: u32 sets; for each: u32 dimensions, u32 grid, u32 checkpoint
 * interval, u32 deltas, for each a sealed frame behind its length (u32); then the state digest
 * (u64) that all of them lead to.
 */
class ConvergenceTest {
  private static final int SEEDS = Integer.getInteger("deltavec.seeds", 2_000);

  private static DatabaseOptions options(int seed, int replica) {
    return DatabaseOptions.builder()
        .dimensions(1 + seed % 6)
        .replica(replica)
        .checkpointInterval(1 + seed % 7)
        .grid(seed % 4 == 0 ? 64 : 0)
        .hnswM(4)
        .hnswEfConstruction(8)
        .build();
  }

  /** Edits on two to five replicas that hear of each other now and then. */
  private static List<byte[]> deltas(int seed) {
    Generator random = new Generator(seed);
    List<TestDatabase> replicas = new ArrayList<>();
    for (int r = 2 + random.below(4); r > 0; r--) {
      replicas.add(new TestDatabase(options(seed, r)));
    }
    int dimensions = 1 + seed % 6;
    for (int i = 5 + random.below(40); i > 0; i--) {
      TestDatabase db = random.pick(replicas);
      db.now += random.below(3);
      String id = "v" + random.below(4);
      boolean alive = db.get(id) != null;
      String patch =
          random.chance(25)
              ? "{\"k"
                  + random.below(3)
                  + "\":"
                  + random.pick(List.of("null", "1", "[2]", "{\"x\":3}"))
                  + "}"
              : null;
      switch (alive ? random.below(6) : 0) {
        case 0 ->
            db.apply(
                new Frames()
                    .frame(
                        alive ? Frame.DENSE : Frame.CREATE,
                        id,
                        -1,
                        Frames.counted(random.vector(dimensions)),
                        patch));
        case 1 ->
            db.apply(
                new Frames()
                    .frame(
                        Frame.SPARSE,
                        id,
                        -1,
                        Frames.sparsePayload(new int[] {dimensions - 1}, random.vector(1)),
                        patch));
        case 2 ->
            db.apply(new Frames().frame(Frame.SCALE, id, -1, Frames.floats(random.gauss()), patch));
        case 3 ->
            db.apply(
                new Frames().frame(Frame.OFFSET, id, -1, Frames.floats(random.gauss()), patch));
        case 4 -> db.apply(new Frames().delete(id));
        default -> db.apply(new Frames().metadata(id, "{\"n\":" + random.below(9) + "}"));
      }
      if (random.chance(20)) {
        TestDatabase other = random.pick(replicas);
        if (other != db) {
          other.merge(db.since(other.cursor()));
        }
      }
    }
    List<byte[]> frames = new ArrayList<>();
    for (TestDatabase db : replicas) {
      for (int i = 0; i < db.database.arrived(); i++) {
        byte[] frame = db.logged(i);
        if (frames.stream().noneMatch(other -> java.util.Arrays.equals(other, frame))) {
          frames.add(frame);
        }
      }
      db.close();
    }
    return frames;
  }

  @Test
  void anyOrderAndRepetitionEndsInTheSameState() throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    putInt(file, SEEDS);
    for (int seed = 0; seed < SEEDS; seed++) {
      List<byte[]> frames = deltas(seed);
      long digest = 0;
      for (int order = 0; order < 4; order++) {
        long result = merged(seed, order, frames);
        assertThat(order == 0 ? result : digest)
            .as("seed %d, order %d", seed, order)
            .isEqualTo(result);
        digest = result;
      }
      putInt(file, 1 + seed % 6);
      putInt(file, seed % 4 == 0 ? 64 : 0);
      putInt(file, 1 + seed % 7);
      putInt(file, frames.size());
      for (byte[] frame : frames) {
        putInt(file, frame.length);
        file.writeBytes(frame);
      }
      file.writeBytes(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(digest).array());
    }
    Path target = Path.of("target", "convergence");
    Files.createDirectories(target);
    Files.write(target.resolve("deltas.bin"), file.toByteArray());
  }

  private static long merged(int seed, int order, List<byte[]> frames) {
    Random random = new Random(31L * seed + order);
    List<byte[]> shuffled = new ArrayList<>(frames);
    if (order > 0) {
      frames.stream().filter(frame -> random.nextInt(4) == 0).forEach(shuffled::add);
      Collections.shuffle(shuffled, random);
    }
    try (TestDatabase db = new TestDatabase(options(seed, 99))) {
      db.now = 2_000_000;
      ByteArrayOutputStream stream = new ByteArrayOutputStream();
      for (byte[] frame : shuffled) {
        stream.writeBytes(frame);
        if (order > 1 && random.nextInt(3) == 0) {
          db.merge(stream.toByteArray());
          stream.reset();
        }
      }
      db.merge(stream.toByteArray());
      List<Delta> arrived = Naive.read(db, 0);
      assertThat(arrived).hasSize(frames.size());
      return db.database.digest();
    }
  }

  private static void putInt(ByteArrayOutputStream out, int value) {
    out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
  }
}
