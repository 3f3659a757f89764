import { setTimeout as sleep } from "node:timers/promises";
import { DeltaVectorDB, init } from "deltavec";
import type { Matrix } from "../../data/source.ts";
import { row } from "../../data/source.ts";
import { Random } from "../../random.ts";
import { summarize } from "../statistics.ts";
import { digestOf, freePort, type Program, Service } from "./processes.ts";
import type { ServiceFigures } from "./protocol.ts";

const SHARDS = 8;
const DIMENSIONS = 384;
/** Deltas in one body. */
export const BATCH = 200;
const ACKS = 300;
const SEARCHES = 400;
const FOLLOWERS = 100;
const RATE = 1000;
/** Bodies a second, and seconds, that followers are sent. */
const BODIES = 20;
const SECONDS = 10;
const BEHIND = 100_000;
const FRAMES = "application/vnd.deltavec.frames";

/** Sends frames to a gateway, and returns once they are durable. */
export async function postFrames(url: string, frames: Uint8Array): Promise<void> {
  const response = await fetch(`${url}/deltas`, {
    method: "POST",
    headers: { "content-type": FRAMES },
    body: frames as Uint8Array<ArrayBuffer>,
  });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`deltas are refused: ${text}`);
  }
}

/** Frames of the vectors of a matrix, in bodies. */
export function* bodies(matrix: Matrix, from: number, to: number): Generator<Uint8Array> {
  const db = new DeltaVectorDB({ dimensions: DIMENSIONS });
  let cursor: Uint8Array | undefined;
  for (let i = from; i < to; i += BATCH) {
    db.applyDeltas(
      Array.from({ length: Math.min(BATCH, to - i) }, (_, j) => ({
        vectorId: `v${i + j}`,
        operation: { type: "create" as const, vector: vectorOf(matrix, i + j) },
      })),
    );
    yield db.deltasSince(cursor);
    cursor = db.cursor();
  }
  db.close();
}

/** A vector of the data, or beyond them a noisy copy. */
function vectorOf(matrix: Matrix, index: number): Float32Array {
  const vector = row(matrix, index % matrix.rows).slice();
  if (index >= matrix.rows) {
    const random = new Random(index);
    vector.forEach((value, i) => {
      vector[i] = value + 0.015 * random.gaussian();
    });
  }
  return vector;
}

/** Waits until a node has so many vectors in its shards. */
export async function untilSize(url: string, shards: number, size: number): Promise<void> {
  for (const end = performance.now() + 300_000; performance.now() < end; await sleep(20)) {
    let found = 0;
    for (let shard = 0; shard < shards; shard++) {
      found += (await digestOf(url, shard))?.size ?? 0;
    }
    if (found >= size) {
      return;
    }
  }
  throw new Error(`after 5 minutes the node has less than ${size} vectors`);
}

/** Measures part `service`. */
export async function measureService(
  folder: string,
  matrix: Matrix,
  queries: Matrix,
  n: number,
  tell: (doing: string) => void,
): Promise<ServiceFigures> {
  await init();
  tell("broker and node");
  const service = await Service.start({ folder, dimensions: DIMENSIONS, shards: SHARDS });
  const programs: Program[] = [service.broker];
  try {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const node = await service.node({ id: "one", port, url });
    programs.push(node);
    await node.start();
    tell("load");
    for (const body of bodies(matrix, 0, n)) {
      await postFrames(url, body);
    }
    await untilSize(url, SHARDS, n);
    tell("acknowledgements");
    const acks = await acknowledgements(url);
    tell("followers");
    const followed = await followers(url, node);
    tell("catch up");
    const catch_up_s = await catchUp(url);
    tell("search, one process");
    await searches(url, queries);
    const search_ms_p50 = await searches(url, queries);
    tell("search, two processes");
    const port2 = await freePort();
    const other = await service.node({ id: "two", port: port2, url: `http://127.0.0.1:${port2}` });
    programs.push(other);
    await other.start();
    await untilSize(`http://127.0.0.1:${port2}`, SHARDS, n / 4);
    await sleep(5000);
    await searches(url, queries);
    const search2_ms_p50 = await searches(url, queries);
    return {
      ack_ms_p50: acks.p50_us / 1000,
      ack_ms_p99: acks.p99_us / 1000,
      search_ms_p50,
      search2_ms_p50,
      ...followed,
      behind: BEHIND,
      catch_up_s,
    };
  } finally {
    await Promise.all(programs.map((program) => program.end("SIGKILL")));
  }
}

/** A client that adds to vectors, as JSON. */
class Client {
  readonly #url: string;
  readonly #name = `bench-${process.pid}-${Math.random()}`;
  #sequence = 1;

  constructor(url: string) {
    this.#url = url;
  }

  async send(deltas: readonly object[]): Promise<void> {
    const response = await fetch(`${this.#url}/deltas`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "Deltavec-Client": this.#name,
        "Deltavec-Sequence": `${this.#sequence}`,
      },
      body: JSON.stringify(deltas),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`deltas are refused: ${text}`);
    }
    this.#sequence += deltas.length;
  }
}

