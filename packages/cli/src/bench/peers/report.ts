import { colors, cut, heading, WIDTH, whole } from "../../terminal.ts";
import type { Bar } from "../bars.ts";
import { barLines, table, time } from "../report.ts";
import { CONTESTANTS, type Contestant, OWN, SCAN } from "./catalog.ts";
import { GROUPS, type Group, type PeerResult, type Wrong } from "./protocol.ts";
import { indexed, type Measured, median, PEER_BARS, type PeerRuns, reaches } from "./results.ts";
import type { PeersReport } from "./run.ts";

/** Titles of the groups. */
export const GROUP_TITLES: Record<Group, string> = {
  browser: "Chromium",
  node: "Node, native",
  jvm: "JVM",
};

/** A database with the figures of all its runs. */
export interface Line {
  readonly contestant: Contestant;
  readonly runs: readonly Measured[];
  /** Its runs beside deltavec; undefined for deltavec itself. */
  readonly peer: PeerRuns | undefined;
}

/** The databases of a group, deltavec first with the runs beside all peers. */
export function linesOf({ peers }: PeersReport, group: Group): Line[] {
  const members = peers.filter((run) => run.group === group);
  if (members.length === 0) {
    return [];
  }
  return CONTESTANTS.filter((each) => each.group === group).flatMap((contestant): Line[] => {
    if (contestant.name === OWN) {
      const runs = members.flatMap(({ pairs }) => pairs.map(({ own }) => own));
      return [{ contestant, runs, peer: undefined }];
    }
    const peer = members.find(({ name }) => name === contestant.name);
    return peer === undefined
      ? []
      : [{ contestant, runs: peer.pairs.map((pair) => pair.peer), peer }];
  });
}

/** The median of a figure over the runs of a line. */
export function middle(
  { runs }: Line,
  pick: (measured: Measured) => number | undefined,
): number | undefined {
  return median(runs.map(pick));
}

/** What a line's runs did wrong, added up, and its failures. */
export function faults({ runs }: Line): { wrong: Wrong; failures: string[] } {
  const wrong = { lost: 0, stale: 0, repeated: 0, ghosts: 0, returned: 0 };
  const failures = new Set<string>();
  for (const { result } of runs) {
    for (const key of Object.keys(wrong) as (keyof Wrong)[]) {
      wrong[key] = Math.max(wrong[key], result.wrong[key]);
    }
    for (const [step, message] of Object.entries(result.failures)) {
      failures.add(`${step}: ${oneLine(message)}`);
    }
  }
  return { wrong, failures: [...failures] };
}

/** A message in a line, without addresses and paths of this machine. */
export function oneLine(message: string): string {
  const first = message.split("\n", 1)[0]!;
  return first
    .replaceAll(/https?:\/\/[\w.:]+/g, "")
    .replaceAll(/(?:file:\/\/)?\/(?:[\w.@-]+\/)+/g, "")
    .slice(0, 160);
}

