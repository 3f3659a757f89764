import { codeOf, DeltaError, invalid, numberOf } from "./errors.ts";
import { type FrameForm, type FrameTarget, FrameWriter, HEADER_BYTES, VERSION } from "./frame.ts";
import { readUtf8, writeUtf8 } from "./text.ts";
import type { VectorDelta } from "./types.ts";

/*
 * A ring of bytes over a SharedArrayBuffer, for one producer and one consumer in two threads.
 *
 * Layout: 1,024 bytes of header, then `capacity` bytes. Words of the header are of 32 bits. Lines of 128 bytes (two of most
 * processors' cache lines, as these are fetched in pairs) keep apart what different threads write, and what is written often
 * from what is read often:
 *
 *   word   0  magic, version, capacity                                            nobody writes them
 *   word  32  head: bytes ever put in, modulo 2^32                                the producer, with every frame
 *   word  64  tail: bytes ever taken out; frames settled; frames applied; pulse   the consumer, with every range
 *   word  96  asleep; state of the consumer; its error                            read with every frame, seldom written
 *   word 128  waiting; wanted                                                     read with every range, seldom written
 *   byte 640  text of the consumer's error
 *
 * Frames are local frames (docs/format.md), one right behind the other. None is split: one that does not fit before the end of
 * the ring stands at its beginning, and what is left before the end is padding. Padding of 4 bytes or more begins with its
 * length in 3 bytes and a version of 0; shorter padding needs no mark, as no frame is so short.
 *
 * Publication. The bytes of frames are plain memory. The producer writes them first and then stores `head`; the consumer loads
 * `head` and then reads the bytes below it. Atomics are sequentially consistent, and a load that sees a store synchronises with
 * it, so the bytes are there before the consumer may look, and `tail` gives the room back in the same way. No plain byte is ever
 * touched by both sides without such a pair between them: there are no data races, hence (as the memory model promises for
 * programs without) all executions are interleavings, which `core/src/test/.../bridge` explores exhaustively.
 *
 * The end of the producer is told by a message, as that of a thread that dies can only be.
 *
 * A side reads its own counter from a field, never from the shared words: the other side's thread may hold anything there.
 *
 * Sleeping. Who is about to sleep says so in its word and then looks once more; who has published looks at the other's word
 * afterwards. In every order of these four steps one of the two sees the other (as in Dekker's algorithm), so no wake-up is lost.
 */

/** The least and the most bytes of a ring. */
export const MIN_CAPACITY: number = 4096;
export const MAX_CAPACITY: number = 2 ** 28;

const MAGIC = 0x52_56_44_44; // "DDVR"
const RING_VERSION = 1;
const RING_HEADER_BYTES = 1024;

// Words of the header.
const MAGIC_WORD = 0;
const VERSION_WORD = 1;
const CAPACITY_WORD = 2;
const HEAD = 32;
const TAIL = 64;
const SETTLED = 65;
const APPLIED = 66;
const PULSE = 67;
const ASLEEP = 96;
const CONSUMER = 97;
const ERROR_CODE = 98;
const ERROR_BYTES = 99;
const ERROR_INDEX = 100; // two words; -1: none
const WAITING = 128;
const WANTED = 129;
const ERROR_TEXT = 640;

/** Values of `asleep` and `waiting`: nobody sleeps, or how the sleeper is to be woken. */
const AWAKE = 0;
const BY_NOTIFY = 1;
const BY_MESSAGE = 2;

/** States of the consumer. `FAILED` has an error with it; `GONE` has not taken its leave. */
const ALIVE = 0;
const CLOSED = 1;
const FAILED = 2;
const GONE = 3;

/** Bytes that a padding's mark takes. */
const MARK_BYTES = 4;
const LENGTH_MASK = 0xff_ffff;
const VERSION_SHIFT = 24;
/** Where a frame too large for the rest of the ring is written, it is not kept beyond this. */
const MAX_ASIDE_BYTES = 2 ** 20;

/** Whether a promise for a change of a shared word can be had, as by far most engines have it. */
const waitAsync: typeof Atomics.waitAsync | undefined =
  typeof Atomics.waitAsync === "function" ? Atomics.waitAsync : undefined;

