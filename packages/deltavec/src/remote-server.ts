import { type ChannelErrorPolicy, type ChannelHandle, ChannelServer } from "./channel.ts";
import { type Backstage, backstage, DeltaVectorDB } from "./database.ts";
import type { DeltaIds } from "./delta-id.ts";
import { DeltaError, describe, invalid } from "./errors.ts";
import { LogReader } from "./feed.ts";
import { writeId } from "./frame.ts";
import { WriterGate } from "./gate.ts";
import type { Instance } from "./instance.ts";
import { live } from "./life.ts";
import { load, loadedModule } from "./module.ts";
import { requireSharedMemory } from "./platform.ts";
import { serveReader } from "./reader.ts";
import { relaxShared } from "./relaxed.ts";
import { LOCAL_ONLY } from "./remote.ts";
import {
  type Answer,
  CANCEL,
  CANDIDATES,
  type Candidates,
  CHANNEL,
  CLOSE,
  ERROR,
  EVENT,
  encodeError,
  FRAMES,
  IMPORT,
  IMPORTED,
  NEXT,
  OPENING,
  type Opened,
  type OpenMessage,
  type Page,
  type Port,
  PROTOCOL,
  RENEW,
  RESULT,
  type ReaderMessage,
  type Request,
  type Requests,
} from "./remote-protocol.ts";
import { sharedBuild } from "./shared-build.ts";
import type { Backing } from "./storage/backing.ts";
import { READS } from "./storage/calls.ts";
import type {
  DeltaDBOptions,
  DeltaEvent,
  ExportOptions,
  FeedOptions,
  ImportResult,
  SearchOptions,
  SearchResult,
} from "./types.ts";

/** Milliseconds of calls after which it is looked whether one of those that wait was called off. */
const TURN_MS = 4;
/** Bytes of vectors, and values, that an iterator gives at a time. */
const PAGE_BYTES = 65_536;
const PAGE_VALUES = 256;

/** Members that take what cannot be posted, or are none of the interface's. */
const NOT_CALLED = [
  ...LOCAL_ONLY,
  ...["constructor", "addEventListener", "removeEventListener", "follow"],
];

/** What can be called by name: methods and properties of the database. */
const MEMBERS: ReadonlyMap<string, PropertyDescriptor> = new Map(
  Object.entries(Object.getOwnPropertyDescriptors(DeltaVectorDB.prototype)).filter(
    ([name]) => !(NOT_CALLED as readonly string[]).includes(name),
  ),
);

/**
 * Opens a database for who has posted an {@link OpenMessage}; anything else is no message of ours.
 *
 * @param load - gives the module if the message does not bring it
 */
export async function open(
  message: unknown,
  ownModule: () => Promise<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  const given = (message ?? {}) as Partial<OpenMessage & ReaderMessage>;
  const { deltavec, port, module, options, clock, gate, life, reader, storage } = given;
  if (deltavec === undefined || !(port instanceof MessagePort)) {
    return;
  }
  try {
    if (reader !== undefined && deltavec === PROTOCOL) {
      serveReader(reader, port, life !== undefined && (await live(life)) !== undefined);
      return;
    }
    if (deltavec !== PROTOCOL) {
      throw new DeltaError(
        "UNSUPPORTED_VERSION",
        "the database's worker runs another release of deltavec than the caller",
      );
    }
    const loadModule = (): Promise<void> =>
      load(() => (gate === undefined ? (module ?? ownModule()) : sharedModule(ownModule)));
    if (storage !== undefined) {
      const { serveStorage } = await import("./storage/serve.ts");
      await serveStorage(given as OpenMessage, storage, loadModule);
      return;
    }
    await loadModule();
    let time: unknown;
    const all: DeltaDBOptions = {
      ...options,
      ...(clock ? { now: () => time as number } : {}),
    };
    const db = new DeltaVectorDB(all);
    const end = life === undefined ? undefined : await live(life);
    const setTime = (now: unknown): void => {
      time = now;
    };
    new Server(port, db, setTime, end);
    const answer = (opened: Omit<Opened, "lives">): void =>
      port.postMessage([[RESULT, OPENING, { ...opened, lives: end !== undefined }]]);
    if (gate !== undefined) {
      const { instance } = backstage(db);
      const { memory, root } = instance;
      instance.gate = new WriterGate(gate);
      answer({ module: undefined, image: { module: loadedModule(), memory, root } });
      return;
    }
    try {
      answer({ module: module === undefined ? loadedModule() : undefined, image: undefined });
    } catch {
      answer({ module: undefined, image: undefined }); // modules cannot be posted everywhere
    }
  } catch (error) {
    port.postMessage([[ERROR, OPENING, encodeError(error)]]);
  }
}

