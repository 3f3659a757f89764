// Streams into and out of a database in a worker.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DeltaError,
  DeltaStreamProcessor,
  DeltaVectorDB,
  init,
  type RemoteDeltaVectorDB,
} from "deltavec";
import {
  broadcast,
  broadcastDeltas,
  DeltaDecoderStream,
  DeltaEncoderStream,
  encodeDeltas,
} from "deltavec/streams";
import { create, offset, story, until } from "./support/deltas.ts";

await init();

const deltas = story(11, 1500);
const expected = new DeltaVectorDB({ dimensions: 3, now: () => 1_700_000_000_000 });
expected.applyDeltas(deltas);
/** As the worker's clock is not ours, all have times. */
const timed = deltas.map((delta, i) => ({ ...delta, timestamp: new Date(1_700_000_000_000 + i) }));

const connect = (options = {}): Promise<RemoteDeltaVectorDB> =>
  DeltaVectorDB.connect({ dimensions: 3, ...options });

const failure = (promise: Promise<unknown>): Promise<DeltaError> =>
  promise.then(
    () => assert.fail("nothing was thrown"),
    (error: DeltaError) => error,
  );

test("a stream is applied to a database in a worker, as to one on this thread", async () => {
  await using db = await connect();
  const processor = new DeltaStreamProcessor(db);
  assert.equal(await processor.streamDeltas(timed), 1500);
  assert.equal(await db.stateDigest(), expected.stateDigest());
  assert.equal(processor.cursor, 1500);
});

test("stop and skip hold in a worker, too", async () => {
  await using db = await connect();
  const processor = new DeltaStreamProcessor(db);
  const error = await failure(
    processor.streamDeltas([create("a"), create("b"), offset("nobody"), create("c")]),
  );
  assert.equal(error.name, "DeltaError");
  assert.deepEqual([error.code, error.index, processor.cursor], ["VECTOR_NOT_FOUND", 2, 2]);
  assert.equal(await db.size, 2);
  const skipped: number[] = [];
  const applied = await processor.streamDeltas([create("a"), offset("b"), create("c")], {
    onError: "skip",
    onSkip: ({ index }) => skipped.push(index),
  });
  assert.deepEqual([applied, skipped], [2, [0]]);
});

test("bytes are piped into a database in a worker, of deltas and of a replica", async () => {
  await using db = await connect();
  await new Response(encodeDeltas(timed)).body!.pipeTo(db.writable());
  assert.equal(await db.stateDigest(), expected.stateDigest());
  await using other = await connect();
  const bytes = await db.deltasSince();
  await new Response(bytes).body!.pipeTo(other.writable());
  assert.equal(await other.stateDigest(), expected.stateDigest());
});

test("a database in a worker is piped into another one, as it changes", async () => {
  await using source = await connect();
  await using mirror = await connect();
  const controller = new AbortController();
  const piped = source
    .readable({ since: 0, signal: controller.signal })
    .pipeThrough(new DeltaEncoderStream())
    .pipeThrough(new DeltaDecoderStream())
    .pipeTo(mirror.writable());
  let applied = 0;
  for (let at = 0; at < timed.length; at += 100) {
    applied += (await source.applyDeltas(timed.slice(at, at + 100))).length;
  }
  for (let left = 500; (await mirror.position) < applied && left > 0; left--) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  controller.abort();
  await piped;
  assert.equal(await mirror.stateDigest(), expected.stateDigest());
});

test("a database in a worker takes part in a channel", async () => {
  const name = `deltavec-remote-${process.pid}`;
  const [a, b] = [new BroadcastChannel(name), new BroadcastChannel(name)];
  await using db = await connect();
  const local = new DeltaVectorDB({ dimensions: 3 });
  const controller = new AbortController();
  const { signal } = controller;
  const ends = [broadcast(db, a), broadcast(local, b)];
  const runs = [
    new DeltaStreamProcessor(db).streamDeltas(broadcastDeltas(a, { signal })),
    new DeltaStreamProcessor(local).streamDeltas(broadcastDeltas(b, { signal })),
  ];
  await db.size; // subscribed by then
  await db.applyDelta(create("theirs"));
  local.applyDelta(create("ours"));
  await until(() => local.size === 2);
  for (let left = 500; (await db.size) < 2 && left > 0; left--) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(await db.stateDigest(), local.stateDigest());
  controller.abort();
  await Promise.all(runs);
  for (const end of ends) {
    end();
  }
  a.close();
  b.close();
});

test("a worker that ends while a stream goes on ends the stream", async () => {
  const db = await connect();
  const endless = (async function* () {
    for (let i = 0; ; i++) {
      yield create(`v${i}`);
    }
  })();
  const processor = new DeltaStreamProcessor(db);
  const done = processor.streamDeltas(endless, {
    onError: "skip",
    onProgress: ({ applied }) => applied > 100 && void db.close(),
  });
  assert.equal((await failure(done)).code, "CLOSED");
  await assert.rejects(
    async () => db.writable(),
    (error: DeltaError) => error.code === "CLOSED",
  );
});
