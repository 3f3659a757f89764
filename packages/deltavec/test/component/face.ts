// The second world behind the face of `DeltaVectorDB`, so that the behaviour suite runs on a component, wherever that runs.

import type * as wit from "../../src/component/deltavec-types.ts";
import { toTime } from "../../src/dates.ts";
import { DeltaError, type DeltaErrorCode, describe, invalid } from "../../src/errors.ts";
import { filterText } from "../../src/filter.ts";
import type {
  CompactionStats,
  CompactOptions,
  DeltaChain,
  DeltaDBOptions,
  DeltaOperation,
  DeltaStats,
  FilterFunction,
  ImportResult,
  IndexReport,
  IssuedDelta,
  MergeResult,
  MetadataFilter,
  SearchOptions,
  VectorDelta,
} from "../../src/types.ts";
import type { Awaitable, Face, Open } from "../behaviour/face.ts";
import type { SuiteOptions } from "../behaviour/suite.ts";

/** An object whose methods may answer later. */
export type Later<T> = {
  readonly [Name in keyof T]: T[Name] extends (...given: infer Given) => infer Result
    ? (...given: Given) => Awaitable<Result>
    : T[Name];
};

/** A database of the second world, in this process or another. */
export type WitDatabase = Later<Omit<wit.Database, typeof Symbol.dispose>>;

/**
 * A component of the second world. Its functions take and give what jco's do, and throw an error with the WIT's error as
 * `payload`.
 */
export interface WitComponent {
  open(options: wit.Options): Awaitable<WitDatabase>;
  /** Drops a database. */
  drop(database: WitDatabase): Awaitable<void>;
  /**
   * Sets the clock that the component is given.
   *
   * @param time - Unix milliseconds; undefined: the platform's clock
   */
  setClock(time: number | undefined): Awaitable<void>;
}

/** The largest `u32`. */
const MAX_U32 = 2 ** 32 - 1;

/** Names in messages as the WIT has them, and as the package does. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^ef-search\b/, "options.efSearch"],
  [/^filter is/, "options.filter is"],
  [/^id\b/, "vectorId"],
  [/\boption grid\b/, "option precision.grid"],
  [/\bmax-clock-ahead\b/, "maxClockAheadMs"],
  [
    /\b(?:vector-id|max-vectors|checkpoint-interval|hnsw-(?:m|ef-construction|ef-search)|keep-floats|recall-sample-rate)\b/,
    "",
  ],
  [/\bauto-compact-bytes\b/, "autoCompact.maxBytes"],
];

/** What the suite has to know of a component. */
export const COMPONENT: SuiteOptions = {
  synchronous: false,
  typed: true,
  unsigned: true,
  callbacks: false,
  streams: false,
  many: false,
  lenient: true,
  idle: false,
};

/** Opens databases of a component for the suite. */
export function faceOf(component: WitComponent): Open {
  return async (options) => ComponentFace.open(component, options);
}

/** Its methods have the documentation of {@link Face}, and do nothing but change the form of what they are given and give. */
class ComponentFace implements Partial<Face> {
  readonly #component: WitComponent;
  readonly #database: WitDatabase;
  readonly #dimensions: number;
  readonly #now: (() => number) | undefined;
  #closed = false;

  private constructor(component: WitComponent, database: WitDatabase, options: DeltaDBOptions) {
    this.#component = component;
    this.#database = database;
    this.#dimensions = options.dimensions ?? 384;
    this.#now = options.now;
  }

  static async open(component: WitComponent, options: DeltaDBOptions): Promise<Face> {
    const database = await told(() => component.open(toOptions(options)));
    // What else there is in `Face` the suite does not call with these options.
    return new ComponentFace(component, database, options) as unknown as Face;
  }

  /** Calls a function of the database. */
  #call<T>(run: (database: WitDatabase) => Awaitable<T>): Promise<T> {
    if (this.#closed) {
      throw new DeltaError("CLOSED", "the database is closed");
    }
    return told(() => run(this.#database));
  }

  /** Calls a function that looks at the clock. */
  async #timed<T>(run: (database: WitDatabase) => Awaitable<T>): Promise<T> {
    if (this.#now === undefined) {
      return this.#call(run);
    }
    await this.#component.setClock(this.#now());
    try {
      return await this.#call(run);
    } finally {
      await this.#component.setClock(undefined);
    }
  }

  async applyDelta(delta: VectorDelta): Promise<string> {
    const given = toDelta(delta);
    try {
      const [id] = await this.#timed((db) => db.apply([given]));
      return id as string;
    } catch (error) {
      // Of one delta there is no index.
      throw error instanceof DeltaError ? new DeltaError(error.code, error.message) : error;
    }
  }

