// Searches by readers, in workers of their own, on the memory that the database's worker writes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Worker } from "node:worker_threads";
import { DeltaVectorDB, init, type RemoteDeltaVectorDB, type VectorDelta } from "deltavec";
import { inFreshProcess } from "./support/process.ts";
import { Random } from "./support/random.ts";

const DIMENSIONS = 24;

const open: RemoteDeltaVectorDB[] = [];

async function connect(
  options: Parameters<typeof DeltaVectorDB.connect>[0] = {},
): Promise<RemoteDeltaVectorDB> {
  const db = await DeltaVectorDB.connect({ dimensions: DIMENSIONS, readers: 2, ...options });
  open.push(db);
  return db;
}

before(() => init());
after(() => Promise.all(open.map((db) => db.close())));

function create(vectorId: string, vector: Float32Array, n = 0): VectorDelta {
  return { vectorId, operation: { type: "create", vector }, metadata: { n } };
}

function creates(random: Random, count: number, dimensions = DIMENSIONS): VectorDelta[] {
  return Array.from({ length: count }, (_, i) =>
    create(`größe-${i}`, random.vector(dimensions), i % 7),
  );
}

test("readers find what the database itself finds", async () => {
  const random = new Random(1);
  const deltas = creates(random, 3000);
  const queries = Array.from({ length: 200 }, () => random.vector(DIMENSIONS));
  for (const options of [
    {},
    { metric: "dot" },
    { quantization: "none" },
    { keepFloats: false },
  ] as const) {
    const db = await connect(options);
    using direct = new DeltaVectorDB({ dimensions: DIMENSIONS, ...options });
    await db.applyDeltas(deltas);
    direct.applyDeltas(deltas);
    assert.deepEqual(await db.searchBatch(queries, 10), direct.searchBatch(queries, 10));
    for (const search of [
      { efSearch: 200 },
      { exact: true },
      { metric: "euclidean" },
      { filter: { field: "n", equals: 3 } },
    ] as const) {
      assert.deepEqual(
        await db.search(queries[0], 5, search),
        direct.search(queries[0], 5, search),
        JSON.stringify(search),
      );
    }
  }
});

test("a search sees every write whose call was made before it, without waiting for it", async () => {
  const random = new Random(2);
  const db = await connect();
  for (let i = 0; i < 300; i++) {
    const vector = random.vector(DIMENSIONS);
    const written = db.applyDelta(create(`v${i}`, vector));
    assert.equal((await db.search(vector, 1))[0].id, `v${i}`);
    await written;
  }
});

test("a search takes its arguments as they are at the time of the call", async () => {
  const random = new Random(3);
  const db = await connect();
  const vector = random.vector(DIMENSIONS);
  const query = vector.slice();
  void db.applyDelta(create("a", vector));
  const options: { efSearch?: number; exact?: boolean } = { exact: true };
  const found = db.search(query, 1, options);
  query.fill(0);
  options.efSearch = -1;
  assert.ok((await found)[0].score > 0.999);
});

test("errors are those of the database itself", async () => {
  const db = await connect();
  using direct = new DeltaVectorDB({ dimensions: DIMENSIONS });
  const bad = new Float32Array(DIMENSIONS).fill(Number.NaN);
  const good = new Float32Array(DIMENSIONS).fill(1);
  const calls: ((face: DeltaVectorDB | RemoteDeltaVectorDB) => unknown)[] = [
    (face) => face.search(bad, 1),
    (face) => face.search(good.subarray(1), 1),
    (face) => face.search(good, 0),
    (face) => face.search(good, 1, { efSearch: -1 }),
    (face) => face.search(good, 1, { filter: { field: "x", equals: {} as never } }),
    (face) => face.searchBatch([good, bad], 1),
    (face) => face.searchBatch([good, good.subarray(1)], 1),
    (face) => face.search("query" as never, 1),
  ];
  for (const call of calls) {
    const expected = await Promise.resolve(direct)
      .then(call)
      .catch(({ code, message, index }) =>
        index === undefined ? { code, message } : { code, message, index },
      );
    await assert.rejects(async () => call(db), { name: "DeltaError", ...(expected as object) });
  }
});

test("a function as filter works with readers", async () => {
  const db = await connect();
  await db.applyDeltas(creates(new Random(4), 500));
  const hits = await db.search(new Random(5).vector(DIMENSIONS), 5, {
    filter: (_, metadata) => metadata?.["n"] === 2,
  });
  assert.equal(hits.length, 5);
});

