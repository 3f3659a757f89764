import { DeltaError, describe, invalid } from "./errors.ts";
import type {
  BatchOptions,
  DeltaCursor,
  SkippedDelta,
  StreamProgress,
  StreamTarget,
} from "./stream-types.ts";
import { asTask, isPromise, nextTask } from "./tasks.ts";
import type { MergeResult, VectorDelta } from "./types.ts";

/** {@link BatchOptions}, checked and filled in. */
export interface BatchLimits {
  readonly maxCount: number;
  readonly maxBytes: number;
  readonly targetMs: number;
  readonly maxDelayMs: number;
  readonly skip: boolean;
  readonly onSkip: ((skipped: SkippedDelta) => void) | undefined;
  readonly onProgress: ((progress: StreamProgress) => void) | undefined;
}

/** Deltas in the first batch: few, as nothing is known of what they take. */
const FIRST_COUNT = 32;
const MAX_COUNT = 1000;
const TARGET_MS = 4;
const MAX_DELAY_MS = 16;
/** After these errors no other delta would fare better. */
const FATAL: readonly string[] = ["CLOSED", "OUT_OF_MEMORY"];

/**
 * Checks options.
 *
 * @param options - as given
 * @param poolSize - the most bytes of a batch
 * @throws DeltaError INVALID_ARGUMENT
 */
export function batchLimits(options: BatchOptions, poolSize: number): BatchLimits {
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  const {
    maxCount = MAX_COUNT,
    maxBytes = poolSize,
    onError = "stop",
    onSkip,
    onProgress,
  } = options;
  const { targetMs = TARGET_MS, maxDelayMs = MAX_DELAY_MS } = options;
  for (const [name, value] of Object.entries({ maxCount, maxBytes })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw invalid(`option ${name} must be a whole number of 1 or more, not ${describe(value)}`);
    }
  }
  if (typeof targetMs !== "number" || !(targetMs > 0)) {
    throw invalid(`option targetMs must be a number above 0, not ${describe(targetMs)}`);
  }
  if (typeof maxDelayMs !== "number" || !(maxDelayMs >= 0)) {
    throw invalid(`option maxDelayMs must be a number of 0 or more, not ${describe(maxDelayMs)}`);
  }
  if (onError !== "stop" && onError !== "skip") {
    throw invalid(`option onError must be stop or skip, not ${describe(onError)}`);
  }
  for (const [name, value] of Object.entries({ onSkip, onProgress })) {
    if (value !== undefined && typeof value !== "function") {
      throw invalid(`option ${name} must be a function, not ${describe(value)}`);
    }
  }
  return {
    ...{ maxCount, targetMs, maxDelayMs, onSkip, onProgress },
    maxBytes: Math.min(maxBytes, poolSize),
    skip: onError === "skip",
  };
}

/** What waits to be applied. */
interface Batch {
  readonly deltas: VectorDelta[];
  /** The places behind the deltas, where they are known. */
  readonly cursors: (DeltaCursor | undefined)[];
  readonly sizes: number[];
  bytes: number;
  /** When the first delta came. */
  since: number;
}

/**
 * Collects deltas and applies them in batches, in order: the common part of all streams. A batch is applied when it is
 * full or old, and otherwise in the next task of the event loop, as the source then had nothing more ready. While one is
 * being applied, the next is collected; whoever then fills that one, too, has to wait.
 */
export class Batcher {
  readonly #target: StreamTarget;
  readonly #limits: BatchLimits;
  readonly #onCursor: (cursor: DeltaCursor) => void;
  readonly #onFailure: (error: unknown) => void;
  #batch: Batch = emptyBatch();
  /** How many deltas a batch may have now. */
  #size: number;
  /** What is being applied. */
  #draining: Promise<void> | undefined;
  #ticking = false;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  /** Deltas of the stream that are done with. */
  #done = 0;
  #applied = 0;
  #skipped = 0;
  #bytes = 0;
  #cursor: DeltaCursor | undefined;

  /**
   * @param target - where deltas go
   * @param limits - of batches
   * @param onCursor - told of each new place behind all that is done with
   * @param onFailure - told at once of an error that ends the stream
   */
  constructor(
    target: StreamTarget,
    limits: BatchLimits,
    onCursor: (cursor: DeltaCursor) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#target = target;
    this.#limits = limits;
    this.#onCursor = onCursor;
    this.#onFailure = onFailure;
    this.#size = Math.min(FIRST_COUNT, limits.maxCount);
  }

  /** How many deltas were applied. */
  get applied(): number {
    return this.#applied;
  }

  /** Counts deltas that the source brings once more, and that are not to be applied again. */
  passOver(count: number): void {
    this.#done += count;
  }

