package dev.deltavec.client;

import static org.assertj.core.api.Assertions.assertThat;

import dev.deltavec.DeltaVectorDB;
import dev.deltavec.VectorDelta;
import java.util.BitSet;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Sets of sequence numbers, and cursors made of them. */
class IntervalsTest {
  @Test
  void holdWhatWasAdded() {
    for (int seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      Intervals intervals = new Intervals();
      BitSet model = new BitSet();
      for (int i = 0; i < 40; i++) {
        int first = 1 + random.nextInt(100);
        int last = first + random.nextInt(8);
        intervals.add(first, last);
        model.set(first, last + 1);
      }
      int runs = 0;
      for (int i = 1; i < 120; i++) {
        assertThat(intervals.contains(i)).as("seed %d, %d", seed, i).isEqualTo(model.get(i));
        runs += model.get(i) && !model.get(i - 1) ? 1 : 0;
        if (model.get(i)) {
          assertThat(intervals.endOf(i)).isEqualTo(model.nextClearBit(i) - 1);
        } else {
          int next = model.nextSetBit(i);
          assertThat(intervals.beginAfter(i)).isEqualTo(next < 0 ? Long.MAX_VALUE : next);
        }
      }
      assertThat(intervals.size()).isEqualTo(runs);
    }
  }

  @Test
  void tellWhetherAnotherIsWithin() {
    Intervals large = new Intervals();
    large.add(1, 5);
    large.add(8, 9);
    Intervals small = new Intervals();
    small.add(2, 5);
    assertThat(large.containsAll(small)).isTrue();
    small.add(6);
    assertThat(large.containsAll(small)).isFalse();
  }

  @Test
  void areWrittenAsADatabaseWritesItsCursor() {
    try (DeltaVectorDB db = DeltaVectorDB.builder().dimensions(1).build();
        DeltaVectorDB other = DeltaVectorDB.builder().dimensions(1).build()) {
      for (int i = 0; i < 200; i++) {
        db.applyDelta(VectorDelta.create("v" + i, new float[] {i}));
        other.applyDelta(VectorDelta.create("w" + i, new float[] {i}));
        if (i % 3 == 0) {
          Map<Long, Intervals> gap = Seen.read(other.cursor());
          gap.values().forEach(intervals -> intervals.add(5_000_000_000L));
          assertThat(Seen.read(Seen.write(gap))).isEqualTo(gap);
        }
      }
      db.merge(other.deltasSince(null));
      byte[] copy = Seen.write(Seen.read(db.cursor()));
      assertThat(Seen.read(copy)).isEqualTo(Seen.read(db.cursor())).hasSize(2);
      assertThat(db.deltasSince(copy)).isEqualTo(db.deltasSince(db.cursor()));
      assertThat(Seen.read(new byte[0])).isEmpty();
    }
  }

  @Test
  void nameADeltaByItsId() {
    try (DeltaVectorDB db =
        DeltaVectorDB.builder().dimensions(1).replicaId("fedcba987654").build()) {
      db.applyDelta(VectorDelta.create("a", new float[] {1}));
      String id = db.applyDelta(VectorDelta.scale("a", 2));
      assertThat(DeltaIds.read(id)).containsExactly(2, 0xfedcba987654L);
    }
  }
}
