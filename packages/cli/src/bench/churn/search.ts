import type { DeltaDBOptions } from "deltavec";
import { K, SETTINGS, vectorId } from "../protocol.ts";
import { creation, Inspector, Living, warmUp } from "./living.ts";
import {
  LARGE,
  SEARCH_RECALL,
  type SearchFigures,
  type SearchTimes,
  type Variant,
} from "./protocol.ts";
import { type ChurnData, leastEf } from "./vectors.ts";

/** The most that `efSearch` is set to. */
const MOST_EF = 1000;

const VARIANTS: readonly { readonly name: string; readonly options: DeltaDBOptions }[] = [
  { name: "int8, no floats", options: { keepFloats: false } },
  { name: "int4", options: { quantization: "int4" } },
  { name: "int4, no floats", options: { quantization: "int4", keepFloats: false } },
  { name: "no codes", options: { quantization: "none" } },
];

/** Measures part `search`. */
export async function measureSearch(
  data: ChurnData,
  n: number,
  rounds: number,
  tell: (doing: string) => Promise<void>,
): Promise<SearchFigures> {
  const inspector = new Inspector();
  await tell("warm-up");
  warmUp(data, n);
  const { queries } = data;

  const builds: number[] = [];
  for (let r = 1; r < rounds; r++) {
    await tell(`build, round ${r}`);
    builds.push(built(data, n, inspector, {}, (_, us) => us));
  }
  await tell("search");
  const first = built(data, n, inspector, {}, (living, us) => {
    builds.push(us);
    living.check();
    const memory = living.memory();
    const search = timedAt(living, data, SETTINGS.hnswEfSearch, rounds);
    living.db.searchBatch(queries, K);
    const start = performance.now();
    for (let r = 0; r < rounds; r++) {
      living.db.searchBatch(queries, K);
    }
    const batch_us = (1000 * (performance.now() - start)) / rounds / queries.length;
    return { search, batch_us, memory };
  });

  const variants: Variant[] = [];
  for (const { name, options } of VARIANTS) {
    await tell(name);
    variants.push(
      built(data, n, inspector, options, (living, us) => {
        living.check();
        const memory = living.memory();
        const search = timedAt(living, data, SETTINGS.hnswEfSearch, rounds);
        return { name, build_s: us / 1e6, search, memory };
      }),
    );
  }

  await tell(`${LARGE * n} vectors`);
  const large = built(data, LARGE * n, inspector, {}, (living) =>
    timedAtRecall(living, queries, SEARCH_RECALL, rounds),
  );
  builds.sort((a, b) => a - b);
  return {
    ...first,
    build_s: builds[(builds.length - 1) >> 1]! / 1e6,
    variants,
    large,
    wrong: inspector.wrong,
  };
}

/** Builds a database of `n` vectors, sized for them, and closes it when it was used. */
export function built<T>(
  data: ChurnData,
  n: number,
  inspector: Inspector,
  options: DeltaDBOptions,
  use: (living: Living, us: number) => T,
): T {
  const deltas = data.vectors(n).map((vector, i) => creation(vectorId(i), vector));
  using living = new Living({ dimensions: data.dimensions, maxVectors: n, ...options }, inspector);
  return use(living, living.create(deltas));
}

function timedAt(living: Living, data: ChurnData, ef: number, rounds: number): SearchTimes {
  const options = { efSearch: ef };
  const recall = living.recall(data.queries, living.rows.truth(data.queries, K), options);
  const times = living.time(data.queries, rounds, options);
  return { vectors: living.rows.size, ef, recall, ...times };
}

/** Times searches with the least `efSearch` that reaches a recall. */
export function timedAtRecall(
  living: Living,
  queries: readonly Float32Array[],
  least: number,
  rounds: number,
): SearchTimes {
  const truth = living.rows.truth(queries, K);
  const recallAt = (efSearch: number): number => living.recall(queries, truth, { efSearch });
  const ef = leastEf(recallAt, least, K, MOST_EF);
  const recall = recallAt(ef);
  const times = living.time(queries, rounds, { efSearch: ef });
  return { vectors: living.rows.size, ef, recall, ...times };
}