/**
 * Makes a ring.
 *
 * @param capacity - bytes for frames; a power of two from {@link MIN_CAPACITY} to {@link MAX_CAPACITY}
 * @throws DeltaError INVALID_ARGUMENT, OUT_OF_MEMORY, UNSUPPORTED_PLATFORM without shared memory
 */
export function makeRing(capacity: number): SharedArrayBuffer {
  requireCapacity(capacity);
  if (typeof SharedArrayBuffer !== "function") {
    throw new DeltaError(
      "UNSUPPORTED_PLATFORM",
      "there is no shared memory here: a page gets it by the headers COOP and COEP",
    );
  }
  let ring: SharedArrayBuffer;
  try {
    ring = new SharedArrayBuffer(RING_HEADER_BYTES + capacity);
  } catch (cause) {
    throw new DeltaError("OUT_OF_MEMORY", `no memory for a ring of ${capacity} bytes`, { cause });
  }
  const words = new Int32Array(ring, 0, RING_HEADER_BYTES / 4);
  words[VERSION_WORD] = RING_VERSION;
  words[CAPACITY_WORD] = capacity;
  Atomics.store(words, MAGIC_WORD, MAGIC);
  return ring;
}

/** Checks the capacity of a ring. */
export function requireCapacity(capacity: number): void {
  if (
    !(capacity >= MIN_CAPACITY && capacity <= MAX_CAPACITY) ||
    !Number.isInteger(Math.log2(capacity))
  ) {
    throw invalid(
      `capacity must be a power of two from ${MIN_CAPACITY} to ${MAX_CAPACITY}, not ${String(capacity)}`,
    );
  }
}

/**
 * Says that a ring's consumer is no more: for whoever knows that its thread has ended. The producer is woken and told with its
 * next call. Nothing happens if the consumer has ended by itself.
 */
export function markConsumerGone(ring: SharedArrayBuffer): void {
  const words = wordsOf(ring);
  if (Atomics.compareExchange(words, CONSUMER, ALIVE, GONE) === ALIVE) {
    Atomics.store(words, WAITING, AWAKE);
    Atomics.notify(words, WAITING);
  }
}

/** A ring's consumer, seen by whoever made the ring and has given both ends away. */
export class RemoteConsumer {
  readonly #ring: SharedArrayBuffer;

  constructor(ring: SharedArrayBuffer) {
    this.#ring = ring;
  }

