package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.Metric;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.core.memory.ScalarKernels;
import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The core's hot paths make no objects, whatever the compiler does: over an array and with plain
 * kernels, every object made would be the core's.
 */
class AllocationTest {
  private static final int DIMENSIONS = 48;
  private static final int VECTORS = 1000;

  /**
   * How often calls are measured before what they allocate is believed. Of the first ten runs of a
   * large batch four make the history grow, and any may be met by the compiler.
   */
  private static final int RUNS = 20;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final ArrayMemory memory = new ArrayMemory();
  private final Buffer input = new Buffer(new Heap(memory));
  private final Generator random = new Generator(1);
  private Database database = filled(Metric.COSINE, Quantization.INT8);

  private Database filled(Metric metric, Quantization quantization) {
    Database fresh =
        new Database(
            memory,
            new ScalarKernels(memory),
            DatabaseOptions.builder()
                .dimensions(DIMENSIONS)
                .metric(metric)
                .quantization(quantization)
                .build());
    for (int i = 0; i < VECTORS; i++) {
      byte[] frame = new Frames().create("v" + i, random.vector(DIMENSIONS)).toBytes();
      fresh.apply(write(frame), frame.length, 1, 0);
    }
    return fresh;
  }

  @BeforeEach
  void makeRoom() {
    input.reserve(1 << 16);
  }

  private int write(byte[] bytes) {
    int address = input.reserve(bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      memory.putByte(address + i, bytes[i]);
    }
    return address;
  }

  /**
   * Bytes that the same calls allocate whenever they run: the least of some runs, as in one of them
   * buffers grow, and in another the compiler's work makes objects of its own.
   */
  private long allocatedBy(Runnable calls) {
    long least = Long.MAX_VALUE;
    for (int run = 0; run < RUNS && least != 0; run++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      calls.run();
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    return least;
  }

  private long allocatedByApplying(Consumer<Frames> deltas) {
    Frames frames = new Frames();
    deltas.accept(frames);
    byte[] bytes = frames.toBytes();
    int count = frames.count();
    int address = write(bytes);
    return allocatedBy(() -> {
      for (int i = 0; i < 100; i++) {
        database.apply(address, bytes.length, count, i);
      }
    });
  }

  @Test
  void anObjectWouldBeSeen() {
    Object[] last = new Object[1];
    assertThat(allocatedBy(() -> last[0] = new byte[16])).isPositive();
  }

  static Stream<Arguments> metricsAndQuantizations() {
    return Stream.of(Metric.values())
        .flatMap(metric -> Stream.of(Quantization.values()).map(how -> Arguments.of(metric, how)));
  }

  @ParameterizedTest
  @MethodSource("metricsAndQuantizations")
  void aSearchAllocatesNothing(Metric metric, Quantization quantization) {
    database = filled(metric, quantization);
    assertThat(allocatedBySearching(0)).isZero();
  }

  @Test
  void anExactSearchAllocatesNothing() {
    assertThat(allocatedBySearching(Database.EXACT)).isZero();
  }

  @Test
  void aSearchBesideVectorsThatHaveMovedAllocatesNothing() {
    move(100);
    assertThat(database.pending()).isPositive();
    assertThat(allocatedBySearching(0)).isZero();
  }

  @Test
  void aRepairAllocatesNothing() {
    long least = Long.MAX_VALUE;
    for (int run = 0; run < RUNS && least != 0; run++) {
      move(100);
      assertThat(database.pending()).isPositive();
      long before = threads.getCurrentThreadAllocatedBytes();
      database.repair(VECTORS);
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      assertThat(database.pending()).isZero();
    }
    assertThat(least).isZero();
  }

  private void move(int vectors) {
    Frames frames = new Frames();
    for (int i = 0; i < vectors; i++) {
      frames.dense("v" + i, random.vector(DIMENSIONS));
    }
    byte[] bytes = frames.toBytes();
    database.apply(write(bytes), bytes.length, frames.count(), 0);
  }

  private long allocatedBySearching(int mode) {
    byte[] queries = Frames.floats(random.vector(DIMENSIONS * 20));
    int address = write(queries);
    return allocatedBy(() -> {
      for (int i = 0; i < 20; i++) {
        database.search(address + i * DIMENSIONS * 4, DIMENSIONS, 10, 0, mode, 0, 0);
      }
    });
  }

  @ParameterizedTest
  @EnumSource(Quantization.class)
  void aSparseDeltaAllocatesNothing(Quantization quantization) {
    database = filled(Metric.COSINE, quantization);
    assertThat(
            allocatedByApplying(
                frames -> frames.sparse("v7", new int[] {1, 5, 40}, new float[] {1, 2, 3})))
        .isZero();
  }

  @ParameterizedTest
  @EnumSource(Quantization.class)
  void aDenseDeltaAllocatesNothing(Quantization quantization) {
    database = filled(Metric.COSINE, quantization);
    float[] vector = random.vector(DIMENSIONS);
    assertThat(allocatedByApplying(frames -> frames.dense("v7", vector))).isZero();
  }

  @Test
  void aBatchOfAHundredDeltasAllocatesNothing() {
    float[] vector = random.vector(DIMENSIONS);
    assertThat(
            allocatedByApplying(frames -> {
              for (int i = 0; i < 25; i++) {
                frames.sparse("v" + i, new int[] {i}, new float[] {i});
                frames.dense("v" + i, vector);
                frames.scale("v" + i, 0.5f);
                frames.offset("v" + i, 0.25f);
              }
            }))
        .isZero();
  }

  @Test
  void aVectorThatComesAndGoesAllocatesNothing() {
    float[] vector = random.vector(DIMENSIONS);
    assertThat(allocatedByApplying(frames -> frames.create("new", vector).delete("new"))).isZero();
  }

  @Test
  void aLookUpAllocatesNothing() {
    byte[] id = "v123".getBytes(StandardCharsets.UTF_8);
    int address = write(id);
    assertThat(
            allocatedBy(() -> {
              for (int i = 0; i < 100; i++) {
                database.find(address, id.length);
              }
            }))
        .isZero();
  }
}
