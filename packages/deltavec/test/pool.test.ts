// Deltas collected in linear memory: applied as a batch of deltas is, and kept within bounds.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  type DeltaError,
  type DeltaEvent,
  type DeltaOperation,
  DeltaVectorDB,
  init,
  SharedDeltaPool,
  type VectorDelta,
} from "deltavec";
import fc from "fast-check";
import { anyDeltas } from "./support/any-delta.ts";
import { readFrames } from "./support/frames.ts";

before(() => init());

const create = (vectorId: string, ...values: number[]): VectorDelta => ({
  vectorId,
  operation: { type: "create", vector: Float32Array.from(values) },
});
const scale = (vectorId: string, factor: number): VectorDelta => ({
  vectorId,
  operation: { type: "scale", factor },
});

function open(options: object = {}): DeltaVectorDB {
  let time = 1_700_000_000_000;
  return new DeltaVectorDB({
    dimensions: 3,
    replicaId: "0000000000aa",
    now: () => time++,
    ...options,
  });
}

/** The memory's bytes. */
function bytesOf(pool: SharedDeltaPool): Uint8Array {
  return new Uint8Array(pool.getMemory().buffer);
}

/** The bytes that count. */
function frames(pool: SharedDeltaPool): Uint8Array {
  return bytesOf(pool).slice(pool.getBufferPtr(), pool.getBufferPtr() + pool.getBufferLen());
}

/** Deltas of three dimensions that are mostly valid in their order. */
const validDeltas: fc.Arbitrary<VectorDelta[]> = fc
  .array(
    fc.record({
      id: fc.constantFrom("a", "größe", "🐟", "x".repeat(200)),
      kind: fc.nat(9),
      values: fc.tuple(fc.nat(1000), fc.nat(1000), fc.nat(1000)),
      metadata: fc.option(
        fc.dictionary(fc.constantFrom("k", "ü"), fc.oneof(fc.nat(9), fc.constant(null))),
      ),
      time: fc.boolean(),
    }),
    { maxLength: 30 },
  )
  .map((list) => {
    const alive = new Set<string>();
    return list.map(({ id, kind, values, metadata, time }, i): VectorDelta => {
      const floats = Float32Array.from(values, (x) => x / 7);
      let operation: DeltaOperation;
      if (!alive.has(id)) {
        operation = { type: "create", vector: floats };
        alive.add(id);
      } else if (kind === 0) {
        operation = { type: "delete" };
        alive.delete(id);
      } else if (kind < 4) {
        operation = { type: "sparse", indices: Uint32Array.of(2, 0), values: floats.slice(0, 2) };
      } else if (kind < 6) {
        operation = { type: "sparse", indices: Uint32Array.of(0, 1, 2), values: floats };
      } else if (kind < 8) {
        operation = { type: "dense", vector: floats };
      } else {
        operation = kind === 8 ? { type: "scale", factor: 0.75 } : { type: "offset", amount: 0.1 };
      }
      return {
        vectorId: id,
        operation,
        ...(metadata === null || operation.type === "delete" ? {} : { metadata }),
        ...(time ? { timestamp: new Date(1_700_000_100_000 + i) } : {}),
      };
    });
  });

