// Databases in workers that keep what they hold in a storage.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { DeltaError, DeltaVectorDB, type VectorDelta } from "deltavec";
import { READS } from "../src/storage/calls.ts";

const folder = mkdtempSync(join(tmpdir(), "deltavec-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let last = 0;
/** A storage that nobody has used. */
const fresh = (): string => `file:${join(folder, String(last++))}`;

const create = (vectorId: string): VectorDelta => ({
  vectorId,
  operation: { type: "create", vector: Float32Array.of(1, 0) },
});

async function refused(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => assert.fail("nothing was thrown"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DeltaError, `${error}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
}

describe("connect with a storage", () => {
  test("what was written is there the next time, options included", async () => {
    const storage = fresh();
    const first = await DeltaVectorDB.connect({ dimensions: 2, metric: "dot", storage });
    await first.applyDelta(create("a"));
    await first.close();
    await using again = await DeltaVectorDB.connect({ storage });
    assert.equal(await again.has("a"), true);
    assert.deepEqual([again.options.dimensions, again.options.metric], [2, "dot"]);
  });

  test("what was acknowledged in strict mode outlives the worker", async () => {
    const storage = fresh();
    const { Worker } = await import("node:worker_threads");
    const worker = new Worker(new URL(import.meta.resolve("deltavec/worker")));
    const first = await DeltaVectorDB.connect({
      ...{ dimensions: 2, storage, durability: "strict", worker },
    });
    await first.applyDelta(create("a"));
    await worker.terminate();
    await refused(first.applyDelta(create("b")), "CLOSED", /has died/);
    await using again = await DeltaVectorDB.connect({ storage });
    assert.equal(await again.has("a"), true);
  });

  test("the face says where it is kept, how, and what opening found", async () => {
    const storage = fresh();
    await using db = await DeltaVectorDB.connect({ dimensions: 2, storage, durability: "strict" });
    assert.deepEqual([db.storage, db.durability, db.role], [storage, "strict", "leader"]);
    assert.equal(db.recovery.records, 0);
  });

  test("a checkpoint is made where the database is", async () => {
    const storage = fresh();
    const first = await DeltaVectorDB.connect({ dimensions: 2, storage });
    await first.applyDelta(create("a"));
    await first.checkpoint();
    await first.close();
    await using again = await DeltaVectorDB.connect({ storage });
    assert.ok(again.recovery.snapshot > 0);
  });

  test("a second one of the same directory is refused", async () => {
    const storage = fresh();
    await using _ = await DeltaVectorDB.connect({ dimensions: 2, storage });
    await refused(DeltaVectorDB.connect({ dimensions: 2, storage }), "LOCKED", /file:/);
  });

  test("options that contradict what is stored are refused", async () => {
    const storage = fresh();
    await (await DeltaVectorDB.connect({ dimensions: 2, storage })).close();
    const other = DeltaVectorDB.connect({ dimensions: 3, storage });
    await refused(other, "INVALID_ARGUMENT", /dimensions/);
  });

  test("readers search a database that was in a storage", async () => {
    const storage = fresh();
    const first = await DeltaVectorDB.connect({ dimensions: 2, storage });
    await first.applyDelta(create("a"));
    await first.close();
    await using db = await DeltaVectorDB.connect({ storage, readers: 1 });
    await db.applyDelta(create("b"));
    const hits = await db.search(Float32Array.of(1, 0), 2);
    assert.deepEqual(hits.map(({ id }) => id).sort(), ["a", "b"]);
    assert.equal(db.readers, 1);
  });

  test("the caller's clock gives deltas their time", async () => {
    const storage = fresh();
    await using db = await DeltaVectorDB.connect({ dimensions: 2, storage, now: () => 12_345 });
    await db.applyDelta(create("a"));
    const { deltas } = await db.getDeltaChain("a");
    assert.equal(deltas[0].timestamp.getTime(), 12_345);
  });

  test("what a channel brings is kept", async () => {
    const storage = fresh();
    const first = await DeltaVectorDB.connect({ dimensions: 2, storage });
    const channel = await first.channel();
    channel.send(create("a"));
    await channel.flush();
    await first.close();
    await using again = await DeltaVectorDB.connect({ storage });
    assert.equal(await again.has("a"), true);
  });

  test("a face with a signal has the storage's members, too", async () => {
    await using db = await DeltaVectorDB.connect({ dimensions: 2, storage: fresh() });
    const controller = new AbortController();
    const bound = db.with({ signal: controller.signal });
    await bound.flush();
    controller.abort(new Error("enough"));
    await assert.rejects(bound.flush(), /enough/);
    assert.equal(bound.role, "leader");
  });

  for (const [what, options, message] of [
    ["no URL", { storage: 5 as unknown as string }, /option storage/],
    ["a URL of another kind", { storage: "https://x" }, /https:/],
    [
      "a durability that there is not",
      { storage: "memory:x", durability: "some" as never },
      /durability/,
    ],
    ["tabs that there are not", { storage: "memory:x", tabs: "some" as never }, /option tabs/],
    ["tabs of a directory", { storage: "file:x", tabs: "share" as const }, /option tabs/],
  ] as const) {
    test(`${what} is refused`, async () => {
      await refused(DeltaVectorDB.connect(options), "INVALID_ARGUMENT", message);
    });
  }
});

test("each member of a database is known as one that reads, or one that changes something", () => {
  const changes = ["applyDelta", "applyDeltas", "merge", "rollbackTo", "compact", "import"];
  const here = [
    ...["constructor", "options", "close", "addEventListener", "removeEventListener"],
    ...["writable", "readable", "exportStream", "importStream", "getVectorInto", "follow"],
    ...["getVectorView", "getVectorPtr", "getMemory"],
  ];
  const members = Object.getOwnPropertyNames(DeltaVectorDB.prototype);
  assert.deepEqual(
    members.filter((name) => !READS.has(name) && !changes.includes(name) && !here.includes(name)),
    [],
  );
  assert.deepEqual(
    changes.filter((name) => READS.has(name)),
    [],
  );
});
