/// <reference lib="esnext.disposable" preserve="true" />
import { DeltaIdFormatter } from "./delta-id.ts";
import { DeltaError, describe, invalid } from "./errors.ts";
import { EventHub } from "./events.ts";
import { type DeltaDraft, FrameWriter, TIME_LIMIT, toFloats, writeId } from "./frame.ts";
import { Instance } from "./instance.ts";
import { loadedModule } from "./module.ts";
import type {
  DeltaDBOptions,
  DeltaEvent,
  DeltaListener,
  DeltaMetric,
  DeltaStats,
  ResolvedDeltaDBOptions,
  SearchResult,
  VectorDelta,
} from "./types.ts";

const METRICS: readonly DeltaMetric[] = ["cosine", "dot", "euclidean"];
/** Ids that are read at a time. */
const IDS_PAGE = 256;
/** The most hits that can be asked for by a number of 32 bits. */
const MAX_K = 0x7fff_ffff;

/**
 * A database of vectors that change by deltas, with search for the nearest ones.
 *
 * Everything is synchronous and in memory. Each database has a WebAssembly instance of its own: memory is given back
 * when it is closed or collected, and a fault in one never reaches another.
 *
 * Every method throws a {@link DeltaError} `CLOSED` after {@link DeltaVectorDB.close}. After any error the database is
 * as it was before the call.
 *
 * @example
 * ```ts
 * import { DeltaVectorDB, init } from "deltavec";
 *
 * await init();
 * const db = new DeltaVectorDB({ dimensions: 3 });
 * db.applyDelta({ vectorId: "a", operation: { type: "create", vector: new Float32Array([1, 0, 0]) } });
 * db.search(new Float32Array([1, 0.1, 0]), 1); // [{ id: "a", score: 0.995… }]
 * ```
 */
export class DeltaVectorDB {
  readonly #options: ResolvedDeltaDBOptions;
  readonly #dimensions: number;
  readonly #now: () => number;
  readonly #instance: Instance;
  readonly #writer: FrameWriter;
  readonly #ids: DeltaIdFormatter;
  readonly #events: EventHub;

