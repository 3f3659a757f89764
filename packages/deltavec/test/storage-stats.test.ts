import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec";

before(() => init());

const delta = (vectorId: string) =>
  ({ vectorId, operation: { type: "create", vector: Float32Array.of(1, 2, 3) } }) as const;

async function inDirectory(run: (url: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "deltavec-stats-"));
  try {
    await run(`file:${directory}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("a database in memory has nothing in a storage", () => {
  const db = new DeltaVectorDB({ dimensions: 3 });
  assert.equal(db.stats().storage, null);
  db.close();
});

test("stats say what is in the storage", () =>
  inDirectory(async (url) => {
    let now = 1_000;
    const options = { dimensions: 3, durability: "strict", now: () => now } as const;
    const db = await DeltaVectorDB.open(url, options);
    const fresh = (await db.stats()).storage;
    await db.applyDelta(delta("a"));
    const changed = (await db.stats()).storage;
    assert.ok(changed && fresh && changed.logBytes > fresh.logBytes + 12);
    assert.deepEqual(
      { ...changed, logBytes: 0 },
      { logBytes: 0, snapshotBytes: 0, pendingBytes: 0, lastCheckpoint: null },
    );
    now = 5_000;
    await db.checkpoint();
    const kept = (await db.stats()).storage;
    assert.ok(kept && kept.snapshotBytes > 0);
    assert.equal(kept.logBytes, 0);
    assert.equal(kept.lastCheckpoint?.getTime(), 5_000);
    await db.close();

    const again = await DeltaVectorDB.open(url, options);
    const found = (await again.stats()).storage;
    assert.equal(found?.snapshotBytes, kept.snapshotBytes);
    assert.ok(found && found.logBytes > 0 && found.logBytes < 1_000);
    assert.equal(found?.lastCheckpoint, null);
    await again.close();
  }));

test("stats say what is not on disk yet", () =>
  inDirectory(async (url) => {
    const db = await DeltaVectorDB.open(url, { dimensions: 3, flushMs: 100_000 });
    await db.applyDelta(delta("a"));
    assert.ok(((await db.stats()).storage?.pendingBytes ?? 0) > 12);
    await db.flush();
    assert.equal((await db.stats()).storage?.pendingBytes, 0);
    await db.close();
  }));

test("an import is a snapshot", () =>
  inDirectory(async (url) => {
    const other = new DeltaVectorDB({ dimensions: 3 });
    other.applyDelta(delta("a"));
    const db = await DeltaVectorDB.open(url, { dimensions: 3, durability: "strict" });
    await db.import(other.export());
    const storage = (await db.stats()).storage;
    assert.ok(storage && storage.snapshotBytes > 0 && storage.lastCheckpoint);
    assert.equal(storage.logBytes, 0);
    await db.close();
    other.close();
  }));