test("a flush does what applyDeltas does with the same deltas, and tells the same", () => {
  fc.assert(
    fc.property(
      validDeltas,
      fc.record({
        compression: fc.boolean(),
        history: fc.boolean(),
        precision: fc.constantFrom(null, { grid: 256 }),
      }),
      fc.boolean(),
      (deltas, options, listening) => {
        const [a, b] = [open(options), open(options)];
        const told: [DeltaEvent[], DeltaEvent[]] = [[], []];
        if (listening) {
          [a, b].forEach((db, i) => {
            db.onDelta((event) => told[i].push(event));
          });
        }
        const pool = new SharedDeltaPool(60_000, { compression: options.compression });
        for (const part of [deltas.slice(0, 7), deltas.slice(7)]) {
          a.applyDeltas(part);
          for (const delta of part) {
            pool.writeDelta(delta);
          }
          assert.equal(pool.flush(b), part.length);
        }
        assert.equal(b.stateDigest(), a.stateDigest());
        assert.equal(b.position, a.position);
        if (options.history) {
          assert.deepEqual(b.deltasSince(), a.deltasSince());
        }
        // Indices come in order.
        const sorted = told[0].map((event) => {
          const { operation } = event;
          return operation.type === "sparse" && operation.indices.length === 2
            ? {
                ...event,
                operation: {
                  type: "sparse",
                  indices: operation.indices.slice().reverse(),
                  values: operation.values.slice().reverse(),
                },
              }
            : event;
        });
        assert.deepEqual(told[1], sorted);
        assert.equal(told[1].length, listening ? deltas.length : 0);
        a.close();
        b.close();
      },
    ),
    { numRuns: 100 },
  );
});

test("what subscribers are told is frozen, and theirs", () => {
  const db = open();
  const events: DeltaEvent[] = [];
  db.onDelta((event) => events.push(event));
  const pool = new SharedDeltaPool(1024);
  pool.writeDelta({ ...create("a", 1, 2, 3), metadata: { deep: { k: 1 } } });
  pool.flush(db);
  pool.writeDelta(create("b", 9, 9, 9));
  const [event] = events;
  assert.ok(Object.isFrozen(event) && Object.isFrozen(event.operation));
  assert.ok(Object.values(event.metadata ?? {}).every(Object.isFrozen));
  assert.deepEqual(event.operation, { type: "create", vector: Float32Array.of(1, 2, 3) });
});

test("followers are woken by a flush", async () => {
  const db = open();
  const pool = new SharedDeltaPool(1024);
  const next = db.deltas().next();
  pool.writeDelta(create("a", 1, 2, 3));
  pool.flush(db);
  assert.equal((await next).value?.vectorId, "a");
});

test("writeDelta returns the bytes in use, which are the frames", () => {
  const pool = new SharedDeltaPool(1024);
  assert.deepEqual([pool.capacity, pool.length, pool.count], [1024, 0, 0]);
  assert.equal(pool.writeDelta(create("a", 1, 2, 3)), 24);
  assert.equal(pool.writeDelta(scale("bb", 0.5)), 24 + 16);
  assert.deepEqual([pool.length, pool.count, pool.getBufferLen()], [40, 2, 40]);
  assert.ok(pool.getBufferPtr() > 0);
  assert.deepEqual(
    readFrames(frames(pool)).map(({ id, floats }) => [id, floats]),
    [
      ["a", [1, 2, 3]],
      ["bb", [0.5]],
    ],
  );
  pool.clear();
  assert.deepEqual([pool.length, pool.count, pool.getBufferLen()], [0, 0, 0]);
});

test("the memory never grows, and holds what the pool was made for", () => {
  for (const capacity of [64, 65_472, 65_473, 65_536, 1_000_000]) {
    const pool = new SharedDeltaPool(capacity);
    const memory = pool.getMemory();
    assert.ok(memory instanceof WebAssembly.Memory);
    assert.ok(memory.buffer.byteLength - pool.getBufferPtr() >= capacity);
    assert.throws(() => memory.grow(1), RangeError);
  }
});

