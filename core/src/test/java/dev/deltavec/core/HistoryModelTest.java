package dev.deltavec.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.snapshot.SnapshotWriter;
import dev.deltavec.core.support.Frames;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.Naive;
import dev.deltavec.core.support.Naive.Delta;
import dev.deltavec.core.support.Naive.State;
import dev.deltavec.core.support.Shrinker;
import dev.deltavec.core.support.TestDatabase;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Several replicas that edit, exchange deltas in any order, read the past and compact it, against
 * naive lists of deltas.
 */
class HistoryModelTest {
  private static final int SEEDS = Integer.getInteger("deltavec.seeds", 2_000);
  private static final int DIMENSIONS = 4;

  private enum Kind {
    APPLY,
    DELIVER,
    SYNC,
    COMPACT,
    READ,
    ROLL_BACK,
    EXPORT,
    REOPEN
  }

  private record Step(Kind kind, int replica, int other, String id, int operation, long seed) {}

  private static final class Node {
    TestDatabase db;
    final Naive naive = new Naive(DIMENSIONS);

    /** Last delta of each vector that was compacted away. */
    final Map<String, DeltaId> horizons = new TreeMap<>();

    boolean rejected;
    int read;

    /** A snapshot and its increments. */
    final List<byte[]> exported = new ArrayList<>();

    Node(int replica, int interval) {
      db =
          new TestDatabase(
              DatabaseOptions.builder()
                  .dimensions(DIMENSIONS)
                  .replica(100 + replica)
                  .checkpointInterval(interval)
                  .hnswM(4)
                  .hnswEfConstruction(8)
                  .build());
    }

    List<Delta> readNew() {
      List<Delta> deltas = Naive.read(db, read);
      read = db.database.arrived();
      return deltas;
    }

    boolean isBeforeHorizon(Delta delta) {
      DeltaId horizon = horizons.get(delta.vector());
      return horizon != null && delta.id().compareTo(horizon) <= 0;
    }
  }

  private static List<Step> steps(long seed) {
    Generator random = new Generator(seed);
    List<Step> steps = new ArrayList<>();
    boolean compacts = random.chance(40);
    for (int i = 5 + random.below(60); i > 0; i--) {
      int choice = random.below(100);
      Kind kind =
          choice < 60
              ? Kind.APPLY
              : choice < 75
                  ? Kind.DELIVER
                  : choice < 82
                      ? Kind.SYNC
                      : choice < 94
                          ? Kind.READ
                          : choice < 97 || !compacts ? Kind.ROLL_BACK : Kind.COMPACT;
      if (random.chance(12)) {
        kind = random.chance(60) ? Kind.EXPORT : Kind.REOPEN;
      }
      steps.add(
          new Step(
              kind,
              random.below(3),
              random.below(3),
              "v" + random.below(4),
              random.pick(List.of(1, 1, 2, 2, 3, 4, 5, 6, 7)),
              random.nextLong()));
    }
    return steps;
  }

  private static @Nullable String run(List<Step> steps, long seed) {
    int replicas = 2 + (int) (seed % 2);
    List<Node> nodes = new ArrayList<>();
    for (int r = 0; r < replicas; r++) {
      nodes.add(new Node(r, 1 + (int) (seed % 5)));
    }
    for (Step step : steps) {
      Node node = nodes.get(step.replica % replicas);
      Node other = nodes.get(step.other % replicas);
      Generator random = new Generator(step.seed);
      node.db.now += random.below(4);
      String wrong =
          switch (step.kind) {
            case APPLY -> apply(node, step, random);
            case DELIVER -> deliver(other, node, random);
            case SYNC -> sync(other, node);
            case COMPACT -> compact(node, random);
            case READ -> read(node, step, random);
            case ROLL_BACK -> rollBack(node, step, random);
            case EXPORT -> export(node);
            case REOPEN -> reopen(node, random);
          };
      wrong = wrong == null ? compare(node) : wrong;
      if (wrong != null) {
        return step + ": " + wrong;
      }
    }
    return converge(nodes);
  }

