package dev.deltavec.bench;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.SearchResult;
import dev.deltavec.VectorDelta;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
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

/** The Java API, as applications call it. It allocates what it returns, and little else. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@NullUnmarked
public class ApiBenchmark {
  private static final int K = 10;
  private static final int BATCH = 100;
  private static final int SPARSE_VALUES = 19;

  /** The folder of the data. */
  @Param("data")
  public String data;

  /** How many vectors, at most those of the data. */
  @Param("2000")
  public int vectors;

  private final float[] target = new float[Rows.DIMENSIONS];
  private DeltaVectorDB db;
  private float[][] base;
  private float[][] queries;
  private String[] ids;
  private VectorDelta[] sparse;
  private VectorDelta[] dense;
  private List<List<VectorDelta>> batches;
  private int next;

  /** Fills the database and makes the deltas. */
  @Setup
  public void setUp() {
    base = Rows.read(Path.of(data, "wordnet-384-base.f32"), vectors);
    queries = Rows.read(Path.of(data, "wordnet-384-query.f32"), Integer.MAX_VALUE);
    db = filled();
    int n = base.length;
    Random random = new Random(1);
    ids = IntStream.range(0, n).mapToObj(i -> "v" + random.nextInt(n)).toArray(String[]::new);
    sparse = new VectorDelta[n];
    dense = new VectorDelta[n];
    for (int i = 0; i < n; i++) {
      int[] indices =
          random.ints(0, Rows.DIMENSIONS).distinct().limit(SPARSE_VALUES).sorted().toArray();
      float[] values = new float[SPARSE_VALUES];
      for (int j = 0; j < SPARSE_VALUES; j++) {
        values[j] = (float) random.nextGaussian() * 0.05f;
      }
      int vector = random.nextInt(n);
      sparse[i] = VectorDelta.sparse("v" + vector, indices, values);
      dense[i] = VectorDelta.dense("v" + vector, base[vector]);
    }
    batches = new ArrayList<>();
    for (int i = 0; i + BATCH <= n; i += BATCH) {
      batches.add(List.of(sparse).subList(i, i + BATCH));
    }
  }

  private DeltaVectorDB filled() {
    DeltaVectorDB fresh = DeltaVectorDB.builder().maxVectors(base.length).build();
    for (int i = 0; i < base.length; i++) {
      fresh.applyDelta(VectorDelta.create("v" + i, base[i]));
    }
    return fresh;
  }

  /** Closes the database. */
  @TearDown
  public void tearDown() {
    db.close();
  }

  private int next(int bound) {
    next = next + 1 < bound ? next + 1 : 0;
    return next;
  }

  /** The making of a database of all vectors. */
  @Benchmark
  @BenchmarkMode(Mode.SingleShotTime)
  @OutputTimeUnit(TimeUnit.MILLISECONDS)
  @Warmup(iterations = 5)
  @Measurement(iterations = 5)
  public int build() {
    try (DeltaVectorDB fresh = filled()) {
      return fresh.size();
    }
  }

  /** The ten nearest to a query. */
  @Benchmark
  public List<SearchResult> search() {
    return db.search(queries[next(queries.length)], K);
  }

  /** One sparse delta of 5 % of the values. */
  @Benchmark
  public String applySparse() {
    return db.applyDelta(sparse[next(sparse.length)]);
  }

  /** One dense delta. */
  @Benchmark
  public String applyDense() {
    return db.applyDelta(dense[next(dense.length)]);
  }

  /** A batch of 100 sparse deltas. */
  @Benchmark
  public List<String> applyBatch() {
    return db.applyDeltas(batches.get(next(batches.size())));
  }

  /** A copy of a vector. */
  @Benchmark
  public float[] getVector() {
    return db.getVector(ids[next(ids.length)]);
  }

  /** A copy of a vector into an array that is there. */
  @Benchmark
  public float getVectorInto() {
    db.getVectorInto(ids[next(ids.length)], target);
    return target[0];
  }

  /** A view on a vector. */
  @Benchmark
  public FloatBuffer getVectorView() {
    return db.getVectorView(ids[next(ids.length)]);
  }
}
