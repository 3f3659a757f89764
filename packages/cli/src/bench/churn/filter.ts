import type { FilterFunction, MetadataFilter, SearchOptions } from "deltavec";
import { Random } from "../../random.ts";
import { K, vectorId } from "../protocol.ts";
import { Inspector, Living, warmUp } from "./living.ts";
import type { FilterCase, FilterFigures } from "./protocol.ts";
import { byDistance, type ChurnData, shuffled } from "./vectors.ts";

/** Rounds through all queries that are timed in a round of the benchmark. */
const SEARCH_ROUNDS = 2;

/** Metadata of a vector. */
interface Label {
  /** 0 to 99, each for one vector in a hundred, at random. */
  readonly part: number;
  /** `near` for the hundredth that is closest to a random vector, `middle` for the rest of the tenth. */
  readonly shelf: "near" | "middle" | "far";
}

interface Filtered {
  readonly name: string;
  readonly filter: () => MetadataFilter | FilterFunction;
  readonly passes: (label: Label) => boolean;
}

const FILTERS: readonly Filtered[] = [
  {
    name: "1 %, random",
    filter: () => ({ field: "part", equals: 7 }),
    passes: ({ part }) => part === 7,
  },
  {
    name: "10 %, random",
    filter: () => ({ field: "part", range: { lt: 10 } }),
    passes: ({ part }) => part < 10,
  },
  {
    name: "50 %, random",
    filter: () => ({ field: "part", range: { gte: 50 } }),
    passes: ({ part }) => part >= 50,
  },
  {
    name: "1 %, a cluster",
    filter: () => ({ field: "shelf", equals: "near" }),
    passes: ({ shelf }) => shelf === "near",
  },
  {
    name: "10 %, a cluster",
    filter: () => ({ field: "shelf", in: ["near", "middle"] }),
    passes: ({ shelf }) => shelf !== "far",
  },
  {
    name: "10 %, a function",
    filter: () => (_id, metadata) => (metadata as Label | undefined)!.part < 10,
    passes: ({ part }) => part < 10,
  },
];

/** Measures part `filter`. */
export async function measureFilter(
  data: ChurnData,
  n: number,
  rounds: number,
  tell: (doing: string) => Promise<void>,
): Promise<FilterFigures> {
  const inspector = new Inspector();
  const random = new Random(13);
  await tell("warm-up");
  warmUp(data, n);
  const vectors = data.vectors(n);
  const labels = labelled(vectors, random);
  using living = new Living({ dimensions: data.dimensions }, inspector);
  living.create(
    vectors.map((vector, i) => ({
      vectorId: vectorId(i),
      operation: { type: "create", vector },
      metadata: { ...labels[i]! },
    })),
  );
  const cases: FilterCase[] = [];
  for (const filtered of FILTERS) {
    await tell(filtered.name);
    cases.push(measure(filtered, living, labels, data, rounds));
  }
  return { cases, wrong: inspector.wrong };
}

function labelled(vectors: readonly Float32Array[], random: Random): Label[] {
  const parts = shuffled(
    vectors.map((_, i) => i % 100),
    random,
  );
  const order = byDistance(vectors, vectors[random.below(vectors.length)]!);
  const labels = new Array<Label>(vectors.length);
  order.forEach((index, rank) => {
    const share = rank / vectors.length;
    const shelf = share < 0.01 ? "near" : share < 0.1 ? "middle" : "far";
    labels[index] = { part: parts[index]!, shelf };
  });
  return labels;
}

function measure(
  { name, filter, passes }: Filtered,
  living: Living,
  labels: readonly Label[],
  data: ChurnData,
  rounds: number,
): FilterCase {
  const { queries } = data;
  const pass = (id: string): boolean => passes(labels[Number(id.slice(1))]!);
  const options: SearchOptions = { filter: filter() };
  const exact: SearchOptions = { filter: filter(), exact: true };
  const first = queries.slice(0, 1);
  const cold_us = timed(living, first, options);
  const exact_cold_us = timed(living, first, { ...exact, filter: alike(filter()) });
  const truth = living.rows.truth(queries, K, pass);
  const recall = living.recall(queries, truth, options, pass);
  living.recall(queries, truth, exact, pass); // both have met all queries
  let us = 0;
  let exactUs = 0;
  const blocks = SEARCH_ROUNDS * rounds;
  for (let b = 0; b < blocks; b++) {
    // By turns: whatever else the machine does meets both alike.
    us += timed(living, queries, options) / blocks;
    exactUs += timed(living, queries, exact) / blocks;
  }
  return {
    name,
    passing: labels.filter(passes).length,
    recall,
    mean_us: us,
    exact_us: exactUs,
    cold_us,
    exact_cold_us,
    called: typeof options.filter === "function",
  };
}

/** A filter that lets the same pass, of which nothing is known yet. */
function alike(filter: MetadataFilter | FilterFunction): MetadataFilter | FilterFunction {
  return typeof filter === "function" ? filter : { and: [filter] };
}

/** Microseconds of a search. */
function timed(living: Living, queries: readonly Float32Array[], options: SearchOptions): number {
  let hits = 0;
  const start = performance.now();
  for (const query of queries) {
    hits += living.db.search(query, K, options).length;
  }
  const us = (1000 * (performance.now() - start)) / queries.length;
  sink += hits;
  return us;
}

/** What the calls gave: keeps the engine from leaving them out. */
export let sink = 0;
