import { DeltaVectorDB } from "./database.ts";
import { DeltaError, describe, invalid, requireSignal } from "./errors.ts";
import {
  Busy,
  Gateway,
  type GatewayInfo,
  numberHeader,
  piecesOf,
  Refused,
  requireToken,
} from "./follow-gateway.ts";
import { advance, Behind, liveByEvents, liveByWebSocket } from "./follow-live.ts";
import { Merger } from "./follow-merger.ts";
import { Outbox } from "./follow-outbox.ts";
import {
  type Followed,
  formatPlace,
  framesEnd,
  identityOf,
  identityOfId,
  type OwnDelta,
  type Place,
  readSingle,
  readUnsent,
  replicasOf,
} from "./follow-parts.ts";
import {
  type OwnReplica,
  readState,
  requirePlace,
  stateStore,
  writeState,
} from "./follow-state.ts";
import type {
  FollowConflict,
  Following,
  FollowProgress,
  FollowServerOptions,
  FollowStateStore,
  FollowStatus,
} from "./follow-types.ts";
import { FrameCutter } from "./frame-cutter.ts";
import { START_BYTES, split } from "./seen.ts";
import { shardOf } from "./shards.ts";
import { Backoff, Lost } from "./source-kit.ts";
import type { DeltaEvent } from "./types.ts";

/** Milliseconds between two savings of the state, and two words on how it goes. */
const SAVE_MS = 1000;
const PROGRESS_MS = 100;
/** Milliseconds between two looks whether the database is still open. */
const LOOK_MS = 5000;
/** A connection that was lost so many milliseconds ago goes on live; a longer way is caught up by chunks, which caches have. */
const SHORT_MS = 60_000;
/** A connection that lasted so many milliseconds works, also if nothing came. */
const STEADY_MS = 5000;
/** Requests at a time. */
const SNAPSHOTS_AT_ONCE = 4;
const CHUNKS_AT_ONCE = 6;
const MAX_FRAME = 16_777_215;
/** The most characters of what says which vectors are wanted: it stands in addresses. */
const MAX_FILTER = 6000;
const MOST_CONFLICTS = 1000;
/** Often enough for all local deltas to be carried along when the database is made anew; what comes later is applied anew. */
const CARRIES = 4;
const NO_FRAMES = new Uint8Array();

/** Codes of errors after which there is no sense in going on. */
const FATAL: readonly string[] = [
  "INVALID_ARGUMENT",
  "CAPACITY_EXCEEDED",
  "OUT_OF_MEMORY",
  "UNSUPPORTED_PLATFORM",
  "STORAGE_FAILED",
  "QUOTA_EXCEEDED",
  "LOCKED",
  "CLOSED",
];

/** `DeltaVectorDB.follow`. */
export async function follow(
  db: Followed,
  url: string | URL,
  options: FollowServerOptions = {},
): Promise<Following> {
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  const { token, onProgress, onError, transport, since, state, ids, prefix } = options;
  requireSignal(options.signal);
  for (const [name, value] of Object.entries({ onProgress, onError })) {
    if (value !== undefined && typeof value !== "function") {
      throw invalid(`option ${name} must be a function, not ${describe(value)}`);
    }
  }
  if (token !== undefined && typeof token !== "string" && typeof token !== "function") {
    throw invalid(`option token must be a string or a function, not ${typeof token}`);
  }
  if (typeof token === "string") {
    requireToken(token);
  }
  if (transport !== undefined && transport !== "websocket" && transport !== "sse") {
    throw invalid(`option transport must be websocket or sse, not ${describe(transport)}`);
  }
  if (
    state !== undefined &&
    (typeof state?.load !== "function" || typeof state.save !== "function")
  ) {
    throw invalid("option state needs the functions load and save");
  }
  const place = since === undefined ? undefined : requirePlace(since);
  const filter = filterOf(texts("ids", ids), texts("prefix", prefix));
  let address: URL;
  try {
    address = new URL(url, globalThis.location?.href);
  } catch (cause) {
    throw invalid(`url must be an address, not ${describe(url)}`, { cause });
  }
  if (!/^https?:$/.test(address.protocol)) {
    throw invalid(`url must begin with https: or http:, not ${describe(address.protocol)}`);
  }
  await db.cursor(); // refuses one without history, and one that is closed
  const follower = new Follower(db, address, filter, options, place);
  follower.start();
  return follower;
}

function texts(name: string, given: string | readonly string[] | undefined): readonly string[] {
  const all = typeof given === "string" ? [given] : (given ?? []);
  if (!Array.isArray(all) || !all.every((each) => typeof each === "string" && each !== "")) {
    throw invalid(`option ${name} must be texts that are not empty`);
  }
  return all;
}

/** Says which vectors are wanted, as a part of a query. */
function filterOf(ids: readonly string[], prefixes: readonly string[]): Filter {
  const pairs = [...prefixes.map((p) => ["prefix", p]), ...ids.map((id) => ["id", id])];
  const query = new URLSearchParams(pairs).toString();
  if (query.length > MAX_FILTER) {
    throw invalid("options ids and prefix are too long: follow a prefix, or all");
  }
  return { query, ids: prefixes.length === 0 && ids.length > 0 ? ids : undefined };
}