/** Returns the shared build of the worker's own module. */
async function sharedModule(
  ownModule: () => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Uint8Array<ArrayBuffer>> {
  requireSharedMemory();
  const bytes = sharedBuild(await ownModule());
  relaxShared(sharedBuild);
  if (bytes === undefined) {
    throw new DeltaError("CORRUPT_DATA", "the module has no memory that could be shared");
  }
  return bytes;
}

/** What a call has left behind. */
interface Resource {
  free(): void;
  /** If it is an iterator. */
  page?(): Page | Promise<Page>;
  /** If it is an import. */
  feed?(piece: unknown): Promise<void>;
  end?(): Promise<ImportResult>;
  /** If it is a search with a filter that the worker cannot ask: ids whose metadata was sent. */
  readonly sent?: Set<string>;
}

/** A call that waits for its turn. */
interface Waiting {
  readonly request: Request;
  readonly frames: ArrayBuffer | undefined;
}

/** Lets what comes in by a port call a database. Whatever comes in, it answers and goes on. */
export class Server {
  readonly #port: Port;
  readonly #db: DeltaVectorDB;
  readonly #back: Backstage;
  readonly #setTime: (now: unknown) => void;
  readonly #closed: (() => void) | undefined;
  readonly #resources = new Map<number, Resource>();
  /** In the order of the calls. */
  #waiting: Waiting[] = [];
  #out: Answer[] = [];
  #transfer: Transferable[] = [];
  #running = false;
  /** Whether calls wait until what has been posted meanwhile is here. */
  #held = false;
  #tick: MessageChannel | undefined;
  readonly #storage: ServedStorage | undefined;
  /** Messages that have come in. */
  #received = 0;
  /** Calls that were begun and are not answered, but for those that wait for what may never come. */
  #open = 0;
  /** Whether it takes in no more, and is told when nothing is open. */
  #drained: (() => void) | undefined;
  #muted = false;
  readonly #special: Readonly<
    Record<
      string,
      (args: readonly unknown[], id: number, frames: ArrayBuffer | undefined) => unknown
    >
  >;

  /**
   * @param setTime - is told the time that a call brings with it, before it is begun
   * @param ended - called when the database was closed
   * @param storage - if the database has one
   */
  constructor(
    port: Port,
    db: DeltaVectorDB,
    setTime: (now: unknown) => void,
    ended?: () => void,
    storage?: ServedStorage,
  ) {
    this.#port = port;
    this.#db = db;
    this.#back = backstage(db);
    this.#setTime = setTime;
    this.#closed = ended;
    this.#storage = storage;
    this.#special = Object.assign(Object.create(null), {
      [CLOSE]: () => this.#close(),
      [NEXT]: ([id]: readonly unknown[]) => this.#resource(id).page?.(),
      [FRAMES]: (args: readonly unknown[], _: number, frames: ArrayBuffer | undefined) =>
        this.#applyFrames(args, frames),
      [CANDIDATES]: (args: readonly unknown[], id: number) => this.#candidates(args, id),
      [CHANNEL]: ([handle, onError]: readonly unknown[], id: number) =>
        this.#serve(handle as ChannelHandle, onError as ChannelErrorPolicy, id),
      [IMPORT]: ([handle, piece]: readonly unknown[], id: number) =>
        handle === undefined ? this.#beginImport(id) : this.#resource(handle).feed?.(piece),
      [IMPORTED]: ([handle]: readonly unknown[]) => this.#resource(handle).end?.(),
      exportStream: ([options]: readonly unknown[], id: number) =>
        this.#iterate(pieces(this.#db.exportStream(options as ExportOptions | undefined)), id),
      onDelta: ([options]: readonly unknown[], id: number) =>
        this.#subscribe(options as FeedOptions, id),
      [RENEW]: (args: readonly unknown[], id: number) => this.#renew(args, id),
      ...(storage && { flush: () => storage.flush(), checkpoint: () => storage.checkpoint() }),
    });
    port.onmessage = ({ data }) => this.#receive(data);
    port.onmessageerror = () => {
      this.#answer([ERROR, -1, encodeError(invalid("a message cannot be read"))]);
    };
  }

  /** Messages that have come in. Who sent more knows that none of the calls in those was begun. */
  get received(): number {
    return this.#received;
  }

  /**
   * Takes in nothing more, and carries out what has come in by now. Then nothing is left behind, and nothing answered any more; the
   * database stays open.
   */
  async end(): Promise<void> {
    if (this.#drained === undefined) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        this.#settle();
      });
      this.drop();
    }
  }

  /** Drops all at once, for one who is gone. */
  drop(): void {
    this.#drained ??= () => {};
    this.#waiting.length = 0;
    this.#flush();
    this.#muted = true;
    this.#free();
  }

  /** Tells who waits for it that nothing is open. */
  #settle(): void {
    if (this.#open === 0 && this.#waiting.length === 0) {
      this.#drained?.();
    }
  }

  #receive(data: unknown): void {
    if (this.#drained !== undefined) {
      return;
    }
    this.#received++;
    const { calls, frames } = (data ?? {}) as Partial<Requests>;
    if (!Array.isArray(calls) || !(frames === undefined || frames instanceof ArrayBuffer)) {
      this.#answer([ERROR, -1, encodeError(invalid(`no message of deltavec: ${describe(data)}`))]);
      return;
    }
    for (const request of calls as readonly unknown[]) {
      this.#admit(request, frames);
    }
    if (!this.#held) {
      this.#run();
    }
  }

  #admit(given: unknown, frames: ArrayBuffer | undefined): void {
    const [id, method, args]: readonly unknown[] = Array.isArray(given) ? given : [];
    if (!Number.isSafeInteger(id) || typeof method !== "string" || !Array.isArray(args)) {
      const number = Number.isSafeInteger(id) ? (id as number) : -1;
      this.#answer([
        ERROR,
        number,
        encodeError(invalid("a call must be [number, name, arguments]")),
      ]);
    } else if (method === CANCEL) {
      this.#cancel(args[0]);
    } else {
      this.#waiting.push({ request: given as Request, frames });
    }
  }

  /** Drops a call that waits, or what one has left behind. */
  #cancel(id: unknown): void {
    const at = this.#waiting.findIndex(({ request }) => request[0] === id);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
    }
    this.#resources.get(id as number)?.free();
    this.#resources.delete(id as number);
  }

  /** Carries out calls that wait. */
  #run(): void {
    const end = performance.now() + TURN_MS;
    const waiting = this.#waiting;
    let done = 0;
    this.#running = true;
    while (done < waiting.length && !this.#held) {
      this.#carryOut(waiting[done++]);
      // After a long call, too, what has come in meanwhile is looked at before the next is begun.
      this.#held = performance.now() >= end;
    }
    this.#running = false;
    waiting.splice(0, done);
    this.#flush();
    if (this.#held) {
      this.#later(() => {
        this.#held = false;
        this.#run();
      });
    }
    this.#settle();
  }

  /** Runs something behind the messages that have come in by now. */
  #later(run: () => void): void {
    const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => void };
    if (setImmediate !== undefined) {
      setImmediate(run); // on Node a port may have its messages before those of others
      return;
    }
    this.#tick ??= new MessageChannel();
    this.#tick.port2.onmessage = run;
    this.#tick.port1.postMessage(undefined);
  }

  #carryOut({ request, frames }: Waiting): void {
    const [id, method, args, now] = request;
    this.#setTime(now);
    try {
      const call = (): unknown => this.#call(method, args, id, frames);
      const changes = this.#storage !== undefined && !READS.has(method);
      const result = changes ? this.#storage.run(call) : call();
      if (result instanceof Promise) {
        const waits = method === NEXT ? 0 : 1;
        this.#open += waits;
        result
          .then(
            (value) => this.#result(id, value),
            (error) => this.#answer([ERROR, id, encodeError(error)]),
          )
          .then(() => {
            this.#open -= waits;
            this.#settle();
          });
      } else {
        this.#result(id, result);
      }
    } catch (error) {
      this.#answer([ERROR, id, encodeError(error)]);
    }
  }

  #call(
    method: string,
    args: readonly unknown[],
    id: number,
    frames: ArrayBuffer | undefined,
  ): unknown {
    const special = this.#special[method];
    if (special !== undefined) {
      return special(args, id, frames);
    }
    const member = MEMBERS.get(method);
    if (member === undefined) {
      throw invalid(`a database in a worker has no ${JSON.stringify(method)}`);
    }
    const db = this.#db;
    const result: unknown =
      member.get === undefined ? member.value.apply(db, args) : member.get.call(db);
    return isIterator(result) ? this.#iterate(result, id) : result;
  }

  #result(id: number, value: unknown): void {
    const { instance } = this.#back;
    if (ArrayBuffer.isView(value) && value.byteLength === value.buffer.byteLength) {
      const { buffer } = value;
      if (buffer instanceof ArrayBuffer && buffer !== instance.bytes.buffer) {
        this.#transfer.push(buffer);
      }
    }
    this.#answer([RESULT, id, value]);
  }

  #answer(answer: Answer): void {
    if (this.#muted) {
      return;
    }
    this.#out.push(answer);
    if (!this.#running && this.#out.length === 1) {
      queueMicrotask(() => this.#flush());
    }
  }

  #flush(): void {
    const answers = this.#out;
    const transfer = this.#transfer;
    if (answers.length === 0) {
      return;
    }
    this.#out = [];
    this.#transfer = [];
    try {
      this.#port.postMessage(answers, transfer);
    } catch {
      for (const answer of answers) {
        this.#postAlone(answer);
      }
    }
  }

  #postAlone(answer: Answer): void {
    try {
      this.#port.postMessage([answer], []);
    } catch (error) {
      const { message } = error as Error;
      const problem = invalid(`the result cannot be sent from the worker: ${message}`);
      this.#port.postMessage([[ERROR, answer[1], encodeError(problem)]], []);
    }
  }

  #applyFrames(args: readonly unknown[], frames: ArrayBuffer | undefined): string | string[] {
    const [start, bytes, count, one] = args as [number, number, number, boolean];
    const whole = [start, bytes, count].every((n) => Number.isSafeInteger(n) && n >= 0);
    const inside = whole && count > 0 && count <= bytes;
    if (frames === undefined || !inside || start + bytes > frames.byteLength) {
      throw invalid("a write must lie within the frames of its message");
    }
    const { instance, ids } = this.#back;
    try {
      this.#back.applyFrames(new Uint8Array(frames, start, bytes), count);
    } catch (error) {
      if (one && error instanceof DeltaError) {
        throw new DeltaError(
          error.code,
          error.message,
          "cause" in error ? { cause: error.cause } : {},
        );
      }
      throw error;
    }
    const { words, output } = instance;
    const format = (at: number): string => ids.format(words[at], words[at + 1], words[at + 2]);
    return one ? format(output) : Array.from({ length: count }, (_, i) => format(output + 4 * i));
  }

  /** Subscribes. Returns the position behind what was told. */
  #subscribe(options: FeedOptions | undefined, id: number): number {
    const tell = (event: DeltaEvent): void => this.#answer([EVENT, id, event]);
    const free = this.#db.onDelta(tell, options ?? {});
    this.#resources.set(id, { free });
    return this.#db.position;
  }

  /** Goes on with a feed that another database of the same storage began, if it is the same that went before. */
  #renew(args: readonly unknown[], id: number): number {
    const [method, options, last] = args as [
      method: "onDelta" | "deltas",
      options: FeedOptions & { readonly since: number },
      last: readonly [position: number, deltaId: string] | undefined,
    ];
    const db = this.#db;
    const { instance, ids } = this.#back;
    if (options.since > db.position || (last && !isAt(instance, ids, ...last))) {
      throw new DeltaError(
        "INTERRUPTED",
        `the feed cannot go on at position ${options.since}: the last deltas that it brought were lost with the tab that had made them; read the present state and begin anew`,
      );
    }
    return method === "onDelta"
      ? this.#subscribe(options, id)
      : this.#iterate(db.deltas(options), id);
  }

  /** Applies what comes in by a channel, until it ends or the database is closed. */
  #serve(handle: ChannelHandle, onError: ChannelErrorPolicy, id: number): void {
    if (!(handle?.port instanceof MessagePort)) {
      throw invalid(`a channel must have a port, not ${describe(handle)}`);
    }
    const apply = (frames: Uint8Array, count: number): void => {
      this.#back.applyFrames(frames, count);
    };
    const server = new ChannelServer(handle, apply, { onError });
    this.#resources.set(id, { free: () => server.close() });
    server.closed.then(
      () => this.#resources.delete(id),
      () => this.#resources.delete(id),
    );
  }

  /**
   * Keeps an iterator, which {@link NEXT} goes on with. Returns the position at which it was made. Values that are ready go along with the first, so that not each
   * takes a way of its own.
   */
  #iterate(iterator: Iterator<unknown> | AsyncIterator<unknown>, id: number): number {
    const vectors = Math.ceil(PAGE_BYTES / (4 * this.#db.options.dimensions));
    const most = Math.min(PAGE_VALUES, vectors);
    const isAsync = Symbol.asyncIterator in iterator;
    /** What was asked for, and did not go along. */
    let ahead: Promise<IteratorResult<unknown>> | undefined;
    const later = async (): Promise<Page> => {
      const values: unknown[] = [];
      while (values.length < most) {
        const next = ahead ?? (iterator as AsyncIterator<unknown>).next();
        ahead = next;
        const ready = values.length === 0 ? next : Promise.race([next, NOT_YET]);
        let result: IteratorResult<unknown> | undefined;
        try {
          result = await ready;
        } catch (error) {
          if (values.length === 0) {
            ahead = undefined;
            throw error;
          }
          break; // comes again, as an answer of its own
        }
        if (result === undefined) {
          break;
        }
        ahead = undefined;
        if (result.done) {
          return { values, done: true };
        }
        values.push(result.value);
      }
      return { values, done: false };
    };
    const now = (): Page => {
      const values: unknown[] = [];
      while (values.length < most) {
        const { done, value } = (iterator as Iterator<unknown>).next();
        if (done) {
          return { values, done };
        }
        values.push(value);
      }
      return { values, done: false };
    };
    const free = (): void => {
      iterator.return?.();
    };
    this.#resources.set(id, { free, page: isAsync ? later : now });
    return this.#db.position;
  }

  /** Begins an import, whose pieces come by calls. Returns the name that they have for it. */
  #beginImport(id: number): number {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const done = this.#db.importStream(readable);
    done.catch(() => undefined);
    this.#resources.set(id, {
      free: () => {
        writer.abort().catch(() => undefined);
      },
      feed: (piece) => writer.write(piece as Uint8Array),
      end: () => {
        this.#resources.delete(id);
        writer.close().catch(() => undefined);
        return done;
      },
    });
    return id;
  }

  #resource(id: unknown): Resource {
    const resource = this.#resources.get(id as number);
    if (resource === undefined && this.#storage !== undefined) {
      const message = "what the call goes on with has gone with the tab that led; begin anew";
      throw new DeltaError("INTERRUPTED", message);
    }
    if (resource === undefined) {
      throw invalid(`call ${describe(id)} has left nothing behind`);
    }
    return resource;
  }

  /** Searches without a filter for who has one that cannot be posted; what is to be asked goes along. */
  #candidates(args: readonly unknown[], id: number): Candidates {
    const [first, batch, queries, k, options, all] = args as [
      first: number | undefined,
      batch: boolean,
      queries: Float32Array,
      k: number,
      options: SearchOptions,
      all: boolean,
    ];
    const db = this.#db;
    const size = db.size;
    const most = all ? Math.max(1, size) : k;
    const hits: SearchResult[][] = batch
      ? db.searchBatch(queries, most, options)
      : [db.search(queries, most, options)];
    const name = first ?? id;
    if (!this.#resources.has(name)) {
      // Also if the first question was put to another database of the same storage.
      this.#resources.set(name, { free: () => {}, sent: new Set() });
    }
    const { sent = new Set() } = this.#resource(name);
    const { instance } = this.#back;
    const metadata = hits.map((list) =>
      list.map(({ id: vectorId }) => {
        if (sent.has(vectorId)) {
          return null;
        }
        sent.add(vectorId);
        return instance.metadata(writeId(instance, vectorId)) ?? "";
      }),
    );
    return { hits, metadata, size };
  }

  #free(): void {
    for (const { free } of this.#resources.values()) {
      free();
    }
    this.#resources.clear();
  }

  #close(): void {
    this.#free();
    this.#db.close();
    setTimeout(() => this.#closed?.()); // once that is answered
  }
}

/** What a server does with the storage of its database. */
export type ServedStorage = Pick<Backing, "run" | "flush" | "checkpoint">;

/** Whether the delta at a position has this id; one that was compacted away is taken for it, as it was stored. */
function isAt(instance: Instance, ids: DeltaIds, position: number, deltaId: string): boolean {
  try {
    return new LogReader(instance, ids, position).read(position + 1)?.deltaId === deltaId;
  } catch (error) {
    return (error as DeltaError).code === "HISTORY_COMPACTED";
  }
}

/** Goes over what a stream gives. */
function pieces<T>(stream: ReadableStream<T>): AsyncIterator<unknown> {
  const reader = stream.getReader();
  const iterator = {
    next: (): Promise<IteratorResult<unknown>> => reader.read() as Promise<IteratorResult<unknown>>,
    async return(): Promise<IteratorResult<unknown>> {
      await reader.cancel();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

const NOT_YET = Promise.resolve(undefined);

function isIterator(value: unknown): value is Iterator<unknown> | AsyncIterator<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { next?: unknown }).next === "function" &&
    (Symbol.iterator in value || Symbol.asyncIterator in value)
  );
}
