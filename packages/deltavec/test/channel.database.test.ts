// A channel to a database in another thread: what is sent there is as if it had been applied here.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { type Transferable, Worker } from "node:worker_threads";
import { DeltaVectorDB, init, type VectorDelta } from "deltavec";
import { build } from "esbuild";
import { type ChannelErrorPolicy, DeltaChannel, makeChannel } from "../src/channel.ts";
import type { Serve, Served } from "./support/database-consumer.ts";
import { PACKAGE } from "./support/process.ts";
import { Random } from "./support/random.ts";

const DIMENSIONS = 24;

let folder: string;
let script: string;

before(async () => {
  await init();
  folder = await mkdtemp(join(tmpdir(), "deltavec-"));
  script = join(folder, "consumer.mjs");
  await build({
    absWorkingDir: PACKAGE,
    entryPoints: ["test/support/database-consumer.ts"],
    outfile: script,
    bundle: true,
    format: "esm",
    target: "es2024",
    loader: { ".deflate": "base64", ".wasm": "base64" },
    logLevel: "warning",
  });
});

after(() => rm(folder, { recursive: true }));

/** Makes changes of 200 vectors, of all kinds; every 50th is one that the database refuses, if that is wanted. */
function changes(seed: number, count: number, refused: boolean): VectorDelta[] {
  const random = new Random(seed);
  const alive = new Set<string>();
  return Array.from({ length: count }, (_, i): VectorDelta => {
    if (refused && i % 50 === 49) {
      return { vectorId: "nobody", operation: { type: "scale", factor: 2 } };
    }
    const vectorId = `v${random.below(200)}`;
    if (!alive.has(vectorId)) {
      alive.add(vectorId);
      return {
        vectorId,
        operation: { type: "create", vector: random.vector(DIMENSIONS) },
        metadata: { i, text: "größer" },
      };
    }
    switch (random.below(6)) {
      case 0:
        alive.delete(vectorId);
        return { vectorId, operation: { type: "delete" } };
      case 1:
        return { vectorId, operation: { type: "scale", factor: 0.5 + random.below(3) } };
      case 2:
        return { vectorId, operation: { type: "dense", vector: random.vector(DIMENSIONS) } };
      case 3:
        return { vectorId, operation: { type: "offset", amount: 0.25 }, metadata: { i } };
      default: {
        const indices = Uint32Array.of(random.below(8), 8 + random.below(16));
        return { vectorId, operation: { type: "sparse", indices, values: random.vector(2) } };
      }
    }
  });
}

/** Applies one by one here. Gives the numbers of those refused. */
function here(deltas: readonly VectorDelta[], stop: boolean): Served & { refused: number[] } {
  const db = new DeltaVectorDB({ dimensions: DIMENSIONS });
  const refused: number[] = [];
  for (const [i, delta] of deltas.entries()) {
    try {
      db.applyDelta(delta);
    } catch {
      refused.push(i);
      if (stop) {
        break;
      }
    }
  }
  const { deltas: count } = db.stats();
  const outcome = { size: db.size, digest: db.stateDigest(), deltas: count, refused };
  db.close();
  return outcome;
}

async function connect(t: TestContext, shared: boolean, onError: ChannelErrorPolicy) {
  const worker = new Worker(script);
  t.after(() => worker.terminate());
  const form = { compression: true, grid: 0 };
  const { producer, consumer } = makeChannel(form, { shared, capacity: 2 ** 16 });
  const message: Serve = { options: { dimensions: DIMENSIONS }, handle: consumer, onError };
  worker.postMessage(message, [consumer.port as unknown as Transferable]);
  const served = once(worker, "message").then(([outcome]) => outcome as Served);
  return { channel: new DeltaChannel(producer), served };
}

async function sendAll(channel: DeltaChannel, deltas: readonly VectorDelta[]): Promise<void> {
  for (const delta of deltas) {
    while (!channel.send(delta)) {
      await channel.ready();
    }
  }
}

for (const shared of [true, false]) {
  const by = shared ? "a ring" : "messages";

  test(`by ${by}: the same state as without a channel`, async (t) => {
    const deltas = changes(1, 5000, false);
    const { channel, served } = await connect(t, shared, "stop");
    await sendAll(channel, deltas);
    assert.equal((await channel.close()).applied, 5000);
    const { refused, ...expected } = here(deltas, true);
    assert.deepEqual(refused, []);
    assert.deepEqual(await served, expected);
  });

  test(`by ${by}: stop leaves what was applied before the delta refused`, async (t) => {
    const deltas = changes(2, 300, true);
    const { channel, served } = await connect(t, shared, "stop");
    await assert.rejects(
      sendAll(channel, deltas).then(() => channel.flush()),
      {
        code: "VECTOR_NOT_FOUND",
        index: 49,
        message: 'delta 49: there is no vector "nobody"',
      },
    );
    await assert.rejects(channel.close(), { index: 49 });
    const { refused, ...expected } = here(deltas, true);
    assert.deepEqual(refused, [49]);
    assert.deepEqual(await served, expected);
  });

  test(`by ${by}: skip applies all but the deltas refused, and names them`, async (t) => {
    const deltas = changes(3, 3000, true);
    const { channel, served } = await connect(t, shared, "skip");
    await sendAll(channel, deltas);
    const report = await channel.close();
    const { refused, ...expected } = here(deltas, false);
    assert.equal(refused.length, 60);
    assert.deepEqual(
      report.skipped.map(({ index }) => index),
      refused,
    );
    assert.match(report.skipped[0].message, /^there is no vector "nobody"/);
    assert.equal(report.applied, 2940);
    assert.deepEqual(await served, expected);
  });
}
