import { ENGINES, type EngineName } from "../../engine/engine.ts";
import { colors, heading, WIDTH, whole } from "../../terminal.ts";
import { barLines, TITLES, table, time } from "../report.ts";
import { CHURN_BARS, type ChurnFigures, churnCases, wrongs } from "./bars.ts";
import type { ChurnReport } from "./churn.ts";
import type { ChangeTimes, SearchTimes } from "./protocol.ts";

/** Columns of the first column of a table. */
const FIRST = 30;

/** A line of a table: what, and what an engine found. */
interface Line {
  readonly what: string;
  of(figures: ChurnFigures): string | undefined;
}

/** The report as text, 80 columns wide. */
export function renderChurn(report: ChurnReport): string {
  const names = ENGINES.filter((name) => report.engines[name] !== undefined);
  const { about } = report;
  const shown: EngineName | undefined = names.includes("chromium") ? "chromium" : names[0];
  const engines = names.map((name) => report.engines[name]!);
  const lines = [
    heading("deltavec bench churn"),
    colors.dim(`${whole(about.n)} vectors x 384 unless said; rounds: ${about.rounds}`),
    colors.dim(about.machine),
    ...names.map((name) => colors.dim(`${TITLES[name].padEnd(9)} ${about.runtimes[name]}`)),
    ...section(
      "Changes, us: mean with repair, apply alone: mean, p99",
      names,
      engines,
      changeLines(),
    ),
    ...section("Searches, us, recall@10, efSearch", names, engines, searchLines(engines)),
    ...section(
      "Recall@10 built anew, lived, drop",
      names,
      engines,
      caseLines(engines),
      "Second line: queries beside what was moved or made.",
    ),
    ...section(
      "Recall@10 with repairs queued, repaired, queued repairs",
      names,
      engines,
      lagLines(engines),
    ),
    ...section(
      "Filters: recall@10, us, ratio to an exact scan of what passes",
      names,
      engines,
      filterLines(engines),
      "Second line: the first search with each, and the first scan with one alike.",
    ),
    ...section(
      "Memory: bytes a vector in use, granted by raw floats",
      names,
      engines,
      memoryLines(engines),
    ),
    ...names.flatMap((name) => wrongLines(TITLES[name], report.engines[name]!)),
    ...names.filter((name) => name !== shown).flatMap((name) => bars(name, report.bars[name]!)),
    ...(shown === undefined ? [] : bars(shown, report.bars[shown]!)),
  ];
  return lines.join("\n");
}

function bars(name: EngineName, figures: Readonly<Record<string, number>>): string[] {
  return ["", heading(`Bars (${TITLES[name]})`), barLines(CHURN_BARS, figures)];
}

function section(
  title: string,
  names: readonly EngineName[],
  engines: readonly ChurnFigures[],
  lines: readonly Line[],
  note?: string,
): string[] {
  const rows = lines
    .map(({ what, of }) => [what, ...engines.map((figures) => of(figures) ?? "-")])
    .filter(([, ...cells]) => cells.some((cell) => cell !== "-"));
  if (rows.length === 0) {
    return [];
  }
  const each = Math.min(Math.floor((WIDTH - FIRST - names.length - 2) / names.length), 26);
  const head = ["", ...names.map((name) => colors.bold(TITLES[name]))];
  const out = table(head, [FIRST, ...names.map(() => each)], 1);
  out.push(...rows);
  return ["", heading(title), out.toString(), ...(note === undefined ? [] : [colors.dim(note)])];
}

function changeLines(): Line[] {
  const line = (what: string, pick: (figures: ChurnFigures) => ChangeTimes | undefined): Line => ({
    what,
    of: (figures) => {
      const times = pick(figures);
      return times && cells(time(times.mean_us), time(times.apply_us), time(times.p99_us));
    },
  });
  return [
    line("Edit, noise 0.1", ({ updates }) => updates?.update),
    line("Edit, noise 0.5", ({ updates }) => updates?.update_far),
    line("Real edit", ({ updates }) => updates?.stream),
    line("Delete", ({ updates }) => updates?.delete),
    {
      what: "Turnover: create, delete",
      of: ({ turnover }) => turnover && cells(time(turnover.create_us), time(turnover.delete_us)),
    },
    {
      what: "Build: s, us a vector",
      of: ({ search }) =>
        search &&
        cells(search.build_s.toFixed(2), time((1e6 * search.build_s) / search.search.vectors)),
    },
  ];
}