  /** Whether it has ended, or is known to be no more. */
  get over(): boolean {
    return Atomics.load(wordsOf(this.#ring), CONSUMER) !== ALIVE;
  }

  /** Says that its thread has ended: {@link markConsumerGone}. */
  abort(): void {
    markConsumerGone(this.#ring);
  }
}

/** Three views on a block of bytes. */
class Views {
  readonly bytes: Uint8Array;
  readonly floats: Float32Array;
  readonly view: DataView;

  constructor(buffer: ArrayBufferLike) {
    this.bytes = new Uint8Array(buffer);
    this.floats = new Float32Array(buffer);
    this.view = new DataView(buffer);
  }
}

/**
 * Where frames are written one at a time: straight into their place, or, if the writer's estimate does not fit there, aside.
 * Indices are those of the whole block: the first of it must not be 0, which {@link FrameWriter.begin} would align.
 */
export class Place implements FrameTarget {
  bytes: Uint8Array;
  floats: Float32Array;
  view: DataView;
  input = 0;
  inputBytes = 0;
  /** Whether the frame written last stands aside. */
  isAside = false;
  #home: Views;
  #aside: Views | undefined;
  readonly #limit: () => number;

  /**
   * @param buffer - the block
   * @param limit - looks anew how far may be written, as an index of the block
   */
  constructor(buffer: ArrayBufferLike, limit: () => number) {
    this.#home = new Views(buffer);
    this.#limit = limit;
    this.bytes = this.#home.bytes;
    this.floats = this.#home.floats;
    this.view = this.#home.view;
  }

  /** From now on writes to another block. */
  move(buffer: ArrayBufferLike): void {
    this.#home = new Views(buffer);
    this.goHome();
  }

  /** Writes to the block again. */
  goHome(): void {
    const home = this.#home;
    this.bytes = home.bytes;
    this.floats = home.floats;
    this.view = home.view;
    this.input = 0;
    this.isAside = false;
    if ((this.#aside?.bytes.length ?? 0) > MAX_ASIDE_BYTES) {
      this.#aside = undefined;
    }
  }

  grow(bytes: number, used: number): void {
    const limit = this.#limit();
    if (bytes <= limit) {
      this.inputBytes = limit;
      return;
    }
    const wanted = 8 * Math.ceil((bytes - used) / 8);
    if (this.#aside === undefined || this.#aside.bytes.length < wanted) {
      try {
        this.#aside = new Views(new ArrayBuffer(Math.max(wanted, 1024)));
      } catch (cause) {
        throw new DeltaError("OUT_OF_MEMORY", `no memory for a delta of up to ${wanted} bytes`, {
          cause,
        });
      }
    }
    const { bytes: aside, floats, view } = this.#aside;
    this.bytes = aside;
    this.floats = floats;
    this.view = view;
    this.input = -used; // so the frame begins at the first byte
    this.inputBytes = bytes;
    this.isAside = true;
  }
}

/** How many deltas have come how far. */
export interface Progress {
  /** Deltas that were applied for sure. */
  readonly applied: number;
  /** Deltas that were applied or refused for sure. */
  readonly settled: number;
}

/** The producer's end of a ring. */
export class RingProducer {
  /** Deltas sent so far. */
  sent = 0;
  /** Bytes that must be free before what was refused last has a chance. */
  wanted = 0;
  readonly capacity: number;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #view: DataView;
  readonly #place: Place;
  readonly #writer: FrameWriter;
  readonly #wake: () => void;
  #head: number;
  /** Index of the head within the ring. */
  #position: number;
  /** Bytes known to be free; there may be more. */
  #free: number;

  /**
   * @param ring - what {@link makeRing} made; has no other producer, and never had one
   * @param form - how deltas are written
   * @param wake - sends the consumer a message, that it looks into the ring; only called where it sleeps without a waiter
   * @throws DeltaError CORRUPT_DATA if it is no ring
   */
  constructor(ring: SharedArrayBuffer, form: FrameForm, wake: () => void) {
    this.#words = wordsOf(ring);
    this.capacity = ring.byteLength - RING_HEADER_BYTES;
    this.#wake = wake;
    this.#head = Atomics.load(this.#words, HEAD);
    this.#position = this.#head & (this.capacity - 1);
    this.#free = 0;
    this.#refresh();
    this.#view = new DataView(ring);
    this.#place = new Place(ring, () => {
      this.#refresh();
      return this.#limit();
    });
    this.#writer = new FrameWriter(this.#place, form);
  }

  /** Whether the consumer is there and takes what comes. O(1) */
  get open(): boolean {
    return Atomics.load(this.#words, CONSUMER) === ALIVE;
  }

  /** The consumer's pulse: it changes while the consumer lives and has something to do. */
  get pulse(): number {
    return Atomics.load(this.#words, PULSE);
  }

  /** How far the consumer has come. Exact once it is asleep, ended, or dead. */
  get progress(): Progress {
    const settled = this.sent - ((this.sent - Atomics.load(this.#words, SETTLED)) >>> 0);
    const applied = this.sent - ((this.sent - Atomics.load(this.#words, APPLIED)) >>> 0);
    return { applied: Math.min(applied, settled), settled };
  }

  /** The error that the consumer has left, if it failed. */
  get failure(): DeltaError | undefined {
    const words = this.#words;
    if (Atomics.load(words, CONSUMER) !== FAILED) {
      return undefined;
    }
    const text = new Uint8Array(words.buffer, ERROR_TEXT, RING_HEADER_BYTES - ERROR_TEXT);
    const bytes = Math.min(words[ERROR_BYTES] >>> 0, text.length);
    const index = (words[ERROR_INDEX] >>> 0) + words[ERROR_INDEX + 1] * 2 ** 32;
    const code = codeOf(words[ERROR_CODE]) ?? "CORRUPT_DATA";
    // A copy: shared bytes are not decoded everywhere.
    return new DeltaError(
      code,
      readUtf8(text.slice(0, bytes), 0, bytes),
      index < 0 ? {} : { index },
    );
  }

  /**
   * Puts a delta in. Nothing is allocated if it fits before the ring's end. O(bytes)
   *
   * @returns false: there is no room, nothing was put in
   * @throws DeltaError as {@link FrameWriter.append}; BUFFER_FULL if it is larger than the ring
   */
  send(delta: VectorDelta): boolean {
    const place = this.#place;
    const writer = this.#writer;
    if (place.isAside) {
      place.goHome();
    }
    place.inputBytes = this.#limit();
    writer.begin(RING_HEADER_BYTES + this.#position);
    writer.append(delta, -1, undefined);
    const length = writer.length;
    if (place.isAside) {
      if (!this.#makeWay(length)) {
        return false;
      }
      const { bytes } = place;
      const start = writer.start;
      place.goHome();
      place.bytes.set(bytes.subarray(start, start + length), RING_HEADER_BYTES + this.#position);
    }
    this.sent++;
    this.#publish(length);
    return true;
  }

  /**
   * Puts frames in, all or none.
   *
   * @param frames - local frames one behind the other
   * @param count - how many there are
   * @returns false: there is no room, nothing was put in
   * @throws DeltaError CORRUPT_DATA if these are not so many frames; BUFFER_FULL if they are more than the ring holds
   */
  sendFrames(frames: Uint8Array, count: number): boolean {
    const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
    const total = frames.length;
    requireFrames(view, total, count);
    if (count === 0) {
      return true;
    }
    // As many as fit before the end, the others at the beginning.
    const left = this.capacity - this.#position;
    let first = total;
    if (total > left) {
      first = 0;
      for (let at = 0; at <= left; at += view.getUint32(at, true) & LENGTH_MASK) {
        first = at;
      }
    }
    const rest = total - first;
    const needed = rest === 0 ? total : left + rest;
    if (first === 0 || needed > this.capacity) {
      // All together at the beginning.
      if (!this.#makeWay(total)) {
        return false;
      }
      first = total;
    } else if (!this.#hasRoom(needed)) {
      return false;
    }
    const { bytes } = this.#home();
    bytes.set(frames.subarray(0, first), RING_HEADER_BYTES + this.#position);
    if (first < total) {
      this.#mark(this.#position + first);
      bytes.set(frames.subarray(first), RING_HEADER_BYTES);
      first = needed;
    }
    this.sent += count;
    this.#publish(first);
    return true;
  }

  /**
   * Waits until there is room for what was refused last, and a quarter of the ring is free; or until the consumer ends.
   *
   * @param slice - milliseconds after which it gives up waiting
   * @returns true: it is worth looking again; false: not yet. Or a promise of that. Where promises for shared words are not
   * to be had, it is false at once: a message is to come
   */
  waitForRoom(slice: number): boolean | Promise<boolean> {
    if (waitAsync === undefined) {
      return this.askForRoom();
    }
    if (this.#announce(BY_NOTIFY)) {
      return true;
    }
    const { async, value } = waitAsync(this.#words, WAITING, BY_NOTIFY, slice);
    return async ? value.then((how) => how !== "timed-out") : value !== "timed-out";
  }

  /** As {@link waitForRoom}, but stops the thread, which must be a worker. */
  waitForRoomBlocking(slice: number): boolean {
    return (
      this.#announce(BY_NOTIFY) ||
      Atomics.wait(this.#words, WAITING, BY_NOTIFY, slice) !== "timed-out"
    );
  }

  /** Asks the consumer for a message when there is room, as above. Returns whether there is by now. */
  askForRoom(): boolean {
    return this.#announce(BY_MESSAGE);
  }

  /** Says in which way it will wait. Returns true if there is room, or nobody who could make some. */
  #announce(how: number): boolean {
    const words = this.#words;
    Atomics.store(words, WANTED, Math.max(this.wanted, this.capacity / 4));
    Atomics.store(words, WAITING, how);
    this.#refresh();
    if (this.#free >= Math.max(this.wanted, this.capacity / 4) || !this.open) {
      Atomics.store(words, WAITING, AWAKE);
      return true;
    }
    return false;
  }

  #home(): Place {
    if (this.#place.isAside) {
      this.#place.goHome();
    }
    return this.#place;
  }

  /** Returns how far may be written from the head on, as an index of the block. */
  #limit(): number {
    return RING_HEADER_BYTES + Math.min(this.#position + this.#free, this.capacity);
  }

  /** Looks how much is free. */
  #refresh(): void {
    const used = (this.#head - Atomics.load(this.#words, TAIL)) >>> 0;
    // A tail that cannot be frees nothing: what is in the ring stays as it is.
    this.#free = used <= this.capacity ? this.capacity - used : 0;
  }

  #hasRoom(bytes: number): boolean {
    if (bytes > this.#free) {
      this.#refresh();
    }
    const fits = bytes <= this.#free;
    this.wanted = fits ? 0 : bytes;
    return fits;
  }

  /** Makes the head a place for so many bytes in one piece, by padding if need be. Returns false if there is no room. */
  #makeWay(bytes: number): boolean {
    const capacity = this.capacity;
    if (bytes > capacity) {
      throw tooLarge(bytes, capacity);
    }
    const left = capacity - this.#position;
    if (bytes <= left) {
      return this.#hasRoom(bytes);
    }
    if (left + bytes <= capacity) {
      if (!this.#hasRoom(left + bytes)) {
        return false;
      }
      this.#mark(this.#position);
      this.#head = (this.#head + left) | 0; // published together with what comes behind
      this.#position = 0;
      this.#free -= left;
      return true;
    }
    // It fits in no ring that holds the padding, too: the padding goes first.
    if (this.#hasRoom(left)) {
      this.#mark(this.#position);
      this.#publish(left);
      this.wanted = bytes;
    }
    return false;
  }

  /** Marks everything from a position on as padding. */
  #mark(position: number): void {
    const left = this.capacity - position;
    if (left >= MARK_BYTES) {
      this.#view.setUint32(RING_HEADER_BYTES + position, left, true);
    }
  }

  #publish(bytes: number): void {
    const words = this.#words;
    this.#head = (this.#head + bytes) | 0;
    this.#position = (this.#position + bytes) & (this.capacity - 1);
    this.#free -= bytes;
    Atomics.store(words, HEAD, this.#head);
    if (Atomics.load(words, ASLEEP) !== AWAKE) {
      this.#rouse();
    }
  }

  #rouse(): void {
    rouse(this.#words, ASLEEP, this.#wake);
  }
}

/** The consumer's end of a ring. Trusts nothing that stands in the ring. */
export class RingConsumer {
  readonly capacity: number;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #tellRoom: () => void;
  /** What was seen of the producer's counter. */
  #head: number;
  #tail: number;
  /** Bytes and frames that were taken and not released. */
  #takenBytes = 0;
  #taken = 0;
  #settled = 0;
  #applied = 0;
  #pulse = 0;
  /** Whether a promise is pending that a notification fulfils. */
  #waits = false;

  /**
   * @param ring - what {@link makeRing} made; has no other consumer, and never had one
   * @param tellRoom - sends the producer a message that there is room; only called where it asked for that
   * @throws DeltaError CORRUPT_DATA if it is no ring
   */
  constructor(ring: SharedArrayBuffer, tellRoom: () => void) {
    this.#words = wordsOf(ring);
    this.capacity = ring.byteLength - RING_HEADER_BYTES;
    this.#bytes = new Uint8Array(ring);
    this.#view = new DataView(ring);
    this.#tellRoom = tellRoom;
    this.#tail = Atomics.load(this.#words, TAIL);
    this.#head = this.#tail;
  }

  /** Number of frames that {@link take} took. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes frames that stand one behind the other. They stay where they are until {@link release}. O(frames)
   *
   * @param most - the most frames
   * @param mostBytes - the most bytes, but at least one frame
   * @returns the frames: shared bytes, which a producer gone wild may still change. Undefined if there are none now
   * @throws DeltaError CORRUPT_DATA for what no producer writes
   */
  take(most: number, mostBytes: number): Uint8Array | undefined {
    for (let passed = false; ; passed = true) {
      if (this.#head === this.#tail) {
        this.#head = Atomics.load(this.#words, HEAD);
        if (this.#head === this.#tail) {
          return undefined;
        }
      }
      const used = (this.#head - this.#tail) >>> 0;
      const position = this.#tail & (this.capacity - 1);
      const left = this.capacity - position;
      if (used > this.capacity) {
        throw corrupt(position, `${used} bytes are said to be there`);
      }
      const end = position + Math.min(used, left);
      const behind = this.#scan(position, end, most, mostBytes);
      if (behind > position) {
        this.#takenBytes = behind - position;
        return this.#bytes.subarray(RING_HEADER_BYTES + position, RING_HEADER_BYTES + behind);
      }
      // Padding. There is none at the beginning, and none behind another.
      if (passed || position === 0 || used < left) {
        throw corrupt(position, "padding that cannot be");
      }
      this.#takenBytes = left;
      this.release(0);
    }
  }

  /**
   * Gives back the room of the frames taken last, which are settled.
   *
   * @param applied - how many of them were applied
   */
  release(applied: number): void {
    const words = this.#words;
    this.#settled = (this.#settled + this.#taken) | 0;
    this.#applied = (this.#applied + applied) | 0;
    this.#tail = (this.#tail + this.#takenBytes) | 0;
    this.#taken = 0;
    this.#takenBytes = 0;
    Atomics.store(words, APPLIED, this.#applied);
    Atomics.store(words, SETTLED, this.#settled);
    this.beat();
    Atomics.store(words, TAIL, this.#tail);
    if (Atomics.load(words, WAITING) !== AWAKE) {
      this.#maybeTellRoom();
    }
  }

  /** Shows that the consumer lives. */
  beat(): void {
    this.#pulse = (this.#pulse + 1) | 0;
    Atomics.store(this.#words, PULSE, this.#pulse);
  }

  /**
   * Goes to sleep, in that the caller returns to the event loop.
   *
   * @param wake - called when something has come; may be called without that, too. Where promises for shared words are not to
   * be had, the producer sends a message instead
   * @returns false: something is there already
   */
  sleep(wake: () => void): boolean {
    const words = this.#words;
    Atomics.store(words, ASLEEP, waitAsync === undefined ? BY_MESSAGE : BY_NOTIFY);
    if (Atomics.load(words, HEAD) !== this.#tail) {
      Atomics.store(words, ASLEEP, AWAKE);
      return false;
    }
    if (waitAsync !== undefined && !this.#waits) {
      const { async, value } = waitAsync(words, ASLEEP, BY_NOTIFY);
      if (!async) {
        return false; // the producer was faster
      }
      this.#waits = true;
      value.then(() => {
        this.#waits = false;
        wake();
      });
    }
    return true;
  }

  /** Is awake: the producer need not wake it. */
  stayAwake(): void {
    Atomics.store(this.#words, ASLEEP, AWAKE);
  }

  /** Ends: the producer's next call is told, and so is one that waits. */
  end(error?: DeltaError): void {
    const words = this.#words;
    if (error !== undefined) {
      const text = new Uint8Array(3 * error.message.length);
      const bytes = writeUtf8(text, 0, error.message.toWellFormed());
      let kept = Math.min(bytes, RING_HEADER_BYTES - ERROR_TEXT);
      while (kept < bytes && (text[kept] & 0xc0) === 0x80) {
        kept--; // not within a character
      }
      this.#bytes.set(text.subarray(0, kept), ERROR_TEXT);
      const index = error.index ?? -1;
      words[ERROR_CODE] = numberOf(error.code);
      words[ERROR_BYTES] = kept;
      words[ERROR_INDEX] = index;
      words[ERROR_INDEX + 1] = Math.floor(index / 2 ** 32);
    }
    Atomics.compareExchange(words, CONSUMER, ALIVE, error === undefined ? CLOSED : FAILED);
    this.#wakeProducer();
    Atomics.notify(words, ASLEEP); // a promise that nobody fulfils would hold the ring for ever
  }

  /** Returns the index within the ring behind the frames from a position on. */
  #scan(position: number, end: number, most: number, mostBytes: number): number {
    const view = this.#view;
    const left = this.capacity - position;
    let at = position;
    let count = 0;
    while (at < end && count < most && this.capacity - at >= MARK_BYTES) {
      if (end - at < MARK_BYTES) {
        throw corrupt(at, "the beginning of a frame is cut off");
      }
      const word = view.getUint32(RING_HEADER_BYTES + at, true);
      const length = word & LENGTH_MASK;
      if (word >>> VERSION_SHIFT === 0) {
        if (length !== position + left - at || length > end - at) {
          throw corrupt(at, `padding of ${length} bytes`);
        }
        break;
      }
      requireFrame(word, end - at, at);
      if (count > 0 && at + length - position > mostBytes) {
        break;
      }
      at += length;
      count++;
    }
    this.#taken = count;
    return at;
  }

  #maybeTellRoom(): void {
    const words = this.#words;
    const used = (Atomics.load(words, HEAD) - this.#tail) >>> 0;
    if (used === 0 || this.capacity - used >= Atomics.load(words, WANTED)) {
      this.#wakeProducer();
    }
  }

  #wakeProducer(): void {
    rouse(this.#words, WAITING, this.#tellRoom);
  }
}

/** Wakes the other side if it sleeps, in the way that it asked for. */
function rouse(words: Int32Array, sleep: number, tell: () => void): void {
  const how = Atomics.exchange(words, sleep, AWAKE);
  if (how === BY_NOTIFY) {
    Atomics.notify(words, sleep);
  } else if (how === BY_MESSAGE) {
    tell();
  }
}

/**
 * Checks that bytes are so many frames, by their lengths.
 *
 * @throws DeltaError CORRUPT_DATA
 */
export function requireFrames(view: DataView, bytes: number, count: number): void {
  let at = 0;
  let found = 0;
  while (at < bytes) {
    if (bytes - at < HEADER_BYTES) {
      throw corrupt(at, "the beginning of a frame is cut off");
    }
    const word = view.getUint32(at, true);
    requireFrame(word, bytes - at, at);
    at += word & LENGTH_MASK;
    found++;
  }
  if (found !== count) {
    throw new DeltaError("CORRUPT_DATA", `${found} frames, but ${String(count)} were said to come`);
  }
}

/** Returns a BUFFER_FULL. */
export function tooLarge(bytes: number, capacity: number): DeltaError {
  return new DeltaError(
    "BUFFER_FULL",
    `${bytes} bytes do not fit into the channel's capacity of ${capacity} bytes at all`,
  );
}

/** Checks a frame's first word. */
function requireFrame(word: number, room: number, at: number): void {
  const length = word & LENGTH_MASK;
  if (word >>> VERSION_SHIFT !== VERSION || length < HEADER_BYTES || length > room) {
    throw corrupt(
      at,
      `a frame of version ${word >>> VERSION_SHIFT} and ${length} bytes where ${room} are`,
    );
  }
}

function corrupt(at: number, what: string): DeltaError {
  return new DeltaError("CORRUPT_DATA", `at byte ${at} of a channel: ${what}`);
}

function wordsOf(ring: SharedArrayBuffer): Int32Array<SharedArrayBuffer> {
  const capacity = ring.byteLength - RING_HEADER_BYTES;
  if (capacity >= MIN_CAPACITY) {
    const words = new Int32Array(ring, 0, RING_HEADER_BYTES / 4);
    if (
      Atomics.load(words, MAGIC_WORD) === MAGIC &&
      words[VERSION_WORD] === RING_VERSION &&
      words[CAPACITY_WORD] === capacity &&
      (capacity & (capacity - 1)) === 0
    ) {
      return words;
    }
  }
  throw new DeltaError("CORRUPT_DATA", "this shared memory is no ring of frames");
}
