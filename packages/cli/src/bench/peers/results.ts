import { CONTESTANTS, type Contestant, SCAN } from "./catalog.ts";
import { GROUPS, type Group, type PeerResult, RECALL } from "./protocol.ts";

/** A run of a database, and what else is known of it. */
export interface Measured {
  readonly result: PeerResult;
  readonly version: string;
  /** Bytes of all that a page loads for it, each file gzip; in browsers. */
  readonly bundle_bytes?: number;
}

/** A database and deltavec, one right behind the other. */
export interface Pair {
  readonly peer: Measured;
  readonly own: Measured;
  /** Load of the machine: programs that wait for a core, over the last minute; before and behind. */
  readonly load: readonly [number, number];
  /** Day of the run. */
  readonly date: string;
}

/** All runs of a peer. */
export interface PeerRuns {
  readonly name: string;
  readonly group: Group;
  readonly pairs: readonly Pair[];
}

/** What is compared: by how many times deltavec is better. */
export const RATIOS = [
  "search",
  "build",
  "update",
  "delete",
  "export",
  "import",
  "memory",
  "bundle",
] as const;

/** Name of a comparison. */
export type Ratio = (typeof RATIOS)[number];

/** The figure that a comparison is about; undefined where it was not measured. */
export function figure({ result, bundle_bytes }: Measured, of: Ratio): number | undefined {
  switch (of) {
    case "search":
      return result.search?.mean_us;
    case "build":
      return result.build_ms;
    case "update":
      return result.update?.mean_us;
    case "delete":
      return result.delete?.mean_us;
    case "export":
      return result.export_ms;
    case "import":
      return result.import_ms;
    case "memory":
      return result.memory_bytes;
    case "bundle":
      return bundle_bytes;
  }
}

/** The middle of values, the mean of the two where there are two; undefined where there are none. */
export function median(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (known.length === 0) {
    return undefined;
  }
  return (known[(known.length - 1) >> 1]! + known[known.length >> 1]!) / 2;
}

/** A peer's figure by that of deltavec in the same pair, the median of all pairs; more is better for deltavec. */
export function ratio({ pairs }: PeerRuns, of: Ratio): number | undefined {
  return median(
    pairs.map(({ peer, own }) => {
      const [theirs, ours] = [figure(peer, of), figure(own, of)];
      // Not even a clock's tick, or less memory than before: no measure to compare by.
      return theirs === undefined || !(ours! > 0) || !(theirs > 0) ? undefined : theirs / ours!;
    }),
  );
}

/** A figure of the peer, the median of all runs. */
export function theirs({ pairs }: PeerRuns, of: Ratio): number | undefined {
  return median(pairs.map(({ peer }) => figure(peer, of)));
}

/** Whether a peer finds what is asked of all. */
export function reaches({ pairs }: PeerRuns): boolean {
  return pairs.every(({ peer }) => (peer.result.recall ?? 0) >= RECALL);
}

/** What is known of a peer. */
export function contestantOf({ name, group }: PeerRuns): Contestant {
  return CONTESTANTS.find((each) => each.name === name && each.group === group)!;
}

/** Whether a peer has an index that searches faster than its group's plain scan, where that was measured. */
export function indexed(peer: PeerRuns, all: readonly PeerRuns[]): boolean {
  if (contestantOf(peer).features.index === "none") {
    return false;
  }
  const scan = all.find(({ name, group }) => name === SCAN && group === peer.group);
  const [own, plain] = [theirs(peer, "search"), scan && theirs(scan, "search")];
  return own !== undefined && (plain === undefined || own < plain);
}

/** A bar: deltavec against the best peer of a group. */
export interface PeerBar {
  readonly name: string;
  readonly group: Group;
  readonly ratio: Ratio;
  /** What is promised: so many times better, at least. */
  readonly limit: number;
}

/** All bars. */
export const PEER_BARS: readonly PeerBar[] = [
  ...GROUPS.flatMap((group) =>
    (["search", "build", "update"] as const).map((of) => ({
      name: `${of}_vs_${group}`,
      group,
      ratio: of,
      limit: group === "browser" ? 6 : 1,
    })),
  ),
  { name: "bundle_vs_browser", group: "browser", ratio: "bundle", limit: 1 },
];

/** A bar's figure, and whose it is. */
export interface BarFigure {
  readonly value: number;
  /** The best peer. */
  readonly against: string;
}

/**
 * The figure of a bar: the least ratio to a peer of the group. Only those count that reach the recall asked of all, and for
 * updates those whose changes are found at once.
 *
 * @param all - the runs of all peers
 * @param scanning - whether peers count, too, whose searches are no faster than a plain scan or whose changes come late
 */
export function barFigure(
  { group, ratio: of }: PeerBar,
  all: readonly PeerRuns[],
  scanning: boolean,
): BarFigure | undefined {
  let best: BarFigure | undefined;
  for (const peer of all) {
    if (peer.group !== group || peer.name === SCAN || !(scanning || indexed(peer, all))) {
      continue;
    }
    if (of === "update" && contestantOf(peer).late && !scanning) {
      continue;
    }
    const value = of === "bundle" || reaches(peer) ? ratio(peer, of) : undefined;
    if (value !== undefined && (best === undefined || value < best.value)) {
      best = { value, against: peer.name };
    }
  }
  return best;
}

/** The figures of all bars that were measured, by name. */
export function barFigures(all: readonly PeerRuns[], scanning: boolean): Record<string, BarFigure> {
  return Object.fromEntries(
    PEER_BARS.flatMap((bar) => {
      const found = barFigure(bar, all, scanning);
      return found === undefined ? [] : [[bar.name, found]];
    }),
  );
}

/** Names of the bars that are missed. */
export function missedBars(figures: Readonly<Record<string, BarFigure>>): string[] {
  return PEER_BARS.filter(({ name, limit }) => (figures[name]?.value ?? limit) < limit).map(
    ({ name }) => name,
  );
}
