import type { ChannelHandle, DeltaChannel, makeChannel } from "./channel.ts";
import { type Connection, freezeEvent, Scope, untilAborted } from "./connection.ts";
import { DeltaVectorDB } from "./database.ts";
import { describe, invalid, requireReadable, requireSignal } from "./errors.ts";
import { filterText } from "./filter.ts";
import type { Followed } from "./follow-parts.ts";
import type { Following, FollowServerOptions } from "./follow-types.ts";
import { Listeners } from "./listeners.ts";
import type { Question, Readers } from "./readers.ts";
import {
  type CallOptions,
  LOCAL_ONLY,
  type RemoteChannelOptions,
  type RemoteDeltaVectorDB,
} from "./remote.ts";
import { RemoteIterator } from "./remote-feed.ts";
import { RemoteFilter } from "./remote-filter.ts";
import { IMPORT, IMPORTED } from "./remote-protocol.ts";
import { openReadable, openWritable } from "./stream-doors.ts";
import type { WritableOptions } from "./stream-types.ts";
import type {
  DeltaChain,
  DeltaEvent,
  DeltaEventListener,
  DeltaListener,
  DeltaListenerOptions,
  ExportOptions,
  FeedOptions,
  FollowOptions,
  ImportResult,
  ResolvedDeltaDBOptions,
  SearchOptions,
  SearchResult,
  VectorDelta,
} from "./types.ts";
import { requireTarget } from "./views.ts";

/** What all faces of one database share. */
interface Shared {
  readonly connection: Connection;
  options: ResolvedDeltaDBOptions;
  readonly name: string;
  readonly readers: Readers | undefined;
  listeners: Listeners<RemoteDeltaVectorDB>;
  /** What the subscription of the listener that was added last waits for. */
  ready: Promise<void>;
}

/** `util.inspect` of Node. */
type Inspect = (value: unknown, options: object) => string;

/**
 * The face of a database in a worker. Here are the members that need more than to be called there; all others are made from
 * those that DeltaVectorDB has.
 */
