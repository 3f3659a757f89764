package dev.deltavec;

import static dev.deltavec.Checks.creates;
import static dev.deltavec.Checks.dense;
import static dev.deltavec.Checks.open;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Views on vectors: no copy, no way to write or to leave the memory. */
class ViewTest {
  private static FloatBuffer view(DeltaVectorDB db, String id) {
    return Objects.requireNonNull(db.getVectorView(id));
  }

  @Test
  void aViewHasTheVectorsValues() {
    try (DeltaVectorDB db = open(3)) {
      db.applyDelta(creates("a", 1, 2, 3));
      FloatBuffer view = view(db, "a");
      assertThat(view.capacity()).isEqualTo(3);
      float[] values = new float[3];
      view.get(values);
      assertThat(values).containsExactly(1, 2, 3);
    }
  }

  @Test
  void aViewShowsTheMemoryAndNoCopy() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 1, 2));
      FloatBuffer view = view(db, "a");
      db.applyDelta(dense("a", 3, 4));
      assertThat(view.get(1)).isEqualTo(4);
    }
  }

  @Test
  void aViewCannotBeWritten() {
    try (DeltaVectorDB db = open(2)) {
      db.applyDelta(creates("a", 1, 2));
      FloatBuffer view = view(db, "a");
      assertThat(view.isReadOnly()).isTrue();
      assertThatThrownBy(() -> view.put(0, 9)).isInstanceOf(java.nio.ReadOnlyBufferException.class);
    }
  }

  @Test
  void aViewEndsWhenTheDatabaseIsClosed() {
    DeltaVectorDB db = open(2);
    db.applyDelta(creates("a", 1, 2));
    FloatBuffer view = view(db, "a");
    db.close();
    assertThatThrownBy(() -> view.get(0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aViewEndsWhenTheMemoryMoves() {
    try (DeltaVectorDB db = open(4096)) {
      db.applyDelta(VectorDelta.create("a", new float[4096]));
      FloatBuffer view = view(db, "a");
      List<VectorDelta> batch = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        batch.add(VectorDelta.create("v" + i, new float[4096]));
      }
      db.applyDeltas(batch);
      assertThatThrownBy(() -> view.get(0)).isInstanceOf(IllegalStateException.class);
      assertThat(view(db, "a").get(0)).isZero();
    }
  }
}
