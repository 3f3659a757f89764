import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DeltaVectorDB, init, type Storage } from "deltavec";
import { MemoryStorage } from "../../src/storage/memory-storage.ts";
import { create } from "../support/deltas.ts";

before(() => init());

/** A storage in memory that takes its time; tells which file is about to be opened. */
function slow(name: string, onOpen: (file: string) => void): Storage {
  const storage = new MemoryStorage(name);
  const open = storage.open.bind(storage);
  return Object.assign(storage, {
    async open(file: string) {
      onOpen(file);
      await sleep(5);
      const handle = await open(file);
      const flush = handle.flush.bind(handle);
      return Object.assign(handle, {
        async flush(strict: boolean) {
          await sleep(5);
          await flush(strict);
        },
      });
    },
  });
}

test("a delta that comes while a checkpoint begins a segment comes behind what is in it", async () => {
  const options = { dimensions: 3, durability: "strict" } as const;
  const applied: Promise<unknown>[] = [];
  let opened = 0;
  const db = await DeltaVectorDB.open(
    slow("segments", (file) => {
      if (file.startsWith("log-") && opened++ > 0) {
        applied.push(db.applyDelta(create("late", 3, 4, 5)));
      }
    }),
    options,
  );
  applied.push(db.applyDelta(create("first", 1, 2, 3)));
  await sleep(1); // now that is being written, and what follows waits together
  applied.push(db.applyDelta(create("second", 2, 3, 4)));
  await db.checkpoint();
  await Promise.all(applied);
  assert.equal(applied.length, 3);
  const digest = await db.stateDigest();
  await db.close();
  await using again = await DeltaVectorDB.open(
    slow("segments", () => {}),
    options,
  );
  assert.equal(await again.stateDigest(), digest);
});
