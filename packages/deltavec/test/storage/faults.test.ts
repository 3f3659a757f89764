import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeltaError } from "../../src/errors.ts";
import { type Fault, FaultDisk, type FaultStorage, type Loss } from "../support/fault-storage.ts";
import { type ListLog, openList } from "../support/list-log.ts";
import { Random } from "../support/random.ts";

/** Set to try every operation with every fault, and every operation of every recovery. */
const EXHAUSTIVE = process.env["DELTAVEC_EXHAUSTIVE"] !== undefined;
const LOSSES: readonly Loss[] = ["drop", "keep", "mix"];

/** What a story has done so far. */
class Told {
  /** Lets go of what is open. */
  end: () => Promise<void> = async () => {};
  /** The states that there were, in order. */
  readonly states: string[][] = [[]];
  /** The newest of them that was acknowledged to be kept. */
  sure = 0;

  get last(): readonly string[] {
    return this.states.at(-1) ?? [];
  }

  /** Fails unless a state is one of those there were, not older than what was acknowledged. */
  check(items: readonly string[], what: string): void {
    const text = items.join();
    const found = this.states.findLastIndex((state) => state.join() === text);
    assert.notEqual(found, -1, `${what}: [${text}] was never a state`);
    assert.ok(
      found >= this.sure,
      `${what}: state ${found} came back, ${this.sure} was acknowledged`,
    );
  }
}

/** Changes a list, one item after the other or at once, with all that a log does in between; opens it three times. */
async function tell(storages: () => FaultStorage, strict: boolean, told: Told): Promise<void> {
  let item = 0;
  const settings = { strict, checkpointBytes: 700 };
  const change = async ({ state, log }: ListLog, run: () => void): Promise<void> => {
    await log.run(() => {
      run();
      told.states.push([...state.items]);
    });
    if (strict) {
      told.sure = Math.max(told.sure, told.states.length - 1);
    }
  };
  const apply = (list: ListLog): Promise<void> => {
    const bytes = item % 5 === 3 ? 150 : 3;
    const text = `${item++}`.padEnd(bytes, "x");
    const index = told.states.length;
    return list.log
      .run(() => {
        list.state.apply(text);
        told.states.push([...list.state.items]);
      })
      .then(() => {
        told.sure = strict ? Math.max(told.sure, index) : told.sure;
      });
  };
  const surely = async (run: () => Promise<void>): Promise<void> => {
    const index = told.states.length - 1;
    await run();
    told.sure = Math.max(told.sure, index);
  };
  const some = async (list: ListLog, count: number): Promise<void> => {
    const all = await Promise.allSettled(Array.from({ length: count }, () => apply(list)));
    for (const one of all) {
      if (one.status === "rejected") {
        throw one.reason;
      }
    }
  };
  for (let time = 0; time < 3; time++) {
    const list = await openList(storages(), settings);
    const { log, state } = list;
    told.end = () => log.close(() => {}).catch(() => undefined);
    await apply(list);
    await some(list, 3);
    await surely(() => log.checkpoint());
    await apply(list);
    await some(list, 2);
    await surely(() => log.flush());
    await surely(() => log.checkpoint());
    await some(list, 4);
    if (time === 1) {
      await change(list, () => state.become([`imported${item++}`], `aaaaaaaaaa${time}0`));
      told.sure = told.states.length - 1;
      await some(list, 3);
    }
    await apply(list);
    if (time < 2) {
      await surely(() => log.close(() => {}));
    }
  }
}

/** Tells a story on a disk until the fault, and lets the power go. */
async function tellUntil(
  disk: FaultDisk,
  at: number,
  fault: Fault,
  strict: boolean,
): Promise<{ told: Told; operations: number; failure: unknown }> {
  const told = new Told();
  let operations = 0;
  let storage = disk.storage();
  let failure: unknown;
  try {
    await tell(
      () => {
        operations += storage.operations;
        const left = at - operations;
        storage = disk.storage(left > 0 ? left : 0, fault);
        return storage;
      },
      strict,
      told,
    );
  } catch (error) {
    failure = error;
  }
  return { told, operations: operations + storage.operations, failure };
}

