import Table from "cli-table3";
import { ENGINES, type EngineName } from "../engine/engine.ts";
import { colors, heading, WIDTH, whole } from "../terminal.ts";
import { BARS, type Bar, type EngineSummaries, kept, TABLE } from "./bars.ts";
import { BUILD_BATCH, type Operation, SETTINGS } from "./protocol.ts";
import type { Sizes } from "./sizes.ts";

/** What a database of all vectors takes without history, and what history adds. */
export interface MemoryFigures {
  readonly total_bytes: number;
  readonly bytes_per_vector: number;
  /** Ratio to the raw floats. */
  readonly ratio: number;
  readonly history_bytes: number;
}

/** What a run of `bench adr` found. */
export interface Report {
  readonly about: {
    readonly machine: string;
    readonly n: number;
    readonly queries: number;
    readonly rounds: number;
    readonly history: boolean;
    readonly runtimes: Partial<Record<EngineName, string>>;
  };
  readonly engines: Partial<Record<EngineName, EngineSummaries>>;
  readonly memory: Partial<Record<EngineName, MemoryFigures>>;
  readonly sizes: Sizes;
  readonly bars: Readonly<Record<string, number>>;
}

/** Names of the engines, as reports print them. */
export const TITLES: Record<EngineName, string> = {
  jvm: "JVM",
  node: "Node",
  chromium: "Chromium",
};

const ROWS: readonly { readonly operation: Operation | "init"; readonly what: string }[] = [
  { operation: "build", what: "Build" },
  ...TABLE.slice(0, 3),
  { operation: "get_view", what: "Get vector, view" },
  ...TABLE.slice(3),
  { operation: "init", what: "First init" },
];

const FORMS = [
  { form: "json", what: "JSON" },
  { form: "clone", what: "structured clone" },
  { form: "frame", what: "frame" },
] as const;

/** The report as text, 80 columns wide. */
export function render(report: Report): string {
  const names = ENGINES.filter((name) => report.engines[name] !== undefined);
  const { about } = report;
  const lines = [
    heading("deltavec bench adr"),
    colors.dim(
      `${whole(about.n)} vectors x 384, M=${SETTINGS.hnswM}, efConstruction=${SETTINGS.hnswEfConstruction}, ` +
        `efSearch=${SETTINGS.hnswEfSearch}`,
    ),
    colors.dim(
      `history: ${about.history ? "on" : "off"}; rounds: ${about.rounds}; queries: ${about.queries}; ${about.machine}`,
    ),
    ...names.map((name) => colors.dim(`${TITLES[name].padEnd(9)} ${about.runtimes[name]}`)),
    "",
    heading("One call, us unless said: mean, p50, p99, and the mean's ratio to the JVM's"),
    times(report, names),
    colors.dim(
      `Build: in calls of ${BUILD_BATCH}. Gets and applies: p50 and p99 of blocks of 64 calls.`,
    ),
    "",
    heading("One delta as bytes: encode + decode, us"),
    forms(report, names),
    colors.dim(
      "Sparse: 19 of 384 values. A clone is both ways in one. Decoding a frame includes\napplying it.",
    ),
    "",
    heading("Memory with vectors, graph and ids, before history"),
    ...names.map((name) => {
      const memory = report.memory[name]!;
      return (
        `  ${TITLES[name].padEnd(9)} ${whole(memory.bytes_per_vector).padStart(6)} B a vector, ` +
        `${memory.ratio.toFixed(3)} of the raw floats` +
        (about.history
          ? colors.dim(`; history ${whole(memory.history_bytes / about.n)} B more`)
          : "")
      );
    }),
    "",
    heading("Bars (Chromium unless said)"),
    barLines(BARS, report.bars),
  ];
  return lines.join("\n");
}

/** An empty table. */
export function table(head: string[], widths: number[], right: number): InstanceType<typeof Table> {
  return new Table({
    head,
    colWidths: widths,
    colAligns: head.map((_, i) => (i >= right ? "right" : "left")),
    wordWrap: false,
    style: { head: [], border: colors.isColorSupported ? ["gray"] : [], compact: true },
  });
}

