import { mkdir, writeFile } from "node:fs/promises";
import { cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../paths.ts";
import { whole } from "../../terminal.ts";
import { time } from "../report.ts";
import { CONTESTANTS, FEATURES, OWN, SCAN } from "./catalog.ts";
import { plot } from "./plots.ts";
import { GRAPH, GROUPS, type Group, type PeerResult } from "./protocol.ts";
import {
  faults,
  GROUP_TITLES,
  kilobytes,
  type Line,
  linesOf,
  megabytes,
  middle,
  remarks,
  wrongWords,
} from "./report.ts";
import { contestantOf, median, PEER_BARS, RATIOS, type Ratio, ratio } from "./results.ts";
import type { PeersReport } from "./run.ts";

/** The document, without its plots. */
const FILE = "benchmarks.md";

/**
 * Writes `benchmarks.md` and its plots.
 *
 * @param folder - where; the folder of the documentation unless given
 */
export async function writePeerDocs(
  report: PeersReport,
  folder: string = join(ROOT, "docs"),
): Promise<void> {
  const plots = join(folder, "benchmarks");
  await mkdir(plots, { recursive: true });
  for (const group of GROUPS) {
    const svg = await plot(report, group);
    if (svg !== undefined) {
      await writeFile(join(plots, `${group}.svg`), `${svg}\n`);
    }
  }
  await writeFile(join(folder, FILE), peerDocs(report));
}

/** The document. */
export function peerDocs(report: PeersReport): string {
  const { about } = report;
  const others = new Set(
    report.peers.map((peer) => contestantOf(peer).package).filter((name) => name !== undefined),
  );
  return `${[
    "# Beside other vector databases",
    `deltavec and ${others.size} others on the same ${whole(about.n)} real embeddings ` +
      `(all-MiniLM-L6-v2, 384 dimensions, WordNet texts) with the same steps. This page is written by the benchmark:`,
    "    ./deltavec bench peers --write-docs",
    "It installs the others for itself, below `target/`. How it measures stands [at the end](#how-it-measures).",
    ...summary(report),
    ...GROUPS.flatMap((group) => groupSection(report, group)),
    ...features(report),
    ...method(report),
    ...machineSection(report),
  ].join("\n\n")}\n`;
}

function summary(report: PeersReport): string[] {
  const name = (of: string | undefined): string =>
    CONTESTANTS.find((each) => each.name === of)?.title ?? "";
  const rows = PEER_BARS.filter((bar) => report.bars[bar.name] !== undefined).map((bar) => {
    const value = report.bars[bar.name]!;
    const scans = report.bars_with_scans[bar.name]!;
    return [
      `\`${bar.name}\``,
      `${times(value)}, ${name(report.against[bar.name])}`,
      `${bar.limit} x`,
      value >= bar.limit ? "kept" : "**missed**",
      `${times(scans)}, ${name(report.against_with_scans[bar.name])}`,
    ];
  });
  const missed = report.missed.map((each) => `\`${each}\``);
  return [
    "## In short",
    "By how many times deltavec is better than the best of the others, at equal recall. Less than 1 x: deltavec is worse.",
    table(["", "against the best index", "promised", "", "against all"], rows),
    (missed.length === 0 ? "All bars are kept. " : `Missed: ${missed.join(", ")}. `) +
      "An index counts as one if its searches are faster than a plain scan in JavaScript. Those that only store vectors and compare a " +
      "query with all of them have nothing to build or to keep, so they build and update faster than any index, and are slower in " +
      'every search: the column "against all" has them, too, and those whose updates are not found until many are done. A database that does not reach the recall is left out of both; the size of ' +
      "what is loaded is compared with all that have an index.",
  ];
}

function groupSection(report: PeersReport, group: Group): string[] {
  const lines = linesOf(report, group);
  if (lines.length === 0) {
    return [];
  }
  const of = (line: Line, pick: (result: PeerResult) => number | undefined): number | undefined =>
    middle(line, ({ result }) => pick(result));
  const us = (value: number | undefined): string => (value === undefined ? "-" : unit(value));
  const ms = (value: number | undefined): string => us(value === undefined ? value : 1000 * value);
  const title = ({ contestant }: Line): string =>
    contestant.name === OWN ? "**deltavec**" : contestant.title;
  const browser = group === "browser";
  const figures = lines.map((line) => [
    title(line),
    ms(of(line, ({ build_ms }) => build_ms)),
    us(of(line, ({ search }) => search?.mean_us)),
    us(of(line, ({ search }) => search?.p50_us)),
    us(of(line, ({ search }) => search?.p99_us)),
    of(line, ({ recall }) => recall)?.toFixed(3) ?? "-",
    of(line, ({ effort }) => effort)?.toFixed(0) ?? "-",
    us(of(line, ({ update }) => update?.mean_us)),
    of(line, ({ recall_edited }) => recall_edited)?.toFixed(3) ?? "-",
    us(of(line, (result) => result.delete?.mean_us)),
    ms(of(line, ({ export_ms }) => export_ms)),
    ms(of(line, ({ import_ms }) => import_ms)),
    megabytes(of(line, ({ export_bytes }) => export_bytes)),
    megabytes(of(line, ({ memory_bytes }) => memory_bytes)),
    ...(browser ? [kilobytes(middle(line, ({ bundle_bytes }) => bundle_bytes))] : []),
  ]);
  const compared: Ratio[] = RATIOS.filter((each) => browser || each !== "bundle");
  const ratios = lines
    .filter(({ peer }) => peer !== undefined)
    .map((line) => [
      title(line),
      ...compared.map((each) => {
        const value = ratio(line.peer!, each);
        return value === undefined ? "-" : times(value);
      }),
    ]);
  const notes = lines.flatMap((line) => {
    const { wrong, failures } = faults(line);
    const said = [
      ...(line.contestant.note === undefined ? [] : [line.contestant.note.replace(/\.$/, "")]),
      ...remarks(line, report),
      ...wrongWords(wrong).map((what) => `**${what}**`),
      ...failures.map((what) => `failed at ${what.replaceAll("|", "\\|")}`),
    ];
    return said.length === 0 ? [] : [`- ${title(line)}: ${said.join("; ")}.`];
  });
  return [
    `## ${GROUP_TITLES[group]}`,
    `![Times in ${GROUP_TITLES[group]}](benchmarks/${group}.svg)`,
    "The scales of the bars are logarithmic.",
    table(
      [
        "",
        ...["build", "search", "p50", "p99", "recall", "effort", "update", "recall then", "delete"],
        ...["export", "import", "exported, MB", "memory, MB"],
        ...(browser ? ["loaded, kB gzip"] : []),
      ],
      figures,
    ),
    "By deltavec, measured right before each; more than 1 x: deltavec is better.",
    table(["", ...compared.map((each) => RATIO_TITLES[each])], ratios),
    ...(notes.length === 0 ? [] : [notes.join("\n")]),
  ];
}

const RATIO_TITLES: Record<Ratio, string> = {
  search: "search",
  build: "build",
  update: "update",
  delete: "delete",
  export: "export",
  import: "import",
  memory: "memory",
  bundle: "loaded",
};

function features(report: PeersReport): string[] {
  const there = CONTESTANTS.filter(
    (each) =>
      each.name !== SCAN &&
      (each.name === OWN
        ? each.group === "browser"
        : report.peers.some(({ name, group }) => name === each.name && group === each.group)),
  );
  return [
    "## What they can do",
    table(
      ["", ...FEATURES.map(([, title]) => title)],
      there.map((each) => [
        each.name === OWN ? "**deltavec**" : each.title,
        ...FEATURES.map(([key]) => each.features[key]),
      ]),
      true,
    ),
    "A partial update sends only the values that change. History is reading and searching the past; merge is that two copies which both " +
      "changed come to the same state.",
  ];
}

function method({ about }: PeersReport): string[] {
  return [
    "## How it measures",
    [
      `- **Same for all.** ${whole(about.n)} vectors of unit length, ${about.queries} queries, k=${about.k}. Graphs with M=${GRAPH.m} and ` +
        `efConstruction=${GRAPH.efConstruction} where they can be set, one thread, inner product or what is fastest for vectors of unit length. deltavec runs ` +
        "by its public package with its defaults, history included.",
      "- **Turns.** Each runs in a browser or a process of its own, deltavec right before every other: both meet the same machine. Ratios are of such " +
        "pairs; deltavec's own line is the median of all of them. Before that each builds, changes and searches a smaller database, on the JVM one " +
        "of all vectors, so that code is compiled.",
      `- **Search** at equal recall: with the least effort (efSearch or the like, found for each) whose recall@${about.k} is ${about.recall} or more over all queries, ` +
        "or the least that comes to its best. Mean, p50 and p99 of three rounds; ratios are of means.",
      "- **Build** until all vectors are searchable by the index; in deltavec until `repair()` has nothing left to do.",
      `- **Update** of ${whole(about.edits)} vectors, one at a time, as real edits move them (cosine 0.945 to the old ones). All work counts that it takes until ` +
        "the new vector is found and the old one is not, also what is put off: a refresh, deltavec's `repair()`. Behind them stands the recall then.",
      `- **Delete** of ${whole(about.deletes)} vectors, in the same way. **Export and import** behind all changes, to bytes, files or IndexedDB, whichever there is.`,
      "- **Memory** is what page (scripts and linear memories), process (resident) or heap (and mapped files) grow by. **Loaded** is all " +
        "that a page loads for the database until the end, each file gzip at level 9.",
      "- **Conversions** into the types that a database takes are not timed, nor is reading ids from its results.",
      "- **Checks.** Vectors of other texts replace a hundredth: searches must find these and not the old ones. Deleted ones must not be found, " +
        "and not come back with an import; no result may name a vector twice. What goes wrong is counted above, and so is what fails.",
    ].join("\n"),
  ];
}

function machineSection(report: PeersReport): string[] {
  const measured = report.peers.flatMap(({ pairs }) => pairs);
  const loads = measured.flatMap(({ load }) => load);
  const dates = [...new Set(measured.map(({ date }) => date))].sort();
  const days = dates.length > 1 ? `${dates[0]} to ${dates.at(-1)}` : (dates[0] ?? "");
  const versions = report.peers.flatMap((run) => {
    const contestant = contestantOf(run);
    const peer = run.pairs.find(({ peer: { result } }) => result.settings !== "")?.peer;
    return contestant.package === undefined
      ? []
      : [
          [
            contestant.title,
            `\`${contestant.package}\` ${peer?.version ?? ""}`,
            peer?.result.runtime ?? "",
            peer?.result.settings ?? "",
          ],
        ];
  });
  return [
    "## On what",
    `${cpus()[0]?.model.trim() ?? "Unknown processor"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()
      .split(".")
      .slice(0, 2)
      .join(
        ".",
      )}. Measured ${days}. Load of the machine meanwhile (programs that want a core, over a minute): ` +
      `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}, median ${median(loads)?.toFixed(1)}; a quiet one has about 1.`,
    table(["", "package", "on", "settings"], versions, true),
  ];
}

/** A table in Markdown: words in its columns, or figures in all but the first. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  words = false,
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(head),
    line(head.map((_, i) => (words || i === 0 ? "---" : "---:"))),
    ...rows.map(line),
  ].join("\n");
}

function times(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} x`;
}

/** A time with its unit. */
function unit(us: number): string {
  return time(us)
    .replace(/^([\d.]+)$/, "$1 µs")
    .replace(/^([\d.]+)(m?s)$/, "$1 $2");
}
