import type { DeltaIds } from "./delta-id.ts";
import { DeltaError } from "./errors.ts";
import { FrameReader } from "./frame-reader.ts";
import type { Instance } from "./instance.ts";
import type { DeltaEvent, DeltaOrigin } from "./types.ts";

/** Bytes of frames that are copied out of the log at a time. */
const PAGE_BYTES = 65_536;

/**
 * Reads the log of one database in the order in which its deltas came in. Holds no more than one page of it.
 */
export class LogReader {
  readonly #instance: Instance;
  readonly #ids: DeltaIds;
  readonly #generation: number;
  #position: number;
  /** What was read of the log and not yet given out. */
  #page: FrameReader | undefined;

  /** @param position - of the first delta to read */
  constructor(instance: Instance, ids: DeltaIds, position: number) {
    this.#instance = instance;
    this.#ids = ids;
    this.#generation = instance.generation;
    this.#position = position;
  }

  /** Position of the delta that is read next. */
  get position(): number {
    return this.#position;
  }

  /**
   * Reads the next delta.
   *
   * @param end - position to stop before; at most the database's own
   * @returns undefined at the end
   * @throws DeltaError HISTORY_COMPACTED if the next delta is not in the log any more; CLOSED
   */
  read(end: number): DeltaEvent | undefined {
    if (this.#generation !== this.#instance.generation) {
      throw new DeltaError(
        "HISTORY_COMPACTED",
        "an import has replaced the database: read the present state and follow from its position",
      );
    }
    if (this.#position >= end) {
      return undefined;
    }
    if (this.#page === undefined || this.#page.done) {
      this.#page = this.#load();
    }
    const delta = this.#page.next();
    return Object.freeze({ ...delta, position: this.#position++ });
  }

  /** Throws HISTORY_COMPACTED if not all deltas from here up to `end` are in the log. O(bytes) */
  requireAll(end: number): void {
    for (let at = this.#position; at < end; ) {
      this.#instance.check();
      const count = this.#instance.read(at, PAGE_BYTES);
      const next = this.#instance.next;
      if (count < next - at) {
        throw compacted(at);
      }
      at = next;
    }
  }

  #load(): FrameReader {
    const instance = this.#instance;
    const at = this.#position;
    instance.check();
    let count = instance.read(at, PAGE_BYTES);
    if (count < instance.next - at) {
      // Some are gone: one at a time, up to the first of these.
      count = instance.read(at, 1);
      if (count < instance.next - at) {
        throw compacted(at);
      }
    }
    return new FrameReader(instance.outputCopy(), this.#ids);
  }
}

function compacted(position: number): DeltaError {
  return new DeltaError(
    "HISTORY_COMPACTED",
    `deltas from position ${position} on were compacted away: read the present state and follow from its position`,
  );
}

/** Those who wait for the next delta. */
export class Waiters {
  #waiting: (() => void)[] = [];

  /** Waits for {@link wake}. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Lets all who wait go on, once the call under way is done. */
  wake(): void {
    if (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) {
        resolve();
      }
    }
  }
}

/** What a {@link DeltaIterator} follows. */
export interface Followed {
  readonly instance: Instance;
  readonly waiters: Waiters;
  /** How many deltas have come in. */
  position(): number;
}

/**
 * Goes over deltas as fast as it is asked to, reading them from the log; then waits for more. Ends when the database is
 * closed, the signal is aborted, or `return` is called.
 */
export class DeltaIterator implements AsyncIterableIterator<DeltaEvent, undefined, void> {
  readonly #followed: Followed;
  readonly #log: LogReader;
  readonly #origin: DeltaOrigin | undefined;
  readonly #signal: AbortSignal | undefined;
  /** Settles when what was asked for before is answered. */
  #last: Promise<unknown> = Promise.resolve();
  /** How many were asked for and are not answered yet. */
  #asked = 0;
  #ended = false;
  /** Lets those who wait go on. */
  readonly #end = (): void => {
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#end);
    this.#followed.waiters.wake();
  };

  constructor(
    followed: Followed,
    log: LogReader,
    origin: DeltaOrigin | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#followed = followed;
    this.#log = log;
    this.#origin = origin;
    this.#signal = signal;
    this.#ended = signal?.aborted ?? false;
    if (!this.#ended) {
      signal?.addEventListener("abort", this.#end);
    }
  }

  /** Returns the next delta, once it is there. */
  next(): Promise<IteratorResult<DeltaEvent, undefined>> {
    if (this.#asked === 0 && this.#followed.instance.ready) {
      // The usual case, answered without waiting.
      try {
        const result = this.#take();
        if (result !== undefined) {
          return Promise.resolve(result);
        }
      } catch (error) {
        return Promise.reject(error);
      }
    }
    this.#asked++;
    const result = this.#last.then(() => this.#wait()).finally(() => this.#asked--);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Ends the iteration, also for those who wait for a delta. */
  return(): Promise<IteratorResult<DeltaEvent, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #wait(): Promise<IteratorResult<DeltaEvent, undefined>> {
    for (;;) {
      const result = this.#take();
      if (result !== undefined) {
        return result;
      }
      await this.#followed.waiters.wait();
    }
  }

  /** Returns the next delta, or that the iteration has ended; undefined if there is none yet. */
  #take(): IteratorResult<DeltaEvent, undefined> | undefined {
    const { instance } = this.#followed;
    try {
      while (!this.#ended && !instance.closed) {
        instance.check();
        const value = this.#log.read(this.#followed.position());
        if (value === undefined) {
          return undefined;
        }
        if (this.#origin === undefined || value.origin === this.#origin) {
          return { done: false, value };
        }
      }
    } catch (error) {
      this.#end();
      throw error;
    }
    this.#end();
    return { done: true, value: undefined };
  }
}
