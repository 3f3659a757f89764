/// <reference lib="esnext.disposable" preserve="true" />
import { DeltaError, type DeltaErrorCode, describe, invalid } from "./errors.ts";
import { type FrameForm, FrameWriter, HEADER_BYTES } from "./frame.ts";
import {
  makeRing,
  Place,
  RingConsumer,
  RingProducer,
  requireCapacity,
  requireFrames,
  tooLarge,
} from "./ring.ts";
import type { VectorDelta } from "./types.ts";

/** One end of a channel. May be sent to any thread, with `port` transferred; that thread then has this end. */
export interface ChannelHandle {
  readonly port: InstanceType<typeof MessagePort>;
  /** The ring, if there is shared memory; else frames go as messages. */
  readonly ring: SharedArrayBuffer | undefined;
  /** How deltas are written. */
  readonly form: FrameForm;
  /** Bytes that may be under way where there is no ring; a power of two. Default 1 MiB. */
  readonly capacity?: number;
}

/** How a channel is made. */
export interface ChannelOptions {
  /** Bytes that may be under way: a power of two from 4 KiB to 256 MiB. Default 1 MiB. */
  readonly capacity?: number;
  /** Whether shared memory is used where there is some. Default true. */
  readonly shared?: boolean;
}

/** How an end for sending is made. */
export interface DeltaChannelOptions {
  /**
   * Milliseconds of silence after which the other end counts as dead, while something is waited for. A long call in the
   * database's thread is silence, too. `Infinity`: never. Default 60,000.
   */
  readonly timeoutMs?: number;
}

/** What is done with a delta that the database refuses: `stop` discards all behind it, `skip` goes on. */
export type ChannelErrorPolicy = "stop" | "skip";

/** A delta that was refused. */
export interface SkippedDelta {
  /** Its number in the channel, from 0. */
  readonly index: number;
  readonly code: DeltaErrorCode;
  readonly message: string;
}

/** How far a channel has come: `sent` is the sum of all others. */
export interface ChannelReport {
  /** Deltas sent: those before `flush` was called, and maybe some after it. */
  readonly sent: number;
  /** Deltas applied. */
  readonly applied: number;
  /** The first 100 deltas that were refused and skipped. */
  readonly skipped: readonly SkippedDelta[];
  /** Deltas that were refused and skipped. */
  readonly skippedCount: number;
  /** Deltas that nothing was done with, in a channel that failed: the one refused, and all behind it. */
  readonly discarded: number;
}

/** What an error is between threads. */
interface ErrorRecord {
  readonly code: DeltaErrorCode;
  readonly message: string;
  readonly index: number | undefined;
}

/** How far the consumer has come. */
interface Settled {
  readonly settled: number;
  readonly applied: number;
}

/** What the producer says. */
type Request =
  | { readonly type: "block"; readonly frames: Uint8Array<ArrayBuffer>; readonly count: number }
  | { readonly type: "flush" | "close"; readonly id: number; readonly sent: number }
  /** Look into the ring. */
  | { readonly type: "wake" }
  | { readonly type: "ping" };

/** What the consumer says. */
type Reply =
  | { readonly type: "block"; readonly buffer: ArrayBuffer; readonly progress: Settled }
  | { readonly type: "report"; readonly id: number; readonly report: ChannelReport }
  | { readonly type: "failed"; readonly error: ErrorRecord; readonly progress: Settled }
  | { readonly type: "ended"; readonly message: string; readonly progress: Settled }
  /** There is room in the ring. */
  | { readonly type: "room" }
  | { readonly type: "pong" };

/** Deltas that were skipped are told one by one up to this number. */
const MAX_SKIPPED = 100;
const DEFAULT_CAPACITY = 2 ** 20;
const DEFAULT_TIMEOUT_MS = 60_000;
/** Bytes of a block of frames, where there is no ring; fewer if the capacity is small. */
const BLOCK_BYTES = 2 ** 16;
/** Index of a block's first frame; see {@link Place}. */
const BLOCK_START = 8;
/** How long the consumer works at a time, about. */
const TURN_MS = 2;
/** The most that is applied in one go. */
const MAX_BATCH = 1024;
const MAX_BATCH_BYTES = 2 ** 17;