test("readers never see a vector torn, one that is gone, or one that is not there yet", async () => {
  // Every value of a vector is the same whole number: a distance that is none was measured from a mixture.
  const db = await connect({ metric: "euclidean", history: false, readers: 3 });
  const random = new Random(6);
  const versions = new Map<string, Set<number>>();
  const constant = (value: number) => new Float32Array(DIMENSIONS).fill(value);
  const zero = constant(0);
  const gone = new Map<string, number>();
  let time = 0;
  let busy = true;
  let searches = 0;
  const values = (id: string) => versions.get(id) ?? versions.set(id, new Set()).get(id)!;
  for (let i = 0; i < 600; i++) {
    values(`v${i}`).add(i + 1);
  }
  await db.applyDeltas(Array.from({ length: 600 }, (_, i) => create(`v${i}`, constant(i + 1))));
  const search = async (): Promise<void> => {
    while (busy) {
      const since = time;
      const [hits, far] = await Promise.all([
        db.search(zero, 20),
        db.searchBatch([zero, constant(700)], 30, { filter: { field: "n", equals: 0 } }),
      ]);
      searches++;
      for (const { id, score } of [...hits, ...far[0]]) {
        const value = score / Math.sqrt(DIMENSIONS);
        assert.ok(Math.abs(value - Math.round(value)) < 1e-3, `${id} is at ${value}`);
        assert.ok(versions.get(id)?.has(Math.round(value)), `${id} never was at ${value}`);
        assert.ok(!((gone.get(id) ?? Number.POSITIVE_INFINITY) <= since), `${id} is gone`);
      }
    }
  };
  const running = [search(), search(), search()];
  for (let i = 0; i < 3000; i++) {
    const id = `v${random.below(600)}`;
    const value = 1 + random.below(1000);
    if (gone.has(id)) {
      values(id).add(value);
      gone.delete(id);
      await db.applyDelta(create(id, constant(value)));
    } else if (random.below(5) === 0) {
      await db.applyDelta({ vectorId: id, operation: { type: "delete" } });
      gone.set(id, ++time);
    } else {
      values(id).add(value);
      await db.applyDelta({ vectorId: id, operation: { type: "dense", vector: constant(value) } });
    }
    if (i % 100 === 0) {
      const ids = Array.from({ length: 200 }, (_, j) => `more-${i}-${j}`);
      for (const more of ids) {
        values(more).add(2000);
      }
      await db.applyDeltas(ids.map((more) => create(more, constant(2000))));
    }
  }
  busy = false;
  await Promise.all(running);
  assert.ok(searches > 20, `${searches} searches`);
  assert.equal((await db.checkIndex()).ok, true);
});

test("a reader whose worker dies is missed by nobody, and does not keep the writer out", async () => {
  const workers: Worker[] = [];
  const script = new URL(import.meta.resolve("deltavec/worker"));
  const db = await connect({
    readers: 2,
    worker: () => {
      const worker = new Worker(script);
      workers.push(worker);
      return worker as never;
    },
  });
  const random = new Random(7);
  await db.applyDeltas(creates(random, 2000));
  assert.equal(db.readers, 2);
  for (let left = 1; left >= 0; left--) {
    const queries = Array.from({ length: 500 }, () => random.vector(DIMENSIONS));
    const found = db.searchBatch(queries, 10);
    await workers[2 - left].terminate();
    assert.equal((await found).length, 500);
    await db.applyDelta(create(`after-${left}`, random.vector(DIMENSIONS)));
    assert.equal(db.readers, left);
    assert.equal((await db.search(random.vector(DIMENSIONS), 3)).length, 3);
  }
});

test("an aborted search rejects at once", async () => {
  const db = await connect();
  await db.applyDeltas(creates(new Random(8), 500));
  const controller = new AbortController();
  const queries = Array.from({ length: 5000 }, () => new Random(9).vector(DIMENSIONS));
  const found = db.with({ signal: controller.signal }).searchBatch(queries, 10);
  controller.abort(new Error("enough"));
  await assert.rejects(found, /enough/);
});

test("closing lets searches made before come to their end, and no other in", async () => {
  const db = await connect();
  await db.applyDeltas(creates(new Random(10), 500));
  const queries = Array.from({ length: 5000 }, () => new Random(11).vector(DIMENSIONS));
  const found = db.searchBatch(queries, 10);
  const one = db.search(queries[0], 10);
  const wrong = db.search(queries[0], 0);
  const closing = db.close();
  await assert.rejects(db.search(queries[0], 1), { code: "CLOSED" });
  await assert.rejects(wrong, { code: "INVALID_ARGUMENT" });
  assert.equal((await found).length, 5000);
  assert.equal((await one).length, 10);
  await closing;
});

test("searches made before the database is closed are carried out, as other calls are", async () => {
  const db = await connect();
  await db.applyDeltas(creates(new Random(10), 500));
  const queries = Array.from({ length: 1000 }, () => new Random(11).vector(DIMENSIONS));
  const found = db.searchBatch(queries, 10);
  const wrong = assert.rejects(db.search(new Float32Array(DIMENSIONS).fill(Number.NaN), 1), {
    code: "NOT_FINITE",
  });
  const size = db.size;
  const closed = db.close();
  await assert.rejects(db.search(queries[0], 1), { code: "CLOSED" });
  assert.equal((await found).length, 1000);
  await wrong;
  assert.equal(await size, 500);
  await closed;
});

