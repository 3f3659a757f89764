// Databases in workers: what the behaviour suite, which runs through them as well, does not ask for.
import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { after, describe, test } from "node:test";
import { inspect } from "node:util";
import { MessageChannel as NodeChannel, Worker } from "node:worker_threads";
import {
  type ConnectOptions,
  DeltaError,
  DeltaVectorDB,
  init,
  type RemoteDeltaVectorDB,
  type VectorDelta,
} from "deltavec";
import fc from "fast-check";
import { LOCAL_ONLY } from "../src/remote.ts";
import { RemoteConsumer } from "../src/ring.ts";
import { inFreshProcess } from "./support/process.ts";

const script = new URL(import.meta.resolve("deltavec/worker"));
const vector = Float32Array.of(1, 2, 3);
const create = (vectorId: string): VectorDelta => ({
  vectorId,
  operation: { type: "create", vector },
});

const opened: RemoteDeltaVectorDB[] = [];
after(() => Promise.all(opened.map((db) => db.close())));

async function open(options: ConnectOptions = {}): Promise<RemoteDeltaVectorDB> {
  const db = await DeltaVectorDB.connect({ dimensions: 3, ...options });
  opened.push(db);
  return db;
}

/** A worker that runs deltavec, and then some text of ours, as a module. */
function workerWith(text: string): Worker {
  const code = `import ${JSON.stringify(script.href)};\n${text}`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
}

