package dev.deltavec;

import static dev.deltavec.Checks.at;
import static dev.deltavec.Checks.replica;

import dev.deltavec.Checks.Clock;
import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.DeltaId;
import dev.deltavec.core.delta.Frame;
import dev.deltavec.core.support.Generator;
import dev.deltavec.core.support.Naive;
import dev.deltavec.core.support.Naive.Delta;
import dev.deltavec.core.support.Naive.State;
import dev.deltavec.core.support.Shrinker;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Replicas that edit, merge, read the past, roll back and compact, against naive lists of deltas
 * that are filled from what subscribers see.
 */
class HistoryModelTest {
  private static final int SEEDS = Integer.getInteger("deltavec.seeds", 500);
  private static final int DIMENSIONS = 3;
  private static final List<String> IDS = List.of("a", "größe", "🦀");
  private static final long END = (1L << 48) - 1;

  private enum Kind {
    APPLY,
    MERGE,
    ROLL_BACK,
    COMPACT
  }

  private record Step(Kind kind, int node, int other, String id, long seed) {}

  /** A difference between a database and the model. */
  private static void require(boolean holds, String otherwise, @Nullable Object... values) {
    if (!holds) {
      throw new AssertionError(String.format(otherwise, values));
    }
  }

  /** A replica and what is known of it. */
  private static final class Node implements AutoCloseable {
    final Clock clock = new Clock(1000);
    final DeltaVectorDB db;
    final DeltaFeed feed;
    final Naive naive = new Naive(DIMENSIONS);
    final List<DeltaEvent> seen = new ArrayList<>();

    /** Last delta of each vector that was compacted away. */
    final TreeMap<String, DeltaId> horizons = new TreeMap<>();

    boolean rejected;
    private int checked;

    Node(int number, int interval) {
      db =
          replica(number, DIMENSIONS, clock)
              .checkpointInterval(interval)
              .hnswM(4)
              .hnswEfConstruction(8)
              .build();
      db.onDelta(seen::add);
      feed = db.deltas(FeedOptions.fromNow());
    }

    @Override
    public void close() {
      feed.close();
      db.close();
    }

    void apply(VectorDelta delta) {
      String digest = db.stateDigest();
      try {
        String id = db.applyDelta(delta);
        require(
            seen.getLast().deltaId().equals(id)
                && seen.getLast().operation().equals(delta.operation()),
            "%s was seen as %s",
            delta,
            seen.getLast());
      } catch (DeltaException e) {
        require(
            e.code() == ErrorCode.NOT_FINITE && db.stateDigest().equals(digest), "refused: %s", e);
      }
    }

    void merge(Node from) {
      byte[] stream;
      try {
        stream = from.db.deltasSince(db.cursor());
      } catch (DeltaException e) {
        require(
            e.code() == ErrorCode.HISTORY_COMPACTED && !from.horizons.isEmpty(), "refused: %s", e);
        return;
      }
      int fresh = 0;
      int late = 0;
      for (TreeMap<DeltaId, Delta> chain : from.naive.chains.values()) {
        for (Delta delta : chain.values()) {
          boolean before = isBeforeHorizon(delta.vector(), delta.id());
          late += !naive.has(delta) && before ? 1 : 0;
          fresh += !naive.has(delta) && !before ? 1 : 0;
        }
      }
      int before = seen.size();
      MergeResult result = db.merge(stream);
      rejected |= late > 0;
      require(
          result.merged() == fresh
              && result.duplicates() == 0
              && result.rejected().count() == late
              && seen.size() == before + fresh,
          "merged %s, expected %d and %d late",
          result,
          fresh,
          late);
    }

    boolean isBeforeHorizon(String vector, DeltaId id) {
      DeltaId horizon = horizons.get(vector);
      return horizon != null && id.compareTo(horizon) <= 0;
    }

    void rollBack(String id, Generator random) {
      TreeMap<DeltaId, Delta> chain = naive.chains.get(id);
      if (chain == null) {
        return;
      }
      DeltaId to = new ArrayList<>(chain.keySet()).get(random.below(chain.size()));
      State expected = naive.fold(id, to);
      int before = seen.size();
      try {
        List<String> written = db.rollbackTo(id, to.toString());
        require(seen.size() == before + written.size(), "%d seen", seen.size() - before);
      } catch (DeltaException e) {
        require(e.code() == ErrorCode.HISTORY_COMPACTED && isBeforeHorizon(id, to), "%s", e);
        return;
      }
      require(
          Arrays.equals(db.getVector(id), expected == null ? null : expected.values()),
          "%s rolled back to %s",
          id,
          Arrays.toString(db.getVector(id)));
    }

