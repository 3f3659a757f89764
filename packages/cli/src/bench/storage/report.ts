import { ENGINES } from "../../engine/engine.ts";
import { brief } from "../../files/text.ts";
import { colors, heading, WIDTH, whole } from "../../terminal.ts";
import type { Spread } from "../bridge/protocol.ts";
import { barLines, TITLES, table } from "../report.ts";
import { STORAGE_BARS, type StorageFigures } from "./bars.ts";
import type { KillFigures } from "./protocol.ts";
import type { StorageReport } from "./storage.ts";

/** Columns of the first column of a table. */
const FIRST = 30;

/** Columns that a median, the least and the most take. */
const NARROW = 22;
/** Stands between a median and the others. */
const GAP = "\u0000";

/** The report as text, 80 columns wide. */
export function renderStorage(report: StorageReport): string {
  const { about, engines, bars, barsNode } = report;
  const names = ENGINES.filter((name) => engines[name] !== undefined);
  const each = Math.min(Math.floor((WIDTH - FIRST - names.length - 2) / names.length), 34);
  const head = ["", ...names.map((name) => colors.bold(TITLES[name]))];
  const out = table(head, [FIRST, ...names.map(() => each)], 1);
  // Three engines have no room for more than medians.
  const show =
    each < NARROW ? (cell: string) => cell.split(GAP)[0]! : (cell: string) => cell.replace(GAP, "");
  const rows = LINES.map(([what, of]) => [
    what,
    ...names.map((name) => show(of(engines[name]!) ?? "-")),
  ]);
  out.push(...rows.filter(([, ...cells]) => cells.some((cell) => cell !== "-")));
  const main = engines.chromium === undefined ? "Node" : "Chromium";
  return [
    heading("deltavec bench storage"),
    colors.dim(`${whole(about.n)} vectors x 384; rounds: ${about.rounds}`),
    colors.dim(`${about.machine}; load before: ${about.load.toFixed(1)}`),
    ...names.flatMap((name) =>
      about.runtimes[name] === undefined
        ? []
        : [colors.dim(`${TITLES[name].padEnd(9)} ${about.runtimes[name]}`)],
    ),
    ...(out.length === 0
      ? []
      : [
          "",
          heading(each < NARROW ? "Medians" : "Median, and the least and the most of all rounds"),
          out.toString(),
        ]),
    ...killLines(report.kills),
    ...(barsNode === undefined
      ? []
      : ["", heading("Bars (Node)"), barLines(STORAGE_BARS, barsNode)]),
    "",
    heading(`Bars (${main} unless said)`),
    barLines(STORAGE_BARS, bars),
  ].join("\n");
}

function killLines(kills: KillFigures | undefined): string[] {
  if (kills === undefined) {
    return [];
  }
  const { places, seconds, batches, error } = kills;
  return [
    "",
    heading("Kills"),
    `  ${whole(kills.kills)} in ${seconds.toFixed(0)} s, in ${places.join(", ")}`,
    `  ${whole(batches)} batches were promised to be on disk`,
    ...(error === null ? [] : [`  ${colors.red(brief(error, WIDTH - 2))}`]),
  ];
}

type Line = readonly [what: string, of: (figures: StorageFigures) => string | undefined];

const LINES: readonly Line[] = [
  ["Export, ms", (f) => f.export && ms(f.export.export_ms)],
  ["  without history", (f) => f.export && ms(f.export.plain.export_ms)],
  ["  on processors", (f) => f.export && onProcessors(f.export.export_cpu_ms)],
  ["Import, ms", (f) => f.export && ms(f.export.import_ms)],
  ["  without history", (f) => f.export && ms(f.export.plain.import_ms)],
  ["  on processors", (f) => f.export && onProcessors(f.export.import_cpu_ms)],
  ["Bytes", (f) => f.export && whole(f.export.bytes)],
  ["  of history", (f) => f.export && whole(f.export.history_bytes)],
  ["  exported without it", (f) => f.export && whole(f.export.plain.bytes)],
  ["Open, ms", (f) => f.open && ms(f.open.open_ms)],
  ["  with a tail", (f) => f.open && ms(f.open.tail_ms)],
  ["    of deltas", (f) => f.open && whole(f.open.tail)],
  ["  with history", (f) => f.open && ms(f.open.history_ms)],
  ["Relaxed log, ratio: batches", (f) => f.relaxed && ratio(f.relaxed.batches)],
  ["  calls", (f) => f.relaxed && ratio(f.relaxed.calls)],
  ["  with snapshots, in all", (f) => f.relaxed?.overall.toFixed(2)],
  ["  a delta in memory, us", (f) => f.relaxed && ratio(f.relaxed.memory_us)],
  ["  with the log, us", (f) => f.relaxed && ratio(f.relaxed.storage_us)],
  ["Strict: deltas in a second", (f) => f.strict && cells(f.strict.appends_per_s, rounded)],
  ["  deltas a flush", (f) => f.strict && cells(f.strict.group, rounded)],
  ["  a raw flush, ms", (f) => f.strict && ratio(f.strict.raw_ms)],
  ["  part of raw flushes", (f) => f.strict && ratio(f.strict.share)],
  ["Bytes of one change", (f) => f.change && cells(f.change.change_bytes, rounded)],
  ["  of all vectors", (f) => f.change && whole(f.change.base_bytes)],
];

function ms(figure: Spread): string {
  return cells(figure, (value) => value.toFixed(1));
}

function onProcessors(figure: Spread): string | undefined {
  return figure.median === 0 ? undefined : ms(figure);
}

function ratio(figure: Spread): string {
  return cells(figure, (value) => value.toFixed(2));
}

function rounded(value: number): string {
  return value >= 100_000 ? `${(value / 1000).toFixed(0)}k` : value.toFixed(0);
}

function cells({ median, rounds }: Spread, show: (value: number) => string): string {
  const rest = [Math.min(...rounds), Math.max(...rounds)].map((v) => show(v).padStart(7));
  return `${colors.bold(show(median))}${GAP}${colors.dim(rest.join(""))}`;
}
