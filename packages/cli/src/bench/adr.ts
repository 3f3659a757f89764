import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { folder } from "../data/folder.ts";
import { DIMENSIONS, readMatrix } from "../data/source.ts";
import { ChromiumHost } from "../engine/chromium.ts";
import { ENGINES, type Engine, type EngineName } from "../engine/engine.ts";
import { UsageError } from "../errors.ts";
import { progressBar, say } from "../terminal.ts";
import { type EngineSummaries, figures } from "./bars.ts";
import { fullDataSet } from "./dataset.ts";
import { collect, machine, start, turned } from "./engines.ts";
import { COLD_STARTS, round, type Step, WARM_UP_ROUNDS } from "./plan.ts";
import type {
  InitResult,
  Memory,
  OpenRequest,
  Operation,
  RunRequest,
  RunResult,
} from "./protocol.ts";
import { K } from "./protocol.ts";
import type { Report } from "./report.ts";
import { measureSizes } from "./sizes.ts";
import { recallOf, summarize } from "./statistics.ts";
import { groundTruth } from "./truth.ts";

/** Options of `bench adr`. */
export interface AdrOptions {
  readonly engines: readonly EngineName[];
  readonly n: number;
  readonly rounds: number;
  /** Whether the databases keep history. */
  readonly history: boolean;
  /** Folder of the data set; undefined: the full one, built on first use. */
  readonly data: string | undefined;
  /** File that gets the figures as JSON. */
  readonly json: string | undefined;
}

/** Samples of one engine. */
interface Samples {
  readonly us: Map<Operation | "init", number[]>;
  readonly recalls: number[];
  memory: Memory | undefined;
  runtime: string;
}

/**
 * Measures the operations on all engines in one run. In each round every operation is measured on each engine in turn,
 * while the others are idle, so that whatever else the machine does meets them all alike.
 */
export async function adr(options: AdrOptions): Promise<Report> {
  const data = options.data ?? (await fullDataSet(say));
  const source = folder(data);
  const base = await readMatrix(source, "wordnet-384-base.f32");
  const queries = await readMatrix(source, "wordnet-384-query.f32");
  if (options.n > base.rows) {
    throw new UsageError(`--n ${options.n}: the data set has ${base.rows} vectors`);
  }
  const truth = await groundTruth(source, (name) => existsSync(join(data, name)), options.n, K);
  const sizes = await measureSizes();

  const samples = new Map<EngineName, Samples>();
  for (const name of options.engines) {
    samples.set(name, { us: new Map(), recalls: [], memory: undefined, runtime: "" });
  }
  const steps = round(queries.rows);
  const rounds = WARM_UP_ROUNDS + options.rounds;
  const colds = COLD_STARTS * options.engines.length;
  const bar = progressBar("measuring", colds + rounds * steps.length * options.engines.length);
  const host = options.engines.includes("chromium") ? await ChromiumHost.start(data) : undefined;
  const engines: Engine[] = [];
  try {
    for (let i = 0; i < COLD_STARTS; i++) {
      for (const name of turned(options.engines, i)) {
        bar.step(`first init, ${name}`);
        const engine = await start(name, host);
        try {
          const { us } = await engine.call<InitResult>("init", {});
          collect(samples.get(name)!.us, "init", [us]);
        } finally {
          await engine.close();
        }
      }
    }
    for (const name of options.engines) {
      const engine = await start(name, host);
      engines.push(engine);
      const where = name === "chromium" ? "data" : data;
      const request: OpenRequest = { data: where, n: options.n, history: options.history };
      samples.get(name)!.runtime = (
        await engine.call<{ runtime: string }>("open", request)
      ).runtime;
    }
    for (let r = 0; r < rounds; r++) {
      const warm = r >= WARM_UP_ROUNDS;
      for (const step of steps) {
        for (const engine of turned(engines, r)) {
          const what = warm ? `round ${r + 1 - WARM_UP_ROUNDS}` : "warm-up";
          bar.step(`${what}, ${engine.name}, ${step.operation}`);
          await measure(engine, step, r, warm, samples.get(engine.name)!, truth);
        }
      }
    }
  } finally {
    bar.stop();
    for (const engine of engines) {
      await engine.close();
    }
    await host?.close();
  }

  const report = summarizeAll(samples, options.n, sizes, {
    machine: machine(),
    n: options.n,
    queries: queries.rows,
    rounds: options.rounds,
    history: options.history,
  });
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify(toJson(report), null, 2)}\n`);
  }
  return report;
}

async function measure(
  engine: Engine,
  step: Step,
  seed: number,
  warm: boolean,
  samples: Samples,
  truth: readonly (readonly number[])[],
): Promise<void> {
  if (step.notOnJvm && engine.name === "jvm") {
    return;
  }
  const { operation, calls, block } = step;
  const request: RunRequest = { operation, calls, block, seed };
  const result = await engine.call<RunResult>("run", request);
  if (operation === "build" && samples.memory === undefined) {
    // Of the first build: later ones find the memory that it left.
    samples.memory = await engine.call<Memory>("memory", {});
  }
  if (warm) {
    collect(samples.us, operation, result.us);
    if (result.hits !== undefined) {
      samples.recalls.push(recallOf(result.hits, truth, K));
    }
  }
}

function summarizeAll(
  samples: ReadonlyMap<EngineName, Samples>,
  n: number,
  sizes: Report["sizes"],
  about: Omit<Report["about"], "runtimes">,
): Report {
  const engines: Partial<Record<EngineName, EngineSummaries>> = {};
  const memory: Report["memory"] = {};
  const runtimes: Report["about"]["runtimes"] = {};
  const raw = n * DIMENSIONS * Float32Array.BYTES_PER_ELEMENT;
  for (const name of ENGINES) {
    const own = samples.get(name);
    if (own === undefined) {
      continue;
    }
    const summaries: EngineSummaries = {};
    for (const [operation, us] of own.us) {
      const summary = summarize(us);
      summaries[operation] =
        operation === "search"
          ? { ...summary, recall: own.recalls.reduce((a, b) => a + b, 0) / own.recalls.length }
          : summary;
    }
    engines[name] = summaries;
    const { memoryBytes, mapBytes, historyBytes } = own.memory!;
    const present = memoryBytes + mapBytes;
    memory[name] = {
      total_bytes: present,
      bytes_per_vector: present / n,
      ratio: present / raw,
      history_bytes: historyBytes,
    };
    runtimes[name] = own.runtime;
  }
  return {
    about: { ...about, runtimes },
    engines,
    memory,
    sizes,
    bars: figures(engines, sizes, memory.chromium?.ratio),
  };
}

/** The figures as `--json` writes them: a key for each engine, then `sizes` and `bars`. */
function toJson(report: Report): object {
  const memory = Object.entries(report.memory).flatMap(
    ([name, { total_bytes, bytes_per_vector, history_bytes }]) => [
      [`memory_${name}_bytes`, total_bytes],
      [`memory_${name}_bytes_per_vector`, bytes_per_vector],
      [`memory_${name}_history_bytes`, history_bytes],
    ],
  );
  return {
    ...report.engines,
    sizes: { ...report.sizes, ...Object.fromEntries(memory) },
    bars: report.bars,
  };
}
