import { type EngineName, WASM_ENGINES } from "../../engine/engine.ts";
import { colors, heading, WIDTH, whole } from "../../terminal.ts";
import { barLines, TITLES, table, time } from "../report.ts";
import { BRIDGE_BARS, type BridgeFigures } from "./bars.ts";
import type { BridgeReport } from "./bridge.ts";
import type { ChannelFigures, Spread, StreamFigures, WriterFigures } from "./protocol.ts";

/** Columns of the first column of a table. */
const FIRST = 34;

/** A line of a table: what, and what an engine found. */
interface Line {
  readonly what: string;
  of(figures: BridgeFigures): string | undefined;
}

/** The report as text, 80 columns wide. */
export function renderBridge(report: BridgeReport): string {
  const names = WASM_ENGINES.filter((name) => report.engines[name] !== undefined);
  const { about } = report;
  const shown: EngineName | undefined = names.includes("chromium") ? "chromium" : names[0];
  const order = [
    ...names.filter((name) => name !== shown),
    ...(shown === undefined ? [] : [shown]),
  ];
  const lines = [
    heading("deltavec bench bridge"),
    colors.dim(`${whole(about.n)} vectors x 384, 19 values a delta; rounds: ${about.rounds}`),
    colors.dim(`${about.machine}; load before: ${about.load.toFixed(1)}`),
    ...names.map((name) => colors.dim(`${TITLES[name].padEnd(9)} ${about.runtimes[name]}`)),
    ...section("Median, least, most of all rounds: us, or in a second", report, names),
    ...order.flatMap((name) => [
      "",
      heading(`Bars (${TITLES[name]})`),
      barLines(BRIDGE_BARS, report.bars[name]!),
    ]),
  ];
  return lines.join("\n");
}

function section(title: string, { engines }: BridgeReport, names: readonly EngineName[]): string[] {
  const each = Math.min(Math.floor((WIDTH - FIRST - names.length - 2) / names.length), 34);
  const head = ["", ...names.map((name) => colors.bold(TITLES[name]))];
  const out = table(head, [FIRST, ...names.map(() => each)], 1);
  const rows = LINES.map(({ what, of }) => [
    what,
    ...names.map((name) => of(engines[name]!) ?? "-"),
  ]);
  out.push(...rows.filter(([, ...cells]) => cells.some((cell) => cell !== "-")));
  return ["", heading(title), out.toString()];
}

const LINES: readonly Line[] = [
  ...lines<"codec">("codec", [
    ["Encode into the pool", ({ encode_us }) => us(encode_us)],
    ["Decode a sealed frame", ({ decode_us }) => us(decode_us)],
    ["  many in a call", ({ decode_many_us }) => us(decode_many_us)],
    ["  of the pool, not sealed", ({ decode_pool_us }) => us(decode_pool_us)],
    ["Encode sealed, many in a call", ({ seal_us }) => us(seal_us)],
    ["Bytes of a frame: mean, most", (f) => `${f.frame_bytes.toFixed(2)}   ${f.frame_bytes_most}`],
  ]),
  ...lines<"views">("views", [
    ["View", ({ view_us }) => us(view_us)],
    ["  few ids", ({ warm_us }) => us(warm_us)],
  ]),
  ...lines<"batch">("batch", [
    ["100 deltas by a pool", ({ plain }) => us(plain.all_us)],
    ["  encode", ({ plain }) => us(plain.encode_us)],
    ["  flush", ({ plain }) => us(plain.flush_us)],
    ["  all, with history", ({ history }) => us(history.all_us)],
    ["  all, large edits", ({ moving }) => us(moving.all_us)],
  ]),
  ...lines<"ring">("ring", [
    ["Ring: taken while there is room", ({ offered_per_s }) => per(offered_per_s)],
    ...channelLines(),
  ]),
  ...lines<"messages">("messages", [
    ["Messages: the same", ({ offered_per_s }) => per(offered_per_s)],
    ...channelLines(),
  ]),
  ...lines<"readers">("readers", [
    ["Queries, one reader", ({ qps1 }) => per(qps1)],
    ["  two readers", ({ qps2 }) => per(qps2)],
    ["  ratio", ({ speedup }) => part(speedup)],
    ["  of the best rounds", ({ speedup_best }) => speedup_best.toFixed(2)],
    ["  of threads that just count", ({ machine }) => part(machine)],
    ...writerLines("a channel", ({ channel }) => channel),
    ...writerLines("applyDeltas", ({ calls }) => calls),
  ]),
  ...lines<"soak">("soak", [
    ["Soak: frames, seconds", ({ frames, seconds }) => `${whole(frames)}   ${seconds.toFixed(1)}`],
    ["  what was wrong", ({ error }) => error ?? undefined],
  ]),
];

type Cell<Figures> = readonly [what: string, of: (figures: Figures) => string | undefined];

function lines<P extends keyof BridgeFigures>(
  part: P,
  cells: readonly Cell<NonNullable<BridgeFigures[P]>>[],
): Line[] {
  return cells.map(([what, of]) => ({
    what,
    of: ({ [part]: figures }) => figures && of(figures),
  }));
}

function channelLines(): Cell<ChannelFigures>[] {
  const stream = (
    what: string,
    of: (figures: ChannelFigures) => StreamFigures,
  ): Cell<ChannelFigures>[] => [
    [`  applied, ${what}`, (figures) => per(of(figures).applied_per_s)],
    ["    main thread", (figures) => us(of(figures).main_thread_us)],
  ];
  return [
    ...stream("no history", ({ plain }) => plain),
    ...stream("history", ({ history }) => history),
    ...stream("large edits", ({ moving }) => moving),
  ];
}

function writerLines(
  by: string,
  of: (figures: NonNullable<BridgeFigures["readers"]>) => WriterFigures,
): Cell<NonNullable<BridgeFigures["readers"]>>[] {
  return [
    [`  two, writes by ${by}`, (figures) => per(of(figures).qps)],
    ["    part lost", (figures) => part(of(figures).loss)],
    ["    writes", (figures) => per(of(figures).writes_per_s)],
  ];
}

function us(figure: Spread): string {
  return cells(figure, time);
}

function part(figure: Spread): string {
  return cells(figure, (value) => value.toFixed(2));
}

function per(figure: Spread): string {
  return cells(figure, (value) => {
    if (value >= 1e6) {
      return `${(value / 1e6).toFixed(2)}M`;
    }
    return value >= 10_000 ? `${(value / 1000).toFixed(0)}k` : value.toFixed(0);
  });
}

function cells({ median, rounds }: Spread, show: (value: number) => string): string {
  const rest = [Math.min(...rounds), Math.max(...rounds)].map((v) => show(v).padStart(7));
  return `${colors.bold(show(median))}${colors.dim(rest.join(""))}`;
}