test("what fits exactly is taken, with a byte less it is refused and nothing changes", () => {
  const sparse = (n: number): VectorDelta => ({
    vectorId: "é".repeat(n),
    operation: {
      type: "sparse",
      indices: Uint32Array.from({ length: n }, (_, i) => 200 * i + 7),
      values: Float32Array.from({ length: n }, (_, i) => i),
    },
  });
  const deltas: VectorDelta[] = [
    { vectorId: "a", operation: { type: "delete" } },
    scale("ж", 2),
    sparse(1),
    sparse(19),
    sparse(300),
    create("v", ...Array.from({ length: 384 }, (_, i) => i)),
    {
      ...create("vw", ...Array.from({ length: 1001 }, (_, i) => i)),
      metadata: { k: "ü".repeat(500) },
    },
    { ...scale("a", 1), timestamp: new Date(), metadata: {} },
  ];
  for (const delta of deltas) {
    const size = new SharedDeltaPool(100_000).writeDelta(delta);
    for (const before of [0, 11, 22, 33]) {
      const first: VectorDelta = { vectorId: "x", operation: { type: "delete" } };
      const fill = (pool: SharedDeltaPool): void => {
        while (pool.length < before) {
          pool.writeDelta(first);
        }
      };
      if (before + size - 1 < 64) {
        continue;
      }
      const exact = new SharedDeltaPool(before + size);
      fill(exact);
      assert.equal(exact.writeDelta(delta), before + size);
      assert.deepEqual(exact.deltas().slice(before / 11).length, 1);
      const roomy = new SharedDeltaPool(100_000);
      fill(roomy);
      roomy.writeDelta(delta);
      assert.deepEqual(frames(exact), frames(roomy));

      const short = new SharedDeltaPool(before + size - 1);
      fill(short);
      const kept = bytesOf(short).slice();
      assert.throws(() => short.writeDelta(delta), {
        name: "DeltaError",
        code: "BUFFER_FULL",
        message: `the delta takes ${size} bytes; ${before} of ${before + size - 1} are in use`,
      });
      assert.deepEqual(bytesOf(short), kept);
      assert.deepEqual([short.length, short.count], [before, before / 11]);
      if (before > 0) {
        short.drop(0);
        assert.equal(short.writeDelta(delta), before - 11 + size);
      }
    }
  }
});

test("a pool is a list of deltas, whatever is written, dropped and forgotten", () => {
  const steps = fc.array(
    fc.oneof(
      anyDeltas.map((list) => ({ write: list[0] })),
      fc.nat(20).map((drop) => ({ drop })),
      fc.constant({ clear: true as const }),
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, fc.integer({ min: 64, max: 6000 }), (list, capacity) => {
      const pool = new SharedDeltaPool(capacity);
      let model: { size: number; delta: VectorDelta }[] = [];
      for (const step of list) {
        if ("write" in step) {
          const alone = new SharedDeltaPool(100_000);
          const size = alone.writeDelta(step.write);
          const used = model.reduce((sum, entry) => sum + entry.size, 0);
          if (used + size <= capacity) {
            assert.equal(pool.writeDelta(step.write), used + size);
            model.push({ size, delta: alone.deltas()[0] });
          } else {
            assert.throws(() => pool.writeDelta(step.write), { code: "BUFFER_FULL" });
          }
        } else if ("drop" in step) {
          if (step.drop < model.length) {
            assert.deepEqual(pool.drop(step.drop), model.splice(step.drop, 1)[0].delta);
          } else {
            assert.throws(() => pool.drop(step.drop), { code: "INVALID_ARGUMENT" });
          }
        } else {
          pool.clear();
          model = [];
        }
        assert.equal(pool.count, model.length);
        assert.deepEqual(
          pool.deltas(),
          model.map(({ delta }) => delta),
        );
      }
    }),
    { numRuns: 100 },
  );
});

test("a flush that is refused names the delta, changes nothing and keeps all", () => {
  const db = open();
  db.applyDelta(create("a", 1, 2, 3));
  const digest = db.stateDigest();
  const pool = new SharedDeltaPool(1024);
  pool.writeDelta(create("b", 1, 2, 3));
  pool.writeDelta(scale("nobody", 2));
  pool.writeDelta(create("c", 3, 2, 1));
  const kept = frames(pool);
  let index = -1;
  assert.throws(
    () => pool.flush(db),
    (error: DeltaError) => {
      index = error.index ?? -1;
      return error.code === "VECTOR_NOT_FOUND" && /^delta 1: .*"nobody"/.test(error.message);
    },
  );
  assert.equal(index, 1);
  assert.deepEqual([db.stateDigest(), db.position, db.size], [digest, 1, 1]);
  assert.deepEqual(frames(pool), kept);
  assert.deepEqual(pool.drop(index), scale("nobody", 2));
  assert.equal(pool.flush(db), 2);
  assert.deepEqual([...db.ids()].sort(), ["a", "b", "c"]);
  assert.deepEqual([pool.count, pool.length], [0, 0]);
});