/** Which vectors are wanted. */
interface Filter {
  readonly query: string;
  /** All that are wanted; undefined if they cannot be listed. */
  readonly ids: readonly string[] | undefined;
}

/** Why the database is to be made anew. */
interface Renewal {
  /** Deltas up to this time are too old for the server. */
  readonly tooOld: number;
  /** Whether all that were never on their way are taken for too old, as the clocks differ. */
  readonly all: boolean;
}

/** What followers of one database in several tabs say to each other. */
interface TabMessage {
  /** From who holds the connection: whether it was up to date. */
  readonly ready?: boolean;
  /** From one who waits: how is it? */
  readonly ask?: true;
  /** Please flush. */
  readonly flush?: string;
  /** It is done, or this is what went wrong. */
  readonly flushed?: string;
}

class Follower implements Following {
  readonly ready: Promise<void>;
  readonly conflicts: FollowConflict[] = [];
  readonly #db: Followed;
  readonly #url: string;
  readonly #filter: Filter;
  readonly #options: FollowServerOptions;
  readonly #gateway: Gateway;
  readonly #store: FollowStateStore;
  /** Whether the state is kept longer than the database is open. */
  readonly #lasts: boolean;
  readonly #outbox: Outbox;
  readonly #backoff: Backoff;
  readonly #postBackoff: Backoff;
  readonly #controller = new AbortController();
  /** Cuts the connection that there is. */
  #attempt = new AbortController();
  /** Aborted when it seems worth to try again. */
  #hope = new AbortController();
  #status: FollowStatus = "connecting";
  #place: Place | undefined;
  #info: GatewayInfo | undefined;
  /** Which vectors the token let one see on the way to the place; undefined if that is not known. */
  #prefix: string | undefined;
  /** What was saved last. */
  #saved: string | undefined;
  #saving: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether what is saved says that anything may be on its way. */
  #sending = false;
  #isReady = false;
  #fulfil!: () => void;
  #reject!: (error: DeltaError) => void;
  #lastLive = Number.NEGATIVE_INFINITY;
  /** When the live connection that there is was made. */
  #liveSince = 0;
  #renewal: Renewal | undefined;
  /** When the server has last called a delta too old. */
  #lastTooOld: number = Number.NEGATIVE_INFINITY;
  /** Deltas that are made while the database is made anew. */
  #meanwhile: DeltaEvent[] | undefined;
  /** Whether it is not known which own deltas the server has. */
  #unsure = false;
  /** Whether vectors may be here that the server never got, and that no delta tells of any more. */
  #partial = false;
  #replica: string;
  #leaders: number | undefined;
  #received = 0;
  #total: number | undefined;
  #told = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #unsubscribe: () => void = () => {};
  /** Whether what is made here is not told any more. */
  #deaf = false;
  #wire: BroadcastChannel | undefined;
  #holds = false;
  /** Those who wait until the tab that holds the connection has flushed. */
  readonly #flushes = new Map<
    string,
    { readonly resolve: () => void; readonly reject: (error: DeltaError) => void }
  >();

