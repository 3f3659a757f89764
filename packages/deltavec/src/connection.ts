import type { ChannelHandle } from "./channel.ts";
import { DeltaError, describe, invalid, quote } from "./errors.ts";
import { EventHub } from "./events.ts";
import { type FrameForm, FrameWriter, freezeDeep } from "./frame.ts";
import { FrameBlock } from "./frame-block.ts";
import type { WorkerLike } from "./remote.ts";
import {
  type Answer,
  CANCEL,
  CHANNEL,
  CLOSE,
  decodeError,
  ERROR,
  EVENT,
  FRAMES,
  OPENING,
  type Opened,
  type Port,
  RESULT,
  type Request,
  type Requests,
} from "./remote-protocol.ts";
import type { DeltaEvent, DeltaListener, VectorDelta } from "./types.ts";
import { keepAlive } from "./worker-host.ts";

/** A call that waits for its answer. */
interface Call {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  readonly scope: Scope | undefined;
}

/** Calls that a signal ends. There is one listener for all of them, and none while there are none. */
export class Scope {
  readonly signal: AbortSignal;
  readonly #calls = new Set<number>();
  readonly #abort: () => void;

  constructor(connection: Connection, signal: AbortSignal) {
    this.signal = signal;
    this.#abort = () => {
      for (const id of [...this.#calls]) {
        connection.cancel(id, signal.reason);
      }
    };
  }

  /** @internal Notes that a call is on its way. */
  add(id: number): void {
    if (this.#calls.size === 0) {
      this.signal.addEventListener("abort", this.#abort);
    }
    this.#calls.add(id);
  }

  /** @internal Notes that a call has come to its end. */
  delete(id: number): void {
    if (this.#calls.delete(id) && this.#calls.size === 0) {
      this.signal.removeEventListener("abort", this.#abort);
    }
  }
}

/** Waits, but not longer than until a signal is aborted: then it rejects with its reason. */
export function untilAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return signal === undefined
    ? result
    : new Promise((resolve, reject) => {
        const abort = (): void => reject(signal.reason);
        signal.addEventListener("abort", abort, { once: true });
        result.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
        if (signal.aborted) {
          abort();
        }
      });
}

/** What a connection is made of. */
export interface Link {
  readonly port: Port;
  readonly worker: WorkerLike;
  /** Ends the worker. */
  terminate(): unknown;
  /** What the worker is called. */
  readonly name: string;
  /** How frames of its database are written. */
  readonly form: FrameForm;
  /** The caller's clock, if it has one. */
  readonly clock: (() => number) | undefined;
  /** Told what a subscriber threw. */
  readonly onError: ((error: unknown) => void) | undefined;
}

/** What can be ended from outside. */
interface Abortable {
  abort(error: DeltaError): void;
}

/** Something in another thread that is to be told if the worker dies, unless it has ended before. */
interface Elsewhere extends Abortable {
  readonly over: boolean;
}

/**
 * The calls of one database that lives elsewhere. Those of one task go as one message. While calls are in flight, and only
 * then, it keeps a Node process alive.
 */
export class Connection {
  readonly #link: Link;
  readonly #events: EventHub;
  readonly #calls = new Map<number, Call>();
  readonly #subscriptions = new Map<number, DeltaListener>();
  /** Those who are told if what they are subscribed to cannot go on. */
  readonly #ended = new WeakMap<DeltaListener, (error: unknown) => void>();
  readonly #block = new FrameBlock();
  readonly #writer: FrameWriter;
  #next = 1;
  /** Calls that are to be posted, and the arrays that go with them. */
  #pending: Request[] = [];
  #copies: ArrayBuffer[] = [];
  #scheduled = false;
  /** Whether the caller's objects are being read. */
  #reading = false;
  /** Makes the error that calls reject with. */
  #refusal: (() => DeltaError) | undefined;
  #closing: Promise<void> | undefined;
  readonly #attached = new Set<WeakRef<Abortable>>();
  readonly #elsewhere = new Set<Elsewhere>();
  #settled: Promise<void> | undefined;
  readonly #searches = new Set<Promise<unknown>>();
  /** Ends what iterators that nobody holds any more have left in the worker. */
  readonly #registry = new FinalizationRegistry<number>((id) => this.cancel(id, undefined));

  constructor(link: Link) {
    this.#link = link;
    this.#events = new EventHub(link.onError);
    this.#writer = new FrameWriter(this.#block, link.form);
    link.port.onmessage = ({ data }) => this.#receive(data);
    link.port.onmessageerror = (event) => this.die("a message cannot be read", event);
    keepAlive(false, link.worker, link.port);
  }

