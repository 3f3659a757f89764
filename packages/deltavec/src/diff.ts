import { DeltaError, describe, invalid } from "./errors.ts";
import { toFloats } from "./frame.ts";
import { shortestForm, varintBytes } from "./indices.ts";
import type { DeltaChange, DeltaOperation, DiffOptions } from "./types.ts";

/**
 * Finds the smallest operation that brings one vector to another: a sparse one, a dense one if that takes fewer bytes, or,
 * if only metadata is to change, a sparse one of nothing. Sizes are those of the frames that a database writes with
 * `compression`. O(dimensions)
 *
 * @param oldVector - the values that are there
 * @param newVector - the values that shall be there: as many, finite
 * @param options - how exact, and metadata to go along
 * @returns what `applyDelta` takes besides the `vectorId`, or null if there is nothing to do
 * @throws DeltaError `INVALID_ARGUMENT`, `DIMENSION_MISMATCH` for vectors of different lengths, `NOT_FINITE`
 *
 * @example
 * ```ts
 * const change = diff(before, after);
 * if (change !== null) {
 *   db.applyDelta({ vectorId: "doc-1", ...change });
 * }
 * ```
 */
export function diff(
  oldVector: Float32Array,
  newVector: Float32Array,
  options: DiffOptions = {},
): DeltaChange | null {
  const before = floats("oldVector", oldVector);
  const after = floats("newVector", newVector);
  if (before.length !== after.length) {
    throw new DeltaError(
      "DIMENSION_MISMATCH",
      `oldVector has ${before.length} values, newVector ${after.length}`,
    );
  }
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  const { tolerance = 0, metadata } = options;
  if (typeof tolerance !== "number" || !(tolerance >= 0)) {
    throw invalid(`tolerance must be 0 or more, not ${describe(tolerance)}`);
  }
  if (metadata !== undefined && (typeof metadata !== "object" || metadata === null)) {
    throw invalid(`metadata must be an object, not ${describe(metadata)}`);
  }
  const indices = differing(before, after, tolerance);
  const patch = metadata !== undefined && Object.keys(metadata).length > 0 ? { metadata } : {};
  if (indices.length === 0 && !("metadata" in patch)) {
    return null;
  }
  return { operation: operation(after, indices), ...patch };
}

function operation(after: Float32Array, indices: Uint32Array): DeltaOperation {
  const sparseBytes = shortestForm(indices).bytes + 4 * indices.length;
  const denseBytes = varintBytes(after.length) + 4 * after.length;
  return sparseBytes <= denseBytes
    ? { type: "sparse", indices, values: Float32Array.from(indices, (i) => after[i]) }
    : { type: "dense", vector: after.slice() };
}

/** Returns the indices at which vectors are not the same, by more than the tolerance if there is one. */
function differing(before: Float32Array, after: Float32Array, tolerance: number): Uint32Array {
  const indices = new Uint32Array(after.length);
  let count = 0;
  for (let i = 0; i < after.length; i++) {
    const value = after[i];
    if (!Number.isFinite(value)) {
      throw new DeltaError("NOT_FINITE", `newVector[${i}] is not finite`);
    }
    // By Object.is, as -0 and 0 are two values.
    if (
      tolerance === 0 ? !Object.is(before[i], value) : !(Math.abs(before[i] - value) <= tolerance)
    ) {
      indices[count++] = i;
    }
  }
  return indices.slice(0, count);
}

function floats(name: string, value: Float32Array): Float32Array {
  const list = value instanceof Float32Array && value.length > 0 ? value : toFloats(value);
  if (typeof list === "string") {
    throw invalid(`${name} ${list}`);
  }
  return list;
}
