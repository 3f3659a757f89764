import type { Call, WasmtimeHost } from "../../../../deltavec/test/support/wasmtime/host.ts";
import type { World } from "./protocol.ts";

/** Small, as it is not the vectors that are to take memory. */
const DIMENSIONS = 8;

/** What is called again and again. */
export interface Soak {
  /** A call of each function, which together leave the database as it was: empty. */
  readonly turn: readonly Call[];
  /** How many of them answer with an error. */
  readonly errors: number;
}

/** Prepares the soak of a world: every function of it, its errors, databases that come and go. */
export async function soakOf(host: WasmtimeHost, world: World): Promise<Soak> {
  return world === "deltavec" ? await ofSecond(host) : await ofFirst(host);
}

const vector = (first: number): Float32Array =>
  Float32Array.from({ length: DIMENSIONS }, (_, i) => first + i);

const created = (vectorId: string): object => ({
  vectorId,
  operation: { tag: "create", val: vector(1) },
});

/** Each operation on a vector that was created. */
const edits = (vectorId: string): object[] =>
  [
    { tag: "sparse", val: { indices: Uint32Array.of(1, 3), values: Float32Array.of(0.5, 2) } },
    { tag: "dense", val: vector(2) },
    { tag: "scale", val: 2 },
    { tag: "offset", val: -1 },
    { tag: "delete" },
  ].map((operation) => ({ vectorId, operation }));

const GARBAGE = Uint8Array.of(1, 2, 3);

async function ofFirst(host: WasmtimeHost): Promise<Soak> {
  const db = await host.call("[constructor]database", DIMENSIONS);
  const call = (name: string, ...args: unknown[]): Call => [
    `[method]database.${name}`,
    db,
    ...args,
  ];
  const empty = await host.call(...call("export"));
  const turn = [
    call("apply-delta", created("a")),
    call("apply-deltas", [created("b"), ...edits("b"), created("b")]),
    call("get-vector", "a"),
    call("get-vector", "nobody"),
    call("search", vector(3), 2),
    call("export"),
    call("apply-delta", created("a")), // an error
    call("apply-deltas", [created("c"), created("a")]), // an error
    call("import", GARBAGE), // an error
    ["[constructor]database", DIMENSIONS],
    ["[constructor]database", 0],
    call("import", empty),
  ] as const;
  return { turn, errors: 3 };
}

async function ofSecond(host: WasmtimeHost): Promise<Soak> {
  const options = { dimensions: DIMENSIONS };
  const db = await host.call("[static]database.open", options);
  const call = (name: string, ...args: unknown[]): Call => [
    `[method]database.${name}`,
    db,
    ...args,
  ];
  const empty = await host.call(...call("export", {}));
  const other = await host.call("[static]database.open", { ...options, replica: 1n });
  const [delta] = (await host.call("[method]database.apply", other, [created("d")])) as string[];
  const frames = await host.call("[method]database.deltas-since", other, null);
  const now = BigInt(Date.now());
  const turn = [
    call("apply", [{ ...created("a"), metadata: '{"lang":"en"}' }]),
    call("apply", [created("b"), ...edits("b"), created("b")]),
    call("merge", frames),
    call("get-vector", "a"),
    call("get-metadata", "a"),
    call("has", "a"),
    call("size"),
    call("ids", 0, 10),
    call("search", vector(3), 2, {}),
    call("search", vector(3), 2, { filter: '{"equals":[["lang"],"en"]}' }),
    call("get-vector-at", "d", now),
    call("get-metadata-at", "d", now),
    call("search-at", vector(3), 2, now),
    call("chain", "b"),
    call("position"),
    call("deltas", 0),
    call("cursor"),
    call("deltas-since", null),
    call("rollback-to", "d", delta),
    call("compact", { keepLast: 1 }),
    call("repair", 10),
    call("check-index"),
    call("stats"),
    call("state-digest"),
    call("export", {}),
    call("apply", [created("a")]), // an error
    call("merge", GARBAGE), // an error
    call("import", GARBAGE), // an error
    ["[static]database.open", options],
    ["[static]database.open", { dimensions: 0 }], // an error
    call("import", empty),
  ] as const;
  return { turn, errors: 4 };
}
