// What the second world says beyond the face that the behaviour suite holds it to: pages, numbers without a sign, the clock.
import assert from "node:assert/strict";
import { before, beforeEach, describe, test } from "node:test";
import {
  ComponentError,
  type Database,
  type Databases,
  type Delta,
  instantiate,
  type Options,
} from "deltavec/component";

const MAX_U32 = 2 ** 32 - 1;
const MAX_U64 = 2n ** 64n - 1n;

let time = 1_000;
let databases: Databases;
let db: Database;

before(async () => {
  databases = await instantiate({ now: () => time });
});
beforeEach(() => {
  time = 1_000;
  db = databases.Database.open({ dimensions: 2 });
});

const create = (vectorId: string, ...values: number[]): Delta => ({
  vectorId,
  operation: { tag: "create", val: Float32Array.from(values) },
});
const scale = (vectorId: string, val: number): Delta => ({
  vectorId,
  operation: { tag: "scale", val },
});

/** Checks with what a call is refused. */
function refused(run: () => unknown, tag: string, message: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof ComponentError, String(error));
    const { payload } = error as ComponentError<{ tag: string; val: { message: string } }>;
    assert.equal(payload.tag, tag);
    assert.match(payload.val.message, message);
    return true;
  });
}

describe("ids", () => {
  test("come in pages, of which the last has no next", () => {
    db.apply(["a", "b", "c"].map((id) => create(id, 1, 2)));
    const first = db.ids(0, 2);
    assert.deepEqual(first.ids, ["a", "b"]);
    assert.deepEqual(db.ids(first.next as number, 2), { ids: ["c"], next: undefined });
  });

  test("from behind the last are none", () => {
    db.apply([create("a", 1, 2)]);
    assert.deepEqual(db.ids(MAX_U32, MAX_U32), { ids: [], next: undefined });
  });

  test("cannot be asked for none at a time", () => {
    refused(() => db.ids(0, 0), "invalid-argument", /^max must be 1 or more/);
  });
});

describe("the feed", () => {
  test("has the positions of deltas between which others were compacted away", () => {
    db.apply([create("a", 1, 2), create("b", 1, 2), scale("a", 2), scale("b", 2), scale("a", 3)]);
    db.compact({ keepLast: 1 });
    const { deltas, next } = db.deltas(0);
    assert.deepEqual(
      deltas.map(({ position, delta }) => [position, delta.vectorId]),
      [
        [3, "b"],
        [4, "a"],
      ],
    );
    assert.equal(next, 5);
  });

  test("ends with an empty page", () => {
    db.apply([create("a", 1, 2)]);
    assert.deepEqual(db.deltas(1), { deltas: [], next: 1 });
  });

  test("comes in pages that have every delta once", () => {
    for (let i = 0; i < 40; i++) {
      db.apply(Array.from({ length: 100 }, (_, j) => create(`v${100 * i + j}`, i, j)));
    }
    const seen: number[] = [];
    let pages = 0;
    for (let from = 0; ; pages++) {
      const { deltas, next } = db.deltas(from);
      if (deltas.length === 0) {
        break;
      }
      seen.push(...deltas.map(({ position }) => position));
      from = next;
    }
    assert.ok(pages > 1);
    assert.deepEqual(
      seen,
      Array.from({ length: 4000 }, (_, i) => i),
    );
  });

  test("has no position that was not reached", () => {
    refused(() => db.deltas(1), "invalid-argument", /from must be a position from 0 to 0, not 1$/);
    refused(() => db.deltas(MAX_U32), "invalid-argument", /not 4294967295$/);
  });
});

