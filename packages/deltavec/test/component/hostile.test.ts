// Whatever a host may hand to the second world, every call ends with an answer or with an error of the WIT: never with a trap,
// which would end the instance. DELTAVEC_RUNS says how many random sequences of calls are tried.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ComponentError, type Database, type Databases, instantiate } from "deltavec/component";
import fc from "fast-check";

const { DELTAVEC_RUNS = 60 } = process.env;
const DIMENSIONS = 3;

let time = 0;
let databases: Databases;

before(async () => {
  databases = await instantiate({ now: () => time });
});

const u32 = fc.oneof(
  fc.constantFrom(0, 1, 2, 100, 10_000, 10_001, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1),
  fc.nat(2 ** 32 - 1),
);
const u64 = fc.oneof(
  fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 48n - 1n, 2n ** 48n, 2n ** 63n - 1n, 2n ** 63n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const id = fc.oneof(
  { arbitrary: fc.constantFrom("a", "b", "c", "é😀"), weight: 5 },
  {
    arbitrary: fc.constantFrom("", "y".repeat(1024), "y".repeat(1025), "é".repeat(513)),
    weight: 1,
  },
);
const float = fc.oneof(fc.constantFrom(0, 1, -1, 3e38, -3e38), fc.float());
const floats = fc.oneof(
  {
    arbitrary: fc.array(float, { minLength: DIMENSIONS, maxLength: DIMENSIONS }),
    weight: 5,
  },
  { arbitrary: fc.array(float, { maxLength: 20 }), weight: 1 },
);
const vector = floats.map((list) => Float32Array.from(list));
const letters = fc.constantFrom(
  ...['"', "{", "}", "[", "]", ":", ",", "\\", "\\ud83d", "é", "😀", "\0", "-", "1e9", "null", "x"],
);
const text = fc.oneof(
  fc.array(letters, { maxLength: 12 }).map((list) => list.join("")),
  fc.nat(200).map((n) => "[".repeat(n)),
  fc.nat(40).map((n) => `${'{"not":'.repeat(n)}{"exists":[["x"]]}${"}".repeat(n)}`),
  fc.constantFrom("", `"${"q".repeat(70_000)}"`, `{"q":"${"q".repeat(262_144)}"}`),
);
const json = fc.oneof(
  fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
  text,
);
const filter = fc.oneof(
  fc.constantFrom('{"equals":[["x"],1]}', '{"in":[["x"],[1,"s",null]]}', '{"and":[]}'),
  text,
);
const operation = fc.oneof(
  vector.map((val) => ({ tag: "create", val }) as const),
  vector.map((val) => ({ tag: "dense", val }) as const),
  fc
    .record({
      indices: fc
        .array(fc.oneof(fc.nat(DIMENSIONS), u32), { maxLength: 5 })
        .map((list) => Uint32Array.from(list)),
      values: fc.array(float, { maxLength: 5 }).map((list) => Float32Array.from(list)),
    })
    .map((val) => ({ tag: "sparse", val }) as const),
  float.map((val) => ({ tag: "scale", val }) as const),
  float.map((val) => ({ tag: "offset", val }) as const),
  fc.constant({ tag: "delete" } as const),
);
const options = fc.record(
  {
    dimensions: fc.oneof({ arbitrary: fc.constant(DIMENSIONS), weight: 5 }, u32),
    maxVectors: u32,
    compression: fc.boolean(),
    history: fc.boolean(),
    checkpointInterval: u32,
    autoCompactBytes: u64,
    grid: fc.oneof(fc.constantFrom(1, 1024), u32),
    maxClockAhead: u64,
    hnswM: fc.oneof(fc.constantFrom(2, 64), u32),
    hnswEfConstruction: u32,
    hnswEfSearch: u32,
    metric: fc.constantFrom("cosine", "dot", "euclidean"),
    quantization: fc.constantFrom("none", "int8", "int4"),
    keepFloats: fc.boolean(),
    recallSampleRate: fc.oneof(fc.constantFrom(0, 1), fc.double()),
    replica: u64,
  },
  { requiredKeys: [] },
);
/** Changes bytes: cuts them off, or puts others in some places. */
const damage = fc
  .record({
    length: fc.option(fc.nat(2000), { nil: undefined }),
    changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
  })
  .map(({ length, changes }) => (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice(0, length);
    for (const [at, value] of copy.length === 0 ? [] : changes) {
      copy[at % copy.length] = value;
    }
    return copy;
  });

type Call = (db: Database, other: Database) => unknown;

const call: fc.Arbitrary<Call> = fc.oneof(
  {
    arbitrary: fc
      .array(
        fc.record(
          { vectorId: id, operation, metadata: json, timestamp: u64 },
          { requiredKeys: ["vectorId", "operation"] },
        ),
        { maxLength: 4 },
      )
      .map(
        (deltas): Call =>
          (db) =>
            db.apply(deltas),
      ),
    weight: 6,
  },
  id.map(
    (given): Call =>
      (db) => [db.getVector(given), db.has(given), db.size(), db.position()],
  ),
  id.map(
    (given): Call =>
      (db) =>
        db.getMetadata(given),
  ),
  fc.tuple(u32, u32).map(
    ([from, max]): Call =>
      (db) =>
        db.ids(from, max),
  ),
  fc
    .tuple(
      vector,
      u32,
      fc.record(
        {
          efSearch: u32,
          filter,
          metric: fc.constantFrom("cosine", "dot", "euclidean"),
          exact: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
    )
    .map(
      ([query, k, how]): Call =>
        (db) =>
          db.search(query, k, how),
    ),
  fc.tuple(id, u64).map(
    ([given, at]): Call =>
      (db) =>
        db.getVectorAt(given, at),
  ),
  fc.tuple(id, u64).map(
    ([given, at]): Call =>
      (db) =>
        db.getMetadataAt(given, at),
  ),
  fc.tuple(vector, u32, u64).map(
    ([query, k, at]): Call =>
      (db) =>
        db.searchAt(query, k, at),
  ),
  id.map(
    (given): Call =>
      (db) => {
        const [delta] = db.chain(given)?.deltas ?? [];
        return delta && db.rollbackTo(given, delta.deltaId);
      },
  ),
  fc.tuple(id, fc.oneof(text, fc.stringMatching(/^[0-9A-Z]{26}$/))).map(
    ([given, delta]): Call =>
      (db) =>
        db.rollbackTo(given, delta),
  ),
  u32.map(
    (from): Call =>
      (db) =>
        db.deltas(from),
  ),
  damage.map(
    (change): Call =>
      (db, other) =>
        db.merge(change(other.deltasSince(undefined))),
  ),
  damage.map(
    (change): Call =>
      (db, other) =>
        db.deltasSince(change(other.cursor())),
  ),
  fc.record({ before: u64, keepLast: u32, id, maxBytes: u64 }, { requiredKeys: [] }).map(
    (what): Call =>
      (db) =>
        db.compact(what),
  ),
  u32.map(
    (max): Call =>
      (db) => [db.repair(max), db.checkIndex(), db.stats()],
  ),
  fc
    .tuple(
      fc.record({ index: fc.boolean(), history: fc.boolean() }, { requiredKeys: [] }),
      fc.option(damage, { nil: (bytes: Uint8Array) => bytes }),
    )
    .map(
      ([what, change]): Call =>
        (db, other) =>
          db.import(change(other.export(what))),
    ),
);

/** Runs a call that may be refused. Returns whether it was not. */
function tame(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    assert.ok(error instanceof ComponentError, String(error));
    const { val } = (error as ComponentError<{ val: { message: string } }>).payload;
    assert.notEqual(val.message, "");
    return false;
  }
}

test("no call traps, and one that is refused changes nothing", () => {
  fc.assert(
    fc.property(
      options,
      fc.array(fc.record({ call, turn: fc.boolean(), now: fc.nat(2 ** 41) }), { maxLength: 40 }),
      (given, calls) => {
        time = 0;
        let first: Database | undefined;
        tame(() => {
          first = databases.Database.open(given);
        });
        const second = databases.Database.open({ dimensions: DIMENSIONS });
        const one = first ?? second;
        for (const { call: run, turn, now } of calls) {
          time = now;
          const [db, other] = turn ? [one, second] : [second, one];
          const before = db.stateDigest();
          if (!tame(() => run(db, other))) {
            assert.equal(db.stateDigest(), before);
          }
        }
        first?.[Symbol.dispose]();
        second[Symbol.dispose]();
      },
    ),
    { numRuns: Number(DELTAVEC_RUNS) },
  );
});
