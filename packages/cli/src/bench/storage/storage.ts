import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { folder } from "../../data/folder.ts";
import { ChromiumHost } from "../../engine/chromium.ts";
import { ENGINES, type EngineName } from "../../engine/engine.ts";
import { CARRIED_DATA } from "../../paths.ts";
import { type Progress, progressBar, say } from "../../terminal.ts";
import { machine, start, turned } from "../engines.ts";
import { missed, type StorageFigures, storageFigures } from "./bars.ts";
import { measureKills } from "./kills.ts";
import {
  type KillFigures,
  PARTS,
  type Part,
  type StorageProgress,
  type StorageRequest,
  type StorageResults,
} from "./protocol.ts";

/** Parts that the JVM has. */
const JVM_PARTS: readonly Part[] = ["open"];

/** Options of `bench storage`. */
export interface StorageOptions {
  readonly engines: readonly EngineName[];
  readonly n: number;
  readonly rounds: number;
  /** Processes that are killed. */
  readonly kills: number;
  /** What is measured. */
  readonly only: readonly Part[];
  /** Folder of the data set; undefined: the data that the repository carries. */
  readonly data: string | undefined;
  /** File that gets the figures as JSON. */
  readonly json: string | undefined;
}

/** What a run of `bench storage` found. */
export interface StorageReport {
  readonly about: {
    readonly machine: string;
    /** Threads of the machine that wanted to run, in the minute before. */
    readonly load: number;
    readonly n: number;
    readonly rounds: number;
    readonly runtimes: Partial<Record<EngineName, string>>;
  };
  readonly engines: Partial<Record<EngineName, StorageFigures>>;
  readonly kills?: KillFigures;
  readonly bars: Readonly<Record<string, number>>;
  /** Node's, where Chromium was measured, too. */
  readonly barsNode?: Readonly<Record<string, number>>;
}

/**
 * Measures export, import and durable storage on all engines in one run. Each part has a fresh page or process; the engines take
 * turns.
 *
 * @throws Error naming the engine that failed
 */
export async function storage(options: StorageOptions): Promise<StorageReport> {
  const [load = 0] = loadavg();
  const data = options.data ?? CARRIED_DATA;
  await folder(data).read("revisions.tsv"); // fails before anything is started
  const { n, rounds, kills, only } = options;
  const parts = PARTS.filter((part) => only.includes(part));
  const names = ENGINES.filter((name) => options.engines.includes(name));
  const found = new Map(names.map((name) => [name, {} as Record<string, unknown>]));
  const runtimes: StorageReport["about"]["runtimes"] = {};
  let killed: KillFigures | undefined;
  const scratch = await mkdtemp(join(tmpdir(), "deltavec-storage-"));
  const bar = progressBar("measuring", parts.length * names.length);
  const host = names.includes("chromium") ? await ChromiumHost.start(data) : undefined;
  try {
    let done = 0;
    for (const [i, part] of parts.entries()) {
      const directory = join(scratch, part);
      if (part === "open" && names.some((name) => name !== "chromium")) {
        await prepare({ data, part, n, rounds, folder: directory }, bar, done);
      }
      for (const name of turned(names, i)) {
        const what = `${name}, ${part}`;
        bar.to(done++, what);
        const since = performance.now();
        const tell = ({ doing }: StorageProgress): void => bar.to(done - 1, `${what}: ${doing}`);
        if (part === "kills") {
          // Those of all engines in one.
          if (name !== names.at(-1)) {
            continue;
          }
          killed = await measureKills(names, kills, tell);
        } else if (name === "jvm" && !JVM_PARTS.includes(part)) {
          continue;
        } else {
          const where = name === "chromium" ? "data" : data;
          const files = name === "chromium" ? "" : directory;
          const request = { data: where, part, n, rounds, folder: files };
          const { runtime, figures } = await measure(name, host, request, tell);
          runtimes[name] = runtime;
          found.get(name)![part] = figures;
        }
        if (process.stderr.isTTY !== true) {
          say(`${what}: ${((performance.now() - since) / 1000).toFixed(1)} s`);
        }
      }
    }
  } finally {
    bar.stop();
    await host?.close();
    await rm(scratch, { recursive: true, force: true });
  }

  const engines = Object.fromEntries(found) as Partial<Record<EngineName, StorageFigures>>;
  const main = engines.chromium === undefined ? "node" : "chromium";
  const both = engines.chromium !== undefined && engines.node !== undefined;
  const report: StorageReport = {
    about: { machine: machine(), load, n, rounds, runtimes },
    engines,
    ...(killed && { kills: killed }),
    bars: storageFigures(engines, main, killed),
    ...(both && { barsNode: storageFigures(engines, "node", killed) }),
  };
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify(toJson(report), null, 2)}\n`);
  }
  return report;
}

/** Measures a part on an engine of its own. */
async function measure(
  name: EngineName,
  host: ChromiumHost | undefined,
  request: StorageRequest,
  tell: (event: StorageProgress) => void,
): Promise<{ runtime: string; figures: StorageResults[keyof StorageResults] }> {
  const engine = await start(name, host);
  try {
    return await engine.call("storage", request, (event) => tell(event as StorageProgress));
  } finally {
    await engine.close();
  }
}

/** Has Node write the databases that Node and the JVM open. */
async function prepare(request: StorageRequest, bar: Progress, done: number): Promise<void> {
  const engine = await start("node", undefined);
  try {
    await engine.call("storage prepare", request, (event) => {
      bar.to(done, `files: ${(event as StorageProgress).doing}`);
    });
  } finally {
    await engine.close();
  }
}

/**
 * The figures as `--json` writes them: details of each engine, and of the kills, then `bars`, Chromium's where none is named (Node's if Chromium was
 * not measured), and `bars_node` where there are both; `missed` are the names of the bars that `bars` misses.
 */
function toJson({ about, engines, kills, bars, barsNode }: StorageReport): object {
  return {
    about,
    ...engines,
    ...(kills && { kills }),
    bars,
    ...(barsNode && { bars_node: barsNode }),
    missed: missed(bars),
  };
}
