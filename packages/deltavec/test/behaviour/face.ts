import type {
  DeltaDBOptions,
  DeltaEvent,
  DeltaStats,
  SearchResult,
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
  ids(): Awaitable<Iterable<string>>;
  readonly size: Awaitable<number>;
  search(query: Float32Array, k: number): Awaitable<SearchResult[]>;
  stats(): Awaitable<DeltaStats>;
  stateDigest(): Awaitable<string>;
  close(): Awaitable<void>;
  /** Only where the face is in the same process as the database. */
  getVectorView?(id: string): Float32Array | null;
  onDelta?(callback: (delta: DeltaEvent) => void): () => void;
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
}
