package dev.deltavec.bench;

import dev.deltavec.core.memory.Kernels;
import dev.deltavec.core.memory.Memory;
import dev.deltavec.core.memory.ScalarKernels;
import dev.deltavec.jvm.PlainKernels;
import dev.deltavec.jvm.SegmentMemory;
import dev.deltavec.jvm.VectorKernels;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The arithmetic of a search. A batch is 16 rows: about what one step of the graph walk compares.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@NullUnmarked
public class KernelsBenchmark {
  private static final int BATCH = 16;

  /** On the Vector API, in plain Java, or the reference that goes through the interface. */
  @Param({"vector", "plain", "scalar"})
  public String kernels;

  /** How many rows take turns: what fits the caches of a core, and what does not. */
  @Param({"64", "10000"})
  public int rows;

  /** Length of a row, a multiple of 16. */
  @Param("384")
  public int floats;

  private SegmentMemory memory;
  private Kernels chosen;
  private int[] addresses;
  private int list;
  private int out;
  private int query;
  private int next;

  /** Fills the rows; they are visited in random order. */
  @Setup
  public void setUp() {
    memory = new SegmentMemory();
    chosen =
        switch (kernels) {
          case "vector" -> new VectorKernels(memory);
          case "plain" -> new PlainKernels(memory);
          default -> new ScalarKernels(memory);
        };
    int unit = Memory.REGION_UNIT;
    list = memory.allocate(8 * unit);
    out = list + 1024;
    query = list + unit;
    int data = memory.allocate(Math.ceilDiv(rows * floats * 4, unit) * unit);
    Random random = new Random(1);
    addresses = new int[rows];
    for (int row = 0; row < rows; row++) {
      addresses[row] = data + row * floats * 4;
      fill(addresses[row], random);
    }
    fill(query, random);
    for (int i = rows - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int address = addresses[i];
      addresses[i] = addresses[j];
      addresses[j] = address;
    }
  }

  private void fill(int row, Random random) {
    for (int i = 0; i < floats; i++) {
      memory.putFloat(row + 4 * i, random.nextFloat() - 0.5f);
    }
  }

  /** Gives the memory back. */
  @TearDown
  public void tearDown() {
    memory.close();
  }

  private int row() {
    next = next + 1 < rows ? next + 1 : 0;
    return addresses[next];
  }

  private void listBatch() {
    for (int i = 0; i < BATCH; i++) {
      memory.putInt(list + 4 * i, row());
    }
  }

  /** One dot product. */
  @Benchmark
  public float dot() {
    return chosen.dot(query, row(), floats);
  }

  /** One squared distance. */
  @Benchmark
  public float squaredDistance() {
    return chosen.squaredDistance(query, row(), floats);
  }

  /** Sixteen dot products. */
  @Benchmark
  public float dotBatch() {
    listBatch();
    chosen.dotBatch(query, list, BATCH, floats, out);
    return memory.getFloat(out);
  }

  /** Sixteen squared distances. */
  @Benchmark
  public float squaredDistanceBatch() {
    listBatch();
    chosen.squaredDistanceBatch(query, list, BATCH, floats, out);
    return memory.getFloat(out);
  }

  /** The check of one vector for what is not finite. */
  @Benchmark
  public boolean allFinite() {
    return chosen.allFinite(row(), floats);
  }
}
