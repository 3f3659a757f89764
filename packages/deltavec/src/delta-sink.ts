import { Batcher, batchLimits } from "./batcher.ts";
import { describe, invalid } from "./errors.ts";
import { decoded, FrameCutter, frameLimit, spans } from "./frame-cutter.ts";
import { pooled } from "./pooled-target.ts";
import { ReplicaRun } from "./replica-run.ts";
import type { StreamTarget, WritableOptions } from "./stream-types.ts";
import type { VectorDelta } from "./types.ts";

const BATCH_BYTES = 1_048_576;
const MAX_STREAM_BYTES = 67_108_864;

/** What `DeltaVectorDB.writable` writes to: takes deltas, and bytes of frames cut anywhere. */
export class DeltaSink {
  readonly #batcher: Batcher;
  readonly #cutter: FrameCutter;
  readonly #run: ReplicaRun;

  /**
   * @param target - where deltas go
   * @param options - as given
   * @param controller - of the stream, told of errors at once
   * @throws DeltaError INVALID_ARGUMENT
   */
  constructor(
    target: StreamTarget,
    options: WritableOptions,
    controller: WritableStreamDefaultController,
  ) {
    const limits = batchLimits(options, BATCH_BYTES);
    const { maxStreamBytes = MAX_STREAM_BYTES } = options;
    if (!Number.isSafeInteger(maxStreamBytes) || maxStreamBytes < 1) {
      throw invalid(
        `option maxStreamBytes must be a whole number of 1 or more, not ${describe(maxStreamBytes)}`,
      );
    }
    const fail = (error: unknown): void => controller.error(error);
    this.#cutter = new FrameCutter(frameLimit(options));
    this.#batcher = new Batcher(pooled(target, limits.maxBytes), limits, () => {}, fail);
    this.#run = new ReplicaRun(this.#batcher, limits.maxDelayMs, maxStreamBytes, fail);
  }

  /** Takes a delta, or bytes; settles when the next may come. After an error all before it is applied. */
  async write(chunk: VectorDelta | Uint8Array): Promise<void> {
    try {
      if (chunk instanceof Uint8Array) {
        for (const frames of this.#cutter.cut(chunk)) {
          await this.#take(frames, this.#cutter.offset - frames.length);
        }
      } else {
        this.#cutter.end(); // a delta cannot come within a frame
        await this.#run.end();
        await this.#batcher.add(chunk, undefined);
      }
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  /** Applies all that is left. */
  async close(): Promise<void> {
    await this.#run.end();
    await this.#batcher.flush();
    this.#cutter.end();
  }

  /** Applies what was taken, as whoever wrote it was told that it was taken, and ends. Never rejected. */
  async abort(): Promise<void> {
    try {
      await this.#run.end();
      await this.#batcher.flush();
    } catch {
      // There is an error already, or nobody who asks.
    }
    this.#run.drop();
    await this.#batcher.abort();
  }

  /** @param offset - of the frames in the stream */
  async #take(frames: Uint8Array, offset: number): Promise<void> {
    for (const { start, end, replicated } of spans(frames)) {
      const part = frames.subarray(start, end);
      if (replicated) {
        await this.#run.add(part);
      } else {
        await this.#run.end();
        for (const delta of decoded(part, offset + start)) {
          await this.#batcher.add(delta, undefined);
        }
      }
    }
  }
}
