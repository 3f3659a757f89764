import type { VectorDelta } from "../../src/types.ts";

/** Short forms of deltas, for the tests. */
export function create(vectorId: string, ...vector: number[]): VectorDelta {
  return { vectorId, operation: { type: "create", vector: Float32Array.from(vector) } };
}

export function dense(vectorId: string, ...vector: number[]): VectorDelta {
  return { vectorId, operation: { type: "dense", vector: Float32Array.from(vector) } };
}

/** Index, value, index, value, … */
export function sparse(vectorId: string, ...pairs: number[]): VectorDelta {
  return {
    vectorId,
    operation: {
      type: "sparse",
      indices: Uint32Array.from(pairs.filter((_, i) => i % 2 === 0)),
      values: Float32Array.from(pairs.filter((_, i) => i % 2 === 1)),
    },
  };
}

export function scale(vectorId: string, factor: number): VectorDelta {
  return { vectorId, operation: { type: "scale", factor } };
}

export function offset(vectorId: string, amount: number): VectorDelta {
  return { vectorId, operation: { type: "offset", amount } };
}

export function remove(vectorId: string): VectorDelta {
  return { vectorId, operation: { type: "delete" } };
}

/** A delta of JavaScript that no type checker saw. */
export function wrong(delta: unknown): VectorDelta {
  return delta as VectorDelta;
}

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Reads base32 the slow and plain way. */
function bitsOf(deltaId: string): bigint {
  return [...deltaId].reduce((bits, digit) => bits * 32n + BigInt(ALPHABET.indexOf(digit)), 0n);
}

/** The Unix milliseconds in a delta id. */
export function timeOf(deltaId: string): number {
  return Number(bitsOf(deltaId) >> 80n);
}

/** The sequence in a delta id. */
export function sequenceOf(deltaId: string): number {
  return Number((bitsOf(deltaId) >> 48n) & 0xffff_ffffn);
}

/** The replica in a delta id. */
export function replicaOf(deltaId: string): string {
  return (bitsOf(deltaId) & 0xffff_ffff_ffffn).toString(16).padStart(12, "0");
}