describe("a number without a sign", () => {
  test("may ask for more results than there can be", () => {
    db.apply([create("a", 1, 2)]);
    assert.equal(db.search(Float32Array.of(1, 1), MAX_U32, {}).length, 1);
    assert.equal(db.searchAt(Float32Array.of(1, 1), MAX_U32, MAX_U64).length, 1);
  });

  test("may be a time that never comes", () => {
    db.apply([create("a", 1, 2)]);
    assert.deepEqual(db.getVectorAt("a", MAX_U64), Float32Array.of(1, 2));
  });

  test("may bound a compaction by what it cannot reach", () => {
    db.apply([create("a", 1, 2), scale("a", 2)]);
    const stats = db.compact({ before: MAX_U64, keepLast: MAX_U32, maxBytes: MAX_U64 });
    assert.equal(stats.deltas, 0);
  });

  test("may ask for more repairs than there are vectors", () => {
    db.apply([create("a", 1, 2)]);
    assert.equal(db.repair(MAX_U32), 0);
  });

  test("stands as one in a message", () => {
    const open = (options: Options) => () => databases.Database.open(options);
    refused(open({ dimensions: MAX_U32 }), "invalid-argument", /65536, not 4294967295$/);
    const search = () => db.search(Float32Array.of(1, 1), 1, { efSearch: MAX_U32 });
    refused(search, "invalid-argument", /^ef-search must be from 1 to 10000, not 4294967295$/);
  });
});

describe("an option", () => {
  const wrong: readonly [Options, RegExp][] = [
    [{ dimensions: 0 }, /^option dimensions /],
    [{ maxVectors: 0 }, /^option max-vectors /],
    [{ checkpointInterval: 0 }, /^option checkpoint-interval /],
    [{ autoCompactBytes: 0n }, /^option auto-compact-bytes must/],
    [{ autoCompactBytes: 1n, history: false }, /^option auto-compact-bytes needs option history/],
    [{ grid: 0 }, /^option grid /],
    [{ hnswM: 65 }, /^option hnsw-m /],
    [{ hnswEfConstruction: 0 }, /^option hnsw-ef-construction /],
    [{ hnswEfSearch: 10_001 }, /^option hnsw-ef-search /],
    [{ keepFloats: false, history: true }, /^option keep-floats .* option history$/],
    [{ keepFloats: false, grid: 8 }, /^option keep-floats .* option grid$/],
    [{ keepFloats: false, quantization: "none" }, /^option keep-floats .* option quantization$/],
    [{ recallSampleRate: Number.NaN }, /^option recall-sample-rate /],
    [{ replica: 2n ** 48n }, /^option replica /],
  ];
  for (const [options, message] of wrong) {
    const what = JSON.stringify(options, (_, value) =>
      typeof value === "bigint" ? String(value) : value,
    );
    test(`that is refused is named as in the WIT: ${what}`, () => {
      refused(() => databases.Database.open(options), "invalid-argument", message);
    });
  }

  test("history is off by default without floats", () => {
    const codes = databases.Database.open({ dimensions: 2, keepFloats: false });
    refused(() => codes.cursor(), "invalid-argument", /keeps no history/);
  });

  test("replica is drawn anew for every database", () => {
    const ids = Array.from({ length: 20 }, () => {
      const [id] = databases.Database.open({ dimensions: 2 }).apply([create("a", 1, 2)]);
      return (id as string).slice(-9);
    });
    assert.equal(new Set(ids).size, 20);
  });
});

describe("the clock", () => {
  test("gives deltas their time", () => {
    time = 1_234_567;
    db.apply([create("a", 1, 2)]);
    assert.equal(db.chain("a")?.deltas[0]?.timestamp, 1_234_567n);
  });

  test("beyond 48 bits refuses what needs it, and nothing else", () => {
    db.apply([create("a", 1, 2)]);
    time = 2 ** 49;
    refused(() => db.apply([scale("a", 2)]), "invalid-argument", /^the clock /);
    refused(() => db.merge(new Uint8Array()), "invalid-argument", /^the clock /);
    assert.deepEqual(db.getVector("a"), Float32Array.of(1, 2));
  });
});

test("a filter without a letter is refused, not left out", () => {
  db.apply([create("a", 1, 2)]);
  const search = () => db.search(Float32Array.of(1, 1), 1, { filter: "" });
  refused(search, "invalid-argument", /^filter is not JSON at byte 0$/);
});

test("no call keeps what it was given for another", () => {
  const long = "x".repeat(1000);
  db.apply(Array.from({ length: 500 }, (_, i) => create(`${long}${i}`, i, 1)));
  assert.equal(db.size(), 500);
  assert.equal(db.ids(0, 500).ids[499], `${long}499`);
  assert.equal(db.getVector("a"), undefined);
  assert.deepEqual(db.getVector(`${long}3`), Float32Array.of(3, 1));
});