  private static @Nullable String apply(Node node, Step step, Generator random) {
    boolean alive = node.db.get(step.id) != null;
    int operation =
        !alive ? Frame.CREATE : step.operation == Frame.CREATE ? Frame.DENSE : step.operation;
    int[] indices = {};
    int n = operation == Frame.CREATE || operation == Frame.DENSE ? DIMENSIONS : 1;
    byte[] payload;
    if (operation == Frame.SPARSE || operation == Frame.RUNS) {
      int first = random.below(DIMENSIONS);
      n = random.below(DIMENSIONS - first + 1);
      indices = new int[n];
      for (int i = 0; i < n; i++) {
        indices[i] = first + i;
      }
      float[] values = random.vector(n);
      if (operation == Frame.RUNS) {
        ByteArrayOutputStream runs = new ByteArrayOutputStream();
        Frames.varint(runs, n == 0 ? 0 : 1);
        if (n > 0) {
          Frames.varint(runs, first);
          Frames.varint(runs, n - 1);
        }
        runs.writeBytes(Frames.floats(values));
        payload = runs.toByteArray();
      } else {
        payload = Frames.sparsePayload(indices, values);
      }
    } else if (operation == Frame.DELETE) {
      payload = new byte[0];
    } else if (n == DIMENSIONS) {
      payload = Frames.counted(random.vector(n));
    } else {
      payload = Frames.floats(random.chance(5) ? 1e30f : random.gauss());
    }
    String patch =
        operation == Frame.DELETE || random.chance(70)
            ? null
            : "{\"k"
                + random.below(3)
                + "\":"
                + (random.chance(30) ? "null" : random.below(9))
                + "}";
    long digest = node.db.database.digest();
    try {
      node.db.apply(new Frames().frame(operation, step.id, -1, payload, patch));
    } catch (DeltaException e) {
      if (e.code() != ErrorCode.NOT_FINITE || node.db.database.digest() != digest) {
        return e.toString();
      }
    }
    node.readNew().forEach(node.naive::add);
    return null;
  }

  /**
   * Delivers some deltas of one replica to another, in random order, some twice, as frames that
   * stand alone.
   */
  private static @Nullable String deliver(Node from, Node to, Generator random) {
    List<Delta> deltas = new ArrayList<>();
    int percent = random.below(101);
    from.naive
        .chains
        .values()
        .forEach(chain ->
            chain
                .values()
                .forEach(delta -> {
                  for (int copies = random.chance(percent) ? 1 + random.below(2) : 0;
                      copies > 0;
                      copies--) {
                    deltas.add(delta);
                  }
                }));
    Collections.shuffle(deltas, new Random(random.nextLong()));
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    deltas.forEach(delta -> stream.writeBytes(delta.frame()));
    return merge(to, deltas, stream.toByteArray());
  }

  private static @Nullable String sync(Node from, Node to) {
    byte[] stream;
    try {
      stream = from.db.since(to.db.cursor());
    } catch (DeltaException e) {
      return e.code() == ErrorCode.HISTORY_COMPACTED && !from.horizons.isEmpty()
          ? null
          : e.toString();
    }
    List<Delta> missing = new ArrayList<>();
    from.naive
        .chains
        .values()
        .forEach(chain ->
            chain
                .values()
                .forEach(delta -> {
                  if (!to.naive.has(delta)) {
                    missing.add(delta);
                  }
                }));
    return merge(to, missing, stream);
  }

  private static @Nullable String merge(Node to, List<Delta> deltas, byte[] stream) {
    int merged = 0;
    int duplicates = 0;
    int rejected = 0;
    List<Delta> seenNow = new ArrayList<>();
    for (Delta delta : deltas) {
      if (to.naive.has(delta) || seenNow.contains(delta)) {
        duplicates++;
      } else if (to.isBeforeHorizon(delta)) {
        rejected++;
      } else {
        merged++;
        seenNow.add(delta);
      }
    }
    to.db.merge(stream);
    ByteBuffer output = ByteBuffer.wrap(to.db.output()).order(ByteOrder.LITTLE_ENDIAN);
    String counts = output.getInt(0) + " " + output.getInt(4) + " " + output.getInt(8);
    String expected = merged + " " + duplicates + " " + rejected;
    if (!counts.equals(expected)) {
      return "merged, duplicates, rejected are " + counts + ", expected " + expected;
    }
    if (output.getInt(12) != output.capacity() - 16 || (rejected > 0) != (output.getInt(12) > 0)) {
      return "the rejected frames have " + output.getInt(12) + " bytes";
    }
    to.rejected |= rejected > 0;
    List<Delta> arrived = to.readNew();
    if (arrived.size() != merged) {
      return arrived.size() + " arrived, expected " + merged;
    }
    seenNow.forEach(to.naive::add);
    return null;
  }

  private static @Nullable String compact(Node node, Generator random) {
    long before = random.chance(30) ? Long.MAX_VALUE : node.db.now - random.below(40);
    int keepLast = random.chance(50) ? 0 : random.below(4);
    node.db.compact(null, before, keepLast, -1);
    for (Map.Entry<String, TreeMap<DeltaId, Delta>> chain : node.naive.chains.entrySet()) {
      List<DeltaId> ids = new ArrayList<>(chain.getValue().keySet());
      DeltaId horizon = node.horizons.get(chain.getKey());
      ids.removeIf(id -> horizon != null && id.compareTo(horizon) <= 0);
      for (int i = ids.size() - 1 - keepLast; i >= 0; i--) {
        if (ids.get(i).time() < before) {
          node.horizons.put(chain.getKey(), ids.get(i));
          break;
        }
      }
    }
    return null;
  }

