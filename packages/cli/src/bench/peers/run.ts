import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import type { Source } from "../../data/source.ts";
import { messageOf } from "../../errors.ts";
import { progressBar, say } from "../../terminal.ts";
import { machine } from "../engines.ts";
import { CONTESTANTS, type Contestant, OWN } from "./catalog.ts";
import { preparePeers } from "./prepare.ts";
import { GROUPS, type Group, K, RECALL } from "./protocol.ts";
import {
  barFigures,
  type Measured,
  missedBars,
  type Pair,
  type PeerRuns,
  RATIOS,
  ratio,
} from "./results.ts";

/** Where the databases of a group are measured. */
export interface Runner {
  /**
   * Measures one, in a page or a process of its own.
   *
   * @param data - folder of plan and vectors
   * @param tell - told what is going on
   * @throws Error if it cannot be started, crashes or takes too long
   */
  measure(contestant: Contestant, data: string, tell: (doing: string) => void): Promise<Measured>;
  close(): Promise<void>;
}

/** Options of `bench peers`. */
export interface PeersOptions {
  /** Names of groups and databases that are measured; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly n: number;
  /** How often each is measured. */
  readonly rounds: number;
  /** Whether what an earlier run has measured is taken for what `only` does not name. */
  readonly resume: boolean;
  /** Folder for data and results between runs. */
  readonly kept: string;
  /** File that gets the figures as JSON. */
  readonly json: string | undefined;
}

/** What a run of `bench peers` found. */
export interface PeersReport {
  readonly about: {
    readonly machine: string;
    readonly n: number;
    readonly queries: number;
    readonly edits: number;
    readonly deletes: number;
    readonly k: number;
    readonly recall: number;
  };
  /** In the order of the catalogue. */
  readonly peers: readonly PeerRuns[];
  /** By name: deltavec against the best peer of a group whose index is faster than a scan. */
  readonly bars: Readonly<Record<string, number>>;
  /** The peer that each of these is against. */
  readonly against: Readonly<Record<string, string>>;
  /** The same against all peers, also those that only store and compare with all. */
  readonly bars_with_scans: Readonly<Record<string, number>>;
  readonly against_with_scans: Readonly<Record<string, string>>;
  /** Names of the bars that are missed. */
  readonly missed: readonly string[];
}

/** Whether `--only` names a database. */
function named({ name, group }: Contestant, only: readonly string[]): boolean {
  return only.includes(name) || only.includes(group);
}

/**
 * Measures peers, deltavec right before each of them. What one run found is kept at once, so that another one can go on.
 *
 * @param start - starts what measures a group, when it is needed
 */
export async function peers(
  source: Source,
  options: PeersOptions,
  start: (group: Group) => Promise<Runner>,
): Promise<PeersReport> {
  const { only, n, rounds, resume, kept, json } = options;
  const data = await preparePeers(source, n, kept);
  const results = join(data, "results");
  mkdirSync(results, { recursive: true });
  const peersOf = (group: Group): Contestant[] =>
    CONTESTANTS.filter((each) => each.group === group && each.name !== OWN);
  const fileOf = ({ group, name }: Contestant): string => join(results, `${group}-${name}.json`);
  const wanted = (each: Contestant): boolean =>
    only === undefined ? !(resume && existsSync(fileOf(each))) : named(each, only);

  const total = CONTESTANTS.filter((each) => each.name !== OWN && wanted(each)).length;
  const bar = progressBar("measuring", rounds * total);
  try {
    let done = 0;
    for (const group of GROUPS) {
      const todo = peersOf(group).filter(wanted);
      if (todo.length === 0) {
        continue;
      }
      const own = CONTESTANTS.find((each) => each.group === group && each.name === OWN)!;
      let runner: Runner | undefined;
      let broken: string | undefined;
      try {
        runner = await start(group);
      } catch (error) {
        broken = messageOf(error);
        say(`${group}: ${broken}`);
      }
      const measure = async (each: Contestant): Promise<Measured> => {
        const what = `${group}, ${each.name}`;
        const since = performance.now();
        try {
          if (runner === undefined) {
            throw new Error(broken);
          }
          return await runner.measure(each, data, (doing) => bar.to(done, `${what}: ${doing}`));
        } catch (error) {
          return failed(each, messageOf(error));
        } finally {
          if (process.stderr.isTTY !== true) {
            say(`${what}: ${((performance.now() - since) / 1000).toFixed(1)} s`);
          }
        }
      };
      try {
        const found = new Map<Contestant, Pair[]>();
        for (let round = 0; round < rounds; round++) {
          for (const each of todo) {
            const before = loadavg()[0]!;
            const ours = await measure(own);
            const peer = await measure(each);
            const pairs = found.get(each) ?? [];
            found.set(each, pairs);
            pairs.push({
              peer,
              own: ours,
              load: [before, loadavg()[0]!],
              date: new Date().toISOString().slice(0, 10),
            });
            writeFileSync(fileOf(each), JSON.stringify(pairs));
            bar.to(++done, "");
          }
        }
      } finally {
        await runner?.close();
      }
    }
  } finally {
    bar.stop();
  }

  const runs = CONTESTANTS.flatMap((each): PeerRuns[] => {
    const file = fileOf(each);
    if (each.name === OWN || !existsSync(file) || !(wanted(each) || resume || total === 0)) {
      return [];
    }
    const pairs = JSON.parse(readFileSync(file, "utf8")) as Pair[];
    return [{ name: each.name, group: each.group, pairs }];
  });
  const report = await reportOf(data, runs);
  if (json !== undefined) {
    writeFileSync(json, `${JSON.stringify(toJson(report), null, 2)}\n`);
  }
  return report;
}

function failed({ name }: Contestant, message: string): Measured {
  return {
    version: "",
    result: {
      name,
      runtime: "",
      settings: "",
      wrong: { lost: 0, stale: 0, repeated: 0, ghosts: 0, returned: 0 },
      failures: { load: message },
    },
  };
}

async function reportOf(data: string, runs: readonly PeerRuns[]): Promise<PeersReport> {
  const plan = JSON.parse(readFileSync(join(data, "plan.json"), "utf8")) as {
    n: number;
    edits: number[];
    deletes: number[];
    truth: { built: number[][] };
  };
  const split = (scanning: boolean): [Record<string, number>, Record<string, string>] => {
    const entries = Object.entries(barFigures(runs, scanning));
    return [
      Object.fromEntries(entries.map(([name, { value }]) => [name, value])),
      Object.fromEntries(entries.map(([name, { against }]) => [name, against])),
    ];
  };
  const [bars, against] = split(false);
  const [bars_with_scans, against_with_scans] = split(true);
  return {
    about: {
      machine: machine(),
      n: plan.n,
      queries: plan.truth.built.length,
      edits: plan.edits.length,
      deletes: plan.deletes.length,
      k: K,
      recall: RECALL,
    },
    peers: runs,
    bars,
    against,
    bars_with_scans,
    against_with_scans,
    missed: missedBars(barFigures(runs, false)),
  };
}

/** The figures as `--json` writes them: with the ratios of every peer. */
function toJson(report: PeersReport): object {
  const { about, peers: runs, ...rest } = report;
  return {
    about,
    peers: runs.map((run) => ({
      ...run,
      ratios: Object.fromEntries(RATIOS.map((of) => [of, ratio(run, of)])),
    })),
    ...rest,
  };
}