  /** What has become of it. */
  get state(): "open" | "closing" | "closed" | "dead" {
    if (this.#closing !== undefined) {
      return this.#refusal === undefined ? "closing" : "closed";
    }
    return this.#refusal === undefined ? "open" : "dead";
  }

  /** Whether it was closed, or is about to be. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Calls that have no answer yet. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /**
   * Makes a call. Arguments are read at once.
   *
   * @param ports - among the arguments, to be transferred
   * @param part - whether it is part of a {@link search}, which may go on while the database is being closed
   * @returns its number
   */
  send(
    method: string,
    args: readonly unknown[],
    scope: Scope | undefined,
    resolve: (value: never) => void,
    reject: (error: unknown) => void,
    ports: readonly MessagePort[] = [],
    part = false,
  ): number {
    const id = this.#next++;
    try {
      this.check(scope, part);
      const now = this.#time();
      const copies: ArrayBuffer[] = [];
      const plain = args.map((value) => snapshot(value, copies));
      const request: Request = now === undefined ? [id, method, plain] : [id, method, plain, now];
      this.check(scope, part); // the clock is the caller's, too
      this.#add(id, { resolve: resolve as (value: unknown) => void, reject, scope });
      if (plain.every((value) => isSettled(value, copies))) {
        this.#pending.push(request);
        this.#copies.push(...copies);
        this.#schedule();
      } else {
        // At once, as it may change; by itself, as it may be nothing that can be posted.
        this.#post();
        this.#link.port.postMessage({ calls: [request], frames: undefined }, [...copies, ...ports]);
      }
    } catch (error) {
      this.#take(id);
      reject(sendingError(error));
    }
    return id;
  }

  /** Makes a call whose answer is all that is wanted. */
  call<T>(method: string, args: readonly unknown[], scope?: Scope, part = false): Promise<T> {
    return this.#noted(
      new Promise<T>((resolve, reject) => {
        this.send(method, args, scope, resolve, reject, [], part);
      }),
    );
  }

  /** Has closing wait for a search that is more than one call, or not carried out by the worker itself. */
  search<T>(search: Promise<T>): Promise<T> {
    const done = (): unknown => this.#searches.delete(search);
    this.#searches.add(search);
    search.then(done, done);
    return search;
  }

  /** Waits until the calls made so far by {@link call} and {@link write} are done; undefined if they are. */
  get settled(): Promise<void> | undefined {
    return this.#settled;
  }

