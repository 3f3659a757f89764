// What the WIT of `ruvector:delta` says, sentence by sentence, whatever runs the component.
import type * as wit from "../../src/component/delta-vector-types.ts";
import { check, near, same } from "../behaviour/check.ts";
import type { Awaitable, Harness } from "../behaviour/face.ts";
import { Random } from "../support/random.ts";
import type { Later } from "./face.ts";

/** A database of the first world, in this process or another. */
export type SmallDatabase = Later<Omit<wit.Database, typeof Symbol.dispose>>;

/**
 * A component of the first world. Its functions take and give what jco's do, and throw an error whose `payload` is the WIT's
 * text.
 */
export interface SmallComponent {
  create(dimensions: number): Awaitable<SmallDatabase>;
  /** Drops a database. */
  drop(database: SmallDatabase): Awaitable<void>;
}

/** The largest timestamp. */
const LAST = 2n ** 48n - 1n;

const floats = (...values: number[]): Float32Array => Float32Array.from(values);

const at = (vectorId: string, operation: wit.DeltaOperation, time?: bigint): wit.VectorDelta =>
  time === undefined ? { vectorId, operation } : { vectorId, operation, timestamp: time };

const create = (id: string, ...values: number[]): wit.VectorDelta =>
  at(id, { tag: "create", val: floats(...values) });

const scale = (id: string, factor: number, time?: bigint): wit.VectorDelta =>
  at(id, { tag: "scale", val: factor }, time);

const sparse = (id: string, indices: number[], values: number[]): wit.VectorDelta =>
  at(id, { tag: "sparse", val: { indices: Uint32Array.from(indices), values: floats(...values) } });

const remove = (id: string): wit.VectorDelta => at(id, { tag: "delete" });

const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The milliseconds in a delta's id. */
function timeOf(id: string): bigint {
  check(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id), `${id} is not base32`);
  return [...id].reduce((bits, digit) => 32n * bits + BigInt(DIGITS.indexOf(digit)), 0n) >> 80n;
}

/** Runs what must be answered with an error: `CODE: message`. */
async function refused(
  run: () => Awaitable<unknown>,
  code: string,
  message: RegExp,
): Promise<void> {
  let text: unknown;
  try {
    await run();
  } catch (error) {
    ({ payload: text } = error as { payload?: unknown });
    check(typeof text === "string", `${error} was thrown`);
  }
  check(text !== undefined, `nothing was refused, but ${code} was expected`);
  check(String(text).startsWith(`${code}: `), `the error is "${text}", not ${code}`);
  check(message.test(String(text)), `"${text}" does not match ${message}`);
}

