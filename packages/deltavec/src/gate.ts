import { invalid } from "./errors.ts";

/*
 * The hand-over between one writer and up to 64 readers, each in a thread of its own, over shared words.
 *
 * Words, those of each line written by one side mostly:
 *
 *   word 0            writing: 1 from when the writer wants to enter until it leaves; 2 for ever once there is nothing to be read
 *   word 1            readers: how many places for readers may be in use
 *   word 2            root: where the writer's database is, 0 while it is where it was when the readers were made
 *   word 16 + 16 * i  place of reader i: 0 out, 1 in, 2 evicted
 *   word 17 + 16 * i  waiting: 1 while reader i wants to enter and was kept out; 2 if it was evicted then
 *
 * Reader, to enter: place := 1; if writing is 0 it is in. Else waiting := 1, place := 0, notify the writer; sleep while writing
 * is 1; again, unless writing is 2: then it does not come in. At last waiting := 0 if it was set.
 * Reader, to leave: place from 1 to 0; if writing is 1, notify the writer. If the place was 2, it becomes 0 and the reader is
 * told that it was evicted.
 * Writer, to enter: writing := 1; for each reader, sleep while its place is 1. Then it is in.
 * Writer, to leave: writing := 0; notify those that wait. To end, once and for all: writing := 2 instead.
 *
 * Why it is right. All of these are sequentially consistent atomics, so there is one order of all steps that every thread agrees
 * with.
 *
 * Never both inside. Say reader and writer are in at the same time, the reader not evicted. The reader stored place = 1 and then
 * loaded writing = 0; the writer stored writing = 1 and then loaded a place that is not 1. If the reader's load stands before the
 * writer's store in the order, then so does its store of 1, and the writer's load, which stands behind, sees 1: it does not enter.
 * If it stands behind, it sees 1 and the reader does not enter. Either contradicts. What is done inside is ordered by the same
 * words: the writer's load of a 0 synchronises with the reader's store of it, and the reader's load of writing = 0 with the
 * writer's.
 *
 * No wake-up is lost. A sleeper sleeps only if its word still has the value it had seen; who changes the word does so before it
 * looks whether to notify. The writer sleeps on a place while writing is 1, which it stored before; the reader changes the place,
 * then loads writing. A reader sleeps on writing after it stored waiting = 1; the writer changes writing, then loads waiting. In
 * any order, either the sleeper finds the word changed or the other finds the sleeper announced.
 *
 * No side starves. While writing is 1 no reader comes in, so the writer waits for those inside only. Before it says writing = 1
 * again it waits until every reader that waited when it left has come in once, at most about 2 ms in all, as a thread may not be
 * running. A reader that began to wait while the writer left may miss one such turn, not two.
 *
 * A reader that dies inside is taken out by `evict`, and one that dies while it waits is no longer waited for. As it may live, it
 * is still notified. One that hangs is evicted by the writer after 10 s of waiting, counted in
 * the slices waited, so that a machine that slept evicts nobody. An evicted reader that goes on reads what is being changed; it
 * learns so when it leaves, and must throw away what it read.
 */

/** The most readers of a gate. */
export const MAX_READERS = 64;

const WRITING = 0;
const READERS = 1;
const ROOT = 2;
const LINE_WORDS = 16;

/** Words of 32 bits that a gate takes. All are 0 at first. */
export const GATE_WORDS: number = LINE_WORDS * (1 + MAX_READERS);

const OUT = 0;
const IN = 1;
const EVICTED = 2;
const WAITS = 1;

/** Value of `writing` when there is nothing to be read any more. */
const ENDED = 2;

/** Looks at a word before sleeping: about a microsecond. */
const SPINS = 200;
/** Milliseconds that the writer sleeps at a time. */
const SLICE_MS = 50;
/** Milliseconds of waiting after which a reader that stays inside is evicted. */
const PATIENCE_MS = 10_000;
/** Milliseconds that the writer gives those who waited to come in. */
const COURTESY_MS = 2;

/** The writer's side. Exactly one for a gate. */
export class WriterGate {
  readonly #words: Int32Array;
  /** Whether readers waited when the writer left. One that begins to wait later is seen the next time. */
  #kept = false;

  /**
   * @param words - {@link GATE_WORDS} words on shared memory
   * @throws DeltaError INVALID_ARGUMENT if there are fewer
   */
  constructor(words: Int32Array) {
    this.#words = requireWords(words);
  }

  /**
   * Waits until no reader is inside, and keeps new ones out. To be called in a worker, as a page's thread must not sleep.
   * O(readers)
   */
  enter(): void {
    const words = this.#words;
    if (this.#kept) {
      this.#kept = false;
      this.#letIn();
    }
    Atomics.store(words, WRITING, 1);
    const end = placeOf(Atomics.load(words, READERS));
    for (let place = placeOf(0); place < end; place += LINE_WORDS) {
      if (Atomics.load(words, place) === IN) {
        this.#await(place);
      }
    }
  }

  /** Lets readers in again. O(readers) */
  leave(): void {
    const words = this.#words;
    Atomics.store(words, WRITING, 0);
    const end = placeOf(Atomics.load(words, READERS));
    for (let place = placeOf(0); place < end; place += LINE_WORDS) {
      if (Atomics.load(words, place + 1) !== 0) {
        this.#kept = true;
        Atomics.notify(words, WRITING);
        return;
      }
    }
  }

  /**
   * Turns readers away from now on, those that wait, too: what they read is no more, or no good. Whether the writer is in or
   * not; it does not enter again.
   */
  end(): void {
    const words = this.#words;
    Atomics.store(words, WRITING, ENDED);
    Atomics.notify(words, WRITING);
  }

