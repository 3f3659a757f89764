import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { init } from "deltavec";
import { folder as source } from "../../data/folder.ts";
import { type Matrix, readMatrix, row } from "../../data/source.ts";
import { ChromiumHost } from "../../engine/chromium.ts";
import { CARRIED_DATA } from "../../paths.ts";
import { progressBar, say } from "../../terminal.ts";
import { machine, start } from "../engines.ts";
import { type ScaleFigures, scaleFigures } from "./bars.ts";
import { runFaults } from "./faults.ts";
import { freePort, type Program, Service } from "./processes.ts";
import {
  type BrowserFigures,
  type IngestFigures,
  PARTS,
  type Part,
  type ScaleRequest,
  type ShardFigures,
} from "./protocol.ts";
import { BATCH, bodies, measureService, postFrames, untilSize } from "./service.ts";

const EDITS = 100;
/** Bodies of deltas that are on their way to the gateway at a time. */
const AT_ONCE = 4;

/** Options of `bench scale`. */
export interface ScaleOptions {
  readonly n: number;
  readonly rounds: number;
  /** Faults of the loop; 0 for none. */
  readonly faults: number;
  readonly seed: number;
  /** What is measured. */
  readonly only: readonly Part[];
  /** Folder of the data set; undefined: the data that the repository carries. */
  readonly data: string | undefined;
  /** File that gets the figures as JSON. */
  readonly json: string | undefined;
}

/** What a run of `bench scale` found. */
export interface ScaleReport {
  readonly about: {
    readonly machine: string;
    /** Threads of the machine that wanted to run, in the minute before. */
    readonly load: number;
    readonly n: number;
    readonly rounds: number;
  };
  readonly figures: ScaleFigures;
  readonly bars: Readonly<Record<string, number>>;
}

/**
 * Measures shards, a service of real processes, and what faults do to it; each part with a broker and nodes of its own.
 *
 * @throws Error naming the process that failed
 */
export async function scale(options: ScaleOptions): Promise<ScaleReport> {
  const [load = 0] = loadavg();
  const data = options.data ?? CARRIED_DATA;
  const matrix = await readMatrix(source(data), "wordnet-384-base.f32");
  const queries = await readMatrix(source(data), "wordnet-384-query.f32");
  const { n, rounds, faults, seed } = options;
  const parts = PARTS.filter(
    (part) => options.only.includes(part) && (part !== "faults" || faults > 0),
  );
  const scratch = await mkdtemp(join(tmpdir(), "deltavec-scale-"));
  const bar = progressBar("measuring", parts.length);
  let figures: ScaleFigures = {};
  try {
    for (const [i, part] of parts.entries()) {
      bar.to(i, part);
      const since = performance.now();
      const folder = join(scratch, part);
      const tell = (doing: string): void => bar.to(i, `${part}: ${doing}`);
      switch (part) {
        case "shards":
          figures = { ...figures, shards: await measureShards(data, n, rounds, tell) };
          break;
        case "ingest":
          figures = { ...figures, ingest: await measureIngest(folder, matrix, n, rounds, tell) };
          break;
        case "service":
          figures = {
            ...figures,
            service: await measureService(folder, matrix, queries, n, tell),
          };
          break;
        case "browser":
          figures = { ...figures, browser: await measureBrowser(folder, data, matrix, tell) };
          break;
        default:
          figures = { ...figures, faults: await runFaults(faults, seed, folder, tell) };
      }
      if (process.stderr.isTTY !== true) {
        say(`${part}: ${((performance.now() - since) / 1000).toFixed(1)} s`);
      }
    }
  } finally {
    bar.stop();
    await rm(scratch, { recursive: true, force: true });
  }
  const report: ScaleReport = {
    about: { machine: machine(), load, n, rounds },
    figures,
    bars: scaleFigures(figures),
  };
  if (options.json !== undefined) {
    const { about, bars } = report;
    await writeFile(options.json, `${JSON.stringify({ bars, about, ...figures }, null, 2)}\n`);
  }
  return report;
}

async function measureShards(
  data: string,
  n: number,
  rounds: number,
  tell: (doing: string) => void,
): Promise<ShardFigures> {
  const engine = await start("jvm", undefined);
  try {
    const request = { part: "shards", data, n, rounds };
    const { figures } = await engine.call<{ figures: ShardFigures }>("scale", request, (event) =>
      tell((event as { doing: string }).doing),
    );
    return figures;
  } finally {
    await engine.close();
  }
}

