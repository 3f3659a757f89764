package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.Shrinker;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Random batches, right and wrong, against a naive model. */
class ModelTest {
  private static final int DIMENSIONS = 3;
  private static final int CAPACITY = 5;
  private static final List<String> IDS = List.of("a", "b", "c", "größe", "🦀", "d", "e");

  /** A naive database: vectors by id. */
  private static final class Model {
    final Map<String, float[]> vectors = new HashMap<>();

    Model copy() {
      Model copy = new Model();
      vectors.forEach((id, vector) -> copy.vectors.put(id, vector.clone()));
      return copy;
    }

    /** Applies a delta; says why it must be refused, or null. */
    @Nullable ErrorCode apply(VectorDelta delta) {
      String id = delta.vectorId();
      float[] vector = vectors.get(id);
      boolean creates = delta.operation() instanceof DeltaOperation.Create;
      if (creates != (vector == null)) {
        return creates ? ErrorCode.VECTOR_EXISTS : ErrorCode.VECTOR_NOT_FOUND;
      }
      float[] next =
          switch (delta.operation()) {
            case DeltaOperation.Create(float[] values) -> values.clone();
            case DeltaOperation.Dense(float[] values) -> values.clone();
            case DeltaOperation.Sparse(int[] indices, float[] values) -> {
              float[] changed = Objects.requireNonNull(vector).clone();
              for (int i = 0; i < indices.length; i++) {
                changed[indices[i]] = values[i];
              }
              yield changed;
            }
            case DeltaOperation.Scale(float factor) -> {
              float[] changed = Objects.requireNonNull(vector).clone();
              for (int i = 0; i < DIMENSIONS; i++) {
                changed[i] *= factor;
              }
              yield changed;
            }
            case DeltaOperation.Offset(float amount) -> {
              float[] changed = Objects.requireNonNull(vector).clone();
              for (int i = 0; i < DIMENSIONS; i++) {
                changed[i] += amount;
              }
              yield changed;
            }
            case DeltaOperation.Delete() -> new float[0];
          };
      if (delta.operation() instanceof DeltaOperation.Delete) {
        vectors.remove(id);
        return null;
      }
      if (next.length != DIMENSIONS) {
        return ErrorCode.DIMENSION_MISMATCH;
      }
      for (float value : next) {
        if (!Float.isFinite(value)) {
          return ErrorCode.NOT_FINITE;
        }
      }
      if (creates && vectors.size() == CAPACITY) {
        return ErrorCode.CAPACITY_EXCEEDED;
      }
      vectors.put(id, next);
      return null;
    }
  }

  private static float value(Generator random) {
    return switch (random.below(40)) {
      case 0 -> Float.NaN;
      case 1 -> 3e38f;
      case 2 -> -0.0f;
      default -> random.below(7) - 3;
    };
  }

  private static float[] values(Generator random, int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = value(random);
    }
    return values;
  }

  private static float[] vector(Generator random) {
    return values(random, random.chance(95) ? DIMENSIONS : random.below(6));
  }

  private static VectorDelta delta(Generator random) {
    String id = random.pick(IDS);
    return switch (random.below(8)) {
      case 0, 1, 2 -> VectorDelta.create(id, vector(random));
      case 3 -> {
        int[] indices = {0, 1, 2};
        int first = random.below(3);
        indices[0] = indices[first];
        indices[first] = 0;
        int n = random.below(4);
        yield VectorDelta.sparse(id, Arrays.copyOf(indices, n), values(random, n));
      }
      case 4 -> VectorDelta.dense(id, vector(random));
      case 5 -> VectorDelta.scale(id, value(random));
      case 6 -> VectorDelta.offset(id, value(random));
      default -> VectorDelta.delete(id);
    };
  }

  private static @Nullable String differs(DeltaVectorDB db, Model model) {
    if (!new TreeSet<>(db.ids()).equals(new TreeSet<>(model.vectors.keySet()))) {
      return "ids are " + db.ids() + ", not " + model.vectors.keySet();
    }
    for (String id : IDS) {
      if (!Arrays.equals(db.getVector(id), model.vectors.get(id))) {
        return id + " is " + Arrays.toString(db.getVector(id));
      }
    }
    List<String> found =
        db.search(new float[] {1, 2, 3}, IDS.size()).stream().map(SearchResult::id).toList();
    return new TreeSet<>(found).equals(model.vectors.keySet()) && found.size() == db.size()
        ? null
        : "found are " + found;
  }

  private static @Nullable String run(List<List<VectorDelta>> batches) {
    try (DeltaVectorDB db =
            DeltaVectorDB.builder().dimensions(DIMENSIONS).maxVectors(CAPACITY).build();
        DeltaVectorDB fresh = Checks.open(DIMENSIONS)) {
      Model model = new Model();
      for (List<VectorDelta> batch : batches) {
        Model next = model.copy();
        ErrorCode expected = null;
        int index = -1;
        for (int i = 0; i < batch.size() && expected == null; i++) {
          expected = next.apply(batch.get(i));
          index = i;
        }
        String digest = db.stateDigest();
        ErrorCode actual = null;
        try {
          db.applyDeltas(batch);
        } catch (DeltaException e) {
          actual = e.code();
          if (e.index() != index || !db.stateDigest().equals(digest)) {
            return e + " at " + e.index() + ", not " + index + ", or the state has changed";
          }
        }
        if (actual != expected) {
          return actual + " instead of " + expected + " for " + batch;
        }
        if (expected == null) {
          model = next;
        }
        String difference = differs(db, model);
        if (difference != null) {
          return difference + " after " + batch;
        }
      }
      model.vectors.forEach((id, vector) -> fresh.applyDelta(VectorDelta.create(id, vector)));
      return fresh.stateDigest().equals(db.stateDigest()) ? null : "the digest tells of history";
    }
  }

  @Test
  void randomBatchesDoWhatANaiveModelDoes() {
    int refused = 0;
    for (int seed = 0; seed < 400; seed++) {
      Generator random = new Generator(seed);
      List<List<VectorDelta>> batches = new ArrayList<>();
      for (int i = 0; i < 25; i++) {
        List<VectorDelta> batch = new ArrayList<>();
        for (int n = random.below(5); n >= 0; n--) {
          batch.add(delta(random));
        }
        batches.add(batch);
        refused += batch.size() > 3 ? 1 : 0;
      }
      Shrinker.check(seed, batches, ModelTest::run);
    }
    assertThat(refused).isPositive();
  }
}
