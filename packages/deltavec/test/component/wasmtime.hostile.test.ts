// Whatever a host can form, in wasmtime: a call never traps, and after an error all is as it was. DELTAVEC_RUNS says how many
// sequences of calls are tried of each world.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import fc from "fast-check";
import type { DeltaChain } from "../../src/component/deltavec-types.ts";
import { closeHosts, start, test, type World } from "../support/wasmtime/component.ts";
import {
  ComponentError,
  Resource,
  type Type,
  type WasmtimeHost,
} from "../support/wasmtime/host.ts";

const { DELTAVEC_RUNS = 40 } = process.env;
const DIMENSIONS = 5;

/** Calls of a sequence. */
const LENGTH = 25;

before(() => init());
after(closeHosts);

/** Bytes that are something, to be damaged: snapshots, frames, cursors. */
interface Known {
  readonly bytes: readonly Uint8Array[];
  readonly deltaIds: readonly string[];
}

const IDS = ["a", "b", "größe 😀", "x".repeat(1024)];
const TEXTS = [
  ...["{}", '{"k":{"d":[1,null]}}', '{"k":null}', "[]", "null", '{"a":01}', '{"a":1e999}', "{"],
  ...['{"equals":[["k","d"],1]}', '{"range":[["n"],{"gte":0}]}', '{"and":[]}', '{"not":{}}'],
  `${'{"a":'.repeat(70)}1${"}".repeat(70)}`,
];

const u32: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.nat(12) },
  fc.nat(70_000),
  fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 2, 65_536, 65_537),
  fc.nat(2 ** 32 - 1),
);

const u64: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 3, arbitrary: fc.bigInt({ min: 0n, max: 20n }) },
  fc.bigInt({ min: 1_700_000_000_000n, max: 1_700_000_000_020n }),
  fc.constantFrom(2n ** 48n - 1n, 2n ** 48n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);

const f32: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, -0, 1, -1, 0.5, 2) },
  fc.float(),
  fc.constantFrom(3.4028234663852886e38, 1e-45, Number.NaN, 1 / 0, -1 / 0),
);

function text(known: Known): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...IDS) },
    { weight: 2, arbitrary: fc.constantFrom(...TEXTS) },
    fc.constantFrom("", "\0", "é".repeat(513), "x".repeat(300_000), ...known.deltaIds),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.json({ maxDepth: 3 }),
  );
}

/** Known bytes as they are, with damage, cut; or any. */
function bytes(known: Known): fc.Arbitrary<Uint8Array> {
  const whole = fc.constantFrom(...known.bytes);
  const damaged = fc
    .tuple(whole, fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { minLength: 1, maxLength: 3 }))
    .map(([all, changes]) => {
      const wrong = all.slice();
      for (const [at, value] of changes) {
        wrong[at % wrong.length] = value;
      }
      return wrong;
    });
  const cut = fc.tuple(whole, fc.nat(5000)).map(([all, at]) => all.slice(0, at % all.length));
  return fc.oneof(whole, damaged, cut, fc.uint8Array({ maxLength: 100 }));
}

function floats(): fc.Arbitrary<Float32Array> {
  const list = (size: object, value = f32): fc.Arbitrary<Float32Array> =>
    fc.array(value, size).map((values) => Float32Array.from(values));
  const exact = { minLength: DIMENSIONS, maxLength: DIMENSIONS };
  return fc.oneof(
    { weight: 5, arbitrary: list(exact, fc.float({ min: -2, max: 2, noNaN: true })) },
    list(exact),
    list({ maxLength: 8 }),
    fc.constant(new Float32Array(70_000)),
  );
}

