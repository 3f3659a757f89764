package dev.deltavec;

import dev.deltavec.core.DeltaException;
import dev.deltavec.core.ErrorCode;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Finds deltas. */
public final class Deltas {
  private Deltas() {}

  /**
   * Finds the smallest operation that brings one vector to another: nothing, the values that
   * differ, or all of them, whichever takes the fewest bytes.
   *
   * @param from the vector as it is
   * @param to the vector as it shall be, of the same length, finite
   * @param tolerance how far a value may stay from the new one, 0 or more: values that are off by
   *     no more are left as they are, all others become exact. With 0 all become the same, bit for
   *     bit
   * @return a {@link DeltaOperation.Sparse} or {@link DeltaOperation.Dense} with arrays of its own,
   *     or null if nothing is to be changed. O(length)
   * @throws DeltaException {@code DIMENSION_MISMATCH}, {@code NOT_FINITE} or {@code
   *     INVALID_ARGUMENT}
   */
  public static @Nullable DeltaOperation diff(float[] from, float[] to, float tolerance) {
    if (from.length != to.length) {
      throw new DeltaException(
          ErrorCode.DIMENSION_MISMATCH,
          "a vector of " + to.length + " values cannot follow one of " + from.length);
    }
    if (!(tolerance >= 0)) {
      throw new DeltaException(
          ErrorCode.INVALID_ARGUMENT, "tolerance must be 0 or more, not " + tolerance);
    }
    int[] indices = new int[Math.min(16, to.length)];
    float[] values = new float[indices.length];
    int n = 0;
    for (int i = 0; i < to.length; i++) {
      float value = to[i];
      if (!Float.isFinite(value)) {
        throw new DeltaException(
            ErrorCode.NOT_FINITE, "value " + i + " of the new vector is not finite");
      }
      if (differs(from[i], value, tolerance)) {
        if (n == indices.length) {
          indices = Arrays.copyOf(indices, Math.min(2 * n, to.length));
          values = Arrays.copyOf(values, indices.length);
        }
        indices[n] = i;
        values[n++] = value;
      }
    }
    if (n == 0) {
      return null;
    }
    indices = Arrays.copyOf(indices, n);
    int sparse = Math.min(FrameWriter.gapBytes(indices), FrameWriter.runBytes(indices)) + 4 * n;
    int dense = FrameWriter.varintBytes(to.length) + 4 * to.length;
    return sparse <= dense
        ? new DeltaOperation.Sparse(indices, Arrays.copyOf(values, n))
        : new DeltaOperation.Dense(to.clone());
  }

  private static boolean differs(float from, float to, float tolerance) {
    return tolerance == 0
        ? Float.floatToRawIntBits(from) != Float.floatToRawIntBits(to)
        : !(Math.abs((double) from - to) <= tolerance);
  }

  /**
   * Finds the smallest delta that brings one vector to another and patches its metadata; otherwise
   * as {@link #diff(float[], float[], float)}.
   *
   * @param vectorId the vector's id
   * @param metadata merge patch for the metadata, or null
   * @return the delta, one of metadata only if the values stay, or null if nothing is to be changed
   */
  public static @Nullable VectorDelta diff(
      String vectorId, float[] from, float[] to, float tolerance, @Nullable String metadata) {
    DeltaOperation operation = diff(from, to, tolerance);
    if (operation == null && metadata == null) {
      return null;
    }
    VectorDelta delta =
        operation == null
            ? VectorDelta.sparse(vectorId, new int[0], new float[0])
            : VectorDelta.of(vectorId, operation);
    return delta.withMetadata(metadata);
  }
}
