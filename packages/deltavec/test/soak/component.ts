// Calls every function of a component again and again in wasmtime, and tells what memory that took.
// Run by hand: node test/soak/component.ts [calls of each kind, default 100,000] [expression that names kinds]
import assert from "node:assert/strict";
import { closeHosts, start, type World } from "../support/wasmtime/component.ts";
import type { Call, Resource, WasmtimeHost } from "../support/wasmtime/host.ts";

/** Calls that are made in turn. */
interface Round {
  readonly name: string;
  readonly calls: readonly Call[];
  /** How many of them are refused. */
  readonly refused: number;
}

/** What the calls of a kind took. */
export interface Soaked {
  readonly name: string;
  readonly calls: number;
  /** MB (2^20 bytes) of resident memory that came after the first three tenths. */
  readonly grown: number;
  /** Microseconds for each call: within the second tenth, and within the last. */
  readonly early: number;
  readonly late: number;
}

const DIMENSIONS = 16;
const VECTORS = 20;
const ID = "vector 7";
const UNKNOWN = "nobody";
const SHORT = Float32Array.of(1, 2, 3);
const QUERY = new Float32Array(DIMENSIONS).fill(0.5);
const NAN = QUERY.with(3, Number.NaN);
const JUNK = Uint8Array.from({ length: 300 }, (_, i) => (37 * i) % 256);

const vector = (i: number): Float32Array =>
  Float32Array.from({ length: DIMENSIONS }, (_, k) => Math.sin(1 + i * DIMENSIONS + k));

const method = (name: string, ...args: unknown[]): Call => [`[method]database.${name}`, ...args];

/** Every operation, good and bad, as its own delta. */
const operations = (metadata: object): { good: object[]; bad: object[] } => {
  const delta = (vectorId: string, tag: string, val?: unknown, more: object = {}): object => ({
    vectorId,
    operation: val === undefined ? { tag } : { tag, val },
    ...more,
  });
  const indices = Uint32Array.of(1, 15, 7);
  return {
    good: [
      delta("new", "create", QUERY, metadata),
      delta(ID, "sparse", { indices, values: SHORT }, metadata),
      delta(ID, "dense", QUERY),
      delta(ID, "scale", 0.5),
      delta(ID, "offset", 1),
      delta("new", "delete"),
    ],
    bad: [
      delta(ID, "create", QUERY),
      delta("", "create", QUERY),
      delta("x".repeat(1025), "create", QUERY),
      delta("new", "create", SHORT),
      delta("new", "create", NAN),
      delta(ID, "sparse", { indices: Uint32Array.of(1, 1), values: SHORT.subarray(0, 2) }),
      delta(ID, "sparse", { indices, values: SHORT.subarray(0, 2) }),
      delta(ID, "sparse", { indices: Uint32Array.of(DIMENSIONS), values: SHORT.subarray(0, 1) }),
      delta(ID, "dense", NAN),
      delta(ID, "scale", Number.POSITIVE_INFINITY),
      delta(ID, "offset", 1, { timestamp: 1n }),
      delta(ID, "offset", 1, { timestamp: 1n << 50n }),
      delta(UNKNOWN, "scale", 2),
      delta(UNKNOWN, "delete"),
    ],
  };
};