/** How many operations a story has that nothing happens to. */
async function countOperations(strict: boolean): Promise<number> {
  const { told, operations } = await tellUntil(new FaultDisk(), 0, "crash", strict);
  await told.end();
  return operations;
}

/** Opens what is on a disk, checks it, and that it can go on. */
async function recovers(disk: FaultDisk, told: Told, what: string): Promise<void> {
  const files = [...disk.files()].map(
    ([name, { length }]) => `${name.replace(/-0+/, "-")}:${length}`,
  );
  const list = await openList(disk.storage()).catch((error) => {
    throw new Error(`${what}: ${files.join(" ")}: ${error}`);
  });
  told.check(list.state.items, `${what}: ${files.join(" ")}`);
  await list.log.run(() => list.state.apply("more"));
  const expected = [...list.state.items];
  await list.log.close(() => {});
  const after = [...disk.files()].map(
    ([name, { length }]) => `${name.replace(/-0+/, "-")}:${length}`,
  );
  const again = await openList(disk.storage()).catch((error) => {
    throw new Error(`${what}: ${files.join(" ")}; then: ${after.join(" ")}: ${error}`);
  });
  assert.deepEqual(again.state.items, expected, `${what}, and once more`);
  assert.equal(again.log.report.cutBytes, 0, what);
  await again.log.close(() => {});
}

describe("a log when the power goes", () => {
  for (const strict of [true, false]) {
    it(`keeps what was acknowledged, wherever it goes; ${strict ? "strict" : "relaxed"}`, async () => {
      const total = await countOperations(strict);
      assert.ok(total > 150, `${total} operations`);
      const random = new Random(20);
      for (let at = 1; at <= total; at++) {
        for (const fault of ["crash", "tear"] as const) {
          const disk = new FaultDisk();
          const { told } = await tellUntil(disk, at, fault, strict);
          const left = disk.clone();
          await told.end();
          for (const loss of EXHAUSTIVE ? LOSSES : [LOSSES[random.below(3)]!]) {
            const seed = random.bits();
            const what = `${fault} at ${at}, ${loss}, seed ${seed}`;
            const cut = left.clone();
            cut.cut(loss, new Random(seed));
            const before = cut.copy();
            await recovers(cut, told, what);
            if (EXHAUSTIVE || random.below(12) === 0) {
              await crashesInRecovery(before, told, what, new Random(seed));
            }
          }
        }
      }
    });
  }
});

/** Lets the power go at every operation of a recovery, and recovers then. */
async function crashesInRecovery(
  disk: FaultDisk,
  told: Told,
  what: string,
  random: Random,
): Promise<void> {
  for (let at = 1; ; at++) {
    const own = disk.copy();
    const storage = own.storage(at, at % 2 === 0 ? "crash" : "tear");
    const opened = await openList(storage).then(
      () => true,
      () => false,
    );
    const loss = LOSSES[random.below(3)]!;
    own.cut(loss, random);
    await recovers(own, told, `${what}; then in recovery at ${at}, ${loss}`);
    if (opened) {
      return;
    }
  }
}