function searchLines(engines: readonly ChurnFigures[]): Line[] {
  const line = (what: string, pick: (figures: ChurnFigures) => SearchTimes | undefined): Line => ({
    what,
    of: (figures) => {
      const found = pick(figures);
      return found && cells(time(found.mean_us), found.recall.toFixed(4), String(found.ef));
    },
  });
  const sizes = engines.find(({ scale }) => scale !== undefined)?.scale ?? [];
  const variants = engines.find(({ search }) => search !== undefined)?.search?.variants ?? [];
  return [
    line("int8 (default)", ({ search }) => search?.search),
    {
      what: "  in one searchBatch",
      of: ({ search }) => search && time(search.batch_us),
    },
    ...variants.map(({ name }, i) => line(name, ({ search }) => search?.variants[i]?.search)),
    line("Five times as many", ({ search }) => search?.large),
    ...sizes.map(({ search: { vectors } }, i) =>
      line(`${whole(vectors)} vectors`, ({ scale }) => scale?.[i]?.search),
    ),
    ...sizes.map(
      ({ search: { vectors } }, i): Line => ({
        what: `  build of ${whole(vectors)}, a vector`,
        of: ({ scale }) => scale?.[i] && time(scale[i].build_us),
      }),
    ),
  ];
}

function caseLines(engines: readonly ChurnFigures[]): Line[] {
  const longest = engines.map(churnCases).reduce((a, b) => (b.length > a.length ? b : a), []);
  return longest.flatMap(({ name }, i) =>
    (["queries", "moved"] as const).map((which) => ({
      what: which === "queries" ? name : "",
      of: (figures: ChurnFigures) => {
        const drop = churnCases(figures)[i]?.[which];
        return (
          drop &&
          cells(drop.fresh.toFixed(4), drop.lived.toFixed(4), signed(drop.fresh - drop.lived))
        );
      },
    })),
  );
}

function lagLines(engines: readonly ChurnFigures[]): Line[] {
  const lags = engines.find(({ updates }) => updates !== undefined)?.updates?.lag ?? [];
  return lags.flatMap(({ teleported }, i) =>
    (["queries", "moved"] as const).map((which) => ({
      what: which === "queries" ? `${whole(teleported)} replaced` : "",
      of: ({ updates }: ChurnFigures) => {
        const lag = updates?.lag[i];
        return (
          lag &&
          cells(lag[which].lagging.toFixed(4), lag[which].repaired.toFixed(4), whole(lag.pending))
        );
      },
    })),
  );
}

function filterLines(engines: readonly ChurnFigures[]): Line[] {
  const filters = engines.find(({ filter }) => filter !== undefined)?.filter?.cases ?? [];
  return filters.flatMap(({ name, passing }, i): Line[] => [
    {
      what: `${name} (${whole(passing)})`,
      of: ({ filter }) => {
        const found = filter?.cases[i];
        return (
          found &&
          cells(
            found.recall.toFixed(4),
            time(found.mean_us),
            `${(found.mean_us / found.exact_us).toFixed(2)}x`,
          )
        );
      },
    },
    {
      what: "",
      of: ({ filter }) => {
        const found = filter?.cases[i];
        return found && colors.dim(cells(time(found.cold_us), time(found.exact_cold_us)));
      },
    },
  ]);
}

function memoryLines(engines: readonly ChurnFigures[]): Line[] {
  const variants = engines.find(({ search }) => search !== undefined)?.search?.variants ?? [];
  const sizes = engines.find(({ scale }) => scale !== undefined)?.scale ?? [];
  return [
    {
      what: "int8 (default)",
      of: ({ search }) =>
        search && memory(search.memory.used / search.search.vectors, search.memory.ratio),
    },
    ...variants.map(
      ({ name }, i): Line => ({
        what: name,
        of: ({ search }) => {
          const variant = search?.variants[i];
          return (
            variant && memory(variant.memory.used / variant.search.vectors, variant.memory.ratio)
          );
        },
      }),
    ),
    ...sizes.map(
      ({ search: { vectors } }, i): Line => ({
        what: `${whole(vectors)} vectors`,
        of: ({ scale }) =>
          scale?.[i] && memory(scale[i].memory.used / vectors, scale[i].memory.ratio),
      }),
    ),
    {
      what: "Turnovers: first, last",
      of: ({ turnover }) =>
        turnover &&
        cells(
          (turnover.used_bytes[0]! / turnover.fresh_bytes).toFixed(3),
          (turnover.used_bytes.at(-1)! / turnover.fresh_bytes).toFixed(3),
        ),
    },
  ];
}

/** What is wrong, if anything is. */
function wrongLines(title: string, figures: ChurnFigures): string[] {
  return wrongs(figures)
    .filter(({ ghosts, repeated, leaks, broken }) => ghosts + repeated + leaks + broken > 0)
    .flatMap(({ ghosts, repeated, leaks, broken, report }) => [
      "",
      colors.red(
        `${title}: ${ghosts} hits are not there, ${repeated} came twice, ${leaks} should not pass;\n` +
          `${broken} checks of the index failed${report === null ? "" : `, the first:\n${report}`}`,
      ),
    ]);
}

function memory(bytes: number, ratio: number): string {
  return cells(whole(bytes), `${ratio.toFixed(3)}x`);
}

function cells(...values: readonly string[]): string {
  return values.map((value, i) => (i === 0 ? value : value.padStart(8))).join("");
}

function signed(value: number): string {
  return value < 0 ? value.toFixed(4) : `+${value.toFixed(4)}`;
}
