// What a component exports in wasmtime, the JavaScript package reads, and the other way round; the JVM's tests read what the
// golden files here hold, and write `snapshot-v1.bin`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { DeltaVectorDB, init, type VectorDelta } from "deltavec";
import { PACKAGE } from "../support/process.ts";
import { Random } from "../support/random.ts";
import {
  closeHosts,
  componentOf,
  smallComponentOf,
  start,
  test,
} from "../support/wasmtime/component.ts";
import type { WitDatabase } from "./face.ts";

before(() => init());
after(closeHosts);

const NOW = 1_700_000_000_000;
const DIMENSIONS = 6;
const DIGEST = "354595695c22f4a9";
const SMALL_DIGEST = "58ff55940445e782";

function golden(name: string): Uint8Array {
  return Uint8Array.from(readFileSync(join(PACKAGE, "../../core/src/test/resources/golden", name)));
}

/** Deltas of all kinds of some vectors, as both worlds have them. */
function deltas(): { vectorId: string; operation: unknown; timestamp: bigint }[] {
  const value = (i: number): number => Math.fround(((i * 37) % 64) / 32 - 1);
  const list = (from: number, count = DIMENSIONS): Float32Array =>
    Float32Array.from({ length: count }, (_, k) => value(from * DIMENSIONS + k));
  const made = Array.from({ length: 12 }, (_, i) => ({
    vectorId: i === 3 ? "zweiter é😀" : `vector ${i}`,
    operation: { tag: "create", val: list(i) } as unknown,
  }));
  made.push(
    {
      vectorId: "vector 1",
      operation: { tag: "sparse", val: { indices: Uint32Array.of(4, 0), values: list(5, 2) } },
    },
    { vectorId: "vector 2", operation: { tag: "dense", val: list(50) } },
    { vectorId: "zweiter é😀", operation: { tag: "scale", val: -0.5 } },
    { vectorId: "vector 5", operation: { tag: "offset", val: 0.25 } },
    { vectorId: "vector 6", operation: { tag: "delete" } },
    { vectorId: "vector 6", operation: { tag: "create", val: list(7) } },
    { vectorId: "vector 7", operation: { tag: "delete" } },
  );
  return made.map((delta, i) => ({ ...delta, timestamp: BigInt(NOW + i) }));
}

/** What the golden file of the second world holds. */
async function fill(db: WitDatabase): Promise<void> {
  const metadata = (i: number): object =>
    i % 3 === 0
      ? { metadata: JSON.stringify({ n: i, name: `é ${i}`, tags: [i, { deep: null }] }) }
      : {};
  const list = deltas().map((delta, i) => ({ ...delta, ...metadata(i) }));
  for (const delta of list) {
    await db.apply([
      (delta.operation as { tag: string }).tag === "delete"
        ? { ...delta, metadata: undefined }
        : delta,
    ] as never);
  }
}

/** A database of the package with random content. */
function lived(seed: number): DeltaVectorDB {
  const random = new Random(seed);
  const db = new DeltaVectorDB({ dimensions: DIMENSIONS, now: () => NOW });
  const vector = (): Float32Array =>
    Float32Array.from({ length: DIMENSIONS }, () => random.below(2000) / 1000 - 1);
  const made: VectorDelta[] = Array.from({ length: 60 }, (_, i) => ({
    vectorId: `größe ${i}`,
    operation: { type: "create", vector: vector() },
    ...(i % 4 === 0 ? { metadata: { i, text: "😀" } } : {}),
  }));
  db.applyDeltas(made);
  for (let i = 0; i < 200; i++) {
    const vectorId = `größe ${random.below(50)}`;
    db.applyDelta({ vectorId, operation: { type: "dense", vector: vector() } });
  }
  for (let i = 50; i < 60; i++) {
    db.applyDelta({ vectorId: `größe ${i}`, operation: { type: "delete" } });
  }
  return db;
}

/** Reads a snapshot with the package; its digest, with the index checked. */
function digestOf(snapshot: Uint8Array, dimensions = DIMENSIONS): string {
  using db = new DeltaVectorDB({ dimensions });
  assert.equal(db.import(snapshot).index, "kept");
  assert.ok(db.checkIndex().ok);
  return db.stateDigest();
}

test("deltavec writes the golden snapshot, which the package and the JVM read", async () => {
  const { open } = componentOf(await start("deltavec", "clock"));
  const db = await open({ dimensions: DIMENSIONS, replica: 5n, checkpointInterval: 3 });
  await fill(db);
  assert.equal(await db.stateDigest(), DIGEST);
  const snapshot = await db.export({});
  assert.deepEqual(snapshot, golden("component-snapshot-v1.bin"));
  assert.equal(digestOf(snapshot), DIGEST);
});

test("delta-vector writes the golden snapshot, which the package and the JVM read", async () => {
  const db = await smallComponentOf(await start("delta-vector")).create(DIMENSIONS);
  await db.applyDeltas(deltas() as never);
  const snapshot = await db.export();
  assert.deepEqual(snapshot, golden("delta-vector-snapshot-v1.bin"));
  assert.equal(digestOf(snapshot), SMALL_DIGEST);
});

test("deltavec reads what the JVM wrote", async () => {
  const { open } = componentOf(await start("deltavec", "clock"));
  const db = await open({ dimensions: 4, hnswM: 3, checkpointInterval: 3 });
  const { vectors, deltas: count, index, history } = await db.import(golden("snapshot-v1.bin"));
  assert.deepEqual(
    { vectors, count, index, history },
    { vectors: 12, count: 22, index: "kept", history: true },
  );
  assert.equal(await db.stateDigest(), "6e609345da37a438");
});

test("delta-vector reads what the JVM wrote, and writes the same state", async () => {
  const db = await smallComponentOf(await start("delta-vector")).create(4);
  await db.import(golden("snapshot-v1.bin"));
  using back = new DeltaVectorDB({ dimensions: 4 });
  back.import(await db.export());
  assert.equal(back.stateDigest(), "6e609345da37a438");
});

test("deltavec reads what the package wrote, and writes the same state", async () => {
  const { open } = componentOf(await start("deltavec", "clock"));
  for (let seed = 1; seed <= 5; seed++) {
    using from = lived(seed);
    const db = await open({ dimensions: DIMENSIONS });
    await db.import(from.export());
    assert.equal(await db.stateDigest(), from.stateDigest(), `seed ${seed}`);
    assert.equal(await db.size(), from.size, `seed ${seed}`);
    assert.equal(digestOf(await db.export({})), from.stateDigest(), `seed ${seed}`);
  }
});

test("delta-vector reads what the package wrote, and writes the same state", async () => {
  const component = smallComponentOf(await start("delta-vector"));
  for (let seed = 6; seed <= 10; seed++) {
    using from = lived(seed);
    const db = await component.create(DIMENSIONS);
    await db.import(from.export());
    assert.equal(digestOf(await db.export()), from.stateDigest(), `seed ${seed}`);
  }
});

test("deltas go from the component to the package and back", async () => {
  const { open } = componentOf(await start("deltavec", "clock"));
  const db = await open({ dimensions: DIMENSIONS, replica: 5n });
  await fill(db);
  using other = lived(11);
  other.merge(await db.deltasSince(undefined));
  await db.merge(other.deltasSince(await db.cursor()));
  assert.equal(await db.stateDigest(), other.stateDigest());
});