describe("a log whose storage fails", () => {
  for (const strict of [true, false]) {
    it(`tries once more, so that nobody notices; ${strict ? "strict" : "relaxed"}`, async () => {
      const total = await countOperations(strict);
      let noticed = 0;
      for (let at = 1; at <= total; at++) {
        const disk = new FaultDisk();
        const { told, failure } = await tellUntil(disk, at, "once", strict);
        await told.end();
        if (failure !== undefined) {
          // Opening is not tried twice: nothing was promised yet.
          assert.ok(failure instanceof DeltaError, String(failure));
          assert.match(failure.message, /is made to fail/);
          noticed++;
        } else {
          const list = await openList(disk.storage());
          told.check(list.state.items, `once at ${at}`);
        }
      }
      assert.ok(noticed < total / 2, `${noticed} of ${total} noticed`);
    });

    it(`refuses changes once it fails again, and loses nothing; ${strict ? "strict" : "relaxed"}`, async () => {
      const total = await countOperations(strict);
      const random = new Random(3);
      for (let at = 1; at <= total; at++) {
        const disk = new FaultDisk();
        const { told, failure } = await tellUntil(disk, at, "always", strict);
        await told.end();
        // In relaxed mode the last changes may not have been tried to be written.
        const fails = failure instanceof DeltaError || (failure === undefined && !strict);
        assert.ok(fails, `at ${at}: ${String(failure)}`);
        disk.cut(LOSSES[at % 3]!, random);
        await recovers(disk, told, `always from ${at}`);
      }
    });
  }
});

describe("a log that has failed", () => {
  /** Opens a list whose storage has just begun to fail. */
  async function failing(strict: boolean, code: DeltaError["code"]) {
    const disk = new FaultDisk();
    await (await openList(disk.storage())).log.close(() => {});
    const probe = disk.copy().storage();
    await (await openList(probe, { strict })).log.flush();
    const storage = disk.storage(probe.operations + 1, "always", code);
    return { disk, storage, list: await openList(storage, { strict }) };
  }

  it("rejects the calls that wait, in strict mode, with the platform's code", async () => {
    const { list } = await failing(true, "QUOTA_EXCEEDED");
    const calls = ["a", "b"].map((item) => list.log.run(() => list.state.apply(item)));
    for (const call of await Promise.allSettled(calls)) {
      const { code, message } = (call as PromiseRejectedResult).reason as DeltaError;
      assert.equal(code, "QUOTA_EXCEEDED");
      assert.match(message, /^fault: cannot be written, so the database takes no more changes: /);
    }
    assert.deepEqual(list.errors, []);
  });

  it("refuses further changes with that error, but not to read", async () => {
    const { list } = await failing(true, "QUOTA_EXCEEDED");
    const { log, state } = list;
    await assert.rejects(
      log.run(() => state.apply("a")),
      { code: "QUOTA_EXCEEDED" },
    );
    await assert.rejects(
      log.run(() => state.apply("b")),
      { code: "QUOTA_EXCEEDED" },
    );
    assert.equal(await log.run(() => state.items.length), 1);
  });

  it("reports to onError in relaxed mode, and at the next call", async () => {
    const { list } = await failing(false, "STORAGE_FAILED");
    const { log, state, errors } = list;
    await log.run(() => state.apply("a"));
    await assert.rejects(log.flush(), { code: "STORAGE_FAILED" });
    assert.equal((errors[0] as DeltaError).code, "STORAGE_FAILED");
    assert.equal(errors.length, 1);
    await assert.rejects(
      log.run(() => state.apply("b")),
      { code: "STORAGE_FAILED" },
    );
    await assert.rejects(log.flush(), { code: "STORAGE_FAILED" });
  });

  it("rejects close, and closes the storage nevertheless", async () => {
    const { list, storage } = await failing(false, "STORAGE_FAILED");
    await list.log.run(() => list.state.apply("a"));
    await assert.rejects(
      list.log.close(() => {}),
      { code: "STORAGE_FAILED" },
    );
    assert.equal(storage.closed, true);
  });

  it("keeps all once there is room again and it is opened anew", async () => {
    const { list, disk } = await failing(true, "QUOTA_EXCEEDED");
    await assert.rejects(list.log.run(() => list.state.apply("a")));
    const again = await openList(disk.storage());
    await again.log.run(() => again.state.apply("b"));
    assert.deepEqual((await openList(disk.storage())).state.items, ["b"]);
  });

  it("goes on without a snapshot that there is no room for", async () => {
    const disk = new FaultDisk();
    const first = await openList(disk.storage());
    await first.log.run(() => first.state.apply("a"));
    await first.log.close(() => {});
    const probe = disk.copy().storage();
    const tried = await openList(probe);
    await tried.log.run(() => tried.state.apply("b"));
    const storage = disk.storage();
    const { log, state } = await openList(storage);
    await log.run(() => state.apply("b"));
    storage.failWrites("snapshot-");
    await assert.rejects(log.checkpoint(), { code: "QUOTA_EXCEEDED" });
    await log.run(() => state.apply("c"));
    storage.heal();
    await log.run(() => state.apply("d"));
    disk.cut("drop", new Random(1));
    const again = await openList(disk.storage());
    assert.deepEqual(again.state.items, ["a", "b", "c", "d"]);
    assert.ok(![...disk.files().keys()].some((name) => name.startsWith("snapshot-")));
  });
});