test("a batch of one that is refused has an index, too", () => {
  const pool = new SharedDeltaPool(64);
  pool.writeDelta(scale("nobody", 2));
  assert.throws(() => pool.flush(open()), { code: "VECTOR_NOT_FOUND", index: 0 });
});

test("every kind of refusal leaves pool and database as they were", () => {
  const refused: [string, VectorDelta][] = [
    ["VECTOR_EXISTS", create("a", 1, 2, 3)],
    ["DIMENSION_MISMATCH", create("z", 1, 2)],
    ["NOT_FINITE", create("z", 1, 2, Number.NaN)],
    ["OUT_OF_ORDER", { ...scale("a", 1), timestamp: new Date(0) }],
    [
      "INVALID_ARGUMENT",
      {
        vectorId: "a",
        operation: { type: "sparse", indices: Uint32Array.of(3), values: Float32Array.of(1) },
      },
    ],
    ["CAPACITY_EXCEEDED", create("z", 1, 2, 3)],
  ];
  for (const [code, delta] of refused) {
    const db = open({ maxVectors: code === "CAPACITY_EXCEEDED" ? 2 : 10 });
    db.applyDelta(create("a", 1, 2, 3));
    const digest = db.stateDigest();
    const pool = new SharedDeltaPool(1024);
    pool.writeDelta(create("b", 1, 2, 3));
    pool.writeDelta(delta);
    const kept = frames(pool);
    for (let i = 0; i < 3; i++) {
      assert.throws(() => pool.flush(db), { code, index: 1 });
      assert.deepEqual(frames(pool), kept);
      assert.equal(db.stateDigest(), digest);
    }
  }
});

test("an empty pool is flushed to nothing", () => {
  const db = open();
  assert.equal(new SharedDeltaPool(64).flush(db), 0);
  assert.equal(db.position, 0);
});

test("a closed database takes no flush, and the deltas stay", () => {
  const db = open();
  db.close();
  const pool = new SharedDeltaPool(64);
  assert.throws(() => pool.flush(db), { code: "CLOSED" });
  pool.writeDelta(create("a", 1, 2, 3));
  assert.throws(() => pool.flush(db), { code: "CLOSED" });
  assert.equal(pool.flush(open()), 1);
});

test("one pool serves databases of any kind", () => {
  const pool = new SharedDeltaPool(100_000);
  for (const dimensions of [1, 3, 1000]) {
    for (const options of [
      { compression: false },
      { precision: { grid: 16 } },
      { keepFloats: false },
      { history: false, quantization: "none" as const },
    ]) {
      const db = open({ dimensions, ...options });
      const values = Array.from({ length: dimensions }, (_, i) => i - 1);
      for (let i = 0; i < 20; i++) {
        pool.writeDelta(create(`v${i}`, ...values));
      }
      assert.equal(pool.flush(db), 20);
      const expected = open({ dimensions, ...options });
      expected.applyDelta(create("v7", ...values));
      assert.deepEqual(db.getVector("v7"), expected.getVector("v7"));
    }
  }
});

test("without compression no runs are written", () => {
  const operation: DeltaOperation = {
    type: "sparse",
    indices: Uint32Array.from({ length: 50 }, (_, i) => i),
    values: new Float32Array(50),
  };
  const sizes = [true, false].map((compression) =>
    new SharedDeltaPool(1024, { compression }).writeDelta({ vectorId: "a", operation }),
  );
  assert.deepEqual(sizes, [9 + 2 + 3 + 200, 9 + 2 + 1 + 50 + 200]);
});

