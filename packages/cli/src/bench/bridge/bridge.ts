import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { folder } from "../../data/folder.ts";
import { ChromiumHost } from "../../engine/chromium.ts";
import { type EngineName, WASM_ENGINES } from "../../engine/engine.ts";
import { CARRIED_DATA } from "../../paths.ts";
import { progressBar, say } from "../../terminal.ts";
import { machine, start, turned } from "../engines.ts";
import { type BridgeFigures, bridgeFigures, missed } from "./bars.ts";
import {
  type BridgeProgress,
  type BridgeRequest,
  type BridgeResults,
  PARTS,
  type Part,
} from "./protocol.ts";

/** Options of `bench bridge`. */
export interface BridgeOptions {
  /** Of those that run WebAssembly. */
  readonly engines: readonly EngineName[];
  readonly n: number;
  readonly rounds: number;
  /** Frames of the soak. */
  readonly soak: number;
  /** What is measured. */
  readonly only: readonly Part[];
  /** Folder of the data set; undefined: the data that the repository carries. */
  readonly data: string | undefined;
  /** File that gets the figures as JSON. */
  readonly json: string | undefined;
}

/** What a run of `bench bridge` found. */
export interface BridgeReport {
  readonly about: {
    readonly machine: string;
    /** Threads of the machine that wanted to run, in the minute before. */
    readonly load: number;
    readonly n: number;
    readonly rounds: number;
    readonly runtimes: Partial<Record<EngineName, string>>;
  };
  readonly engines: Partial<Record<EngineName, BridgeFigures>>;
  /** The bars of each engine. */
  readonly bars: Partial<Record<EngineName, Readonly<Record<string, number>>>>;
}

/**
 * Measures the bridge between programs and databases on all engines in one run. Each part has a fresh page or process; the
 * engines take turns.
 *
 * @throws Error naming the engine that failed
 */
export async function bridge(options: BridgeOptions): Promise<BridgeReport> {
  const [load = 0] = loadavg();
  const data = options.data ?? CARRIED_DATA;
  await folder(data).read("revisions.tsv"); // fails before anything is started
  const { n, rounds, soak } = options;
  const parts = PARTS.filter((part) => options.only.includes(part));
  const found = new Map(options.engines.map((name) => [name, {} as Record<Part, unknown>]));
  const runtimes: BridgeReport["about"]["runtimes"] = {};
  const bar = progressBar("measuring", parts.length * options.engines.length);
  const host = options.engines.includes("chromium") ? await ChromiumHost.start(data) : undefined;
  try {
    let done = 0;
    for (const [i, part] of parts.entries()) {
      for (const name of turned(options.engines, i)) {
        const what = `${name}, ${part}`;
        bar.to(done, what);
        const since = performance.now();
        const engine = await start(name, host);
        try {
          const where = name === "chromium" ? "data" : data;
          const request: BridgeRequest = { data: where, part, n, rounds, soak };
          const { runtime, figures } = await engine.call<{
            runtime: string;
            figures: BridgeResults[Part];
          }>("bridge", request, (event) => {
            bar.to(done, `${what}: ${(event as BridgeProgress).doing}`);
          });
          runtimes[name] = runtime;
          found.get(name)![part] = figures;
        } finally {
          await engine.close();
        }
        done++;
        if (process.stderr.isTTY !== true) {
          say(`${what}: ${((performance.now() - since) / 1000).toFixed(1)} s`);
        }
      }
    }
  } finally {
    bar.stop();
    await host?.close();
  }

  const engines: Partial<Record<EngineName, BridgeFigures>> = {};
  const bars: Partial<Record<EngineName, Readonly<Record<string, number>>>> = {};
  for (const name of WASM_ENGINES) {
    const figures = found.get(name) as BridgeFigures | undefined;
    if (figures !== undefined) {
      engines[name] = figures;
      bars[name] = bridgeFigures(figures);
    }
  }
  const report = { about: { machine: machine(), load, n, rounds, runtimes }, engines, bars };
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify(toJson(report), null, 2)}\n`);
  }
  return report;
}

/**
 * The figures as `--json` writes them: details of each engine, then `bars`, Chromium's (Node's if only that was measured), and
 * `bars_node` where there are both; `missed` are the names of the bars that `bars` misses.
 */
function toJson({ about, engines, bars: { chromium, node } }: BridgeReport): object {
  const bars = chromium ?? node ?? {};
  return {
    about,
    ...engines,
    bars,
    ...(chromium && node && { bars_node: node }),
    missed: missed(bars),
  };
}
