import { writeFile } from "node:fs/promises";
import { folder } from "../../data/folder.ts";
import { ChromiumHost } from "../../engine/chromium.ts";
import { ENGINES, type EngineName } from "../../engine/engine.ts";
import { CARRIED_DATA } from "../../paths.ts";
import { progressBar, say } from "../../terminal.ts";
import { machine, start, turned } from "../engines.ts";
import { type ChurnFigures, churnFigures, missed } from "./bars.ts";
import {
  type ChurnProgress,
  type ChurnRequest,
  type ChurnResults,
  PARTS,
  type Part,
  SCALES,
  type ScaleFigures,
} from "./protocol.ts";

/** Options of `bench churn`. */
export interface ChurnOptions {
  readonly engines: readonly EngineName[];
  readonly n: number;
  readonly rounds: number;
  /** What is measured. */
  readonly only: readonly Part[];
  /** Folder of the data set; undefined: the data that the repository carries. */
  readonly data: string | undefined;
  /** File that gets the figures as JSON. */
  readonly json: string | undefined;
}

/** What a run of `bench churn` found. */
export interface ChurnReport {
  readonly about: {
    readonly machine: string;
    readonly n: number;
    readonly rounds: number;
    readonly runtimes: Partial<Record<EngineName, string>>;
  };
  readonly engines: Partial<Record<EngineName, ChurnFigures>>;
  /** The bars of each engine. */
  readonly bars: Partial<Record<EngineName, Readonly<Record<string, number>>>>;
}

/** A part at a size. */
interface Task {
  readonly part: Part;
  readonly n: number;
}

/**
 * Measures the living index on all engines in one run. Each part has a fresh page or process; the engines take turns.
 *
 * @throws Error naming the engine that failed
 */
export async function churn(options: ChurnOptions): Promise<ChurnReport> {
  const data = options.data ?? CARRIED_DATA;
  await folder(data).read("revisions.tsv"); // fails before anything is started
  const tasks = PARTS.filter((part) => options.only.includes(part)).flatMap((part): Task[] =>
    part === "scale"
      ? SCALES.map((scale) => ({ part, n: scale * options.n }))
      : [{ part, n: options.n }],
  );
  const engines = new Map<EngineName, { -readonly [P in Part]?: unknown }>();
  const runtimes: ChurnReport["about"]["runtimes"] = {};
  for (const name of options.engines) {
    engines.set(name, {});
  }
  const bar = progressBar("measuring", tasks.length * options.engines.length);
  const host = options.engines.includes("chromium") ? await ChromiumHost.start(data) : undefined;
  try {
    let done = 0;
    for (const [i, { part, n }] of tasks.entries()) {
      for (const name of turned(options.engines, i)) {
        const what = `${name}, ${part} of ${n}`;
        bar.to(done++, what);
        const since = performance.now();
        const engine = await start(name, host);
        try {
          const where = name === "chromium" ? "data" : data;
          const request: ChurnRequest = { data: where, part, n, rounds: options.rounds };
          const { runtime, figures } = await engine.call<{
            runtime: string;
            figures: ChurnResults[Part];
          }>("churn", request, (event) => {
            bar.to(done - 1, `${what}: ${(event as ChurnProgress).doing}`);
          });
          runtimes[name] = runtime;
          const found = engines.get(name)!;
          found[part] =
            part === "scale"
              ? [...((found.scale ?? []) as ScaleFigures[]), figures as ScaleFigures]
              : figures;
        } finally {
          await engine.close();
        }
        if (process.stderr.isTTY !== true) {
          say(`${what}: ${((performance.now() - since) / 1000).toFixed(1)} s`);
        }
      }
    }
  } finally {
    bar.stop();
    await host?.close();
  }

  const found: Partial<Record<EngineName, ChurnFigures>> = {};
  const bars: Partial<Record<EngineName, Readonly<Record<string, number>>>> = {};
  for (const name of ENGINES) {
    const figures = engines.get(name) as ChurnFigures | undefined;
    if (figures !== undefined) {
      found[name] = figures;
      bars[name] = churnFigures(figures);
    }
  }
  const { n, rounds } = options;
  const report = { about: { machine: machine(), n, rounds, runtimes }, engines: found, bars };
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify(toJson(report), null, 2)}\n`);
  }
  return report;
}

/**
 * The figures as `--json` writes them: details of each engine, then `bars`, Chromium's, and `bars_jvm` and `bars_node`;
 * `missed` are the names of the bars that Chromium misses.
 */
function toJson({ about, engines, bars: { chromium = {}, jvm, node } }: ChurnReport): object {
  return {
    about,
    ...engines,
    bars: chromium,
    ...(jvm && { bars_jvm: jvm }),
    ...(node && { bars_node: node }),
    missed: missed(chromium),
  };
}