  /**
   * Adds a delta.
   *
   * @param delta - may be anything
   * @param cursor - the place behind it, if known
   * @returns what to wait for before the next is added, if anything; rejected if the stream has failed
   */
  add(delta: VectorDelta, cursor: DeltaCursor | undefined): Promise<void> | undefined {
    const size = sizeOf(delta);
    if (this.#batch.bytes + size > this.#limits.maxBytes && this.#batch.deltas.length > 0) {
      const wait = this.#full();
      if (wait !== undefined) {
        return wait.then(() => this.add(delta, cursor));
      }
    }
    const batch = this.#batch;
    const now = performance.now();
    if (batch.deltas.length === 0) {
      batch.since = now;
    }
    batch.deltas.push(delta);
    batch.cursors.push(cursor);
    batch.sizes.push(size);
    batch.bytes += size;
    if (
      batch.deltas.length >= this.#size ||
      batch.bytes >= this.#limits.maxBytes ||
      now - batch.since >= this.#limits.maxDelayMs
    ) {
      return this.#full();
    }
    if (!this.#ticking && this.#draining === undefined) {
      this.#ticking = true;
      asTask(() => {
        this.#ticking = false;
        this.#start();
      });
    }
    return undefined;
  }

  /**
   * Merges frames of a replica, behind all that was added. To be waited for before anything else is added.
   *
   * @param frames - whole frames
   * @param count - how many deltas they are
   * @param cursor - the place behind them, if known
   * @param bytes - how many of the bytes are new
   * @returns whether they were merged, and not passed over
   */
  async merge(
    frames: Uint8Array,
    count: number,
    cursor: DeltaCursor | undefined,
    bytes: number = frames.length,
  ): Promise<boolean> {
    await this.flush();
    if (this.#ended) {
      return false;
    }
    const index = this.#done;
    let result: MergeResult | undefined;
    try {
      if (typeof this.#target.merge !== "function") {
        throw invalid("the stream has frames of a replica, which this database does not take");
      }
      const merging = this.#target.merge(frames);
      result = isPromise(merging) ? await merging : merging;
    } catch (error) {
      this.#refused(error, index, count, undefined);
    }
    if (result !== undefined) {
      this.#applied += result.merged;
      this.#bytes += bytes;
      const { count: late } = result.rejected;
      if (late > 0) {
        const message = `${late} deltas lie before their vector's horizon`;
        this.#skip({ index, vectorId: undefined, code: "HISTORY_COMPACTED", message }, late);
      }
    }
    this.#done += count;
    this.#pass(cursor);
    this.#progress(result?.merged ?? 0);
    await nextTask();
    return result !== undefined;
  }

  /**
   * Takes what cannot be read for a delta that is refused, behind all that was added. To be waited for.
   *
   * @param error - why
   * @param cursor - the place behind it, if known
   */
  async refuse(error: unknown, cursor: DeltaCursor | undefined): Promise<void> {
    await this.flush();
    this.#refused(error, this.#done, 1, undefined);
    this.#done++;
    this.#pass(cursor);
  }

  /** Passes over deltas of a replica that refer to others which were passed over. */
  lose(count: number): void {
    const message = "it refers to deltas that were passed over";
    this.#skip({ index: this.#done, vectorId: undefined, code: "CORRUPT_DATA", message }, count);
    this.#done += count;
  }

  /** Applies all that was added; rejected if the stream has failed. */
  async flush(): Promise<void> {
    for (;;) {
      this.#start();
      if (this.#draining === undefined) {
        break;
      }
      await this.#draining;
    }
    if (this.#failure !== undefined) {
      throw this.#failure.error;
    }
  }

  /** Drops what has not been applied; settles when nothing is under way any more. Never rejected. */
  async abort(): Promise<void> {
    this.#ended = true;
    this.#batch = emptyBatch();
    await this.#draining?.catch(() => undefined);
  }

