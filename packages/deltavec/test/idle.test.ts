// When idle time is used for repair: by what is called, and what is left alone.
import assert from "node:assert/strict";
import { afterEach, before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import { inFreshProcess } from "./support/process.ts";
import { Random } from "./support/random.ts";

before(() => init());

const DIMENSIONS = 8;

/** A page's `requestIdleCallback`, called from here. */
class Idle {
  readonly waiting = new Map<number, (deadline: { timeRemaining(): number }) => void>();
  #next = 1;

  constructor() {
    Object.assign(globalThis, {
      requestIdleCallback: (callback: (deadline: { timeRemaining(): number }) => void) => {
        this.waiting.set(this.#next, callback);
        return this.#next++;
      },
      cancelIdleCallback: (id: number) => this.waiting.delete(id),
    });
  }

  /** Calls all that wait; there is time for so many questions after it. */
  run(questions: number): void {
    let left = questions;
    const callbacks = [...this.waiting.values()];
    this.waiting.clear();
    for (const callback of callbacks) {
      callback({ timeRemaining: () => (left-- > 0 ? 50 : 0) });
    }
  }
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, "requestIdleCallback");
  Reflect.deleteProperty(globalThis, "cancelIdleCallback");
});

/** A database of which some vectors wait to be linked. */
function waiting(): DeltaVectorDB {
  const random = new Random(1);
  const db = new DeltaVectorDB({ dimensions: DIMENSIONS });
  const all = (type: "create" | "dense", count: number) =>
    Array.from({ length: count }, (_, i) => ({
      vectorId: `v${i}`,
      operation: { type, vector: random.vector(DIMENSIONS) },
    }));
  db.applyDeltas(all("create", 1000));
  db.repair();
  for (const delta of all("dense", 60)) {
    db.applyDelta(delta);
  }
  assert.ok(pendingOf(db) > 20, `${pendingOf(db)} vectors wait`);
  return db;
}

function pendingOf(db: DeltaVectorDB): number {
  return db.stats().index.pendingRepairs;
}

test("however many writes there are, one call waits for idle time", () => {
  const idle = new Idle();
  const db = waiting();
  assert.equal(idle.waiting.size, 1);
  db.close();
});

test("idle time is used as long as there is some, a little of it in any case", () => {
  const idle = new Idle();
  const db = waiting();
  const counts = [pendingOf(db)];
  for (const questions of [0, 0, 5]) {
    idle.run(questions);
    counts.push(pendingOf(db));
    assert.equal(idle.waiting.size, 1, "calls that wait");
  }
  const [a, b, c, d] = counts as [number, number, number, number];
  assert.ok(a > b && b > c && c > d, counts.join(", "));
  assert.equal(a - b, b - c);
  assert.equal(c - d, 6 * (b - c));
  db.close();
});

test("when nothing waits any more, nothing is asked for", () => {
  const idle = new Idle();
  const db = waiting();
  idle.run(10_000);
  assert.equal(pendingOf(db), 0);
  assert.equal(idle.waiting.size, 0);
  db.close();
});

test("closing takes back what was asked for", () => {
  const idle = new Idle();
  waiting().close();
  assert.equal(idle.waiting.size, 0);
});

test("where no timers are to be had, writes go on", () => {
  Object.assign(globalThis, {
    requestIdleCallback: () => {
      throw new Error("not here");
    },
  });
  const db = waiting();
  assert.equal(db.repair().pending, 0);
  db.close();
});

const SCRIPT = `
  import { DeltaVectorDB, init } from "deltavec";
  await init();
  const waiting = () => {
    const db = new DeltaVectorDB({ dimensions: 2 });
    const all = (type, from) => Array.from({ length: 1000 }, (_, i) => ({
      vectorId: "v" + i,
      operation: { type, vector: Float32Array.of(Math.sin(i * from), Math.cos(i * i + from)) },
    }));
    db.applyDeltas(all("create", 1));
    db.repair();
    db.applyDeltas(all("dense", 7).slice(0, 100));
    return db;
  };`;

test("a process does not wait for repairs", async () => {
  const left = await inFreshProcess(`${SCRIPT}
    const db = waiting();
    process.on("exit", () => report(db.stats().index.pendingRepairs));`);
  assert.ok((left as number) > 0, `${left} were left`);
});

test("a database that is forgotten is not held by what is to be repaired", async () => {
  const gone = await inFreshProcess(`${SCRIPT}
    import { setFlagsFromString } from "node:v8";
    import { runInNewContext } from "node:vm";
    setFlagsFromString("--expose_gc");
    const gc = runInNewContext("gc");
    const forgotten = (() => new WeakRef(waiting()))();
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    report(forgotten.deref() === undefined);`);
  assert.equal(gone, true);
});
