// Several tabs of one storage, within this process: who leads, what becomes of calls and feeds when the leader goes.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { RemoteDurableDeltaVectorDB } from "../src/remote.ts";
import type { DeltaEvent, VectorDelta } from "../src/types.ts";
import { parts, type Tab, World } from "./support/tabs.ts";

let world = new World();
let opened: RemoteDurableDeltaVectorDB[] = [];

afterEach(async () => {
  for (const tab of world.tabs) {
    tab.kill();
  }
  world = new World();
  opened = [];
});

const create = (vectorId: string, x = 1): VectorDelta => ({
  vectorId,
  operation: { type: "create", vector: Float32Array.of(x, 1) },
});

/** Opens the storage in new tabs, one after the other. */
async function tabs(
  count: number,
  options: Parameters<Tab["open"]>[0] = {},
): Promise<{ readonly tab: Tab; readonly db: RemoteDurableDeltaVectorDB }[]> {
  const all: { tab: Tab; db: RemoteDurableDeltaVectorDB }[] = [];
  for (let i = 0; i < count; i++) {
    const tab = world.tab();
    const db = await tab.open(options);
    opened.push(db);
    all.push({ tab, db });
  }
  return all;
}

async function ids(db: RemoteDurableDeltaVectorDB): Promise<string[]> {
  const all: string[] = [];
  for await (const id of db.ids()) {
    all.push(id);
  }
  return all.sort();
}