  private static @Nullable String read(Node node, Step step, Generator random) {
    long time = node.db.now - random.below(60) + 3;
    State expected = node.naive.at(step.id, time);
    DeltaId horizon = node.horizons.get(step.id);
    boolean compacted =
        horizon != null && new DeltaId(time, -1, (1L << 48) - 1).compareTo(horizon) < 0;
    try {
      float[] values = node.db.getAt(step.id, time);
      String metadata = node.db.metadataAt(step.id, time);
      if (compacted) {
        return "reads before the horizon " + horizon;
      }
      if (!Arrays.equals(values, expected == null ? null : expected.values())) {
        return step.id
            + " at "
            + time
            + " was "
            + Arrays.toString(values)
            + ", expected "
            + (expected == null ? null : Arrays.toString(expected.values()));
      }
      if (expected != null && !expected.metadata().equals(metadata)) {
        return step.id + " had metadata " + metadata + ", expected " + expected.metadata();
      }
    } catch (DeltaException e) {
      return compacted && e.code() == ErrorCode.HISTORY_COMPACTED ? null : e.toString();
    }
    return null;
  }

  private static @Nullable String export(Node node) {
    int flags = SnapshotWriter.INDEX | SnapshotWriter.HISTORY | SnapshotWriter.MARK;
    boolean increment = !node.exported.isEmpty();
    node.exported.add(node.db.export(increment ? flags | SnapshotWriter.INCREMENT : flags));
    return null;
  }

  /** Goes on with what the snapshot and its increments make. */
  private static @Nullable String reopen(Node node, Generator random) {
    export(node);
    TestDatabase made =
        new TestDatabase(
            node.db.database.options(),
            node.db.memory,
            node.exported,
            new Generator(random.nextLong()));
    int flags = ByteBuffer.wrap(made.output()).order(ByteOrder.LITTLE_ENDIAN).getInt(8);
    made.now = node.db.now;
    boolean same = made.database.digest() == node.db.database.digest();
    byte[] cursor = made.cursor();
    boolean seen = Arrays.equals(cursor, node.db.cursor());
    boolean deltas =
        seen
            && (!node.horizons.isEmpty()
                || Arrays.equals(made.since(new byte[0]), node.db.since(new byte[0])));
    boolean graph = Arrays.equals(nearest(made), nearest(node.db));
    node.db.close();
    node.db = made;
    node.read = made.database.arrived();
    node.exported.clear();
    return flags == 5 && same && seen && deltas && graph
        ? null
        : "reopened: flags "
            + flags
            + ", digest "
            + same
            + ", cursor "
            + seen
            + ", deltas "
            + deltas
            + ", search "
            + graph;
  }

  private static Object[] nearest(TestDatabase db) {
    return db.search(new float[] {1, 2, -1, 0.5f}, 3).toArray();
  }

  private static @Nullable String rollBack(Node node, Step step, Generator random) {
    TreeMap<DeltaId, Delta> chain = node.naive.chains.get(step.id);
    if (chain == null) {
      return null;
    }
    DeltaId to = new ArrayList<>(chain.keySet()).get(random.below(chain.size()));
    State expected = node.naive.fold(step.id, to);
    DeltaId horizon = node.horizons.get(step.id);
    try {
      node.db.rollBackTo(step.id, to.time(), to.sequence(), to.replica());
    } catch (DeltaException e) {
      return horizon != null
              && to.compareTo(horizon) <= 0
              && e.code() == ErrorCode.HISTORY_COMPACTED
          ? null
          : e.toString();
    }
    node.readNew().forEach(node.naive::add);
    float[] values = node.db.get(step.id);
    if (!Arrays.equals(values, expected == null ? null : expected.values())) {
      return "rolled back to "
          + Arrays.toString(values)
          + ", expected "
          + (expected == null ? null : Arrays.toString(expected.values()));
    }
    if (expected != null && !sameJson(expected.metadata(), node.db.metadata(step.id))) {
      return "rolled back to metadata "
          + node.db.metadata(step.id)
          + ", expected "
          + expected.metadata();
    }
    return null;
  }

  /** Compares flat objects whatever the order of their members. */
  private static boolean sameJson(String a, @Nullable String b) {
    if (b == null) {
      return false;
    }
    List<String> left = Arrays.asList(a.replaceAll("[{}]", "").split(","));
    List<String> right = Arrays.asList(b.replaceAll("[{}]", "").split(","));
    Collections.sort(left);
    Collections.sort(right);
    return left.equals(right);
  }

