package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** Links that vectors have drifted away from: renewed when asked to, and while nobody writes. */
class RepairTest {
  private static final int VECTORS = 2000;
  private static final int MOVED = 100;

  /** A database of which some vectors have moved far, but too few for the writers to repair. */
  private static DeltaVectorDB drifted(DeltaVectorDB.Builder builder) {
    Generator random = new Generator(21);
    DeltaVectorDB db = builder.dimensions(16).build();
    List<VectorDelta> batch = new ArrayList<>();
    for (int i = 0; i < VECTORS; i++) {
      batch.add(VectorDelta.create("v" + i, random.vector(16)));
    }
    db.applyDeltas(batch);
    db.repair();
    move(db, random);
    return db;
  }

  private static void move(DeltaVectorDB db, Generator random) {
    for (int i = 0; i < MOVED; i++) {
      db.applyDelta(VectorDelta.dense("v" + i, random.vector(16)));
    }
  }

  private static DeltaVectorDB.Builder busy() {
    return DeltaVectorDB.builder().idleRepair(false);
  }

  private static void eventually(BooleanSupplier condition) throws InterruptedException {
    for (int i = 0; i < 3000 && !condition.getAsBoolean(); i++) {
      Thread.sleep(10);
    }
    assertThat(condition.getAsBoolean()).isTrue();
  }

  private static int pending(DeltaVectorDB db) {
    return db.stats().index().pendingRepairs();
  }

  @Test
  void whatHasDriftedIsPendingUntilItIsRepaired() {
    try (DeltaVectorDB db = drifted(busy())) {
      int pending = pending(db);
      assertThat(pending).isBetween(MOVED / 2, MOVED);
      assertThat(db.checkIndex().pending() + db.checkIndex().queued()).isEqualTo(pending);
      assertThat(db.repair()).isEqualTo(new RepairStats(pending, 0));
      assertThat(pending(db)).isZero();
      assertThat(db.repair()).isEqualTo(new RepairStats(0, 0));
      assertThat(db.checkIndex().ok()).isTrue();
    }
  }

  @Test
  void aBudgetOfNothingRepairsNothing() {
    try (DeltaVectorDB db = drifted(busy())) {
      int pending = pending(db);
      assertThat(db.repair(Duration.ZERO)).isEqualTo(new RepairStats(0, pending));
    }
  }

  @Test
  void smallBudgetsRepairAllInTheEnd() {
    try (DeltaVectorDB db = drifted(busy())) {
      int pending = pending(db);
      int repaired = 0;
      for (RepairStats stats = new RepairStats(0, pending); stats.pending() > 0; ) {
        stats = db.repair(Duration.ofNanos(100_000));
        repaired += stats.repaired();
        assertThat(stats.pending()).isEqualTo(pending - repaired).isEqualTo(pending(db));
      }
      assertThat(repaired).isEqualTo(pending);
      assertThat(db.checkIndex().ok()).isTrue();
    }
  }

  @Test
  void anEndlessBudgetIsEnough() {
    try (DeltaVectorDB db = drifted(busy())) {
      assertThat(db.repair(Duration.ofSeconds(Long.MAX_VALUE)).pending()).isZero();
    }
  }

  @Test
  void aNegativeBudgetIsRefused() {
    try (DeltaVectorDB db = open(1)) {
      fails(
          ErrorCode.INVALID_ARGUMENT, "budget.*PT-0.001S", () -> db.repair(Duration.ofMillis(-1)));
    }
  }

  @Test
  void repairChangesNoVector() {
    try (DeltaVectorDB db = drifted(busy())) {
      String digest = db.stateDigest();
      long position = db.position();
      db.repair();
      assertThat(db.stateDigest()).isEqualTo(digest);
      assertThat(db.position()).isEqualTo(position);
    }
  }

  // ---------------------------------------------------------------- idle

