import { type DeltaOperation, DeltaVectorDB } from "deltavec/slim";
import { DIMENSIONS, GRID } from "./prepared.ts";

/**
 * Tells what a delta takes on its way to a replica, by being one: a database of one vector, asked for the bytes that another
 * one lacks.
 */
export class Meter {
  readonly #db = new DeltaVectorDB({
    dimensions: DIMENSIONS,
    precision: { grid: GRID },
    maxVectors: 16,
    idleRepair: false,
  });

  /**
   * Bytes of a delta: a sealed frame, with the vector's id, its own, and a checksum.
   *
   * @param before - the values that it changes; undefined if there are none
   */
  bytes(vectorId: string, operation: DeltaOperation, before: Float32Array | undefined): number {
    const db = this.#db;
    if (before !== undefined) {
      db.applyDelta({ vectorId, operation: { type: "create", vector: before } });
    }
    const cursor = db.cursor();
    db.applyDelta({ vectorId, operation });
    const { length } = db.deltasSince(cursor);
    if (operation.type !== "delete") {
      db.applyDelta({ vectorId, operation: { type: "delete" } });
    }
    db.compact();
    return length;
  }

  /** Ends it. */
  close(): void {
    this.#db.close();
  }
}

/** What a delta makes of values. */
export function applied(
  operation: DeltaOperation,
  before: Float32Array | undefined,
): Float32Array | undefined {
  switch (operation.type) {
    case "create":
    case "dense":
      return operation.vector;
    case "delete":
      return undefined;
    case "sparse": {
      const after = before?.slice();
      operation.indices.forEach((index, i) => {
        after?.fill(operation.values[i]!, index, index + 1);
      });
      return after;
    }
    case "scale":
      return before?.map((value) => onGrid(value * operation.factor));
    case "offset":
      return before?.map((value) => onGrid(value + operation.amount));
  }
}

/** A value as the database keeps it. */
export function onGrid(value: number): number {
  return Math.floor(value * GRID + 0.5) / GRID;
}