    void compact(List<String> some, Generator random) {
      long before = random.chance(30) ? END + 1 : clock.now - random.below(20);
      int keepLast = random.chance(50) ? 0 : random.below(4);
      List<String> known = some.stream().distinct().filter(naive.chains::containsKey).toList();
      CompactOptions options = CompactOptions.all().withBefore(at(before)).withKeepLast(keepLast);
      int expected = 0;
      for (String id : known) {
        List<DeltaId> ids =
            new ArrayList<>(naive.chains.getOrDefault(id, new TreeMap<>()).keySet());
        ids.removeIf(delta -> isBeforeHorizon(id, delta));
        int last = ids.size() - 1 - keepLast;
        while (last >= 0 && ids.get(last).time() >= before) {
          last--;
        }
        if (last >= 0) {
          horizons.put(id, ids.get(last));
          expected += last + 1;
        }
      }
      String digest = db.stateDigest();
      CompactionStats stats =
          db.compact(known.size() == naive.chains.size() ? options : options.withIds(known));
      require(stats.deltas() == expected, "compacted %s, expected %d", stats, expected);
      require(stats.bytesAfter() == db.stats().historyBytes(), "%s", stats);
      require(db.stateDigest().equals(digest), "compaction changed the state");
    }

    /** Takes what came in into the model; subscribers and feed must have seen the same. */
    void learn() throws InterruptedException {
      for (; checked < seen.size(); checked++) {
        DeltaEvent event = seen.get(checked);
        require(event.position() == checked, "position %d of %d", event.position(), checked);
        DeltaEvent read = feed.poll(Duration.ZERO);
        require(event.equals(read), "the feed has %s, subscribers saw %s", read, event);
        naive.add(toDelta(event));
      }
      require(feed.poll(Duration.ZERO) == null, "the feed has more");
      require(db.position() == checked, "position %d of %d", db.position(), checked);
    }

    private static Delta toDelta(DeltaEvent event) {
      DeltaId id = DeltaId.parse(event.deltaId());
      String patch = event.metadata();
      byte[] json = patch == null ? new byte[0] : patch.getBytes(StandardCharsets.UTF_8);
      String vector = event.vectorId();
      int[] none = {};
      return switch (event.operation()) {
        case DeltaOperation.Create(float[] values) ->
            new Delta(id, vector, Frame.CREATE, none, values, json, json);
        case DeltaOperation.Sparse(int[] indices, float[] values) ->
            new Delta(id, vector, Frame.SPARSE, indices, values, json, json);
        case DeltaOperation.Dense(float[] values) ->
            new Delta(id, vector, Frame.DENSE, none, values, json, json);
        case DeltaOperation.Scale(float factor) ->
            new Delta(id, vector, Frame.SCALE, none, new float[] {factor}, json, json);
        case DeltaOperation.Offset(float amount) ->
            new Delta(id, vector, Frame.OFFSET, none, new float[] {amount}, json, json);
        case DeltaOperation.Delete() ->
            new Delta(id, vector, Frame.DELETE, none, new float[0], json, json);
      };
    }

    void check(Generator random) {
      Set<String> live = new TreeSet<>();
      for (String id : IDS) {
        State state = naive.at(id, END);
        if (state != null) {
          live.add(id);
        }
        check(id, state, db.getVector(id), db.getMetadata(id));
        checkChain(id, state != null);
      }
      require(new TreeSet<>(db.ids()).equals(live), "ids are %s, not %s", db.ids(), live);
      checkPast(clock.now - random.below(40) + 2);
    }

    private static void check(
        String id, @Nullable State state, float @Nullable [] values, @Nullable String metadata) {
      require(
          Arrays.equals(values, state == null ? null : state.values()),
          "%s is %s, not %s",
          id,
          Arrays.toString(values),
          state == null ? null : Arrays.toString(state.values()));
      String json = state == null ? null : state.metadata().isEmpty() ? "{}" : state.metadata();
      require(
          json == null ? metadata == null : json.equals(metadata),
          "%s has %s, not %s",
          id,
          metadata,
          json);
    }

    private void checkPast(long time) {
      DeltaId upTo = new DeltaId(time, -1, END);
      Set<String> live = new HashSet<>();
      boolean all = true;
      for (String id : IDS) {
        DeltaId horizon = horizons.get(id);
        if (horizon != null && upTo.compareTo(horizon) < 0) {
          all = false;
          compacted(() -> db.getVectorAt(id, at(time)));
          compacted(() -> db.getMetadataAt(id, at(time)));
        } else {
          State state = naive.at(id, time);
          check(id, state, db.getVectorAt(id, at(time)), db.getMetadataAt(id, at(time)));
          if (state != null) {
            live.add(id);
          }
        }
      }
      float[] query = {1, 2, 3};
      if (all) {
        Set<String> found = new HashSet<>();
        db.searchAt(query, 9, at(time)).forEach(hit -> found.add(hit.id()));
        require(found.equals(live), "found %s at %d, not %s", found, time, live);
      } else {
        compacted(() -> db.searchAt(query, 9, at(time)));
      }
    }

    private static void compacted(Runnable call) {
      try {
        call.run();
      } catch (DeltaException e) {
        require(e.code() == ErrorCode.HISTORY_COMPACTED, "%s", e);
        return;
      }
      throw new AssertionError("the compacted past was read");
    }

