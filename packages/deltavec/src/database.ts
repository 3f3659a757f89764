/// <reference lib="esnext.disposable" preserve="true" />
import { compact } from "./compaction.ts";
import { toDate, toTime } from "./dates.ts";
import { DeltaIds, writeDeltaId } from "./delta-id.ts";
import type { DurableDeltaVectorDB, DurableOptions, StorageSource } from "./durable.ts";
import { DeltaError, describe, invalid, requireReadable, requireSignal } from "./errors.ts";
import { EventHub } from "./events.ts";
import { DeltaIterator, LogReader, Waiters } from "./feed.ts";
import type { Following, FollowServerOptions } from "./follow-types.ts";
import {
  type DeltaDraft,
  type FrameForm,
  FrameWriter,
  freezeDeep,
  putOnGrid,
  TIME_LIMIT,
  toBytes,
  writeId,
} from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import { IdleRepair } from "./idle.ts";
import { Instance } from "./instance.ts";
import { Listeners } from "./listeners.ts";
import { loadedModule } from "./module.ts";
import { newReplica, openOptions, resolve } from "./options.ts";
import type { ConnectOptions, RemoteDeltaVectorDB, RemoteDurableDeltaVectorDB } from "./remote.ts";
import { repair } from "./repair.ts";
import { readReport, readStats } from "./reports.ts";
import { Search } from "./search.ts";
import {
  exportFlags,
  exportStream,
  exportWhole,
  Importer,
  type ImportOutcome,
} from "./snapshot.ts";
import { openReadable, openWritable } from "./stream-doors.ts";
import type { WritableOptions } from "./stream-types.ts";
import type {
  ChainDelta,
  CompactionStats,
  CompactOptions,
  DeltaChain,
  DeltaDBOptions,
  DeltaEvent,
  DeltaEventListener,
  DeltaListener,
  DeltaListenerOptions,
  DeltaOrigin,
  DeltaStats,
  ExportOptions,
  FeedOptions,
  FollowOptions,
  ImportResult,
  IndexReport,
  MergeResult,
  RepairOptions,
  RepairStats,
  ResolvedDeltaDBOptions,
  SearchOptions,
  SearchResult,
  VectorBlock,
  VectorDelta,
  WasmMemory,
} from "./types.ts";
import { CheckedViews, newRows, requireTarget } from "./views.ts";

/**
 * What other parts of the package do with a database, and its users do not.
 *
 * @internal
 */
export interface Backstage {
  readonly instance: Instance;
  readonly ids: DeltaIds;
  /** What frames of this database are written with. */
  readonly form: FrameForm;
  /**
   * Applies local frames (docs/format.md), all or none, and tells subscribers. {@link Instance.output} then has 4 words for
   * each, as after `dv_apply`.
   *
   * @param frames - one behind the other; may lie in the database's own memory, then they are not copied
   * @param count - how many there are
   * @param applied - called once they are applied, before subscribers are told
   * @throws DeltaError as `applyDeltas`, with the `index` of the offending delta; CORRUPT_DATA for what are no frames
   */
  applyFrames(frames: Uint8Array, count: number, applied?: () => void): void;
  /** A snapshot that the database itself had written was read into {@link instance}: goes on from there. */
  restored(): void;
}

/**
 * Returns what only the package itself may use of a database.
 *
 * @internal
 */
export function backstage(db: DeltaVectorDB): Backstage {
  return backstages.get(db) as Backstage;
}

const backstages = new WeakMap<DeltaVectorDB, Backstage>();

