import fc from "fast-check";
import type { DeltaDBOptions, MetadataFilter, VectorDelta } from "../../src/types.ts";
import { check, same } from "./check.ts";
import { exact, METRICS, sound } from "./closest.ts";
import { create, dense, offset, remove, scale, sparse } from "./deltas.ts";
import type { Bench, Face } from "./face.ts";
import { healthy } from "./index.ts";

const DIMENSIONS = 3;
const IDS = 40;
/** After so many steps the graph is gone over. */
const CHECKED = 5;

/** What is done to one vector, or to the index. Values are few, so that many vectors are equal, and some are zero. */
interface Step {
  readonly kind: "put" | "set" | "scale" | "offset" | "remove" | "repair" | "search" | "storm";
  readonly id: number;
  readonly values: readonly number[];
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step["kind"][]>(
    ...(["put", "put", "put", "set", "set", "scale", "offset"] as const),
    ...(["remove", "repair", "search", "search", "storm"] as const),
  ),
  id: fc.nat(IDS - 1),
  values: fc.array(fc.integer({ min: -2, max: 2 }), {
    minLength: DIMENSIONS,
    maxLength: DIMENSIONS,
  }),
});

const options: fc.Arbitrary<DeltaDBOptions> = fc.record({
  metric: fc.constantFrom(...METRICS),
  quantization: fc.constantFrom("int8" as const, "int4" as const, "none" as const),
  hnswM: fc.constantFrom(2, 4, 16),
});

interface State {
  readonly db: Face;
  readonly metric: (typeof METRICS)[number];
  readonly vectors: Map<string, Float32Array>;
}

/** Returns the deltas of a step, and notes in the model what they do. */
function deltas({ vectors }: State, { kind, id, values }: Step): VectorDelta[] {
  const name = `v${id}`;
  const old = vectors.get(name);
  if (kind === "storm") {
    return Array.from({ length: IDS }, (_, i) => `v${i}`)
      .filter((other) => vectors.has(other))
      .map((other, i) => {
        const moved = values.map((x) => x + (i % 5));
        vectors.set(other, Float32Array.from(moved));
        return dense(other, ...moved);
      });
  }
  if (old === undefined) {
    if (kind !== "put") {
      return [];
    }
    vectors.set(name, Float32Array.from(values));
    return [{ ...create(name, ...values), metadata: { id, even: id % 2 === 0 } }];
  }
  const [first] = values;
  switch (kind) {
    case "put":
      vectors.set(name, Float32Array.from(values));
      return [dense(name, ...values)];
    case "set":
      vectors.set(name, old.with(id % DIMENSIONS, first));
      return [sparse(name, id % DIMENSIONS, first)];
    case "scale":
      vectors.set(
        name,
        old.map((x) => x * first),
      );
      return [scale(name, first)];
    case "offset":
      vectors.set(
        name,
        old.map((x) => x + first),
      );
      return [offset(name, first)];
    default:
      vectors.delete(name);
      return [remove(name)];
  }
}

/** Searches in all ways; with so few vectors, none may be missed. */
async function searches({ db, metric, vectors }: State, query: Float32Array): Promise<void> {
  const ways: [MetadataFilter | undefined, (id: string) => boolean][] = [
    [undefined, () => true],
    [{ field: "even", equals: true }, (id) => Number(id.slice(1)) % 2 === 0],
    [{ not: { field: "id", range: { lt: 10 } } }, (id) => Number(id.slice(1)) >= 10],
  ];
  for (const [filter, passes] of ways) {
    const there = new Map([...vectors].filter(([id]) => passes(id)));
    for (const k of [1, 5, IDS]) {
      const hits = await db.search(query, k, filter === undefined ? {} : { filter });
      sound(metric, there, query, hits);
      const best = exact(metric, there, query, k);
      same(hits.length, best.length, "number of hits");
      hits.forEach(({ score }, i) => {
        const off = Math.abs(score - best[i].score);
        check(off <= 1e-4 * Math.max(1, Math.abs(score)), `hit ${i} is off by ${off}`);
      });
    }
  }
}

/** Random changes, repairs and searches; seed and smallest case are in the error. */
export function indexModel({ test, open }: Bench, runs: number): void {
  test("whatever is done, the index is healthy and finds what a naive model finds", async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 60 });
    const property = fc.asyncProperty(options, steps, async (given, all) => {
      const db = await open({ dimensions: DIMENSIONS, idleRepair: false, ...given });
      const state: State = { db, metric: given.metric ?? "cosine", vectors: new Map() };
      for (const [i, one] of all.entries()) {
        if (one.kind === "repair") {
          const before = (await db.stats()).index.pendingRepairs;
          same(await db.repair(), { repaired: before, pending: 0 }, "what repair did");
        } else if (one.kind === "search") {
          await searches(state, Float32Array.from(one.values));
        } else {
          await db.applyDeltas(deltas(state, one));
        }
        if (i % CHECKED === CHECKED - 1) {
          await healthy(db, `after step ${i}`);
        }
      }
      await healthy(db, "at the end");
      await searches(state, Float32Array.of(1, -2, 0.5));
      await db.close();
    });
    await fc.assert(property, { numRuns: runs });
  });
}
