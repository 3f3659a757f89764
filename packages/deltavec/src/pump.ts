import { Batcher, batchLimits } from "./batcher.ts";
import { frameLength } from "./codec.ts";
import { describe, invalid, requireSignal } from "./errors.ts";
import { decoded, spans } from "./frame-cutter.ts";
import { pooled } from "./pooled-target.ts";
import type {
  DeltaCursor,
  StreamItem,
  StreamOptions,
  StreamPart,
  StreamSource,
  StreamTarget,
} from "./stream-types.ts";
import { isPromise } from "./tasks.ts";
import type { VectorDelta } from "./types.ts";

/**
 * Applies all that a source brings: what `DeltaStreamProcessor.streamDeltas` does.
 *
 * @param target - where deltas go
 * @param poolSize - the most bytes of a batch
 * @param source - what brings deltas
 * @param options - as given
 * @param onCursor - told of each new place
 * @returns how many deltas were applied
 */
export async function pump(
  target: StreamTarget,
  poolSize: number,
  source: StreamSource,
  options: StreamOptions,
  onCursor: (cursor: DeltaCursor) => void,
): Promise<number> {
  const limits = batchLimits(options, poolSize);
  const { signal, cursor: begin } = options;
  requireSignal(signal);
  if (begin !== undefined) {
    requireCursor("option cursor", begin);
    onCursor(begin);
  }
  signal?.throwIfAborted();

  let stopped: { readonly error: unknown } | undefined;
  let wake: ((error: unknown) => void) | undefined;
  const stop = (error: unknown): void => {
    stopped ??= { error };
    void batcher.abort();
    wake?.(error);
  };
  const onAbort = (): void => stop(signal?.reason);
  const batcher = new Batcher(pooled(target, limits.maxBytes), limits, onCursor, stop);
  const intake = new Intake(batcher, typeof begin === "number" ? begin : 0);

  const iterator = iteratorOf(source);
  signal?.addEventListener("abort", onAbort);
  let open = true;
  try {
    for (;;) {
      let result: IteratorResult<StreamItem, unknown>;
      open = false; // an iterator that throws has ended
      try {
        const next = iterator.next();
        result = isPromise(next)
          ? await new Promise((resolve, reject) => {
              wake = (error) => {
                open = true;
                reject(error);
              };
              next.then(resolve, reject);
            })
          : next;
      } catch (error) {
        if (stopped === undefined) {
          await batcher.flush();
        }
        throw error;
      }
      if (result.done) {
        await batcher.flush();
      } else {
        open = true;
        const wait = stopped ?? intake.take(result.value);
        if (isPromise(wait)) {
          await wait;
        }
      }
      if (stopped !== undefined) {
        throw (stopped as { readonly error: unknown }).error;
      }
      if (result.done) {
        return batcher.applied;
      }
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    if (open) {
      close(iterator);
    }
    await batcher.abort();
  }
}

type AnyIterator = AsyncIterator<StreamItem, unknown> | Iterator<StreamItem, unknown>;

function iteratorOf(source: StreamSource): AnyIterator {
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = (source ?? {}) as Partial<
    AsyncIterable<StreamItem> & Iterable<StreamItem>
  >;
  const iterator = later?.call(source) ?? now?.call(source);
  if (iterator === undefined || typeof source === "string") {
    throw invalid(`the source must be an iterable of deltas, not ${describe(source)}`);
  }
  return iterator;
}

/** Lets a source go, without waiting for one that hangs; what it throws now concerns nobody. */
function close(iterator: AnyIterator): void {
  try {
    const closing: unknown = iterator.return?.();
    if (isPromise(closing)) {
      closing.then(undefined, () => undefined);
    }
  } catch {
    // As said.
  }
}

/** Takes the items of a source apart. */
class Intake {
  readonly #batcher: Batcher;
  /** So many deltas of a source without cursors were applied before. */
  readonly #known: number;
  /** Deltas so far. */
  #count = 0;

  constructor(batcher: Batcher, known: number) {
    this.#batcher = batcher;
    this.#known = known;
  }

  /** Takes one item; returns what to wait for before the next. */
  take(item: StreamItem): Promise<void> | undefined {
    if (isBytes(item)) {
      return this.#frames(item, undefined, true);
    }
    if (isPart(item)) {
      const { delta, cursor } = item;
      if (cursor !== undefined) {
        requireCursor("the cursor of a part", cursor);
      }
      return isBytes(delta) ? this.#frames(delta, cursor, false) : this.#one(delta, cursor, false);
    }
    return this.#one(item, undefined, true);
  }

  /**
   * @param counted - whether the place is the number of deltas
   */
  #one(
    delta: VectorDelta,
    cursor: DeltaCursor | undefined,
    counted: boolean,
  ): Promise<void> | undefined {
    this.#count++;
    if (counted && this.#count <= this.#known) {
      this.#batcher.passOver(1);
      return undefined;
    }
    return this.#batcher.add(delta, counted ? this.#count : cursor);
  }

  async #frames(
    bytes: Uint8Array,
    cursor: DeltaCursor | undefined,
    counted: boolean,
  ): Promise<void> {
    const units = unitsOf(bytes);
    for (;;) {
      let next: IteratorResult<Unit, void>;
      try {
        next = units.next();
      } catch (error) {
        this.#count++;
        return this.#batcher.refuse(error, counted ? this.#count : cursor);
      }
      if (next.done) {
        return;
      }
      const { delta, frames, count, last } = next.value;
      const place = last ? cursor : undefined;
      if (delta !== undefined) {
        await this.#one(delta, place, counted);
      } else {
        // What is merged once more does nothing, so that none need be passed over.
        this.#count += count;
        await this.#batcher.merge(frames, count, counted ? this.#count : place);
      }
    }
  }
}

/** A delta, or frames of a replica. */
type Unit = { readonly count: number; readonly last: boolean } & (
  | { readonly delta: VectorDelta; readonly frames?: undefined }
  | { readonly delta?: undefined; readonly frames: Uint8Array }
);

/** Takes whole frames apart; throws at the first that is broken, when all before it were given. */
function* unitsOf(bytes: Uint8Array): IterableIterator<Unit, void> {
  for (const { start, end, count, replicated } of spans(bytes)) {
    const frames = bytes.subarray(start, end);
    if (replicated) {
      yield { frames, count, last: end === bytes.length };
      continue;
    }
    let at = start;
    for (const delta of decoded(frames, start)) {
      at += frameLength(bytes, at)!;
      yield { delta, count: 1, last: at === bytes.length };
    }
  }
}

function isPart(item: StreamItem): item is StreamPart {
  return (item as Partial<StreamPart> | null)?.delta !== undefined;
}

function isBytes(item: unknown): item is Uint8Array {
  return item instanceof Uint8Array;
}

function requireCursor(name: string, cursor: unknown): void {
  if (typeof cursor !== "string" && typeof cursor !== "number") {
    throw invalid(`${name} must be a string or a number, not ${describe(cursor)}`);
  }
}
