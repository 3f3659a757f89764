package dev.deltavec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import dev.deltavec.core.delta.DeltaId;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Objects;
import java.util.regex.Pattern;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;

/** What the tests of the face share. */
final class Checks {
  private Checks() {}

  static float[] v(double... values) {
    float[] vector = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      vector[i] = (float) values[i];
    }
    return vector;
  }

  static VectorDelta creates(String id, double... values) {
    return VectorDelta.create(id, v(values));
  }

  static VectorDelta dense(String id, double... values) {
    return VectorDelta.dense(id, v(values));
  }

  /** Takes index, value, index, value, and so on. */
  static VectorDelta sparse(String id, double... pairs) {
    int[] indices = new int[pairs.length / 2];
    float[] values = new float[pairs.length / 2];
    for (int i = 0; i < indices.length; i++) {
      indices[i] = (int) pairs[2 * i];
      values[i] = (float) pairs[2 * i + 1];
    }
    return VectorDelta.sparse(id, indices, values);
  }

  /** A delta that changes only metadata. */
  static VectorDelta patch(String id, String metadata) {
    return sparse(id).withMetadata(metadata);
  }

  static DeltaVectorDB open(int dimensions) {
    return DeltaVectorDB.builder().dimensions(dimensions).build();
  }

  /** A clock that stands still until it is set. */
  static final class Clock implements InstantSource {
    long now;

    Clock(long now) {
      this.now = now;
    }

    @Override
    public Instant instant() {
      return Instant.ofEpochMilli(now);
    }
  }

  static Instant at(long millis) {
    return Instant.ofEpochMilli(millis);
  }

  /** A database of a replica, by a clock. */
  static DeltaVectorDB.Builder replica(int number, int dimensions, Clock clock) {
    return DeltaVectorDB.builder()
        .dimensions(dimensions)
        .replicaId(String.format("%012x", number))
        .clock(clock);
  }

  static float[] vector(DeltaVectorDB db, String id) {
    return Objects.requireNonNull(db.getVector(id), id);
  }

  static int sequenceOf(String deltaId) {
    return DeltaId.parse(deltaId).sequence();
  }

  /** The call must fail with this code, this index and a message that names the thing. */
  static void fails(ErrorCode code, int index, String message, ThrowingCallable call) {
    DeltaException error = catchThrowableOfType(DeltaException.class, call);
    assertThat(error).as("the error").isNotNull();
    assertThat(error.code()).as(error.getMessage()).isEqualTo(code);
    assertThat(error.index()).as("index of " + error.getMessage()).isEqualTo(index);
    assertThat(error.getMessage()).matches(Pattern.compile("(?s).*(" + message + ").*"));
  }

  static void fails(ErrorCode code, String message, ThrowingCallable call) {
    fails(code, -1, message, call);
  }

  static @Nullable String idOfClosest(DeltaVectorDB db, double... query) {
    return db.search(v(query), 1).stream().map(SearchResult::id).findFirst().orElse(null);
  }
}