/** Registers the tests. */
export function smallSuite({ test }: Harness, component: () => Awaitable<SmallComponent>): void {
  const opened: SmallDatabase[] = [];
  const open = async (dimensions: number): Promise<SmallDatabase> => {
    const db = await (await component()).create(dimensions);
    opened.push(db);
    return db;
  };
  const each = (name: string, body: () => Promise<void>): void =>
    test(name, async () => {
      try {
        await body();
      } finally {
        for (const db of opened.splice(0)) {
          await (await component()).drop(db);
        }
      }
    });

  each("the six operations do what the WIT says", async () => {
    const db = await open(3);
    const value = async (delta: wit.VectorDelta): Promise<Float32Array | undefined> => {
      await db.applyDelta(delta);
      return db.getVector("a");
    };
    same(await value(create("a", 1, 2, 3)), floats(1, 2, 3));
    same(await value(sparse("a", [2, 0], [9, 7])), floats(7, 2, 9));
    same(await value(at("a", { tag: "dense", val: floats(4, 5, 6) })), floats(4, 5, 6));
    same(await value(scale("a", 0.5)), floats(2, 2.5, 3));
    same(await value(at("a", { tag: "offset", val: 1 })), floats(3, 3.5, 4));
    same(await value(remove("a")), undefined);
    same(await value(create("a", 1, 1, 1)), floats(1, 1, 1));
  });

  each("ids of deltas sort by time, which is the newest so far, and 0 at first", async () => {
    const db = await open(1);
    const ids = [
      await db.applyDelta(create("a", 1)),
      await db.applyDelta(scale("a", 2, 1_700_000_000_000n)),
      await db.applyDelta(create("b", 1)),
      await db.applyDelta(scale("b", 2, LAST)),
      ...(await db.applyDeltas([scale("a", 1), scale("a", 2)])),
    ];
    same(ids.map(timeOf).join(), `0,1700000000000,1700000000000,${LAST},${LAST},${LAST}`);
    same([...ids].sort().join(), ids.join(), "order");
    same(new Set(ids).size, 6, "number of ids");
  });

  each("a delta must not be older than its vector's newest, but than another's", async () => {
    const db = await open(1);
    await db.applyDelta(at("a", { tag: "create", val: floats(1) }, 100n));
    await refused(() => db.applyDelta(scale("a", 2, 99n)), "OUT_OF_ORDER", /"a"/);
    same(timeOf(await db.applyDelta(scale("a", 2, 100n))), 100n, "time");
    const older = at("b", { tag: "create", val: floats(1) }, 5n);
    same(timeOf(await db.applyDelta(older)), 5n, "time");
  });

  const wrong: [string, wit.VectorDelta, string, RegExp][] = [
    [
      "a timestamp of 2^48",
      scale("a", 2, LAST + 1n),
      "INVALID_ARGUMENT",
      /timestamp.*281474976710656/,
    ],
    [
      "the largest timestamp there is",
      scale("a", 2, 2n ** 64n - 1n),
      "INVALID_ARGUMENT",
      /timestamp/,
    ],
    ["an empty id", create("", 1, 2, 3), "INVALID_ARGUMENT", /id.*empty/],
    ["an id of 1,025 bytes", create("x".repeat(1025), 1, 2, 3), "INVALID_ARGUMENT", /id.*1024/],
    ["create with an id in use", create("a", 1, 2, 3), "VECTOR_EXISTS", /"a"/],
    ["create with too few values", create("b", 1, 2), "DIMENSION_MISMATCH", /\b2\b.*\b3\b/],
    ["create with no values", create("b"), "DIMENSION_MISMATCH", /\b0\b.*\b3\b/],
    [
      "dense with too many",
      at("a", { tag: "dense", val: floats(1, 2, 3, 4) }),
      "DIMENSION_MISMATCH",
      /"a"/,
    ],
    ["NaN", create("b", 1, Number.NaN, 3), "NOT_FINITE", /"b"/],
    ["an infinite value", sparse("a", [1], [1 / 0]), "NOT_FINITE", /"a"/],
    ["a factor that is not finite", scale("a", Number.NaN), "NOT_FINITE", /"a"/],
    ["an amount that is not finite", at("a", { tag: "offset", val: -1 / 0 }), "NOT_FINITE", /"a"/],
    ["a product that is not finite", scale("a", 3e38), "NOT_FINITE", /"a"/],
    ["an index out of range", sparse("a", [3], [1]), "INVALID_ARGUMENT", /index 3\b/],
    [
      "the largest index",
      sparse("a", [2 ** 32 - 1], [1]),
      "INVALID_ARGUMENT",
      /index 4294967295\b/,
    ],
    [
      "an index that comes twice",
      sparse("a", [1, 0, 1], [1, 2, 3]),
      "INVALID_ARGUMENT",
      /index 1 is repeated/,
    ],
    [
      "more indices than values",
      sparse("a", [0, 1], [1]),
      "INVALID_ARGUMENT",
      /2 indices.*1 values/,
    ],
    [
      "fewer indices than values",
      sparse("a", [0], [1, 2]),
      "INVALID_ARGUMENT",
      /1 indices.*2 values/,
    ],
    ["sparse of none", sparse("b", [0], [1]), "VECTOR_NOT_FOUND", /"b"/],
    ["scale of none", scale("b", 1), "VECTOR_NOT_FOUND", /"b"/],
    ["delete of none", remove("b"), "VECTOR_NOT_FOUND", /"b"/],
  ];
  for (const [name, delta, code, message] of wrong) {
    each(`refused, and nothing changes: ${name}`, async () => {
      const db = await open(3);
      await db.applyDelta(create("a", 2, 2, 3));
      const query = floats(1, 2, 3);
      const state = async (): Promise<unknown> => [
        await db.getVector("a"),
        await db.search(query, 10),
      ];
      const before = await state();
      await refused(() => db.applyDelta(delta), code, message);
      same(await state(), before, "state");
      const batch = [create("new", 1, 2, 3), scale("a", 2), delta, create("newer", 1, 2, 3)];
      await refused(() => db.applyDeltas(batch), code, /delta 2\b/);
      same(await state(), before, "state after the batch");
      batch.splice(2, 1);
      same((await db.applyDeltas(batch)).length, 3, "number of deltas without it");
      same(await db.getVector("a"), floats(4, 4, 6));
    });
  }

  each("a batch is applied in its order, and an empty one is", async () => {
    const db = await open(1);
    same(await db.applyDeltas([]), []);
    const ids = await db.applyDeltas([create("a", 1), scale("a", 5), remove("a"), create("a", 7)]);
    same(ids.length, 4, "number of ids");
    same(await db.getVector("a"), floats(7));
  });

  each("thousands of deltas of all kinds go in one batch", async () => {
    const db = await open(64);
    const random = new Random(3);
    const vectors = Array.from({ length: 800 }, () => random.vector(64));
    const deltas = vectors.flatMap((vector, i) => [
      at(`v${i}`, { tag: "create", val: vector }),
      sparse(`v${i}`, [63, 5, 17], [1, i, 3]),
    ]);
    same(new Set(await db.applyDeltas(deltas)).size, 1600, "number of ids");
    for (const i of [0, 1, 255, 799]) {
      vectors[i].set([i], 5);
      vectors[i].set([3], 17);
      vectors[i].set([1], 63);
      same(await db.getVector(`v${i}`), vectors[i], `v${i}`);
    }
  });

  for (const [what, id] of [
    ["one letter", "x"],
    ["1,024 letters", "w".repeat(1024)],
    ["256 emoji, 1,024 bytes", "🦀".repeat(256)],
    ["a byte order mark and zero", "\ufeff\u0000"],
  ]) {
    each(`an id of ${what} comes back as it was`, async () => {
      const db = await open(2);
      await db.applyDelta(create(id, 1, 2));
      same(await db.getVector(id), floats(1, 2));
      same((await db.search(floats(1, 2), 1))[0].id, id);
    });
  }

  each("what is not there is none, whatever it is called", async () => {
    const db = await open(2);
    for (const id of ["a", "", "x".repeat(1025), "x".repeat(100_000)]) {
      same(await db.getVector(id), undefined);
    }
  });

  each("a search finds the closest by cosine, closest first", async () => {
    const db = await open(2);
    await db.applyDeltas([
      create("x", 1, 0),
      create("y", 0, 5),
      create("-x", -3, 0),
      create("xy", 2, 2),
    ]);
    const hits = await db.search(floats(1, 0.1), 10);
    same(hits.map(({ id }) => id).join(), "x,xy,y,-x");
    for (const [i, score] of [0.995037, 0.773957, 0.099504, -0.995037].entries()) {
      near(hits[i].score, score, 1e-5, `score ${i}`);
    }
    same((await db.search(floats(1, 0.1), 2)).map(({ id }) => id).join(), "x,xy");
    same(
      (await db.search(floats(1, 0.1), 2 ** 32 - 1)).length,
      4,
      "number of hits for the largest k",
    );
  });

  each("a search that makes no sense finds nothing", async () => {
    const db = await open(2);
    same(await db.search(floats(1, 1), 5), [], "hits in an empty database");
    await db.applyDelta(create("a", 1, 2));
    for (const query of [
      floats(),
      floats(1),
      floats(1, 2, 3),
      floats(1, Number.NaN),
      floats(1 / 0, 1),
    ]) {
      same(await db.search(query, 5), [], `hits of ${query}`);
    }
    same(await db.search(floats(1, 1), 0), [], "hits for a k of 0");
    same((await db.search(floats(0, 0), 1)).length, 1, "number of hits of zero");
  });

  each("a search sees every change at once", async () => {
    const db = await open(2);
    await db.applyDeltas([create("a", 1, 0), create("b", 0, 1)]);
    const first = async (): Promise<string> => (await db.search(floats(1, 0.1), 1))[0].id;
    same(await first(), "a");
    await db.applyDelta(scale("a", -1));
    same(await first(), "b");
    await db.applyDelta(remove("b"));
    same(await first(), "a");
  });

  each("a snapshot is the database, and imports into another", async () => {
    const db = await open(8);
    const random = new Random(4);
    await db.applyDeltas(
      Array.from({ length: 500 }, (_, i) => create(`v${i}`, ...random.vector(8))),
    );
    await db.applyDeltas([scale("v3", 2, 9n), remove("v4")]);
    const data = await db.export();
    const copy = await open(8);
    await copy.applyDelta(create("gone", ...random.vector(8)));
    await copy.import(data);
    same(await copy.getVector("gone"), undefined);
    same(await copy.getVector("v4"), undefined);
    same(await copy.getVector("v3"), await db.getVector("v3"));
    for (let i = 0; i < 5; i++) {
      const query = random.vector(8);
      same(await copy.search(query, 10), await db.search(query, 10), `hits ${i}`);
    }
    // One later where the new number lies before that of the newest delta, as ids ascend.
    const time = timeOf(await copy.applyDelta(scale("v3", 2)));
    check(time === 9n || time === 10n, `the time of the next delta is ${time}`);
  });

  each("deltas after an import have a number of their own", async () => {
    const db = await open(1);
    const first = await db.applyDelta(create("a", 1));
    const copy = await open(1);
    await copy.import(await db.export());
    const replica = (id: string): string => id.slice(-9);
    const [here, there] = [
      await db.applyDelta(scale("a", 2)),
      await copy.applyDelta(scale("a", 2)),
    ];
    same(replica(here), replica(first), "replica of the first");
    check(replica(there) !== replica(here), `both are ${replica(here)}`);
  });

  each("refused, and nothing changes: what is no snapshot, or of other dimensions", async () => {
    const db = await open(2);
    await db.applyDelta(create("a", 1, 2));
    const before = await db.export();
    const other = await open(3);
    await other.applyDelta(create("a", 1, 2, 3));
    const large = await other.export();
    await refused(() => db.import(large), "DIMENSION_MISMATCH", /\b3\b.*\b2\b/);
    for (const [name, data] of [
      ["nothing", new Uint8Array(0)],
      ["zeros", new Uint8Array(5000)],
      ["half of one", before.slice(0, before.length / 2)],
      ["one and a byte", Uint8Array.of(...before, 0)],
      ["a broken one", before.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
    ] as const) {
      await refused(() => db.import(data), "CORRUPT_DATA", /./);
      same(await db.export(), before, `snapshot after ${name}`);
    }
    await db.import(before);
    same(await db.getVector("a"), floats(1, 2));
  });

  for (const dimensions of [0, 65_537, 2 ** 32 - 1]) {
    each(`${dimensions} dimensions give a database that does nothing, and says why`, async () => {
      const db = await open(dimensions);
      await refused(() => db.applyDelta(create("a", 1)), "INVALID_ARGUMENT", /dimensions/);
      await refused(() => db.applyDeltas([create("a", 1)]), "INVALID_ARGUMENT", /dimensions/);
      await refused(() => db.import(new Uint8Array(9)), "INVALID_ARGUMENT", /dimensions/);
      same(await db.getVector("a"), undefined);
      same(await db.search(floats(1), 1), []);
      same((await db.export()).length, 0, "bytes of the snapshot");
    });
  }

  for (const dimensions of [1, 65_536]) {
    each(`${dimensions} dimensions are possible`, async () => {
      const db = await open(dimensions);
      const vector = new Random(dimensions).vector(dimensions);
      await db.applyDelta(at("a", { tag: "create", val: vector }));
      same(await db.getVector("a"), vector);
      same((await db.search(vector, 1))[0].id, "a");
    });
  }

  each(
    "databases know nothing of each other, and one that is dropped leaves the others",
    async () => {
      const [one, two] = [await open(1), await open(2)];
      await one.applyDelta(create("a", 1));
      await two.applyDelta(create("a", 1, 2));
      opened.splice(opened.indexOf(one), 1);
      await (await component()).drop(one);
      same(await two.getVector("a"), floats(1, 2));
    },
  );

  each("hundreds of databases come and go", async () => {
    for (let i = 0; i < 300; i++) {
      const db = await open(8);
      await db.applyDeltas([create("a", 1, 2, 3, 4, 5, 6, 7, i), scale("a", 2)]);
      same((await db.getVector("a"))?.[7], 2 * i);
      opened.pop();
      await (await component()).drop(db);
    }
  });
}
