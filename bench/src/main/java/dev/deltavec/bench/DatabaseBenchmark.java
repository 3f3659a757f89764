package dev.deltavec.bench;

import dev.deltavec.core.Database;
import dev.deltavec.core.DatabaseOptions;
import dev.deltavec.core.Quantization;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.memory.Buffer;
import dev.deltavec.core.memory.Heap;
import dev.deltavec.jvm.Platform;
import dev.deltavec.jvm.SegmentMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
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
 * The core's hot paths, called as a face calls them: frames, queries and results are in memory. Run
 * with {@code -prof gc}, it shows that they allocate nothing.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@NullUnmarked
public class DatabaseBenchmark {
  private static final int K = 10;
  private static final int BATCH = 100;
  private static final int SPARSE_VALUES = 19;
  private static final long NOW = 1_700_000_000_000L;

  /** The folder of the data. */
  @Param("data")
  public String data;

  /** How many vectors, at most those of the data. */
  @Param("2000")
  public int vectors;

  /** What searches walk on; {@code -p quantization=INT8,INT4,NONE} compares. */
  @Param("INT8")
  public Quantization quantization;

  private SegmentMemory memory;
  private Heap inputs;
  private Database database;

  /** Addresses of frames that lie one behind the other, and the end of the last. */
  private int[] sparse;

  private int[] dense;
  private int[] ids;
  private int[] idBytes;
  private int[] queries;
  private int next;

  /** Fills the database, and puts all input into memory. */
  @Setup
  public void setUp() {
    float[][] base = Rows.read(Path.of(data, "wordnet-384-base.f32"), vectors);
    float[][] asked = Rows.read(Path.of(data, "wordnet-384-query.f32"), Integer.MAX_VALUE);
    memory = new SegmentMemory();
    inputs = new Heap(memory);
    DatabaseOptions options = DatabaseOptions.builder().quantization(quantization).build();
    database = new Database(memory, Platform.kernels(memory), options);
    Random random = new Random(1);
    int n = base.length;
    ByteBuffer scratch = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    Buffer frame = new Buffer(inputs);
    for (int i = 0; i < n; i++) {
      int bytes = create(scratch, Frame.CREATE, i, base[i]);
      database.apply(put(frame.reserve(bytes), scratch), bytes, 1, NOW);
    }
    sparse = new int[n + 1];
    dense = new int[n + 1];
    int at = new Buffer(inputs).reserve(n * 200);
    for (int i = 0; i < n; i++) {
      sparse[i] = at;
      at += sparse(scratch, random.nextInt(n), random);
      put(sparse[i], scratch);
    }
    sparse[n] = at;
    at = new Buffer(inputs).reserve(n * (Rows.DIMENSIONS * 4 + 32));
    for (int i = 0; i < n; i++) {
      int vector = random.nextInt(n);
      dense[i] = at;
      at += create(scratch, Frame.DENSE, vector, base[vector]);
      put(dense[i], scratch);
    }
    dense[n] = at;
    ids = new int[n];
    idBytes = new int[n];
    int text = new Buffer(inputs).reserve(n * 16);
    for (int i = 0; i < n; i++, text += 16) {
      byte[] id = id(random.nextInt(n));
      ids[i] = text;
      idBytes[i] = id.length;
      for (int j = 0; j < id.length; j++) {
        memory.putByte(text + j, id[j]);
      }
    }
    queries = new int[asked.length];
    for (int i = 0; i < asked.length; i++) {
      queries[i] = new Buffer(inputs).reserve(Rows.DIMENSIONS * 4);
      memory.putFloats(queries[i], asked[i]);
    }
  }

  private static byte[] id(int vector) {
    return ("v" + vector).getBytes(StandardCharsets.UTF_8);
  }

  /** Writes a frame of docs/format.md; returns its bytes. */
  private static int create(ByteBuffer frame, int operation, int vector, float[] values) {
    begin(frame, operation, vector);
    frame.put((byte) (values.length & 0x7f | 0x80)).put((byte) (values.length >>> 7));
    for (float value : values) {
      frame.putFloat(value);
    }
    return end(frame);
  }

  private static int sparse(ByteBuffer frame, int vector, Random random) {
    begin(frame, Frame.SPARSE, vector);
    frame.put((byte) SPARSE_VALUES);
    for (int i = 0; i < SPARSE_VALUES; i++) {
      frame.put((byte) random.nextInt(20));
    }
    for (int i = 0; i < SPARSE_VALUES; i++) {
      frame.putFloat((float) random.nextGaussian() * 0.05f);
    }
    return end(frame);
  }

  private static void begin(ByteBuffer frame, int operation, int vector) {
    byte[] id = id(vector);
    frame.clear().putLong(0).put((byte) operation).put((byte) id.length).put(id);
  }

  private static int end(ByteBuffer frame) {
    frame.flip();
    frame.putInt(0, frame.limit() | Frame.VERSION << 24);
    return frame.limit();
  }

  private int put(int address, ByteBuffer frame) {
    for (int i = 0; i < frame.limit(); i++) {
      memory.putByte(address + i, frame.get(i));
    }
    return address;
  }

  /** Gives the memory back. */
  @TearDown
  public void tearDown() {
    database.close();
    inputs.close();
    memory.close();
  }

  private int next(int step, int bound) {
    next = next + step < bound ? next + step : 0;
    return next;
  }

  /** The ten nearest to a query. */
  @Benchmark
  public int search() {
    return database.search(queries[next(1, queries.length)], Rows.DIMENSIONS, K, 0, 0, 0, 0);
  }

  /** One sparse delta of 5 % of the values. */
  @Benchmark
  public int applySparse() {
    return apply(sparse, 1);
  }

  /** One dense delta. */
  @Benchmark
  public int applyDense() {
    return apply(dense, 1);
  }

  /** A batch of 100 sparse deltas. */
  @Benchmark
  public int applyBatch() {
    return apply(sparse, BATCH);
  }

  private int apply(int[] frames, int count) {
    int first = next(count, ids.length - count + 1);
    int start = frames[first];
    return database.apply(start, frames[first + count] - start, count, NOW);
  }

  /** The look-up of a vector. */
  @Benchmark
  public int find() {
    int i = next(1, ids.length);
    return database.find(ids[i], idBytes[i]);
  }
}
