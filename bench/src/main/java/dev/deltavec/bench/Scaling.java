package dev.deltavec.bench;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.VectorDelta;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntSupplier;

/**
 * How searches scale with threads: queries a second of several threads by those of one, alone and
 * beside a thread that writes. Rounds take turns, ratios are of neighbours, and what the machine
 * has to give is measured beside: threads that only count, by one that does. Where others use the
 * machine, too, look at the time on processors: searches that wait for each other are less busy
 * than threads that count, and those that get into each other's way do less in a second of it.
 *
 * <p>Arguments: number of threads (2), rounds (9), number of vectors (2,000), folder of the data
 * (data).
 */
public final class Scaling {
  private static final int K = 10;
  private static final long ROUND_NANOS = 200_000_000;
  private static final long WRITE_PAUSE_NANOS = 1_000_000;

  private final DeltaVectorDB db;
  private final float[][] base;
  private final float[][] queries;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  private Scaling(DeltaVectorDB db, float[][] base, float[][] queries) {
    this.db = db;
    this.base = base;
    this.queries = queries;
  }

  /** Measures, and prints a table. */
  public static void main(String[] args) throws Exception {
    int threads = args.length > 0 ? Integer.parseInt(args[0]) : 2;
    int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 9;
    int vectors = args.length > 2 ? Integer.parseInt(args[2]) : 2000;
    Path data = Path.of(args.length > 3 ? args[3] : "data");
    float[][] base = Rows.read(data.resolve("wordnet-384-base.f32"), vectors);
    float[][] queries = Rows.read(data.resolve("wordnet-384-query.f32"), Integer.MAX_VALUE);
    try (DeltaVectorDB db = DeltaVectorDB.builder().maxVectors(base.length).build()) {
      for (int i = 0; i < base.length; i++) {
        db.applyDelta(VectorDelta.create("v" + i, base[i]));
      }
      new Scaling(db, base, queries).run(threads, rounds);
    }
  }

  private void run(int threadCount, int rounds) throws Exception {
    System.out.printf(
        Locale.ROOT,
        "%d vectors x %d, k=%d, %d processors; a round is %d ms, medians of %d%n%n",
        base.length,
        Rows.DIMENSIONS,
        K,
        Runtime.getRuntime().availableProcessors(),
        ROUND_NANOS / 1_000_000,
        rounds);
    // What one round warms up, the next needs: the first ones do not count.
    for (int i = 0; i < 25; i++) {
      measure(threadCount, this::search);
    }
    row("searches", threadCount, rounds, this::search, false);
    row("searches beside a writer", threadCount, rounds, this::search, true);
    row("the machine (counting)", threadCount, rounds, Scaling::count, false);
    threads.shutdown();
  }

  private void row(String name, int threadCount, int rounds, IntSupplier work, boolean writing)
      throws Exception {
    double[] one = new double[rounds];
    double[] many = new double[rounds];
    double[] ratios = new double[rounds];
    double[] work1 = new double[rounds];
    double[] workN = new double[rounds];
    double[] busy = new double[rounds];
    AtomicBoolean end = new AtomicBoolean(!writing);
    Future<Integer> writer = threads.submit(() -> write(end));
    for (int i = 0; i < rounds; i++) {
      Rate single = measure(1, work);
      Rate together = measure(threadCount, work);
      one[i] = single.perSecond;
      many[i] = together.perSecond;
      ratios[i] = many[i] / one[i];
      work1[i] = single.perSecond / single.busy;
      workN[i] = together.perSecond / together.busy;
      busy[i] = together.busy;
    }
    end.set(true);
    int written = writer.get();
    System.out.printf(
        Locale.ROOT,
        "%-26s 1 thread %,9.0f /s   %d threads %,9.0f /s   ratio %.2f   "
            + "in a second of CPU %,9.0f and %,9.0f   busy %.2f of %d%s%n",
        name,
        median(one),
        threadCount,
        median(many),
        median(ratios),
        median(work1),
        median(workN),
        median(busy),
        threadCount,
        writing ? "   deltas written " + written : "");
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  /** How often threads did work in a second together, and how much CPU they had of it. */
  private record Rate(double perSecond, double busy) {
    Rate plus(Rate other) {
      return new Rate(perSecond + other.perSecond, busy + other.busy);
    }
  }

  private Rate measure(int threadCount, IntSupplier work) throws Exception {
    List<Future<Rate>> rates = new ArrayList<>();
    for (int i = 0; i < threadCount; i++) {
      rates.add(threads.submit(() -> measure(work)));
    }
    Rate sum = new Rate(0, 0);
    for (Future<Rate> rate : rates) {
      sum = sum.plus(rate.get());
    }
    return sum;
  }

  private static Rate measure(IntSupplier work) {
    ThreadMXBean clock = ManagementFactory.getThreadMXBean();
    long used = clock.getCurrentThreadCpuTime();
    long start = System.nanoTime();
    long done = 0;
    long now = start;
    while (now - start < ROUND_NANOS) {
      done += work.getAsInt();
      now = System.nanoTime();
    }
    double cpu = clock.getCurrentThreadCpuTime() - used;
    return new Rate(done * 1e9 / (now - start), cpu / (now - start));
  }

  /** Searches for some queries. */
  private int search() {
    int first = (int) (System.nanoTime() & 0xff);
    int n = 0;
    for (int i = 0; i < 16; i++) {
      n += db.search(queries[(first + i * 7) % queries.length], K).isEmpty() ? 0 : 1;
    }
    return n;
  }

  /** Works, and touches nothing. */
  private static int count() {
    long x = System.nanoTime() | 1;
    for (int i = 0; i < 10_000; i++) {
      x ^= x << 13;
      x ^= x >>> 7;
      x ^= x << 17;
    }
    return x == 0 ? 0 : 1;
  }

  /** Moves vectors, a thousand in a second at most. */
  private int write(AtomicBoolean end) throws InterruptedException {
    Random random = new Random(1);
    int written = 0;
    while (!end.get()) {
      int vector = random.nextInt(base.length);
      int[] indices = {random.nextInt(Rows.DIMENSIONS)};
      float[] values = {(float) random.nextGaussian() * 0.05f};
      db.applyDelta(VectorDelta.sparse("v" + vector, indices, values));
      written++;
      Thread.sleep(0, (int) WRITE_PAUSE_NANOS - 1);
    }
    return written;
  }
}