/** Ids that are read at a time. */
const IDS_PAGE = 256;
/** Bytes of a chain before its deltas, and of a merge's result before the deltas rejected (docs/abi.md). */
const CHAIN_BYTES = 32;
const MERGED_BYTES = 16;

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
  /** @internal Whatever minifying makes of it. */
  static readonly name = "DeltaVectorDB";
  #options: ResolvedDeltaDBOptions;
  readonly #dimensions: number;
  readonly #now: () => number;
  readonly #instance: Instance;
  readonly #form: FrameForm;
  readonly #writer: FrameWriter;
  readonly #ids: DeltaIds;
  readonly #events: EventHub;
  readonly #listeners: Listeners<DeltaVectorDB>;
  readonly #waiters = new Waiters();
  readonly #search: Search;
  readonly #idle: IdleRepair | undefined;
  readonly #checked: CheckedViews | undefined;
  /** How many deltas have come in. */
  #position = 0;

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
    this.#instance = new Instance(module, openOptions(this.#options));
    const { debug, keepFloats, reserve } = this.#options;
    if (debug) {
      const validity = { lookups: keepFloats, life: keepFloats && reserve };
      this.#checked = new CheckedViews(this.#instance, validity);
    }
    this.#search = new Search(this.#instance, this.#dimensions, this.#options.hnswEfSearch);
    this.#idle = this.#options.idleRepair ? new IdleRepair(this.#instance) : undefined;
    this.#instance.onEnd = () => {
      this.#waiters.wake();
      this.#idle?.cancel();
    };
    this.#form = {
      compression: this.#options.compression,
      grid: this.#options.precision?.grid ?? 0,
    };
    this.#writer = new FrameWriter(this.#instance, this.#form);
    this.#ids = new DeltaIds(this.#options.replicaId);
    this.#events = new EventHub(options.onError);
    this.#listeners = new Listeners<DeltaVectorDB>(this, (listener) =>
      this.#events.subscribe(listener, this.#position),
    );
    backstages.set(this, {
      instance: this.#instance,
      ids: this.#ids,
      form: this.#form,
      applyFrames: (frames, count, applied) => this.#applyFrames(frames, count, applied),
      restored: () => {
        this.#position = this.#options.history ? this.#instance.arrived() : this.#position;
      },
    });
  }

  /**
   * Makes an empty database in a worker, behind the same interface with answers that come later (docs/workers.md). `init`
   * need not have been called; a module that it has loaded is used there, too.
   *
   * @param options - the database's, and which worker; all optional
   * @throws DeltaError (as a rejection) what the constructor throws; `INVALID_ARGUMENT` also if the worker's script cannot
   * be loaded; `UNSUPPORTED_PLATFORM` without workers; `CLOSED` if the worker dies meanwhile
   *
   * @example
   * ```ts
   * await using db = await DeltaVectorDB.connect({ dimensions: 384 });
   * await db.search(query, 10);
   * ```
   */
  static connect(
    options: ConnectOptions & { readonly storage: string },
  ): Promise<RemoteDurableDeltaVectorDB>;
  static connect(options?: ConnectOptions): Promise<RemoteDeltaVectorDB>;
  static async connect(
    options: ConnectOptions = {},
  ): Promise<RemoteDeltaVectorDB | RemoteDurableDeltaVectorDB> {
    return (await import("./connect.ts")).connect(options);
  }

  /**
   * Opens a database that is kept in a storage, or makes one there, behind the same interface with answers that come later
   * (docs/storage.md). `init` must have been awaited.
   *
   * @param source - `idb://NAME`, `opfs://NAME`, `file:PATH`, `memory:NAME`, or a storage of one's own
   * @param options - the database's, and how it is kept; all optional, also `dimensions` of one that is there
   * @throws DeltaError (as a rejection) `INVALID_ARGUMENT`, also for options that contradict what is stored; `CORRUPT_DATA` naming
   * file, place and last good change; `LOCKED`, `STORAGE_FAILED`, `QUOTA_EXCEEDED`, `UNSUPPORTED_VERSION`, `CLOSED`,
   * `OUT_OF_MEMORY`
   *
   * @example
   * ```ts
   * await using db = await DeltaVectorDB.open("idb://notes", { dimensions: 384 });
   * ```
   */
  static async open(
    source: StorageSource,
    options: DurableOptions = {},
  ): Promise<DurableDeltaVectorDB> {
    return (await import("./storage/open.ts")).open(source, options);
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
   * How many deltas have come in, applied here or merged: the position that the next one will have. A feed that begins
   * `since` a position brings what came after it was read. O(1)
   */
  get position(): number {
    this.#instance.check();
    return this.#position;
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
    const position = this.#position;
    this.#advance(1);
    if (drafts !== undefined) {
      const time = words[record] + words[record + 1] * 2 ** 32;
      this.#events.emit([toEvent(drafts[0], id, time, position)]);
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
    const count = deltas.length;
    if (count === 0) {
      return [];
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
    return this.#issue(count, drafts);
  }

  /**
   * Returns a copy of a vector's current values; without `keepFloats`, of those of its code.
   *
   * @param id - the vector's id
   * @returns `dimensions` floats, or null if there is no such vector. O(dimensions)
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id
   */
  getVector(id: string): Float32Array | null {
    const at = this.#find(id) / 4;
    return at === 0 ? null : this.#instance.floats.slice(at, at + this.#dimensions);
  }

  /**
   * Copies a vector's current values into an array that is there already.
   *
   * @param id - the vector's id
   * @param target - room for `dimensions` floats, not in the database's memory
   * @returns false if there is no such vector; then nothing is copied. O(dimensions)
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id or a target, `DIMENSION_MISMATCH`
   */
  getVectorInto(id: string, target: Float32Array): boolean {
    const instance = this.#instance;
    instance.check();
    requireTarget(target, this.#dimensions, instance.memory.buffer);
    return this.#copy(id, target, 0);
  }

  /**
   * Returns copies of many vectors' current values in one block.
   *
   * @param ids - the vectors' ids; one may come more than once
   * @returns the values, one vector behind the other, zeros for those that do not exist; and which these are.
   * O(ids * dimensions)
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id, `OUT_OF_MEMORY`
   *
   * @example
   * ```ts
   * const { values, missing } = db.getVectors(["a", "b"]);
   * const b = values.subarray(dimensions, 2 * dimensions);
   * ```
   */
  getVectors(ids: readonly string[]): VectorBlock {
    this.#instance.check();
    if (!Array.isArray(ids)) {
      throw invalid(`ids must be an array, not ${describe(ids)}`);
    }
    const count = ids.length;
    const values = newRows(count, this.#dimensions);
    const missing: number[] = [];
    for (let i = 0; i < count; i++) {
      if (!this.#copy(ids[i], values, i * this.#dimensions)) {
        missing.push(i);
      }
    }
    return { values, missing };
  }

  /**
   * Returns a vector's current values without copying them: a view on the database's memory.
   *
   * The view is valid until the next call of any method of this database but those that look up vectors (`has`,
   * `getVector`, this one and the like), which may change the values, move the vector, or grow the memory (the view's
   * length becomes 0 then); and no longer than nothing is awaited, as idle time may be used for repair. It may be given to
   * that next call, but not to `applyDeltas`. Without `keepFloats` it shows the decoded values, in a place that the next
   * lookup takes. With the option `reserve` it is valid until its vector is deleted, and shows what its values become.
   * Never write to it. Copy what is to be kept. With the option `debug` a view that is not valid throws when it is read.
   *
   * @param id - the vector's id
   * @returns `dimensions` floats, or null if there is no such vector. O(1)
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id
   */
  getVectorView(id: string): Float32Array | null {
    const address = this.#find(id);
    if (address === 0) {
      return null;
    }
    const view = new Float32Array(this.#instance.floats.buffer, address, this.#dimensions);
    return this.#checked === undefined ? view : this.#checked.view(id, view);
  }

  /**
   * Returns where a vector's current values lie in {@link DeltaVectorDB.getMemory}: the address of `dimensions` float32, a
   * multiple of 64, or 0 if there is no such vector. Valid as long as a view. O(1)
   *
   * @param id - the vector's id
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id
   */
  getVectorPtr(id: string): number {
    return this.#find(id);
  }

  /** Returns the number of values of each vector. */
  getDimensions(): number {
    this.#instance.check();
    return this.#dimensions;
  }

  /**
   * Returns the memory that holds the vectors. Its `buffer` is another one each time it has grown. To be read only, and never
   * to be grown by others.
   */
  getMemory(): WasmMemory {
    this.#instance.check();
    return this.#instance.memory;
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
    return toMetadata(instance.metadata(writeId(instance, id)));
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
   * Finds the vectors closest to a query, by the database's metric unless the options name another.
   *
   * Where fewer pass a filter than `k`, all of these are found. A filter that is data is evaluated within the database. A
   * function is called for vectors near the query, at most once for each, and for all vectors where too few of those pass:
   * that costs some microseconds a vector.
   *
   * @param query - `dimensions` finite values
   * @param k - how many to find, 1 or more
   * @param options - how; all optional
   * @returns up to `k` hits, closest first; fewer if there are not so many vectors. About O(log size)
   * @throws DeltaError `DIMENSION_MISMATCH`, `NOT_FINITE`, `INVALID_ARGUMENT` naming the place within a filter,
   * `OUT_OF_MEMORY`; and whatever a function given as filter throws
   *
   * @example
   * ```ts
   * db.search(query, 10, { filter: { field: "year", range: { gte: 1900, lt: 2000 } } });
   * db.search(query, 10, { filter: (id, metadata) => id !== "doc-1" && metadata?.draft !== true });
   * ```
   */
  search(query: Float32Array, k: number, options?: SearchOptions): SearchResult[] {
    return this.#search.one(query, k, options);
  }

  /**
   * Searches for many queries. All are checked before the first is searched for. A function given as filter is called at
   * most once for each vector.
   *
   * @param queries - an array of queries, or the values of all, one query behind the other
   * @param k - how many to find for each, 1 or more
   * @param options - as for {@link DeltaVectorDB.search}
   * @returns the hits of each query, in the same order
   * @throws DeltaError as {@link DeltaVectorDB.search}, with the `index` of the offending query if one is
   */
  searchBatch(
    queries: readonly Float32Array[] | Float32Array,
    k: number,
    options?: SearchOptions,
  ): SearchResult[][] {
    return this.#search.batch(queries, k, options);
  }

  /**
   * Finds the vectors that were closest to a query at a time, exactly: by comparing with every one.
   *
   * @param query - `dimensions` finite values
   * @param k - how many to find, 1 or more
   * @param timestamp - when; all deltas up to and of this millisecond count
   * @returns as {@link DeltaVectorDB.search}, of the state at that time. O(vectors ever seen * checkpointInterval *
   * dimensions)
   * @throws DeltaError as {@link DeltaVectorDB.search}; `HISTORY_COMPACTED` if the history of any vector begins later
   */
  searchAt(query: Float32Array, k: number, timestamp: Date): SearchResult[] {
    return this.#search.at(query, k, toTime(timestamp));
  }

  /**
   * Returns a copy of the values that a vector had at a time.
   *
   * @param id - the vector's id
   * @param timestamp - when; all deltas up to and of this millisecond count
   * @returns `dimensions` floats, or null if the vector did not exist then. O(checkpoints + checkpointInterval *
   * dimensions)
   * @throws DeltaError `HISTORY_COMPACTED` if the vector's history begins later; `INVALID_ARGUMENT` for what cannot be an
   * id or a time, or without history
   */
  getVectorAt(id: string, timestamp: Date): Float32Array | null {
    const instance = this.#instance;
    const time = toTime(timestamp);
    instance.check();
    if (!instance.vectorAt(writeId(instance, id), time)) {
      return null;
    }
    const at = instance.output;
    return instance.floats.slice(at, at + this.#dimensions);
  }

  /**
   * Returns the metadata that a vector had at a time.
   *
   * @param id - the vector's id
   * @param timestamp - when, as for {@link DeltaVectorDB.getVectorAt}, which has the errors, too
   * @returns a new object, `{}` if the vector had none, or null if the vector did not exist then
   */
  getMetadataAt(id: string, timestamp: Date): Record<string, unknown> | null {
    const instance = this.#instance;
    const time = toTime(timestamp);
    instance.check();
    return toMetadata(instance.metadataAt(writeId(instance, id), time));
  }

  /**
   * Returns all that the log holds of a vector: its deltas in the order of their ids, and where checkpoints stand.
   *
   * @param id - the vector's id
   * @returns the chain; that of an id that was never seen has no deltas. O(bytes)
   * @throws DeltaError `INVALID_ARGUMENT` for what cannot be an id, or without history
   */
  getDeltaChain(id: string): DeltaChain {
    const instance = this.#instance;
    instance.check();
    const deltas: ChainDelta[] = [];
    if (!instance.chain(writeId(instance, id))) {
      return { vectorId: id, deltas, checkpoints: 0, horizon: null, bytes: 0, alive: false };
    }
    const bytes = instance.outputCopy();
    const view = new DataView(bytes.buffer);
    const reader = new FrameReader(bytes, this.#ids, CHAIN_BYTES);
    while (!reader.done) {
      const checkpoint = reader.word() === 1;
      deltas.push(Object.freeze({ ...reader.next(), checkpoint }));
    }
    return {
      vectorId: id,
      deltas,
      checkpoints: view.getUint32(4, true),
      horizon: toDate(view.getBigInt64(16, true)),
      bytes: view.getFloat64(8, true),
      alive: view.getUint32(24, true) === 1,
    };
  }

  /**
   * Merges deltas of other replicas: in any order, any number of times, all of them or, if one is refused, none. Replicas
   * that have the same deltas have the same state, whatever way these came.
   *
   * @param bytes - what {@link DeltaVectorDB.deltasSince} gave elsewhere, or the rejected deltas of a merge
   * @returns how many deltas were new, how many were not, and those that lie before their vector's horizon
   * @throws DeltaError `CORRUPT_DATA` with the offset of the byte, `UNSUPPORTED_VERSION`, `DIMENSION_MISMATCH`,
   * `NOT_FINITE`, `CAPACITY_EXCEEDED`, `OUT_OF_MEMORY`, or `INVALID_ARGUMENT`: for a delta of another precision or from
   * too far in the future (`maxClockAheadMs`), or without history
   */
  merge(bytes: Uint8Array): MergeResult {
    const now = this.#time();
    const instance = this.#instance;
    instance.merge(instance.put(toBytes("bytes", bytes)), now);
    const { words, output } = instance;
    const merged = words[output];
    const result: MergeResult = {
      merged,
      duplicates: words[output + 1],
      rejected: { count: words[output + 2], bytes: instance.outputCopy(MERGED_BYTES) },
    };
    this.#arrived(merged);
    return result;
  }

  /**
   * Returns which deltas this database has seen, for {@link DeltaVectorDB.deltasSince} of another. Opaque, and small: some
   * bytes for each replica.
   *
   * @throws DeltaError `INVALID_ARGUMENT` without history
   */
  cursor(): Uint8Array<ArrayBuffer> {
    const instance = this.#instance;
    instance.check();
    instance.cursor();
    return instance.outputCopy();
  }

  /**
   * Returns the deltas that another database lacks, wherever they were issued, for its {@link DeltaVectorDB.merge}.
   *
   * @param cursor - the other's {@link DeltaVectorDB.cursor}; without it: all deltas
   * @throws DeltaError `HISTORY_COMPACTED` if deltas that the other lacks are not in the log any more; `CORRUPT_DATA` or
   * `UNSUPPORTED_VERSION` for what is no cursor; `OUT_OF_MEMORY`; `INVALID_ARGUMENT` without history
   *
   * @example
   * ```ts
   * there.merge(here.deltasSince(there.cursor()));
   * here.merge(there.deltasSince(here.cursor()));
   * here.stateDigest() === there.stateDigest(); // true
   * ```
   */
  deltasSince(cursor?: Uint8Array): Uint8Array<ArrayBuffer> {
    const instance = this.#instance;
    instance.check();
    const length = cursor === undefined ? 0 : instance.put(toBytes("cursor", cursor));
    if (cursor !== undefined && length === 0) {
      throw new DeltaError("CORRUPT_DATA", "the cursor is empty");
    }
    instance.since(length);
    return instance.outputCopy();
  }

  /**
   * Brings a vector back to the state that it had behind one of its deltas, by a new delta: history is never rewritten.
   * Subscribers see it as any other.
   *
   * @param id - the vector's id
   * @param deltaId - the delta whose state is wanted, as {@link DeltaVectorDB.getDeltaChain} lists it
   * @returns the ids of the new deltas; none if the vector is in that state
   * @throws DeltaError `VECTOR_NOT_FOUND` for an id that was never seen, `INVALID_ARGUMENT` for a delta that is not the
   * vector's, `HISTORY_COMPACTED` for one before the horizon, `CAPACITY_EXCEEDED`, `OUT_OF_MEMORY`
   */
  rollbackTo(id: string, deltaId: string): string[] {
    const now = this.#time();
    const instance = this.#instance;
    const idBytes = writeId(instance, id);
    if (!writeDeltaId(instance.bytes, instance.input + idBytes, deltaId)) {
      throw invalid(`deltaId must be 26 characters of base32, not ${describe(deltaId)}`);
    }
    const count = instance.rollBackTo(idBytes, now);
    const { words, output } = instance;
    const ids: string[] = [];
    for (let i = 0, record = output; i < count; i++, record += 4) {
      ids.push(this.#ids.format(words[record], words[record + 1], words[record + 2]));
    }
    this.#arrived(count);
    return ids;
  }

  /**
   * Merges old deltas into checkpoints, so that the log gets smaller. Each vector's history then begins at its horizon: the
   * past before it cannot be read any more, nor deltas from before it be merged. The present does not change.
   *
   * @param options - what is to go; without any, all deltas
   * @throws DeltaError `VECTOR_NOT_FOUND` if one of `ids` was never seen (then nothing has changed), `INVALID_ARGUMENT`,
   * also without history; `OUT_OF_MEMORY`, after which some vectors may have been compacted
   */
  compact(options: CompactOptions = {}): CompactionStats {
    this.#instance.check();
    return compact(this.#instance, options);
  }

  /**
   * Returns the database as bytes, to be kept or sent: vectors, metadata, and what the options say. Every face reads them,
   * on every platform.
   *
   * @param options - what else; by default everything
   * @returns about 1.1 times the vectors' own bytes, and the history's. O(bytes)
   * @throws DeltaError `INVALID_ARGUMENT`; `OUT_OF_MEMORY`, where {@link DeltaVectorDB.exportStream} may do
   *
   * @example
   * ```ts
   * await cache.put("/notes", new Response(db.export()));
   * ```
   */
  export(options: ExportOptions = {}): Uint8Array<ArrayBuffer> {
    this.#instance.check();
    return exportWhole(this.#instance, exportFlags(options));
  }

  /**
   * Makes a stream of what {@link DeltaVectorDB.export} returns, a quarter of a megabyte at a time: the database as it is now.
   * It may change while the stream is read; what was not read by then is copied first.
   *
   * @param options - as of {@link DeltaVectorDB.export}, which has the errors, too
   */
  exportStream(options: ExportOptions = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#instance.check();
    return exportStream(this.#instance, exportFlags(options));
  }

  /**
   * Replaces the database by one that was exported, here or elsewhere. All is checked before anything changes. The index is
   * taken as it is, or built anew where it is missing, damaged or made with other options; that takes its time.
   *
   * The database goes on under a new replica's number ({@link DeltaVectorDB.options}), unless it is new itself: what it had
   * issued may be elsewhere. Subscribers stay and are told of deltas to come, not of the change; iterators over the log end
   * with `HISTORY_COMPACTED`.
   *
   * @param data - what {@link DeltaVectorDB.export} gave
   * @returns what has come in, and what became of the index
   * @throws DeltaError `CORRUPT_DATA` naming the byte, `UNSUPPORTED_VERSION`; `DIMENSION_MISMATCH`, or `INVALID_ARGUMENT` for
   * another `precision` or `keepFloats`; `CAPACITY_EXCEEDED`, `OUT_OF_MEMORY`. The database is then as it was
   */
  import(data: Uint8Array): ImportResult {
    this.#instance.check();
    const bytes = toBytes("data", data);
    const importer = new Importer(this.#instance);
    importer.feed(bytes);
    return this.#imported(importer.end());
  }

  /**
   * Reads what {@link DeltaVectorDB.import} takes from a stream: a file's, a response's. Until it ends the database is as it
   * was, and may be searched; deltas that come meanwhile go with it.
   *
   * @param stream - of the bytes, cut anywhere
   * @param options - a `signal` that ends it, after which the database is as it was
   * @throws DeltaError (as a rejection) as {@link DeltaVectorDB.import}; and whatever the stream fails with
   */
  async importStream(
    stream: ReadableStream<Uint8Array>,
    options: { signal?: AbortSignal } = {},
  ): Promise<ImportResult> {
    this.#instance.check();
    requireReadable(stream);
    requireSignal(options.signal);
    const importer = new Importer(this.#instance);
    try {
      const sink = new WritableStream<Uint8Array>({
        write: (chunk) => importer.feed(toBytes("a chunk of the stream", chunk)),
      });
      await stream.pipeTo(sink, options);
      return this.#imported(importer.end());
    } catch (error) {
      importer.abort();
      throw error;
    }
  }

  /**
   * Subscribes to deltas: those applied here and those merged, from now on or, with `since`, from a position on.
   *
   * Deltas come once they are applied (those of a batch once the whole batch is), before the applying call returns, to
   * every subscriber in the same order, that of their positions. A callback may apply deltas: their events follow those
   * that wait. What a callback throws is reported to `options.onError` and disturbs nobody else.
   *
   * With `since`, the deltas that are in the log already come before this call returns. To read many, or slowly, use
   * {@link DeltaVectorDB.deltas}.
   *
   * @param callback - called with each delta
   * @param options - which deltas
   * @returns what ends the subscription, also from within a callback; calling it again does nothing
   * @throws DeltaError `INVALID_ARGUMENT` for what is not a function, a position that was not reached, or an earlier one
   * without history; `HISTORY_COMPACTED` if deltas `since` then are not in the log any more
   */
  onDelta(callback: DeltaListener, options: FeedOptions = {}): () => void {
    this.#instance.check();
    if (typeof callback !== "function") {
      throw invalid(`callback must be a function, not ${describe(callback)}`);
    }
    const { since, origin } = this.#feed(options);
    if (since < this.#position) {
      const log = new LogReader(this.#instance, this.#ids, since);
      log.requireAll(this.#position);
      for (const event of this.#logged(log)) {
        if ((origin ?? event.origin) === event.origin) {
          this.#events.call(callback, event);
        }
      }
      if (this.#instance.closed) {
        return () => {};
      }
    }
    return this.#events.subscribe(callback, this.#position, origin);
  }

  /**
   * Iterates over deltas: first those in the log from `since` on, then, as they come, those to follow. Never ends by itself
   * but when the database is closed or the signal is aborted.
   *
   * Deltas are read from the log as the reader asks for them. So a slow reader loses none and holds little memory; if
   * deltas that it has not read are compacted away, it is told by an error.
   *
   * @param options - which deltas, and what ends it
   * @returns an iterator; it throws (as a rejection) `HISTORY_COMPACTED` if the next delta is not in the log any more
   * @throws DeltaError `INVALID_ARGUMENT`, also for a position that was not reached, or without history
   *
   * @example
   * ```ts
   * for await (const delta of db.deltas({ since: 0 })) {
   *   await send(delta);
   * }
   * ```
   */
  deltas(options: FollowOptions = {}): AsyncIterableIterator<DeltaEvent, undefined, void> {
    const instance = this.#instance;
    instance.check();
    const { since, origin, signal } = this.#feed(options);
    requireSignal(signal);
    instance.arrived(); // refuses a database without history
    return new DeltaIterator(
      { instance, waiters: this.#waiters, position: () => this.#position },
      new LogReader(instance, this.#ids, since),
      origin,
      signal,
    );
  }

  /**
   * Makes a stream that applies what is written to it: deltas, and bytes of frames, cut anywhere. Frames of
   * `encodeDeltas` are applied as deltas, those of `deltasSince` merged. In batches, as
   * {@link DeltaStreamProcessor.streamDeltas} does; what has been written is applied also if the stream is aborted.
   *
   * The stream fails with the error of a delta that is refused (unless `onError` is `"skip"`), when all before it are
   * applied; its `index` is the delta's number in the stream. `CORRUPT_DATA` also if it ends within a frame, `BUFFER_FULL`
   * for too large a frame.
   *
   * @param options - all optional; for wrong ones the stream fails with `INVALID_ARGUMENT`
   * @throws RangeError for a `highWaterMark` that is negative or no number
   *
   * @example
   * ```ts
   * await response.body.pipeTo(db.writable());
   * ```
   */
  writable(options: WritableOptions = {}): WritableStream<VectorDelta | Uint8Array> {
    this.#instance.check();
    return openWritable(this, options);
  }

  /**
   * Makes a stream of deltas, read as they are asked for: {@link DeltaVectorDB.deltas} as a `ReadableStream`.
   *
   * @param options - which deltas, and what ends it
   * @throws DeltaError as {@link DeltaVectorDB.deltas}
   *
   * @example
   * ```ts
   * const body = db.readable({ since: 0 }).pipeThrough(new DeltaEncoderStream());
   * ```
   */
  readable(options: FollowOptions = {}): ReadableStream<DeltaEvent> {
    return openReadable(this.deltas(options));
  }

  /**
   * Adds a listener for deltas from now on, as of an `EventTarget`: the same listener once, called with an event whose
   * `detail` is the delta. Otherwise as {@link DeltaVectorDB.onDelta}, what it throws included.
   *
   * @param type - `"delta"`
   * @param listener - a function, or an object with `handleEvent`
   * @param options - `once`, or a `signal` that removes it
   * @throws DeltaError `INVALID_ARGUMENT`
   */
  addEventListener(
    type: "delta",
    listener: DeltaEventListener<DeltaVectorDB> | null,
    options?: DeltaListenerOptions | boolean,
  ): void {
    this.#instance.check();
    this.#listeners.add(type, listener, options);
  }

  /**
   * Removes a listener; one that is not there is no error.
   *
   * @param type - `"delta"`
   * @param listener - what was added
   * @throws DeltaError `INVALID_ARGUMENT`
   */
  removeEventListener(
    type: "delta",
    listener: DeltaEventListener<DeltaVectorDB> | null,
    _options?: unknown,
  ): void {
    this.#listeners.remove(type, listener);
  }

  /**
   * Follows a server (docs/follow.md): brings the database up to date, keeps it there whenever there is a connection, and
   * sends what is changed here.
   *
   * @param url - where the server's gateway is, `https:` or `http:`
   * @param options - all optional
   * @returns once the state of before is asked for, also without a connection: `ready` says when the database is up to date
   * @throws DeltaError (as a rejection) `INVALID_ARGUMENT`, also without history
   *
   * @example
   * ```ts
   * await using following = await db.follow("https://vectors.example.org", { token });
   * await following.ready;
   * ```
   */
  async follow(url: string | URL, options?: FollowServerOptions): Promise<Following> {
    return (await import("./follow.ts")).follow(this, url, options);
  }

  /**
   * Links vectors that wait for it: those that are new, and those whose values have moved so far that their links no
   * longer lead to them. Searches are right without it, and faster behind it. Writes do it when too many wait, and idle
   * time does (option `idleRepair`).
   *
   * @param options - how long it may take; by default until nothing waits
   * @throws DeltaError `INVALID_ARGUMENT`, `OUT_OF_MEMORY`
   */
  repair(options: RepairOptions = {}): RepairStats {
    this.#instance.check();
    return repair(this.#instance, options);
  }

  /**
   * Goes over the whole search graph and says whether all is as it should be. For tests and for those who want to know.
   * O(size * hnswM)
   *
   * @throws DeltaError `OUT_OF_MEMORY`
   */
  checkIndex(): IndexReport {
    this.#instance.check();
    return readReport(this.#instance);
  }

  /** Returns sizes and counts. O(size) */
  stats(): DeltaStats {
    this.#instance.check();
    return readStats(this.#instance);
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

  /** Goes on with what was imported. */
  #imported({
    vectors,
    deltas,
    indexKept,
    indexDamaged,
    historyTaken,
  }: ImportOutcome): ImportResult {
    const instance = this.#instance;
    let { replicaId } = this.#options;
    const issued = this.#position > 0;
    while (instance.setReplica(replicaId) || (issued && replicaId === this.#options.replicaId)) {
      replicaId = newReplica();
    }
    this.#become(replicaId);
    if (this.#options.history) {
      this.#position = instance.arrived();
    }
    instance.recorder?.imported();
    this.#waiters.wake();
    return {
      vectors,
      deltas,
      index: indexKept ? "kept" : indexDamaged ? "damaged" : "rebuilt",
      history: historyTaken,
      replicaId,
    };
  }

  #become(replicaId: string): void {
    this.#options = Object.freeze({ ...this.#options, replicaId });
    this.#ids.become(replicaId);
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

  #applyFrames(frames: Uint8Array, count: number, applied: (() => void) | undefined): void {
    const now = this.#time();
    const instance = this.#instance;
    const length = frames.length;
    let at = frames.byteOffset;
    if (frames.buffer !== instance.bytes.buffer) {
      instance.put(frames);
      at = instance.input;
    }
    instance.apply(at, length, count, now, true);
    applied?.();
    if (this.#events.active) {
      // The frames stay where they are until the next call.
      this.#issue(count, readDrafts(instance.bytes.subarray(at, at + length), this.#form.grid));
    } else {
      this.#advance(count);
    }
  }

  /**
   * Notes that deltas have come in, whose records are the last call's output, and tells those who listen.
   *
   * @param drafts - what they are to be told
   * @returns the deltas' ids
   */
  #issue(count: number, drafts: readonly DeltaDraft[] | undefined): string[] {
    const { words, output } = this.#instance;
    const ids: string[] = [];
    const events: DeltaEvent[] = [];
    for (let i = 0, record = output; i < count; i++, record += 4) {
      const low = words[record];
      const high = words[record + 1];
      const id = this.#ids.format(low, high, words[record + 2]);
      ids.push(id);
      if (drafts !== undefined) {
        events.push(toEvent(drafts[i], id, low + high * 2 ** 32, this.#position + i));
      }
    }
    this.#advance(count);
    if (drafts !== undefined) {
      this.#events.emit(events);
    }
    return ids;
  }

  /** Notes that deltas have come in. */
  #advance(count: number): void {
    this.#position += count;
    this.#waiters.wake();
    if (this.#instance.pending > 0) {
      this.#idle?.schedule();
    }
  }

  /** Notes that deltas have come in, which are in the log, and tells those who listen. */
  #arrived(count: number): void {
    const log = new LogReader(this.#instance, this.#ids, this.#position);
    this.#advance(count);
    if (count > 0 && this.#events.active) {
      this.#events.emit(this.#logged(log, this.#position));
    }
  }

  /** Reads deltas from the log, up to a position or as far as it goes by then. Ends if the database is closed. */
  *#logged(log: LogReader, end?: number): IterableIterator<DeltaEvent> {
    while (!this.#instance.closed) {
      const event = log.read(end ?? this.#position);
      if (event === undefined) {
        return;
      }
      yield event;
    }
  }

  /** Checks which deltas are wanted. */
  #feed(options: FollowOptions): Feed {
    if (typeof options !== "object" || options === null) {
      throw invalid(`options must be an object, not ${describe(options)}`);
    }
    const { since = this.#position, origin, signal } = options;
    this.#instance.check(); // the options may have had getters
    if (!Number.isInteger(since) || since < 0 || since > this.#position) {
      throw invalid(`since must be a position from 0 to ${this.#position}, not ${describe(since)}`);
    }
    if (origin !== undefined && origin !== "local" && origin !== "merge") {
      throw invalid(`origin must be local or merge, not ${describe(origin)}`);
    }
    return { since, origin, signal };
  }

  #find(id: string): number {
    const instance = this.#instance;
    instance.check();
    return instance.find(writeId(instance, id));
  }

  /** Copies a vector to a place in an array. Returns false if there is none. */
  #copy(id: string, target: Float32Array, place: number): boolean {
    const at = this.#find(id) / 4;
    if (at === 0) {
      return false;
    }
    target.set(this.#instance.floats.subarray(at, at + this.#dimensions), place);
    return true;
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

/** Reads what subscribers are told from frames that were applied. */
function readDrafts(frames: Uint8Array, grid: number): DeltaDraft[] {
  const reader = new FrameReader(frames);
  const drafts: DeltaDraft[] = [];
  while (!reader.done) {
    const { vectorId, operation, metadata } = reader.nextLocal();
    if ("values" in operation) {
      putOnGrid(operation.values, grid);
    } else if ("vector" in operation) {
      putOnGrid(operation.vector, grid);
    }
    drafts.push({
      vectorId,
      operation: Object.freeze(operation),
      metadata: freezeDeep(metadata),
    });
  }
  return drafts;
}

function toEvent(draft: DeltaDraft, deltaId: string, time: number, position: number): DeltaEvent {
  const { vectorId, operation, metadata } = draft;
  const timestamp = new Date(time);
  const origin = "local";
  return Object.freeze(
    metadata === undefined
      ? { deltaId, vectorId, operation, timestamp, origin, position }
      : { deltaId, vectorId, operation, metadata, timestamp, origin, position },
  );
}

function toMetadata(json: string | undefined): Record<string, unknown> | null {
  if (json === undefined) {
    return null;
  }
  return json === "" ? {} : (JSON.parse(json) as Record<string, unknown>);
}

/** Which deltas are wanted. */
interface Feed {
  readonly since: number;
  readonly origin: DeltaOrigin | undefined;
  readonly signal: AbortSignal | undefined;
}