describe("a log", () => {
  it("writes many calls that are made at once by one flush", async () => {
    const storage = new FaultDisk().storage();
    const { log, state } = await openList(storage);
    const before = storage.operations;
    await Promise.all(Array.from({ length: 100 }, (_, i) => log.run(() => state.apply(`${i}`))));
    assert.equal(storage.operations - before, 2); // a write and a flush
  });

  it("flushes after flushMs in relaxed mode, without being asked", async () => {
    const disk = new FaultDisk();
    const { log, state } = await openList(disk.storage(), { strict: false, flushMs: 5 });
    await log.run(() => state.apply("a"));
    await new Promise((done) => setTimeout(done, 60));
    disk.cut("drop", new Random(1));
    assert.deepEqual((await openList(disk.storage())).state.items, ["a"]);
  });

  it("writes nothing before flushMs in relaxed mode", async () => {
    const storage = new FaultDisk().storage();
    const { log, state } = await openList(storage, { strict: false });
    const before = storage.operations;
    await log.run(() => state.apply("a"));
    await new Promise((done) => setTimeout(done, 20));
    assert.equal(storage.operations, before);
    await log.close(() => {});
  });

  it("has at most two files open at a time", async () => {
    const disk = new FaultDisk();
    const storages: FaultStorage[] = [];
    await tell(
      () => {
        const storage = disk.storage();
        storages.push(storage);
        return storage;
      },
      true,
      new Told(),
    );
    assert.ok(Math.max(...storages.map(({ mostOpen }) => mostOpen)) <= 2);
  });

  it("writes increments, and keeps only what they need", async () => {
    const disk = new FaultDisk();
    const { log, state } = await openList(disk.storage());
    await Promise.all(Array.from({ length: 99 }, (_, i) => log.run(() => state.apply(`${i}`))));
    await log.checkpoint();
    await log.run(() => state.apply("x"));
    await log.checkpoint();
    assert.deepEqual(
      [...disk.files().keys()].map((name) => name.replace(/-0*/, " ")),
      ["increment 66", "log 67", "snapshot 64"],
    );
    await log.run(() => state.apply("y"));
    await log.close(() => {});
    const again = await openList(disk.storage());
    assert.deepEqual(again.state.items, [...state.items]);
    assert.equal(again.log.report.snapshot, 0x66);
    assert.equal(again.log.report.records, 1);
  });

  it("writes no snapshot where nothing has changed", async () => {
    const storage = new FaultDisk().storage();
    const { log, state } = await openList(storage);
    await log.run(() => state.apply("x"));
    await log.checkpoint();
    const before = storage.operations;
    await log.checkpoint();
    assert.equal(storage.operations, before);
  });

  it("goes on with the own replica only after it was closed", async () => {
    const disk = new FaultDisk();
    const first = await openList(disk.storage());
    await first.log.run(() => first.state.apply("x"));
    await first.log.close(() => {});
    const second = await openList(disk.storage());
    assert.equal(second.state.opened().replica, first.state.opened().replica);
    assert.equal(second.state.sequence, 1);
    const third = await openList(disk.storage());
    assert.notEqual(third.state.opened().replica, first.state.opened().replica);
  });
});
