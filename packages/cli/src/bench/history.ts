import { writeFile } from "node:fs/promises";
import { folder } from "../data/folder.ts";
import { ChromiumHost } from "../engine/chromium.ts";
import { ENGINES, type Engine, type EngineName } from "../engine/engine.ts";
import { CARRIED_DATA } from "../paths.ts";
import { progressBar } from "../terminal.ts";
import { collect, machine, start, turned } from "./engines.ts";
import { historyFigures } from "./history-bars.ts";
import type {
  HistoryBytes,
  HistoryOperation,
  HistoryRequest,
  HistoryResult,
  Present,
  PresentRequest,
  PresentResult,
} from "./history-protocol.ts";
import { PRESENT } from "./history-protocol.ts";
import { type Summary, summarize } from "./statistics.ts";

/** Options of `bench history`. */
export interface HistoryOptions {
  readonly engines: readonly EngineName[];
  /** Deltas in the chain that is read, frames in a merge. */
  readonly deltas: number;
  readonly rounds: number;
  /** Folder of the data set; undefined: the data that the repository carries. */
  readonly data: string | undefined;
  /** File that gets the figures as JSON. */
  readonly json: string | undefined;
}

/** A time with history and without, and their ratio: the median of that of many blocks. */
export interface Slowdown {
  readonly on_us: number;
  readonly off_us: number;
  readonly ratio: number;
}

/** What one engine was found to do. */
export interface HistoryFigures {
  readonly times: Readonly<Record<HistoryOperation, Summary>>;
  readonly present: Readonly<Record<Present, Slowdown>>;
}

/** What a run of `bench history` found. */
export interface HistoryReport {
  readonly about: {
    readonly machine: string;
    readonly deltas: number;
    readonly rounds: number;
    readonly runtimes: Partial<Record<EngineName, string>>;
  };
  readonly engines: Partial<Record<EngineName, HistoryFigures>>;
  readonly bytes: HistoryBytes;
  readonly bars: Readonly<Record<string, number>>;
}

const MERGES: readonly HistoryOperation[] = ["merge", "merge_late", "merge_100"];
/** Operations of a round in the order they are measured. A merge is one sample, a read many. */
const STEPS: readonly HistoryOperation[] = [
  "get_at",
  "get_at_dense",
  "recompose_100",
  ...Array.from({ length: 4 }, () => MERGES).flat(),
];
const WARM_UP_ROUNDS = 2;
/** Blocks of a round on the databases with and without history. */
const BLOCKS = 24;

interface Samples {
  readonly us: Map<HistoryOperation, number[]>;
  readonly on: Map<Present, number[]>;
  readonly off: Map<Present, number[]>;
  runtime: string;
}

/**
 * Measures history on all engines in one run, by turns as `bench adr` does.
 *
 * @throws Error also if two engines disagree about the bytes
 */
export async function history(options: HistoryOptions): Promise<HistoryReport> {
  const data = options.data ?? CARRIED_DATA;
  await folder(data).read("revisions.tsv"); // fails before anything is started
  const rounds = WARM_UP_ROUNDS + options.rounds;
  const bar = progressBar("measuring", (rounds * (STEPS.length + 1) + 1) * options.engines.length);
  const host = options.engines.includes("chromium") ? await ChromiumHost.start(data) : undefined;
  const engines: Engine[] = [];
  const samples = new Map<EngineName, Samples>();
  let bytes: HistoryBytes | undefined;
  try {
    for (const name of options.engines) {
      const engine = await start(name, host);
      engines.push(engine);
      const request = { data: name === "chromium" ? "data" : data };
      const { runtime } = await engine.call<{ runtime: string }>("history open", request);
      samples.set(name, { us: new Map(), on: new Map(), off: new Map(), runtime });
    }
    for (const engine of engines) {
      bar.step(`${engine.name}, bytes`);
      const found = await engine.call<HistoryBytes>("history bytes", {});
      if (bytes !== undefined && JSON.stringify(found) !== JSON.stringify(bytes)) {
        throw new Error(`${engine.name} writes other bytes than ${engines[0]!.name}`);
      }
      bytes = found;
    }
    for (let r = 0; r < rounds; r++) {
      const warm = r >= WARM_UP_ROUNDS;
      const what = warm ? `round ${r + 1 - WARM_UP_ROUNDS}` : "warm-up";
      for (const [i, operation] of STEPS.entries()) {
        for (const engine of turned(engines, r)) {
          bar.step(`${what}, ${engine.name}, ${operation}`);
          const seed = r * STEPS.length + i;
          const request: HistoryRequest = { operation, deltas: options.deltas, seed };
          const result = await engine.call<HistoryResult>("history run", request);
          collect(samples.get(engine.name)!.us, operation, warm ? result.us : []);
        }
      }
      for (const engine of turned(engines, r)) {
        bar.step(`${what}, ${engine.name}, with and without history`);
        const request: PresentRequest = { blocks: BLOCKS, seed: r };
        const result = await engine.call<PresentResult>("history present", request);
        const { on, off } = samples.get(engine.name)!;
        for (const call of PRESENT) {
          collect(on, call, warm ? result[call].on : []);
          collect(off, call, warm ? result[call].off : []);
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

  const found: HistoryReport["engines"] = {};
  const runtimes: HistoryReport["about"]["runtimes"] = {};
  for (const name of ENGINES) {
    const own = samples.get(name);
    if (own !== undefined) {
      found[name] = summarizeEngine(own);
      runtimes[name] = own.runtime;
    }
  }
  const report: HistoryReport = {
    about: { machine: machine(), deltas: options.deltas, rounds: options.rounds, runtimes },
    engines: found,
    bytes: bytes!,
    bars: historyFigures(found, bytes!),
  };
  if (options.json !== undefined) {
    const json = { ...report.engines, bytes: report.bytes, bars: report.bars };
    await writeFile(options.json, `${JSON.stringify(json, null, 2)}\n`);
  }
  return report;
}

function summarizeEngine({ us, on, off }: Samples): HistoryFigures {
  const times = Object.fromEntries(
    Array.from(us, ([operation, samples]) => [operation, summarize(samples)]),
  );
  const present = Object.fromEntries(
    PRESENT.map((call): [Present, Slowdown] => {
      const with_ = on.get(call)!;
      const without = off.get(call)!;
      return [
        call,
        {
          on_us: summarize(with_).p50_us,
          off_us: summarize(without).p50_us,
          // Of each block and its neighbour, which meet the same machine.
          ratio: summarize(with_.map((time, i) => time / without[i]!)).p50_us,
        },
      ];
    }),
  );
  return { times, present } as HistoryFigures;
}
