import type { VectorDelta } from "deltavec";
import { Random } from "../../random.ts";
import { Edits } from "../bridge/edits.ts";
import { SHORT, spread } from "../bridge/spread.ts";
import { creation } from "../churn/living.ts";
import type { ChurnData } from "../churn/vectors.ts";
import { turned } from "../engines.ts";
import { BATCH, K, vectorId } from "../protocol.ts";
import { type Callee, callees } from "./callees.ts";
import {
  type CallFigures,
  OPERATIONS,
  type Operation,
  type Spread,
  TARGETS,
  type Target,
  WORLDS,
} from "./protocol.ts";

/** Calls of a round; a search for each query. */
const GETS = 10_000;
const SPARSES = 4000;
const BATCHES = 100;

/** Deltas in a call while a database is filled. */
const FILL = 1000;

/** Rounds that do not count: engines compile what runs often, one function after the other. */
const WARM = 4;

type Times = Record<Target, Record<Operation, number>>;

/**
 * Measures part `calls`: in each round every operation on all three, by turns, with the same arguments.
 *
 * @throws Error if a component cannot be loaded
 */
export async function measureCalls(
  data: ChurnData,
  n: number,
  rounds: number,
  tell: (doing: string) => void,
): Promise<CallFigures> {
  const all = await callees(data.dimensions);
  try {
    for (const { apply, prepare } of Object.values(all)) {
      for (let from = 0; from < n; from += FILL) {
        const some = Array.from({ length: Math.min(FILL, n - from) }, (_, i) => from + i);
        apply(prepare(some.map((i) => creation(vectorId(i), data.vector(i)))));
      }
    }
    const edits = new Edits(data, n, 0xc0de);
    const found: Times[] = [];
    for (let round = 0; round < WARM + SHORT * rounds; round++) {
      tell(`round ${round + 1}`);
      const times = measureRound(all, data, edits, n, round);
      if (round >= WARM) {
        found.push(times);
      }
    }
    const us = record(TARGETS, (target) =>
      operations((o) => spread(found.map((t) => t[target][o]))),
    );
    const extra = record(WORLDS, (world) =>
      operations((o) => spread(found.map((t) => t[world][o] - t.direct[o]))),
    );
    return { us, extra_us: extra, same: same(all, data, n) };
  } finally {
    for (const { close } of Object.values(all)) {
      close();
    }
  }
}

/**
 * Microseconds of a call of each kind, on each of the three: those that the process was on processors, as other work of the
 * machine would weigh more than what is told apart here. (The time of one thread would do, but comes in steps of milliseconds.)
 */
function measureRound(
  all: Readonly<Record<Target, Callee<unknown>>>,
  data: ChurnData,
  edits: Edits,
  n: number,
  round: number,
): Times {
  const random = new Random(round + 1);
  const ids = Array.from({ length: GETS }, () => vectorId(random.below(n)));
  const sparses = edits.make(SPARSES);
  const batches = Array.from({ length: BATCHES }, () => edits.make(BATCH));
  const times: Times = record(TARGETS, () => operations<number>(() => 0));
  for (const [o, operation] of OPERATIONS.entries()) {
    for (const target of turned(TARGETS, round + o)) {
      const callee = all[target];
      const prepared = prepare(operation, callee, ids, sparses, batches, data.queries);
      const start = process.cpuUsage();
      prepared.run();
      const { user, system } = process.cpuUsage(start);
      times[target][operation] = (user + system) / prepared.calls;
    }
  }
  return times;
}

/** Calls with their arguments as they are made, outside of the clock: a component has deltas of another shape. */
function prepare<Deltas>(
  operation: Operation,
  callee: Callee<Deltas>,
  ids: readonly string[],
  sparses: readonly VectorDelta[],
  batches: readonly VectorDelta[][],
  queries: readonly Float32Array[],
): { readonly calls: number; run(): void } {
  switch (operation) {
    case "get":
      return {
        calls: ids.length,
        run: () => {
          for (const id of ids) {
            callee.get(id);
          }
        },
      };
    case "search":
      return {
        calls: queries.length,
        run: () => {
          for (const query of queries) {
            callee.search(query, K);
          }
        },
      };
    case "sparse": {
      const deltas = sparses.map((delta) => callee.prepare([delta]));
      return {
        calls: deltas.length,
        run: () => {
          for (const delta of deltas) {
            callee.applyOne(delta);
          }
        },
      };
    }
    case "batch100": {
      const calls = batches.map((batch) => callee.prepare(batch));
      return {
        calls: calls.length,
        run: () => {
          for (const batch of calls) {
            callee.apply(batch);
          }
        },
      };
    }
  }
}

/** Whether all have the same vectors, to the bit, and find the same. */
function same(all: Readonly<Record<Target, Callee<unknown>>>, data: ChurnData, n: number): boolean {
  const { direct } = all;
  return WORLDS.map((world) => all[world]).every(
    (other) =>
      data.queries.every((query) => {
        const ids = other.search(query, K);
        return direct.search(query, K).every((id, i) => id === ids[i]);
      }) &&
      Array.from({ length: n }, (_, i) => vectorId(i)).every((id) => {
        const vector = other.get(id);
        return direct.get(id)!.every((value, i) => value === vector?.[i]);
      }),
  );
}

function record<Name extends string, T>(
  names: readonly Name[],
  of: (name: Name) => T,
): Record<Name, T> {
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<Name, T>;
}

function operations<T extends number | Spread>(of: (name: Operation) => T): Record<Operation, T> {
  return record(OPERATIONS, of);
}
