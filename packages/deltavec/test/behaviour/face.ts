import type {
  CompactionStats,
  CompactOptions,
  DeltaChain,
  DeltaDBOptions,
  DeltaEvent,
  DeltaEventListener,
  DeltaListenerOptions,
  DeltaStats,
  ExportOptions,
  FeedOptions,
  FollowOptions,
  ImportResult,
  IndexReport,
  MergeResult,
  RepairOptions,
  RepairStats,
  SearchOptions,
  SearchResult,
  VectorBlock,
  VectorDelta,
} from "../../src/types.ts";

export type Awaitable<T> = T | Promise<T>;

/**
 * A database as the suite sees it: `DeltaVectorDB`, or what stands for one behind a bridge, where every answer may come
 * later.
 */
export interface Face {
  applyDelta(delta: VectorDelta): Awaitable<string>;
  applyDeltas(deltas: VectorDelta[]): Awaitable<string[]>;
  getVector(id: string): Awaitable<Float32Array | null>;
  getMetadata(id: string): Awaitable<Record<string, unknown> | null>;
  has(id: string): Awaitable<boolean>;
  ids(): Awaitable<Iterable<string>> | AsyncIterable<string>;
  readonly size: Awaitable<number>;
  readonly position: Awaitable<number>;
  search(query: Float32Array, k: number, options?: SearchOptions): Awaitable<SearchResult[]>;
  searchBatch(
    queries: readonly Float32Array[] | Float32Array,
    k: number,
    options?: SearchOptions,
  ): Awaitable<SearchResult[][]>;
  repair(options?: RepairOptions): Awaitable<RepairStats>;
  checkIndex(): Awaitable<IndexReport>;
  stats(): Awaitable<DeltaStats>;
  stateDigest(): Awaitable<string>;
  getVectorAt(id: string, timestamp: Date): Awaitable<Float32Array | null>;
  getMetadataAt(id: string, timestamp: Date): Awaitable<Record<string, unknown> | null>;
  searchAt(query: Float32Array, k: number, timestamp: Date): Awaitable<SearchResult[]>;
  getDeltaChain(id: string): Awaitable<DeltaChain>;
  merge(bytes: Uint8Array): Awaitable<MergeResult>;
  cursor(): Awaitable<Uint8Array>;
  deltasSince(cursor?: Uint8Array): Awaitable<Uint8Array>;
  compact(options?: CompactOptions): Awaitable<CompactionStats>;
  rollbackTo(id: string, deltaId: string): Awaitable<string[]>;
  export(options?: ExportOptions): Awaitable<Uint8Array>;
  import(data: Uint8Array): Awaitable<ImportResult>;
  exportStream(options?: ExportOptions): Awaitable<ReadableStream<Uint8Array>>;
  importStream(
    stream: ReadableStream<Uint8Array>,
    options?: { signal?: AbortSignal },
  ): Awaitable<ImportResult>;
  close(): Awaitable<void>;
  /** Only where the face is beside the database. */
  getVectorView?(id: string): Float32Array | null;
  getVectorPtr?(id: string): number;
  getMemory?(): { readonly buffer: ArrayBufferLike };
  getDimensions(): Awaitable<number>;
  getVectorInto(id: string, target: Float32Array): Awaitable<boolean>;
  getVectors(ids: readonly string[]): Awaitable<VectorBlock>;
  onDelta(callback: (delta: DeltaEvent) => void, options?: FeedOptions): Awaitable<() => void>;
  deltas(options?: FollowOptions): AsyncIterableIterator<DeltaEvent, undefined, void>;
  addEventListener(
    type: "delta",
    listener: DeltaEventListener<never> | null,
    options?: DeltaListenerOptions | boolean,
  ): Awaitable<void>;
  removeEventListener(type: "delta", listener: DeltaEventListener<never> | null): Awaitable<void>;
}

/** Makes an empty database. */
export type Open = (options: DeltaDBOptions) => Awaitable<Face>;

/** What runs the tests: `node:test`, or the list that a page works off. */
export interface Harness {
  test(name: string, body: () => Promise<void>): void;
}

/** What the tests of one area are given. */
export interface Bench extends Harness {
  readonly open: Open;
  /** Whether all that a call does is done when it returns: the face is beside the database. */
  readonly synchronous: boolean;
}

/** Lists the ids of a database. */
export async function listed(db: Face): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of await db.ids()) {
    ids.push(id);
  }
  return ids;
}

/**
 * Waits until what callbacks of subscriptions have begun is done, and told: some times there and back. Where all is
 * synchronous, it is done already.
 */
export async function settled({ synchronous }: Bench, db: Face): Promise<void> {
  for (let i = 0; i < 4 && !synchronous; i++) {
    await db.position;
  }
}