  #noted<T>(call: Promise<T>): Promise<T> {
    const done = (): void => {
      if (this.#settled === settled) {
        this.#settled = undefined;
      }
    };
    // Calls are carried out in order, so one that was tells of all before it; one that was refused here, or called off, does not.
    const before = this.#settled;
    const settled = call.then(undefined, () => before).then(done);
    this.#settled = settled;
    return call;
  }

  /**
   * Writes deltas as frames and has them applied.
   *
   * @param one - whether it is a single delta, no batch
   */
  write<T>(deltas: readonly VectorDelta[], one: boolean, scope?: Scope): Promise<T> {
    return this.#noted(this.#write(deltas, one, scope));
  }

  #write<T>(deltas: readonly VectorDelta[], one: boolean, scope: Scope | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.check(scope);
      const block = this.#block;
      const writer = this.#writer;
      const now = this.#time();
      this.check(scope); // the clock is the caller's, too
      this.#reading = true;
      try {
        writer.begin();
        for (let i = 0; i < deltas.length; i++) {
          writer.append(deltas[i], one ? -1 : i, undefined);
        }
      } finally {
        this.#reading = false;
      }
      const { start, length } = writer;
      block.keep(start + length);
      const id = this.#next++;
      this.#add(id, { resolve: resolve as (value: unknown) => void, reject, scope });
      const args = [start, length, deltas.length, one];
      this.#pending.push(now === undefined ? [id, FRAMES, args] : [id, FRAMES, args, now]);
      this.#schedule();
    });
  }

  /** Waits for the answer to the message that opened the database. */
  opened(): Promise<Opened> {
    return new Promise((resolve, reject) => {
      const settle = resolve as (value: unknown) => void;
      this.#add(OPENING, { resolve: settle, reject, scope: undefined });
    });
  }

  /** Subscribes; the promise is fulfilled when deltas of the past, if wanted, have been told. */
  subscribe(
    listener: DeltaListener,
    options: unknown,
    scope?: Scope,
    ended?: (error: unknown) => void,
  ): { readonly ready: Promise<void>; readonly end: () => void } {
    let id = 0;
    const ready = new Promise<void>((resolve, reject) => {
      id = this.send("onDelta", [options], scope, resolve, (error) => {
        this.#subscriptions.delete(id);
        reject(error);
      });
      if (this.#calls.has(id)) {
        this.#subscriptions.set(id, listener);
        if (ended) {
          this.#ended.set(listener, ended);
        }
      }
    });
    return {
      ready,
      end: () => {
        if (this.#subscriptions.delete(id)) {
          this.#drop(id)?.resolve(undefined);
        }
      },
    };
  }

  /** Has the worker serve the consumer's end of a channel. */
  async serve(
    channel: { readonly producer: ChannelHandle; readonly consumer: ChannelHandle },
    onError: unknown,
    scope?: Scope,
  ): Promise<void> {
    const { producer, consumer } = channel;
    try {
      await new Promise<void>((resolve, reject) => {
        const args = [consumer, onError];
        this.send(CHANNEL, args, scope, resolve, reject, [consumer.port]);
      });
    } catch (error) {
      producer.port.close();
      throw error;
    }
  }

  /** Ends something, too, if the worker dies. Does not keep it from being collected. */
  attach(something: Abortable): void {
    for (const each of this.#attached) {
      if (each.deref() === undefined) {
        this.#attached.delete(each);
      }
    }
    this.#attached.add(new WeakRef(something));
  }

  /** The same for what others hold, in other threads: it is kept until it is over. */
  attachElsewhere(something: Elsewhere): void {
    for (const each of this.#elsewhere) {
      if (each.over) {
        this.#elsewhere.delete(each);
      }
    }
    this.#elsewhere.add(something);
  }

  /** Has an iterator's end told to the worker once nobody holds it any more. */
  watch(iterator: object, id: number): void {
    this.#registry.register(iterator, id, iterator);
  }

  /** Leaves that to the iterator itself. */
  unwatch(iterator: object): void {
    this.#registry.unregister(iterator);
  }

  /** Rejects a call that is in flight, and has the worker drop it, or what it left behind there. */
  cancel(id: number, reason: unknown): void {
    this.#drop(id)?.reject(reason);
  }

  /** Has a call, or what it left behind, dropped by the worker. Returns it if it is in flight. */
  #drop(id: number): Call | undefined {
    const call = this.#take(id);
    const at = this.#pending.findIndex((request) => request[0] === id);
    if (at >= 0) {
      this.#pending.splice(at, 1);
    } else if (this.#refusal === undefined) {
      this.#pending.push([id, CANCEL, [id]]);
      this.#schedule();
    }
    this.#subscriptions.delete(id);
    return call;
  }

  /** Throws if no call is let in. */
  check(scope?: Scope, part = false): void {
    if (this.#reading) {
      throw invalid(
        "a getter or toJSON of a delta's object must not call the database that is calling it",
      );
    }
    if (this.#refusal !== undefined) {
      throw this.#refusal();
    }
    if (this.#closing !== undefined && !part) {
      throw closed();
    }
    scope?.signal.throwIfAborted();
  }

  /** Lets calls made before come to their end, then closes the database and ends the worker. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#subscriptions.clear();
      this.#closing = this.#close();
    }
    return this.#closing;
  }

  /** Ends everything, as the worker is no more, or no good any more. */
  die(why: string, cause: unknown): void {
    const message = `the worker ${quote(this.#link.name)} of the database has died: ${why}`;
    this.end(() => new DeltaError("CLOSED", message, cause === undefined ? {} : { cause }));
  }

  async #close(): Promise<void> {
    if (this.#searches.size > 0) {
      await Promise.allSettled(this.#searches);
    }
    if (this.#refusal === undefined) {
      // No more than the worker's death can go wrong, and then it is closed, too.
      await new Promise<unknown>((resolve) => {
        const id = this.#next++;
        this.#add(id, { resolve, reject: resolve, scope: undefined });
        this.#pending.push([id, CLOSE, []]);
        this.#schedule();
      });
    }
    await this.end(closed);
  }

  /**
   * Ends everything.
   *
   * @param refusal - makes the error that calls reject with, those in flight and those to come
   * @returns what ending the worker gives
   */
  end(refusal: () => DeltaError): unknown {
    const first = this.#refusal === undefined;
    this.#refusal ??= refusal;
    if (!first) {
      return undefined;
    }
    const { port, terminate } = this.#link;
    this.#pending = [];
    this.#subscriptions.clear();
    for (const [id, call] of [...this.#calls]) {
      this.#take(id);
      call.reject(refusal());
    }
    if (this.#closing === undefined) {
      for (const each of this.#attached) {
        each.deref()?.abort(refusal());
      }
      for (const each of this.#elsewhere) {
        each.abort(refusal());
      }
    }
    port.close();
    return terminate();
  }

  #add(id: number, call: Call): void {
    if (this.#calls.size === 0) {
      keepAlive(true, this.#link.worker, this.#link.port);
    }
    this.#calls.set(id, call);
    call.scope?.add(id);
  }

  #take(id: number): Call | undefined {
    const call = this.#calls.get(id);
    if (this.#calls.delete(id) && this.#calls.size === 0) {
      keepAlive(false, this.#link.worker, this.#link.port);
    }
    call?.scope?.delete(id);
    return call;
  }

  #time(): unknown {
    const now: unknown = this.#link.clock?.();
    return typeof now === "number" || now === undefined ? now : describe(now);
  }

  #schedule(): void {
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => this.#post());
    }
  }

  /** Posts what is pending. */
  #post(): void {
    const calls = this.#pending;
    const copies = this.#copies;
    this.#scheduled = false;
    if (calls.length === 0) {
      return;
    }
    this.#pending = [];
    this.#copies = [];
    const frames = this.#block.take();
    if (frames !== undefined) {
      copies.push(frames);
    }
    try {
      this.#link.port.postMessage({ calls, frames } satisfies Requests, copies);
    } catch (error) {
      for (const [id] of calls) {
        this.#take(id)?.reject(sendingError(error));
      }
    }
  }

  #receive(data: unknown): void {
    for (const [kind, id, value] of data as readonly Answer[]) {
      switch (kind) {
        case EVENT: {
          const listener = this.#subscriptions.get(id);
          if (listener !== undefined) {
            this.#events.call(listener, freezeEvent(value as DeltaEvent));
          }
          break;
        }
        case RESULT:
          this.#take(id)?.resolve(value);
          break;
        case ERROR: {
          const call = this.#take(id);
          if (call !== undefined) {
            call.reject(decodeError(value));
          } else {
            const listener = this.#subscriptions.get(id);
            if (listener && this.#subscriptions.delete(id)) {
              const error = decodeError(value); // it cannot go on
              const ended = this.#ended.get(listener);
              ended ? ended(error) : this.#events.report(error);
            }
          }
          break;
        }
      }
    }
  }
}

