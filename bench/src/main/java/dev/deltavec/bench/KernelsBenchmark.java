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
  private int[] codeAddresses;
  private int[] codeAddresses4;
  private int codes;
  private int list;
  private int out;
  private int query;
  private int codeQuery;
  private int center;
  private int encoded;
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
    codes = Math.ceilDiv(floats, Kernels.CODE_BLOCK) * Kernels.CODE_BLOCK;
    list = allocate(2048);
    out = list + 1024;
    query = allocate(4 * floats);
    center = allocate(4 * floats);
    codeQuery = allocate(Kernels.queryBytes(codes));
    encoded = allocate(codes);
    Random random = new Random(1);
    addresses = addresses(4 * floats, new Random(2));
    codeAddresses = addresses(codes, new Random(2));
    codeAddresses4 = addresses(codes / 2, new Random(2));
    for (int row = 0; row < rows; row++) {
      fill(addresses[row], random);
      chosen.encode(addresses[row], 1, center, floats, codeAddresses[row], out);
      chosen.encode4(addresses[row], 1, center, floats, floats, codeAddresses4[row], out);
    }
    fill(query, random);
    chosen.encodeQuery(query, 1, center, floats, codeQuery, out);
  }

  private int allocate(int bytes) {
    return memory.allocate(Math.ceilDiv(bytes, Memory.REGION_UNIT) * Memory.REGION_UNIT);
  }

  /** Addresses of rows that lie one after another, in random order. */
  private int[] addresses(int bytes, Random random) {
    int data = allocate(rows * bytes);
    int[] shuffled = new int[rows];
    for (int i = 0; i < rows; i++) {
      int j = random.nextInt(i + 1);
      shuffled[i] = shuffled[j];
      shuffled[j] = data + i * bytes;
    }
    return shuffled;
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
    return nextOf(addresses);
  }

  private int nextOf(int[] rowsOfAKind) {
    next = next + 1 < rows ? next + 1 : 0;
    return rowsOfAKind[next];
  }

  private void listBatch(int[] rowsOfAKind) {
    for (int i = 0; i < BATCH; i++) {
      memory.putInt(list + 4 * i, nextOf(rowsOfAKind));
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
    listBatch(addresses);
    chosen.dotBatch(query, list, BATCH, floats, out);
    return memory.getFloat(out);
  }

  /** Sixteen squared distances. */
  @Benchmark
  public float squaredDistanceBatch() {
    listBatch(addresses);
    chosen.squaredDistanceBatch(query, list, BATCH, floats, out);
    return memory.getFloat(out);
  }

  /** The check of one vector for what is not finite. */
  @Benchmark
  public boolean allFinite() {
    return chosen.allFinite(row(), floats);
  }

  /** Sixteen dot products of 8-bit codes. */
  @Benchmark
  public int codeDotBatch() {
    listBatch(codeAddresses);
    chosen.codeDotBatch(codeQuery, list, BATCH, codes, out);
    return memory.getInt(out);
  }

  /** Sixteen dot products of 4-bit codes. */
  @Benchmark
  public int codeDotBatch4() {
    listBatch(codeAddresses4);
    chosen.codeDotBatch4(codeQuery, list, BATCH, codes, out);
    return memory.getInt(out);
  }

  /** One row of codes as a query, compared with one other. */
  @Benchmark
  public int queryOfCodes() {
    memory.putInt(list, nextOf(codeAddresses));
    chosen.queryOfCodes(nextOf(codeAddresses), codes, codeQuery);
    chosen.codeDotBatch(codeQuery, list, 1, codes, out);
    return memory.getInt(out);
  }

  /** As {@link #queryOfCodes}, with 4 bits. */
  @Benchmark
  public int queryOfCodes4() {
    memory.putInt(list, nextOf(codeAddresses4));
    chosen.queryOfCodes4(nextOf(codeAddresses4), codes, codeQuery);
    chosen.codeDotBatch4(codeQuery, list, 1, codes, out);
    return memory.getInt(out);
  }

  /** The 8-bit codes of one vector. */
  @Benchmark
  public int encode() {
    chosen.encode(row(), 1, center, floats, encoded, out);
    return memory.getInt(out + 4);
  }

  /** The 4-bit codes of one vector. */
  @Benchmark
  public int encode4() {
    chosen.encode4(row(), 1, center, floats, floats, encoded, out);
    return memory.getInt(out + 4);
  }

  /** One vector as a query. */
  @Benchmark
  public int encodeQuery() {
    chosen.encodeQuery(row(), 1, center, floats, codeQuery, out);
    return memory.getInt(out + 4);
  }
}