/** What is wrong, in words; empty where nothing is. */
export function wrongWords(wrong: Wrong): string[] {
  return [
    [wrong.lost, "changed vectors not found"],
    [wrong.stale, "found as what they were"],
    [wrong.repeated, "rows repeated in results"],
    [wrong.ghosts, "deleted rows found"],
    [wrong.returned, "deleted rows back behind an import"],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${whole(count as number)} ${what}`]));
}

/** Remarks on a peer's comparison. */
export function remarks(line: Line, report: PeersReport): string[] {
  const { peer, contestant } = line;
  if (peer === undefined || contestant.name === SCAN || middle(line, recall) === undefined) {
    return [];
  }
  return [
    ...(reaches(peer) ? [] : ["does not reach the recall"]),
    ...(indexed(peer, report.peers)
      ? []
      : [contestant.features.index === "none" ? "has no index" : "no faster than a plain scan"]),
  ];
}

const recall = ({ result }: Measured): number | undefined => result.recall;

/** The report as text, 80 columns wide. */
export function renderPeers(report: PeersReport): string {
  const { about } = report;
  const lines = [
    heading("deltavec bench peers"),
    colors.dim(
      `${whole(about.n)} vectors x 384; ${about.queries} queries, k=${about.k}; recall ${about.recall} or the best`,
    ),
    colors.dim(about.machine),
    ...GROUPS.flatMap((group) => groupLines(report, group)),
  ];
  const bars = PEER_BARS.map(
    ({ name, limit }): Bar => ({
      name,
      what: `${name}${report.against[name] === undefined ? "" : `: ${report.against[name]}`}`,
      unit: "x",
      limit,
      atLeast: true,
    }),
  );
  lines.push(
    "",
    heading("Bars: the best peer whose index beats a scan, by deltavec"),
    barLines(bars, report.bars),
  );
  const others = PEER_BARS.filter(
    ({ name }) => report.against_with_scans[name] !== report.against[name],
  );
  if (others.length > 0) {
    lines.push(
      "",
      heading("The same against those that only store and compare with all"),
      ...others.map(
        ({ name }) =>
          `  ${`${name}: ${report.against_with_scans[name]}`.padEnd(40)} ${report.bars_with_scans[name]!.toFixed(2).padStart(8)} x`,
      ),
    );
  }
  return lines.join("\n");
}

function groupLines(report: PeersReport, group: Group): string[] {
  const lines = linesOf(report, group);
  if (lines.length === 0) {
    return [];
  }
  const ms = (value: number | undefined): string =>
    value === undefined ? "-" : time(1000 * value);
  const us = (value: number | undefined): string => (value === undefined ? "-" : time(value));
  const of = (line: Line, pick: (result: PeerResult) => number | undefined): number | undefined =>
    middle(line, ({ result }) => pick(result));
  const times = grid(["build", "search", "recall", "update", "delete"], 9);
  const sizes = grid(["export", "import", "bytes", "memory", "loaded", "load"], 8);
  for (const line of lines) {
    const { title } = line.contestant;
    times.push([
      title,
      ms(of(line, ({ build_ms }) => build_ms)),
      us(of(line, ({ search }) => search?.mean_us)),
      middle(line, recall)?.toFixed(3) ?? "-",
      us(of(line, ({ update }) => update?.mean_us)),
      us(of(line, (result) => result.delete?.mean_us)),
    ]);
    sizes.push([
      title,
      ms(of(line, ({ export_ms }) => export_ms)),
      ms(of(line, ({ import_ms }) => import_ms)),
      megabytes(of(line, ({ export_bytes }) => export_bytes)),
      megabytes(of(line, ({ memory_bytes }) => memory_bytes)),
      kilobytes(middle(line, ({ bundle_bytes }) => bundle_bytes)),
      line.peer === undefined
        ? ""
        : median(line.peer.pairs.flatMap(({ load }) => load))!.toFixed(1),
    ]);
  }
  const notes = lines.flatMap((line) => {
    const { wrong, failures } = faults(line);
    const said = [...remarks(line, report), ...wrongWords(wrong), ...failures];
    return said.map((what) => colors.dim(cut(`  ${line.contestant.title}: ${what}`, WIDTH)));
  });
  return [
    "",
    heading(`${GROUP_TITLES[group]}: us unless said; searches at equal recall`),
    times.toString(),
    "",
    heading("Exports, memory in MB; what a page loads, gzip, in kB; load of the machine"),
    sizes.toString(),
    ...notes,
  ];
}

/** A table with the databases in its first column. */
function grid(head: readonly string[], width: number): ReturnType<typeof table> {
  const first = WIDTH - head.length * (width + 1) - 2;
  return table(
    ["", ...head.map((name) => colors.bold(name))],
    [first, ...head.map(() => width)],
    1,
  );
}

/** Bytes in megabytes. */
export function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "-" : (bytes / 1e6).toFixed(1);
}

/** Bytes in kilobytes. */
export function kilobytes(bytes: number | undefined): string {
  return bytes === undefined ? "-" : (bytes / 1e3).toFixed(1);
}
