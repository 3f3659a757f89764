import type { VectorDelta } from "deltavec";
import { editDeltas } from "../../demo/deltas.ts";
import { Random } from "../../random.ts";
import { K, vectorId } from "../protocol.ts";
import {
  changeTimes,
  compare,
  deletion,
  edits,
  Inspector,
  type Lived,
  Living,
  medianRound,
  replacement,
  warmUp,
} from "./living.ts";
import type { ChangeTimes, ChurnCase, LagCase, UpdatesResult } from "./protocol.ts";
import { beside, type ChurnData, moveCluster, shuffled } from "./vectors.ts";

/** Noise of an edit, and of a large one, by the length of the vector. */
const NOISE = 0.1;
const FAR = 0.5;
/** How often all vectors are edited in the longest case. */
const TIMES = 5;
/** The part that is edited once in the shortest case, and that is deleted. */
const FIFTH = 0.2;
/** The part that moves as a cluster. */
const CLUSTER = 0.1;
/** The parts that are replaced before the searches that meet queued repairs. */
const LAGS = [0.01, 0.05, 0.1];

/** Measures part `updates`. */
export async function measureUpdates(
  data: ChurnData,
  n: number,
  rounds: number,
  tell: (doing: string) => Promise<void>,
): Promise<UpdatesResult> {
  const inspector = new Inspector();
  const random = new Random(11);
  const cases: ChurnCase[] = [];
  const update: ChangeTimes[] = [];
  const delete_: ChangeTimes[] = [];
  const updateFar: ChangeTimes[] = [];
  await tell("warm-up");
  warmUp(data, n);

  for (const noise of [NOISE, FAR]) {
    const name = (what: string): string => `${what}, noise ${noise}`;
    await tell(name("a fifth edited"));
    {
      using living = Living.of(data, n, inspector);
      const some = fifth(living, random);
      living.live(edits(living, some, noise, random));
      cases.push(compare(name("20 % edited"), living, some, data, random));
    }
    const times = noise === NOISE ? update : updateFar;
    for (let r = 0; r < rounds; r++) {
      await tell(`${name("all edited")}, round ${r + 1}`);
      using living = Living.of(data, n, inspector);
      const all = living.rows.ids();
      const everywhere = (): VectorDelta[] => edits(living, shuffled(all, random), noise, random);
      times.push(changeTimes([living.live(everywhere())]));
      if (r === rounds - 1) {
        cases.push(compare(name("100 % edited"), living, all, data, random));
        for (let again = 1; again < TIMES; again++) {
          await tell(`${name("all edited")}, again ${again}`);
          living.live(everywhere());
        }
        cases.push(compare(name(`${TIMES} x 100 % edited`), living, all, data, random));
      }
      if (noise === NOISE) {
        delete_.push(changeTimes([living.live(fifth(living, random).map(deletion))]));
        living.check();
        living.inspect(data.queries);
      }
    }
  }

  await tell("the real stream");
  const stream = measureStream(data, n, inspector);
  cases.push(streamCase(data, n, inspector, random));

  await tell("a cluster moved");
  {
    using living = Living.of(data, n, inspector);
    const { indices, moved } = moveCluster(data.vectors(n), Math.ceil(CLUSTER * n), random);
    living.live(indices.map((index, i) => replacement(vectorId(index), moved[i]!)));
    cases.push(compare("a cluster moved", living, indices.map(vectorId), data, random));
  }

  const lag: LagCase[] = [];
  for (const part of LAGS) {
    const count = Math.ceil(part * n);
    await tell(`${count} replaced, not repaired`);
    lag.push(measureLag(data, n, count, rounds, inspector, random));
  }
  return {
    update: medianRound(update),
    update_far: medianRound(updateFar),
    stream,
    delete: medianRound(delete_),
    cases,
    lag,
    wrong: inspector.wrong,
  };
}

function fifth({ rows }: Living, random: Random): string[] {
  return shuffled(rows.ids(), random).slice(0, Math.ceil(FIFTH * rows.size));
}

/** The real edits, without their times: the databases live now. */
function streamDeltas({ edits: all, edited }: ChurnData): VectorDelta[] {
  return editDeltas(all, edited).map(({ timestamp: _, ...delta }) => delta);
}

function isUpdate({ operation }: VectorDelta): boolean {
  return operation.type !== "create" && operation.type !== "delete";
}

/**
 * Times of the updates of the real stream. What is queued is repaired wherever updates give way to creates and deletes or
 * follow them, so that each pays for its own.
 */
function measureStream(data: ChurnData, n: number, inspector: Inspector): ChangeTimes {
  using living = Living.of(data, n, inspector);
  const updates: Lived[] = [];
  const deltas = streamDeltas(data);
  for (let from = 0; from < deltas.length; ) {
    const update = isUpdate(deltas[from]!);
    let to = from + 1;
    while (to < deltas.length && isUpdate(deltas[to]!) === update) {
      to++;
    }
    const lived = living.live(deltas.slice(from, to));
    if (update) {
      updates.push(lived);
    }
    from = to;
  }
  return changeTimes(updates);
}

/** The state behind the real stream, which is repaired when its writers do it, and at its end. */
function streamCase(data: ChurnData, n: number, inspector: Inspector, random: Random): ChurnCase {
  using living = Living.of(data, n, inspector);
  const deltas = streamDeltas(data);
  living.live(deltas);
  const updated = new Set(deltas.filter(isUpdate).map(({ vectorId: id }) => id));
  const alive = [...updated].filter((id) => living.rows.has(id));
  return compare("the real stream", living, alive, data, random);
}

/** Searches while repairs are queued: vectors were replaced by others, which the data hold behind the first `n`. */
function measureLag(
  data: ChurnData,
  n: number,
  count: number,
  rounds: number,
  inspector: Inspector,
  random: Random,
): LagCase {
  using living = Living.of(data, n, inspector, { idleRepair: false });
  const ids = shuffled(living.rows.ids(), random).slice(0, count);
  const vectors = ids.map((_, i) => data.vector(n + i));
  living.apply(ids.map((id, i) => replacement(id, vectors[i]!)));
  const pending = living.db.stats().index.pendingRepairs;
  const around = beside(vectors, random);
  const truth = living.rows.truth(data.queries, K);
  const truthAround = living.rows.truth(around, K);
  living.check();
  const lagging = living.recall(data.queries, truth);
  const laggingAround = living.recall(around, truthAround);
  const lagging_us = living.time(data.queries, rounds).mean_us;
  const repair_us = living.repair() / Math.max(pending, 1);
  living.check();
  return {
    teleported: count,
    pending,
    queries: { lagging, repaired: living.recall(data.queries, truth) },
    moved: { lagging: laggingAround, repaired: living.recall(around, truthAround) },
    lagging_us,
    repaired_us: living.time(data.queries, rounds).mean_us,
    repair_us,
  };
}
