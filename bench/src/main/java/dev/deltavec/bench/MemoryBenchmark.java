package dev.deltavec.bench;

import dev.deltavec.core.memory.Memory;
import dev.deltavec.jvm.SegmentMemory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What one access to the memory of the JVM costs: ns for each of a thousand. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(2)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@NullUnmarked
public class MemoryBenchmark {
  private static final int ACCESSES = 1000;

  /** How much is accessed: what fits the caches of a core, and what does not. */
  @Param({"16", "8192"})
  public int kibibytes;

  private Memory memory;
  private SegmentMemory owner;
  private int base;
  private int mask;

  /** Links all words into one random ring. */
  @Setup
  public void setUp() {
    owner = new SegmentMemory();
    memory = owner;
    base = memory.allocate(Math.max(kibibytes << 10, Memory.REGION_UNIT));
    int words = kibibytes << 8;
    mask = words - 1;
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < words; i++) {
      order.add(i);
    }
    Collections.shuffle(order, new Random(1));
    for (int i = 0; i < words; i++) {
      memory.putInt(base + 4 * order.get(i), base + 4 * order.get((i + 1) % words));
    }
  }

  /** Gives the memory back. */
  @TearDown
  public void tearDown() {
    owner.close();
  }

  /** Reads where each address depends on the last value. */
  @Benchmark
  @OperationsPerInvocation(ACCESSES)
  public int chase() {
    Memory memory = this.memory;
    int address = base;
    for (int i = 0; i < ACCESSES; i++) {
      address = memory.getInt(address);
    }
    return address;
  }

  /** Reads at scattered addresses that are known beforehand. */
  @Benchmark
  @OperationsPerInvocation(ACCESSES)
  public int scattered() {
    Memory memory = this.memory;
    int sum = 0;
    int random = 1;
    for (int i = 0; i < ACCESSES; i++) {
      random = random * 1_103_515_245 + 12_345;
      sum += memory.getInt(base + ((random >>> 4 & mask) << 2));
    }
    return sum;
  }

  /** Reads one word after the other. */
  @Benchmark
  @OperationsPerInvocation(ACCESSES)
  public int linear() {
    Memory memory = this.memory;
    int sum = 0;
    for (int i = 0; i < ACCESSES; i++) {
      sum += memory.getInt(base + (i << 2));
    }
    return sum;
  }
}