/** Checks that a promise is rejected by a DeltaError. */
async function refused(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => assert.fail("nothing was thrown"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof parts.DeltaError, `${error}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
}

/** Waits until something is so. */
async function until(what: () => boolean): Promise<void> {
  while (!what()) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test("the first tab leads, the others follow", async () => {
  const [a, b, c] = await tabs(3);
  assert.deepEqual([a.db.role, b.db.role, c.db.role], ["leader", "follower", "follower"]);
});

test("a follower sees what it writes itself", async () => {
  const [, b] = await tabs(2);
  await b.db.applyDelta(create("a"));
  assert.deepEqual(await b.db.getVector("a"), Float32Array.of(1, 1));
});

test("tabs see what others write", async () => {
  const [a, b, c] = await tabs(3);
  await a.db.applyDelta(create("a"));
  await b.db.applyDelta(create("b"));
  for (const { db } of [a, b, c]) {
    assert.deepEqual(await ids(db), ["a", "b"]);
  }
});

test("a follower's subscribers are told of what the leader writes", async () => {
  const [a, b] = await tabs(2);
  const told: string[] = [];
  await b.db.onDelta(({ vectorId }) => told.push(vectorId));
  await a.db.applyDelta(create("a"));
  await until(() => told.length === 1);
  assert.deepEqual(told, ["a"]);
});

test("errors have class, code and index in a follower", async () => {
  const [, b] = await tabs(2);
  const error = await b.db
    .applyDeltas([create("a"), { vectorId: "b", operation: { type: "delete" } }])
    .catch((reason: unknown) => reason);
  assert.ok(error instanceof parts.DeltaError);
  assert.deepEqual([error.code, error.index], ["VECTOR_NOT_FOUND", 1]);
});

test("functions as filters work in a follower", async () => {
  const [a, b] = await tabs(2);
  await a.db.applyDeltas([create("a"), create("b", 2)]);
  const hits = await b.db.search(Float32Array.of(1, 1), 2, { filter: (id) => id === "b" });
  assert.deepEqual(
    hits.map(({ id }) => id),
    ["b"],
  );
});

test("options that a follower leaves out are those of the database", async () => {
  await tabs(1, { metric: "euclidean" });
  const [b] = await tabs(1);
  assert.equal(b.db.options.metric, "euclidean");
});

test("a follower that asks for other dimensions is refused", async () => {
  await tabs(1);
  await refused(world.tab().open({ dimensions: 3 }), "INVALID_ARGUMENT", /dimensions/);
});

test("a leader that closes hands over what is acknowledged", async () => {
  const [a, b] = await tabs(2, { durability: "relaxed" });
  await a.db.applyDelta(create("a"));
  await b.db.applyDelta(create("b"));
  await a.db.close();
  assert.deepEqual(await ids(b.db), ["a", "b"]);
  assert.equal(b.db.role, "leader");
});

test("calls that a follower makes while the leader closes are all carried out, once", async () => {
  const [a, b] = await tabs(2);
  const done = Array.from({ length: 200 }, (_, i) => b.db.applyDelta(create(`v${i}`)));
  const closing = a.db.close();
  const more = Array.from({ length: 50 }, async (_, i) => {
    await new Promise((resolve) => setImmediate(resolve));
    await b.db.applyDelta(create(`w${i}`));
  });
  await Promise.all([...done, ...more, closing]);
  assert.equal(await b.db.size, 250);
  assert.equal(await b.db.position, 250);
});

test("a leader that dies is followed by one that has all that was acknowledged", async () => {
  const [a, b] = await tabs(2);
  await a.db.applyDelta(create("a"));
  await b.db.applyDelta(create("b"));
  a.tab.kill();
  assert.deepEqual(await ids(b.db), ["a", "b"]);
});

test("a call that changes something is rejected if the leader dies meanwhile", async () => {
  const [a, b] = await tabs(2);
  const begun = new Promise<void>((resolve) => {
    a.tab.beforeFlush = () => {
      resolve();
      return new Promise(() => {}); // hangs
    };
  });
  const write = b.db.applyDelta(create("a"));
  await begun;
  a.tab.kill();
  await refused(write, "INTERRUPTED", /applyDelta.*not known/);
});

test("a call that was rejected so is not made again", async () => {
  const [a, b] = await tabs(2);
  const begun = new Promise<void>((resolve) => {
    a.tab.beforeFlush = () => {
      resolve();
      return new Promise(() => {});
    };
  });
  const write = b.db.applyDelta(create("a"));
  await begun;
  a.tab.kill();
  await write.catch(() => undefined);
  const size = await b.db.size;
  assert.equal(await b.db.position, size);
  assert.ok(size <= 1);
});

test("a call that only reads is made again if the leader dies meanwhile", async () => {
  const [a, b] = await tabs(2);
  await a.db.applyDelta(create("a"));
  const read = b.db.search(Float32Array.of(1, 1), 1);
  a.tab.kill();
  assert.deepEqual(
    (await read).map(({ id }) => id),
    ["a"],
  );
});

test("a call that is made while the next leader opens the storage waits for it", async () => {
  const [a, b] = await tabs(2);
  let go = (): void => {};
  const opening = new Promise<void>((resolve) => {
    b.tab.beforeFlush = () => {
      resolve();
      return new Promise((open) => {
        go = open;
      });
    };
  });
  a.tab.kill();
  await opening;
  await new Promise((resolve) => setTimeout(resolve, 5)); // until it has heard of itself
  const write = b.db.applyDelta(create("a"));
  b.tab.beforeFlush = undefined;
  go();
  await write;
  assert.equal(await b.db.has("a"), true);
});

test("tabs take over one after the other", async () => {
  const all = await tabs(4);
  for (const [i, { tab }] of all.slice(0, 3).entries()) {
    await all[3].db.applyDelta(create(`v${i}`));
    tab.kill();
    await all[3].db.size; // what would change something would be rejected until it knows of the next leader
  }
  assert.deepEqual(await ids(all[3].db), ["v0", "v1", "v2"]);
  assert.equal(all[3].db.role, "leader");
});

test("the storage is never open twice", async () => {
  const all = await tabs(4);
  await Promise.all(all.slice(0, 3).map(({ db }) => db.close()));
  await all[3].db.applyDelta(create("a"));
  assert.equal(world.most, 1);
});

test("a subscription goes on at the next leader: nothing is missed, nothing told twice", async () => {
  const [a, b, c] = await tabs(3);
  const told: string[] = [];
  await c.db.onDelta(({ vectorId }) => told.push(vectorId));
  await a.db.applyDelta(create("a"));
  await until(() => told.length === 1);
  a.tab.kill();
  await b.db.size;
  await b.db.applyDelta(create("b"));
  await until(() => told.length === 2);
  assert.deepEqual(told, ["a", "b"]);
});

test("an iterator over deltas goes on at the next leader", async () => {
  const [a, b] = await tabs(2);
  const feed = b.db.deltas({ since: 0 });
  await a.db.applyDeltas([create("a"), create("b")]);
  const told: (DeltaEvent | undefined)[] = [];
  for (let i = 0; i < 2; i++) {
    told.push((await feed.next()).value);
  }
  const next = feed.next();
  a.tab.kill();
  await b.db.size;
  await b.db.applyDelta(create("c"));
  told.push((await next).value);
  await feed.return?.();
  assert.deepEqual(
    told.map((event) => event?.vectorId),
    ["a", "b", "c"],
  );
});

test("a subscriber that was told of what is lost with the leader learns it by onError", async () => {
  const [a] = await tabs(1, { durability: "relaxed", flushMs: 2000 });
  const errors: unknown[] = [];
  const [b] = await tabs(1, { onError: (error) => errors.push(error) });
  const told: string[] = [];
  await b.db.onDelta(({ vectorId }) => told.push(vectorId));
  await a.db.applyDelta(create("a"));
  await until(() => told.length === 1);
  a.tab.kill();
  await until(() => errors.length === 1);
  assert.ok(errors[0] instanceof parts.DeltaError);
  assert.equal(errors[0].code, "INTERRUPTED");
});

test("ids that are gone over when the leader dies cannot be gone on with, and that is told", async () => {
  const [a, b] = await tabs(2);
  await a.db.applyDeltas(Array.from({ length: 300 }, (_, i) => create(`v${i}`)));
  const all = b.db.ids();
  await all.next();
  a.tab.kill();
  await refused(
    (async () => {
      for await (const _ of all) {
        // up to the end of what was here already
      }
    })(),
    "INTERRUPTED",
    /begin anew/,
  );
});

test("an export that was begun at a leader that has died ends with an error", async () => {
  const [a, b] = await tabs(2);
  await a.db.applyDelta(create("a"));
  const reader = b.db.exportStream().getReader();
  await b.db.size; // until it is begun
  a.tab.kill();
  await refused(reader.read(), "INTERRUPTED", /begin anew/);
});

test("an import that is under way when the leader dies changes nothing", async () => {
  const [a, b] = await tabs(2);
  await a.db.applyDelta(create("a"));
  const whole = await b.db.export();
  await a.db.applyDelta(create("b"));
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const importing = b.db.importStream(readable);
  await writer.write(whole.subarray(0, 100));
  a.tab.kill();
  writer.write(whole.subarray(100)).catch(() => undefined);
  writer.close().catch(() => undefined);
  await refused(importing, "INTERRUPTED", /./);
  assert.deepEqual(await ids(b.db), ["a", "b"]);
});

test("what a follower imports is there for all, and kept", async () => {
  const [a, b] = await tabs(2);
  await a.db.applyDelta(create("a"));
  const whole = await b.db.export();
  await a.db.applyDelta(create("b"));
  await b.db.import(whole);
  assert.deepEqual(await ids(a.db), ["a"]);
  a.tab.kill();
  assert.deepEqual(await ids(b.db), ["a"]);
});

test("a tab that follows refuses what changes something", async () => {
  await tabs(1);
  const [b] = await tabs(1, { tabs: "follow" });
  await refused(b.db.applyDelta(create("a")), "INVALID_ARGUMENT", /opened to follow/);
});

test("a tab that follows reads what others write", async () => {
  const [a] = await tabs(1);
  const [b] = await tabs(1, { tabs: "follow" });
  await a.db.applyDelta(create("a"));
  assert.equal(await b.db.has("a"), true);
});

test("a tab that follows takes over, and still refuses changes", async () => {
  const [a] = await tabs(1);
  const [b] = await tabs(1, { tabs: "follow" });
  await a.db.applyDelta(create("a"));
  await a.db.close();
  assert.equal(await b.db.has("a"), true);
  assert.equal(b.db.role, "leader");
  await refused(b.db.compact(), "INVALID_ARGUMENT", /opened to follow/);
});

test("a tab that wants the storage alone is refused while another has it", async () => {
  await tabs(1);
  await refused(world.tab().open({ tabs: "exclusive" }), "LOCKED", /open in another tab/);
});

test("a tab that has the storage alone lets nobody work through it", async () => {
  await tabs(1, { tabs: "exclusive" });
  await refused(world.tab().open(), "LOCKED", /for itself alone/);
});

test("a follower that wants its writes on disk gets that from a relaxed leader", async () => {
  const [a] = await tabs(1, { durability: "relaxed", flushMs: 2000 });
  const [b] = await tabs(1, { durability: "strict" });
  await b.db.applyDelta(create("a"));
  a.tab.kill();
  assert.equal(await b.db.has("a"), true);
});

test("flush in a follower has the leader's changes on disk", async () => {
  const [a, b] = await tabs(2, { durability: "relaxed", flushMs: 2000 });
  await a.db.applyDelta(create("a"));
  await b.db.flush();
  a.tab.kill();
  assert.equal(await b.db.has("a"), true);
});

test("a channel cannot reach another tab, and that is told", async () => {
  const [, b] = await tabs(2);
  await refused(b.db.channel(), "UNSUPPORTED_PLATFORM", /applyDeltas/);
});

test("a follower that closes leaves the leader as it is", async () => {
  const [a, b] = await tabs(2);
  await b.db.close();
  await a.db.applyDelta(create("a"));
  assert.equal(await a.db.size, 1);
  await refused(b.db.size, "CLOSED", /closed/);
});

test("what a follower has left behind goes when it dies", async () => {
  const [a, b] = await tabs(2);
  await b.db.onDelta(() => undefined);
  const wires = world.wires.size;
  b.tab.kill();
  await until(() => [...world.wires].filter(({ tab }) => tab === a.tab).length === 2);
  assert.ok(world.wires.size < wires);
});

test("a tab that cannot open the storage lets the next one lead", async () => {
  const [a, b, c] = await tabs(3);
  b.tab.beforeFlush = () => Promise.reject(new Error("the disk is gone"));
  a.tab.kill();
  assert.equal(await c.db.size, 0);
  assert.equal(c.db.role, "leader");
});

test("a tab that cannot open the storage says so to those who call it", async () => {
  const [a, b] = await tabs(2);
  b.tab.beforeFlush = () => Promise.reject(new Error("the disk is gone"));
  a.tab.kill();
  await refused(b.db.size, "CLOSED", /could not be opened again.*the disk is gone/);
});

test("opening can be given up while nobody answers", async () => {
  const [a] = await tabs(1);
  a.tab.alive = false; // frozen: it has its lock, and says nothing
  const opening = world.tab().open({ signal: AbortSignal.timeout(20) });
  await assert.rejects(opening, { name: "TimeoutError" });
});
