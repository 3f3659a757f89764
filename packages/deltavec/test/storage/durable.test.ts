import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type DeltaError,
  DeltaStreamProcessor,
  DeltaVectorDB,
  type DurableDeltaVectorDB,
  init,
  type VectorDelta,
} from "deltavec";
import { RECORD_BYTES } from "../../src/storage/log.ts";
import { create, offset, story } from "../support/deltas.ts";
import { FaultDisk, type Loss } from "../support/fault-storage.ts";
import { Random } from "../support/random.ts";

/** Set to try every operation. */
const EXHAUSTIVE = process.env["DELTAVEC_EXHAUSTIVE"] !== undefined;

before(() => init());

/** Where the clock of a story's database stands. */
const now = () => 1_700_000_000_000;

/** What a database holds and would do, as far as it can be seen. */
async function seen(db: DurableDeltaVectorDB | DeltaVectorDB): Promise<object> {
  const ids: string[] = [];
  for await (const id of db.ids()) {
    ids.push(id);
  }
  const chains = await Promise.all(ids.sort().map((id) => db.getDeltaChain(id)));
  return {
    digest: await db.stateDigest(),
    position: await db.position,
    chains: chains.map(({ deltas }) => deltas.map(({ deltaId }) => deltaId)),
  };
}

describe("a durable database", () => {
  it("is as it was, whatever changed it", async () => {
    const disk = new FaultDisk();
    const db = await DeltaVectorDB.open(disk.storage(), {
      dimensions: 3,
      now,
    });
    const other = new DeltaVectorDB({ dimensions: 3, now });
    await db.applyDeltas(story(4, 200));
    other.applyDeltas([create("there", 1, 2, 3), offset("there")]);
    await db.merge(other.deltasSince());
    await db.applyDelta(create("rolled", 3, 2, 1));
    const { deltas } = await db.getDeltaChain("rolled");
    await db.applyDelta(offset("rolled"));
    await db.rollbackTo("rolled", deltas[0]!.deltaId);
    await db.compact({ keepLast: 3 });
    await db.compact({ ids: ["there"] });
    await db.compact({ before: new Date(1_700_000_000_050) });
    await db.applyDelta({ ...offset("there"), metadata: { a: 1 } });
    await db.flush();
    const expected = await seen(db);
    disk.cut("drop", new Random(1));
    const again = await DeltaVectorDB.open(disk.storage());
    assert.deepEqual(await seen(again), expected);
    await again.close();
  });

  it("records what comes by streams and writables", async () => {
    const disk = new FaultDisk();
    const db = await DeltaVectorDB.open(disk.storage(), { dimensions: 3, durability: "strict" });
    const writer = db.writable().getWriter();
    await writer.write(create("a", 1));
    await writer.close();
    await new DeltaStreamProcessor(db as never).streamDeltas([create("b", 1), offset("a")]);
    const expected = await seen(db);
    disk.cut("drop", new Random(1));
    const again = await DeltaVectorDB.open(disk.storage());
    assert.deepEqual(await seen(again), expected);
  });

  it("is kept by snapshots and increments, with its history", async () => {
    const disk = new FaultDisk();
    const deltas = story(9, 300);
    let db = await DeltaVectorDB.open(disk.storage(), { dimensions: 3, now });
    for (let i = 0; i < 300; i += 20) {
      await db.applyDeltas(deltas.slice(i, i + 20));
      if (i % 60 === 0) {
        await db.checkpoint();
      }
      if (i === 140) {
        await db.close();
        db = await DeltaVectorDB.open(disk.storage(), { now });
      }
    }
    const names = [...disk.files().keys()].map((name) => name.split("-")[0]);
    assert.ok(names.includes("snapshot") && names.includes("increment"), names.join());
    const expected = await seen(db);
    await db.close();
    const again = await DeltaVectorDB.open(disk.storage());
    assert.deepEqual(await seen(again), expected);
    assert.equal(again.recovery.records, 2);
    assert.equal((await again.checkIndex()).ok, true);
  });

  it("needs no history, nor floats", async () => {
    const disk = new FaultDisk();
    const db = await DeltaVectorDB.open(disk.storage(), { dimensions: 3, keepFloats: false });
    await db.applyDeltas([create("a", 1), create("b", 2)]);
    await db.checkpoint();
    await db.applyDelta(offset("a"));
    const digest = await db.stateDigest();
    await db.close();
    const again = await DeltaVectorDB.open(disk.storage());
    assert.equal(await again.stateDigest(), digest);
    assert.equal(again.options.keepFloats, false);
  });

  it("takes an import as a whole, and what comes behind it", async () => {
    const other = new DeltaVectorDB({ dimensions: 3 });
    other.applyDelta(create("imported", 1));
    const disk = new FaultDisk();
    const db = await DeltaVectorDB.open(disk.storage(), { dimensions: 3 });
    await db.applyDelta(create("before", 1));
    const importing = db.import(other.export());
    const behind = db.applyDelta(offset("imported"));
    await importing;
    await behind;
    await db.flush();
    const expected = await seen(db);
    disk.cut("drop", new Random(1));
    const again = await DeltaVectorDB.open(disk.storage());
    assert.deepEqual(await seen(again), expected);
    assert.equal(await again.has("before"), false);
  });

  it("takes options that may change, and refuses to change the others", async () => {
    const disk = new FaultDisk();
    const db = await DeltaVectorDB.open(disk.storage(), { dimensions: 3, maxVectors: 2 });
    await db.applyDeltas([create("a", 1), create("b", 2)]);
    await assert.rejects(db.applyDelta(create("c", 2)), { code: "CAPACITY_EXCEEDED" });
    await db.close();
    for (const [option, value] of Object.entries({
      dimensions: 4,
      metric: "dot",
      history: false,
    })) {
      await assert.rejects(DeltaVectorDB.open(disk.storage(), { [option]: value }), {
        code: "INVALID_ARGUMENT",
        message: new RegExp(`^option ${option} of the database in fault: is .*, and cannot become`),
      });
    }
    const again = await DeltaVectorDB.open(disk.storage(), { maxVectors: 3 });
    await again.applyDelta(create("c", 2));
    const expected = await seen(again);
    await again.close();
    const third = await DeltaVectorDB.open(disk.storage());
    assert.deepEqual(await seen(third), expected);
    assert.equal(third.options.maxVectors, 3);
  });

  it("issues under another replica where it was closed, and what came before that is lost", async () => {
    const disk = new FaultDisk();
    const db = await DeltaVectorDB.open(disk.storage(), { dimensions: 3, durability: "strict" });
    await db.applyDelta(create("a", 1));
    const { replicaId } = db.options;
    await db.applyDelta(create("lost", 2));
    await db.close();
    const [[name, bytes]] = disk.files() as never as [[string, Uint8Array]];
    const damaged = bytes.slice();
    damaged[damaged.length - 2 * RECORD_BYTES]! ^= 1;
    disk.put(name, damaged);
    const again = await DeltaVectorDB.open(disk.storage(), { recover: true });
    assert.equal(again.recovery.lost?.record, 2);
    assert.notEqual(again.options.replicaId, replicaId);
    await again.applyDelta(create("b", 3));
    const elsewhere = new DeltaVectorDB({ dimensions: 3 });
    elsewhere.merge(await again.deltasSince());
    assert.equal(elsewhere.stateDigest(), await again.stateDigest());
    await again.close();
  });

  it("has the history that it had where calls that changed nothing compacted it", async () => {
    const empty = new DeltaVectorDB({ dimensions: 3 });
    for (const change of ["refused", "merged"] as const) {
      const disk = new FaultDisk();
      const autoCompact = { maxBytes: 2000 };
      const db = await DeltaVectorDB.open(disk.storage(), { dimensions: 3, autoCompact, now });
      await db.applyDeltas([create("a", 1), ...story(3, 200)]);
      const before = await seen(db);
      if (change === "refused") {
        await assert.rejects(db.applyDelta(offset("none")), { code: "VECTOR_NOT_FOUND" });
      } else {
        await db.merge(empty.deltasSince());
      }
      const expected = await seen(db);
      assert.notDeepEqual(expected, before);
      await db.flush();
      disk.cut("drop", new Random(1));
      const again = await DeltaVectorDB.open(disk.storage());
      assert.deepEqual(await seen(again), expected, change);
      await again.close();
    }
  });

  it("keeps all where the clock throws while a snapshot, an import or the end is noted", async () => {
    for (const what of ["checkpoint", "import"] as const) {
      const disk = new FaultDisk();
      let broken = false;
      const errors: unknown[] = [];
      const db = await DeltaVectorDB.open(disk.storage(), {
        dimensions: 3,
        onError: (error) => errors.push(error),
        now: () => {
          if (broken) {
            throw new Error("no time");
          }
          return now();
        },
      });
      await db.applyDeltas(Array.from({ length: 50 }, (_, i) => create(`a${i}`, i)));
      await db.checkpoint();
      await db.applyDelta(create("b", 2));
      const whole = await db.export();
      broken = true;
      await (what === "import" ? db.import(whole) : db.checkpoint());
      broken = false;
      await db.applyDelta(create("c", 3));
      await db.checkpoint();
      const expected = await seen(db);
      broken = true;
      await db.close();
      assert.ok(errors.length > 0);
      const again = await DeltaVectorDB.open(disk.storage());
      assert.deepEqual(await seen(again), expected, what);
      await again.close();
    }
  });

  it("is LOCKED while it is open, and free once opening has failed", async () => {
    const db = await DeltaVectorDB.open("memory:one", { dimensions: 3 });
    await assert.rejects(DeltaVectorDB.open("memory:one"), { code: "LOCKED" });
    await db.close();
    await assert.rejects(DeltaVectorDB.open("memory:one", { dimensions: 4 }), {
      code: "INVALID_ARGUMENT",
    });
    await (await DeltaVectorDB.open("memory:one")).close();
  });

  it("is not made where that is not wanted", async () => {
    await assert.rejects(DeltaVectorDB.open("memory:none", { create: false }), {
      code: "INVALID_ARGUMENT",
      message: "there is no database in memory:none",
    });
  });

  it("rejects calls behind close, and opening with an aborted signal", async () => {
    const db = await DeltaVectorDB.open("memory:", { dimensions: 3 });
    await db.close();
    await assert.rejects(db.size, { code: "CLOSED" });
    await assert.rejects(db.flush(), { code: "CLOSED" });
    const reason = new Error("enough");
    await assert.rejects(
      DeltaVectorDB.open("memory:two", { signal: AbortSignal.abort(reason) }),
      reason,
    );
    await (await DeltaVectorDB.open("memory:two")).close();
  });

  it("refuses wrong options by name", async () => {
    for (const [name, value] of Object.entries({
      durability: "soft",
      flushMs: 0,
      recover: 1,
      tabs: "no",
    })) {
      await assert.rejects(DeltaVectorDB.open("memory:", { [name]: value } as never), {
        code: "INVALID_ARGUMENT",
        message: new RegExp(`option ${name} must be`),
      });
    }
  });
});

