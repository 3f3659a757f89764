package dev.deltavec.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.support.ArrayMemory;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.Shrinker;
import dev.deltavec.core.support.TestDatabase;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Random batches, valid and not, against a naive map of vectors. */
class DatabaseModelTest {
  private static final int SEEDS = Integer.getInteger("deltavec.seeds", 400);
  private static final int DIMENSIONS = 5;
  private static final int MAX_VECTORS = 24;

  /** One delta; {@code operation} 0 stands for a change of metadata only. */
  private record Step(
      boolean endsBatch,
      int operation,
      String id,
      long time,
      int[] indices,
      float[] values,
      @Nullable String key,
      int number) {
    @Override
    public String toString() {
      return Frame.name(operation)
          + " "
          + id
          + " at "
          + time
          + " "
          + Arrays.toString(indices)
          + Arrays.toString(values)
          + (key == null ? "" : " {" + key + ": " + number + "}")
          + (endsBatch ? " |" : "");
    }
  }

  private static final class Entry {
    float[] vector = new float[0];
    Map<String, Integer> metadata = new LinkedHashMap<>();
    long newest;

    Entry copy() {
      Entry copy = new Entry();
      copy.vector = vector.clone();
      copy.metadata = new LinkedHashMap<>(metadata);
      copy.newest = newest;
      return copy;
    }
  }

  /** The naive database. */
  private static final class Model {
    Map<String, Entry> entries = new HashMap<>();
    long lastTime;

    Model copy() {
      Model copy = new Model();
      entries.forEach((id, entry) -> copy.entries.put(id, entry.copy()));
      copy.lastTime = lastTime;
      return copy;
    }

    @Nullable ErrorCode apply(Step step, long now) {
      Entry entry = entries.get(step.id);
      if (step.operation == Frame.CREATE ? entry != null : entry == null) {
        return entry != null ? ErrorCode.VECTOR_EXISTS : ErrorCode.VECTOR_NOT_FOUND;
      }
      long newest = entry == null ? 0 : entry.newest;
      if (step.time >= 0 && step.time < newest) {
        return ErrorCode.OUT_OF_ORDER;
      }
      long time = step.time >= 0 ? step.time : Math.max(Math.max(now, lastTime), newest);
      if (step.operation == Frame.CREATE || step.operation == Frame.DENSE) {
        if (step.values.length != DIMENSIONS) {
          return ErrorCode.DIMENSION_MISMATCH;
        }
      }
      if (step.operation == Frame.SPARSE
          && step.indices.length > 0
          && step.indices[step.indices.length - 1] >= DIMENSIONS) {
        return ErrorCode.INVALID_ARGUMENT;
      }
      for (float value : step.values) {
        if (!Float.isFinite(value)) {
          return ErrorCode.NOT_FINITE;
        }
      }
      if (step.operation == Frame.CREATE && entries.size() == MAX_VECTORS) {
        return ErrorCode.CAPACITY_EXCEEDED;
      }
      if (step.operation == Frame.DELETE) {
        if (step.key != null) {
          return ErrorCode.INVALID_ARGUMENT;
        }
        entries.remove(step.id);
        lastTime = Math.max(lastTime, time);
        return null;
      }
      if (entry == null) {
        entry = new Entry();
        entry.vector = new float[DIMENSIONS];
        entries.put(step.id, entry);
      }
      for (int i = 0; i < DIMENSIONS; i++) {
        switch (step.operation) {
          case Frame.CREATE, Frame.DENSE -> entry.vector[i] = step.values[i];
          case Frame.SCALE -> entry.vector[i] *= step.values[0];
          case Frame.OFFSET -> entry.vector[i] += step.values[0];
          default -> {
            int at = Arrays.binarySearch(step.indices, i);
            if (at >= 0) {
              entry.vector[i] = step.values[at];
            }
          }
        }
        if (!Float.isFinite(entry.vector[i])) {
          return ErrorCode.NOT_FINITE;
        }
      }
      if (step.key != null) {
        if (step.number < 0) {
          entry.metadata.remove(step.key);
        } else {
          entry.metadata.put(step.key, step.number);
        }
      }
      entry.newest = time;
      lastTime = Math.max(lastTime, time);
      return null;
    }
  }

  private static List<Step> steps(long seed) {
    Generator random = new Generator(seed);
    List<Step> steps = new ArrayList<>();
    int count = 1 + random.below(120);
    boolean rough =
        random.chance(50); // half of the runs hold hardly any mistakes, so that batches get long
    for (int i = 0; i < count; i++) {
      int operation = random.pick(List.of(1, 1, 1, 2, 2, 3, 4, 5, 6));
      int n = operation <= 1 || operation == 3 ? DIMENSIONS : 1;
      int[] indices = new int[0];
      if (operation == 2) {
        TreeSet<Integer> chosen = new TreeSet<>();
        for (int j = random.below(DIMENSIONS); j > 0; j--) {
          chosen.add(random.below(rough && random.chance(5) ? 2 * DIMENSIONS : DIMENSIONS));
        }
        indices = chosen.stream().mapToInt(Integer::intValue).toArray();
        n = indices.length;
      }
      if (rough && random.chance(2) && (operation == 1 || operation == 3)) {
        n += random.below(3) - 1;
      }
      float[] values = random.vector(operation == 6 ? 0 : n);
      if (random.chance(10)) {
        Arrays.fill(values, random.pick(List.of(0f, -0f, 1e-40f, 3e38f, -3e38f)));
      }
      if (rough && values.length > 0 && random.chance(2)) {
        values[random.below(values.length)] =
            random.pick(List.of(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY));
      }
      String id = random.chance(1) ? "ü€😀" : "v" + random.below(rough ? 40 : 16);
      long time = random.chance(10) ? 1_000_000 + random.below(rough ? 40 : 4_000) : -1;
      boolean patch = random.chance(20) && (operation != 6 || rough && random.chance(20));
      steps.add(
          new Step(
              random.chance(rough ? 40 : 20),
              operation,
              id,
              time,
              indices,
              values,
              patch ? random.pick(List.of("a", "b", "c d", "é")) : null,
              random.below(7) - 2));
    }
    return steps;
  }

