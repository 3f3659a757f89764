import { DeltaError } from "./errors.ts";
import { ReaderGate } from "./gate.ts";
import { Instance } from "./instance.ts";
import { openOptions } from "./options.ts";
import { relaxShared } from "./relaxed.ts";
import { Search } from "./search.ts";
import { sharedBuild } from "./shared-build.ts";
import type { ResolvedDeltaDBOptions, SearchOptions } from "./types.ts";

/** What a reader is made from: the writer's module and memory, and its own place at the gate. */
export interface ReaderStart {
  /** The shared build. */
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Address of the writer's database. */
  readonly root: number;
  readonly options: ResolvedDeltaDBOptions;
  /** The words of the gate. */
  readonly gate: Int32Array;
  /** This reader's number at the gate, from 0. */
  readonly reader: number;
}

/** The hits of many queries, in a form that costs little to send. */
export interface PackedHits {
  /** How many hits each query has. */
  readonly counts: Uint32Array<ArrayBuffer>;
  /** The hits' ids, query by query. */
  readonly ids: readonly string[];
  readonly scores: Float32Array<ArrayBuffer>;
}

/**
 * Searches a database that another worker writes, in the same memory. For each query it goes through the gate, which keeps
 * the writer out meanwhile: so it sees what was there when it entered, whole, and all of it that was written before.
 */
export class Reader {
  readonly #instance: Instance;
  readonly #search: Search;
  readonly #gate: ReaderGate;
  #root = 0;

  /** @throws DeltaError OUT_OF_MEMORY */
  constructor({ module, memory, root, options, gate, reader }: ReaderStart) {
    this.#instance = new Instance(
      module,
      { ...openOptions(options), recallSampleRate: 0, reservedBytes: 0 },
      { memory, root },
    );
    this.#search = new Search(this.#instance, options.dimensions, options.hnswEfSearch);
    this.#gate = new ReaderGate(gate, reader);
  }

  /**
   * Searches for queries, one behind the other.
   *
   * @param rows - their values
   * @param count - how many queries there are
   * @param options - as of `DeltaVectorDB.search`, but no function as filter
   * @throws DeltaError as `DeltaVectorDB.search`; CLOSED if the writer took this reader for dead, or is no more
   */
  search(
    rows: Float32Array,
    count: number,
    k: number,
    options: SearchOptions | undefined,
  ): PackedHits {
    const ids: string[] = [];
    const scores: number[] = [];
    const counts = new Uint32Array(count);
    const floats = rows.length / count;
    for (let i = 0; i < count; i++) {
      const row = rows.subarray(i * floats, (i + 1) * floats);
      if (!this.#gate.enter()) {
        throw new DeltaError("CLOSED", "the database is closed");
      }
      let left = false;
      try {
        if (this.#gate.root !== this.#root) {
          this.#root = this.#gate.root;
          this.#instance.attach(this.#root);
        }
        const hits = this.#search.one(row, k, options);
        counts[i] = hits.length;
        for (const { id, score } of hits) {
          ids.push(id);
          scores.push(score);
        }
      } finally {
        left = this.#gate.leave();
      }
      if (!left) {
        throw new DeltaError("CLOSED", "this reader was taken for dead");
      }
    }
    return { counts, ids, scores: Float32Array.from(scores) };
  }
}

/** What a reader is asked: queries one behind the other, as {@link Reader.search} takes them. */
export interface ReaderRequest {
  readonly id: number;
  readonly rows: Float32Array<ArrayBuffer>;
  readonly count: number;
  readonly k: number;
  readonly options: SearchOptions | undefined;
}

/** What it answers. Without hits: it could not, and whoever can tell why is to be asked. */
export interface ReaderAnswer {
  readonly id: number;
  readonly hits: PackedHits | undefined;
  /** With the first one: whether the worker lives by the name that it was given (life.ts). */
  readonly lives?: boolean;
}

/** The number that a reader's first answer has: that it is ready. */
export const READY = 0;

/** Makes a reader that answers what comes by a port. */
export function serveReader(start: ReaderStart, port: MessagePort, lives: boolean): void {
  relaxShared(sharedBuild);
  const reader = new Reader(start);
  port.onmessage = ({ data }: MessageEvent<ReaderRequest>) => {
    const { id, rows, count, k, options } = data;
    let hits: PackedHits | undefined;
    try {
      hits = reader.search(rows, count, k, options);
    } catch {
      // The writer finds the same wrong with it, and says so; or it serves it.
    }
    const transfer = hits === undefined ? [] : [hits.counts.buffer, hits.scores.buffer];
    port.postMessage({ id, hits } satisfies ReaderAnswer, transfer);
  };
  port.postMessage({ id: READY, hits: undefined, lives } satisfies ReaderAnswer);
}
