import type { DeltaVectorDB, VectorDelta } from "deltavec";
import { Random } from "./random.ts";

/** A delta that begins a vector of three values. */
export function create(vectorId: string, ...values: number[]): VectorDelta {
  return {
    vectorId,
    operation: { type: "create", vector: Float32Array.of(...values, 1, 2, 3).subarray(0, 3) },
  };
}

/** A delta that adds to all values. */
export function offset(vectorId: string, amount = 1): VectorDelta {
  return { vectorId, operation: { type: "offset", amount } };
}

/** Deltas that can be applied in their order to an empty database, of all operations, with metadata and times. */
export function story(seed: number, count: number, dimensions = 3): VectorDelta[] {
  const random = new Random(seed);
  const alive: string[] = [];
  return Array.from({ length: count }, (_, i): VectorDelta => {
    const timestamp = new Date(1_700_000_000_000 + i);
    const metadata = { n: i, text: "ä€😀".slice(0, random.below(4)) };
    if (alive.length === 0 || random.below(5) === 0) {
      const vectorId = `v${i}-é`;
      alive.push(vectorId);
      const vector = random.vector(dimensions);
      return { vectorId, operation: { type: "create", vector }, metadata, timestamp };
    }
    const at = random.below(alive.length);
    const vectorId = alive[at]!;
    switch (random.below(6)) {
      case 0:
        alive.splice(at, 1);
        return { vectorId, operation: { type: "delete" }, timestamp };
      case 1:
        return {
          vectorId,
          operation: { type: "scale", factor: 1 + random.normal() / 8 },
          timestamp,
        };
      case 2:
        return { vectorId, operation: { type: "offset", amount: random.normal() }, metadata };
      case 3: {
        const vector = random.vector(dimensions);
        return { vectorId, operation: { type: "dense", vector } };
      }
      default: {
        const indices = Uint32Array.of(random.below(dimensions));
        return {
          vectorId,
          operation: { type: "sparse", indices, values: random.vector(1) },
          metadata,
        };
      }
    }
  });
}

/** Everything that a replica issued so far and its digest, for comparing. */
export function digestOf(db: DeltaVectorDB, deltas: readonly VectorDelta[]): string {
  db.applyDeltas(deltas);
  return db.stateDigest();
}

/** What a DeltaError says. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly index?: number;
}

/** Waits until something holds; fails after some seconds. */
export async function until(holds: () => boolean, what = "it"): Promise<void> {
  for (let left = 2000; !holds(); left--) {
    if (left === 0) {
      throw new Error(`waited too long for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