  private static @Nullable String compare(Node node) {
    String graph = Inside.wrong(node.db.database);
    if (graph != null) {
      return graph;
    }
    List<String> live = new ArrayList<>();
    for (String id : node.naive.chains.keySet()) {
      State expected = node.naive.at(id, (1L << 48) - 1);
      if (expected != null) {
        live.add(id);
      }
      float[] values = node.db.get(id);
      if (!Arrays.equals(values, expected == null ? null : expected.values())) {
        return id
            + " is "
            + Arrays.toString(values)
            + ", expected "
            + (expected == null ? null : Arrays.toString(expected.values()))
            + chains(node, id);
      }
      if (expected != null && !expected.metadata().equals(node.db.metadata(id))) {
        return id + " has metadata " + node.db.metadata(id) + ", expected " + expected.metadata();
      }
      String chain = compareChain(node, id);
      if (chain != null) {
        return chain;
      }
    }
    return live.equals(new ArrayList<>(node.db.ids()))
        ? null
        : "ids are " + node.db.ids() + ", expected " + live;
  }

  /** The chain as it is and as it should be, for messages. */
  private static String chains(Node node, String id) {
    StringBuilder text = new StringBuilder();
    List<Delta> all = Naive.read(node.db, 0);
    all.removeIf(delta -> !delta.vector().equals(id));
    for (Delta delta : all) {
      text.append("\n    ")
          .append(delta.id().time())
          .append(' ')
          .append(delta.id().sequence())
          .append(' ')
          .append(delta.id().replica())
          .append(' ')
          .append(Frame.name(delta.operation()))
          .append(Arrays.toString(delta.indices()))
          .append(Arrays.toString(delta.values()));
    }
    return text.toString();
  }

  private static @Nullable String compareChain(Node node, String id) {
    if (!node.db.chain(id)) {
      return "no chain of " + id;
    }
    DeltaId horizon = node.horizons.get(id);
    int deltas = 0;
    for (DeltaId delta : node.naive.chains.getOrDefault(id, new TreeMap<>()).keySet()) {
      deltas += horizon == null || delta.compareTo(horizon) > 0 ? 1 : 0;
    }
    ByteBuffer chain = ByteBuffer.wrap(node.db.output()).order(ByteOrder.LITTLE_ENDIAN);
    if (chain.getInt(0) != deltas) {
      return "the chain of " + id + " has " + chain.getInt(0) + " deltas, expected " + deltas;
    }
    long time = horizon == null ? -1 : horizon.time();
    return chain.getLong(16) == time
        ? null
        : "the horizon of " + id + " is " + chain.getLong(16) + ", expected " + time;
  }

  private static @Nullable String converge(List<Node> nodes) {
    for (int round = 0; round < 2; round++) {
      for (Node from : nodes) {
        for (Node to : nodes) {
          if (from != to) {
            String wrong = sync(from, to);
            wrong = wrong == null ? compare(to) : wrong;
            if (wrong != null) {
              return "at the end: " + wrong;
            }
          }
        }
      }
    }
    boolean whole = nodes.stream().allMatch(node -> node.horizons.isEmpty() && !node.rejected);
    long digest = nodes.get(0).db.database.digest();
    for (Node node : nodes) {
      if (whole && node.db.database.digest() != digest) {
        return "the replicas differ at the end";
      }
      node.db.close();
      if (node.db.memory.granted() != 0) {
        return node.db.memory.granted() + " bytes are left after closing";
      }
    }
    return null;
  }

  @Test
  void replicasFollowTheModelAndConverge() {
    for (long seed = 0; seed < SEEDS; seed++) {
      long s = seed;
      Shrinker.check(seed, steps(seed), steps -> run(steps, s));
    }
  }

  @Test
  void searchesThePastExactly() {
    TestDatabase db =
        new TestDatabase(DatabaseOptions.builder().dimensions(2).checkpointInterval(2).build());
    db.now = 10;
    db.apply(new Frames().create("a", 1, 0).create("b", 0, 1));
    db.now = 20;
    db.apply(new Frames().dense("a", 0, -1).delete("b").create("c", 1, 1));
    assertThat(db.searchAt(new float[] {1, 0}, 5, 9)).isEmpty();
    assertThat(db.searchAt(new float[] {1, 0}, 5, 15).stream().map(hit -> hit.id() + hit.score()))
        .containsExactly("a1.0", "b0.0");
    assertThat(db.searchAt(new float[] {0, 1}, 5, 20).stream().map(hit -> hit.id()))
        .containsExactly("c", "a");
    db.compact(null, 15, 0, -1);
    assertThat(db.searchAt(new float[] {1, 0}, 1, 15).get(0).id()).isEqualTo("a");
    org.assertj.core.api.Assertions.assertThatThrownBy(() -> db.searchAt(new float[] {1, 0}, 1, 9))
        .hasMessageContaining("compacted");
  }
}