  /** Applies the batch; returns what to wait for if another one is under way. */
  #full(): Promise<void> | undefined {
    const waiting = this.#draining;
    this.#start();
    return waiting;
  }

  #start(): void {
    if (this.#draining !== undefined || this.#batch.deltas.length === 0 || this.#ended) {
      return;
    }
    this.#draining = this.#drain();
    // Whoever waits is told; if nobody does, onFailure was.
    this.#draining.catch(() => undefined);
  }

  /** Applies batches until there is nothing left. */
  async #drain(): Promise<void> {
    try {
      while (this.#batch.deltas.length > 0 && !this.#ended) {
        const batch = this.#batch;
        this.#batch = emptyBatch();
        const { spent, waited } = await this.#apply(batch);
        this.#adapt(spent / batch.deltas.length);
        if (!waited) {
          await nextTask();
        }
      }
    } catch (error) {
      this.#ended = true;
      this.#failure = { error };
      this.#onFailure(error);
      throw error;
    } finally {
      this.#draining = undefined; // at once, so that what is added from now on begins anew
    }
  }

  /**
   * Applies one batch. If a delta is refused, first those before it are applied, then it is dealt with, then those behind
   * it, in pieces that grow again: so many bad deltas cost a few calls each, and not a batch each.
   *
   * @returns milliseconds that this thread was busy, and whether another was waited for
   */
  async #apply(batch: Batch): Promise<{ spent: number; waited: boolean }> {
    const { deltas } = batch;
    const appliedBefore = this.#applied;
    let spent = 0;
    let waited = false;
    let piece = deltas.length;
    for (let from = 0; from < deltas.length && !this.#ended; ) {
      const to = Math.min(from + piece, deltas.length);
      const part = to - from === deltas.length ? deltas : deltas.slice(from, to);
      let failure: unknown;
      const began = performance.now();
      try {
        const applying = this.#target.applyDeltas(part);
        if (isPromise(applying)) {
          spent += performance.now() - began;
          waited = true;
          await applying;
        } else {
          spent += performance.now() - began;
        }
        this.#note(batch, from, to);
        from = to;
        piece *= 2;
        continue;
      } catch (error) {
        failure = error;
      }
      const index = indexOf(failure);
      if (index > 0 && index < part.length) {
        piece = index;
        continue;
      }
      if (index !== 0) {
        throw failure;
      }
      this.#refused(failure, this.#done, 1, deltas[from]);
      this.#done++;
      this.#pass(batch.cursors[from]);
      from++;
      piece = 1;
    }
    this.#progress(this.#applied - appliedBefore);
    return { spent, waited };
  }

  #note(batch: Batch, from: number, to: number): void {
    this.#applied += to - from;
    this.#done += to - from;
    let cursor: DeltaCursor | undefined;
    for (let i = from; i < to; i++) {
      this.#bytes += batch.sizes[i]!;
      cursor = batch.cursors[i] ?? cursor;
    }
    this.#pass(cursor);
  }

  /** Throws the error of a delta, with its number in the stream, unless it is to be passed over. */
  #refused(error: unknown, index: number, count: number, delta: VectorDelta | undefined): void {
    if (!(error instanceof DeltaError)) {
      throw error;
    }
    const { code } = error;
    // Its number in the batch, if the message has that, says nothing here.
    const message = `delta ${index}: ${error.message.replace(/^delta \d+: /, "")}`;
    if (!this.#limits.skip || FATAL.includes(code)) {
      throw new DeltaError(code, message, { index, cause: error });
    }
    const id: unknown = delta?.vectorId;
    this.#skip({ index, vectorId: typeof id === "string" ? id : undefined, code, message }, count);
  }

  #skip(skipped: SkippedDelta, count: number): void {
    this.#skipped += count;
    this.#limits.onSkip?.(skipped);
  }

  #pass(cursor: DeltaCursor | undefined): void {
    if (cursor !== undefined) {
      this.#cursor = cursor;
      this.#onCursor(cursor);
    }
  }

  #progress(batch: number): void {
    this.#limits.onProgress?.({
      applied: this.#applied,
      skipped: this.#skipped,
      bytes: this.#bytes,
      batch,
      cursor: this.#cursor,
    });
  }

  /** Sets how many deltas a batch may have, from how long one takes: up fast, down in steps. */
  #adapt(each: number): void {
    const { maxCount, targetMs } = this.#limits;
    const wanted = Math.floor(targetMs / each);
    const size = this.#size;
    this.#size = Math.min(Math.max(wanted, size >> 2, 1), size * 2, maxCount);
  }
}

function emptyBatch(): Batch {
  return { deltas: [], cursors: [], sizes: [], bytes: 0, since: 0 };
}

/** The offending delta's position in its batch; -1 if the error is not about one. */
function indexOf(error: unknown): number {
  return error instanceof DeltaError ? (error.index ?? -1) : -1;
}

/** About how many bytes a delta takes in a frame. */
export function sizeOf(delta: VectorDelta): number {
  const { vectorId, operation, metadata } = (delta ?? {}) as Partial<VectorDelta>;
  const { vector, indices, values } = (operation ?? {}) as {
    vector?: Float32Array;
    indices?: Uint32Array;
    values?: Float32Array;
  };
  return (
    16 +
    lengthOf(vectorId) +
    4 * lengthOf(vector ?? values) +
    lengthOf(indices) +
    patchSize(metadata)
  );
}

function lengthOf(value: { readonly length: number } | undefined): number {
  return Number(value?.length) || 0;
}

function patchSize(metadata: unknown): number {
  try {
    return metadata === undefined ? 0 : JSON.stringify(metadata).length;
  } catch {
    return 0; // will be refused
  }
}
