import { colors, cut, heading, WIDTH, whole } from "../../terminal.ts";
import type { Spread } from "../bridge/protocol.ts";
import { barLines, table } from "../report.ts";
import { COMPONENT_BARS } from "./bars.ts";
import type { ComponentReport } from "./component.ts";
import {
  type CallFigures,
  type ComponentFigures,
  type Operation,
  type Target,
  WORLDS,
  type World,
} from "./protocol.ts";

const FIRST = 26;

const OPERATION_TITLES: readonly (readonly [operation: Operation, what: string])[] = [
  ["get", "Get vector, 384 floats"],
  ["sparse", "Apply sparse 5 %"],
  ["batch100", "Batch of 100 of them"],
  ["search", "Search k=10"],
];

const TARGET_TITLES: Record<Target, string> = {
  direct: "direct",
  "delta-vector": "delta-vector",
  deltavec: "deltavec",
};

/** The report as text, 80 columns wide. */
export function renderComponent({ about, found, bars }: ComponentReport): string {
  return [
    heading("deltavec bench component"),
    colors.dim(`${whole(about.n)} vectors x 384; rounds: ${about.rounds}`),
    colors.dim(`${about.machine}; load before: ${about.load.toFixed(1)}`),
    colors.dim(cut(`Node ${about.node}; wasmtime ${about.wasmtime}`, WIDTH)),
    ...callLines(found.calls),
    ...worldLines(found),
    "",
    heading("Bars (calls: of delta-vector; else the worse of both)"),
    barLines(COMPONENT_BARS, bars),
  ].join("\n");
}

function callLines(calls: CallFigures | undefined): string[] {
  if (calls === undefined) {
    return [];
  }
  const targets = ["direct", ...WORLDS] as const;
  const out = sized(targets.map((target) => TARGET_TITLES[target]));
  for (const [operation, what] of OPERATION_TITLES) {
    out.push([what, ...targets.map((target) => cells(calls.us[target][operation]))]);
    out.push([
      colors.dim("  above direct"),
      "",
      ...WORLDS.map((world) => cells(calls.extra_us[world][operation])),
    ]);
  }
  return [
    "",
    heading("A call in Node, us on processors: median, and the least of all rounds"),
    out.toString(),
    calls.same
      ? colors.dim("All have the same vectors and find the same.")
      : colors.red("They do NOT have the same vectors, or do not find the same."),
  ];
}

function worldLines(found: ComponentFigures): string[] {
  const { size, load, wasmtime, soak } = found;
  const out = sized(WORLDS.map((world) => TARGET_TITLES[world]));
  const row = <T>(
    what: string,
    part: Readonly<Record<World, T>> | undefined,
    of: (figures: T) => string,
  ): void => {
    if (part !== undefined) {
      out.push([what, ...WORLDS.map((world) => of(part[world]))]);
    }
  };
  row("Bytes", size, ({ bytes }) => whole(bytes));
  row("  gzip", size, ({ gzip_bytes }) => whole(gzip_bytes));
  row("V8: module, ms", load, ({ compile_ms }) => cells(compile_ms));
  row("  all of the entry, ms", load, ({ entry_ms }) => cells(entry_ms));
  row("wasmtime: compile, s", wasmtime, ({ compile_s }) => cells(compile_s));
  row("  instantiate, ms", wasmtime, ({ instantiate_ms }) => cells(instantiate_ms));
  row("Soak: calls of each", soak, ({ calls }) => whole(calls));
  row("  kinds of calls", soak, ({ kinds }) => whole(kinds.length));
  row("  memory grown, MB", soak, ({ grown_mb }) => grown_mb.toFixed(2));
  return out.length === 0
    ? []
    : ["", heading("Components: median, and the least of all rounds"), out.toString()];
}

function sized(titles: readonly string[]): ReturnType<typeof table> {
  const each = Math.min(Math.floor((WIDTH - FIRST - titles.length - 2) / titles.length), 24);
  return table(
    ["", ...titles.map((title) => colors.bold(title))],
    [FIRST, ...titles.map(() => each)],
    1,
  );
}

function cells({ median, rounds }: Spread): string {
  return `${colors.bold(show(median))} ${colors.dim(show(Math.min(...rounds)).padStart(6))}`;
}

function show(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