  /** Says, while it is in, where the database's root is from now on. */
  moved(root: number): void {
    Atomics.store(this.#words, ROOT, root);
  }

  /** Waits for those who were kept out. */
  #letIn(): void {
    const words = this.#words;
    let left = COURTESY_MS;
    const end = placeOf(Atomics.load(words, READERS));
    for (let place = placeOf(0); place < end; place += LINE_WORDS) {
      const waiting = place + 1;
      if (Atomics.load(words, waiting) === WAITS && !spin(words, waiting, WAITS)) {
        const start = performance.now();
        if (left <= 0 || Atomics.wait(words, waiting, WAITS, left) === "timed-out") {
          return;
        }
        left -= performance.now() - start;
      }
    }
  }

  /** Waits until a reader is out; puts it out if it stays for too long. */
  #await(place: number): void {
    const words = this.#words;
    if (spin(words, place, IN)) {
      return;
    }
    for (let waited = 0; Atomics.load(words, place) === IN; ) {
      if (Atomics.wait(words, place, IN, SLICE_MS) === "timed-out") {
        waited += SLICE_MS;
        if (waited >= PATIENCE_MS) {
          Atomics.compareExchange(words, place, IN, EVICTED);
        }
      }
    }
  }
}

/** A reader's side. */
export class ReaderGate {
  readonly #words: Int32Array;
  readonly #place: number;

  /** Where the database's root is, while the reader is in; 0: where it was when the reader was made. */
  get root(): number {
    return Atomics.load(this.#words, ROOT) >>> 0;
  }

  /**
   * @param words - the words that the writer has
   * @param reader - which reader this is, from 0; no other that lives has the same number
   * @throws DeltaError INVALID_ARGUMENT for fewer words than {@link GATE_WORDS}, or a number that is not 0 to 63
   */
  constructor(words: Int32Array, reader: number) {
    this.#words = requireWords(words);
    this.#place = placeOf(requireReader(reader));
    // Known before it is in for the first time, so the writer looks at its place.
    let known = Atomics.load(words, READERS);
    while (known <= reader) {
      known = Atomics.compareExchange(words, READERS, known, reader + 1);
    }
    // Whoever had the number before is out.
    Atomics.store(words, this.#place, OUT);
    Atomics.store(words, this.#place + 1, 0);
    notifyWriter(words, this.#place);
  }

  /**
   * Waits until the writer is out, and keeps it out. To be called in a worker.
   *
   * @returns false if there is nothing to be read any more: this reader is not in
   */
  enter(): boolean {
    const words = this.#words;
    const place = this.#place;
    Atomics.store(words, place, IN);
    return Atomics.load(words, WRITING) === 0 || this.#queue();
  }

  /**
   * Lets the writer in.
   *
   * @returns false if this reader was evicted meanwhile: what it read must be thrown away
   */
  leave(): boolean {
    const words = this.#words;
    const place = this.#place;
    const stayed = Atomics.compareExchange(words, place, IN, OUT) === IN;
    if (!stayed) {
      Atomics.store(words, place, OUT);
    }
    if (Atomics.load(words, WRITING) !== 0) {
      Atomics.notify(words, place);
    }
    return stayed;
  }

  #queue(): boolean {
    const words = this.#words;
    const place = this.#place;
    const waiting = place + 1;
    let ended = false;
    Atomics.store(words, waiting, WAITS);
    do {
      Atomics.store(words, place, OUT);
      Atomics.notify(words, place);
      if (!spin(words, WRITING, 1)) {
        Atomics.wait(words, WRITING, 1);
      }
      ended = Atomics.load(words, WRITING) === ENDED;
      if (!ended) {
        Atomics.store(words, place, IN);
      }
    } while (!ended && Atomics.load(words, WRITING) !== 0);
    Atomics.store(words, waiting, 0);
    Atomics.notify(words, waiting);
    return !ended;
  }
}

/**
 * Takes a reader out, wherever it stands: for the owner, when its worker has died. The number may then be used again.
 *
 * @param words - the words of the gate
 * @param reader - its number
 * @throws DeltaError INVALID_ARGUMENT as {@link ReaderGate}
 */
export function evict(words: Int32Array, reader: number): void {
  const place = placeOf(requireReader(reader));
  Atomics.compareExchange(requireWords(words), place, IN, EVICTED);
  Atomics.compareExchange(words, place + 1, WAITS, EVICTED);
  notifyWriter(words, place);
}

/** Wakes the writer, whether it sleeps until a reader is out or until it has come in. */
function notifyWriter(words: Int32Array, place: number): void {
  Atomics.notify(words, place);
  Atomics.notify(words, place + 1);
}

/** Returns the index of a reader's word. */
function placeOf(reader: number): number {
  return LINE_WORDS * (1 + Math.min(reader, MAX_READERS));
}

/** Looks at a word for a short while. Returns whether it has another value than this. */
function spin(words: Int32Array, index: number, value: number): boolean {
  for (let i = 0; i < SPINS; i++) {
    if (Atomics.load(words, index) !== value) {
      return true;
    }
  }
  return false;
}

function requireWords(words: Int32Array): Int32Array {
  if (!(words instanceof Int32Array) || words.length < GATE_WORDS) {
    throw invalid(`a gate takes ${GATE_WORDS} words`);
  }
  return words;
}

function requireReader(reader: number): number {
  if (!Number.isInteger(reader) || reader < 0 || reader >= MAX_READERS) {
    throw invalid(`a reader's number is 0 to ${MAX_READERS - 1}, not ${String(reader)}`);
  }
  return reader;
}
