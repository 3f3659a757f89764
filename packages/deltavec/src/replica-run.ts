import type { Batcher } from "./batcher.ts";
import { frameLength } from "./codec.ts";
import { DeltaError } from "./errors.ts";
import { IDENTIFIED, OPERATION_MASK, TIMED } from "./frame.ts";
import { joined } from "./joined.ts";

const LINKED = IDENTIFIED | TIMED;
/** So many new bytes are merged without waiting for more. */
const MERGE_BYTES = 1_048_576;
/** A merge that goes over frames again comes after so many times as long as the one before took. */
const PATIENCE = 4;

/**
 * Frames of a replica out of a stream of bytes, on their way to `merge`. Linked frames refer to those before them in their
 * stream, back to its start (docs/format.md), and a merge knows nothing of the one before. So frames of such a stream are
 * held until it ends; if more come when some were merged, all are merged again, which does nothing to those known. That is
 * done seldom enough to take no more than a fifth of the time.
 */
export class ReplicaRun {
  readonly #batcher: Batcher;
  readonly #delay: number;
  readonly #maxBytes: number;
  readonly #onFailure: (error: unknown) => void;
  #frames: Uint8Array[] = [];
  #bytes = 0;
  /** Bytes of the frames that were merged. */
  #mergedBytes = 0;
  /** Deltas that were not. */
  #count = 0;
  #linked = false;
  /** A merge failed and was passed over: what frames refer to is not known until the next start. */
  #lost = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #merging: Promise<void> | undefined;
  /** How long the last merge of this stream took, in milliseconds. */
  #took = 0;

  /**
   * @param batcher - what merges
   * @param delay - how long frames may wait, in milliseconds
   * @param maxBytes - how much of a stream is held
   * @param onFailure - told of errors of merges that nobody waits for
   */
  constructor(
    batcher: Batcher,
    delay: number,
    maxBytes: number,
    onFailure: (error: unknown) => void,
  ) {
    this.#batcher = batcher;
    this.#delay = delay;
    this.#maxBytes = maxBytes;
    this.#onFailure = onFailure;
  }

  /**
   * Takes whole frames, all of them for `merge`.
   *
   * @throws DeltaError (as a rejection) of the merge; BUFFER_FULL if a stream is too long to be held
   */
  async add(frames: Uint8Array): Promise<void> {
    await this.#merging;
    let from = 0;
    for (let at = 0; at < frames.length; at += frameLength(frames, at)!) {
      const kind = frames[at + 8]!;
      if ((kind & OPERATION_MASK) === 0) {
        this.#hold(frames.slice(from, at));
        await this.end();
        from = at;
      } else {
        this.#count++;
        this.#linked ||= (kind & LINKED) === LINKED;
      }
    }
    this.#hold(frames.slice(from));
    const fresh = this.#bytes - this.#mergedBytes;
    if (!this.#linked || fresh >= Math.max(MERGE_BYTES, this.#mergedBytes)) {
      await this.#merge();
    } else {
      this.#timer ??= setTimeout(
        () => {
          this.#timer = undefined;
          this.#merging = this.#merge().catch(this.#onFailure);
        },
        Math.max(this.#delay, PATIENCE * this.#took),
      );
    }
  }

  /** Merges what is left; what comes then is another stream. */
  async end(): Promise<void> {
    await this.#merging;
    await this.#merge();
    this.drop();
    this.#lost = false;
  }

  /** Forgets what is held. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#frames = [];
    this.#bytes = 0;
    this.#mergedBytes = 0;
    this.#count = 0;
    this.#took = 0;
    this.#linked = false;
  }

  #hold(frames: Uint8Array): void {
    this.#frames.push(frames);
    this.#bytes += frames.length;
    if (this.#bytes > this.#maxBytes) {
      throw new DeltaError(
        "BUFFER_FULL",
        `a replica's stream has more than maxStreamBytes, ${this.#maxBytes}: send several shorter ones`,
      );
    }
  }

  async #merge(): Promise<void> {
    const fresh = this.#bytes - this.#mergedBytes;
    if (fresh === 0) {
      return;
    }
    const count = this.#count;
    this.#count = 0;
    this.#mergedBytes = this.#bytes;
    if (this.#lost) {
      this.#batcher.lose(count);
      return;
    }
    const all = this.#frames.length === 1 ? this.#frames[0]! : joined(this.#frames);
    this.#frames = [all];
    const began = performance.now();
    const done = await this.#batcher.merge(all, count, undefined, fresh);
    this.#took = performance.now() - began;
    if (!done) {
      this.#lost = this.#linked;
    }
    if (!done || !this.#linked) {
      this.drop();
    }
  }
}