/** Values of a type, often such as have a meaning. */
function valuesOf(type: Type, known: Known, self: Resource): fc.Arbitrary<unknown> {
  switch (type.type) {
    case "bool":
      return fc.boolean();
    case "u8":
      return fc.nat(255);
    case "u16":
      return fc.nat(65_535);
    case "u32":
      return u32;
    case "u64":
      return u64;
    case "f32":
    case "f64":
      return f32;
    case "string":
      return text(known);
    case "resource":
      return fc.constant(self);
    case "enum":
      return fc.constantFrom(...type.names);
    case "option":
      return fc.oneof(
        { weight: 3, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: valuesOf(type.payload, known, self) },
      );
    case "record":
      return fc.record(
        Object.fromEntries(type.fields.map(([key, each]) => [key, valuesOf(each, known, self)])),
      );
    case "variant":
      return fc.oneof(
        ...type.cases.map(([tag, each]) =>
          each === null
            ? fc.constant({ tag })
            : valuesOf(each, known, self).map((val) => ({ tag, val })),
        ),
      );
    case "list":
      switch (type.element.type) {
        case "u8":
          return bytes(known);
        case "f32":
          return floats();
        case "u32":
          return fc.oneof(
            { weight: 4, arbitrary: fc.uniqueArray(fc.nat(DIMENSIONS - 1), { maxLength: 5 }) },
            fc.array(u32, { maxLength: 8 }),
          );
        default:
          return fc.array(valuesOf(type.element, known, self), { maxLength: 4 });
      }
  }
}

/** A world as this test sees it. */
interface Side {
  readonly host: WasmtimeHost;
  readonly known: Known;
  /** Makes a database with some vectors. */
  make(): Promise<Resource>;
  /** What must be the same after an error. */
  state(db: Resource): Promise<unknown>;
}

const created = IDS.slice(0, 3).map((vectorId, i) => ({
  vectorId,
  operation: { tag: "create", val: Float32Array.from({ length: DIMENSIONS }, (_, k) => k - i) },
  timestamp: BigInt(3 + i),
}));

async function firstWorld(): Promise<Side> {
  const host = await start("delta-vector");
  const make = async (): Promise<Resource> => {
    const db = (await host.call("[constructor]database", DIMENSIONS)) as Resource;
    await host.call("[method]database.apply-deltas", db, created);
    return db;
  };
  const snapshotOf = async (db: Resource): Promise<Uint8Array> =>
    (await host.call("[method]database.export", db)) as Uint8Array;
  // Not the bytes: places that a refused batch had taken are free, but listed.
  const state = async (db: Resource): Promise<unknown> => {
    using read = new DeltaVectorDB({ dimensions: DIMENSIONS });
    read.import(await snapshotOf(db));
    return [read.stateDigest(), read.position, read.size];
  };
  const snapshot = await snapshotOf(await make());
  return { host, make, state, known: { bytes: [snapshot], deltaIds: [] } };
}

async function secondWorld(): Promise<Side> {
  const host = await start("deltavec", "clock");
  const method = (name: string, db: Resource, ...args: unknown[]): Promise<unknown> =>
    host.call(`[method]database.${name}`, db, ...args);
  const make = async (): Promise<Resource> => {
    const options = {
      dimensions: DIMENSIONS,
      maxVectors: 1000,
      replica: 7n,
      checkpointInterval: 2,
    };
    const db = (await host.call("[static]database.open", options)) as Resource;
    await method("apply", db, created);
    return db;
  };
  const db = await make();
  await method("apply", db, [
    { vectorId: "a", operation: { tag: "scale", val: 2 }, metadata: '{"k":1,"d":2}' },
  ]);
  const chains = await Promise.all(IDS.slice(0, 3).map((id) => method("chain", db, id)));
  const deltaIds = (chains as DeltaChain[]).map(({ deltas: [first] }) => first!.deltaId);
  const found = [
    await method("export", db, {}),
    await method("export", db, { index: false }),
    await method("deltas-since", db, undefined),
    await method("cursor", db),
  ] as Uint8Array[];
  const state = async (on: Resource): Promise<unknown> => [
    await method("state-digest", on),
    await method("position", on),
    await method("size", on),
    await method("cursor", on),
  ];
  return { host, make, state, known: { bytes: found, deltaIds } };
}