/**
 * Makes a channel.
 *
 * @param form - how its deltas are written
 * @returns its two ends
 * @throws DeltaError INVALID_ARGUMENT, OUT_OF_MEMORY
 */
export function makeChannel(
  form: FrameForm,
  options: ChannelOptions = {},
): { producer: ChannelHandle; consumer: ChannelHandle } {
  const { capacity = DEFAULT_CAPACITY, shared = true } = options;
  requireCapacity(capacity);
  const ring = shared && typeof SharedArrayBuffer === "function" ? makeRing(capacity) : undefined;
  const { port1, port2 } = new MessageChannel();
  return {
    producer: { port: port1, ring, form, capacity },
    consumer: { port: port2, ring, form, capacity },
  };
}

/**
 * The end of a channel that sends deltas to a database in another thread. They are applied in the order they were sent. With
 * shared memory they go through a ring, else as messages; both behave the same.
 *
 * A delta that the database refuses ends the channel (policy `stop`): {@link DeltaChannel.send} throws and all promises reject
 * with its error, whose `index` is the delta's number in the channel; those before it are applied, those behind it are not.
 * With `skip` it is noted in the report, and the others are applied. If the other end is closed or dies, the error is `CLOSED`.
 *
 * @example
 * ```ts
 * for (const delta of deltas) {
 *   while (!channel.send(delta)) {
 *     await channel.ready();
 *   }
 * }
 * const { applied } = await channel.flush();
 * ```
 */
export class DeltaChannel implements AsyncDisposable {
  /** @internal Whatever minifying makes of it. */
  static readonly name = "DeltaChannel";
  readonly #port: MessagePort;
  readonly #ring: RingProducer | undefined;
  readonly #blocks: BlockSender | undefined;
  /** One of these two. */
  readonly #sender: RingProducer | BlockSender;
  readonly #timeout: number;
  /** While the caller's objects are read. */
  #reading = false;
  /** Whether nothing may be sent any more, for the reason below or because it is closed. */
  #over = false;
  #failure: DeltaError | undefined;
  #closing: Promise<ChannelReport> | undefined;
  #progress: Settled = { settled: 0, applied: 0 };
  #room: Deferred<void> | undefined;
  /** Those that wait for a report, by number. */
  readonly #replies = new Map<number, Deferred<ChannelReport>>();
  #requests = 0;
  #watch: ReturnType<typeof setInterval> | undefined;
  /** Whether the other end was heard since the watch looked last. */
  #heard = false;

