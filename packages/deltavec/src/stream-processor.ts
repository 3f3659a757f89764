import type { DeltaVectorDB } from "./database.ts";
import { describe, invalid } from "./errors.ts";
import type { DeltaCursor, StreamOptions, StreamSource, StreamTarget } from "./stream-types.ts";

/** What a {@link DeltaStreamProcessor} is made with. */
export interface DeltaStreamProcessorOptions {
  /** Bytes of the pool that batches are collected in, and so the most in a batch; 1 or more. Default 1 MiB. */
  poolSize?: number;
}

/** Bytes of the pool unless said. */
const POOL_BYTES = 1_048_576;

/**
 * Applies streams of deltas to a database, in batches: small where deltas come slowly, so that each is seen at once, large
 * where they come fast, and never so large that a page loses a frame.
 *
 * @example
 * ```ts
 * const processor = new DeltaStreamProcessor(db);
 * const applied = await processor.streamDeltas(webSocketDeltas("wss://example.org/deltas"));
 * ```
 */
export class DeltaStreamProcessor {
  /** @internal Whatever minifying makes of it. */
  static readonly name = "DeltaStreamProcessor";
  readonly #db: StreamTarget;
  readonly #poolSize: number;
  #cursor: DeltaCursor | undefined;
  #streaming = false;

  /**
   * @param db - where deltas go: a database, or one in a worker
   * @param options - the pool's size in bytes, or an object with it
   * @throws DeltaError `INVALID_ARGUMENT`
   */
  constructor(
    db: DeltaVectorDB | StreamTarget,
    options: number | DeltaStreamProcessorOptions = {},
  ) {
    if (typeof (db as StreamTarget | undefined)?.applyDeltas !== "function") {
      throw invalid(`db must be a database, not ${describe(db)}`);
    }
    const { poolSize = POOL_BYTES } =
      typeof options === "number" ? { poolSize: options } : (options ?? {});
    if (!Number.isSafeInteger(poolSize) || poolSize < 1) {
      throw invalid(`poolSize must be a whole number of 1 or more, not ${describe(poolSize)}`);
    }
    this.#db = db;
    this.#poolSize = poolSize;
  }

  /**
   * The place in the stream behind the last delta that was applied for sure (or passed over); undefined before there was
   * one. The source's own where that has cursors, else the number of deltas.
   */
  get cursor(): DeltaCursor | undefined {
    return this.#cursor;
  }

  /**
   * Applies all deltas of a source, in order, until it ends.
   *
   * A batch is applied when it has `maxCount` deltas or `maxBytes`, when it would take longer than `targetMs`, after
   * `maxDelayMs`, or as soon as the source has nothing ready. Between batches the event loop has its turn. With a database
   * in a worker, one batch is under way while the next is collected. Deltas must not be changed until they are applied.
   *
   * @param source - what brings deltas; whatever ends the stream, it is closed (`return`)
   * @param options - all optional
   * @returns how many deltas were applied; of a replica's deltas, how many were new
   * @throws DeltaError (as a rejection) of the delta that was refused, whose `index` is its number in the stream; all before
   * it are applied, and {@link DeltaStreamProcessor.cursor} is the place right before it. What the source throws comes as
   * it is, when all before it are applied. `INVALID_ARGUMENT`, also while another stream goes on
   */
  async streamDeltas(source: StreamSource, options: StreamOptions = {}): Promise<number> {
    if (this.#streaming) {
      throw invalid("this processor has a stream already: make another one");
    }
    this.#streaming = true;
    try {
      const { pump } = await import("./pump.ts");
      return await pump(this.#db, this.#poolSize, source, options, (cursor) => {
        this.#cursor = cursor;
      });
    } finally {
      this.#streaming = false;
    }
  }

  /**
   * Returns a vector's values without copying them, as `DeltaVectorDB.getVectorView`.
   *
   * @param id - the vector's id
   * @throws DeltaError `INVALID_ARGUMENT` if the database is not on this thread
   */
  getVectorView(id: string): Float32Array | null {
    const db = this.#db as Partial<DeltaVectorDB>;
    if (typeof db.getVectorView !== "function") {
      throw invalid("getVectorView needs a database on this thread");
    }
    return db.getVectorView(id);
  }
}