export class RemoteFace
  implements Pick<RemoteDeltaVectorDB, Extract<keyof RemoteFace, keyof RemoteDeltaVectorDB>>
{
  readonly #shared: Shared;
  readonly #connection: Connection;
  readonly #scope: Scope | undefined;

  protected constructor(shared: Shared, scope: Scope | undefined) {
    this.#shared = shared;
    this.#connection = shared.connection;
    this.#scope = scope;
  }

  /** What others that are made of this one call by. */
  static partsOf(face: RemoteFace): {
    readonly connection: Connection;
    readonly scope: Scope | undefined;
  } {
    return { connection: face.#connection, scope: face.#scope };
  }

  /** Makes the face of an open database. */
  static of(
    connection: Connection,
    options: ResolvedDeltaDBOptions,
    name: string,
    readers: Readers | undefined,
  ): RemoteDeltaVectorDB {
    const shared: Partial<Shared> = { connection, options, name, readers };
    const face = new this(shared as Shared, undefined) as unknown as RemoteDeltaVectorDB;
    shared.listeners = new Listeners(face, (listener) => {
      const { ready, end } = connection.subscribe(listener, undefined);
      shared.ready = ready;
      return end;
    });
    return face;
  }

  static {
    Object.defineProperty(RemoteFace.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: RemoteFace, _depth: number, options: object, inspect?: Inspect): unknown {
        return this.#inspect(options, inspect);
      },
    });
    const members = Object.getOwnPropertyDescriptors(DeltaVectorDB.prototype);
    for (const [name, { get }] of Object.entries(members)) {
      if (name in RemoteFace.prototype || (LOCAL_ONLY as readonly string[]).includes(name)) {
        continue;
      }
      const made = {
        get [name](): unknown {
          return (this as unknown as RemoteFace).#route(name, []);
        },
      };
      const method = {
        [name](...args: unknown[]): unknown {
          return (this as unknown as RemoteFace).#route(name, args);
        },
      };
      const descriptor = Object.getOwnPropertyDescriptor(get === undefined ? method : made, name);
      Object.defineProperty(RemoteFace.prototype, name, { ...descriptor, enumerable: false });
    }
  }

  get options(): ResolvedDeltaDBOptions {
    return this.#shared.options;
  }

  get readers(): number {
    return this.#shared.readers?.count ?? 0;
  }

  applyDelta(delta: VectorDelta): Promise<string> {
    return this.#connection.write([delta], true, this.#scope);
  }

  applyDeltas(deltas: readonly VectorDelta[]): Promise<string[]> {
    return Array.isArray(deltas) && deltas.length > 0
      ? this.#connection.write(deltas, false, this.#scope)
      : this.#route("applyDeltas", [deltas]);
  }

  async search(query: Float32Array, k: number, options?: SearchOptions): Promise<SearchResult[]> {
    const filter = this.#filter(options);
    if (filter !== undefined) {
      return this.#connection.search(filter.one(query, k));
    }
    const question = this.#readers?.question(query, false, k, options);
    if (question === undefined) {
      return this.#route("search", options === undefined ? [query, k] : [query, k, options]);
    }
    return this.#ask(question, "search", ([hits]) => hits);
  }

  async searchBatch(
    queries: readonly Float32Array[] | Float32Array,
    k: number,
    options?: SearchOptions,
  ): Promise<SearchResult[][]> {
    const filter = this.#filter(options);
    if (filter !== undefined) {
      return this.#connection.search(filter.batch(queries, k, this.options.dimensions));
    }
    const question = this.#readers?.question(queries, true, k, options);
    if (question === undefined) {
      const args = options === undefined ? [queries, k] : [queries, k, options];
      return this.#route("searchBatch", args);
    }
    return this.#ask(question, "searchBatch", (hits) => hits);
  }

  /** Those that searches go to; none if searches are to be checked, which the database does itself. */
  get #readers(): Readers | undefined {
    return this.options.recallSampleRate === 0 ? this.#shared.readers : undefined;
  }

  /** Lets readers search, after the calls that were made before; where they do not, the database itself. */
  #ask<T>(question: Question, method: string, take: (hits: SearchResult[][]) => T): Promise<T> {
    const { connection, readers } = this.#shared;
    const { rows, k, options } = question;
    const scope = this.#scope;
    connection.check(scope);
    const found = Promise.resolve(readers?.search(question, connection.settled));
    const search = async (): Promise<T> => {
      const hits = await untilAborted(found, scope?.signal);
      return hits ? take(hits) : connection.call<T>(method, [rows, k, options], scope, true);
    };
    return connection.search(search());
  }

  async getVectorInto(id: string, target: Float32Array): Promise<boolean> {
    const { dimensions } = this.options;
    requireTarget(target, dimensions, undefined);
    const vector = await this.#route<Float32Array | null>("getVector", [id]);
    if (vector !== null) {
      requireTarget(target, dimensions, undefined); // it may have been transferred meanwhile
      target.set(vector);
    }
    return vector !== null;
  }

  writable(options?: WritableOptions): WritableStream<VectorDelta | Uint8Array> {
    this.#connection.check(this.#scope);
    return openWritable(this, options);
  }

  readable(options?: FollowOptions): ReadableStream<DeltaEvent> {
    return openReadable(this.deltas(options));
  }

  async getDeltaChain(id: string): Promise<DeltaChain> {
    const chain = await this.#route<DeltaChain>("getDeltaChain", [id]);
    chain.deltas.forEach(freezeEvent);
    return chain;
  }

  async import(data: Uint8Array): Promise<ImportResult> {
    return this.#imported(await this.#route<ImportResult>("import", [data]));
  }

  exportStream(options?: ExportOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
    const args = options === undefined ? [] : [options];
    const same = (piece: Uint8Array<ArrayBuffer>) => piece;
    const connection = this.#connection;
    connection.check(this.#scope);
    return openReadable(
      new RemoteIterator(connection, "exportStream", args, this.#scope, undefined, same),
    );
  }

  async importStream(
    stream: ReadableStream<Uint8Array>,
    options: { signal?: AbortSignal } = {},
  ): Promise<ImportResult> {
    requireReadable(stream);
    requireSignal(options.signal);
    const handle = await this.#route<number>(IMPORT, []);
    try {
      const sink = new WritableStream<Uint8Array>({
        write: (piece) => this.#route<void>(IMPORT, [handle, piece]),
      });
      await stream.pipeTo(sink, options);
      return this.#imported(await this.#route<ImportResult>(IMPORTED, [handle]));
    } catch (error) {
      this.#connection.cancel(handle, undefined);
      throw error;
    }
  }

  /** Notes under which replica the database goes on. */
  #imported(result: ImportResult): ImportResult {
    RemoteFace.become(this, this.options, result.replicaId);
    return result;
  }

  /** Notes the options and the replica that the database behind a face has from now on. */
  static become(face: RemoteFace, options: ResolvedDeltaDBOptions, replicaId: string): void {
    face.#shared.options = Object.freeze({ ...options, replicaId });
  }

  ids(): AsyncIterableIterator<string, undefined, void> {
    const connection = this.#connection;
    return new RemoteIterator<string>(connection, "ids", [], this.#scope, undefined, (id) => id);
  }

  deltas(options: FollowOptions = {}): AsyncIterableIterator<DeltaEvent, undefined, void> {
    let args: unknown[] = [options];
    let signal: AbortSignal | undefined;
    if (typeof options === "object" && options !== null && "signal" in options) {
      const { signal: given, ...rest } = options;
      requireSignal(given);
      signal = given;
      args = [rest];
    }
    return new RemoteIterator(this.#connection, "deltas", args, this.#scope, signal, freezeEvent);
  }

  async onDelta(
    callback: DeltaListener,
    options?: FeedOptions,
    ended?: (error: unknown) => void,
  ): Promise<() => void> {
    if (typeof callback !== "function") {
      throw invalid(`callback must be a function, not ${describe(callback)}`);
    }
    const { ready, end } = this.#connection.subscribe(callback, options, this.#scope, ended);
    await ready;
    return end;
  }

  async addEventListener(
    type: "delta",
    listener: DeltaEventListener<RemoteDeltaVectorDB> | null,
    options?: DeltaListenerOptions | boolean,
  ): Promise<void> {
    const shared = this.#shared;
    this.#connection.check(this.#scope);
    shared.ready = Promise.resolve();
    shared.listeners.add(type, listener, options);
    try {
      await shared.ready;
    } catch (error) {
      shared.listeners.remove(type, listener);
      throw error;
    }
  }

  async removeEventListener(
    type: "delta",
    listener: DeltaEventListener<RemoteDeltaVectorDB> | null,
    _options?: unknown,
  ): Promise<void> {
    this.#shared.listeners.remove(type, listener);
  }

  /** As on this thread: what it needs of the database it calls there. */
  async follow(url: string | URL, options?: FollowServerOptions): Promise<Following> {
    const { follow } = await import("./follow.ts");
    return follow(this as unknown as Followed, url, options);
  }

  async channel(options: RemoteChannelOptions = {}): Promise<DeltaChannel> {
    const { DeltaChannel, makeChannel } = await import("./channel.ts");
    const made = await this.#open(options, makeChannel);
    const { timeoutMs } = options;
    const channel = new DeltaChannel(made, timeoutMs === undefined ? {} : { timeoutMs });
    this.#connection.attach(channel);
    return channel;
  }

  async channelHandle(options: RemoteChannelOptions = {}): Promise<ChannelHandle> {
    const [{ makeChannel }, { RemoteConsumer }] = await Promise.all([
      import("./channel.ts"),
      import("./ring.ts"),
    ]);
    const handle = await this.#open(options, makeChannel);
    if (handle.ring !== undefined) {
      this.#connection.attachElsewhere(new RemoteConsumer(handle.ring));
    }
    return handle;
  }

  with(options: CallOptions): RemoteDeltaVectorDB {
    const { signal } = options;
    requireSignal(signal);
    const own = this.#scope?.signal;
    const both = own === undefined ? signal : AbortSignal.any([own, signal]);
    const scope = signal === undefined ? this.#scope : new Scope(this.#connection, both);
    const Face = this.constructor as typeof RemoteFace;
    return new Face(this.#shared, scope) as unknown as RemoteDeltaVectorDB;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get [Symbol.toStringTag](): string {
    return "RemoteDeltaVectorDB";
  }

  /** What is shown of it. */
  #inspect(options: object, inspect?: Inspect): unknown {
    const { state, inFlight } = this.#connection;
    const { name, options: own } = this.#shared;
    const shown = { name, state, inFlight, options: own };
    return inspect === undefined ? shown : `${this[Symbol.toStringTag]} ${inspect(shown, options)}`;
  }

  /** Makes a channel whose other end is in the worker. Returns the end that sends. */
  async #open(options: RemoteChannelOptions, make: typeof makeChannel): Promise<ChannelHandle> {
    const { compression, precision } = this.options;
    const { onError = "stop", ...rest } = options;
    this.#connection.check(this.#scope);
    const channel = make({ compression, grid: precision?.grid ?? 0 }, rest);
    await this.#connection.serve(channel, onError, this.#scope);
    return channel.producer;
  }

  /** Has a member called where the database is. */
  #route<T>(method: string, args: readonly unknown[]): Promise<T> {
    return this.#connection.call<T>(method, args, this.#scope);
  }

  /** Returns what searches with a function as filter, if there is one. */
  #filter(options: SearchOptions | undefined): RemoteFilter | undefined {
    // Lists have a method of the name filter.
    if (typeof options !== "object" || options === null || Symbol.iterator in options) {
      return undefined;
    }
    const { filter, ...rest } = options;
    this.#connection.check(this.#scope);
    if (filter !== undefined && typeof filter !== "function") {
      filterText(filter, "options.filter"); // what is wrong may be what cannot be posted
    }
    return typeof filter === "function"
      ? new RemoteFilter(this.#connection, this.#scope, filter, rest, this.options.hnswEfSearch)
      : undefined;
  }
}
