// What `DeltaVectorDB.open` does with a storage of the application's own, and with options that are wrong.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DeltaVectorDB, init, type Storage } from "deltavec";
import { create } from "../support/deltas.ts";
import { FaultDisk } from "../support/fault-storage.ts";

before(() => init());

/** A storage that counts how often it is closed. */
function counted(change: Partial<Storage> = {}): { storage: Storage; closed: () => number } {
  const inner = new FaultDisk().storage();
  let closed = 0;
  const storage: Storage = {
    name: "mine",
    list: () => inner.list(),
    open: (file) => inner.open(file),
    remove: (file) => inner.remove(file),
    close: async () => {
      closed++;
    },
    ...change,
  };
  return { storage, closed: () => closed };
}

describe("a storage of one's own", () => {
  it("is locked while a database has it open, and free once that is closed", async () => {
    const { storage, closed } = counted();
    const db = await DeltaVectorDB.open(storage, { dimensions: 3 });
    await assert.rejects(DeltaVectorDB.open(storage), {
      code: "LOCKED",
      message: "mine is open already",
    });
    assert.equal(closed(), 0);
    await db.applyDelta(create("a", 1, 2, 3));
    await db.close();
    const again = await DeltaVectorDB.open(storage);
    assert.equal(await again.size, 1);
    await again.close();
  });

  it("is free again if the database could not be opened", async () => {
    const { storage, closed } = counted();
    await assert.rejects(DeltaVectorDB.open(storage, { create: false }), {
      code: "INVALID_ARGUMENT",
    });
    assert.equal(closed(), 1);
    const db = await DeltaVectorDB.open(storage, { dimensions: 3 });
    await db.close();
  });

  it("that cannot be closed does not hide why it could not be opened", async () => {
    const { storage } = counted({
      close: async () => {
        throw new Error("cannot close");
      },
    });
    await assert.rejects(DeltaVectorDB.open(storage, { create: false }), {
      code: "INVALID_ARGUMENT",
      message: "there is no database in mine",
    });
  });

  it("is told which member it lacks", async () => {
    const { name: _, ...nameless } = counted().storage;
    const { remove: __, ...without } = counted().storage;
    await assert.rejects(DeltaVectorDB.open(nameless as Storage), {
      code: "INVALID_ARGUMENT",
      message: "a Storage needs a name, a string, not undefined",
    });
    await assert.rejects(DeltaVectorDB.open(without as Storage), {
      code: "INVALID_ARGUMENT",
      message: 'the storage "mine" needs the method remove, not undefined',
    });
  });

  it("has no tabs to share it", async () => {
    await assert.rejects(DeltaVectorDB.open(counted().storage, { tabs: "share" }), {
      code: "INVALID_ARGUMENT",
      message: 'option tabs cannot be "share" for mine: it has no tabs',
    });
  });
});

describe("wrong options", () => {
  const parent = mkdtempSync(join(tmpdir(), "deltavec-open-"));
  after(() => rmSync(parent, { recursive: true, force: true }));

  for (const options of [{ durability: "Strict" }, { flushMs: 0 }, { dimensions: "3" }]) {
    it(`make no directory: ${JSON.stringify(options)}`, async () => {
      const path = join(parent, "notes");
      await assert.rejects(DeltaVectorDB.open(`file:${path}`, options as never), {
        code: "INVALID_ARGUMENT",
      });
      assert.ok(!existsSync(path));
    });
  }

  it("leave a storage of one's own alone", async () => {
    const { storage, closed } = counted();
    await assert.rejects(DeltaVectorDB.open(storage, { flushMs: 0 }), { code: "INVALID_ARGUMENT" });
    assert.equal(closed(), 0);
  });
});
