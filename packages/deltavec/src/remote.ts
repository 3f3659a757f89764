/// <reference lib="esnext.disposable" preserve="true" />
import type {
  ChannelErrorPolicy,
  ChannelHandle,
  ChannelOptions,
  DeltaChannel,
  DeltaChannelOptions,
} from "./channel.ts";
import type { DeltaVectorDB } from "./database.ts";
import type { DurableDeltaVectorDB, DurableOptions } from "./durable.ts";
import type { DeltaEventListener, DeltaListenerOptions, ResolvedDeltaDBOptions } from "./types.ts";

/** Members of `DeltaVectorDB` that need its memory at hand: there are none such behind a bridge. */
export const LOCAL_ONLY = ["getVectorView", "getVectorPtr", "getMemory"] as const;

/** A worker, whatever platform it is of: a Web Worker, or one of Node's `worker_threads`. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: never[]): void;
  terminate(): unknown;
}

/** What `DeltaVectorDB.connect` makes a database with, besides the database's own options. */
export interface ConnectOptions extends DurableOptions {
  /**
   * The worker that the database is to live in: `true` for one of the package's own script, `deltavec/worker`; the URL of
   * that script, for bundlers that do not bring it along by themselves; or a worker that runs it, or makes one. The worker
   * is the database's from then on, and ends with it. Default true.
   */
  worker?: true | WorkerLike | URL | string | (() => WorkerLike);
  /** What the worker is called in error messages, and where one can name it, in developer tools. Default `deltavec`. */
  name?: string;
  /**
   * How many more workers are to search the same index, in shared memory, while the first one writes: 0 to 64. Searches and
   * batches go to them, unless there is a `recallSampleRate`; a search sees every write whose call was made before it. Needs
   * shared memory (see `detect`): in a page, cross-origin isolation. Default 0.
   */
  readers?: number;
  /**
   * Where the database keeps what it holds (docs/storage.md): `opfs://NAME`, `idb://NAME`, `file:PATH` or `memory:NAME`. The
   * worker opens it. Without it the database is in memory, and ends with the worker, and options that are about storage are
   * not looked at.
   */
  storage?: string;
  /** Gives up opening: `connect` rejects with its reason, and the workers are ended. Does nothing once the database is open. */
  signal?: AbortSignal | undefined;
}

/** How a face of a remote database calls. */
export interface CallOptions {
  /** Rejects calls with its reason once it is aborted. */
  signal: AbortSignal;
}

/** How a channel to a remote database is made. */
export interface RemoteChannelOptions extends ChannelOptions, DeltaChannelOptions {
  /** What is done with a delta that the database refuses. Default `stop`. */
  readonly onError?: ChannelErrorPolicy;
}

/** What comes back from behind a bridge for what a method returns. */
type Bridged<Result> = [Result] extends [
  | AsyncIterableIterator<unknown, unknown, unknown>
  | ReadableStream<unknown>
  | WritableStream<never>,
]
  ? Result
  : [Result] extends [IterableIterator<infer Item>]
    ? AsyncIterableIterator<Item, undefined, void>
    : Promise<Awaited<Result>>;

/** Members that are not as the rule has them, and those that cannot be bridged. */
type Apart =
  | (typeof LOCAL_ONLY)[number]
  | typeof Symbol.dispose
  | "addEventListener"
  | "options"
  | "removeEventListener";

/** `DeltaVectorDB` behind a bridge: every answer comes later. */
export type BridgedDatabase = {
  [Key in keyof DeltaVectorDB as Key extends Apart ? never : Key]: DeltaVectorDB[Key] extends (
    ...args: infer Args
  ) => infer Result
    ? (...args: Args) => Bridged<Result>
    : Promise<DeltaVectorDB[Key]>;
};

/**
 * A database that lives in a worker: all that a {@link DeltaVectorDB} has but views on its memory, with answers that come
 * later. Made by `DeltaVectorDB.connect`.
 *
 * Calls are carried out in the order in which they were made, also without waiting in between; arguments are taken as they
 * are at the time of the call, and never detached. Errors are rejections, with the class, code, message and index they have
 * there. Calls reject with `CLOSED` after {@link RemoteDeltaVectorDB.close}, and if the worker has died.
 *
 * @example
 * ```ts
 * await using db = await DeltaVectorDB.connect({ dimensions: 3 });
 * await db.applyDelta({ vectorId: "a", operation: { type: "create", vector: new Float32Array([1, 0, 0]) } });
 * await db.search(new Float32Array([1, 0.1, 0]), 1); // [{ id: "a", score: 0.995… }]
 * ```
 */
export interface RemoteDeltaVectorDB extends BridgedDatabase {
  /** The options that the database runs with, defaults filled in. */
  readonly options: ResolvedDeltaDBOptions;

  /** How many readers there are. One whose worker has died is missing; the others do its work. */
  readonly readers: number;

  /** As `DeltaVectorDB.addEventListener`; deltas come once the promise is fulfilled. */
  addEventListener(
    type: "delta",
    listener: DeltaEventListener<RemoteDeltaVectorDB> | null,
    options?: DeltaListenerOptions | boolean,
  ): Promise<void>;

  /** As `DeltaVectorDB.removeEventListener`: the listener is called no more, at once. */
  removeEventListener(
    type: "delta",
    listener: DeltaEventListener<RemoteDeltaVectorDB> | null,
    options?: unknown,
  ): Promise<void>;

  /**
   * Returns a face of the same database whose calls are bound to a signal: once it is aborted they reject with its reason,
   * at once. A call that was not begun by then never is; one that was begun is finished in the worker, its result dropped:
   * a delta may have been applied. The signal binds calls, not the subscriptions that they made.
   *
   * @param options - the signal; that of this face, if it has one, counts as well
   */
  with(options: CallOptions): RemoteDeltaVectorDB;

  /**
   * Makes a channel: a way for many deltas a second, without an answer to each. With shared memory they go through a ring,
   * else as messages. They are applied in the order they were sent, but in no order with calls: `flush` the channel first.
   *
   * @throws DeltaError (as a rejection) `INVALID_ARGUMENT`, `OUT_OF_MEMORY`
   */
  channel(options?: RemoteChannelOptions): Promise<DeltaChannel>;

  /**
   * Makes a channel for another thread: the handle can be posted there, with its `port` transferred, for
   * `new DeltaChannel(handle)` of `deltavec/channel`.
   *
   * @throws DeltaError (as a rejection) `INVALID_ARGUMENT`, `OUT_OF_MEMORY`
   */
  channelHandle(options?: RemoteChannelOptions): Promise<ChannelHandle>;

  /** Carries out the calls made before, closes the database and ends the worker. Closing again gives the same promise. */
  close(): Promise<void>;

  /** Closes the database at the end of an `await using` declaration. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A database in a worker that keeps it in a storage, or in the tab that has the storage open: what
 * {@link RemoteDeltaVectorDB} and `DurableDeltaVectorDB` have.
 */
export interface RemoteDurableDeltaVectorDB
  extends DurableDeltaVectorDB,
    Pick<RemoteDeltaVectorDB, "readers" | "channel" | "channelHandle"> {
  /** As `RemoteDeltaVectorDB.with`. */
  with(options: CallOptions): RemoteDurableDeltaVectorDB;
}
