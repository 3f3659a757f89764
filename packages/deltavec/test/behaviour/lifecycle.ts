import type { DeltaDBOptions } from "../../src/types.ts";
import { check, fails, same } from "./check.ts";
import { create, dense, offset, remove, scale, sparse } from "./deltas.ts";
import { type Bench, type Face, listed } from "./face.ts";

/** Capacity, digests, statistics, the clock, closing. */
export function lifecycle({ test, open }: Bench, scarce: boolean): void {
  test("maxVectors vectors fit, one more is CAPACITY_EXCEEDED and changes nothing", async () => {
    const db = await open({ dimensions: 2, maxVectors: 5 });
    for (let i = 0; i < 5; i++) {
      await db.applyDelta(create(`v${i}`, i, 1));
    }
    const digest = await db.stateDigest();
    await fails(() => db.applyDelta(create("more", 1, 1)), "CAPACITY_EXCEEDED", /"more".*\b5\b/);
    same(await db.stateDigest(), digest, "digest");
    same(await db.size, 5);
  });

  test("a batch that passes the capacity is refused as a whole", async () => {
    const db = await open({ dimensions: 1, maxVectors: 3 });
    await db.applyDelta(create("v", 1));
    const digest = await db.stateDigest();
    const batch = ["a", "b", "c"].map((id) => create(id, 1));
    await fails(() => db.applyDeltas(batch), "CAPACITY_EXCEEDED", /"c".*\b3\b/, 2);
    same(await db.stateDigest(), digest, "digest");
    same((await db.applyDeltas(batch.slice(0, 2))).length, 2, "number of deltas that fit");
  });

  test("a full database takes changes, and a vector for each that goes", async () => {
    const db = await open({ dimensions: 1, maxVectors: 2 });
    await db.applyDeltas([create("a", 1), create("b", 2)]);
    await db.applyDelta(scale("a", 3));
    for (let i = 0; i < 20; i++) {
      await db.applyDelta(remove("b"));
      await db.applyDelta(create("b", i));
    }
    await db.applyDeltas([remove("a"), create("c", 7)]);
    same((await listed(db)).sort(), ["b", "c"]);
    same((await db.search(Float32Array.of(1), 5)).length, 2, "number of hits");
  });

  test("a batch may turn over the whole of a full database many times", async () => {
    const db = await open({ dimensions: 1, maxVectors: 3 });
    const turn = ["a", "b", "c"].flatMap((id, i) => [create(id, i), remove(id)]);
    await db.applyDeltas(Array.from({ length: 20 }, () => turn).flat());
    same(await db.size, 0);
    await db.applyDeltas(["a", "b", "c"].map((id, i) => create(id, i)));
    same(await db.size, 3);
  });

  test("thousands of vectors that come and go leave nothing behind", async () => {
    const db = await open({ dimensions: 16, history: false });
    const empty = await db.stateDigest();
    let bytes = 0;
    for (let round = 0; round < 6; round++) {
      const ids = Array.from({ length: 1000 }, (_, i) => `v${i}`);
      await db.applyDeltas(
        ids.map((id, i) => ({ ...create(id, ...Array(16).fill(i + 1)), metadata: { i } })),
      );
      await db.applyDeltas(ids.map(remove));
      if (round === 2) {
        bytes = (await db.stats()).memoryBytes;
      }
    }
    same(await db.stateDigest(), empty, "digest");
    same((await db.stats()).memoryBytes, bytes, "memory");
  });

  test("the state digest has 16 digits and follows the state, not its history", async () => {
    const one = await open({ dimensions: 3, replicaId: "000000000001" });
    const two = await open({ dimensions: 3, replicaId: "000000000002", metric: "dot" });
    const empty = await one.stateDigest();
    check(/^[0-9a-f]{16}$/.test(empty), `${empty} is no digest`);
    same(await two.stateDigest(), empty, "digest of another empty database");
    await one.applyDeltas([create("a", 1, 2, 3), create("b", 4, 5, 6)]);
    await two.applyDeltas([create("x", 0, 0, 0), create("b", 4, 4, 6), create("a", 2, 4, 6)]);
    check((await one.stateDigest()) !== (await two.stateDigest()), "different states, one digest");
    await two.applyDelta(scale("a", 0.5));
    await two.applyDelta(sparse("b", 1, 5));
    await two.applyDelta(remove("x"));
    same(await two.stateDigest(), await one.stateDigest(), "digest of the same state");
    await one.applyDeltas([remove("a"), remove("b")]);
    same(await one.stateDigest(), empty, "digest when all is deleted");
  });

  test("the state digest sees ids, single values and the sign of zero", async () => {
    const digests = new Set<string>();
    for (const delta of [
      create("a", 1, 0),
      create("b", 1, 0),
      create("a", 0, 1),
      create("a", 1, -0),
      create("a", 1, 1e-45),
    ]) {
      const db = await open({ dimensions: 2 });
      await db.applyDelta(delta);
      digests.add(await db.stateDigest());
    }
    same(digests.size, 5, "number of digests");
  });

  test("stats counts vectors, deltas and bytes", async () => {
    const db = await open({ dimensions: 20, checkpointInterval: 2 });
    const vector = Array<number>(20).fill(1);
    await db.applyDeltas([create("a", ...vector), create("b", ...vector), scale("a", 2)]);
    await db.applyDelta(remove("b"));
    const stats = await db.stats();
    same(stats.size, 1, "size");
    same(stats.deltas, 4, "deltas");
    check(stats.capacity >= 1, `capacity is ${stats.capacity}`);
    check(stats.stride >= 20 && stats.stride < 40, `stride is ${stats.stride}`);
    check(stats.vectorBytes >= 80, `vectorBytes is ${stats.vectorBytes}`);
    const parts = stats.vectorBytes + stats.graphBytes + stats.textBytes;
    check(parts <= stats.usedBytes, `usedBytes is ${stats.usedBytes}, its parts are ${parts}`);
    check(stats.usedBytes <= stats.memoryBytes, `memoryBytes is ${stats.memoryBytes}`);
    check(stats.mapBytes > 0, `mapBytes is ${stats.mapBytes}`);
    check(Number.isInteger(stats.maxLevel), `maxLevel is ${stats.maxLevel}`);
    same([stats.historyDeltas, stats.checkpoints], [4, 1], "deltas and checkpoints in the log");
    check(stats.checkpointBytes >= 80, `checkpointBytes is ${stats.checkpointBytes}`);
    check(
      stats.historyBytes > stats.checkpointBytes + 160,
      `historyBytes is ${stats.historyBytes}`,
    );
    check(stats.historyBytes <= stats.usedBytes, `usedBytes is ${stats.usedBytes}`);
  });

  test("two databases know nothing of each other", async () => {
    const one = await open({ dimensions: 2 });
    const two = await open({ dimensions: 3 });
    await one.applyDelta(create("a", 1, 2));
    same(await two.has("a"), false);
    await two.applyDelta(create("a", 1, 2, 3));
    await one.close();
    same(await two.getVector("a"), Float32Array.of(1, 2, 3));
  });

  test("without options the defaults hold: 384 dimensions, cosine", async () => {
    const db = await open({});
    const vector = new Float32Array(384).fill(0.5);
    await db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
    const [hit] = await db.search(vector, 1);
    check(Math.abs(hit.score - 1) < 1e-6, `score is ${hit.score}`);
  });

  const smallest: DeltaDBOptions = {
    dimensions: 1,
    maxVectors: 1,
    compression: false,
    checkpointInterval: 1,
    hnswM: 2,
    hnswEfConstruction: 1,
    hnswEfSearch: 1,
    replicaId: "000000000000",
  };
  const largest: DeltaDBOptions = {
    dimensions: 65_536,
    maxVectors: 268_435_456,
    compression: true,
    checkpointInterval: 2_147_483_647,
    hnswM: 64,
    hnswEfConstruction: 10_000,
    hnswEfSearch: 10_000,
    replicaId: "FFFFFFFFFFFF",
  };
  for (const [what, options] of [
    ["smallest", smallest],
    ["largest", largest],
  ] as const) {
    test(`the ${what} value of every option works`, async () => {
      const db = await open(options);
      const vector = new Float32Array(options.dimensions as number).fill(2);
      await db.applyDelta({ vectorId: "a", operation: { type: "create", vector } });
      same((await db.search(vector, 1))[0].id, "a");
    });
  }

  const calls: [string, (db: Face) => unknown][] = [
    ["applyDelta", (db) => db.applyDelta(create("a", 1))],
    ["applyDeltas", (db) => db.applyDeltas([create("a", 1)])],
    ["applyDeltas of nothing", (db) => db.applyDeltas([])],
    ["getVector", (db) => db.getVector("a")],
    ["getMetadata", (db) => db.getMetadata("a")],
    ["has", (db) => db.has("a")],
    ["ids", listed],
    ["size", (db) => db.size],
    ["search", (db) => db.search(Float32Array.of(1), 1)],
    ["search with options", (db) => db.search(Float32Array.of(1), 1, { exact: true })],
    ["searchBatch", (db) => db.searchBatch([Float32Array.of(1)], 1)],
    ["searchBatch of nothing", (db) => db.searchBatch([], 1)],
    ["repair", (db) => db.repair()],
    ["checkIndex", (db) => db.checkIndex()],
    ["stats", (db) => db.stats()],
    ["stateDigest", (db) => db.stateDigest()],
    ["position", (db) => db.position],
    ["getVectorAt", (db) => db.getVectorAt("a", new Date())],
    ["getMetadataAt", (db) => db.getMetadataAt("a", new Date())],
    ["searchAt", (db) => db.searchAt(Float32Array.of(1), 1, new Date())],
    ["getDeltaChain", (db) => db.getDeltaChain("a")],
    ["merge", (db) => db.merge(new Uint8Array(0))],
    ["cursor", (db) => db.cursor()],
    ["deltasSince", (db) => db.deltasSince()],
    ["compact", (db) => db.compact()],
    ["rollbackTo", (db) => db.rollbackTo("a", "0".repeat(26))],
  ];
  for (const [name, call] of calls) {
    test(`${name} after close is CLOSED`, async () => {
      const db = await open({ dimensions: 1 });
      await db.applyDelta(create("a", 1));
      await db.close();
      await fails(async () => call(db), "CLOSED", /closed/);
    });
  }

  test("closing twice is closing", async () => {
    const db = await open({ dimensions: 1 });
    await db.close();
    await db.close();
    await fails(() => db.has("a"), "CLOSED", /closed/);
  });

  test("many databases can be opened and closed, one after the other", async () => {
    for (let i = 0; i < (scarce ? 20 : 150); i++) {
      const db = await open({ dimensions: 4 });
      await db.applyDeltas([create("a", 1, 2, 3, i), dense("a", 0, 0, 0, i), offset("a", 1)]);
      same((await db.getVector("a"))?.[3], i + 1);
      await db.close();
    }
  });
}