describe("a durable database when the power goes", () => {
  const left: DurableDeltaVectorDB[] = [];
  after(async () => {
    await Promise.allSettled(left.map((db) => db.close()));
  });

  /** Changes a database until the power goes. Returns the digests there were, and how many were acknowledged. */
  async function run(
    disk: FaultDisk,
    at: number,
  ): Promise<{ digests: string[]; sure: number; operations: number }> {
    const model = new DeltaVectorDB({ dimensions: 3, now });
    const digests = [model.stateDigest()];
    let sure = 0;
    const storage = disk.storage(at, at % 2 === 0 ? "crash" : "tear");
    try {
      const db = await DeltaVectorDB.open(storage, { dimensions: 3, durability: "strict", now });
      left.push(db);
      const deltas = story(77, 60);
      for (let i = 0; i < deltas.length; i += 6) {
        const batch: VectorDelta[] = deltas.slice(i, i + 6);
        model.applyDeltas(batch);
        digests.push(model.stateDigest());
        await db.applyDeltas(batch);
        sure = digests.length - 1;
        if (i % 18 === 12) {
          await db.checkpoint();
        }
      }
    } catch (error) {
      assert.equal((error as DeltaError).code, "STORAGE_FAILED", String((error as Error).stack));
    } finally {
      model.close();
    }
    return { digests, sure, operations: storage.operations };
  }

  it("comes back with all that was acknowledged", async () => {
    const { operations } = await run(new FaultDisk(), 0);
    const random = new Random(5);
    for (let at = 1; at <= operations; at += EXHAUSTIVE ? 1 : 1 + random.below(6)) {
      const disk = new FaultDisk();
      const { digests, sure } = await run(disk, at);
      const loss = (["drop", "keep", "mix"] as Loss[])[random.below(3)]!;
      disk.cut(loss, random);
      const db = await DeltaVectorDB.open(disk.storage(), { dimensions: 3 });
      const found = digests.indexOf(await db.stateDigest());
      assert.ok(found >= sure, `at ${at}, ${loss}: ${found}, acknowledged ${sure}`);
      assert.equal((await db.checkIndex()).ok, true);
      await db.close();
    }
  });
});