test("getters and toJSON of a delta may write to the pool, flush and clear it", () => {
  const db = open();
  for (const act of ["write", "flush", "clear", "drop"] as const) {
    for (const capacity of [64, 160, 1024]) {
      const pool = new SharedDeltaPool(capacity);
      pool.writeDelta(create(`first ${act} ${capacity}`, 1, 2, 3));
      const run = (): void => {
        switch (act) {
          case "write":
            try {
              pool.writeDelta({ vectorId: "in between", operation: { type: "delete" } });
            } catch (error) {
              assert.equal((error as DeltaError).code, "BUFFER_FULL");
            }
            break;
          case "flush":
            pool.flush(db);
            break;
          case "clear":
            pool.clear();
            break;
          default:
            if (pool.count > 0) {
              pool.drop(0);
            }
        }
      };
      const plain = create(`outer ${capacity}`, 4, 5, 6);
      const outer = {
        get vectorId() {
          run();
          return plain.vectorId;
        },
        operation: plain.operation,
      };
      const other = {
        ...scale(`first ${act} ${capacity}`, 3),
        metadata: {
          toJSON: () => {
            run();
            return { k: "v" };
          },
        },
      };
      for (const [delta, expected] of [
        [outer, plain],
        [other, { ...other, metadata: { k: "v" } }],
      ] as const) {
        try {
          pool.writeDelta(delta);
          // Whatever was done in between, it stands last, and whole.
          assert.deepEqual(pool.deltas().at(-1), expected);
        } catch (error) {
          assert.equal((error as DeltaError).code, "BUFFER_FULL");
        }
        assert.equal(pool.deltas().length, pool.count);
      }
    }
  }
});

test("subscribers may write to the pool, and what they write stays for the next flush", () => {
  const db = open();
  const pool = new SharedDeltaPool(1024);
  const seen: string[] = [];
  db.onDelta(({ vectorId, operation }) => {
    seen.push(`${operation.type} ${vectorId}`);
    if (operation.type === "create") {
      pool.writeDelta(scale(vectorId, 2));
    }
    if (vectorId === "b" && operation.type === "create") {
      pool.flush(db); // both scales
    }
  });
  pool.writeDelta(create("a", 1, 2, 3));
  pool.writeDelta(create("b", 1, 2, 3));
  pool.writeDelta(create("c", 1, 2, 3));
  assert.equal(pool.flush(db), 3);
  assert.deepEqual(seen, ["create a", "create b", "create c", "scale a", "scale b"]);
  assert.deepEqual(pool.deltas(), [scale("c", 2)]);
  assert.deepEqual(db.getVector("b"), Float32Array.of(2, 4, 6));
});

test("the clock must not use the pool that is being flushed", () => {
  const pool = new SharedDeltaPool(1024);
  const uses: (() => unknown)[] = [
    () => pool.writeDelta(scale("a", 2)),
    () => pool.clear(),
    () => pool.drop(0),
    () => pool.flush(other),
  ];
  const other = open();
  for (const use of uses) {
    let result: unknown;
    let asked = false;
    const now = (): number => {
      asked = true;
      try {
        result = use();
      } catch (error) {
        result = (error as DeltaError).code;
      }
      return 5;
    };
    const db = open({ now });
    pool.writeDelta(create("a", 1, 2, 3));
    assert.equal(pool.flush(db), 1);
    assert.ok(asked);
    assert.equal(result, "INVALID_ARGUMENT");
    assert.deepEqual([db.size, other.size, pool.count], [1, 0, 0]);
  }
});

test("a getter that closes the database does not harm the pool", () => {
  const db = open();
  const pool = new SharedDeltaPool(1024);
  const delta = {
    get vectorId() {
      db.close();
      return "a";
    },
    operation: create("a", 1, 2, 3).operation,
  };
  pool.writeDelta(delta);
  assert.throws(() => pool.flush(db), { code: "CLOSED" });
  assert.equal(pool.flush(open()), 1);
});