  constructor(
    db: Followed,
    url: URL,
    filter: Filter,
    options: FollowServerOptions,
    place: Place | undefined,
  ) {
    const { minDelayMs = 500, maxDelayMs = 30_000, token, state } = options;
    const { fetch = globalThis.fetch.bind(globalThis) } = options;
    const { signal } = this.#controller;
    const delays = { minDelayMs, maxDelayMs, maxAttempts: Number.POSITIVE_INFINITY };
    this.#backoff = new Backoff(delays, true, true);
    this.#postBackoff = new Backoff(delays, true, true);
    this.#db = db;
    this.#url = url.href;
    this.#filter = filter;
    this.#options = options;
    this.#place = place;
    this.#replica = db.options.replicaId;
    this.#leaders = db.leaders;
    this.#gateway = new Gateway({ url, filter: filter.query, token, fetch, signal });
    const store = stateStore(db, url.href);
    this.#store = state ?? store;
    this.#lasts = state !== undefined || store.lasts;
    this.ready = new Promise((resolve, reject) => {
      this.#fulfil = resolve;
      this.#reject = reject;
    });
    this.ready.catch(() => undefined); // who wants to know asks
    this.#outbox = new Outbox({
      db,
      gateway: this.#gateway,
      signal,
      beforePost: () => this.#beforePost(),
      answered: () => {
        this.#postBackoff.reset();
        this.#changed();
      },
      refused: (error, conflict) => this.#refused(error, conflict),
      tooOld: (delta) => this.#tooOld(delta),
      trouble: (error) => this.#trouble(error),
      pause: (error) => this.#pause(this.#postBackoff, error),
    });
  }

  get status(): FollowStatus {
    return this.#status;
  }

  get cursor(): string | undefined {
    const place = this.#place;
    const info = this.#info;
    return place === undefined || (info !== undefined && this.#missing(place, info).length > 0)
      ? undefined
      : formatPlace(place);
  }

  start(): void {
    const { signal } = this.#options;
    const abort = (): void => void this.close();
    signal?.addEventListener("abort", abort);
    this.#controller.signal.addEventListener("abort", () => {
      signal?.removeEventListener("abort", abort);
    });
    this.#running = this.#run();
    if (signal?.aborted) {
      abort();
    }
  }

  async flush(): Promise<void> {
    if (this.#controller.signal.aborted) {
      throw closed();
    }
    if (this.#holds) {
      return this.#outbox.flush();
    }
    return new Promise((resolve, reject) => {
      const id = crypto.randomUUID();
      this.#flushes.set(id, { resolve, reject });
      this.#say({ flush: id });
    });
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#controller.abort();
      await this.#running;
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Does all, to the end. */
  async #run(): Promise<void> {
    const { signal } = this.#controller;
    let status: FollowStatus = "closed";
    let end: unknown = closed();
    const look = setInterval(() => this.#look(), LOOK_MS);
    (look as { unref?(): void }).unref?.();
    const { addEventListener: listen, removeEventListener: unlisten } = globalThis as {
      addEventListener?: (type: string, listener: () => void) => void;
      removeEventListener?: (type: string, listener: () => void) => void;
    };
    const online = (): void => this.#hopeAgain();
    const offline = (): void => this.#attempt.abort(new Lost("to be made anew"));
    listen?.("online", online);
    listen?.("offline", offline);
    try {
      await this.#listen();
      await this.#alone(() => this.#hold());
    } catch (error) {
      if (!signal.aborted) {
        end = error;
        status = isCode(error, "CLOSED") ? "closed" : "failed";
      }
    }
    unlisten?.("online", online);
    unlisten?.("offline", offline);
    clearInterval(look);
    clearTimeout(this.#timer);
    this.#unsubscribe();
    this.#controller.abort();
    const error = toDeltaError(end);
    this.#outbox.end(error);
    if (this.#holds) {
      await this.#outbox.settled();
      this.#sending = false;
      await this.#save().catch(() => undefined); // a state that is older does
    }
    this.#wire?.close();
    for (const { reject } of this.#flushes.values()) {
      reject(error);
    }
    this.#reject(error);
    this.#set(status);
    if (status === "failed") {
      this.#trouble(error);
    }
  }

  /** Has what is made here told, also if that ends as the tab that led has gone. */
  async #listen(): Promise<void> {
    this.#deaf = false;
    const ended = (): void => {
      this.#deaf = true;
      void this.#look();
    };
    try {
      this.#unsubscribe = await this.#db.onDelta(
        (event) => this.#local(event),
        { origin: "local" },
        ended,
      );
    } catch (error) {
      this.#deaf = true;
      throw error;
    }
    if (this.#controller.signal.aborted) {
      this.#unsubscribe();
    }
  }

  /** Lets one tab of those that share a database do something; this one waits for its turn. */
  async #alone(run: () => Promise<void>): Promise<void> {
    const locks = globalThis.navigator?.locks;
    const { storage } = this.#db;
    if (locks === undefined || storage === undefined || !/^(idb|opfs):/.test(storage)) {
      return run();
    }
    const name = `deltavec-follow:${storage} ${this.#url}`;
    if (typeof BroadcastChannel === "function") {
      this.#wire = new BroadcastChannel(name);
      this.#wire.onmessage = ({ data }) => this.#hear((data ?? {}) as TabMessage);
    }
    const { signal } = this.#controller;
    if (
      await locks.request(name, { ifAvailable: true }, (lock) => lock && run().then(() => true))
    ) {
      return;
    }
    this.#set("waiting");
    this.#say({ ask: true });
    await locks.request(name, { signal }, run);
  }

  #say(message: TabMessage): void {
    this.#wire?.postMessage(message);
  }

  #hear({ ready, ask, flush, flushed }: TabMessage): void {
    if (this.#holds) {
      if (ask) {
        this.#say({ ready: this.#isReady });
      }
      if (typeof flush === "string") {
        // If this one ends before, the next one is asked again.
        this.#outbox.flush().then(
          () => this.#say({ flushed: flush }),
          () => undefined,
        );
      }
    } else if (ready !== undefined) {
      if (ready) {
        this.#fulfil();
      }
      for (const id of this.#flushes.keys()) {
        this.#say({ flush: id });
      }
    } else if (flushed !== undefined) {
      this.#flushes.get(flushed)?.resolve();
      this.#flushes.delete(flushed);
    }
  }

  /** Follows, as the only one. */
  async #hold(): Promise<void> {
    const { signal } = this.#controller;
    signal.throwIfAborted();
    this.#holds = true;
    this.#set("connecting");
    await this.#begin();
    this.#say({ ready: this.#isReady });
    for (const { resolve, reject } of this.#flushes.values()) {
      this.#outbox.flush().then(resolve, reject);
    }
    this.#flushes.clear();
    while (!signal.aborted) {
      try {
        await this.#connection();
      } catch (error) {
        this.#outbox.open = false;
        if (signal.aborted) {
          return;
        }
        this.#sending = false;
        this.#changed();
        if (this.#status === "live") {
          this.#lastLive = performance.now();
          if (this.#lastLive - this.#liveSince > STEADY_MS) {
            this.#backoff.reset();
          }
        }
        this.#set("offline");
        await this.#handle(error);
      }
    }
  }

  /** Deals with the end of a connection; throws if it was the last one. */
  async #handle(error: unknown): Promise<void> {
    if (error instanceof Refused) {
      if (error.isGone) {
        this.#renewal ??= { tooOld: 0, all: false };
      } else if (error.status === 401 && this.#gateway.canRenew) {
        this.#gateway.forgetToken();
        this.#trouble(error.toError());
      } else if (error.isGateway && error.status !== 404 && error.status !== 409) {
        throw error.toError();
      } else {
        this.#trouble(error.toError());
      }
    } else if (isCode(error, "INTERRUPTED")) {
      // The tab that leads is another one now.
    } else if (!(error instanceof Lost)) {
      if (!(error instanceof DeltaError) || FATAL.includes(error.code)) {
        throw error;
      }
      this.#trouble(error);
    }
    if (error instanceof Behind) {
      this.#lastLive = Number.NEGATIVE_INFINITY; // by chunks
    } else {
      await this.#pause(this.#backoff, error as Error);
    }
  }

  /** Reads what is known from before. */
  async #begin(): Promise<void> {
    const text = await Promise.resolve(this.#store.load()).catch((cause) => {
      this.#trouble(
        new DeltaError("STORAGE_FAILED", "the state of a follower cannot be read", { cause }),
      );
    });
    const state = readState(text, this.#url, this.#filter.query);
    const cursor = await this.#db.cursor();
    const { own } = this.#outbox;
    this.#saved = state && (text as string);
    if (this.#place === undefined) {
      this.#place = state?.place;
      this.#prefix = state?.prefix;
    }
    for (const [replica, known] of state?.replicas ?? []) {
      const { last } = split(cursor, replica);
      // Also one that is acknowledged: another tab may go on with it, or this one only knows that it is there.
      if (replica === this.#replica || last > 0) {
        own.set(replica, { ...known, attempted: Math.min(known.attempted, last) });
      }
    }
    if (!own.has(this.#replica)) {
      const { last } = split(cursor, this.#replica);
      this.#unsure = state === undefined && this.#lasts && last > 0;
      own.set(this.#replica, { acknowledged: 0, attempted: this.#unsure ? last : 0 });
    }
    if (state === undefined && this.#lasts) {
      // Which of them were this database's is not known: what the server does not show is sent.
      for (const replica of replicasOf(cursor)) {
        const { last } = split(cursor, replica);
        this.#unsure ||= last > 0;
        own.set(replica, { acknowledged: 0, attempted: last });
      }
    }
    this.#partial = this.#unsure;
    await this.#outbox.count();
    if (this.#lasts && !state?.replicas.has(this.#replica)) {
      await this.#save().catch((error) => this.#trouble(toDeltaError(error)));
    }
  }

  /** One connection: brings the database up to date, and keeps it there. Ends by failing. */
  async #connection(): Promise<never> {
    this.#attempt = new AbortController();
    const signal = AbortSignal.any([this.#controller.signal, this.#attempt.signal]);
    const info = await this.#gateway.info();
    signal.throwIfAborted();
    this.#info = info;
    this.#requireFit(info);
    this.#returnToSaved();
    if (this.#prefix !== undefined && this.#prefix !== info.prefix) {
      this.#place = undefined; // what could not be seen before is in no chunk
    }
    this.#prefix = info.prefix;
    const known = this.#place;
    if (
      known !== undefined &&
      (known.epoch !== info.epoch || known.offsets.length !== info.shards)
    ) {
      this.#renewal ??= { tooOld: 0, all: false };
    }
    if (this.#renewal !== undefined) {
      await this.#renew(info, this.#renewal, signal);
    }
    if (!this.#unsure) {
      this.#outbox.open = true;
    }
    const place = this.#place ?? newPlace(info);
    this.#place = place;
    const merger = this.#merger(this.#db);
    const stop = (): void => merger.end();
    this.#controller.signal.addEventListener("abort", stop);
    try {
      await this.#catchUp(merger, place, info, signal);
      merger.eager = true;
      const live = {
        gateway: this.#gateway,
        merger,
        place,
        wanted: (shard: number) => shard < info.shards && this.#wants(shard, info),
        signal,
        opened: () => this.#arrived(),
        received: (records: number) => {
          this.#backoff.reset();
          this.#came(records);
        },
      };
      const connection =
        this.#options.transport === "sse"
          ? liveByEvents(live)
          : liveByWebSocket(live, this.#options.WebSocket ?? globalThis.WebSocket);
      return await connection;
    } catch (error) {
      // What has come is not asked for again.
      await merger.drained();
      throw error;
    } finally {
      this.#controller.signal.removeEventListener("abort", stop);
      merger.end();
    }
  }

  /** Takes over what the server has up to now. */
  async #catchUp(
    merger: Merger,
    place: Place,
    info: GatewayInfo,
    signal: AbortSignal,
  ): Promise<void> {
    const missing = this.#missing(place, info);
    if (missing.length > 0) {
      this.#set("snapshot");
      await this.#snapshots(merger, place, missing, signal);
    }
    if (!this.#isReady || performance.now() - this.#lastLive > SHORT_MS) {
      this.#set("deltas");
      await this.#chunks(merger, place, info, signal);
    }
    if (this.#unsure) {
      this.#unsure = false;
      this.#outbox.open = true;
    }
  }

  /** Whatever was missing is here, and more comes as it is made. */
  #arrived(): void {
    this.#set("live");
    this.#liveSince = performance.now();
    if (!this.#isReady) {
      this.#isReady = true;
      this.#fulfil();
      this.#say({ ready: true });
    }
  }

  #merger(db: Followed): Merger {
    const own = this.#outbox.own;
    // What comes back was sent, and with it all before.
    const seen = (frames: Uint8Array): void => {
      for (let at = 0; this.#unsure && at < frames.length; ) {
        const end = framesEnd(frames, at, 1);
        const identity = identityOf(frames.subarray(at, end));
        const known = identity && own.get(identity.replica);
        if (known && known.acknowledged < identity.sequence) {
          known.acknowledged = identity.sequence;
        }
        at = end;
      }
    };
    return new Merger(db, {
      trouble: (error) => this.#trouble(error),
      failed: () => this.#attempt.abort(new Lost("to be made anew")),
      seen: this.#unsure ? seen : undefined,
    });
  }

  /** Loads snapshots of shards. */
  async #snapshots(
    merger: Merger,
    place: Place,
    shards: readonly number[],
    signal: AbortSignal,
  ): Promise<void> {
    let known = 0;
    let bytes = 0;
    await atOnce(shards, SNAPSHOTS_AT_ONCE, signal, async (shard, signal) => {
      const address = this.#gateway.address(`/shards/${shard}/snapshot`);
      const response = await this.#gateway.request(address, { signal });
      requireEpoch(response, place);
      const offset = numberHeader(response, "Deltavec-Offset");
      const { headers } = response;
      bytes += Number(headers.get("Deltavec-Bytes") ?? headers.get("Content-Length") ?? 0);
      this.#total = Math.round((bytes / ++known) * shards.length);
      await this.#take(merger, response, (received) => this.#came(received));
      merger.add(NO_FRAMES, () => {
        place.offsets[shard] = offset;
        this.#changed();
      });
      await merger.room();
    });
    await merger.drained();
  }

  /** Reads the log of all shards up to its end. */
  async #chunks(
    merger: Merger,
    place: Place,
    info: GatewayInfo,
    signal: AbortSignal,
  ): Promise<void> {
    const shards = place.offsets.flatMap((_, shard) => (this.#wants(shard, info) ? [shard] : []));
    this.#total = 0;
    await atOnce(shards, CHUNKS_AT_ONCE, signal, async (shard, signal) => {
      let since = place.offsets[shard] ?? 0;
      let known = since;
      for (let end = since; ; ) {
        const query = { since: String(since), epoch: place.epoch };
        const address = this.#gateway.address(`/shards/${shard}/deltas`, query);
        const response = await this.#gateway.request(address, { signal });
        requireEpoch(response, place);
        const next = numberHeader(response, "Deltavec-Next");
        end = numberHeader(response, "Deltavec-End");
        if (next < since) {
          throw new DeltaError("CORRUPT_DATA", "the server's log does not go on");
        }
        this.#total = (this.#total ?? 0) + Math.max(0, end - known);
        known = Math.max(known, end);
        await this.#take(merger, response);
        this.#came(next - since);
        const stands = next === since; // what is behind it is not to be read yet
        since = next;
        merger.add(NO_FRAMES, () => {
          advance(place, shard, next);
          this.#changed();
        });
        await merger.room();
        if (next >= end || stands) {
          return;
        }
      }
    });
    await merger.drained();
  }

  /** Has the frames of a body merged. */
  async #take(
    merger: Merger,
    response: Response,
    received?: (bytes: number) => void,
  ): Promise<void> {
    const cutter = new FrameCutter(MAX_FRAME);
    for await (const piece of piecesOf(response)) {
      for (const frames of cutter.cut(piece)) {
        merger.add(frames);
      }
      received?.(piece.length);
      await merger.room();
    }
    cutter.end();
  }

  /**
   * Makes the database anew from what the server has, as the way there cannot be read any more. Local deltas that were not acknowledged go
   * along as they are; those that the server takes no more are made again, if they were never on their way.
   */
  async #renew(info: GatewayInfo, { tooOld, all }: Renewal, signal: AbortSignal): Promise<void> {
    const db = this.#db;
    const { own } = this.#outbox;
    await this.#outbox.settled();
    this.#set("snapshot");
    this.#meanwhile = [];
    const fresh = await makeFresh(db);
    try {
      const place = newPlace(info);
      await this.#snapshots(this.#merger(fresh), place, this.#missing(place, info), signal);
      // What of ours is there was taken, and all before: it was sent in order.
      const taken = await fresh.cursor();
      for (const [replica, known] of own) {
        known.acknowledged = Math.max(known.acknowledged, split(taken, replica).last);
      }
      const margin = Math.max(info.retentionMs / 10, 600_000);
      const oldest = Math.max(tooOld, Date.now() - info.retentionMs + margin);
      const carrier = new Carrier(db, fresh, oldest, all);
      carrier.onconflict = (error, conflict) => this.#refused(error, conflict);
      let data: Uint8Array<ArrayBuffer> | undefined;
      for (let left = CARRIES; left > 0; left--) {
        if (!(await carrier.carry(own)) && data !== undefined) {
          break;
        }
        if (this.#partial && data === undefined) {
          await carrier.carryUnheard();
        }
        data = await fresh.export();
      }
      signal.throwIfAborted();
      if (carrier.madeAnew > 0) {
        // Known before they are there, so that they are sent whatever happens.
        own.set(fresh.options.replicaId, { acknowledged: 0, attempted: 0 });
        await this.#save();
      }
      this.#place = undefined; // nothing is known until the next is saved
      await db.import(data as Uint8Array<ArrayBuffer>);
      this.#place = place;
      this.#noteReplica();
      this.#renewal = undefined;
      this.#partial = false;
      const late = this.#meanwhile;
      this.#meanwhile = undefined;
      for (const event of late) {
        await carrier.makeAgain(event, db);
      }
      await this.#save();
    } finally {
      this.#meanwhile = undefined;
      await fresh.close();
    }
  }

  /** Notes under which replica the database goes on. */
  #noteReplica(): void {
    this.#replica = this.#db.options.replicaId;
    this.#meet(this.#replica);
  }

  #meet(replica: string): void {
    const { own } = this.#outbox;
    if (!own.has(replica)) {
      own.set(replica, { acknowledged: 0, attempted: 0 });
      this.#changed();
    }
  }

  /** A delta was made here. */
  #local(event: DeltaEvent): void {
    if (this.#holds) {
      this.#meet(identityOfId(event.deltaId).replica);
      this.#meanwhile?.push(event);
      this.#outbox.wake();
    } else {
      const { own } = this.#outbox;
      const { replica } = identityOfId(event.deltaId);
      if (!own.has(replica)) {
        own.set(replica, { acknowledged: 0, attempted: 0 });
      }
    }
  }

  /** Goes back to what was saved, if the database may have lost what it had, or is another one. */
  #returnToSaved(): void {
    const { leaders, options } = this.#db;
    if (leaders !== this.#leaders) {
      this.#leaders = leaders;
      this.#place = readState(this.#saved, this.#url, this.#filter.query)?.place;
      this.#noteReplica(); // that of the tab that leads now
    }
    if (options.replicaId !== this.#replica) {
      // Another database was imported.
      this.#noteReplica();
      this.#place = undefined;
    }
  }

  /** Looks whether the database is as it was left. */
  async #look(): Promise<void> {
    try {
      await this.#db.position;
      if (this.#deaf && !this.#controller.signal.aborted) {
        await this.#listen();
        // What was made meanwhile is found by looking.
        this.#meet(this.#db.options.replicaId);
        this.#outbox.wake();
      }
      if (this.#holds && this.#isMoved() && this.#meanwhile === undefined) {
        this.#attempt.abort(new Lost("to be made anew"));
        this.#hopeAgain();
      }
    } catch (error) {
      if (!isCode(error, "INTERRUPTED")) {
        void this.close(); // it was closed
      }
    }
  }

  #isMoved(): boolean {
    const { leaders, options } = this.#db;
    return leaders !== this.#leaders || options.replicaId !== this.#replica;
  }

  #requireFit({ dimensions, grid, metric }: GatewayInfo): void {
    const { options } = this.#db;
    const own = {
      dimensions: options.dimensions,
      grid: options.precision?.grid ?? 0,
      metric: options.metric,
    };
    for (const [name, value] of Object.entries({ dimensions, grid, metric })) {
      const mine = own[name as keyof typeof own];
      if (mine !== value) {
        throw invalid(
          `the server's vectors do not fit: its ${name} is ${value}, this database's ${mine}`,
        );
      }
    }
  }

  /** Whether anything of a shard is wanted. */
  #wants(shard: number, { shards }: GatewayInfo): boolean {
    return this.#filter.ids?.some((id) => shardOf(id, shards) === shard) ?? true;
  }

  /** Shards of which nothing is known. */
  #missing({ offsets }: Place, info: GatewayInfo): number[] {
    return Array.from(offsets.keys()).filter(
      (shard) => offsets[shard] === undefined && this.#wants(shard, info),
    );
  }

  async #beforePost(): Promise<void> {
    if (!this.#sending) {
      this.#sending = true;
      if (this.#lasts) {
        await this.#save();
      }
    }
  }

  #refused(error: DeltaError, conflict: FollowConflict): void {
    this.#partial ||= conflict.reason === "HISTORY_COMPACTED";
    this.conflicts.push(Object.freeze(conflict));
    this.conflicts.splice(0, this.conflicts.length - MOST_CONFLICTS);
    this.#changed();
    this.#trouble(error, conflict);
  }

  #tooOld({ time }: OwnDelta): void {
    const now = performance.now();
    const all = now - this.#lastTooOld < SHORT_MS;
    this.#lastTooOld = now;
    this.#renewal = { tooOld: Math.max(time, this.#renewal?.tooOld ?? 0), all };
    this.#attempt.abort(new Lost("to be made anew"));
    this.#hopeAgain();
  }

  #trouble(error: DeltaError, conflict?: FollowConflict): void {
    if (isCode(error, "CLOSED") || (this.#controller.signal.aborted && this.#status !== "failed")) {
      return;
    }
    const { onError } = this.#options;
    try {
      if (onError === undefined) {
        report(error);
      } else {
        onError(error, conflict);
      }
    } catch (thrown) {
      report(thrown);
    }
  }

  /** Waits before the next attempt, less long if the network is back. */
  async #pause(backoff: Backoff, error: Error): Promise<void> {
    const signal = AbortSignal.any([this.#controller.signal, this.#hope.signal]);
    if (error instanceof Busy && error.retryAfterMs > 0) {
      const fixed = { minDelayMs: error.retryAfterMs * 2, maxDelayMs: error.retryAfterMs * 2 };
      await new Backoff(fixed, true, true).wait(error, signal);
    } else if (!signal.aborted) {
      await backoff.wait(error, signal);
    }
  }

  #hopeAgain(): void {
    this.#backoff.reset();
    this.#postBackoff.reset();
    this.#hope.abort();
    this.#hope = new AbortController();
  }

  #set(status: FollowStatus): void {
    this.#status = status;
    this.#received = 0;
    this.#total = undefined;
    this.#told = Number.NEGATIVE_INFINITY;
    this.#tell();
  }

  #came(more: number): void {
    this.#received += more;
    this.#tell();
  }

  #tell(): void {
    const { onProgress } = this.#options;
    const now = performance.now();
    if (onProgress !== undefined && now - this.#told >= PROGRESS_MS) {
      this.#told = now;
      const total =
        this.#total === undefined ? {} : { total: Math.max(this.#total, this.#received) };
      const { pending } = this.#outbox;
      const progress: FollowProgress = {
        phase: this.#status,
        received: this.#received,
        ...total,
        pending,
      };
      try {
        onProgress(Object.freeze(progress));
      } catch (error) {
        report(error);
      }
    }
    if (this.#status === "live" || this.#status === "deltas") {
      this.#changed();
    }
  }

  /** There is something new to be saved: some time later, with what else comes. */
  #changed(): void {
    if (this.#timer === undefined && !this.#controller.signal.aborted && this.#holds) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#save().catch((error) => this.#trouble(toDeltaError(error)));
      }, SAVE_MS);
      (this.#timer as { unref?(): void }).unref?.();
    }
  }

  /** Saves the state, once that is on disk which it stands for. */
  #save(): Promise<void> {
    const next = this.#saving.then(async () => {
      const { own } = this.#outbox;
      const leaders = this.#db.leaders;
      const state = { place: this.#place, replicas: own, prefix: this.#prefix ?? "" };
      const text = writeState(state, this.#url, this.#filter.query, this.#sending);
      if (text === this.#saved || this.#isMoved()) {
        return;
      }
      await this.#db.flush?.();
      if (this.#db.leaders === leaders) {
        try {
          await this.#store.save(text);
        } catch (cause) {
          throw new DeltaError("STORAGE_FAILED", "the state of a follower cannot be saved", {
            cause,
          });
        }
        this.#saved = text;
      }
    });
    this.#saving = next.catch(() => undefined);
    return next;
  }
}