  /**
   * @param handle - from the database's thread; nobody else sends by it, or has
   * @param options - all optional
   * @throws DeltaError INVALID_ARGUMENT; CORRUPT_DATA if the ring is none
   */
  constructor(handle: ChannelHandle, options: DeltaChannelOptions = {}) {
    const { port, ring, form, capacity = DEFAULT_CAPACITY } = handle;
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    if (!(timeoutMs > 0)) {
      throw invalid(`timeoutMs must be above 0, not ${describe(timeoutMs)}`);
    }
    this.#timeout = timeoutMs;
    this.#port = port;
    if (ring === undefined) {
      this.#blocks = new BlockSender(port, form, capacity);
      this.#sender = this.#blocks;
    } else {
      this.#ring = new RingProducer(ring, form, () => this.#post({ type: "wake" }));
      this.#sender = this.#ring;
    }
    port.addEventListener("message", ({ data }) => this.#take(data as Reply));
    port.addEventListener("close", () => this.#lose());
    port.addEventListener("messageerror", () => this.#lose());
    port.start();
    keepAlive(port, false);
  }

  /** Deltas sent so far. */
  get sent(): number {
    return this.#sender.sent;
  }

  /** Deltas that are known to be applied by now. */
  get applied(): number {
    return Math.max(this.#ring?.progress.applied ?? 0, this.#progress.applied);
  }

  /** Bytes that may be under way. */
  get capacity(): number {
    return this.#sender.capacity;
  }

  /** Whether deltas go through shared memory. */
  get shared(): boolean {
    return this.#ring !== undefined;
  }

  /**
   * Sends a delta. About a microsecond for a small one.
   *
   * @returns false: there is no room for it now, and it was not sent. Await {@link DeltaChannel.ready}
   * @throws DeltaError as `applyDelta` for what depends on the delta alone; BUFFER_FULL if it is larger than the channel's
   * capacity; CLOSED; and what ended the channel
   */
  send(delta: VectorDelta): boolean {
    const sender = this.#sender;
    if (this.#over || this.#reading || !sender.open) {
      this.#refuse();
    }
    this.#reading = true;
    try {
      return sender.send(delta);
    } finally {
      this.#reading = false;
    }
  }

  /**
   * Sends local frames (docs/format.md), not sealed: all or none.
   *
   * @param bytes - one behind the other
   * @param count - how many there are
   * @returns as {@link DeltaChannel.send}
   * @throws DeltaError as {@link DeltaChannel.send}; CORRUPT_DATA for what are not so many frames
   */
  sendFrames(bytes: Uint8Array, count: number): boolean {
    const sender = this.#sender;
    if (this.#over || this.#reading || !sender.open) {
      this.#refuse();
    }
    if (!(bytes instanceof Uint8Array)) {
      throw invalid(`bytes must be a Uint8Array, not ${describe(bytes)}`);
    }
    return sender.sendFrames(bytes, count);
  }

  /**
   * Sends a delta, and stops this thread while there is no room. In workers only, and with shared memory.
   *
   * @throws DeltaError as {@link DeltaChannel.send}; UNSUPPORTED_PLATFORM without shared memory
   */
  sendBlocking(delta: VectorDelta): void {
    const ring = this.#ring;
    if (ring === undefined) {
      throw new DeltaError("UNSUPPORTED_PLATFORM", "only a channel over shared memory can block");
    }
    const slice = sliceOf(this.#timeout);
    let silent = 0;
    let pulse = ring.pulse;
    while (!this.send(delta)) {
      if (!ring.waitForRoomBlocking(slice)) {
        silent = ring.pulse === pulse ? silent + slice : 0;
        pulse = ring.pulse;
        if (silent >= this.#timeout) {
          this.#end(this.#gone(`was silent for ${silent} ms`));
        }
        this.#post({ type: "ping" });
      }
    }
  }

  /**
   * Waits until there is room: a quarter of the capacity, and enough for the delta that was refused last.
   *
   * @throws DeltaError (as a rejection) what ended the channel
   */
  ready(): Promise<void> {
    if (this.#over) {
      return Promise.reject(this.#reason());
    }
    if (this.#room !== undefined) {
      return this.#room.promise;
    }
    const room = new Deferred<void>();
    this.#room = room;
    this.#look();
    this.#attend();
    return room.promise;
  }

  /**
   * Waits until all that was sent so far is settled.
   *
   * @throws DeltaError (as a rejection) what ended the channel
   */
  flush(): Promise<ChannelReport> {
    return this.#over ? Promise.reject(this.#reason()) : this.#ask("flush");
  }

  /**
   * Waits until all that was sent is settled, and ends the channel. Again: gives the same promise.
   *
   * @throws DeltaError (as a rejection) what ended the channel before
   */
  close(): Promise<ChannelReport> {
    if (this.#reading) {
      return Promise.reject(readingError());
    }
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends the channel at once, with an error: for who knows that the other end's thread has died. */
  abort(error?: DeltaError): void {
    if (!this.#over || this.#replies.size > 0) {
      this.#end(error ?? this.#gone("has died"));
      this.#leave();
    }
  }

  /** Closes the channel at the end of an `await using` declaration. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<ChannelReport> {
    if (this.#failure !== undefined) {
      this.#leave();
      throw this.#failure;
    }
    const report = this.#ask("close");
    this.#over = true;
    return report.finally(() => this.#port.close());
  }

  #ask(type: "flush" | "close"): Promise<ChannelReport> {
    if (this.#reading) {
      return Promise.reject(readingError());
    }
    const sender = this.#sender;
    if (!sender.open) {
      this.#lose();
      return Promise.reject(this.#reason());
    }
    this.#blocks?.flush();
    const id = this.#requests++;
    const reply = new Deferred<ChannelReport>();
    this.#replies.set(id, reply);
    this.#post({ type, id, sent: sender.sent });
    this.#attend();
    return reply.promise;
  }

  #take(reply: Reply): void {
    this.#heard = true;
    switch (reply.type) {
      case "block":
        this.#progress = reply.progress;
        this.#blocks?.takeBack(reply.buffer);
        this.#look();
        break;
      case "room":
        this.#look();
        break;
      case "report": {
        const deferred = this.#replies.get(reply.id);
        this.#replies.delete(reply.id);
        this.#attend();
        deferred?.resolve(reply.report);
        break;
      }
      case "failed": {
        this.#progress = reply.progress;
        const { code, message, index } = reply.error;
        this.#end(new DeltaError(code, message, index === undefined ? {} : { index }));
        break;
      }
      case "ended":
        this.#progress = reply.progress;
        this.#end(this.#gone(reply.message));
        break;
    }
  }

  /** Looks whether there is room, for those that wait for it. */
  #look(): void {
    if (this.#room === undefined) {
      return;
    }
    const ring = this.#ring;
    if (ring === undefined) {
      if (this.#blocks?.hasRoom) {
        this.#hasRoom();
      }
      return;
    }
    const room = ring.waitForRoom(sliceOf(this.#timeout));
    if (!ring.open) {
      this.#lose();
    } else if (room === true) {
      this.#hasRoom();
    } else if (room !== false) {
      void room.then(() => this.#look());
    }
  }

  #hasRoom(): void {
    const room = this.#room;
    this.#room = undefined;
    this.#attend();
    room?.resolve();
  }

  /** Watches the other end, and keeps the thread alive, exactly while something is waited for. */
  #attend(): void {
    const waits = this.#room !== undefined || this.#replies.size > 0;
    if (waits === (this.#watch !== undefined)) {
      return;
    }
    keepAlive(this.#port, waits);
    if (!waits) {
      clearInterval(this.#watch);
      this.#watch = undefined;
      return;
    }
    const slice = sliceOf(this.#timeout);
    let silent = 0;
    let pulse = this.#ring?.pulse;
    this.#watch = setInterval(() => {
      const now = this.#ring?.pulse;
      silent = this.#heard || now !== pulse ? 0 : silent + slice;
      pulse = now;
      this.#heard = false;
      if (silent >= this.#timeout) {
        this.#end(this.#gone(`was silent for ${silent} ms`));
        this.#leave();
      } else {
        this.#post({ type: "ping" });
      }
    }, slice);
  }

  /** The other end is no more, or has failed. */
  #lose(): void {
    if (this.#replies.size > 0 || !this.#over) {
      this.#end(this.#ring?.failure ?? this.#gone("is gone"));
    }
  }

  /** Ends the channel; the first reason counts. */
  #end(error: DeltaError): void {
    this.#failure ??= error;
    this.#over = true;
    const room = this.#room;
    const replies = [...this.#replies.values()];
    this.#room = undefined;
    this.#replies.clear();
    this.#attend();
    room?.reject(this.#failure);
    for (const reply of replies) {
      reply.reject(this.#failure);
    }
  }

  /** Takes leave without waiting for an answer: in case that the other end lives. Not all engines tell it of a closed port. */
  #leave(): void {
    this.#post({ type: "close", id: -1, sent: this.sent });
    this.#port.close();
  }

  #gone(what: string): DeltaError {
    const { applied } = this;
    const sure = `${applied} of ${this.sent} deltas sent were applied for sure`;
    return new DeltaError("CLOSED", `the channel's other end ${what}; ${sure}`);
  }

  #refuse(): never {
    if (this.#reading) {
      throw readingError();
    }
    if (!this.#over) {
      this.#lose();
    }
    throw this.#reason();
  }

  #reason(): DeltaError {
    return this.#failure ?? new DeltaError("CLOSED", "the channel is closed");
  }

  #post(request: Request): void {
    this.#port.postMessage(request);
  }
}

/** Sends frames in blocks, as messages. The blocks come back and are used again. */
class BlockSender {
  sent = 0;
  readonly open = true;
  readonly capacity: number;
  readonly #port: MessagePort;
  readonly #blockBytes: number;
  readonly #place: Place;
  readonly #writer: FrameWriter;
  /** Blocks that came back. */
  readonly #spare: ArrayBuffer[] = [];
  /** The block that is being filled. */
  #block: ArrayBuffer | undefined;
  #end = 0;
  #count = 0;
  /** Bytes of all blocks that are filled or under way. */
  #used = 0;
  /** Bytes of the block that was refused last. */
  #wanted = 0;
  /** Whether what is there will be posted at the end of the task. */
  #posting = false;

  constructor(port: MessagePort, form: FrameForm, capacity: number) {
    requireCapacity(capacity);
    this.capacity = capacity;
    this.#port = port;
    this.#blockBytes = Math.min(BLOCK_BYTES, capacity / 4);
    this.#place = new Place(new ArrayBuffer(BLOCK_START), () => this.#block?.byteLength ?? 0);
    this.#writer = new FrameWriter(this.#place, form);
  }

  /** Whether there is room for a quarter of the capacity, and for what was refused last. */
  get hasRoom(): boolean {
    return (
      this.#used === 0 || this.#used + Math.max(this.capacity / 4, this.#wanted) <= this.capacity
    );
  }

  send(delta: VectorDelta): boolean {
    const place = this.#place;
    const writer = this.#writer;
    if (this.#block === undefined && !this.#begin(this.#blockBytes)) {
      return false;
    }
    if (place.isAside) {
      place.goHome();
    }
    place.inputBytes = (this.#block as ArrayBuffer).byteLength;
    writer.begin(this.#end);
    writer.append(delta, -1, undefined);
    const length = writer.length;
    if (place.isAside) {
      const frame = place.bytes.subarray(writer.start, writer.start + length);
      if (!this.#makeWay(length)) {
        return false;
      }
      place.goHome();
      place.bytes.set(frame, this.#end);
    }
    this.#add(length, 1);
    return true;
  }

  sendFrames(frames: Uint8Array, count: number): boolean {
    requireFrames(
      new DataView(frames.buffer, frames.byteOffset, frames.byteLength),
      frames.length,
      count,
    );
    if (count === 0) {
      return true;
    }
    if (!this.#makeWay(frames.length)) {
      return false;
    }
    this.#place.goHome();
    this.#place.bytes.set(frames, this.#end);
    this.#add(frames.length, count);
    return true;
  }

  /** Posts what there is. */
  flush(): void {
    if (this.#count > 0) {
      const frames = new Uint8Array(
        this.#block as ArrayBuffer,
        BLOCK_START,
        this.#end - BLOCK_START,
      );
      const request: Request = { type: "block", frames, count: this.#count };
      this.#port.postMessage(request, [frames.buffer]);
      this.#block = undefined;
      this.#count = 0;
    }
  }

  /** Takes a block that was posted. */
  takeBack(buffer: ArrayBuffer): void {
    this.#used -= buffer.byteLength;
    if (buffer.byteLength === this.#blockBytes) {
      this.#spare.push(buffer);
    }
  }

  /** Makes a block with room for so many bytes the one that is being filled. Returns false if too much is under way. */
  #makeWay(bytes: number): boolean {
    if (this.#block !== undefined && this.#end + bytes <= this.#block.byteLength) {
      return true;
    }
    if (bytes > this.capacity) {
      throw tooLarge(bytes, this.capacity);
    }
    this.flush();
    const wanted = 8 * Math.ceil((BLOCK_START + bytes) / 8);
    return this.#begin(Math.max(this.#blockBytes, wanted));
  }

  #begin(bytes: number): boolean {
    if (this.#block !== undefined) {
      this.#used -= this.#block.byteLength; // nothing is in it
      this.#block = undefined;
    }
    if (this.#used > 0 && this.#used + bytes > this.capacity) {
      this.#wanted = bytes;
      return false;
    }
    this.#wanted = 0;
    const spare = bytes === this.#blockBytes ? this.#spare.pop() : undefined;
    const block = spare ?? new ArrayBuffer(bytes);
    this.#used += bytes;
    this.#block = block;
    this.#end = BLOCK_START;
    this.#place.move(block);
    return true;
  }

  #add(bytes: number, count: number): void {
    this.#end += bytes;
    this.#count += count;
    this.sent += count;
    if (!this.#posting) {
      this.#posting = true;
      later(() => {
        this.#posting = false;
        this.flush();
      });
    }
  }
}

/** Where the consumer's frames come from. */
interface Source {
  readonly taken: number;
  take(most: number, mostBytes: number): Uint8Array | undefined;
  release(applied: number): void;
  sleep(wake: () => void): boolean;
  stayAwake(): void;
  beat(): void;
  end(error?: DeltaError): void;
}

/** Gives the frames of blocks that came as messages. */
class BlockSource implements Source {
  taken = 0;
  #at = 0;
  #takenBytes = 0;
  readonly #blocks: Uint8Array<ArrayBuffer>[] = [];
  readonly #giveBack: (buffer: ArrayBuffer) => void;

  constructor(giveBack: (buffer: ArrayBuffer) => void) {
    this.#giveBack = giveBack;
  }

  /** Takes a block. Throws CORRUPT_DATA unless it holds so many frames. */
  add(frames: unknown, count: number): void {
    if (!(frames instanceof Uint8Array && frames.buffer instanceof ArrayBuffer && count > 0)) {
      throw new DeltaError("CORRUPT_DATA", "a message of a channel is no block of frames");
    }
    requireFrames(
      new DataView(frames.buffer, frames.byteOffset, frames.byteLength),
      frames.length,
      count,
    );
    this.#blocks.push(frames as Uint8Array<ArrayBuffer>);
  }

  take(most: number, mostBytes: number): Uint8Array | undefined {
    const block = this.#blocks[0];
    if (block === undefined) {
      return undefined;
    }
    const start = this.#at;
    let end = start;
    this.taken = 0;
    while (end < block.length && this.taken < most) {
      const next = end + frameLength(block, end);
      if (next - start > mostBytes && this.taken > 0) {
        break;
      }
      end = next;
      this.taken++;
    }
    this.#takenBytes = end - start;
    return block.subarray(start, end);
  }

  release(): void {
    this.#at += this.#takenBytes;
    this.#takenBytes = 0;
    this.taken = 0;
    const block = this.#blocks[0];
    if (block !== undefined && this.#at === block.length) {
      this.#blocks.shift();
      this.#at = 0;
      this.#giveBack(block.buffer);
    }
  }

  sleep(): boolean {
    return this.#blocks.length === 0;
  }

  stayAwake(): void {}

  beat(): void {}

  end(): void {
    this.#blocks.length = 0;
  }
}

/**
 * The end of a channel in the database's thread: applies what comes, about 2 ms at a time, and lets the thread's other
 * messages in between. What deltas do does not depend on how they were cut into batches.
 */
export class ChannelServer {
  /** Fulfilled when the channel has ended, however it did. */
  readonly closed: Promise<ChannelReport>;
  readonly #port: MessagePort;
  readonly #apply: (frames: Uint8Array, count: number) => void;
  readonly #skip: boolean;
  readonly #source: Source;
  readonly #blocks: BlockSource | undefined;
  readonly #closed = new Deferred<ChannelReport>();
  readonly #skipped: SkippedDelta[] = [];
  #skippedCount = 0;
  #applied = 0;
  /** Deltas applied or skipped. */
  #settled = 0;
  /** Deltas sent, once that is known. */
  #sent = 0;
  /** Questions that are answered when so many are settled. */
  readonly #asked: { type: "flush" | "close"; id: number; sent: number }[] = [];
  #failed = false;
  #ended = false;
  /** Whether nothing more can come, as the other end is gone. */
  #last = false;
  #scheduled = false;
  /** How many frames are taken next; twice as many the time after, at most. */
  #batch = 16;

  /**
   * @param handle - the consumer's end
   * @param apply - applies so many frames, all or none; throws a DeltaError with the `index` of the one refused. The frames may
   * be shared memory that changes under its hands: it checks a copy
   * @param options - what is done when a delta is refused
   * @throws DeltaError CORRUPT_DATA if the ring is none
   */
  constructor(
    handle: ChannelHandle,
    apply: (frames: Uint8Array, count: number) => void,
    options: { readonly onError: ChannelErrorPolicy } = { onError: "stop" },
  ) {
    const { port, ring } = handle;
    if (options.onError !== "stop" && options.onError !== "skip") {
      throw invalid(`onError must be stop or skip, not ${describe(options.onError)}`);
    }
    this.#port = port;
    this.#apply = apply;
    this.#skip = options.onError === "skip";
    this.closed = this.#closed.promise;
    if (ring === undefined) {
      this.#blocks = new BlockSource((buffer) => {
        const reply: Reply = { type: "block", buffer, progress: this.#progress };
        port.postMessage(reply, [buffer]);
      });
      this.#source = this.#blocks;
    } else {
      this.#source = new RingConsumer(ring, () => this.#post({ type: "room" }));
    }
    port.addEventListener("message", ({ data }) => this.#take(data as Request));
    port.addEventListener("close", () => this.#finish());
    port.addEventListener("messageerror", () =>
      this.#fail(new DeltaError("CORRUPT_DATA", "a message of a channel cannot be read")),
    );
    port.start();
    this.#schedule();
  }

  /** How far it has come. */
  get report(): ChannelReport {
    const sent = Math.max(this.#sent, this.#settled);
    return {
      sent,
      applied: this.#applied,
      skipped: [...this.#skipped],
      skippedCount: this.#skippedCount,
      discarded: sent - this.#settled,
    };
  }

  /** Ends the channel, as the database is closed: the other end is told. What has come and is not applied is dropped. */
  close(message = "is closed"): void {
    if (!this.#ended) {
      this.#source.end();
      this.#post({ type: "ended", message, progress: this.#progress });
      this.#end();
    }
  }

  get #progress(): Settled {
    return { settled: this.#settled, applied: this.#applied };
  }

  #take(request: Request): void {
    if (this.#ended) {
      return;
    }
    switch (request?.type) {
      case "block":
        if (!this.#failed) {
          try {
            if (this.#blocks === undefined) {
              throw new DeltaError("CORRUPT_DATA", "a block of frames beside the ring");
            }
            this.#blocks.add(request.frames, request.count);
          } catch (error) {
            this.#fail(error as DeltaError);
          }
        }
        break;
      case "flush":
        this.#asked.push(request);
        break;
      case "close":
        this.#sent = Number(request.sent);
        if (this.#failed) {
          this.#end();
          return;
        }
        this.#asked.push(request);
        break;
      case "wake":
        break;
      case "ping":
        this.#source.beat();
        this.#post({ type: "pong" });
        return;
      default:
        this.#fail(new DeltaError("CORRUPT_DATA", "a message of a channel is none of its own"));
    }
    this.#schedule();
  }

  /** The other end is gone: what has come is still good. */
  #finish(): void {
    this.#last = true;
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#scheduled && !this.#ended) {
      this.#scheduled = true;
      later(() => this.#turn());
    }
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#ended) {
      return;
    }
    const source = this.#source;
    source.stayAwake();
    if (!this.#failed && !this.#work()) {
      this.#schedule(); // time is over
      return;
    }
    if (this.#failed || this.#last) {
      if (this.#last) {
        this.#end();
      }
    } else if (!source.sleep(() => this.#schedule())) {
      this.#schedule();
    }
  }

  /** Applies what is there for a while. Returns whether that is all. */
  #work(): boolean {
    const source = this.#source;
    const start = performance.now();
    let done = 0;
    for (;;) {
      let frames: Uint8Array | undefined;
      try {
        frames = source.take(this.#batch, MAX_BATCH_BYTES);
      } catch (error) {
        this.#fail(error as DeltaError);
        return true;
      }
      if (frames === undefined) {
        this.#answer(true);
        return true;
      }
      const count = source.taken;
      const applied = this.#applied;
      const error = this.#settle(frames, count);
      if (this.#ended) {
        return true; // the database was closed by whom it told of a delta
      }
      source.release(this.#applied - applied);
      if (error !== undefined) {
        this.#fail(error);
        return true;
      }
      this.#answer(false);
      if (this.#ended) {
        return true;
      }
      done += count;
      const passed = performance.now() - start;
      const most = passed > 0 ? (done / passed) * (TURN_MS - passed) : MAX_BATCH;
      if (most < 1) {
        // The next turn begins with what about half of it may take.
        this.#batch = Math.max(1, Math.min(MAX_BATCH, Math.floor((done / passed) * (TURN_MS / 2))));
        return false;
      }
      this.#batch = Math.max(1, Math.min(2 * this.#batch, MAX_BATCH, Math.floor(most)));
    }
  }

  /** Applies frames, each once, in order, except for those that are refused. Returns what ends the channel, if anything. */
  #settle(frames: Uint8Array, count: number): DeltaError | undefined {
    let at = 0;
    let left = count;
    let tried = count;
    while (left > 0) {
      const end = tried === left ? frames.length : behind(frames, at, tried);
      if (end < 0) {
        return changed();
      }
      try {
        this.#apply(frames.subarray(at, end), tried);
        this.#applied += tried;
        this.#settled += tried;
        at = end;
        left -= tried;
        tried = left;
      } catch (thrown) {
        const error = toDeltaError(thrown);
        const { code, index = -1 } = error;
        if (code === "CLOSED") {
          return error;
        }
        if (index > 0 && index < tried) {
          tried = index; // those before it are good
        } else if (index !== 0 && tried > 1) {
          tried >>>= 1; // nobody knows which
        } else {
          const message = error.message.replace(/^delta \d+: /, ""); // its number in the batch
          const number = this.#settled;
          if (!this.#skip) {
            return new DeltaError(code, `delta ${number}: ${message}`, { index: number });
          }
          this.#note({ index: number, code, message });
          at = behind(frames, at, 1);
          if (at < 0) {
            return changed();
          }
          left--;
          tried = left;
        }
      }
    }
    return undefined;
  }

  /** Notes a delta that is skipped. */
  #note(delta: SkippedDelta): void {
    this.#settled++;
    this.#skippedCount++;
    if (this.#skipped.length < MAX_SKIPPED) {
      this.#skipped.push(delta);
    }
  }

  /** Answers what was asked about deltas that are settled. */
  #answer(all: boolean): void {
    while (this.#asked.length > 0) {
      const { type, id, sent } = this.#asked[0];
      if (sent > this.#settled) {
        if (all) {
          const what = `${sent} deltas were sent, ${this.#settled} came`;
          this.#fail(new DeltaError("CORRUPT_DATA", what));
        }
        return;
      }
      this.#asked.shift();
      this.#post({ type: "report", id, report: this.report });
      if (type === "close") {
        this.#end();
        return;
      }
    }
  }

  /** Fails: what comes is discarded, and the other end is told. */
  #fail(error: DeltaError): void {
    if (!this.#failed && !this.#ended) {
      this.#failed = true;
      this.#source.end(error);
      const { code, message, index } = error;
      this.#post({ type: "failed", error: { code, message, index }, progress: this.#progress });
      if (this.#asked.some(({ type }) => type === "close")) {
        this.#end();
      }
    }
  }

  #end(): void {
    if (!this.#ended) {
      this.#ended = true;
      this.#source.end();
      this.#port.close();
      this.#closed.resolve(this.report);
    }
  }

  #post(reply: Reply): void {
    this.#port.postMessage(reply);
  }
}

/** A promise, and what settles it. */
class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** Returns how long one wait is, of several that make a timeout. */
function sliceOf(timeout: number): number {
  return Math.min(1000, Math.ceil(timeout / 4));
}

/** Returns the index behind so many frames; -1 if they are not those that were taken. */
function behind(frames: Uint8Array, start: number, count: number): number {
  let at = start;
  for (let i = 0; i < count; i++) {
    const length = frameLength(frames, at);
    if (length < HEADER_BYTES || length > frames.length - at) {
      return -1;
    }
    at += length;
  }
  return at;
}

function changed(): DeltaError {
  return new DeltaError("CORRUPT_DATA", "frames have changed while they were applied");
}

function frameLength(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
}

function readingError(): DeltaError {
  return invalid("a getter or toJSON of a delta's object must not call the channel that reads it");
}

function toDeltaError(error: unknown): DeltaError {
  return error instanceof DeltaError
    ? error
    : new DeltaError("CLOSED", `internal fault: ${String(error)}`, { cause: error });
}

/** In Node a port may keep its thread alive, or not. */
function keepAlive(port: MessagePort, on: boolean): void {
  const { ref, unref } = port as { ref?: () => void; unref?: () => void };
  (on ? ref : unref)?.call(port);
}

let turns: MessagePort | undefined;
const waiting: (() => void)[] = [];

/** Calls a function in a task of its own, behind those that are due: without the pause that timers make. */
function later(run: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => void };
  if (setImmediate !== undefined) {
    // In Node a port would be served up to 1,000 times before anything else is.
    setImmediate(run);
    return;
  }
  if (turns === undefined) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => waiting.shift()?.();
    turns = port2;
  }
  waiting.push(run);
  turns.postMessage(null);
}
