package dev.deltavec;

import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One change of one vector. What is wrong with it is found when it is applied.
 *
 * {@snippet :
 * VectorDelta.sparse("a", new int[] {3, 17}, new float[] {0.5f, -1})
 *     .withMetadata("{\"reviewed\": true}");
 * }
 *
 * @param vectorId the vector's id: well-formed text of 1 to 1,024 bytes in UTF-8
 * @param operation what changes
 * @param metadata merge patch (RFC 7396) for the vector's metadata, the text of a JSON object:
 *     members given are set, members given as {@code null} are removed, objects are merged. Not
 *     with {@link DeltaOperation.Delete}
 * @param timestamp when the change happened, from 1970 on, to the millisecond; becomes the time of
 *     the delta's id and must not lie before the vector's newest delta. Without it: now, or the
 *     latest time issued if the clock stands behind that
 */
public record VectorDelta(
    String vectorId,
    DeltaOperation operation,
    @Nullable String metadata,
    @Nullable Instant timestamp) {
  /** Refuses null. */
  public VectorDelta {
    Objects.requireNonNull(vectorId, "vectorId");
    Objects.requireNonNull(operation, "operation");
  }

  /** Returns a delta without metadata and timestamp; arguments as in the record. */
  public static VectorDelta of(String vectorId, DeltaOperation operation) {
    return new VectorDelta(vectorId, operation, null, null);
  }

  /** Returns a delta that begins a vector; see {@link DeltaOperation.Create}. */
  public static VectorDelta create(String vectorId, float[] vector) {
    return of(vectorId, new DeltaOperation.Create(vector));
  }

  /** Returns a delta that assigns values at indices; see {@link DeltaOperation.Sparse}. */
  public static VectorDelta sparse(String vectorId, int[] indices, float[] values) {
    return of(vectorId, new DeltaOperation.Sparse(indices, values));
  }

  /** Returns a delta that replaces all values; see {@link DeltaOperation.Dense}. */
  public static VectorDelta dense(String vectorId, float[] vector) {
    return of(vectorId, new DeltaOperation.Dense(vector));
  }

  /** Returns a delta that multiplies every value; see {@link DeltaOperation.Scale}. */
  public static VectorDelta scale(String vectorId, float factor) {
    return of(vectorId, new DeltaOperation.Scale(factor));
  }

  /** Returns a delta that adds to every value; see {@link DeltaOperation.Offset}. */
  public static VectorDelta offset(String vectorId, float amount) {
    return of(vectorId, new DeltaOperation.Offset(amount));
  }

  /** Returns a delta that ends a vector; see {@link DeltaOperation.Delete}. */
  public static VectorDelta delete(String vectorId) {
    return of(vectorId, new DeltaOperation.Delete());
  }

  /** Returns this delta with a merge patch for the metadata, as in the record; null for none. */
  public VectorDelta withMetadata(@Nullable String patch) {
    return new VectorDelta(vectorId, operation, patch, timestamp);
  }

  /** Returns this delta with a timestamp, as in the record; null for none. */
  public VectorDelta withTimestamp(@Nullable Instant time) {
    return new VectorDelta(vectorId, operation, metadata, time);
  }
}
