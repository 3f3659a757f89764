import { DeltaVectorDB, init, type VectorDelta } from "deltavec";
import { type Delta, instantiate as deltavec, type Operation } from "deltavec/component";
import { instantiate as deltaVector } from "deltavec/component/delta-vector";
import { SETTINGS } from "../protocol.ts";
import type { Target } from "./protocol.ts";

/** A database behind one of the three interfaces. `Deltas` is what it takes. */
export interface Callee<Deltas> {
  /** Deltas in the shape that the interface takes. */
  prepare(deltas: readonly VectorDelta[]): Deltas;
  /** Applies them in one call. */
  apply(deltas: Deltas): unknown;
  /** Applies the only one of them, by the call for one delta if there is such. */
  applyOne(deltas: Deltas): unknown;
  /** Calls for a vector, an array of its own. */
  get(id: string): Float32Array | undefined;
  /** The ids of what was found. */
  search(query: Float32Array, k: number): string[];
  close(): void;
}

/** An empty database of each kind, with the same settings: those of the first world, which are the defaults of all. */
export async function callees(
  dimensions: number,
): Promise<Readonly<Record<Target, Callee<unknown>>>> {
  return {
    direct: await direct(dimensions),
    "delta-vector": await firstWorld(dimensions),
    deltavec: await secondWorld(dimensions),
  };
}

async function direct(dimensions: number): Promise<Callee<VectorDelta[]>> {
  await init();
  // What the components do not do by themselves must not happen between their calls either.
  const db = new DeltaVectorDB({ dimensions, ...SETTINGS, idleRepair: false });
  return {
    prepare: (deltas) => [...deltas],
    apply: (deltas) => db.applyDeltas(deltas),
    applyOne: ([delta]) => db.applyDelta(delta!),
    get: (id) => db.getVector(id) ?? undefined,
    search: (query, k) => db.search(query, k).map(({ id }) => id),
    close: () => db.close(),
  };
}

async function firstWorld(dimensions: number): Promise<Callee<Pick<Delta, Shared>[]>> {
  const { Database } = await deltaVector();
  const db = new Database(dimensions);
  return {
    prepare: (deltas) => deltas.map(shaped),
    apply: (deltas) => db.applyDeltas(deltas),
    applyOne: ([delta]) => db.applyDelta(delta!),
    get: (id) => db.getVector(id),
    search: (query, k) => db.search(query, k).map(({ id }) => id),
    close: () => db[Symbol.dispose](),
  };
}

async function secondWorld(dimensions: number): Promise<Callee<Delta[]>> {
  const { Database } = await deltavec();
  const { hnswM, hnswEfConstruction, hnswEfSearch } = SETTINGS;
  const db = Database.open({ dimensions, hnswM, hnswEfConstruction, hnswEfSearch });
  const options = {};
  return {
    prepare: (deltas) => deltas.map(shaped),
    apply: (deltas) => db.apply(deltas),
    applyOne: (deltas) => db.apply(deltas),
    get: (id) => db.getVector(id),
    search: (query, k) => db.search(query, k, options).map(({ id }) => id),
    close: () => db[Symbol.dispose](),
  };
}

/** What the deltas of both worlds have. */
type Shared = "vectorId" | "operation";

/** A delta in the shape of both worlds. */
function shaped({ vectorId, operation }: VectorDelta): Pick<Delta, Shared> {
  return { vectorId, operation: operationOf(operation) };
}

function operationOf(operation: VectorDelta["operation"]): Operation {
  switch (operation.type) {
    case "create":
      return { tag: "create", val: Float32Array.from(operation.vector) };
    case "sparse": {
      const { indices, values } = operation;
      return {
        tag: "sparse",
        val: { indices: Uint32Array.from(indices), values: Float32Array.from(values) },
      };
    }
    default:
      throw new Error(`no ${operation.type} is measured`);
  }
}