function times(report: Report, names: readonly EngineName[]): string {
  const first = 26;
  const each = Math.floor((WIDTH - first - names.length - 2) / names.length);
  const out = table(
    ["", ...names.map((name) => colors.bold(TITLES[name]))],
    [first, ...names.map(() => Math.min(each, 26))],
    1,
  );
  for (const { operation, what } of ROWS) {
    const jvm = report.engines.jvm?.[operation]?.mean_us;
    const cells = (pick: (name: EngineName) => string): string[] => names.map(pick);
    const of = (name: EngineName) => report.engines[name]?.[operation];
    out.push([
      what,
      ...cells((name) => {
        const mean = of(name)?.mean_us;
        if (mean === undefined) {
          return "-";
        }
        const ratio =
          jvm === undefined || name === "jvm" || operation === "init"
            ? ""
            : ` ${`${(mean / jvm).toFixed(2)}x`.padStart(6)}`;
        return colors.bold(time(mean)) + ratio;
      }),
    ]);
    out.push([
      colors.dim("  p50, p99"),
      ...cells((name) => {
        const found = of(name);
        return colors.dim(found ? `${time(found.p50_us)} ${time(found.p99_us).padStart(6)}` : "");
      }),
    ]);
    if (operation === "search") {
      out.push([
        colors.dim("  recall@10"),
        ...cells((name) => colors.dim(of(name)?.recall?.toFixed(4) ?? "")),
      ]);
    }
  }
  return out.toString();
}

function forms(report: Report, names: readonly EngineName[]): string {
  const first = 26;
  const bytes = 8;
  const each = Math.floor((WIDTH - first - bytes - names.length - 3) / names.length);
  const out = table(
    ["", "bytes", ...names.map((name) => colors.bold(TITLES[name]))],
    [first, bytes, ...names.map(() => Math.min(each, 18))],
    1,
  );
  for (const shape of ["sparse", "dense"] as const) {
    for (const { form, what } of FORMS) {
      out.push([
        `${shape}, ${what}`,
        whole(report.sizes[`${shape}_${form}_bytes`]),
        ...names.map((name) => {
          const found = report.engines[name]!;
          if (form === "clone") {
            return maybe(found[`clone_${shape}`]?.mean_us);
          }
          const encode = found[`encode_${form}_${shape}`]?.mean_us;
          const decode = found[`decode_${form}_${shape}`]?.mean_us;
          return encode === undefined ? "-" : `${maybe(encode)} + ${maybe(decode)}`;
        }),
      ]);
    }
  }
  return out.toString();
}

/** Figures held against their bars, a line each; those that were not measured are left out. */
export function barLines(bars: readonly Bar[], figures: Readonly<Record<string, number>>): string {
  return bars
    .flatMap((bar) => {
      const figure = figures[bar.name];
      if (figure === undefined) {
        return [];
      }
      const ok = kept(bar, figure);
      const mark = ok === undefined ? "    " : ok ? colors.green("ok  ") : colors.red("miss");
      const show = (value: number): string =>
        bar.limit !== undefined && bar.limit >= 1000
          ? whole(value)
          : value.toFixed(bar.digits ?? 2);
      const limit =
        bar.limit === undefined
          ? ""
          : colors.dim(
              `${bar.atLeast ? "at least" : "at most"} ${bar.limit >= 1000 ? whole(bar.limit) : bar.limit} ${bar.unit}`,
            );
      return [
        `  ${mark}  ${bar.what.padEnd(34)} ${show(figure).padStart(8)} ${bar.unit.padEnd(2)}  ${limit}`.trimEnd(),
      ];
    })
    .join("\n");
}

function maybe(us: number | undefined): string {
  return us === undefined ? "-" : time(us);
}

/** Microseconds with three digits or so; long times in the unit that they say. */
export function time(us: number): string {
  if (us >= 1e5) {
    return `${(us / 1e6).toFixed(2)}s`;
  }
  if (us >= 1000) {
    return `${(us / 1000).toFixed(1)}ms`;
  }
  return us >= 100 ? us.toFixed(0) : us >= 10 ? us.toFixed(1) : us.toFixed(2);
}