    private void checkChain(String id, boolean alive) {
      List<String> expected = new ArrayList<>();
      naive
          .chains
          .getOrDefault(id, new TreeMap<>())
          .keySet()
          .forEach(delta -> {
            if (!isBeforeHorizon(id, delta)) {
              expected.add(delta.toString());
            }
          });
      DeltaChain chain = db.getDeltaChain(id);
      List<String> deltas = chain.deltas().stream().map(DeltaChain.Entry::deltaId).toList();
      DeltaId horizon = horizons.get(id);
      require(deltas.equals(expected), "chain of %s: %s, not %s", id, deltas, expected);
      require(
          chain.alive() == alive
              && (horizon == null
                  ? chain.horizon() == null
                  : at(horizon.time()).equals(chain.horizon())),
          "chain of %s: %s",
          id,
          chain);
    }
  }

  private static float value(Generator random) {
    return random.chance(3) ? 1e38f : random.below(9) - 4;
  }

  private static float[] values(Generator random, int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = value(random);
    }
    return values;
  }

  private static VectorDelta delta(String id, boolean alive, Generator random) {
    DeltaOperation operation =
        switch (alive ? random.below(6) : 6) {
          case 0, 1 -> {
            int first = random.below(DIMENSIONS);
            int n = random.below(DIMENSIONS - first + 1);
            int[] indices = new int[n];
            for (int i = 0; i < n; i++) {
              indices[i] = first + i;
            }
            yield new DeltaOperation.Sparse(indices, values(random, n));
          }
          case 2 -> new DeltaOperation.Dense(values(random, DIMENSIONS));
          case 3 -> new DeltaOperation.Scale(value(random));
          case 4 -> new DeltaOperation.Offset(value(random));
          case 5 -> new DeltaOperation.Delete();
          default -> new DeltaOperation.Create(values(random, DIMENSIONS));
        };
    boolean patches = random.chance(40) && !(operation instanceof DeltaOperation.Delete);
    String patch =
        "{\"" + random.pick(IDS) + "\":" + random.pick(List.of("1", "null", "[2,\"x\"]")) + "}";
    return VectorDelta.of(id, operation).withMetadata(patches ? patch : null);
  }

  private static @Nullable String run(List<Step> steps, long seed) {
    List<Node> nodes = new ArrayList<>();
    try {
      for (int i = 0; i < 2 + seed % 2; i++) {
        nodes.add(new Node(i + 1, 1 + (int) (seed % 4)));
      }
      for (Step step : steps) {
        Node node = nodes.get(step.node % nodes.size());
        Node other = nodes.get(step.other % nodes.size());
        Generator random = new Generator(step.seed);
        node.clock.now += random.below(4);
        switch (step.kind) {
          case APPLY -> node.apply(delta(step.id, node.db.has(step.id), random));
          case MERGE -> node.merge(other);
          case ROLL_BACK -> node.rollBack(step.id, random);
          case COMPACT ->
              node.compact(random.chance(50) ? IDS : List.of(step.id, IDS.get(0)), random);
        }
        node.learn();
        node.check(random);
      }
      converge(nodes);
      return null;
    } catch (InterruptedException e) {
      return e.toString();
    } finally {
      nodes.forEach(Node::close);
    }
  }

  private static void converge(List<Node> nodes) throws InterruptedException {
    for (int round = 0; round < 2; round++) {
      for (Node node : nodes) {
        for (Node other : nodes) {
          if (node != other) {
            node.merge(other);
            node.learn();
          }
        }
      }
    }
    if (nodes.stream().allMatch(node -> node.horizons.isEmpty() && !node.rejected)) {
      String digest = nodes.getFirst().db.stateDigest();
      for (Node node : nodes) {
        require(node.db.stateDigest().equals(digest), "the replicas differ at the end");
        List<DeltaEvent> replayed = new ArrayList<>();
        node.db.onDelta(replayed::add, FeedOptions.since(0));
        require(replayed.equals(node.seen), "replayed %s, seen %s", replayed, node.seen);
      }
    }
  }

  private static List<Step> steps(long seed) {
    Generator random = new Generator(seed);
    boolean compacts = random.chance(50);
    List<Step> steps = new ArrayList<>();
    for (int i = 5 + random.below(50); i > 0; i--) {
      int choice = random.below(100);
      Kind kind =
          choice < 65
              ? Kind.APPLY
              : choice < 85 ? Kind.MERGE : choice < 93 || !compacts ? Kind.ROLL_BACK : Kind.COMPACT;
      steps.add(
          new Step(kind, random.below(3), random.below(3), random.pick(IDS), random.nextLong()));
    }
    return steps;
  }

  @Test
  void replicasDoWhatNaiveListsOfDeltasDo() {
    for (long seed = 0; seed < SEEDS; seed++) {
      long s = seed;
      Shrinker.check(seed, steps(seed), steps -> run(steps, s));
    }
  }
}