  /**
   * Makes an empty database.
   *
   * @param options - all optional
   * @throws DeltaError `INVALID_ARGUMENT` naming the option that is out of its range; `CLOSED` if `init` was not
   * awaited; `OUT_OF_MEMORY`
   */
  constructor(options: DeltaDBOptions = {}) {
    const module = loadedModule();
    this.#options = resolve(options);
    this.#dimensions = this.#options.dimensions;
    this.#now = options.now ?? Date.now;
    this.#instance = new Instance(module, {
      ...this.#options,
      metric: METRICS.indexOf(this.#options.metric),
    });
    this.#writer = new FrameWriter(this.#instance);
    this.#ids = new DeltaIdFormatter(this.#options.replicaId);
    this.#events = new EventHub(options.onError);
  }

  /** The options that the database runs with, defaults filled in. */
  get options(): ResolvedDeltaDBOptions {
    return this.#options;
  }

  /** Number of live vectors. O(1) */
  get size(): number {
    this.#instance.check();
    return this.#instance.size;
  }

  /**
   * Applies one delta. O(dimensions), and for a change of the vector the work of the search graph.
   *
   * @returns the delta's id: 26 characters of Crockford base32 that sort by time
   * @throws DeltaError `INVALID_ARGUMENT`, `DIMENSION_MISMATCH`, `NOT_FINITE`, `VECTOR_NOT_FOUND`, `VECTOR_EXISTS`,
   * `OUT_OF_ORDER`, `CAPACITY_EXCEEDED`, `OUT_OF_MEMORY`
   */
  applyDelta(delta: VectorDelta): string {
    const now = this.#time();
    const instance = this.#instance;
    const writer = this.#writer;
    const drafts: DeltaDraft[] | undefined = this.#events.active ? [] : undefined;
    instance.beginReading();
    try {
      writer.begin();
      writer.append(delta, -1, drafts);
    } finally {
      instance.endReading();
    }
    instance.apply(writer.start, writer.length, 1, now, false);
    const words = instance.words;
    const record = instance.output;
    const id = this.#ids.format(words[record], words[record + 1], words[record + 2]);
    if (drafts !== undefined) {
      const time = words[record] + words[record + 1] * 2 ** 32;
      this.#events.emit([toEvent(drafts[0], id, time)]);
    }
    return id;
  }

  /**
   * Applies deltas in order, all of them or, if one is refused, none. A delta sees what those before it did. Cheaper than
   * one by one. The batch is held in memory as a whole; some hundreds of deltas are a good size.
   *
   * @returns the deltas' ids, in the same order
   * @throws DeltaError as {@link DeltaVectorDB.applyDelta}, with the `index` of the offending delta
   */
  applyDeltas(deltas: readonly VectorDelta[]): string[] {
    const now = this.#time();
    if (!Array.isArray(deltas)) {
      throw invalid(`deltas must be an array, not ${describe(deltas)}`);
    }
    const ids: string[] = [];
    const count = deltas.length;
    if (count === 0) {
      return ids;
    }
    const instance = this.#instance;
    const writer = this.#writer;
    const drafts: DeltaDraft[] | undefined = this.#events.active ? [] : undefined;
    instance.beginReading();
    try {
      writer.begin();
      for (let i = 0; i < count; i++) {
        writer.append(deltas[i], i, drafts);
      }
    } finally {
      instance.endReading();
    }
    instance.apply(writer.start, writer.length, count, now, true);
    const words = instance.words;
    let record = instance.output;
    const events: DeltaEvent[] = [];
    for (let i = 0; i < count; i++, record += 4) {
      const low = words[record];
      const high = words[record + 1];
      const id = this.#ids.format(low, high, words[record + 2]);
      ids.push(id);
      if (drafts !== undefined) {
        events.push(toEvent(drafts[i], id, low + high * 2 ** 32));
      }
    }
    if (drafts !== undefined) {
      this.#events.emit(events);
    }
    return ids;
  }

  /**
   * Returns a copy of a vector's current values.
   *
   * @param id - the vector's id
   * @returns `dimensions` floats, or null if there is no such vector. O(dimensions)
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id
   */
  getVector(id: string): Float32Array | null {
    const address = this.#find(id);
    if (address === 0) {
      return null;
    }
    const at = address >>> 2;
    return this.#instance.floats.slice(at, at + this.#dimensions);
  }

  /**
   * Returns a vector's current values without copying them: a view on the database's memory.
   *
   * The view is valid until the next call of any method of this database, which may change the values, move the vector,
   * or grow the memory (the view's length becomes 0 then). It may be given to that call, but not to `applyDeltas`. Never
   * write to it. Copy what is to be kept.
   *
   * @param id - the vector's id
   * @returns `dimensions` floats, or null if there is no such vector. O(1)
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id
   */
  getVectorView(id: string): Float32Array | null {
    const address = this.#find(id);
    return address === 0
      ? null
      : new Float32Array(this.#instance.floats.buffer, address, this.#dimensions);
  }

  /**
   * Returns a vector's metadata: all merge patches so far, merged.
   *
   * @param id - the vector's id
   * @returns a new object, `{}` if the vector has none, or null if there is no such vector
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id
   */
  getMetadata(id: string): Record<string, unknown> | null {
    const instance = this.#instance;
    instance.check();
    const json = instance.metadata(writeId(instance, id));
    if (json === undefined) {
      return null;
    }
    return json === "" ? {} : (JSON.parse(json) as Record<string, unknown>);
  }

  /**
   * Tells whether a vector exists. O(1)
   *
   * @param id - the vector's id
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id
   */
  has(id: string): boolean {
    return this.#find(id) !== 0;
  }

  /**
   * Iterates over the ids of all live vectors, in no particular order. The database may change meanwhile: a vector that
   * is there all the time comes exactly once, one that comes or goes at most once.
   */
  ids(): IterableIterator<string> {
    this.#instance.check();
    return this.#allIds();
  }

  /**
   * Finds the vectors closest to a query, by the database's metric.
   *
   * @param query - `dimensions` finite values
   * @param k - how many to find, 1 or more
   * @returns up to `k` hits, closest first; fewer if there are not so many vectors. About O(log size)
   * @throws DeltaError `DIMENSION_MISMATCH`, `NOT_FINITE`, `INVALID_ARGUMENT`, `OUT_OF_MEMORY`
   */
  search(query: Float32Array, k: number): SearchResult[] {
    const instance = this.#instance;
    instance.check();
    const floats = query instanceof Float32Array && query.length > 0 ? query : this.#queryOf(query);
    if (!Number.isInteger(k) || k < 1) {
      throw invalid(`k must be a whole number of 1 or more, not ${describe(k)}`);
    }
    const length = floats.length;
    // One of another length is refused by its length; its values are not looked at.
    if (length === this.#dimensions) {
      if (4 * length > instance.inputBytes) {
        instance.grow(4 * length, 0); // before the first vector came, so the query is no view on one
      }
      instance.floats.set(floats, instance.input >>> 2);
    }
    const count = instance.search(length, Math.min(k, MAX_K));
    const hits: SearchResult[] = [];
    const words = instance.words;
    const scores = instance.floats;
    let record = instance.output;
    for (let i = 0; i < count; i++, record += 4) {
      hits.push({
        id: instance.text(words[record + 1], words[record + 2]),
        score: scores[record],
      });
    }
    return hits;
  }

  /**
   * Subscribes to the deltas that are applied from now on.
   *
   * Deltas come once they are applied (those of a batch once the whole batch is), before the applying call returns, to
   * every subscriber in the same order. A callback may apply deltas: their events follow those that wait. What a callback
   * throws is reported to `options.onError` and disturbs nobody else.
   *
   * @param callback - called with each delta
   * @returns what ends the subscription, also from within a callback; calling it again does nothing
   * @throws DeltaError `INVALID_ARGUMENT` for what is not a function
   */
  onDelta(callback: DeltaListener): () => void {
    this.#instance.check();
    if (typeof callback !== "function") {
      throw invalid(`callback must be a function, not ${describe(callback)}`);
    }
    return this.#events.subscribe(callback);
  }

  /** Returns sizes and counts. O(1) */
  stats(): DeltaStats {
    const instance = this.#instance;
    instance.check();
    instance.stats();
    const { view, output } = instance;
    const word = (offset: number): number => view.getUint32(4 * output + offset, true);
    const double = (offset: number): number => view.getFloat64(4 * output + offset, true);
    return {
      size: word(0),
      capacity: word(4),
      memoryBytes: double(8),
      usedBytes: double(16),
      vectorBytes: double(24),
      graphBytes: double(32),
      textBytes: double(40),
      mapBytes: double(48),
      deltas: double(56),
      maxLevel: word(64),
      stride: word(68),
    };
  }

  /**
   * Returns the digest of the state, that is of all live vectors and their metadata, as 16 hexadecimal digits. The same
   * state has the same digest on every platform, however it came about. O(size)
   */
  stateDigest(): string {
    const instance = this.#instance;
    instance.check();
    instance.digest();
    const { words, output } = instance;
    return hex(words[output + 1], 8) + hex(words[output], 8);
  }

  /**
   * Closes the database and frees its memory; ends all subscriptions. Every other method throws `CLOSED` afterwards.
   * Closing again does nothing.
   */
  close(): void {
    this.#instance.close();
    this.#events.close();
  }

  /** Closes the database at the end of a `using` declaration. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Returns a query given as another kind of list. */
  #queryOf(query: unknown): Float32Array {
    const floats = toFloats(query);
    if (typeof floats === "string") {
      throw invalid(`query ${floats}`);
    }
    this.#instance.check(); // the list may have had getters
    return floats;
  }

  /** Checks that calls are let in, and asks the clock. */
  #time(): number {
    this.#instance.check();
    const now = this.#now();
    this.#instance.check(); // the clock is the caller's, too
    if (!(now >= 0 && now < TIME_LIMIT)) {
      throw invalid(`options.now returned ${describe(now)}, not Unix milliseconds`);
    }
    return now;
  }

  #find(id: string): number {
    const instance = this.#instance;
    instance.check();
    return instance.find(writeId(instance, id));
  }

  *#allIds(): IterableIterator<string> {
    const instance = this.#instance;
    for (let slot = 0; slot >= 0; ) {
      instance.check();
      const count = instance.ids(slot, IDS_PAGE);
      const { words, output } = instance;
      const page: string[] = [];
      for (let i = 0; i < count; i++) {
        page.push(instance.text(words[output + 2 * i], words[output + 2 * i + 1]));
      }
      slot = instance.next;
      yield* page;
    }
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