/** The first world's rounds. Those that change something begin with an import, so that no history piles up. */
async function firstWorld(host: WasmtimeHost): Promise<Round[]> {
  const db = (await host.call("[constructor]database", DIMENSIONS)) as Resource;
  const dead = (await host.call("[constructor]database", 0)) as Resource;
  const deltas = Array.from({ length: VECTORS }, (_, i) => ({
    vectorId: `vector ${i}`,
    operation: { tag: "create", val: vector(i) },
    timestamp: 1_700_000_000_000n,
  }));
  await host.call("[method]database.apply-deltas", db, deltas);
  const snapshot = await host.call("[method]database.export", db);
  const back = method("import", db, snapshot);
  const { good, bad } = operations({});
  const other = (await host.call("[constructor]database", 3)) as Resource;
  const round = (name: string, refused: number, ...calls: Call[]): Round => ({
    name,
    refused,
    calls,
  });
  const many = <T>(list: readonly T[], times: number): T[] => Array(times).fill(list).flat();
  return [
    round("constructor", 0, ["[constructor]database", DIMENSIONS]),
    round(
      "constructor, refused",
      0,
      ["[constructor]database", 0],
      ["[constructor]database", 65_537],
    ),
    round(
      "apply-delta",
      0,
      back,
      ...many(good, 16).map((delta) => method("apply-delta", db, delta)),
    ),
    round(
      "apply-delta, refused",
      bad.length + 1,
      ...bad.map((delta) => method("apply-delta", db, delta)),
      method("apply-delta", dead, good[0]),
    ),
    round("apply-deltas", 0, back, ...Array(16).fill(method("apply-deltas", db, good))),
    round(
      "apply-deltas, refused",
      bad.length,
      ...bad.map((delta) => method("apply-deltas", db, [...good, delta])),
    ),
    round("get-vector", 0, method("get-vector", db, ID)),
    round(
      "get-vector, unknown",
      0,
      method("get-vector", db, UNKNOWN),
      method("get-vector", db, ""),
    ),
    round("search", 0, method("search", db, QUERY, 10)),
    round("search, refused", 0, method("search", db, SHORT, 10), method("search", db, NAN, 10)),
    round("export", 0, method("export", db)),
    round("export, refused", 0, method("export", dead)),
    round("import", 0, back),
    round(
      "import, refused",
      4,
      method("import", db, JUNK),
      method("import", db, new Uint8Array(0)),
      method("import", db, (snapshot as Uint8Array).slice(0, -9)),
      method("import", other, snapshot),
    ),
  ];
}

/** The second world's rounds. */
async function secondWorld(host: WasmtimeHost): Promise<Round[]> {
  const options = { dimensions: DIMENSIONS, maxVectors: 1000, replica: 5n };
  const open = async (given: object = {}): Promise<Resource> =>
    (await host.call("[static]database.open", { ...options, ...given })) as Resource;
  const db = await open();
  const bare = await open({ history: false });
  const time = 1_700_000_000_000n;
  const created = (await host.call(
    "[method]database.apply",
    db,
    Array.from({ length: VECTORS }, (_, i) => ({
      vectorId: `vector ${i}`,
      operation: { tag: "create", val: vector(i) },
      metadata: JSON.stringify({ number: i, name: `é ${i}` }),
      timestamp: time,
    })),
  )) as string[];
  await host.call("[method]database.apply", db, [
    { vectorId: ID, operation: { tag: "scale", val: 2 }, timestamp: time + 5n },
  ]);
  const snapshot = (await host.call("[method]database.export", db, {})) as Uint8Array;
  const frames = (await host.call("[method]database.deltas-since", db, undefined)) as Uint8Array;
  const cursor = await host.call("[method]database.cursor", db);
  const back = method("import", db, snapshot);
  const target = await open();
  const empty = method(
    "import",
    target,
    await host.call("[method]database.export", await open(), {}),
  );
  const { good, bad } = operations({ metadata: '{"a":{"b":[1,"é"]}}' });
  const badMetadata = ["", "{", "[]", '{"a":01}', `{"a":"${"x".repeat(300_000)}"}`].map(
    (metadata) => ({ vectorId: ID, operation: { tag: "scale", val: 2 }, metadata }),
  );
  const rounds: Round[] = [];
  const round = (name: string, refused: number, ...calls: Call[]): void => {
    rounds.push({ name, refused, calls });
  };
  const refuses = (name: string, list: readonly unknown[][]): void =>
    round(`${name}, refused`, list.length, ...list.map((args) => method(name, db, ...args)));
  /** Calls of which all are answered, and calls of which none is. */
  const both = (name: string, answered: unknown[][], refused: unknown[][] = []): void => {
    round(name, 0, ...answered.map((args) => method(name, db, ...args)));
    if (refused.length > 0) {
      refuses(name, refused);
    }
  };
  const filter = '{"range":[["number"],{"gte":10}]}';
  round("open", 0, ["[static]database.open", options]);
  round(
    "open, refused",
    4,
    ["[static]database.open", { dimensions: 0 }],
    ["[static]database.open", { hnswM: 1_000_000 }],
    ["[static]database.open", { keepFloats: false, history: true }],
    ["[static]database.open", { dimensions: 65_536, maxVectors: 2 ** 32 - 1 }],
  );
  round("apply", 0, back, ...Array(16).fill(method("apply", db, good)));
  const wrong = [...bad, ...badMetadata].map((delta) => method("apply", db, [...good, delta]));
  round("apply, refused", wrong.length, ...wrong);
  both("get-vector", [[ID], [UNKNOWN]]);
  both("get-metadata", [[ID], [UNKNOWN]]);
  both("has", [[ID], [UNKNOWN]]);
  both("size", [[]]);
  both("ids", [[0, 20]], [[0, 0]]);
  both(
    "search",
    [
      [QUERY, 10, {}],
      [QUERY, 10, { filter }],
      [QUERY, 10, { exact: true }],
    ],
    [
      [SHORT, 10, {}],
      [NAN, 10, {}],
      [QUERY, 0, {}],
      [QUERY, 10, { filter: "{" }],
      [QUERY, 10, { efSearch: 0 }],
    ],
  );
  both(
    "get-vector-at",
    [
      [ID, time],
      [UNKNOWN, time],
    ],
    [],
  );
  round("get-vector-at, refused", 1, method("get-vector-at", bare, ID, time));
  both(
    "get-metadata-at",
    [
      [ID, time],
      [UNKNOWN, time],
    ],
    [],
  );
  round("get-metadata-at, refused", 1, method("get-metadata-at", bare, ID, time));
  both(
    "search-at",
    [[QUERY, 10, time]],
    [
      [SHORT, 10, time],
      [QUERY, 0, time],
      [NAN, 3, time],
    ],
  );
  both("chain", [[ID], [UNKNOWN]]);
  round("chain, refused", 1, method("chain", bare, ID));
  both("position", [[]]);
  both("deltas", [[0]]);
  round("deltas, refused", 1, method("deltas", bare, 0));
  round("merge", 0, empty, ...Array(16).fill(method("merge", target, frames)));
  both("merge", [[frames]], [[JUNK], [frames.slice(0, -3)], [frames.slice(3)]]);
  both("cursor", [[]]);
  both("deltas-since", [[undefined], [cursor]], [[JUNK], [new Uint8Array(0)]]);
  round(
    "compact",
    0,
    back,
    ...Array(16).fill(method("compact", db, { before: time + 1n, keepLast: 1 })),
  );
  both("compact", [[{ before: 0n }]], [[{ id: UNKNOWN }], [{ id: ID, maxBytes: 3n }]]);
  round(
    "rollback-to",
    0,
    back,
    ...Array(16)
      .fill([
        method("rollback-to", db, ID, created[7]),
        method("apply", db, [{ vectorId: ID, operation: { tag: "scale", val: 3 } }]),
      ])
      .flat(),
  );
  refuses("rollback-to", [
    [ID, "x"],
    [ID, created[8]],
    [UNKNOWN, created[7]],
  ]);
  both("repair", [[0], [100]]);
  both("check-index", [[]]);
  both("stats", [[]]);
  both("state-digest", [[]]);
  both("export", [[{}], [{ index: false, history: false }]]);
  round("import", 0, back);
  refuses("import", [[JUNK], [new Uint8Array(0)], [snapshot.slice(0, -9)], [snapshot.slice(9)]]);
  return rounds;
}

