import { ENGINES } from "../engine/engine.ts";
import { colors, heading, WIDTH, whole } from "../terminal.ts";
import type { HistoryReport } from "./history.ts";
import { bytesPerVector, HISTORY_BARS, meanBytes, updateBytes } from "./history-bars.ts";
import type { HistoryOperation, Present, StreamBytes } from "./history-protocol.ts";
import { barLines, TITLES, table, time } from "./report.ts";

const READS: readonly { readonly operation: HistoryOperation; readonly what: string }[] = [
  { operation: "get_at", what: "Vector at a time" },
  { operation: "get_at_dense", what: "  of dense deltas" },
  { operation: "recompose_100", what: "100 deltas behind a checkpoint" },
];

const MERGES: readonly { readonly operation: HistoryOperation; readonly what: string }[] = [
  { operation: "merge", what: "All new, one call" },
  { operation: "merge_late", what: "One in ten late, one call" },
  { operation: "merge_100", what: "All new, 100 in a call" },
];

const CALLS: readonly { readonly call: Present; readonly what: string }[] = [
  { call: "apply_sparse", what: "Apply delta (sparse 5 %)" },
  { call: "apply_dense", what: "Apply delta (dense)" },
  { call: "batch_100", what: "Batch apply (100)" },
  { call: "search", what: "Search k=10" },
];

/** Columns of the first column of a table. */
const FIRST = 32;

/** The report as text, 80 columns wide. */
export function renderHistory(report: HistoryReport): string {
  const names = ENGINES.filter((name) => report.engines[name] !== undefined);
  const { about, bytes } = report;
  const each = Math.min(Math.floor((WIDTH - FIRST - names.length - 2) / names.length), 24);
  const rows = (
    what: string,
    cells: readonly { readonly what: string; of(name: (typeof names)[number]): string }[],
  ): string => {
    const head = [what, ...names.map((name) => colors.bold(TITLES[name]))];
    const out = table(head, [FIRST, ...names.map(() => each)], 1);
    for (const { what: title, of } of cells) {
      out.push([title, ...names.map(of)]);
    }
    return out.toString();
  };
  const figures = (name: (typeof names)[number]) => report.engines[name]!;
  return [
    heading("deltavec bench history"),
    colors.dim(`chain and merge: ${whole(about.deltas)} deltas, of 384 values; checkpoints at 100`),
    colors.dim(`rounds: ${about.rounds}; ${about.machine}`),
    ...names.map((name) => colors.dim(`${TITLES[name].padEnd(9)} ${about.runtimes[name]}`)),
    "",
    heading("Reading the past"),
    rows(
      "us: p50, p99",
      READS.map(({ operation, what }) => ({
        what,
        of: (name) => {
          const { p50_us, p99_us } = figures(name).times[operation];
          return `${colors.bold(time(p50_us))} ${colors.dim(time(p99_us).padStart(6))}`;
        },
      })),
    ),
    "",
    heading("Merging another replica's deltas, sparse, in random order"),
    rows(
      "frames a second, us a frame",
      MERGES.map(({ operation, what }) => ({
        what,
        of: (name) => {
          const { p50_us } = figures(name).times[operation];
          return `${colors.bold(whole(1e6 / p50_us))} ${colors.dim(time(p50_us).padStart(6))}`;
        },
      })),
    ),
    "",
    heading("The present, with history and without"),
    rows(
      "us with, us without, ratio",
      CALLS.map(({ call, what }) => ({
        what,
        of: (name) => {
          const { on_us, off_us, ratio } = figures(name).present[call];
          return (
            `${time(on_us)} ${colors.dim(time(off_us).padStart(6))} ` +
            colors.bold(`${ratio.toFixed(2)}x`.padStart(6))
          );
        },
      })),
    ),
    "",
    heading("Bytes of a delta on the wire, the stream of real edits as a whole"),
    streams([
      ["lossless", bytes.lossless],
      ["grid 256", bytes.grid256],
      ["grid 474", bytes.grid474],
    ]),
    colors.dim(
      "An update that leaves the vector as it is changes metadata only. By example:\n" +
        `5 % of the values ${bytes.sparse.toFixed(1)}, two fields of metadata ${bytes.metadata.toFixed(1)}.`,
    ),
    "",
    heading("Bars (Chromium)"),
    barLines(HISTORY_BARS, report.bars),
  ].join("\n");
}

function streams(list: readonly [string, StreamBytes][]): string {
  const head = ["", ...list.map(([name]) => colors.bold(name))];
  const out = table(head, [FIRST, ...list.map(() => 14)], 1);
  const line = (what: string, of: (stream: StreamBytes) => string): void => {
    out.push([what, ...list.map(([, stream]) => of(stream))]);
  };
  const count = (what: string, kind: "create" | "dense" | "metadata" | "delete"): string =>
    `${what} (${whole(list[0]![1][kind].count)})`;
  line(count("Create", "create"), ({ create }) => meanBytes(create).toFixed(1));
  line("Update", (stream) => updateBytes(stream).toFixed(1));
  line(count("  moves the vector", "dense"), ({ dense }) => meanBytes(dense).toFixed(1));
  line(count("  metadata only", "metadata"), ({ metadata }) => meanBytes(metadata).toFixed(1));
  line(count("Delete", "delete"), (stream) => meanBytes(stream.delete).toFixed(1));
  line("All, for each vector sent", (stream) => bytesPerVector(stream).toFixed(1));
  line("Least cosine to what was given", ({ minCosine }) => minCosine.toFixed(6));
  return out.toString();
}