test("a delta that cannot be written leaves the pool as it was", () => {
  const bad: unknown[] = [
    null,
    {},
    { vectorId: "", operation: { type: "delete" } },
    { vectorId: "\ud800", operation: { type: "delete" } },
    { vectorId: "é".repeat(600), operation: { type: "delete" } },
    { vectorId: "a", operation: { type: "no" } },
    { vectorId: "a", operation: { type: "sparse", indices: [1, 1], values: [1, 2] } },
    { vectorId: "a", operation: { type: "dense", vector: [] }, metadata: { toJSON: () => 5 } },
    { vectorId: "a", operation: { type: "dense", vector: new Float32Array(70_000) } },
    { vectorId: "a", operation: { type: "scale", factor: 1 }, metadata: { x: Number.NaN } },
    {
      vectorId: "a",
      operation: { type: "scale", factor: 1 },
      metadata: { x: "é".repeat(9_000_000) },
    },
  ];
  for (const capacity of [64, 128, 100_000]) {
    const pool = new SharedDeltaPool(capacity);
    pool.writeDelta(create("a", 1, 2, 3));
    const kept = frames(pool);
    for (const delta of bad) {
      assert.throws(
        () => pool.writeDelta(delta as VectorDelta),
        ({ name, code, index }: DeltaError) =>
          name === "DeltaError" &&
          (code === "INVALID_ARGUMENT" || code === "DIMENSION_MISMATCH" || code === "NOT_FINITE") &&
          index === undefined,
      );
      assert.deepEqual([pool.length, pool.count], [24, 1]);
      assert.deepEqual(frames(pool), kept);
    }
    assert.equal(pool.writeDelta(scale("bb", 0.5)), 40);
    assert.deepEqual(pool.deltas(), [create("a", 1, 2, 3), scale("bb", 0.5)]);
  }
});

test("a delta may be changed once it is written", () => {
  const db = open();
  const pool = new SharedDeltaPool(1024);
  const vector = Float32Array.of(1, 2, 3);
  pool.writeDelta({ vectorId: "a", operation: { type: "create", vector } });
  vector.fill(9);
  pool.flush(db);
  assert.deepEqual(db.getVector("a"), Float32Array.of(1, 2, 3));
});

test("a view on a database can be written, also to that database", () => {
  const db = open({ dimensions: 500 });
  const values = Array.from({ length: 500 }, (_, i) => i);
  db.applyDelta(create("a", ...values));
  const pool = new SharedDeltaPool(1_000_000);
  for (let i = 0; i < 400; i++) {
    const vector = db.getVectorView("a");
    assert.ok(vector !== null);
    pool.writeDelta({ vectorId: `v${i}`, operation: { type: "create", vector } });
  }
  pool.flush(db);
  assert.deepEqual([...(db.getVector("v399") ?? [])], values);
});

test("a capacity out of range, and what is no database, is refused", () => {
  for (const capacity of [0, 63, 64.5, 2 ** 30 + 1, Number.NaN, -1, "64", undefined]) {
    assert.throws(() => new SharedDeltaPool(capacity as number), {
      code: "INVALID_ARGUMENT",
      message: /capacity/,
    });
  }
  assert.throws(() => new SharedDeltaPool(64, { compression: 1 as never }), {
    code: "INVALID_ARGUMENT",
    message: /compression/,
  });
  const pool = new SharedDeltaPool(64);
  for (const db of [undefined, null, {}, pool]) {
    assert.throws(() => pool.flush(db as never), { code: "INVALID_ARGUMENT", message: /^db must/ });
  }
  for (const index of [-1, 0, 1, 0.5, "0", undefined]) {
    assert.throws(() => pool.drop(index as number), { code: "INVALID_ARGUMENT", message: /index/ });
  }
});