/** Carries deltas that were not acknowledged from a database to the one that takes its place. */
class Carrier {
  onconflict: (error: DeltaError, conflict: FollowConflict) => void = () => {};
  /** How many were made again. */
  madeAnew = 0;
  readonly #from: Followed;
  readonly #to: Followed;
  /** Unix milliseconds; what is not newer the server does not take. */
  readonly #tooOld: number;
  readonly #all: boolean;
  /** How far it is with each replica. */
  readonly #done = new Map<string, number>();
  /** Vectors of which deltas were made again: so are those that follow, which would else come before them. */
  readonly #anew = new Set<string>();
  /** Vectors that were carried as they are, and the last delta of each that is in it. */
  readonly #whole = new Map<string, string>();

  constructor(from: Followed, to: Followed, tooOld: number, all: boolean) {
    this.#from = from;
    this.#to = to;
    this.#tooOld = tooOld;
    this.#all = all;
  }

  /** Carries what is new; tells whether there was anything. */
  async carry(own: ReadonlyMap<string, OwnReplica>): Promise<boolean> {
    let any = false;
    for (const [replica, known] of own) {
      const { last } = split(await this.#from.cursor(), replica);
      let at = this.#done.get(replica) ?? known.acknowledged;
      while (at < last) {
        any = true;
        at = await this.#carrySome(replica, known, at, last);
        this.#done.set(replica, at);
      }
      this.#done.set(replica, at);
    }
    return any;
  }

  /** Carries all vectors that the server has never heard of, as they are. */
  async carryUnheard(): Promise<void> {
    for await (const id of this.#from.ids()) {
      await this.#carryWhole(id, "");
    }
  }

  /** Makes a delta again that was made after the others were carried. */
  async makeAgain(event: DeltaEvent, db: Followed): Promise<void> {
    const { replica, sequence } = identityOfId(event.deltaId);
    const carried = this.#done.get(replica);
    if (this.#holds(event)) {
      return;
    }
    if (carried !== undefined && sequence > carried) {
      await this.#make(event, db, NO_FRAMES);
    }
  }

  async #carrySome(
    replica: string,
    known: OwnReplica,
    from: number,
    last: number,
  ): Promise<number> {
    const { to, bytes } = await readUnsent(this.#from, replica, from, from + 1);
    if (bytes === undefined) {
      const gone = new DeltaError(
        "HISTORY_COMPACTED",
        "a delta was compacted away before it was sent",
      );
      this.onconflict(gone, { reason: gone.code, vectorId: "", deltaId: "", bytes: NO_FRAMES });
      return to;
    }
    if (bytes.length <= START_BYTES) {
      return to;
    }
    const delta = readSingle(bytes);
    const isNew = delta.sequence > known.attempted;
    const isOld = delta.time <= this.#tooOld || (isNew && this.#all);
    if (this.#holds(delta)) {
      return to;
    }
    if (isOld || this.#anew.size > 0) {
      if (isNew && (isOld || this.#anew.has(delta.vectorId))) {
        const { deltas } = await this.#from.getDeltaChain(delta.vectorId);
        const found = deltas.find(({ deltaId }) => deltaId === delta.deltaId);
        if (found !== undefined) {
          this.#anew.add(delta.vectorId);
          this.madeAnew++;
          await this.#make({ ...found, vectorId: delta.vectorId }, this.#to, bytes);
        }
        return to;
      }
      if (isOld) {
        if (await this.#carryWhole(delta.vectorId, delta.deltaId)) {
          return to;
        }
        const what = "a delta that may have reached the server is too old to be sent again";
        const { vectorId, deltaId } = delta;
        this.onconflict(new DeltaError("REFUSED", what), {
          reason: "TOO_OLD",
          vectorId,
          deltaId,
          bytes,
        });
        return to;
      }
      await this.#to.merge(bytes);
      return to;
    }
    // None of a replica's deltas is much older than those before, so these are looked at one by one only where the first is old.
    const many = await readUnsent(this.#from, replica, from, Math.min(from + 1000, last));
    await this.#to.merge(many.bytes as Uint8Array);
    return many.to;
  }

  /** Whether a delta is in a vector that was carried as it is. */
  #holds({ vectorId, deltaId }: { vectorId: string; deltaId: string }): boolean {
    return deltaId <= (this.#whole.get(vectorId) ?? "");
  }

  /**
   * Carries a vector as it is, if the server has never heard of it: what was taken by the server is not made twice, and what it does not
   * have is not lost. Tells whether the server has never heard of it.
   *
   * @param seen - a delta of the vector's
   */
  async #carryWhole(id: string, seen: string): Promise<boolean> {
    const isThere = (await this.#to.getVector(id)) !== null;
    const { deltas } = await this.#to.getDeltaChain(id);
    // A change without a beginning was carried from here, and is of a vector that the server does not have.
    if (isThere || deltas.some(({ operation: { type } }) => /^(create|delete)$/.test(type))) {
      return false;
    }
    const lastOf = async (): Promise<string> =>
      (await this.#from.getDeltaChain(id)).deltas.at(-1)?.deltaId ?? "";
    for (let last = await lastOf(); ; ) {
      const vector = await this.#from.getVector(id);
      const metadata = await this.#from.getMetadata(id);
      const now = await lastOf();
      if (now === last) {
        if (vector !== null) {
          await this.#to.applyDelta({
            vectorId: id,
            operation: { type: "create", vector },
            ...(metadata && { metadata }),
          });
          this.#anew.add(id);
          this.madeAnew++;
        }
        this.#whole.set(id, last > seen ? last : seen);
        return true;
      }
      last = now; // it was changed meanwhile
    }
  }

  async #make(
    delta: Pick<DeltaEvent, "vectorId" | "deltaId" | "operation" | "metadata">,
    db: Followed,
    bytes: Uint8Array,
  ): Promise<void> {
    const { vectorId, deltaId, operation, metadata } = delta;
    try {
      await db.applyDelta({ vectorId, operation, ...(metadata && { metadata }) });
    } catch (error) {
      if (!(error instanceof DeltaError)) {
        throw error;
      }
      this.onconflict(error, { reason: error.code, vectorId, deltaId, bytes });
    }
  }
}

/** Makes an empty database with the options of another: in a worker of its own if that one is in a worker. */
async function makeFresh(db: Followed): Promise<Followed & { close(): unknown }> {
  const { replicaId: _, ...options } = db.options;
  if (db.readers !== undefined) {
    try {
      return (await DeltaVectorDB.connect(options)) as Followed & { close(): unknown };
    } catch {
      // Its script may not be where it is looked for.
    }
  }
  return new DeltaVectorDB(options);
}

function newPlace({ epoch, shards }: GatewayInfo): Place {
  return { epoch, offsets: new Array<number | undefined>(shards).fill(undefined) };
}

function requireEpoch(response: Response, { epoch }: Place): void {
  const now = response.headers.get("Deltavec-Epoch");
  if (now !== epoch) {
    throw new Refused(409, "EPOCH_CHANGED", `the server's epoch is ${describe(now)} now`);
  }
}

/** Does something for each item, several at a time. The first failure ends all. */
async function atOnce<T>(
  items: readonly T[],
  most: number,
  outer: AbortSignal,
  run: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const signal = AbortSignal.any([outer, controller.signal]);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      if (signal.aborted) {
        throw new Lost("it was called off");
      }
      await run(items[next++] as T, signal);
    }
  };
  const workers = Array.from({ length: most }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    controller.abort();
    await Promise.allSettled(workers);
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof DeltaError && error.code === code;
}

function closed(): DeltaError {
  return new DeltaError("CLOSED", "the follower is closed");
}

function toDeltaError(error: unknown): DeltaError {
  return error instanceof DeltaError
    ? error
    : new DeltaError("DISCONNECTED", `following failed: ${(error as Error)?.message}`, {
        cause: error,
      });
}

function report(error: unknown): void {
  const { reportError = console.error } = globalThis;
  reportError(error);
}
