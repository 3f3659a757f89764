import { readFile, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { gzipSync } from "node:zlib";
import { folder } from "../../data/folder.ts";
import { startNode } from "../../engine/process-engine.ts";
import { CARRIED_DATA, componentFile } from "../../paths.ts";
import { progressBar, say } from "../../terminal.ts";
import { inRounds } from "../bridge/spread.ts";
import { machine } from "../engines.ts";
import { componentFigures, missed } from "./bars.ts";
import {
  type CallFigures,
  type ComponentFigures,
  type ComponentProgress,
  type ComponentRequest,
  type Load,
  type LoadFigures,
  PARTS,
  type Part,
  type SizeFigures,
  WORLDS,
  type World,
} from "./protocol.ts";
import { findWasmtime, measureSoak, measureWasmtime, WASMTIME_VERSION } from "./wasmtime.ts";

/** Options of `bench component`. */
export interface ComponentOptions {
  readonly n: number;
  readonly rounds: number;
  /** Calls of each function in the soak. */
  readonly soak: number;
  /** What is measured. */
  readonly only: readonly Part[];
  /** Folder of the data set; undefined: the data that the repository carries. */
  readonly data: string | undefined;
  /** File that gets the figures as JSON. */
  readonly json: string | undefined;
}

/** What a run of `bench component` found. */
export interface ComponentReport {
  readonly about: {
    readonly machine: string;
    /** Threads of the machine that wanted to run, in the minute before. */
    readonly load: number;
    readonly n: number;
    readonly rounds: number;
    readonly node: string;
    /** Its version, or why nothing was measured there. */
    readonly wasmtime: string;
  };
  readonly found: ComponentFigures;
  readonly bars: Readonly<Record<string, number>>;
}

/**
 * Measures the components in Node and in wasmtime in one run. Each part, and each load, has a fresh process.
 *
 * @throws Error naming what is missing; a machine without wasmtime is none: its parts are left out
 */
export async function component(options: ComponentOptions): Promise<ComponentReport> {
  const [load = 0] = loadavg();
  const data = options.data ?? CARRIED_DATA;
  await folder(data).read("revisions.tsv"); // fails before anything is started
  const { n, rounds, only, soak } = options;
  const parts = PARTS.filter((part) => only.includes(part));
  const wasmtime = parts.some((part) => part === "wasmtime" || part === "soak")
    ? await findWasmtime()
    : { missing: "not asked for" };
  const python = "python" in wasmtime ? wasmtime.python : undefined;
  const found: { -readonly [P in Part]?: ComponentFigures[P] } = {};
  const bar = progressBar("measuring", parts.length);
  try {
    for (const [i, part] of parts.entries()) {
      bar.to(i, part);
      const since = performance.now();
      const tell = (doing: string): void => bar.to(i, `${part}: ${doing}`);
      switch (part) {
        case "size":
          found.size = await ofWorlds(measureSize);
          break;
        case "calls":
          found.calls = await inNode<CallFigures>({ data, what: { part, n, rounds } }, tell);
          break;
        case "load":
          found.load = await ofWorlds((world) => measureLoad(data, world, rounds, tell));
          break;
        case "wasmtime":
          if (python !== undefined) {
            found.wasmtime = await ofWorlds((world) =>
              measureWasmtime(python, world, rounds, tell),
            );
          }
          break;
        case "soak":
          if (python !== undefined) {
            found.soak = await ofWorlds((world) => measureSoak(world, soak, tell));
          }
          break;
      }
      if (process.stderr.isTTY !== true) {
        say(`${part}: ${((performance.now() - since) / 1000).toFixed(1)} s`);
      }
    }
  } finally {
    bar.stop();
  }

  const about = {
    ...{ machine: machine(), load, n, rounds, node: process.versions.node },
    wasmtime: "python" in wasmtime ? WASMTIME_VERSION : `not measured: ${wasmtime.missing}`,
  };
  const report = { about, found, bars: componentFigures(found) };
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify(toJson(report), null, 2)}\n`);
  }
  return report;
}

async function measureSize(world: World): Promise<SizeFigures> {
  const bytes = await readFile(componentFile(world));
  return { bytes: bytes.length, gzip_bytes: gzipSync(bytes, { level: 9 }).length };
}

/** Loads a world again and again, each time in another process. */
async function measureLoad(
  data: string,
  world: World,
  rounds: number,
  tell: (doing: string) => void,
): Promise<LoadFigures> {
  const once = (load: Load): Promise<number> =>
    inNode<number>({ data, what: { part: "load", world, load } }, tell);
  const { compile_ms, entry_ms } = await inRounds(Math.max(rounds, 3), async (round) => {
    tell(`${world}, round ${round}`);
    return { compile_ms: await once("compile"), entry_ms: await once("entry") };
  });
  return { compile_ms, entry_ms };
}

async function inNode<T>(request: ComponentRequest, tell: (doing: string) => void): Promise<T> {
  const engine = startNode();
  try {
    return await engine.call("component", request, (event) => {
      tell((event as ComponentProgress).doing);
    });
  } finally {
    await engine.close();
  }
}

async function ofWorlds<T>(measure: (world: World) => Promise<T>): Promise<Record<World, T>> {
  const all: [World, T][] = [];
  for (const world of WORLDS) {
    all.push([world, await measure(world)]);
  }
  return Object.fromEntries(all) as Record<World, T>;
}

/** The figures as `--json` writes them: details of each part, then `bars`; `missed` are the names of the bars that are missed. */
function toJson({ about, found, bars }: ComponentReport): object {
  return { about, ...found, bars, missed: missed(bars) };
}
