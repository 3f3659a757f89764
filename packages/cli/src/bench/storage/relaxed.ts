import { DeltaVectorDB, type VectorDelta } from "deltavec";
import { Edits } from "../bridge/edits.ts";
import { SHORT, spread } from "../bridge/spread.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { fill, optionsOf } from "./databases.ts";
import type { Places } from "./places.ts";
import { BATCH, type RelaxedFigures } from "./protocol.ts";

/** Batches between two looks at the clock. */
const BATCHES = 40;
/** Pairs for each round that was asked for. */
const PAIRS = 3 * SHORT;

/** Measures part `relaxed`: by turns a database in a worker that has a log, and one that has none. */
export async function measureRelaxed(
  data: ChurnData,
  n: number,
  rounds: number,
  places: Places,
  folder: string,
  tell: (doing: string) => Promise<void>,
): Promise<RelaxedFigures> {
  const options = { ...optionsOf(data, true), worker: places.worker };
  await tell("filling");
  const memory = await DeltaVectorDB.connect(options);
  const storage = await DeltaVectorDB.connect({
    ...options,
    ...{ storage: places.url(folder, "relaxed"), durability: "relaxed" },
  });
  try {
    for (const db of [memory, storage]) {
      await fill(db, data, n, false);
    }
    const edits = new Edits(data, n, 0x1e1a);
    await tell("batches");
    const batches = await compare(memory, storage, edits, PAIRS * rounds, batched);
    await tell("calls");
    const calls = await compare(memory, storage, edits, PAIRS * rounds, called);
    return {
      batches: spread(batches.map(([without, by]) => by / without)),
      calls: spread(calls.map(([without, by]) => by / without)),
      overall: sum(batches, 1) / sum(batches, 0),
      memory_us: spread(batches.map(([without]) => without)),
      storage_us: spread(batches.map(([, by]) => by)),
    };
  } finally {
    await memory.close();
    await storage.close();
  }
}

/** A database in a worker, with a log or without. */
interface Target {
  applyDelta(delta: VectorDelta): Promise<unknown>;
  applyDeltas(deltas: VectorDelta[]): Promise<unknown>;
}

type Work = (db: Target, edits: Edits) => Promise<number>;

/** Microseconds for a delta without and with a log, of neighbours, each first as often as the other; the first pair does not count. */
async function compare(
  memory: Target,
  storage: Target,
  edits: Edits,
  rounds: number,
  work: Work,
): Promise<[without: number, by: number][]> {
  const all: [number, number][] = [];
  for (let r = 0; r <= rounds; r++) {
    const first = r % 2 === 0 ? memory : storage;
    const second = r % 2 === 0 ? storage : memory;
    const one = await work(first, edits);
    const other = await work(second, edits);
    if (r > 0) {
      all.push(r % 2 === 0 ? [one, other] : [other, one]);
    }
  }
  return all;
}

function sum(pairs: readonly [number, number][], which: 0 | 1): number {
  return pairs.reduce((all, pair) => all + pair[which], 0);
}

/** Batches, one behind the other. */
async function batched(db: Target, edits: Edits): Promise<number> {
  const batches = Array.from({ length: BATCHES }, () => edits.make(BATCH));
  const start = performance.now();
  for (const batch of batches) {
    await db.applyDeltas(batch);
  }
  return (1000 * (performance.now() - start)) / (BATCHES * BATCH);
}

/** Single deltas, many under way. */
async function called(db: Target, edits: Edits): Promise<number> {
  const batches = Array.from({ length: BATCHES }, () => edits.make(BATCH));
  const start = performance.now();
  for (const batch of batches) {
    await Promise.all(batch.map((delta) => db.applyDelta(delta)));
  }
  return (1000 * (performance.now() - start)) / (BATCHES * BATCH);
}
