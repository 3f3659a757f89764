import type { EngineName } from "../engine/engine.ts";
import { BATCH, type Operation } from "./protocol.ts";
import type { Sizes } from "./sizes.ts";
import type { Summary } from "./statistics.ts";

/** Summaries by operation; `init` is the first one of a fresh process or page. */
export type EngineSummaries = Partial<Record<Operation | "init", Summary>>;

/** A figure and what it is held against. */
export interface Bar {
  readonly name: string;
  readonly what: string;
  readonly unit: string;
  /** The bound, or undefined where none is set. */
  readonly limit?: number;
  /** Digits behind the point in print; 2, none for large numbers. */
  readonly digits?: number;
  /** Whether the figure must be at least the bound; else at most. */
  readonly atLeast?: true;
}

/** The rows of the published table, held against the JVM. */
export const TABLE: readonly { readonly operation: Operation; readonly what: string }[] = [
  { operation: "apply_sparse", what: "Apply delta (sparse 5 %)" },
  { operation: "apply_dense", what: "Apply delta (dense)" },
  { operation: "get_copy", what: "Get vector" },
  { operation: "search", what: "Search k=10" },
  { operation: "batch_100", what: "Batch apply (100)" },
];

/** All bars, of Chromium unless said. */
export const BARS: readonly Bar[] = [
  { name: "search_us", what: "search k=10", unit: "us", limit: 110 },
  { name: "search_recall", what: "recall@10", unit: "", limit: 0.98, atLeast: true, digits: 4 },
  { name: "search_vs_jvm", what: "search, ratio to the JVM", unit: "x", limit: 1.5 },
  { name: "worst_row_vs_jvm", what: "worst row, ratio to the JVM", unit: "x", limit: 1.5 },
  { name: "build_s", what: "build", unit: "s", limit: 2.5 },
  { name: "sparse_us", what: "apply sparse 5 %", unit: "us", limit: 2 },
  { name: "sparse_batch_us", what: "apply sparse 5 % in a batch", unit: "us", limit: 0.6 },
  { name: "dense_us", what: "apply dense", unit: "us", limit: 3 },
  { name: "get_copy_us", what: "get vector, copied", unit: "us", limit: 1.5 },
  { name: "get_view_us", what: "get vector, as a view", unit: "us", limit: 0.3 },
  { name: "batch100_us", what: "apply a batch of 100", unit: "us" },
  { name: "memory_ratio", what: "memory, ratio to the raw vectors", unit: "x", limit: 1.15 },
  { name: "wasm_gzip_kb", what: "module, gzip", unit: "kB", limit: 45 },
  { name: "package_gzip_kb", what: "package entry, gzip", unit: "kB", limit: 70 },
  { name: "init_ms", what: "first init, fresh page", unit: "ms" },
];

/**
 * The figures of the bars that can be told: those of Chromium only if it was measured, ratios only if the JVM was, too.
 *
 * @param memoryRatio - bytes in memory by bytes of the raw vectors, in Chromium
 */
export function figures(
  engines: Partial<Record<EngineName, EngineSummaries>>,
  sizes: Sizes,
  memoryRatio: number | undefined,
): Record<string, number> {
  const chromium = engines.chromium;
  const mean = (operation: Operation | "init"): number | undefined =>
    chromium?.[operation]?.mean_us;
  const ratio = (operation: Operation): number | undefined => {
    const own = mean(operation);
    const jvm = engines.jvm?.[operation]?.mean_us;
    return own === undefined || jvm === undefined ? undefined : own / jvm;
  };
  const scaled = (value: number | undefined, by: number): number | undefined =>
    value === undefined ? undefined : value / by;
  const ratios = TABLE.map(({ operation }) => ratio(operation)).filter((r) => r !== undefined);
  const all: Record<string, number | undefined> = {
    search_us: mean("search"),
    search_recall: chromium?.search?.recall,
    search_vs_jvm: ratio("search"),
    worst_row_vs_jvm: ratios.length === 0 ? undefined : Math.max(...ratios),
    build_s: scaled(mean("build"), 1e6),
    sparse_us: mean("apply_sparse"),
    sparse_batch_us: scaled(mean("batch_100"), BATCH),
    dense_us: mean("apply_dense"),
    get_copy_us: mean("get_copy"),
    get_view_us: mean("get_view"),
    batch100_us: mean("batch_100"),
    memory_ratio: memoryRatio,
    wasm_gzip_kb: sizes.wasm_gzip_bytes / 1000,
    package_gzip_kb: sizes.package_gzip_bytes / 1000,
    init_ms: scaled(mean("init"), 1000),
  };
  return measured(BARS, all);
}

/** Whether a figure keeps its bar; undefined where no bound is set. */
export function kept(bar: Bar, figure: number): boolean | undefined {
  if (bar.limit === undefined) {
    return undefined;
  }
  return bar.atLeast ? figure >= bar.limit : figure <= bar.limit;
}

/** The figures of bars, in their order, without those that were not measured. */
export function measured(
  bars: readonly Bar[],
  figures: Readonly<Record<string, number | undefined>>,
): Record<string, number> {
  return Object.fromEntries(
    bars.flatMap(({ name }) => (figures[name] === undefined ? [] : [[name, figures[name]]])),
  );
}

/** The names of the bars that are missed. */
export function missedOf(
  bars: readonly Bar[],
  figures: Readonly<Record<string, number>>,
): string[] {
  return bars
    .filter((bar) => {
      const figure = figures[bar.name];
      return figure !== undefined && kept(bar, figure) === false;
    })
    .map(({ name }) => name);
}
