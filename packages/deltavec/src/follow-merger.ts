import { DeltaError } from "./errors.ts";
import { type Followed, framesEnd, identityOf } from "./follow-parts.ts";
import { joined } from "./joined.ts";
import { isPromise, nextTask } from "./tasks.ts";

/** Bytes that may wait to be merged before no more is asked for. */
const MOST_WAITING = 33_554_432;
/** Bytes of one merge: the more at a time, the less work in all, as a vector is linked anew once for each. */
const LEAST = 65_536;
const MOST = 16_777_216;

/** Codes of frames that no copy takes: they are passed over, everywhere alike. */
const BAD_FRAME: readonly string[] = [
  "CORRUPT_DATA",
  "UNSUPPORTED_VERSION",
  "INVALID_ARGUMENT",
  "DIMENSION_MISMATCH",
  "NOT_FINITE",
];

/** What waits to be merged. */
interface Entry {
  readonly frames: Uint8Array;
  /** Bytes of it that are merged. */
  done: number;
  /** Called when all of it is. */
  readonly merged: (() => void) | undefined;
}

/** Who is told. */
export interface MergerHooks {
  /** A frame was passed over, or deltas came too late for this database. */
  readonly trouble: (error: DeltaError) => void;
  /** Merging has failed for good; `drained` says why. */
  readonly failed: () => void;
  /** Frames are about to be merged. */
  readonly seen?: ((frames: Uint8Array) => void) | undefined;
}

/** Merges what comes from a server, as much at a time as the thread can spare. */
export class Merger {
  readonly #db: Followed;
  readonly #hooks: MergerHooks;
  /** Milliseconds that one merge may take, about. */
  readonly #slice: number;
  readonly #queue: Entry[] = [];
  /** Bytes that wait. */
  #waiting = 0;
  /** Bytes of the next merge. */
  #size: number;
  #failure: unknown;
  #running: Promise<void> | undefined;
  #ended = false;
  /** Whether what comes is merged at once, or only when it is much. */
  eager = false;

  constructor(db: Followed, hooks: MergerHooks) {
    this.#db = db;
    this.#hooks = hooks;
    const remote = db.readers !== undefined;
    const page = "document" in globalThis;
    this.#slice = remote ? 1000 : page ? 50 : 4000;
    this.#size = remote ? MOST / 4 : page ? MOST / 64 : MOST;
  }

  /** Whether so much waits that no more should be asked for. */
  get isFull(): boolean {
    return this.#waiting > MOST_WAITING;
  }

  /**
   * Takes frames, whole ones, one behind the other.
   *
   * @param merged - called when they are in the database
   */
  add(frames: Uint8Array, merged?: () => void): void {
    this.#queue.push({ frames, done: 0, merged });
    this.#waiting += frames.length;
    if (this.eager || this.#waiting >= this.#size) {
      this.#start();
    }
  }

  /** Waits until there is room for more. Fails as merging did. */
  async room(): Promise<void> {
    while (this.isFull) {
      await this.#start();
    }
    this.#check();
  }

  /** Waits until all is merged. Fails as merging did. */
  async drained(): Promise<void> {
    while (this.#queue.length > 0 && this.#failure === undefined) {
      await this.#start();
    }
    await this.#running;
    this.#check();
  }

  /** Drops what waits. */
  end(): void {
    this.#ended = true;
    this.#queue.length = 0;
    this.#waiting = 0;
  }

  #check(): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
  }

  #start(): Promise<void> {
    this.#running ??= this.#run().then(
      () => {
        this.#running = undefined;
        if (this.eager && this.#queue.length > 0) {
          this.#start(); // what came while it ended
        }
      },
      (error) => {
        this.#running = undefined;
        this.#failure ??= error;
        this.end();
        this.#hooks.failed();
      },
    );
    return this.#running;
  }

  async #run(): Promise<void> {
    let first = true;
    while (this.#queue.length > 0 && (this.eager || first || this.#waiting >= this.#size)) {
      first = false;
      const { parts, merged } = this.#take();
      const bytes = parts.reduce((sum, { length }) => sum + length, 0);
      const start = performance.now();
      if (bytes > 0) {
        this.#hooks.seen?.(parts.length === 1 ? (parts[0] as Uint8Array) : joined(parts));
        await this.#merge(parts);
      }
      if (this.#ended) {
        return;
      }
      const took = performance.now() - start;
      if (took > this.#slice) {
        this.#size = Math.max(LEAST, Math.floor((this.#size * this.#slice) / took));
      } else if (took < this.#slice / 2 && bytes >= this.#size / 2) {
        this.#size = Math.min(MOST, this.#size * 2);
      }
      for (const done of merged) {
        done();
      }
      if (this.#queue.length > 0) {
        await nextTask();
      }
    }
  }

  /** Takes off what is merged next. */
  #take(): { parts: Uint8Array[]; merged: (() => void)[] } {
    const parts: Uint8Array[] = [];
    const merged: (() => void)[] = [];
    let room = this.#size;
    while (room > 0 && this.#queue.length > 0) {
      const entry = this.#queue[0] as Entry;
      const { frames, done } = entry;
      let end = frames.length;
      if (end > done) {
        if (end - done > room && parts.length > 0) {
          break;
        }
        try {
          end = framesEnd(frames, done, room);
          parts.push(frames.subarray(done, end));
        } catch (error) {
          this.#hooks.trouble(error as DeltaError); // what is behind has no beginning
        }
      }
      room -= end - done;
      this.#waiting -= end - done;
      entry.done = end;
      if (end === frames.length) {
        this.#queue.shift();
        if (entry.merged !== undefined) {
          merged.push(entry.merged);
        }
      }
    }
    return { parts, merged };
  }

  async #merge(parts: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#mergeBytes(parts.length === 1 ? (parts[0] as Uint8Array) : joined(parts));
    } catch (error) {
      if (!isBad(error)) {
        throw error;
      }
      for (const part of parts) {
        if (parts.length > 1) {
          await this.#merge([part]);
          continue;
        }
        const end = framesEnd(part, 0, part.length / 2);
        if (end < part.length) {
          await this.#merge([part.subarray(0, end)]);
          await this.#merge([part.subarray(end)]);
        } else {
          this.#passOver(part, error);
        }
      }
    }
  }

  async #mergeBytes(bytes: Uint8Array): Promise<void> {
    const merging = this.#db.merge(bytes);
    const { rejected } = isPromise(merging) ? await merging : merging;
    if (rejected.count > 0) {
      const what = `${rejected.count} deltas of the server lie before the horizon of their vectors here: this database was compacted too far`;
      this.#hooks.trouble(new DeltaError("HISTORY_COMPACTED", what));
    }
  }

  /** Deals with a frame that the database refuses. */
  #passOver(frame: Uint8Array, cause: DeltaError): void {
    const time = identityOf(frame)?.time ?? 0;
    const { maxClockAheadMs } = this.#db.options;
    if (cause.code === "INVALID_ARGUMENT" && time > Date.now() + maxClockAheadMs) {
      // The server's clock let it in, so other copies have it.
      throw new DeltaError(
        "INVALID_ARGUMENT",
        `a delta of the server is of ${new Date(time).toISOString()}: this machine's clock is wrong, or maxClockAheadMs too small`,
        { cause },
      );
    }
    const what = `a frame of the server was passed over: ${cause.message}`;
    this.#hooks.trouble(new DeltaError(cause.code, what, { cause }));
  }
}

function isBad(error: unknown): error is DeltaError {
  return error instanceof DeltaError && BAD_FRAME.includes(error.code);
}