/** Writes more than a worker gets done in a moment, without waiting. Returns how many vectors that makes. */
function writeMany(db: RemoteDeltaVectorDB): number {
  const random = new Random(12);
  for (let i = 0; i < 20; i++) {
    void db.applyDeltas(
      Array.from({ length: 100 }, (_, j) => create(`${i}-${j}`, random.vector(DIMENSIONS))),
    );
  }
  return 2000;
}

test("a search sees writes also behind a call that is refused before it is sent", async () => {
  const db = await connect();
  const count = writeMany(db);
  const refused = assert.rejects(db.applyDelta({ vectorId: "" } as VectorDelta));
  assert.equal((await db.search(new Float32Array(DIMENSIONS), 5000)).length, count);
  await refused;
});

test("a search sees writes also behind a call that was aborted", async () => {
  const db = await connect();
  const count = writeMany(db);
  const controller = new AbortController();
  const aborted = assert.rejects(db.with({ signal: controller.signal }).has("0-0"), /enough/);
  controller.abort(new Error("enough"));
  await aborted;
  assert.equal((await db.search(new Float32Array(DIMENSIONS), 5000)).length, count);
});

test("a list of queries with a hole is refused", async () => {
  const db = await connect();
  const queries = [new Float32Array(DIMENSIONS), new Float32Array(DIMENSIONS)];
  queries.length = 3;
  await assert.rejects(db.searchBatch(queries, 1), { code: "INVALID_ARGUMENT", index: 2 });
});

/** A worker that runs some text of ours, and then deltavec, as a module. */
function workerBehind(text: string): Worker {
  const code = `${text}\nawait import(${JSON.stringify(import.meta.resolve("deltavec/worker"))});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
}

/** Options by which the database's worker, or those of readers, run some text of ours first. */
function withText(inReaders: boolean, text: string): Parameters<typeof DeltaVectorDB.connect>[0] {
  let workers = 0;
  return { worker: () => workerBehind(workers++ > 0 === inReaders ? text : "") as never };
}

test("a fault of the database ends searches by readers, too", async () => {
  const fault = `const { Instance } = WebAssembly;
    WebAssembly.Instance = function (module, imports) {
      const { exports } = new Instance(module, imports);
      let calls = 0;
      const dv_apply = (...args) => {
        if (calls++ > 0) throw new WebAssembly.RuntimeError("unreachable");
        return exports.dv_apply(...args);
      };
      return { exports: exports.dv_apply ? { ...exports, dv_apply } : exports };
    };`;
  const db = await connect(withText(false, fault));
  const random = new Random(13);
  await db.applyDeltas(creates(random, 100));
  const fails = { code: "CLOSED", message: /internal fault.*unreachable/ };
  const written = assert.rejects(db.applyDelta(create("a", random.vector(DIMENSIONS))), fails);
  await assert.rejects(db.search(random.vector(DIMENSIONS), 1), fails);
  await written;
  await assert.rejects(db.search(random.vector(DIMENSIONS), 1), fails);
  await db.close();
});

test("a reader that cannot be made refuses to open, with the reason", async () => {
  const fault = `WebAssembly.Instance = function () { throw new RangeError("no more"); };`;
  await assert.rejects(connect(withText(true, fault)), {
    code: "OUT_OF_MEMORY",
    message: /no more/,
  });
});

for (const readers of [-1, 65, 1.5, "2"]) {
  test(`readers: ${JSON.stringify(readers)} is refused`, async () => {
    await assert.rejects(connect({ readers: readers as number }), {
      code: "INVALID_ARGUMENT",
      message: /option readers/,
    });
  });
}

test("readers in a page that is not isolated are refused with what to do", async () => {
  const result = await inFreshProcess(`
    globalThis.crossOriginIsolated = false;
    const { DeltaVectorDB } = await import("deltavec");
    report(await DeltaVectorDB.connect({ readers: 1 }).catch(({ code, message }) => [code, message]));`);
  assert.match(String(result), /^UNSUPPORTED_PLATFORM,.*Cross-Origin-Opener-Policy/);
});

test("a process ends when its database with readers is closed", async () => {
  const result = await inFreshProcess(`
    import { DeltaVectorDB } from "deltavec";
    const db = await DeltaVectorDB.connect({ dimensions: 3, readers: 2 });
    await db.applyDelta({ vectorId: "a", operation: { type: "create", vector: Float32Array.of(1, 2, 3) } });
    const hits = await db.search(Float32Array.of(1, 2, 3), 1);
    await db.close();
    report(hits.length);`);
  assert.equal(result, 1);
});

test("a database whose worker dies while readers start is not opened", async () => {
  let workers = 0;
  const text = ["setTimeout(() => process.exit(7), 300);", "await new Promise(() => {});"];
  const worker = () => workerBehind(text[Math.min(1, workers++)]) as never;
  await assert.rejects(connect({ readers: 1, worker }), { code: "CLOSED", message: /has died/ });
});
