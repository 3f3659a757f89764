import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type DeltaEvent, DeltaVectorDB, type DurableDeltaVectorDB, init } from "deltavec";
import { deltaToJson } from "deltavec/streams";
import { messageOf, UsageError } from "./errors.ts";
import { shown } from "./files/text.ts";
import { Service } from "./load/service.ts";
import { colors, cut, print, progressBar, say, WIDTH, whole } from "./terminal.ts";

/** As many as a database may have; memory is taken as they come. */
const MAX_VECTORS = 2 ** 28;
/** Deltas may come from clocks that are wrong by so much: the service has let them in. */
const MAX_CLOCK_AHEAD_MS = 366 * 86_400_000;

/** What is followed, and how it is shown. */
export interface FollowOptions {
  readonly token: string | undefined;
  /** Where the database is kept, as `file:DIR`; else in memory. */
  readonly into?: string | undefined;
  /** File that gets the database when it ends. */
  readonly export?: string | undefined;
  readonly prefix: readonly string[];
  readonly id: readonly string[];
  /** Whether it ends when the database is up to date. */
  readonly once: boolean;
  readonly json: boolean;
}

type Followed = DeltaVectorDB | DurableDeltaVectorDB;

/** Follows a service until it is interrupted, or once. */
export async function follow(url: string, options: FollowOptions): Promise<void> {
  const { token, into, prefix, id, once } = options;
  if (into !== undefined && !into.startsWith("file:")) {
    throw new UsageError(`--into ${into}: it must be file: and a directory`);
  }
  const info = await new Service(url, token, (why) => say(`deltavec: ${why}; trying again`)).info();
  await init();
  const made = {
    dimensions: info.dimensions,
    metric: info.metric,
    maxVectors: MAX_VECTORS,
    maxClockAheadMs: MAX_CLOCK_AHEAD_MS,
    ...(info.grid > 0 && { precision: { grid: info.grid } }),
  };
  const durable = into === undefined ? undefined : await DeltaVectorDB.open(into, made);
  const db: Followed = durable ?? new DeltaVectorDB(made);
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  let summary: { vectors: number; position: number; digest: string };
  let label = "";
  let bar: ReturnType<typeof progressBar> | undefined;
  let failed = false;
  let problem: Error | undefined;
  const following = await db.follow(url, {
    ...(token !== undefined && { token }),
    ...(prefix.length > 0 && { prefix }),
    ...(id.length > 0 && { ids: id }),
    onProgress: ({ phase, received, total }) => {
      const doing = phase === "snapshot" ? "snapshot" : phase === "deltas" ? "deltas" : undefined;
      if (doing !== label) {
        bar?.stop();
        bar = doing && total !== undefined ? progressBar(doing, total) : undefined;
        label = bar && doing ? doing : "";
      }
      bar?.to(received, `${whole(received)} ${phase === "snapshot" ? "bytes" : "records"}`);
      if (phase === "offline" && !once) {
        say("deltavec: the connection is lost; it is made again");
      }
      if (phase === "failed") {
        failed = true;
        ended.abort();
      }
    },
    onError: (error, conflict) => {
      problem = conflict ? problem : error;
      if (!failed) {
        say(`deltavec: ${error.message}`); // else it is told at the end
      }
    },
  });
  try {
    const stopped = new Promise<void>((resolve) =>
      ended.signal.addEventListener("abort", () => resolve(), { once: true }),
    );
    await Promise.race([following.ready, stopped]);
    bar?.stop();
    if (!ended.signal.aborted && !once) {
      const from = await db.position;
      say(`deltavec: up to date, ${whole(await db.size)} vectors`);
      await show(db, from, options.json, ended.signal);
    }
    if (failed) {
      throw problem ?? new Error("following failed");
    }
  } catch (error) {
    // What the server refuses is the user's to know, not ours.
    throw new UsageError(messageOf(error));
  } finally {
    bar?.stop();
    process.off("SIGINT", end);
    process.off("SIGTERM", end);
    await following.close();
    if (options.export !== undefined) {
      await write(db, options.export);
    }
    summary = {
      vectors: await db.size,
      position: await db.position,
      digest: await db.stateDigest(),
    };
    await db.close();
  }
  if (once) {
    print(
      options.json
        ? JSON.stringify(summary)
        : `up to date: ${whole(summary.vectors)} vectors, digest ${summary.digest}`,
    );
  }
}

async function show(db: Followed, from: number, json: boolean, signal: AbortSignal): Promise<void> {
  try {
    for await (const delta of db.deltas({ since: from, signal })) {
      print(json ? jsonOf(delta) : lineOf(delta));
    }
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

function jsonOf(delta: DeltaEvent): string {
  return JSON.stringify({
    deltaId: delta.deltaId,
    ...deltaToJson(delta),
    timestamp: delta.timestamp.toISOString(),
  });
}

function lineOf({ vectorId, operation, metadata, timestamp }: DeltaEvent): string {
  const what =
    operation.type === "sparse"
      ? `${whole(operation.values.length)} values`
      : operation.type === "scale"
        ? `by ${operation.factor}`
        : operation.type === "offset"
          ? `by ${operation.amount}`
          : "";
  const patch = metadata === undefined ? "" : ` ${shown(JSON.stringify(metadata))}`;
  const time = timestamp.toISOString().slice(11, 23);
  const line = `${operation.type.padEnd(6)} ${shown(vectorId)} ${what}${patch}`.trimEnd();
  return `${colors.dim(time)} ${cut(line, Math.max(WIDTH, process.stdout.columns ?? 0) - 13)}`;
}

async function write(db: Followed, file: string): Promise<void> {
  const stream = db.exportStream();
  await pipeline(Readable.fromWeb(stream as never), createWriteStream(file));
}