/** Checks that a promise is rejected by a DeltaError. */
async function refused(
  promise: Promise<unknown>,
  code: string,
  message: RegExp,
): Promise<DeltaError> {
  const error = await promise.then(
    () => assert.fail("nothing was thrown"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DeltaError, `${error}`);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return error;
}

describe("opening", () => {
  test("init need not be called before, and is done afterwards", async () => {
    const result = await inFreshProcess(`
      import { DeltaVectorDB } from "deltavec";
      const remote = await DeltaVectorDB.connect({ dimensions: 2 });
      const local = new DeltaVectorDB({ dimensions: 2 });
      report([await remote.size, local.size]);
      await remote.close();`);
    assert.deepEqual(result, [0, 0]);
  });

  test("a module that was loaded here is used there: nothing is compiled twice", async () => {
    const result = await inFreshProcess(`
      import { DeltaVectorDB, init } from "deltavec";
      await init();
      const posted = [];
      const remote = await DeltaVectorDB.connect({
        dimensions: 2,
        worker: () => {
          const { Worker } = process.getBuiltinModule("node:worker_threads");
          const url = new URL(import.meta.resolve("deltavec/worker"));
          const worker = new Worker(url, { execArgv: [] });
          const { postMessage } = worker;
          worker.postMessage = (message, transfer) => {
            posted.push(message.module instanceof WebAssembly.Module);
            postMessage.call(worker, message, transfer);
          };
          return worker;
        },
      });
      report([posted, await remote.size]);
      await remote.close();`);
    assert.deepEqual(result, [[true], 0]);
  });

  test("deltavec/slim opens databases in workers, too, without loading anything itself", async () => {
    const result = await inFreshProcess(`
      import { DeltaVectorDB } from "deltavec/slim";
      const { compile } = WebAssembly;
      let compiled = 0;
      WebAssembly.compile = (bytes) => { compiled++; return compile(bytes); };
      const remote = await DeltaVectorDB.connect({ dimensions: 2 });
      report([await remote.size, compiled]);
      await remote.close();`);
    assert.deepEqual(result, [0, 0]);
  });

  test("the options are known here, defaults filled in", async () => {
    const { options } = await open({ replicaId: "0123456789AB", metric: "dot" });
    assert.equal(options.dimensions, 3);
    assert.equal(options.metric, "dot");
    assert.equal(options.replicaId, "0123456789ab");
    assert.equal(options.hnswM, 16);
  });

  for (const [what, start] of [
    ["a worker", () => new Worker(script)],
    ["a function that makes one", () => () => new Worker(script)],
    ["the URL of its script", () => script],
    ["the URL of its script as text", () => script.href],
  ] as const) {
    test(`option worker may be ${what}`, async () => {
      const db = await open({ worker: start() });
      assert.equal(await db.size, 0);
    });
  }

  for (const [name, options, message] of [
    ["a worker that is none", { worker: 7 }, /option worker.*7/],
    ["no worker", { worker: false }, /option worker.*false/],
    ["a name that is none", { name: 7 }, /option name.*7/],
    ["an option out of its range", { hnswM: 1 }, /hnswM/],
  ] as const) {
    test(`refused: ${name}`, async () => {
      await refused(
        DeltaVectorDB.connect(options as unknown as ConnectOptions),
        "INVALID_ARGUMENT",
        message,
      );
    });
  }

  for (const [what, worker] of [
    ["is not there", new URL("nowhere.js", import.meta.url)],
    ["is no URL", "nowhere"],
  ] as const) {
    test(`a script that ${what} is refused, and it is said what to do`, async () => {
      await refused(
        DeltaVectorDB.connect({ worker }),
        "INVALID_ARGUMENT",
        /the script ".*nowhere.*deltavec\/worker.*option worker/,
      );
    });
  }

  test("a worker that dies while it begins is refused", async () => {
    const worker = new Worker("process.exit(3)", { eval: true });
    await refused(DeltaVectorDB.connect({ worker, name: "mine" }), "CLOSED", /"mine".*died.*3/);
  });

  test("a worker of another release is refused", async () => {
    const worker = new Worker(script);
    const { postMessage } = worker;
    worker.postMessage = (message, transfer) =>
      postMessage.call(worker, { ...message, deltavec: 999 }, transfer as never);
    await refused(DeltaVectorDB.connect({ worker }), "UNSUPPORTED_VERSION", /another release/);
  });

  test("one worker can hold many databases", async () => {
    const worker = new Worker(script);
    const shared = {
      postMessage: (message: unknown, transfer: never[]) => worker.postMessage(message, transfer),
      terminate() {},
    };
    const [one, two] = await Promise.all([open({ worker: shared }), open({ worker: shared })]);
    await one.applyDelta(create("a"));
    await one.close();
    assert.equal(await two.size, 0);
    await two.close();
    await worker.terminate();
  });

  test("databases can be opened within a worker", async () => {
    const worker = workerWith(`
      import { parentPort } from "node:worker_threads";
      import { DeltaVectorDB } from ${JSON.stringify(import.meta.resolve("deltavec"))};
      const db = await DeltaVectorDB.connect({ dimensions: 1 });
      await db.applyDelta({ vectorId: "a", operation: { type: "create", vector: Float32Array.of(1) } });
      parentPort.postMessage(await db.size);
      await db.close();`);
    const size = await new Promise((resolve, reject) => {
      worker.on("message", resolve).on("error", reject);
    });
    assert.equal(size, 1);
    await worker.terminate();
  });
});

describe("the face", () => {
  test("has all that a database has, but what is about its memory", async () => {
    const db = await open();
    const names = Object.getOwnPropertyNames(DeltaVectorDB.prototype);
    const there = Object.getOwnPropertyNames(Object.getPrototypeOf(db));
    const missing = names.filter((name) => !there.includes(name));
    assert.deepEqual(
      missing.sort(),
      names.filter((name) => (LOCAL_ONLY as readonly string[]).includes(name)).sort(),
    );
    assert.deepEqual(there.filter((name) => !names.includes(name)).sort(), [
      "channel",
      "channelHandle",
      "readers",
      "with",
    ]);
  });

  test("is no promise, and is shown as what it is", async () => {
    const db = await open({ name: "mine" });
    assert.equal("then" in db, false);
    assert.equal(String(db), "[object RemoteDeltaVectorDB]");
    assert.match(
      inspect(db),
      /^RemoteDeltaVectorDB \{\s+name: 'mine',\s+state: 'open',\s+inFlight: 0/,
    );
    const closing = db.close();
    assert.match(inspect(db), /closing/);
    await closing;
    assert.match(inspect(db), /closed/);
  });

  test("what a database in a worker has not is refused there, too", async () => {
    const { worker, port } = await raw();
    for (const method of ["getVectorView", "constructor", "connect", "__proto__", "#nothing"]) {
      const [kind, id] = await port.ask(method, ["a"]);
      assert.deepEqual([kind, id], [1, 1], method);
    }
    port.close();
    await worker.terminate();
  });
});

describe("calls", () => {
  test("are carried out in the order in which they were made", async () => {
    const db = await open();
    const answers = await Promise.all([
      db.size,
      db.applyDelta(create("a")),
      db.size,
      db.applyDeltas([create("b"), create("c")]),
      db.search(vector, 9, { exact: true }),
      db.has("c"),
      db.applyDelta({ vectorId: "c", operation: { type: "delete" } }),
      db.has("c"),
    ]);
    assert.deepEqual([answers[0], answers[2], answers[5], answers[7]], [0, 1, true, false]);
    assert.equal(answers[4].length, 3);
  });

  test("take their arguments as they are at the time, and leave them as they are", async () => {
    const db = await open();
    const mine = Float32Array.of(4, 5, 6);
    const time = new Date();
    const answers = [
      db.applyDelta({ vectorId: "a", operation: { type: "create", vector: mine } }),
      db.search(mine, 1),
      db.searchBatch([mine, mine], 1),
      db.searchBatch(mine, 1),
      db.searchAt(mine, 1, time),
      db.search(mine, 1, { filter: () => true }),
    ] as const;
    mine.fill(-1);
    time.setTime(0);
    const [, one, two, three, past, filtered] = await Promise.all(answers);
    assert.equal(mine.length, 3);
    assert.deepEqual(await db.getVector("a"), Float32Array.of(4, 5, 6));
    for (const hits of [one, ...two, ...three, past, filtered]) {
      assert.ok(
        hits.every(({ score }) => score > 0.999),
        inspect(hits),
      );
    }
  });

  test("send of a view on a large array no more than it shows", async () => {
    const db = await open();
    const all = new Float32Array(2 ** 26);
    const before = process.memoryUsage().arrayBuffers;
    const calls = Array.from({ length: 20 }, (_, i) => db.search(all.subarray(i, i + 3), 1));
    assert.ok(process.memoryUsage().arrayBuffers - before < all.byteLength);
    await Promise.all(calls);
  });

  test("give errors of the same class, code, message and index", async () => {
    await init();
    const db = await open();
    using local = new DeltaVectorDB({ dimensions: 3 });
    const wrong = [create("a"), { vectorId: "b", operation: { type: "delete" } }] as VectorDelta[];
    const calls: ((face: RemoteDeltaVectorDB | DeltaVectorDB) => unknown)[] = [
      (face) => face.applyDelta(wrong[1]),
      (face) => face.applyDeltas(wrong),
      (face) => face.applyDeltas([create("a"), {} as VectorDelta]),
      (face) => face.search(Float32Array.of(1), 1),
      (face) => face.searchBatch([vector, Float32Array.of(1)], 1),
      (face) => face.getVector(""),
      (face) => face.merge(Uint8Array.of(1, 2, 3)),
      (face) => face.search(vector, 1, { filter: { and: [() => true] } as never }),
    ];
    for (const call of calls) {
      let expected: unknown;
      try {
        call(local);
      } catch (error) {
        expected = error;
      }
      assert.ok(expected instanceof DeltaError);
      const { code, message, index } = expected;
      const error = await refused(Promise.resolve(call(db)), code, /./);
      assert.deepEqual([error.message, error.index], [message, index]);
      assert.equal("index" in error, "index" in expected);
    }
  });

  test("with arguments that cannot be posted are refused, and those beside them are not", async () => {
    const db = await open();
    const before = db.applyDelta(create("a"));
    const wrong = db.getVector((() => {}) as never);
    const after = db.has("a");
    await refused(wrong, "INVALID_ARGUMENT", /cannot be sent to the worker/);
    assert.equal((await before).length, 26);
    assert.equal(await after, true);
  });

  test("let through what a getter of the caller's throws", async () => {
    const db = await open();
    const trouble = new Error("trouble");
    const options = {
      get exact(): boolean {
        throw trouble;
      },
    };
    await assert.rejects(db.search(vector, 1, options), trouble);
    assert.equal(await db.size, 0);
  });

  test("are not made by a delta that is being read", async () => {
    const db = await open();
    let inner: Promise<unknown> | undefined;
    await db.applyDelta({
      vectorId: "a",
      get operation() {
        inner ??= db.applyDelta(create("b"));
        inner.catch(() => undefined);
        return create("a").operation;
      },
    });
    await refused(inner as Promise<unknown>, "INVALID_ARGUMENT", /getter/);
    assert.equal(await db.size, 1);
  });

  test("bring the time along if the caller has a clock", async () => {
    let now = 1_700_000_000_000;
    const db = await open({ now: () => now });
    const first = db.applyDelta(create("a"));
    now += 60_000;
    const second = db.applyDelta(create("b"));
    await Promise.all([first, second]);
    const times = await Promise.all(["a", "b"].map((id) => db.getDeltaChain(id)));
    assert.deepEqual(
      times.map(({ deltas }) => deltas[0].timestamp.getTime()),
      [1_700_000_000_000, 1_700_000_060_000],
    );
  });

  test("can be many", async () => {
    const db = await open();
    const ids = await Promise.all(
      Array.from({ length: 3000 }, (_, i) => db.applyDelta(create(`v${i}`))),
    );
    assert.equal(new Set(ids).size, 3000);
    assert.deepEqual([...ids].sort(), ids);
    assert.equal(await db.size, 3000);
    const listed: string[] = [];
    for await (const id of db.ids()) {
      listed.push(id);
    }
    assert.equal(new Set(listed).size, 3000);
  });
});

describe("signals", () => {
  const LONG = 300;
  /** A database, and a call that keeps its worker busy for a while. */
  const busy = async (): Promise<[RemoteDeltaVectorDB, Promise<unknown>]> => {
    const db = await open({ idleRepair: false });
    const vectors = Array.from({ length: 4000 }, (_, i) => ({
      vectorId: `v${i}`,
      operation: { type: "create" as const, vector: Float32Array.of(i % 61, i % 67, i % 71) },
    }));
    await db.applyDeltas(vectors);
    const queries = new Float32Array(3 * LONG).fill(1);
    return [db, db.searchBatch(queries, 1000, { exact: true })];
  };

  test("reject calls with their reason, at once", async () => {
    const [db, long] = await busy();
    const controller = new AbortController();
    let done = false;
    long.then(() => {
      done = true;
    });
    const call = db.with({ signal: controller.signal }).size;
    const reason = new Error("no more");
    controller.abort(reason);
    await assert.rejects(call, reason);
    assert.equal(done, false);
    await long;
  });

  test("keep calls that were not begun from being carried out", async () => {
    const [db, long] = await busy();
    const controller = new AbortController();
    const bound = db.with({ signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 5)); // posted, and waiting there
    const write = bound.applyDelta(create("never"));
    await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    await assert.rejects(write, { name: "AbortError" });
    await long;
    assert.equal(await db.has("never"), false);
  });

  test("that are aborted already let no call in", async () => {
    const db = await open();
    const bound = db.with({ signal: AbortSignal.abort(new Error("gone")) });
    for (const call of [
      () => bound.size,
      () => bound.applyDelta(create("a")),
      () => bound.search(vector, 1, { filter: () => true }),
      () => bound.ids().next(),
      () => bound.onDelta(() => {}),
      () => bound.channel(),
    ]) {
      await assert.rejects(async () => call(), /gone/);
    }
    assert.equal(await db.size, 0);
  });

  test("are listened to only while calls are in flight", async () => {
    const db = await open();
    const { signal } = new AbortController();
    const bound = db.with({ signal });
    const calls = [bound.size, bound.has("a"), bound.applyDelta(create("a"))];
    assert.equal(getEventListeners(signal, "abort").length, 1);
    await Promise.all(calls);
    assert.equal(getEventListeners(signal, "abort").length, 0);
    const deltas = db.deltas({ signal });
    await deltas.return?.();
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test("add up", async () => {
    const db = await open();
    const [outer, inner] = [new AbortController(), new AbortController()];
    const bound = db.with({ signal: outer.signal }).with({ signal: inner.signal });
    assert.equal(await bound.size, 0);
    outer.abort(new Error("outer"));
    await assert.rejects(bound.size, /outer/);
  });

  test("end a search with a function between two questions", async () => {
    const db = await open();
    await db.applyDeltas(Array.from({ length: 500 }, (_, i) => create(`v${i}`)));
    const controller = new AbortController();
    const bound = db.with({ signal: controller.signal });
    const filter = (): boolean => {
      controller.abort(new Error("enough"));
      return false;
    };
    await assert.rejects(bound.search(vector, 5, { filter }), /enough/);
  });

  test("that are none are refused", async () => {
    const db = await open();
    assert.throws(() => db.with({ signal: {} as AbortSignal }), { code: "INVALID_ARGUMENT" });
  });
});

describe("closing", () => {
  test("lets calls made before come to their end, and no other in", async () => {
    const db = await open();
    const before = db.applyDelta(create("a"));
    const closing = db.close();
    await refused(db.size, "CLOSED", /the database is closed/);
    assert.equal((await before).length, 26);
    await closing;
    assert.equal(db.close(), closing);
    await refused(db.size, "CLOSED", /the database is closed/);
  });

  test("lets a search with a function, which is many calls, come to its end", async () => {
    const db = await open();
    await db.applyDeltas(Array.from({ length: 100 }, (_, i) => create(`v${i}`)));
    const found = db.search(vector, 5, { filter: (id) => id === "v99" });
    const closing = db.close();
    assert.deepEqual(
      (await found).map(({ id }) => id),
      ["v99"],
    );
    await closing;
  });

  test("happens at the end of await using, and ends the worker", async () => {
    const worker = new Worker(script);
    const exit = new Promise((resolve) => {
      worker.on("exit", resolve);
    });
    {
      await using db = await DeltaVectorDB.connect({ dimensions: 1, worker });
      await db.size;
    }
    await exit;
  });

  test("is not needed for the process to end, which calls in flight keep alive", async () => {
    const result = await inFreshProcess(`
      import { DeltaVectorDB } from "deltavec";
      const db = await DeltaVectorDB.connect({ dimensions: 1 });
      await db.onDelta(() => {});
      const queries = new Float32Array(1000);
      await db.applyDelta({ vectorId: "a", operation: { type: "create", vector: Float32Array.of(1) } });
      db.searchBatch(queries, 1).then((hits) => report(hits.length));`);
    assert.equal(result, 1000);
  });

  for (const [what, text] of [
    ["while a call is in flight", "process.exit(7)"],
    ["before it has opened the database", "0"],
  ] as const) {
    test(`the process does not end before it is told that a worker has ended ${what}`, async () => {
      const use = text === "0" ? "" : `import "${script.href}";`;
      const code = `${use} setTimeout(() => { ${text} }, 300)`;
      const result = await inFreshProcess(`
        import { DeltaVectorDB } from "deltavec";
        const worker = new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(code)}));
        try {
          const db = await DeltaVectorDB.connect({ dimensions: 1, worker });
          await db.deltas().next();
        } catch (error) {
          report(error.code);
        }`);
      assert.equal(result, "CLOSED");
    });
  }
});

describe("a worker that dies", () => {
  const LIVES: [string, string, RegExp][] = [
    ["ends itself", "process.exit(7)", /exit code 7/],
    ["throws", "throw new TypeError('trouble')", /trouble/],
    ["rejects", "Promise.reject(new Error('broken promise'))", /broken promise/],
  ];
  for (const [what, text, why] of LIVES) {
    test(`as it ${what} rejects what is in flight, and all calls to come`, async () => {
      const worker = workerWith(
        `import { parentPort } from "node:worker_threads";
         parentPort.on("message", (message) => { if (message === "die") { ${text} } });`,
      );
      const db = await open({ worker, name: "mortal" });
      worker.postMessage("die");
      const deltas = db.deltas();
      const calls = [db.size, deltas.next(), db.search(vector, 1, { filter: () => true })];
      await Promise.all(calls.map((call) => Promise.resolve(call).catch(() => undefined)));
      const waiting = db.deltas().next();
      const error = await refused(waiting, "CLOSED", why);
      assert.match(error.message, /worker "mortal" of the database has died/);
      await refused(db.size, "CLOSED", why);
      await refused(db.applyDelta(create("a")), "CLOSED", why);
      assert.match(inspect(db), /dead/);
      await db.close();
    });
  }

  test("as it is terminated rejects what waits", async () => {
    const worker = new Worker(script);
    const db = await open({ worker });
    const channel = await db.channel();
    const waiting = db.deltas().next();
    await db.size;
    await worker.terminate();
    await refused(waiting, "CLOSED", /has died/);
    assert.throws(() => channel.send(create("a")), { code: "CLOSED" });
    await db.close();
  });

  test("tells the error it died of as cause", async () => {
    const worker = workerWith(
      `import { parentPort } from "node:worker_threads";
       parentPort.on("message", (m) => { if (m === "die") { throw new RangeError("far"); } });`,
    );
    const db = await open({ worker });
    worker.postMessage("die");
    const error = await refused(db.deltas().next(), "CLOSED", /far/);
    assert.ok(error.cause instanceof RangeError);
  });
});

/** A port to a database, without the face. */
async function raw(): Promise<{ worker: Worker; port: Raw }> {
  await init();
  const db = await open();
  const worker = new Worker(script);
  const { port1, port2 } = new NodeChannel();
  const port = new Raw(port1);
  const { options } = db;
  worker.postMessage({ deltavec: 1, port: port2, options, clock: false, shared: false }, [port2]);
  assert.equal((await port.next())[0], 0);
  return { worker, port };
}

class Raw {
  readonly #port: NodeChannel["port1"];
  readonly #answers: unknown[][] = [];
  #wake = (): void => {};

  constructor(port: NodeChannel["port1"]) {
    this.#port = port;
    port.on("message", (answers: unknown[][]) => {
      this.#answers.push(...answers);
      this.#wake();
    });
    port.unref();
  }

  post(message: unknown): void {
    this.#port.postMessage(message);
  }

  async next(): Promise<unknown[]> {
    while (this.#answers.length === 0) {
      this.#port.ref();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#port.unref();
    }
    return this.#answers.shift() as unknown[];
  }

  ask(method: string, args: unknown[], id = 1): Promise<unknown[]> {
    this.post({ calls: [[id, method, args]] });
    return this.next();
  }

  close(): void {
    this.#port.close();
  }
}

describe("hostile messages", () => {
  test("are answered by errors, and the database goes on", async () => {
    const { worker, port } = await raw();
    const anything = fc.anything({ withTypedArray: true, withMap: true, maxDepth: 2 });
    const METHODS = [
      ...Object.getOwnPropertyNames(DeltaVectorDB.prototype).filter((name) => name !== "close"),
      ...["#cancel", "#next", "#frames", "#candidates", "#channel", "onDelta"],
    ];
    const message = fc.oneof(
      anything,
      fc.record({ calls: anything, frames: anything }),
      fc.record({
        calls: fc.array(
          fc.oneof(
            anything,
            fc.tuple(fc.nat(5), fc.constantFrom(...METHODS), fc.array(anything, { maxLength: 6 })),
          ),
        ),
        frames: fc.oneof(
          fc.constant(undefined),
          fc.uint8Array().map((bytes) => bytes.buffer.slice(0)),
        ),
      }),
    );
    await fc.assert(
      fc.asyncProperty(message, async (given) => {
        worker.postMessage(given); // to where only openings come
        port.post(given);
        port.post({ calls: [[777, "has", ["a"]]] });
        for (let answer = await port.next(); ; answer = await port.next()) {
          if (answer[1] === 777) {
            assert.equal(typeof answer[2], "boolean");
            return;
          }
        }
      }),
      { numRuns: 300 },
    );
    port.close();
    await worker.terminate();
  });

  test("with frames that are none are refused, and nothing is applied", async () => {
    const { worker, port } = await raw();
    for (const args of [
      [0, 9, 1, true],
      [0, 1e9, 1, true],
      [-1, 2, 1, true],
      [0, 8, 2 ** 32 + 1, false],
      [0, 8, 0, false],
      ["0", 8, 1, true],
      [],
    ]) {
      port.post({ calls: [[5, "#frames", args]], frames: new ArrayBuffer(16) });
      assert.equal((await port.next())[0], 1);
    }
    assert.deepEqual(await port.ask("position", []), [0, 1, 0]);
    port.close();
    await worker.terminate();
  });
});

describe("channels", () => {
  for (const shared of [true, false]) {
    test(`bring deltas to the database, ${shared ? "by shared memory" : "by messages"}`, async () => {
      const db = await open();
      const seen: string[] = [];
      await db.onDelta(({ vectorId }) => seen.push(vectorId));
      await using channel = await db.channel({ shared });
      for (let i = 0; i < 100; i++) {
        assert.equal(channel.send(create(`v${i}`)), true);
      }
      const { applied } = await channel.flush();
      assert.deepEqual([applied, await db.size, seen.length], [100, 100, 100]);
    });
  }

  test("skip what is refused, if so told", async () => {
    const db = await open();
    const channel = await db.channel({ onError: "skip" });
    channel.send(create("a"));
    channel.send(create("a"));
    channel.send(create("b"));
    const { applied, skippedCount } = await channel.close();
    assert.deepEqual([applied, skippedCount, await db.size], [2, 1, 2]);
  });

  test("may be handed to another worker", async () => {
    const db = await open();
    const handle = await db.channelHandle();
    const worker = new Worker(
      new URL(
        `data:text/javascript,${encodeURIComponent(`
          import { DeltaChannel } from ${JSON.stringify(import.meta.resolve("deltavec/channel"))};
          import { parentPort, workerData } from "node:worker_threads";
          const channel = new DeltaChannel(workerData);
          channel.send({ vectorId: "far", operation: { type: "create", vector: Float32Array.of(1, 2, 3) } });
          parentPort.postMessage(await channel.close());`)}`,
      ),
      { workerData: handle, transferList: [handle.port as never] },
    );
    await new Promise((resolve, reject) => {
      worker.on("message", resolve).on("error", reject);
    });
    assert.equal(await db.has("far"), true);
    await worker.terminate();
  });

  test("in other threads learn from their ring that the worker has died", async () => {
    const worker = new Worker(script);
    const db = await open({ worker });
    const { ring, port } = await db.channelHandle();
    assert.ok(ring);
    const consumer = new RemoteConsumer(ring);
    assert.equal(consumer.over, false);
    await worker.terminate();
    await assert.rejects(async () => db.has("a"), { code: "CLOSED" });
    assert.equal(consumer.over, true);
    port.close();
  });

  test("are refused where something is wrong with them", async () => {
    const db = await open();
    await refused(db.channel({ capacity: 5 }), "INVALID_ARGUMENT", /capacity/);
    await refused(db.channel({ onError: "never" as never }), "INVALID_ARGUMENT", /onError.*never/);
  });

  test("end with the database", async () => {
    const db = await open();
    const channel = await db.channel();
    await db.close();
    await assert.rejects(
      async () => {
        channel.send(create("a"));
        await channel.flush();
      },
      { code: "CLOSED" },
    );
  });
});

test("opening can be given up, also where the script never answers", async () => {
  const silent = new Worker(new URL("data:text/javascript,setInterval(() => {}, 1000)"));
  const ended = once(silent, "exit");
  const controller = new AbortController();
  const opening = DeltaVectorDB.connect({ worker: silent as never, signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await assert.rejects(opening, /enough/);
  await ended;
});

test("opening does not begin with a signal that is aborted, or is none", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(DeltaVectorDB.connect({ signal }), /enough/);
  await assert.rejects(DeltaVectorDB.connect({ signal: 5 as never }), { code: "INVALID_ARGUMENT" });
});