function offset(i: number): object {
  return { vectorId: `v${i}`, operation: { type: "offset", amount: 1e-4 } };
}

async function acknowledgements(url: string): Promise<ReturnType<typeof summarize>> {
  const client = new Client(url);
  const times: number[] = [];
  for (let i = 0; i < 2 * ACKS; i++) {
    const since = performance.now();
    await client.send([offset(i % 1000)]);
    if (i >= ACKS) {
      times.push((performance.now() - since) * 1000);
    }
  }
  return summarize(times);
}

async function searches(url: string, queries: Matrix): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < SEARCHES; i++) {
    const vector = row(queries, i % queries.rows);
    const body = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
    const since = performance.now();
    const response = await fetch(`${url}/search?k=10`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: body as Uint8Array<ArrayBuffer>,
    });
    const answer = (await response.json()) as { partial: boolean; results: unknown[] };
    if (!response.ok || answer.partial) {
      throw new Error(`a search has a partial answer, or none: ${JSON.stringify(answer)}`);
    }
    times.push((performance.now() - since) * 1000);
  }
  return summarize(times).p50_us / 1000;
}

/** The end of the log, as a cursor to follow from. */
async function endOf(url: string): Promise<string> {
  const info = (await (await fetch(`${url}/info`)).json()) as { epoch: string };
  const ends: string[] = [];
  for (let shard = 0; shard < SHARDS; shard++) {
    let next = "0";
    for (let end = ""; next !== end; ) {
      const response = await fetch(`${url}/shards/${shard}/deltas?since=${next}`);
      await response.arrayBuffer();
      next = response.headers.get("Deltavec-Next") ?? "";
      end = response.headers.get("Deltavec-End") ?? "";
    }
    ends.push(next);
  }
  return `${info.epoch}:${ends.join(",")}`;
}

/** 100 followers get 1,000 deltas a second. */
async function followers(
  url: string,
  node: Program,
): Promise<Pick<ServiceFigures, "followers" | "deltas_per_s" | "followers_cpu">> {
  const since = encodeURIComponent(await endOf(url));
  const bytes = new Float64Array(FOLLOWERS);
  const sockets = Array.from({ length: FOLLOWERS }, (_, i) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/follow?since=${since}`, [
      "deltavec.v1",
    ]);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      bytes[i]! += data instanceof ArrayBuffer ? data.byteLength : 0;
    });
    return socket;
  });
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve, reject) => {
          socket.addEventListener("open", () => resolve());
          socket.addEventListener("close", () => reject(new Error("a follower is not served")));
        }),
    ),
  );
  const client = new Client(url);
  const each = RATE / BODIES;
  let sent = 0;
  const send = async (seconds: number): Promise<void> => {
    const start = performance.now();
    for (let i = 0; i < seconds * BODIES; i++) {
      await client.send(Array.from({ length: each }, (_, j) => offset((i * each + j) % 1000)));
      sent += each;
      await sleep(Math.max(0, start + ((i + 1) * 1000) / BODIES - performance.now()));
    }
  };
  await send(3);
  sent = 0;
  const [cpu, start] = [await node.cpu(), performance.now()];
  await send(SECONDS);
  const seconds = (performance.now() - start) / 1000;
  const followers_cpu = ((await node.cpu()) - cpu) / seconds;
  await sleep(1000);
  for (const socket of sockets) {
    socket.close();
  }
  if (new Set(bytes).size !== 1 && Math.min(...bytes) < 0.9 * Math.max(...bytes)) {
    throw new Error("followers got different deltas");
  }
  return { followers: FOLLOWERS, deltas_per_s: sent / seconds, followers_cpu };
}

/** A follower that comes back after 100,000 deltas. */
async function catchUp(url: string): Promise<number> {
  const db = new DeltaVectorDB({ dimensions: DIMENSIONS });
  const first = await db.follow(url);
  await first.ready;
  const since = first.cursor!;
  await first.close();
  const writer = new DeltaVectorDB({ dimensions: DIMENSIONS });
  writer.merge(db.deltasSince());
  let cursor = writer.cursor();
  const indices = Uint32Array.of(1, 5, 9);
  for (let i = 0; i < BEHIND; i += 1000) {
    writer.applyDeltas(
      Array.from({ length: 1000 }, (_, j) => ({
        vectorId: `v${j}`,
        operation: {
          type: "sparse" as const,
          indices,
          values: Float32Array.of((i + j) / BEHIND / 10, 0.01, 0.02),
        },
      })),
    );
    await postFrames(url, writer.deltasSince(cursor));
    cursor = writer.cursor();
  }
  const start = performance.now();
  const again = await db.follow(url, { since });
  await again.ready;
  const seconds = (performance.now() - start) / 1000;
  await again.close();
  const same = db.stateDigest() === writer.stateDigest();
  db.close();
  writer.close();
  if (!same) {
    throw new Error("the follower that caught up has not what was sent");
  }
  return seconds;
}