function toEvent(draft: DeltaDraft, deltaId: string, time: number): DeltaEvent {
  const { vectorId, operation, metadata } = draft;
  const timestamp = new Date(time);
  return Object.freeze(
    metadata === undefined
      ? { deltaId, vectorId, operation, timestamp }
      : { deltaId, vectorId, operation, metadata, timestamp },
  );
}

/** Checks types and fills in defaults; ranges are checked by the core. */
function resolve(options: DeltaDBOptions): ResolvedDeltaDBOptions {
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  const compression = options.compression ?? true;
  if (typeof compression !== "boolean") {
    throw invalid(`option compression must be a boolean, not ${describe(compression)}`);
  }
  const metric = options.metric ?? "cosine";
  if (!METRICS.includes(metric)) {
    throw invalid(`option metric must be one of ${METRICS.join(", ")}, not ${describe(metric)}`);
  }
  for (const name of ["onError", "now"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") {
      throw invalid(`option ${name} must be a function, not ${describe(options[name])}`);
    }
  }
  return Object.freeze({
    dimensions: whole("dimensions", options.dimensions ?? 384),
    maxVectors: whole("maxVectors", options.maxVectors ?? 100_000),
    compression,
    checkpointInterval: whole("checkpointInterval", options.checkpointInterval ?? 100),
    hnswM: whole("hnswM", options.hnswM ?? 16),
    hnswEfConstruction: whole("hnswEfConstruction", options.hnswEfConstruction ?? 100),
    hnswEfSearch: whole("hnswEfSearch", options.hnswEfSearch ?? 50),
    metric,
    replicaId: replica(options.replicaId),
  });
}

function whole(name: string, value: number): number {
  if (!Number.isInteger(value) || (value | 0) !== value) {
    throw invalid(`option ${name} must be a whole number of 32 bits, not ${describe(value)}`);
  }
  return value;
}

function replica(given: string | undefined): string {
  if (given === undefined) {
    return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => hex(byte, 2)).join("");
  }
  if (typeof given !== "string" || !/^[0-9a-f]{12}$/i.test(given)) {
    throw invalid(`option replicaId must be 12 hexadecimal digits, not ${describe(given)}`);
  }
  return given.toLowerCase();
}