for (const [world, begin] of [
  ["delta-vector", firstWorld],
  ["deltavec", secondWorld],
] as const satisfies readonly (readonly [World, () => Promise<Side>])[]) {
  test(`${world}: no call traps, and one that is refused changes nothing`, async (t) => {
    const { host, known, make, state } = await begin();
    const self = new Resource(0);
    const functions = Object.entries(host.hello.functions);
    const tried = new Map(functions.map(([name]) => [name, { answered: 0, refused: 0 }]));
    const callOf = ([name, parameters]: (typeof functions)[number]): fc.Arbitrary<
      [string, unknown[]]
    > =>
      fc.tuple(
        fc.constant(name),
        fc.tuple(
          ...parameters.map(([parameter, type]) =>
            parameter === "delta" && type.type === "string"
              ? fc.oneof(fc.constantFrom(...known.deltaIds), text(known))
              : valuesOf(type, known, self),
          ),
        ),
      );
    const call = fc.constantFrom(...functions).chain(callOf);
    const run = async (db: Resource, name: string, args: unknown[]): Promise<void> => {
      const counts = tried.get(name)!;
      const before = await state(db);
      try {
        const given = args.map((arg) => (arg === self ? db : arg));
        const made = await host.call(name, ...given);
        counts.answered++;
        if (made instanceof Resource) {
          await host.drop(made);
        }
      } catch (error) {
        // Traps, and what the host could not pass on, fail the test.
        if (!(error instanceof ComponentError)) {
          throw error;
        }
        counts.refused++;
        assert.deepEqual(await state(db), before, `${name} was refused: ${error.message}`);
      }
    };
    const property = fc.asyncProperty(
      fc.array(call, { minLength: LENGTH, maxLength: LENGTH }),
      async (calls) => {
        const db = await make();
        try {
          for (const [name, args] of calls) {
            await run(db, name, args);
          }
        } finally {
          await host.drop(db);
        }
      },
    );
    const { DELTAVEC_SEED = Math.trunc(Math.random() * 2 ** 31) } = process.env;
    const seed = Number(DELTAVEC_SEED);
    t.diagnostic(`seed ${seed}`);
    await fc.assert(property, { numRuns: Number(DELTAVEC_RUNS), seed });
    // What chance has left out is tried until it is answered: values that are always refused would test nothing.
    for (const each of functions) {
      const [name] = each;
      const counts = tried.get(name)!;
      for (const [, args] of fc.sample(callOf(each), { numRuns: 1000, seed })) {
        if (counts.answered > 0) {
          break;
        }
        const db = await make();
        await run(db, name, args);
        await host.drop(db);
      }
      assert.ok(counts.answered > 0, `${name} was never answered but by an error`);
    }
  });
}

test("deltavec: where memory runs out, that is an error, and all else goes on", async () => {
  const host = await start("deltavec", "clock", `memory=${16 * 2 ** 20}`);
  const options = { dimensions: 1000, maxVectors: 100_000, replica: 7n };
  const db = (await host.call("[static]database.open", options)) as Resource;
  const apply = (i: number): Promise<unknown> =>
    host.call("[method]database.apply", db, [
      {
        vectorId: `vector ${i}`,
        operation: { tag: "create", val: new Float32Array(1000).fill(i + 1) },
      },
    ]);
  let made = 0;
  let refused: unknown;
  while (refused === undefined && made < 10_000) {
    await apply(made).then(
      () => made++,
      (error) => {
        refused = error;
      },
    );
  }
  assert.ok(refused instanceof ComponentError, `${refused} after ${made} vectors`);
  assert.equal((refused.payload as { tag: string }).tag, "out-of-memory");
  assert.equal(await host.call("[method]database.size", db), made);
  const last = await host.call("[method]database.get-vector", db, `vector ${made - 1}`);
  assert.deepEqual(last, new Float32Array(1000).fill(made));
  await host.drop(db);
  const again = await host.call("[static]database.open", options);
  assert.ok(again instanceof Resource);
});

test("delta-vector: where memory runs out, that is an error, and all else goes on", async () => {
  const host = await start("delta-vector", `memory=${16 * 2 ** 20}`);
  const db = (await host.call("[constructor]database", 1000)) as Resource;
  let made = 0;
  let refused: unknown;
  while (refused === undefined && made < 10_000) {
    const val = new Float32Array(1000).fill(made + 1);
    const delta = { vectorId: `vector ${made}`, operation: { tag: "create", val } };
    await host.call("[method]database.apply-delta", db, delta).then(
      () => made++,
      (error) => {
        refused = error;
      },
    );
  }
  assert.ok(refused instanceof ComponentError, `${refused} after ${made} vectors`);
  assert.match(String(refused.payload), /^OUT_OF_MEMORY: /);
  const last = await host.call("[method]database.get-vector", db, `vector ${made - 1}`);
  assert.deepEqual(last, new Float32Array(1000).fill(made));
});
