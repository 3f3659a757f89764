package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.fails;
import static dev.deltavec.Checks.open;
import static dev.deltavec.Checks.sparse;
import static dev.deltavec.Checks.v;
import static dev.deltavec.Checks.vector;
import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import org.junit.jupiter.api.Test;

/** The smallest operation between two vectors. */
class DeltasTest {
  @Test
  void equalVectorsNeedNothing() {
    assertThat(Deltas.diff(v(1, 2), v(1, 2), 0)).isNull();
    assertThat(Deltas.diff(new float[0], new float[0], 0)).isNull();
    assertThat(Deltas.diff("a", v(1), v(1), 0, null)).isNull();
  }

  @Test
  void metadataAloneIsASparseOfNothing() {
    assertThat(Deltas.diff("a", v(1), v(1), 0, "{\"n\":1}"))
        .isEqualTo(sparse("a").withMetadata("{\"n\":1}"));
  }

  @Test
  void fewDifferencesAreSparse() {
    assertThat(Deltas.diff(v(1, 2, 3, 4, 5, 6), v(1, 9, 3, 4, 5, 7), 0))
        .isEqualTo(new DeltaOperation.Sparse(new int[] {1, 5}, v(9, 7)));
  }

  @Test
  void manyDifferencesAreDenseInACopy() {
    float[] to = v(4, 5, 6);
    DeltaOperation operation = Deltas.diff(v(1, 2, 3), to, 0);
    to[0] = 9;
    assertThat(operation).isEqualTo(new DeltaOperation.Dense(v(4, 5, 6)));
  }

  @Test
  void aRunOfDifferencesIsSparse() {
    float[] from = new float[100];
    float[] to = new float[100];
    int[] indices = new int[97];
    for (int i = 0; i < indices.length; i++) {
      indices[i] = i + 2;
      to[i + 2] = 1;
    }
    assertThat(Deltas.diff(from, to, 0))
        .isInstanceOfSatisfying(
            DeltaOperation.Sparse.class,
            sparse -> assertThat(sparse.indices()).containsExactly(indices));
  }

  @Test
  void differencesWithinTheToleranceStay() {
    assertThat(Deltas.diff(v(1, 2, 3, 4), v(1.1, 2.2, 3, 4), 0.15f))
        .isEqualTo(new DeltaOperation.Sparse(new int[] {1}, v(2.2)));
    assertThat(Deltas.diff(v(0.25), v(0.5), 0.25f)).isNull();
    assertThat(Deltas.diff(v(3e38), v(-3e38), Float.POSITIVE_INFINITY)).isNull();
  }

  @Test
  void withoutToleranceTheSignOfZeroCounts() {
    assertThat(Deltas.diff(v(0.0), v(-0.0), 0)).isEqualTo(new DeltaOperation.Dense(v(-0.0)));
    assertThat(Deltas.diff(v(0.0), v(-0.0), Float.MIN_VALUE)).isNull();
  }

  @Test
  void badArgumentsAreRefused() {
    fails(ErrorCode.DIMENSION_MISMATCH, "2.*1", () -> Deltas.diff(v(1), v(1, 2), 0));
    fails(ErrorCode.NOT_FINITE, "value 1\\b", () -> Deltas.diff(v(1, 2), v(1, Float.NaN), 0));
    fails(ErrorCode.INVALID_ARGUMENT, "tolerance", () -> Deltas.diff(v(1), v(1), -1));
    fails(ErrorCode.INVALID_ARGUMENT, "tolerance", () -> Deltas.diff(v(1), v(1), Float.NaN));
  }

  @Test
  void aDiffLeadsToTheNewVectorWithinItsTolerance() {
    for (int seed = 0; seed < 300; seed++) {
      Generator random = new Generator(seed);
      int dimensions = 1 + random.below(200);
      float[] from = random.vector(dimensions);
      float[] to = from.clone();
      int percent = random.below(101);
      for (int i = 0; i < dimensions; i++) {
        to[i] += random.chance(percent) ? random.gauss() : 0;
      }
      float tolerance = random.chance(50) ? 0 : random.below(100) / 100f;
      try (DeltaVectorDB db = open(dimensions)) {
        db.applyDelta(VectorDelta.create("a", from));
        VectorDelta delta = Deltas.diff("a", from, to, tolerance, null);
        if (delta != null) {
          db.applyDelta(delta);
        }
        float[] result = vector(db, "a");
        for (int i = 0; i < dimensions; i++) {
          assertThat(result[i] == to[i] || Math.abs(from[i] - to[i]) <= tolerance)
              .as("seed %d, value %d", seed, i)
              .isTrue();
        }
      }
    }
  }

  @Test
  void aDiffIsNeverLongerThanTheDense() {
    Generator random = new Generator(5);
    try (DeltaVectorDB db = open(300)) {
      db.applyDelta(creates("a", new double[300]));
      for (int i = 0; i < 200; i++) {
        float[] from = vector(db, "a");
        float[] to = from.clone();
        int percent = random.below(101);
        for (int k = 0; k < to.length; k++) {
          to[k] += random.chance(percent) ? 1 : 0;
        }
        VectorDelta delta = Deltas.diff("a", from, to, 0, null);
        if (delta == null) {
          continue;
        }
        long start = deltaBytes(db);
        db.applyDelta(delta);
        long sparse = deltaBytes(db) - start;
        db.applyDelta(VectorDelta.dense("a", to));
        assertThat(sparse).isLessThanOrEqualTo(deltaBytes(db) - start - sparse);
        assertThat(vector(db, "a")).containsExactly(to);
      }
    }
  }

  private static long deltaBytes(DeltaVectorDB db) {
    DeltaStats stats = db.stats();
    return stats.historyBytes() - stats.checkpointBytes();
  }
}
