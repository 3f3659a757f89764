import { type Bar, measured, missedOf } from "../bars.ts";
import type { ChurnCase, ChurnResults, ScaleFigures, Wrong } from "./protocol.ts";

/** What was measured of the parts on one engine; `scale` by size, the smallest first. */
export type ChurnFigures = Partial<Omit<ChurnResults, "scale">> & {
  readonly scale?: readonly ScaleFigures[];
};

const RECALL = 0.985;

/** All bars of `bench churn`; `n` vectors are 10,000 unless it is told otherwise. */
export const CHURN_BARS: readonly Bar[] = [
  { name: "update_us", what: "edit of a vector and its repair", unit: "us", limit: 60 },
  { name: "update_stream_us", what: "real edit and its repair", unit: "us", limit: 80 },
  { name: "delete_us", what: "delete and its repair", unit: "us", limit: 80 },
  {
    name: "recall_drop_worst",
    what: "worst recall, below built anew",
    unit: "",
    limit: 0.01,
    digits: 4,
  },
  {
    name: "lag_drop_worst",
    what: "worst recall, below repaired",
    unit: "",
    limit: 0.005,
    digits: 4,
  },
  { name: "ghosts", what: "hits that are not there", unit: "", limit: 0, digits: 0 },
  { name: "unreachable", what: "vectors out of reach", unit: "", limit: 0, digits: 0 },
  {
    name: "memory_turnover_ratio",
    what: "memory turned over, to built anew",
    unit: "x",
    limit: 1.05,
    digits: 3,
  },
  {
    name: "filter_recall_min",
    what: "worst recall with a filter",
    unit: "",
    limit: 0.95,
    atLeast: true,
    digits: 4,
  },
  { name: "filter_vs_scan_worst", what: "worst filter, to an exact scan", unit: "x", limit: 1.5 },
  { name: "search_us", what: "search k=10, efSearch 50", unit: "us", limit: 60 },
  {
    name: "search_recall",
    what: "its recall",
    unit: "",
    limit: RECALL,
    atLeast: true,
    digits: 4,
  },
  { name: "search50k_us", what: "search of five times as many", unit: "us", limit: 100 },
  {
    name: "search50k_recall",
    what: "its recall",
    unit: "",
    limit: RECALL,
    atLeast: true,
    digits: 4,
  },
  { name: "build_s", what: "build", unit: "s", limit: 1.5 },
  { name: "memory_ratio", what: "memory, to the raw vectors", unit: "x", limit: 1.4, digits: 3 },
  {
    name: "codes_memory_ratio",
    what: "the same without floats",
    unit: "x",
    limit: 0.4,
    digits: 3,
  },
  { name: "scale_search_ratio", what: "search, 10 times as many vectors", unit: "x", limit: 2 },
  { name: "scale_build_ratio", what: "build a vector, 10 times as many", unit: "x", limit: 2.5 },
  {
    name: "scale_memory_ratio",
    what: "bytes a vector, 10 times as many",
    unit: "x",
    limit: 1,
    digits: 3,
  },
];

/** The figures of the bars, of the parts that were measured. */
export function churnFigures(engine: ChurnFigures): Record<string, number> {
  const { updates, turnover, filter, search, scale } = engine;
  const all = wrongs(engine);
  const cases = churnCases(engine);
  const small = scale?.[0];
  const large = scale?.at(-1);
  const scaled = (of: (figures: ScaleFigures) => number): number | undefined =>
    small === undefined || large === undefined || small === large
      ? undefined
      : of(large) / of(small);
  const figures: Record<string, number | undefined> = {
    update_us: updates?.update.mean_us,
    update_stream_us: updates?.stream.mean_us,
    delete_us: updates?.delete.mean_us,
    recall_drop_worst: most(
      cases.flatMap(({ queries, moved }) => [
        queries.fresh - queries.lived,
        moved.fresh - moved.lived,
      ]),
    ),
    lag_drop_worst: most(
      updates?.lag.flatMap(({ queries, moved }) => [
        queries.repaired - queries.lagging,
        moved.repaired - moved.lagging,
      ]) ?? [],
    ),
    ghosts: sum(all.map(({ ghosts }) => ghosts)),
    unreachable: sum(all.map(({ unreachable }) => unreachable)),
    memory_turnover_ratio: turnover && turnover.used_bytes.at(-1)! / turnover.fresh_bytes,
    filter_recall_min: filter && Math.min(...filter.cases.map(({ recall }) => recall)),
    filter_vs_scan_worst:
      filter &&
      most(
        filter.cases
          .filter(({ called }) => !called)
          .map(({ mean_us, exact_us }) => mean_us / exact_us),
      ),
    search_us: search?.search.mean_us,
    search_recall: search?.search.recall,
    search50k_us: search?.large.mean_us,
    search50k_recall: search?.large.recall,
    build_s: search?.build_s,
    memory_ratio: search?.memory.ratio,
    codes_memory_ratio: search?.variants[0]?.memory.ratio,
    scale_search_ratio: scaled((figures) => figures.search.mean_us),
    scale_build_ratio: scaled((figures) => figures.build_us),
    scale_memory_ratio: scaled(({ memory, search: { vectors } }) => memory.used / vectors),
  };
  return measured(CHURN_BARS, figures);
}

/** All states that were held against a database built anew. */
export function churnCases({ updates, turnover }: ChurnFigures): readonly ChurnCase[] {
  return [...(updates?.cases ?? []), ...(turnover === undefined ? [] : [turnover.case])];
}

/** What must not be, part by part. */
export function wrongs({ scale, ...parts }: ChurnFigures): readonly Wrong[] {
  return [...Object.values(parts), ...(scale ?? [])].map(({ wrong }) => wrong);
}

/** The names of the bars that are missed. */
export function missed(figures: Readonly<Record<string, number>>): string[] {
  return missedOf(CHURN_BARS, figures);
}

function most(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.max(...values);
}

function sum(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => a + b);
}