function closed(): DeltaError {
  return new DeltaError("CLOSED", "the database is closed");
}

/** Makes a delta that was posted unchangeable, as it was there. */
export function freezeEvent<T extends VectorDelta>(delta: T): T {
  if (!Object.isFrozen(delta)) {
    Object.freeze(delta.operation);
    freezeDeep(delta.metadata);
    Object.freeze(delta);
  }
  return delta;
}

/** Says that something cannot be posted; what the caller's own getters throw is left as it is. */
function sendingError(cause: unknown): unknown {
  return cause instanceof Error && cause.name === "DataCloneError"
    ? invalid(`an argument cannot be sent to the worker: ${cause.message}`, { cause })
    : cause;
}

/** Copies arrays: posting would take all the memory that they are views on, and they may change until then. */
function snapshot(value: unknown, copies: ArrayBuffer[]): unknown {
  if (isArray(value)) {
    const copy = Uint8Array.prototype.slice.call(value); // for arrays of all types
    copies.push(copy.buffer as ArrayBuffer);
    return copy;
  }
  return Array.isArray(value) && value.every(isArray)
    ? value.map((part) => snapshot(part, copies))
    : value;
}

function isArray(value: unknown): value is Uint8Array {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof DataView) &&
    (value.buffer as { detached?: boolean }).detached !== true
  );
}

/** Whether a value that {@link snapshot} gave cannot change any more, and can be posted. */
function isSettled(value: unknown, copies: readonly ArrayBuffer[]): boolean {
  switch (typeof value) {
    case "function":
    case "symbol":
      return false;
    case "object": {
      const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
      return parts.every(
        (part) => part === null || (isArray(part) && copies.includes(part.buffer as ArrayBuffer)),
      );
    }
    default:
      return true;
  }
}
