// Following a server: the same for a database on this thread and one in a worker.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import {
  type DeltaError,
  DeltaVectorDB,
  type FollowConflict,
  type FollowProgress,
  type FollowServerOptions,
  init,
  type RemoteDeltaVectorDB,
} from "deltavec";
import { murmur3, shardOf } from "../src/shards.ts";
import { create, offset, until } from "./support/deltas.ts";
import { Gateway } from "./support/gateway.ts";
import { splitStream } from "./support/replica-frames.ts";

before(() => init());

type Database = DeltaVectorDB | RemoteDeltaVectorDB;
const fast: FollowServerOptions = { minDelayMs: 5, maxDelayMs: 40 };

/** What all faces have, for tests. */
interface Door {
  readonly name: string;
  open(options?: object): Promise<Database>;
}

const doors: readonly Door[] = [
  {
    name: "this thread",
    open: async (options) => new DeltaVectorDB({ dimensions: 3, ...options }),
  },
  { name: "a worker", open: (options) => DeltaVectorDB.connect({ dimensions: 3, ...options }) },
];

async function untilSame(gateway: Gateway, ...all: Database[]): Promise<void> {
  for (let left = 1000; ; left--) {
    const digests = await Promise.all(all.map((db) => db.stateDigest()));
    if (digests.every((digest) => digest === gateway.all.stateDigest())) {
      return;
    }
    assert.notEqual(left, 0, "the states never became the same");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Deltas of somebody else. */
function fill(gateway: Gateway, count: number, prefix = "v"): DeltaVectorDB {
  const other = new DeltaVectorDB({ dimensions: 3 });
  for (let i = 0; i < count; i++) {
    const before = other.cursor();
    other.applyDeltas([create(`${prefix}${i}`, i), offset(`${prefix}${i}`, 0.5)]);
    gateway.take(other.deltasSince(before));
  }
  return other;
}

test("the hash of vector ids is MurmurHash3_x86_32", () => {
  const hash = (text: string): number => murmur3(new TextEncoder().encode(text));
  assert.equal(hash(""), 0);
  assert.equal(hash("hello"), 0x248bfa47);
  assert.equal(hash("hello, world"), 0x149bbb7f);
  assert.equal(hash("The quick brown fox jumps over the lazy dog"), 0x2e4ff723);
  assert.equal(shardOf("hello", 64), Math.floor((0x248bfa47 / 2 ** 32) * 64));
  assert.equal(shardOf("hello", 1), 0);
});

for (const { name, open } of doors) {
  const on = (title: string, body: () => Promise<void>): void => {
    test(`${title}: ${name}`, body);
  };

  on("a new follower takes over snapshots, and is live", async () => {
    await using gateway = await Gateway.start();
    fill(gateway, 30);
    const db = await open();
    await using following = await db.follow(gateway.url, fast);
    await following.ready;
    assert.equal(following.status, "live");
    assert.equal(await db.stateDigest(), gateway.all.stateDigest());
    fill(gateway, 5, "w");
    await untilSame(gateway, db);
    await following.close();
    assert.equal(following.status, "closed");
    await db.close();
  });

  on("edits of two followers reach each other", async () => {
    await using gateway = await Gateway.start();
    const [a, b] = [await open(), await open()];
    await using first = await a.follow(gateway.url, fast);
    await using second = await b.follow(gateway.url, { ...fast, transport: "sse" });
    await a.applyDelta(create("one", 1));
    await b.applyDelta(create("two", 2));
    await Promise.all([first.flush(), second.flush()]);
    await untilSame(gateway, a, b);
    assert.equal(await a.size, 2);
    await b.applyDelta(offset("one", 3));
    await second.flush();
    await untilSame(gateway, a, b);
    await a.close();
    await b.close();
  });

  on("edits made before and without a connection are sent when there is one", async () => {
    await using gateway = await Gateway.start();
    gateway.cut = () => "request";
    const db = await open();
    await db.applyDelta(create("before", 1));
    const phases = new Set<string>();
    const onProgress = ({ phase }: FollowProgress): void => void phases.add(phase);
    await using following = await db.follow(gateway.url, { ...fast, onProgress });
    await until(() => following.status === "offline");
    await db.applyDelta(create("without", 2));
    gateway.cut = () => undefined;
    await following.flush();
    assert.equal(gateway.all.size, 2);
    await following.ready;
    assert.ok(phases.has("offline") && phases.has("live"));
    await db.close();
  });

  on("what is posted again as the answer was lost is applied once", async () => {
    await using gateway = await Gateway.start();
    let cuts = 2;
    gateway.cut = (path) => (path === "/deltas" && cuts-- > 0 ? "response" : undefined);
    const db = await open();
    await db.applyDeltas([create("a", 1), offset("a", 1)]);
    await using following = await db.follow(gateway.url, fast);
    await following.flush();
    assert.equal(gateway.size, 6, "the log has them three times");
    await untilSame(gateway, db);
    const fresh = await open();
    await using other = await fresh.follow(gateway.url, fast);
    await other.ready;
    await untilSame(gateway, fresh);
    await db.close();
    await fresh.close();
  });

  on("a follower that was too far behind begins anew, and loses no edit", async () => {
    await using gateway = await Gateway.start();
    const other = fill(gateway, 10);
    const db = await open();
    let following = await db.follow(gateway.url, fast);
    await following.ready;
    await db.applyDelta(create("mine", 1));
    await following.close();
    const before = other.cursor();
    other.applyDelta({ vectorId: "v3", operation: { type: "delete" } });
    gateway.take(other.deltasSince(before));
    gateway.compact();
    await new Promise((resolve) => setTimeout(resolve, 2));
    await db.applyDelta(create("offline", 2));
    following = await db.follow(gateway.url, fast);
    await following.ready;
    await following.flush();
    assert.equal(gateway.all.has("mine"), true);
    assert.equal(gateway.all.has("offline"), true);
    await untilSame(gateway, db);
    assert.equal(await db.has("v3"), false);
    assert.deepEqual(following.conflicts, []);
    await following.close();
    await db.close();
  });

  on("an edit that is too old and never was on its way is made again", async () => {
    await using gateway = await Gateway.start();
    const db = await open();
    await using first = await db.follow(gateway.url, fast);
    await first.ready;
    await first.close();
    await db.applyDeltas([create("a", 1), offset("a", 1)]);
    await new Promise((resolve) => setTimeout(resolve, 2));
    gateway.compact();
    await using following = await db.follow(gateway.url, fast);
    await following.flush();
    await untilSame(gateway, db);
    assert.deepEqual([...gateway.all.getVector("a")!], [2, 2, 3]);
    assert.deepEqual(following.conflicts, []);
    await db.close();
  });

  on("an edit that is too old and may have been taken is told, and not made twice", async () => {
    await using gateway = await Gateway.start();
    const db = await open();
    await using first = await db.follow(gateway.url, fast);
    await first.ready;
    await db.applyDelta(create("a", 1));
    await first.flush();
    gateway.cut = (path) => (path === "/deltas" ? "request" : undefined);
    const posts = gateway.requests.length;
    await db.applyDelta(offset("a", 1));
    await until(() => gateway.requests.slice(posts).length > 1);
    await first.close();
    gateway.compact();
    gateway.cut = () => undefined;
    const conflicts: FollowConflict[] = [];
    await using following = await db.follow(gateway.url, {
      ...fast,
      onError: (_, conflict) => conflict && conflicts.push(conflict),
    });
    await following.ready;
    await following.flush();
    assert.deepEqual(
      conflicts.map(({ reason, vectorId }) => [reason, vectorId]),
      [["TOO_OLD", "a"]],
    );
    assert.deepEqual([...gateway.all.getVector("a")!], [1, 1, 2]);
    await untilSame(gateway, db);
    await db.close();
  });

  on("a vector that the server never heard of goes along, may it be too old", async () => {
    await using gateway = await Gateway.start();
    const db = await open();
    await using first = await db.follow(gateway.url, fast);
    await first.ready;
    gateway.cut = (path) => (path === "/deltas" ? "request" : undefined);
    await db.applyDelta({ ...create("a", 1), metadata: { k: 1 } });
    await db.applyDelta(offset("a", 1));
    await until(() => gateway.requests.filter((each) => each === "POST /deltas").length > 1);
    await first.close();
    gateway.compact();
    gateway.cut = () => undefined;
    await using following = await db.follow(gateway.url, fast);
    await following.ready;
    await following.flush();
    assert.deepEqual([...gateway.all.getVector("a")!], [2, 2, 3]);
    assert.deepEqual(gateway.all.getMetadata("a"), { k: 1 });
    assert.deepEqual(following.conflicts, []);
    await untilSame(gateway, db);
    await db.close();
  });

  on("an edit that was taken without an answer is not told as too old", async () => {
    await using gateway = await Gateway.start();
    const db = await open();
    let following = await db.follow(gateway.url, fast);
    await following.ready;
    gateway.cut = (path) => (path === "/deltas" ? "response" : undefined);
    await db.applyDelta(create("a", 1));
    await until(() => gateway.all.has("a"));
    await following.close();
    gateway.compact();
    gateway.cut = () => undefined;
    following = await db.follow(gateway.url, fast);
    await following.flush();
    await untilSame(gateway, db);
    assert.deepEqual(following.conflicts, []);
    await following.close();
    await db.close();
  });

  on("another epoch is taken over, with edits that were not acknowledged", async () => {
    await using gateway = await Gateway.start();
    fill(gateway, 10);
    const db = await open();
    await using following = await db.follow(gateway.url, fast);
    await following.ready;
    gateway.cut = (path) => (path === "/deltas" ? "request" : undefined);
    gateway.renew("e2");
    await new Promise((resolve) => setTimeout(resolve, 2));
    await db.applyDelta(create("mine", 1));
    await until(() => following.cursor?.startsWith("e2:") === true);
    gateway.cut = () => undefined;
    await following.flush();
    await untilSame(gateway, db);
    assert.equal(gateway.all.has("mine"), true);
    await db.close();
  });

  on("a delta that is refused is told, and the others are sent", async () => {
    await using gateway = await Gateway.start();
    gateway.refuse = ({ vectorId }) =>
      vectorId.startsWith("no") ? { status: 403, code: "FORBIDDEN" } : undefined;
    const db = await open();
    const ids = Array.from({ length: 40 }, (_, i) => (i % 13 === 5 ? `no${i}` : `yes${i}`));
    await db.applyDeltas(ids.map((id) => create(id, 1)));
    const told: [string, string][] = [];
    await using following = await db.follow(gateway.url, {
      ...fast,
      onError: (error, conflict) => told.push([error.code, conflict!.vectorId]),
    });
    await following.flush();
    assert.deepEqual(told, [
      ["REFUSED", "no5"],
      ["REFUSED", "no18"],
      ["REFUSED", "no31"],
    ]);
    assert.deepEqual(
      following.conflicts.map(({ reason }) => reason),
      ["FORBIDDEN", "FORBIDDEN", "FORBIDDEN"],
    );
    assert.equal(gateway.all.size, 37);
    const chain = await db.getDeltaChain("no5");
    assert.equal(following.conflicts[0]!.deltaId, chain.deltas[0]!.deltaId);
    await db.close();
  });

  on("only some vectors are followed, and only their shards asked for", async () => {
    await using gateway = await Gateway.start({ shards: 16 });
    fill(gateway, 30);
    const db = await open();
    await using following = await db.follow(gateway.url, { ...fast, ids: ["v1", "v2"] });
    await following.ready;
    assert.equal(await db.size, 2);
    const asked = gateway.requests.filter((each) => /snapshot$/.test(each));
    assert.equal(asked.length, new Set(["v1", "v2"].map((id) => shardOf(id, 16))).size);
    const wide = await open();
    await using second = await wide.follow(gateway.url, { ...fast, prefix: "v1" });
    await second.ready;
    assert.equal(await wide.size, 11);
    await db.close();
    await wide.close();
  });
}

test("a token that is not taken any more is renewed", async () => {
  await using gateway = await Gateway.start({ token: "t1" });
  let given = 0;
  const token = (): string => `t${++given}`;
  const db = new DeltaVectorDB({ dimensions: 3 });
  const errors: DeltaError[] = [];
  await using following = await db.follow(gateway.url, {
    ...fast,
    token,
    onError: (error) => errors.push(error),
  });
  await following.ready;
  gateway.token = "t2";
  gateway.cutAll();
  db.applyDelta(create("a", 1));
  await following.flush();
  assert.equal(given, 2);
  assert.equal(gateway.all.size, 1);
  db.close();
});

test("a token that is not taken ends a follower that has no other", async () => {
  await using gateway = await Gateway.start({ token: "good" });
  const db = new DeltaVectorDB({ dimensions: 3 });
  const errors: DeltaError[] = [];
  await using following = await db.follow(gateway.url, {
    ...fast,
    token: "bad",
    onError: (error) => errors.push(error),
  });
  await assert.rejects(following.ready, { code: "REFUSED", message: /UNAUTHENTICATED/ });
  assert.equal(following.status, "failed");
  assert.equal(errors.length, 1);
  await assert.rejects(following.flush(), { code: "CLOSED" });
  db.close();
});

for (const [what, options] of [
  ["dimensions", { dimensions: 4 }],
  ["metric", { dimensions: 3, metric: "dot" }],
  ["grid", { dimensions: 3, precision: { grid: 64 } }],
] as const) {
  test(`a server whose ${what} does not fit is refused`, async () => {
    await using gateway = await Gateway.start();
    const db = new DeltaVectorDB(options);
    await using following = await db.follow(gateway.url, { ...fast, onError: () => {} });
    const message = new RegExp(`its ${what} is`);
    await assert.rejects(following.ready, { code: "INVALID_ARGUMENT", message });
    db.close();
  });
}

test("wrong options are refused at once", async () => {
  const db = new DeltaVectorDB({ dimensions: 3 });
  const code = { code: "INVALID_ARGUMENT" };
  for (const options of [
    { token: 1 },
    { transport: "pigeon" },
    { since: "nonsense" },
    { ids: [1] },
    { prefix: "" },
    { ids: Array.from({ length: 2000 }, (_, i) => `id${i}`) },
    { state: {} },
    { onError: 1 },
    { signal: {} },
    { minDelayMs: -1 },
    { token: "two words" },
  ]) {
    await assert.rejects(db.follow("http://127.0.0.1:1", options as never), code);
  }
  await assert.rejects(db.follow("no address"), code);
  await assert.rejects(db.follow("ftp://127.0.0.1"), code);
  const forgetful = new DeltaVectorDB({ dimensions: 3, history: false });
  await assert.rejects(forgetful.follow("http://127.0.0.1:1"), code);
  db.close();
  await assert.rejects(db.follow("http://127.0.0.1:1"), { code: "CLOSED" });
  forgetful.close();
});

test("a signal ends a follower", async () => {
  await using gateway = await Gateway.start();
  const db = new DeltaVectorDB({ dimensions: 3 });
  const controller = new AbortController();
  const following = await db.follow(gateway.url, { ...fast, signal: controller.signal });
  await following.ready;
  controller.abort();
  await following.close();
  assert.equal(following.status, "closed");
  const late = await db.follow(gateway.url, { ...fast, signal: controller.signal });
  await assert.rejects(late.ready, { code: "CLOSED" });
  db.close();
});

test("a frame that cannot be read is passed over, and told", async () => {
  await using gateway = await Gateway.start({ shards: 1 });
  const other = fill(gateway, 3);
  const before = other.cursor();
  other.applyDeltas([create("x", 1), create("y", 1), create("z", 1)]);
  const [x, y, z] = splitStream(other.deltasSince(before));
  const broken = Uint8Array.from(y!.frame);
  broken[broken.length - 1]! ^= 1;
  gateway.append(0, [x!, { ...y!, frame: broken }, z!]);
  const db = new DeltaVectorDB({ dimensions: 3 });
  const errors: DeltaError[] = [];
  await using following = await db.follow(gateway.url, {
    ...fast,
    onError: (error) => errors.push(error),
  });
  await following.ready;
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["CORRUPT_DATA"],
  );
  assert.deepEqual([db.has("x"), db.has("y"), db.has("z")], [true, false, true]);
  gateway.append(0, [{ ...y!, frame: new TextEncoder().encode("nothing of the kind") }]);
  gateway.append(0, [y!]);
  await until(() => db.has("y"));
  assert.equal(errors.length, 2);
  db.close();
});

for (const [what, body] of [
  ["is no JSON", "<html>"],
  ["makes no sense", '{"shards":-1}'],
] as const) {
  test(`a server whose description ${what} is asked again`, async () => {
    await using gateway = await Gateway.start();
    let left = 2;
    gateway.instead = (_, response) => {
      if (left-- > 0) {
        response.end(body);
        return true;
      }
      return false;
    };
    const db = new DeltaVectorDB({ dimensions: 3 });
    const errors: DeltaError[] = [];
    await using following = await db.follow(gateway.url, {
      ...fast,
      onError: (error) => errors.push(error),
    });
    await following.ready;
    assert.deepEqual(
      errors.map(({ code }) => code),
      ["CORRUPT_DATA", "CORRUPT_DATA"],
    );
    db.close();
  });
}

test("a follower goes on from where it was, without another snapshot", async () => {
  await using gateway = await Gateway.start();
  fill(gateway, 20);
  const db = new DeltaVectorDB({ dimensions: 3 });
  const first = await db.follow(gateway.url, fast);
  await first.ready;
  await first.close();
  fill(gateway, 20, "w");
  gateway.requests.length = 0;
  await using second = await db.follow(gateway.url, fast);
  await second.ready;
  assert.equal(gateway.requests.filter((each) => each.includes("snapshot")).length, 0);
  assert.equal(db.stateDigest(), gateway.all.stateDigest());
  db.close();
});

test("a cursor of all shards does for a follower of some", async () => {
  await using gateway = await Gateway.start({ shards: 8 });
  const other = fill(gateway, 10);
  const whole = new DeltaVectorDB({ dimensions: 3 });
  const first = await whole.follow(gateway.url, fast);
  await first.ready;
  const since = first.cursor!;
  await first.close();
  const db = new DeltaVectorDB({ dimensions: 3 });
  const errors: DeltaError[] = [];
  const onError = (error: DeltaError): void => void errors.push(error);
  await using following = await db.follow(gateway.url, { ...fast, since, ids: ["new"], onError });
  await following.ready;
  const before = other.cursor();
  other.applyDeltas([create("v20", 1), create("v21", 1), create("v22", 1), create("new", 1)]);
  gateway.takeEach(other.deltasSince(before));
  await until(() => db.has("new"));
  assert.deepEqual(errors, []);
  assert.equal(following.status, "live");
  whole.close();
  db.close();
});

test("a token may end with a line break, and is in no message", async () => {
  await using gateway = await Gateway.start({ token: "good" });
  const db = new DeltaVectorDB({ dimensions: 3 });
  await using following = await db.follow(gateway.url, { ...fast, token: () => "good\n" });
  await following.ready;
  await following.close();
  const token = (): string => "sec\u0001ret";
  await using wrong = await db.follow(gateway.url, { ...fast, token, onError: () => {} });
  await assert.rejects(wrong.ready, ({ code, message }: DeltaError) => {
    return code === "INVALID_ARGUMENT" && !message.includes("ret");
  });
  db.close();
});

test("a cursor says where to begin", async () => {
  await using gateway = await Gateway.start();
  fill(gateway, 10);
  const db = new DeltaVectorDB({ dimensions: 3 });
  const first = await db.follow(gateway.url, fast);
  await first.ready;
  const since = first.cursor!;
  await first.close();
  const copy = new DeltaVectorDB({ dimensions: 3 });
  copy.import(db.export());
  gateway.requests.length = 0;
  await using second = await copy.follow(gateway.url, { ...fast, since });
  await second.ready;
  assert.equal(gateway.requests.filter((each) => each.includes("snapshot")).length, 0);
  assert.equal(copy.stateDigest(), gateway.all.stateDigest());
  db.close();
  copy.close();
});

test("a database in files keeps where it is, and what was not sent", async () => {
  await using gateway = await Gateway.start();
  fill(gateway, 10);
  const folder = await mkdtemp(join(tmpdir(), "deltavec-follow-"));
  try {
    let db = await DeltaVectorDB.open(`file:${folder}`, { dimensions: 3 });
    let following = await db.follow(gateway.url, fast);
    await following.ready;
    await following.close();
    await db.applyDelta(create("later", 1));
    await db.close();
    gateway.requests.length = 0;
    db = await DeltaVectorDB.open(`file:${folder}`);
    following = await db.follow(gateway.url, fast);
    await following.ready;
    await following.flush();
    assert.equal(gateway.requests.filter((each) => each.includes("snapshot")).length, 0);
    assert.equal(gateway.all.has("later"), true);
    await following.close();
    await db.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

for (const [what, status, body] of [
  ["that the token must not write", 403, '{"code":"FORBIDDEN","message":"no scope"}'],
  ["something by a proxy", 403, "<html>"],
  ["that it is wrong by a proxy", 400, "<html>"],
  ["yes by a proxy", 200, "<html>"],
  ["yes without saying to what", 200, "{}"],
] as const) {
  test(`edits are kept where a post is answered ${what}`, async () => {
    await using gateway = await Gateway.start();
    let answers = 3;
    gateway.instead = ({ method }, response) => {
      if (method !== "POST" || answers-- <= 0) {
        return false;
      }
      response.writeHead(status).end(body);
      return true;
    };
    const db = new DeltaVectorDB({ dimensions: 3 });
    const errors: DeltaError[] = [];
    await using following = await db.follow(gateway.url, {
      ...fast,
      onError: (error) => errors.push(error),
    });
    db.applyDeltas([create("a", 1), create("b", 1)]);
    await following.flush();
    assert.equal(gateway.all.size, 2);
    assert.equal(errors.length, status === 200 ? 0 : 3);
    assert.deepEqual(following.conflicts, []);
    db.close();
  });
}

for (const [status, told] of [
  [503, 1],
  [429, 0],
] as const) {
  test(`what was answered with ${status} has ${told ? "perhaps" : "not"} been taken`, async () => {
    await using gateway = await Gateway.start();
    const db = new DeltaVectorDB({ dimensions: 3 });
    const first = await db.follow(gateway.url, fast);
    db.applyDelta(create("a", 1));
    await first.flush();
    let posts = 0;
    gateway.instead = ({ method }, response) => {
      if (method !== "POST") {
        return false;
      }
      posts++;
      response.writeHead(status, { "retry-after": "1" }).end();
      return true;
    };
    db.applyDelta(offset("a", 1));
    await until(() => posts > 0);
    await new Promise((resolve) => setTimeout(resolve, 50)); // the answer has come
    await first.close();
    gateway.compact();
    gateway.instead = () => false;
    await using following = await db.follow(gateway.url, { ...fast, onError: () => {} });
    await following.ready;
    await following.flush();
    assert.equal(following.conflicts.length, told);
    assert.equal(gateway.all.getVector("a")![0], told ? 1 : 2);
    db.close();
  });
}

test("a follower goes on where something else than the gateway has refused it", async () => {
  await using gateway = await Gateway.start();
  let answers = 3;
  gateway.instead = (_, response) => {
    if (answers-- <= 0) {
      return false;
    }
    response.writeHead(403).end("<html>");
    return true;
  };
  const db = new DeltaVectorDB({ dimensions: 3 });
  await using following = await db.follow(gateway.url, { ...fast, onError: () => {} });
  await following.ready;
  db.close();
});

for (const compacted of [false, true]) {
  const how = compacted ? ", its log compacted" : "";
  test(`a database that is older than the retention loses nothing by its first server${how}`, async () => {
    await using gateway = await Gateway.start();
    gateway.horizon = Date.now() - 30 * 86_400_000;
    const folder = await mkdtemp(join(tmpdir(), "deltavec-follow-"));
    try {
      const db = await DeltaVectorDB.open(`file:${folder}`, { dimensions: 3 });
      const timestamp = new Date(Date.now() - 40 * 86_400_000);
      const ids = Array.from({ length: 20 }, (_, i) => `v${i}`);
      for (const [i, vectorId] of ids.entries()) {
        await db.applyDelta({ ...create(vectorId, i), timestamp, metadata: { i } });
        await db.applyDelta({ ...offset(vectorId, 1), timestamp });
      }
      if (compacted) {
        await db.compact({ before: new Date(timestamp.getTime() + 1) });
      }
      await db.applyDeltas([offset("v3", 1), create("new", 1)]);
      const digest = await db.stateDigest();
      await using following = await db.follow(gateway.url, { ...fast, onError: () => {} });
      await following.ready;
      if (compacted) {
        await following.flush();
        gateway.renew("e2");
      }
      await until(() => gateway.all.size === 21);
      await following.flush();
      assert.equal(await db.stateDigest(), digest);
      assert.equal(gateway.all.stateDigest(), digest);
      await following.close();
      await db.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

test("a follower ends with its database", async () => {
  await using gateway = await Gateway.start();
  const db = new DeltaVectorDB({ dimensions: 3 });
  const following = await db.follow(gateway.url, fast);
  await following.ready;
  db.close();
  fill(gateway, 1);
  await until(() => following.status === "closed");
  await following.close();
});