/**
 * Calls every function of a world, with what it takes and with what it refuses.
 *
 * @param count - calls of each kind
 * @param told - is given each kind's figures
 * @param only - the names of kinds
 */
export async function soak(
  world: World,
  count: number,
  told: (soaked: Soaked) => void,
  only: RegExp = /./,
): Promise<void> {
  const host = world === "delta-vector" ? await start(world) : await start(world, "wasi");
  const rounds = await (world === "delta-vector" ? firstWorld(host) : secondWorld(host));
  for (const { name, calls, refused } of rounds.filter((round) => only.test(round.name))) {
    const times = Math.ceil(count / calls.length);
    const { errors, marks } = await host.repeat(calls, times);
    assert.equal(errors, refused * times, `${name}: answers that are errors`);
    told({
      name,
      calls: times * calls.length,
      grown: (marks[9]![0] - marks[2]![0]) / 1024,
      early: marks[1]![1],
      late: marks[9]![1],
    });
  }
  await host.close();
}

if (import.meta.main) {
  const [count = "100000", only = "."] = process.argv.slice(2);
  for (const world of ["delta-vector", "deltavec"] as const) {
    let sum = 0;
    const tell = ({ name, calls, grown, early, late }: Soaked): void => {
      sum += grown;
      const times = `${early.toFixed(1)} µs, at the end ${late.toFixed(1)} µs`;
      console.log(`${world} ${name}: ${calls} calls, ${grown.toFixed(2)} MB more, ${times}`);
    };
    await soak(world, Number(count), tell, new RegExp(only));
    console.log(`${world}: ${sum.toFixed(2)} MB more in all`);
  }
  await closeHosts();
}
