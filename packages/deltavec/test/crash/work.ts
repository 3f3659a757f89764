// What is done to a database that will be killed, and what it must be afterwards.
import { DeltaVectorDB } from "deltavec";
import type { DeltaOperation, VectorDelta } from "../../src/types.ts";
import { mergePatch } from "../behaviour/model.ts";
import type { Random } from "../support/random.ts";

/** Values of a vector. */
export const DIMENSIONS = 16;
const IDS = 30;

type Metadata = Record<string, unknown>;

interface Vector {
  readonly values: readonly number[];
  readonly metadata: Metadata;
}

/** What a database holds; never changed. */
export type State = ReadonlyMap<string, Vector>;

/** Makes a batch that a database in this state takes: mostly of a few deltas, at times of hundreds. */
export function randomBatch(random: Random, state: State): VectorDelta[] {
  const count = random.below(12) === 0 ? 300 + random.below(500) : 1 + random.below(20);
  const there = new Set(state.keys());
  return Array.from({ length: count }, () => {
    const vectorId = `v${random.below(IDS)}`;
    const operation = randomOperation(random, there.has(vectorId));
    if (operation.type === "create") {
      there.add(vectorId);
    } else if (operation.type === "delete") {
      there.delete(vectorId);
      return { vectorId, operation };
    }
    return random.below(3) === 0
      ? { vectorId, operation, metadata: randomPatch(random) }
      : { vectorId, operation };
  });
}

function randomOperation(random: Random, there: boolean): DeltaOperation {
  if (!there) {
    return { type: "create", vector: random.vector(DIMENSIONS) };
  }
  switch (random.below(8)) {
    case 0:
      return { type: "delete" };
    case 1:
      return { type: "scale", factor: Math.fround(0.5 + random.below(1000) / 1000) };
    case 2:
      return { type: "offset", amount: Math.fround(random.normal()) };
    case 3:
    case 4:
      return { type: "dense", vector: random.vector(DIMENSIONS) };
    default: {
      const indices = Array.from({ length: DIMENSIONS }, (_, i) => i).filter(
        () => random.below(4) === 0,
      );
      const values = random.vector(indices.length);
      return { type: "sparse", indices: Uint32Array.from(indices), values };
    }
  }
}

function randomPatch(random: Random): Metadata {
  const texts = ["", "größe", "a text of some letters", "日本"];
  const value = [null, random.below(1000), texts[random.below(texts.length)], [1, true, null]];
  return { [`k${random.below(4)}`]: value[random.below(4)], deep: { n: random.below(9) } };
}

/** Returns the state behind a batch. */
export function after(state: State, batch: readonly VectorDelta[]): State {
  const next = new Map(state);
  for (const { vectorId, operation, metadata = {} } of batch) {
    const vector = next.get(vectorId);
    if (operation.type === "delete") {
      next.delete(vectorId);
    } else {
      next.set(vectorId, {
        values: valuesAfter(operation, vector?.values ?? []),
        metadata: mergePatch(vector?.metadata ?? {}, metadata) as Metadata,
      });
    }
  }
  return next;
}

function valuesAfter(operation: DeltaOperation, values: readonly number[]): readonly number[] {
  switch (operation.type) {
    case "create":
    case "dense":
      return [...operation.vector];
    case "scale":
      return values.map((value) => Math.fround(value * operation.factor));
    case "offset":
      return values.map((value) => Math.fround(value + operation.amount));
    case "sparse": {
      const changed = [...values];
      for (const [i, index] of [...operation.indices].entries()) {
        changed[index] = operation.values[i];
      }
      return changed;
    }
    default:
      throw new Error(`no random batch has ${operation.type}`);
  }
}

/** Returns the digest of a database that holds this and nothing else. */
export function digestOf(state: State): string {
  using db = new DeltaVectorDB({ dimensions: DIMENSIONS, history: false });
  db.applyDeltas(
    [...state].map(([vectorId, { values, metadata }]) => ({
      vectorId,
      operation: { type: "create", vector: Float32Array.from(values) },
      metadata,
    })),
  );
  return db.stateDigest();
}

/**
 * Writes a batch in one line, as victims in any language can read it: deltas are parted by `|`, their fields by tabs: name of
 * the operation, id, metadata as JSON or nothing, numbers by commas (of a sparse delta indices, then a field of values).
 */
export function writeBatch(batch: readonly VectorDelta[]): string {
  return batch
    .map(({ vectorId, operation, metadata }) =>
      [
        operation.type,
        vectorId,
        metadata === undefined ? "" : JSON.stringify(metadata),
        ...numbersOf(operation).map((numbers) => Array.from(numbers).join()),
      ].join("\t"),
    )
    .join("|");
}

function numbersOf(operation: DeltaOperation): ArrayLike<number>[] {
  switch (operation.type) {
    case "create":
    case "dense":
      return [operation.vector];
    case "sparse":
      return [operation.indices, operation.values];
    case "scale":
      return [[operation.factor]];
    case "offset":
      return [[operation.amount]];
    default:
      return [];
  }
}

/** Reads what {@link writeBatch} wrote. */
export function readBatch(line: string): VectorDelta[] {
  return line.split("|").map((text) => {
    const [type, vectorId, metadata, first = "", second = ""] = text.split("\t");
    const numbers = (list: string): number[] => (list === "" ? [] : list.split(",").map(Number));
    const operation = readOperation(type, numbers(first), numbers(second));
    return metadata === ""
      ? { vectorId, operation }
      : { vectorId, operation, metadata: JSON.parse(metadata) };
  });
}

function readOperation(type: string, first: number[], second: number[]): DeltaOperation {
  switch (type) {
    case "create":
    case "dense":
      return { type, vector: Float32Array.from(first) };
    case "sparse":
      return { type, indices: Uint32Array.from(first), values: Float32Array.from(second) };
    case "scale":
      return { type, factor: first[0] };
    case "offset":
      return { type, amount: first[0] };
    default:
      return { type: "delete" };
  }
}