  async applyDeltas(deltas: VectorDelta[]): Promise<string[]> {
    const given = deltas.map(toDelta);
    return this.#timed((db) => db.apply(given));
  }

  async getVector(id: string): Promise<Float32Array | null> {
    return (await this.#call((db) => db.getVector(id))) ?? null;
  }

  async getMetadata(id: string): Promise<Record<string, unknown> | null> {
    const text = await this.#call((db) => db.getMetadata(id));
    return text === undefined ? ((await this.has(id)) ? {} : null) : JSON.parse(text);
  }

  async has(id: string): Promise<boolean> {
    return this.#call((db) => db.has(id));
  }

  async ids(): Promise<Iterable<string>> {
    const ids: string[] = [];
    for (let from: number | undefined = 0; from !== undefined; ) {
      const place: number = from;
      const page = await this.#call((db) => db.ids(place, 100));
      ids.push(...page.ids);
      from = page.next;
    }
    return ids;
  }

  get size(): Promise<number> {
    return this.#call((db) => db.size());
  }

  get position(): Promise<number> {
    return this.#call((db) => db.position());
  }

  async search(
    query: Float32Array,
    k: number,
    options?: SearchOptions,
  ): Promise<wit.SearchResult[]> {
    const given = toSearchOptions(options);
    return this.#call((db) => db.search(query, Math.min(k, MAX_U32), given));
  }

  async searchBatch(
    queries: readonly Float32Array[] | Float32Array,
    k: number,
    options?: SearchOptions,
  ): Promise<wit.SearchResult[][]> {
    const given = toSearchOptions(options);
    const list = ArrayBuffer.isView(queries) ? rowsOf(queries, this.#dimensions) : queries;
    if (list.length === 0) {
      await this.size; // closed or not
    }
    const hits: wit.SearchResult[][] = [];
    for (const query of list) {
      hits.push(await this.#call((db) => db.search(query, Math.min(k, MAX_U32), given)));
    }
    return hits;
  }

  async repair({ budgetMs = 1 / 0 } = {}): Promise<{ repaired: number; pending: number }> {
    if (!(budgetMs >= 0)) {
      throw invalid(`options.budgetMs must be a number of 0 or more, not ${describe(budgetMs)}`);
    }
    const end = performance.now() + budgetMs;
    const before = await this.#call((db) => db.repair(0));
    let pending = before;
    while (pending > 0 && performance.now() < end) {
      pending = await this.#call((db) => db.repair(1));
    }
    return { repaired: before - pending, pending };
  }

  async checkIndex(): Promise<IndexReport> {
    const { firstBad = null, ...counts } = await this.#call((db) => db.checkIndex());
    const { unreachable, brokenLinks, asymmetric, badLevels, badEntry, badLists } = counts;
    const bad = unreachable + brokenLinks + asymmetric + badLevels + badEntry + badLists;
    const { linked, duplicates, zero, pending, live } = counts;
    const ok = bad === 0 && linked + duplicates + zero + pending === live;
    return { ok, ...counts, firstBad };
  }

  async stats(): Promise<DeltaStats> {
    const { index, ...rest } = await this.#call((db) => db.stats());
    const { estimatedRecall = null } = index;
    return { ...numbers(rest), index: { ...numbers(index), estimatedRecall }, storage: null };
  }

  async stateDigest(): Promise<string> {
    return this.#call((db) => db.stateDigest());
  }

  async getVectorAt(id: string, timestamp: Date): Promise<Float32Array | null> {
    const time = toMilliseconds(timestamp);
    return (await this.#call((db) => db.getVectorAt(id, time))) ?? null;
  }

  async getMetadataAt(id: string, timestamp: Date): Promise<Record<string, unknown> | null> {
    const time = toMilliseconds(timestamp);
    const text = await this.#call((db) => db.getMetadataAt(id, time));
    if (text !== undefined) {
      return JSON.parse(text);
    }
    return (await this.getVectorAt(id, timestamp)) === null ? null : {};
  }

  async searchAt(query: Float32Array, k: number, timestamp: Date): Promise<wit.SearchResult[]> {
    const time = toMilliseconds(timestamp);
    return this.#call((db) => db.searchAt(query, k, time));
  }

  async getDeltaChain(id: string): Promise<DeltaChain> {
    const chain = await this.#call((db) => db.chain(id));
    if (chain === undefined) {
      return { vectorId: id, deltas: [], checkpoints: 0, horizon: null, bytes: 0, alive: false };
    }
    const behind = new Set(chain.checkpoints);
    const { bytes, alive } = chain;
    return {
      vectorId: id,
      deltas: chain.deltas.map((delta, i) => ({ ...fromDelta(delta), checkpoint: behind.has(i) })),
      checkpoints: behind.size + (chain.horizon === undefined ? 0 : 1),
      horizon: toDate(chain.horizon),
      bytes: Number(bytes),
      alive,
    };
  }

  async merge(bytes: Uint8Array): Promise<MergeResult> {
    const result = await this.#timed((db) => db.merge(toBytes("bytes", bytes)));
    const { merged, duplicates, rejected, rejectedFrames } = result;
    return {
      merged,
      duplicates,
      rejected: { count: rejected, bytes: new Uint8Array(rejectedFrames) },
    };
  }

  async cursor(): Promise<Uint8Array> {
    return this.#call((db) => db.cursor());
  }

  async deltasSince(cursor?: Uint8Array): Promise<Uint8Array> {
    const given = cursor === undefined ? undefined : toBytes("cursor", cursor);
    return this.#call((db) => db.deltasSince(given));
  }

  async compact(options: CompactOptions = {}): Promise<CompactionStats> {
    const { before, keepLast, ids, maxBytes } = options;
    if (ids !== undefined && maxBytes !== undefined) {
      throw invalid("maxBytes is of the whole log: it cannot be given with ids");
    }
    const bounds: wit.CompactOptions = {
      ...(before === undefined ? {} : { before: toMilliseconds(before, "before") }),
      ...(keepLast === undefined ? {} : { keepLast: toWhole("keepLast", keepLast, MAX_U32) }),
    };
    if (ids === undefined) {
      const given = {
        ...bounds,
        ...(maxBytes === undefined
          ? {}
          : { maxBytes: BigInt(toWhole("maxBytes", maxBytes, Number.MAX_SAFE_INTEGER)) }),
      };
      return fromCompaction(await this.#call((db) => db.compact(given)));
    }
    // Nothing is from before 1970: this only finds out whether all are known.
    let { bytesBefore, bytesAfter } = await this.#call((db) => db.compact({ before: 0n }));
    for (const id of ids) {
      await this.#call((db) => db.compact({ id, before: 0n }));
    }
    let [chains, deltas, horizon] = [0, 0, undefined as bigint | undefined];
    for (const id of ids) {
      const stats = await this.#call((db) => db.compact({ ...bounds, id }));
      chains += stats.chains;
      deltas += stats.deltas;
      bytesAfter = stats.bytesAfter;
      horizon = horizon === undefined || (stats.horizon ?? -1n) > horizon ? stats.horizon : horizon;
    }
    const total = { chains, deltas, bytesBefore, bytesAfter };
    return fromCompaction(horizon === undefined ? total : { ...total, horizon });
  }

  async rollbackTo(id: string, deltaId: string): Promise<string[]> {
    const made = await this.#timed((db) => db.rollbackTo(id, deltaId));
    return made === undefined ? [] : [made];
  }

  async export(options: wit.ExportOptions = {}): Promise<Uint8Array> {
    return this.#call((db) => db.export(options));
  }

  async import(data: Uint8Array): Promise<ImportResult> {
    const given = toBytes("data", data);
    const { replica, ...result } = await this.#call((db) => db.import(given));
    return { ...result, replicaId: replica.toString(16).padStart(12, "0") };
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      await this.#component.drop(this.#database);
    }
  }

  async getDimensions(): Promise<number> {
    await this.size; // closed or not
    return this.#dimensions;
  }
}

/** Runs a call; an error of the component becomes what the package throws. */
async function told<T>(run: () => Awaitable<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const { payload } = error as { payload?: wit.Refusal };
    if (payload === undefined) {
      throw error;
    }
    const code = payload.tag.replaceAll("-", "_").toUpperCase() as DeltaErrorCode;
    const { message, index } = payload.val;
    const named = NAMES.reduce(
      (text, [pattern, name]) => text.replace(pattern, (found) => name || camelCase(found)),
      message,
    );
    throw new DeltaError(code, named, index === undefined ? {} : { index });
  }
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function toOptions(options: DeltaDBOptions): wit.Options {
  const { maxClockAheadMs, autoCompact, precision, replicaId, ...rest } = options;
  const given: wit.Options = {};
  for (const name of [
    "dimensions",
    "maxVectors",
    "compression",
    "history",
    "checkpointInterval",
    "hnswM",
    "hnswEfConstruction",
    "hnswEfSearch",
    "metric",
    "quantization",
    "keepFloats",
    "recallSampleRate",
  ] as const) {
    if (rest[name] !== undefined) {
      Object.assign(given, { [name]: rest[name] });
    }
  }
  if (maxClockAheadMs !== undefined) {
    given.maxClockAhead = BigInt(
      toWhole("option maxClockAheadMs", maxClockAheadMs, Number.MAX_SAFE_INTEGER),
    );
  }
  if (autoCompact !== undefined && autoCompact !== null) {
    const { maxBytes } = autoCompact;
    given.autoCompactBytes = BigInt(
      toWhole("option autoCompact.maxBytes", maxBytes, Number.MAX_SAFE_INTEGER),
    );
  }
  if (precision !== undefined && precision !== null) {
    given.grid = toWhole("option precision.grid", precision.grid, MAX_U32);
  }
  if (replicaId !== undefined) {
    if (!/^[0-9a-f]{12}$/i.test(replicaId)) {
      throw invalid(`option replicaId must be 12 hexadecimal digits, not ${describe(replicaId)}`);
    }
    given.replica = BigInt(`0x${replicaId}`);
  }
  return given;
}

function toSearchOptions(options: SearchOptions | undefined): wit.SearchOptions {
  const { efSearch, filter, metric, exact } = options ?? {};
  return {
    ...(efSearch === undefined ? {} : { efSearch: toWhole("options.efSearch", efSearch, MAX_U32) }),
    ...(filter === undefined ? {} : { filter: filterOf(filter) }),
    ...(metric === undefined ? {} : { metric }),
    ...(exact === undefined ? {} : { exact }),
  };
}

function filterOf(filter: MetadataFilter | FilterFunction): string {
  return filterText(filter as MetadataFilter, "options.filter");
}

function toDelta(delta: VectorDelta): wit.Delta {
  const { vectorId, operation, metadata, timestamp } = delta;
  return {
    vectorId,
    operation: toOperation(operation),
    ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
    ...(timestamp === undefined ? {} : { timestamp: toMilliseconds(timestamp) }),
  };
}

function toOperation(operation: DeltaOperation): wit.Operation {
  switch (operation.type) {
    case "create":
    case "dense":
      return { tag: operation.type, val: operation.vector };
    case "sparse": {
      const { indices, values } = operation;
      return { tag: "sparse", val: { indices, values } };
    }
    case "scale":
      return { tag: "scale", val: operation.factor };
    case "offset":
      return { tag: "offset", val: operation.amount };
    case "delete":
      return { tag: "delete" };
  }
}

function fromDelta(delta: wit.IssuedDelta): IssuedDelta {
  const { deltaId, vectorId, operation, metadata, timestamp, origin } = delta;
  return {
    vectorId,
    operation: fromOperation(operation),
    ...(metadata === undefined ? {} : { metadata: JSON.parse(metadata) }),
    deltaId,
    timestamp: new Date(Number(timestamp)),
    origin,
  };
}

function fromOperation(operation: wit.Operation): DeltaOperation {
  switch (operation.tag) {
    case "create":
    case "dense":
      return { type: operation.tag, vector: operation.val };
    case "sparse":
      return { type: "sparse", ...operation.val };
    case "scale":
      return { type: "scale", factor: operation.val };
    case "offset":
      return { type: "offset", amount: operation.val };
    case "delete":
      return { type: "delete" };
  }
}

function fromCompaction(stats: wit.CompactionStats): CompactionStats {
  const { horizon, ...rest } = stats;
  return { ...numbers(rest), horizon: toDate(horizon) };
}

/** Returns an object with numbers in place of big integers. */
function numbers<T extends object>(
  record: T,
): { [Name in keyof T]: T[Name] extends bigint ? number : T[Name] } {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name,
      typeof value === "bigint" ? Number(value) : value,
    ]),
  ) as never;
}

function toDate(time: bigint | undefined): Date | null {
  return time === undefined ? null : new Date(Number(time));
}

/** A time as u64: one before 1970 is what a number of 64 bits without sign makes of it. */
function toMilliseconds(timestamp: Date, name?: string): bigint {
  return BigInt.asUintN(64, BigInt(toTime(timestamp, name)));
}

/** Checks a number that the WIT's types have no place for otherwise. */
function toWhole(name: string, value: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalid(`${name} must be a whole number of 0 or more, not ${describe(value)}`);
  }
  return Math.min(value, max);
}

function toBytes(name: string, bytes: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array)) {
    throw invalid(`${name} must be a Uint8Array, not ${describe(bytes)}`);
  }
  return bytes;
}

function rowsOf(queries: Float32Array, dimensions: number): Float32Array[] {
  return Array.from({ length: queries.length / dimensions }, (_, i) =>
    queries.subarray(i * dimensions, (i + 1) * dimensions),
  );
}
