package dev.deltavec;

import java.util.Arrays;
import java.util.Objects;

/**
 * What a delta does to its vector. Floats are finite; arithmetic is in float.
 *
 * <p>Arrays are kept, not copied: leave them as they are until the delta has been applied. Equality
 * is that of the contents.
 */
public sealed interface DeltaOperation {
  /**
   * Begins a vector.
   *
   * @param vector the database's {@code dimensions} values
   */
  @SuppressWarnings("ArrayRecordComponent") // see the interface
  record Create(float[] vector) implements DeltaOperation {
    /** Refuses null. */
    public Create {
      Objects.requireNonNull(vector, "vector");
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Create create && Arrays.equals(vector, create.vector);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(vector);
    }

    @Override
    public String toString() {
      return "Create[vector=" + Arrays.toString(vector) + "]";
    }
  }

  /**
   * Assigns {@code values[i]} at {@code indices[i]}. None at all is allowed: a delta that changes
   * only metadata.
   *
   * @param indices each below {@code dimensions} and at most once; any order, ascending is fastest
   * @param values as many as indices
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Sparse(int[] indices, float[] values) implements DeltaOperation {
    /** Refuses null. */
    public Sparse {
      Objects.requireNonNull(indices, "indices");
      Objects.requireNonNull(values, "values");
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Sparse sparse
          && Arrays.equals(indices, sparse.indices)
          && Arrays.equals(values, sparse.values);
    }

    @Override
    public int hashCode() {
      return 31 * Arrays.hashCode(indices) + Arrays.hashCode(values);
    }

    @Override
    public String toString() {
      return "Sparse[indices="
          + Arrays.toString(indices)
          + ", values="
          + Arrays.toString(values)
          + "]";
    }
  }

  /**
   * Replaces all values.
   *
   * @param vector the database's {@code dimensions} values
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Dense(float[] vector) implements DeltaOperation {
    /** Refuses null. */
    public Dense {
      Objects.requireNonNull(vector, "vector");
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Dense dense && Arrays.equals(vector, dense.vector);
    }

    @Override
    public int hashCode() {
      return ~Arrays.hashCode(vector);
    }

    @Override
    public String toString() {
      return "Dense[vector=" + Arrays.toString(vector) + "]";
    }
  }

  /**
   * Multiplies every value.
   *
   * @param factor what by
   */
  record Scale(float factor) implements DeltaOperation {}

  /**
   * Adds to every value.
   *
   * @param amount what is added
   */
  record Offset(float amount) implements DeltaOperation {}

  /** Ends a vector and its metadata; a later {@link Create} may use its id again. */
  record Delete() implements DeltaOperation {}
}