  private static byte[] payload(Step step) {
    return switch (step.operation) {
      case Frame.CREATE, Frame.DENSE -> Frames.counted(step.values);
      case Frame.SPARSE -> Frames.sparsePayload(step.indices, step.values);
      default -> Frames.floats(step.values);
    };
  }

  private static @Nullable String run(List<Step> steps, Metric metric) {
    ArrayMemory memory = new ArrayMemory();
    try (TestDatabase real =
        new TestDatabase(
            DatabaseOptions.builder()
                .dimensions(DIMENSIONS)
                .maxVectors(MAX_VECTORS)
                .hnswM(2)
                .hnswEfConstruction(8)
                .metric(metric)
                .build(),
            memory)) {
      Model model = new Model();
      List<Step> batch = new ArrayList<>();
      for (int i = 0; i < steps.size(); i++) {
        batch.add(steps.get(i));
        if (steps.get(i).endsBatch || i == steps.size() - 1) {
          real.now++;
          String wrong = applyBatch(real, model, batch);
          if (wrong != null) {
            return wrong;
          }
          batch.clear();
        }
      }
    }
    return memory.granted() == 0 ? null : memory.granted() + " bytes are left after closing";
  }

  private static @Nullable String applyBatch(TestDatabase real, Model model, List<Step> batch) {
    Frames frames = new Frames();
    Model after = model.copy();
    ErrorCode expected = null;
    int expectedIndex = -1;
    for (Step step : batch) {
      frames.frame(
          step.operation,
          step.id,
          step.time,
          payload(step),
          step.key == null
              ? null
              : "{\"" + step.key + "\" : " + (step.number < 0 ? "null" : step.number) + "}");
      if (expected == null) {
        expected = after.apply(step, real.now);
        expectedIndex++;
      }
    }
    long digest = real.database.digest();
    try {
      real.apply(frames);
      if (expected != null) {
        return "no error, expected " + expected + " of delta " + expectedIndex;
      }
      model.entries = after.entries;
      model.lastTime = after.lastTime;
    } catch (DeltaException e) {
      if (e.code() != expected || e.index() != expectedIndex) {
        return e
            + " of delta "
            + e.index()
            + ", expected "
            + expected
            + " of delta "
            + expectedIndex;
      }
      if (real.database.digest() != digest) {
        return "the digest has changed in spite of " + e;
      }
    }
    return compare(real, model);
  }

  private static @Nullable String compare(TestDatabase real, Model model) {
    if (!real.ids().equals(model.entries.keySet())
        || real.database.size() != model.entries.size()) {
      return "ids " + real.ids() + ", expected " + model.entries.keySet();
    }
    for (Map.Entry<String, Entry> entry : model.entries.entrySet()) {
      float[] vector = real.get(entry.getKey());
      if (!Arrays.equals(vector, entry.getValue().vector)) {
        return entry.getKey()
            + " is "
            + Arrays.toString(vector)
            + ", expected "
            + Arrays.toString(entry.getValue().vector);
      }
      StringBuilder json = new StringBuilder();
      entry
          .getValue()
          .metadata
          .forEach((key, value) ->
              json.append(json.length() == 0 ? "{" : ",").append("\"" + key + "\":" + value));
      String expected = json.length() == 0 ? "" : json + "}";
      if (!expected.equals(real.metadata(entry.getKey()))) {
        return entry.getKey()
            + " has metadata "
            + real.metadata(entry.getKey())
            + ", expected "
            + expected;
      }
    }
    String graph = Inside.wrong(real.database);
    if (graph != null) {
      return graph;
    }
    TreeSet<String> found = new TreeSet<>();
    real.search(new float[] {1, 2, 3, 4, 5}, 100).forEach(hit -> found.add(hit.id()));
    return found.equals(model.entries.keySet()) ? null : "a search for all finds " + found;
  }

  @Test
  void followsTheModelThroughRandomBatches() {
    for (long seed = 0; seed < SEEDS; seed++) {
      Metric metric = Metric.values()[(int) (seed % 3)];
      Shrinker.check(seed, steps(seed), steps -> run(steps, metric));
    }
  }

  @Test
  void shrinkerFindsTheStepsThatMatter() {
    List<Integer> steps = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      steps.add(i);
    }
    String message = "";
    try {
      Shrinker.check(7, steps, some -> some.contains(31) && some.contains(77) ? "both" : null);
    } catch (AssertionError e) {
      message = String.valueOf(e.getMessage());
    }
    assertThat(message).isEqualTo("seed 7: both\nsmallest steps:\n  31\n  77");
  }
}