/** The same batches into a durable database without a log, and by a gateway, Kafka and a shard; in turns. */
async function measureIngest(
  folder: string,
  matrix: Matrix,
  n: number,
  rounds: number,
  tell: (doing: string) => void,
): Promise<IngestFigures> {
  await init();
  const warmUp = Math.ceil(n / BATCH / 5);
  const batches = [...bodies(matrix, 0, n)];
  const vectors = n - warmUp * BATCH;
  const direct: number[] = [];
  const kafka: number[] = [];
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    const at = join(folder, `${round}`);
    tell(`round ${round + 1}, through Kafka`);
    kafka.push(vectors / (await throughKafka(at, batches, warmUp, n)));
    tell(`round ${round + 1}, without`);
    direct.push(vectors / (await withoutKafka(at, batches, warmUp)));
  }
  return { vectors, direct_per_s: median(direct), kafka_per_s: median(kafka) };
}

async function throughKafka(
  folder: string,
  batches: readonly Uint8Array[],
  warmUp: number,
  n: number,
): Promise<number> {
  const service = await Service.start({ folder, dimensions: 384, shards: 1 });
  const programs: Program[] = [service.broker];
  try {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const node = await service.node({ id: "one", port, url });
    programs.push(node);
    await node.start();
    for (const batch of batches.slice(0, warmUp)) {
      await postFrames(url, batch);
    }
    await untilSize(url, 1, warmUp * BATCH);
    const rest = batches.slice(warmUp);
    const start = performance.now();
    let next = 0;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (next < rest.length) {
          await postFrames(url, rest[next++]!);
        }
      }),
    );
    await untilSize(url, 1, n);
    return (performance.now() - start) / 1000;
  } finally {
    await Promise.all(programs.map((program) => program.end("SIGKILL")));
  }
}

async function withoutKafka(
  folder: string,
  batches: readonly Uint8Array[],
  warmUp: number,
): Promise<number> {
  const file = join(folder, "batches");
  const out = createWriteStream(file);
  for (const batch of batches) {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, batch.length);
    out.write(head);
    out.write(batch);
  }
  out.end();
  await once(out, "close");
  const engine = await start("jvm", undefined);
  try {
    const request = { part: "direct", file, folder: join(folder, "direct"), warm_up: warmUp };
    const { figures } = await engine.call<{ figures: { seconds: number } }>("scale", request);
    return figures.seconds;
  } finally {
    await engine.close();
  }
}

/** Two pages of Chromium follow a node; what one edits the other searches for. */
async function measureBrowser(
  folder: string,
  data: string,
  matrix: Matrix,
  tell: (doing: string) => void,
): Promise<BrowserFigures> {
  tell("broker, node and pages");
  const service = await Service.start({ folder, dimensions: 384, shards: 8 });
  const programs: Program[] = [service.broker];
  const host = await ChromiumHost.start(data);
  try {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const node = await service.node({ id: "one", port, url });
    programs.push(node);
    await node.start();
    const pages = [await host.open(), await host.open()] as const;
    const call = (page: 0 | 1, request: ScaleRequest): Promise<number> =>
      pages[page].call<number>("scale", request);
    await Promise.all(
      ([0, 1] as const).map((page) => call(page, { part: "follow", url, dimensions: 384 })),
    );
    const times: number[] = [];
    for (let i = 0; i < EDITS; i++) {
      tell(`edit ${i + 1} of ${EDITS}`);
      const edit = { id: `v${i % 20}`, vector: [...row(matrix, i)] };
      const seen = call(1, { part: "seen", ...edit });
      seen.catch(() => {});
      const since = await call(0, { part: "edit", ...edit });
      times.push((await seen) - since);
    }
    await Promise.all(([0, 1] as const).map((page) => call(page, { part: "end" })));
    const timed = times.slice(EDITS / 5);
    return { edits: timed.length, edit_ms_p50: median(timed), edit_ms_max: Math.max(...timed) };
  } finally {
    await host.close();
    await Promise.all(programs.map((program) => program.end("SIGKILL")));
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
