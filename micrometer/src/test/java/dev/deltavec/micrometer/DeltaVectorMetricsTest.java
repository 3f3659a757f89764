package dev.deltavec.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.deltavec.CompactOptions;
import dev.deltavec.DeltaStats;
import dev.deltavec.DeltaVectorDB;
import dev.deltavec.Durability;
import dev.deltavec.ExportOptions;
import dev.deltavec.SearchOptions;
import dev.deltavec.VectorDelta;
import dev.deltavec.core.DeltaException;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeltaVectorMetricsTest {
  private static final float[] A = {1, 0, 0};
  private static final float[] B = {0, 1, 0};

  private final MockClock clock = new MockClock();
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry(SimpleConfig.DEFAULT, clock);

  private static DeltaVectorDB.Builder three() {
    return DeltaVectorDB.builder().dimensions(3);
  }

  private double gauge(String name, String... tags) {
    return registry.get(name).tags(tags).gauge().value();
  }

  private void later() {
    clock.add(DeltaVectorMetrics.MAX_AGE);
  }

  @Test
  void gaugesShowWhatStatsSay() {
    try (DeltaVectorDB db = three().build()) {
      new DeltaVectorMetrics(db).bindTo(registry);
      db.applyDeltas(List.of(VectorDelta.create("a", A), VectorDelta.create("b", B)));
      later();
      DeltaStats stats = db.stats();
      assertThat(gauge("deltavec.vectors")).isEqualTo(2);
      assertThat(gauge("deltavec.capacity")).isEqualTo(stats.capacity());
      assertThat(gauge("deltavec.memory", "area", "granted"))
          .isEqualTo((double) stats.memoryBytes());
      assertThat(gauge("deltavec.memory", "area", "history"))
          .isEqualTo((double) stats.historyBytes());
      assertThat(gauge("deltavec.history.deltas")).isEqualTo(2);
      assertThat(gauge("deltavec.index.vectors", "state", "linked"))
          .isEqualTo(stats.index().linked());
      assertThat(gauge("deltavec.index.recall")).isNaN();
      assertThat(registry.get("deltavec.deltas").functionCounter().count()).isEqualTo(2);
    }
  }

  @Test
  void statisticsAreAskedForAgainOnceTheyAreOld() {
    try (DeltaVectorDB db = three().build()) {
      new DeltaVectorMetrics(db).bindTo(registry);
      assertThat(gauge("deltavec.vectors")).isZero();
      db.applyDelta(VectorDelta.create("a", A));
      assertThat(gauge("deltavec.vectors")).isZero();
      later();
      assertThat(gauge("deltavec.vectors")).isEqualTo(1);
    }
  }

  @Test
  void callsAreTimedAndWhatTheyWereForIsCounted() {
    try (DeltaVectorDB db = three().build()) {
      new DeltaVectorMetrics(db).bindTo(registry);
      db.applyDeltas(List.of(VectorDelta.create("a", A), VectorDelta.create("b", B)));
      db.search(A, 1);
      db.searchBatch(new float[][] {A, B}, 1, SearchOptions.defaults());
      db.searchAt(A, 1, Instant.now());
      db.merge(new byte[0]);
      db.compact(CompactOptions.all());
      db.importFrom(db.export(ExportOptions.all()));
      for (String name : List.of("apply", "search.at", "merge", "compact", "export", "import")) {
        assertThat(registry.get("deltavec." + name).tag("outcome", "success").timer().count())
            .as(name)
            .isEqualTo(1);
      }
      assertThat(registry.get("deltavec.search").tag("outcome", "success").timer().count())
          .isEqualTo(2);
      assertThat(
              registry
                  .get("deltavec.search")
                  .tag("outcome", "success")
                  .timer()
                  .totalTime(java.util.concurrent.TimeUnit.NANOSECONDS))
          .isPositive();
      assertThat(registry.get("deltavec.search.queries").counter().count()).isEqualTo(3);
      assertThat(registry.get("deltavec.apply.deltas").counter().count()).isEqualTo(2);
    }
  }

  @Test
  void callsThatFailAreTimedApart() {
    try (DeltaVectorDB db = three().build()) {
      new DeltaVectorMetrics(db).bindTo(registry);
      assertThatThrownBy(() -> db.applyDelta(VectorDelta.delete("a")))
          .isInstanceOf(DeltaException.class);
      assertThat(registry.get("deltavec.apply").tag("outcome", "error").timer().count())
          .isEqualTo(1);
      assertThat(registry.get("deltavec.apply").tag("outcome", "success").timer().count()).isZero();
      assertThat(registry.get("deltavec.apply.deltas").counter().count()).isZero();
    }
  }

  @Test
  void tagsTellDatabasesApart() {
    try (DeltaVectorDB one = three().build();
        DeltaVectorDB two = three().build()) {
      new DeltaVectorMetrics(one, Tags.of("db", "one")).bindTo(registry);
      new DeltaVectorMetrics(two, Tags.of("db", "two")).bindTo(registry);
      two.applyDelta(VectorDelta.create("a", A));
      later();
      assertThat(gauge("deltavec.vectors", "db", "one")).isZero();
      assertThat(gauge("deltavec.vectors", "db", "two")).isEqualTo(1);
    }
  }

  @Test
  void afterTheDatabaseIsClosedGaugesHaveNoValueAndCountersStay() {
    DeltaVectorDB db = three().build();
    new DeltaVectorMetrics(db).bindTo(registry);
    db.applyDelta(VectorDelta.create("a", A));
    later();
    assertThat(registry.get("deltavec.deltas").functionCounter().count()).isEqualTo(1);
    db.close();
    later();
    assertThat(gauge("deltavec.vectors")).isNaN();
    assertThat(registry.get("deltavec.deltas").functionCounter().count()).isEqualTo(1);
  }

  @Test
  void closingTheMetricsRemovesTheMeters() {
    try (DeltaVectorDB db = three().build()) {
      DeltaVectorMetrics metrics = new DeltaVectorMetrics(db);
      metrics.bindTo(registry);
      assertThat(registry.getMeters()).isNotEmpty();
      metrics.close();
      db.applyDelta(VectorDelta.create("a", A));
      assertThat(registry.getMeters()).isEmpty();
    }
  }

  @Test
  void aDatabaseInFilesShowsWhatIsThere(@TempDir Path directory) {
    try (DeltaVectorDB db = three().durability(Durability.STRICT).open(directory)) {
      new DeltaVectorMetrics(db).bindTo(registry);
      db.applyDelta(VectorDelta.create("a", A));
      later();
      assertThat(gauge("deltavec.storage", "part", "log")).isPositive();
      assertThat(gauge("deltavec.storage", "part", "snapshots")).isZero();
      assertThat(gauge("deltavec.storage", "part", "pending")).isZero();
      assertThat(registry.get("deltavec.storage.checkpoint").timeGauge().value()).isNaN();
      db.checkpoint();
      later();
      assertThat(gauge("deltavec.storage", "part", "log")).isZero();
      assertThat(gauge("deltavec.storage", "part", "snapshots")).isPositive();
      assertThat(registry.get("deltavec.storage.checkpoint").timeGauge().value()).isPositive();
    }
  }

  @Test
  void aDatabaseInMemoryHasNoMetersOfStorage() {
    try (DeltaVectorDB db = three().build()) {
      new DeltaVectorMetrics(db).bindTo(registry);
      assertThat(registry.find("deltavec.storage").meters()).isEmpty();
    }
  }

  @Test
  void everyMeterIsInTheDocument(@TempDir Path directory) throws IOException {
    try (DeltaVectorDB db = three().open(directory)) {
      new DeltaVectorMetrics(db).bindTo(registry);
      Set<String> names =
          registry.getMeters().stream()
              .map(Meter::getId)
              .map(Meter.Id::getName)
              .collect(Collectors.toCollection(TreeSet::new));
      String document =
          Files.readString(Path.of("..", "docs", "metrics.md"), StandardCharsets.UTF_8);
      Set<String> documented =
          Pattern.compile("`(deltavec\\.[a-z.]+)`")
              .matcher(document)
              .results()
              .map((MatchResult match) -> match.group(1))
              .collect(Collectors.toCollection(TreeSet::new));
      assertThat(documented).isEqualTo(names);
    }
  }
}