  @Test
  void whileNobodyWritesEverythingIsRepaired() throws InterruptedException {
    try (DeltaVectorDB db = drifted(DeltaVectorDB.builder())) {
      eventually(() -> pending(db) == 0);
      assertThat(db.checkIndex().ok()).isTrue();
      move(db, new Generator(22));
      eventually(() -> pending(db) == 0);
      assertThat(db.checkIndex().ok()).isTrue();
    }
  }

  @Test
  void whatAMergeBringsIsRepairedWhileNobodyWrites() throws InterruptedException {
    try (DeltaVectorDB there = drifted(busy());
        DeltaVectorDB here = DeltaVectorDB.builder().dimensions(16).build()) {
      here.merge(there.deltasSince(null));
      eventually(() -> pending(here) == 0);
      assertThat(here.checkIndex().ok()).isTrue();
    }
  }

  @Test
  void withoutIdleRepairWhatIsPendingStaysSo() throws InterruptedException {
    try (DeltaVectorDB db = drifted(busy());
        DeltaVectorDB other = drifted(DeltaVectorDB.builder())) {
      int pending = pending(db);
      eventually(() -> pending(other) == 0);
      assertThat(pending(db)).isEqualTo(pending);
    }
  }

  @Test
  void oneThreadRepairsAllDatabases() throws InterruptedException {
    List<DeltaVectorDB> databases = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      databases.add(drifted(DeltaVectorDB.builder()));
    }
    for (DeltaVectorDB db : databases) {
      eventually(() -> pending(db) == 0);
      db.close();
    }
    assertThat(
            Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("deltavec-repair")))
        .hasSize(1)
        .allMatch(Thread::isDaemon);
  }

  @Test
  void aDatabaseCanBeClosedWhileItIsRepaired() throws InterruptedException {
    for (int i = 0; i < 5; i++) {
      DeltaVectorDB db = drifted(DeltaVectorDB.builder());
      Thread.sleep(2L * i);
      db.close();
    }
    try (DeltaVectorDB db = drifted(DeltaVectorDB.builder())) {
      eventually(() -> pending(db) == 0);
    }
  }

  @Test
  void aDatabaseThatNobodyHoldsIsNotHeldByRepairs() throws InterruptedException {
    WeakReference<DeltaVectorDB> forgotten = new WeakReference<>(drifted(DeltaVectorDB.builder()));
    eventually(() -> {
      System.gc();
      return forgotten.get() == null;
    });
  }

  @Test
  void repairsGoOnBesideReadersAndWriters() throws InterruptedException, ExecutionException {
    try (DeltaVectorDB db = drifted(DeltaVectorDB.builder());
        ExecutorService threads = Executors.newFixedThreadPool(3)) {
      List<Future<?>> work = new ArrayList<>();
      for (int thread = 0; thread < 3; thread++) {
        Generator random = new Generator(thread);
        work.add(
            threads.submit(() -> {
              for (int i = 0; i < 400; i++) {
                float[] vector = random.vector(16);
                String id = "v" + random.below(VECTORS);
                db.applyDelta(VectorDelta.dense(id, vector));
                assertThat(db.search(vector, 5)).hasSize(5);
                if (i % 50 == 0) {
                  Thread.sleep(8); // long enough for a repair
                  db.repair(Duration.ofMillis(1));
                }
              }
              return null;
            }));
      }
      for (Future<?> one : work) {
        one.get();
      }
      eventually(() -> pending(db) == 0);
      assertThat(db.checkIndex().ok()).isTrue();
    }
  }

  @Test
  void anEmptyDatabaseHasNothingToRepair() {
    try (DeltaVectorDB db = open(3)) {
      assertThat(db.repair()).isEqualTo(new RepairStats(0, 0));
      db.applyDeltas(List.of(creates("a", 1, 2, 3), VectorDelta.delete("a")));
      assertThat(db.repair().pending()).isZero();
      assertThat(db.checkIndex().ok()).isTrue();
    }
  }
}
