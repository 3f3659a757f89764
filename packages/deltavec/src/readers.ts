import { DeltaError } from "./errors.ts";
import { evict } from "./gate.ts";
import { onEnd } from "./life.ts";
import { type PackedHits, READY, type ReaderAnswer, type ReaderRequest } from "./reader.ts";
import type { WorkerLike } from "./remote.ts";
import { type Answer, decodeError } from "./remote-protocol.ts";
import type { SearchOptions, SearchResult } from "./types.ts";
import { type Death, keepAlive, onDeath } from "./worker-host.ts";

/** Queries that are sent at a time: enough to make the message cheap, few enough that readers end together. */
const LEAST_CHUNK = 8;
const MOST_CHUNK = 128;
/** Parts that the queries of a batch are cut into for each reader. */
const CHUNKS_EACH = 4;
/** Chunks that a reader has at a time, so that it need not wait for the next. */
const LANES = 2;

/** One reader's worker, seen from outside. */
export class ReaderClient {
  readonly worker: WorkerLike;
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, (hits: PackedHits | undefined) => void>();
  #last = READY;
  /** Fulfilled when it can be asked, rejected if it died before or could not be made. */
  readonly ready: Promise<void>;

  /**
   * @param worker - runs the package's worker script, and was told what to read
   * @param port - the port that it was given the other end of
   * @param life - the name that its worker lives by, where it cannot be seen otherwise that it has died
   * @param died - called when the worker has died
   */
  constructor(
    worker: WorkerLike,
    port: MessagePort,
    life: string | undefined,
    died: (reader: ReaderClient) => void,
  ) {
    this.worker = worker;
    this.#port = port;
    let failed!: (error: unknown) => void;
    this.ready = new Promise((resolve, reject) => {
      this.#waiting.set(READY, () => resolve());
      failed = reject;
    });
    const end = ({ why, cause }: Omit<Death, "unloaded">): void => {
      failed(new DeltaError("CLOSED", `a reader's worker has died: ${why}`, { cause }));
      died(this);
      this.close(); // a page's worker lives on after an error
    };
    onDeath(worker, end);
    port.onmessage = ({ data }: MessageEvent<ReaderAnswer | readonly Answer[]>) => {
      if (!("id" in data)) {
        failed(decodeError(data[0][2])); // it could not be made
        return;
      }
      if (life !== undefined && data.lives) {
        onEnd(life, () => end({ why: "it was terminated", cause: undefined }));
      }
      this.#settle(data);
    };
    keepAlive(true, worker, port);
  }

  /** How many questions are open. */
  get load(): number {
    return this.#waiting.size;
  }

  /** Asks; undefined if there is no answer to be had from this reader. */
  ask(question: Omit<ReaderRequest, "id">): Promise<PackedHits | undefined> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      keepAlive(true, this.worker, this.#port);
      try {
        this.#port.postMessage({ ...question, id } satisfies ReaderRequest, [question.rows.buffer]);
      } catch {
        this.#settle({ id, hits: undefined }); // an option that cannot be posted
      }
    });
  }

  /** Ends the worker. Who waits for answers gets none. */
  close(): void {
    this.worker.terminate();
    this.#giveUp();
  }

  #settle({ id, hits }: ReaderAnswer): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) {
      keepAlive(false, this.worker, this.#port);
    }
    resolve?.(hits);
  }

  #giveUp(): void {
    this.#port.close();
    for (const id of [...this.#waiting.keys()]) {
      this.#settle({ id, hits: undefined });
    }
  }
}

/** What a search is called with, in copies. */
export interface Question {
  readonly rows: Float32Array<ArrayBuffer>;
  readonly k: number;
  readonly options: SearchOptions | undefined;
}

/** The readers of one database: who is free is asked; batches are dealt out to all. */
export class Readers {
  readonly #clients: ReaderClient[] = [];
  readonly #gate: Int32Array;
  readonly #dimensions: number;
  #closed = false;

  /**
   * @param gate - the words of the gate that the readers go through
   * @param dimensions - of the database
   */
  constructor(gate: Int32Array, dimensions: number) {
    this.#gate = gate;
    this.#dimensions = dimensions;
  }

  /** How many live. */
  get count(): number {
    return this.#clients.length;
  }

  /**
   * Adds a reader.
   *
   * @param reader - its number at the gate
   * @param worker - whose it is
   * @param port - the port to it
   * @param life - as of {@link ReaderClient}
   */
  async add(
    reader: number,
    worker: WorkerLike,
    port: MessagePort,
    life: string | undefined,
  ): Promise<void> {
    const client = new ReaderClient(worker, port, life, (dead) => {
      const at = this.#clients.indexOf(dead);
      if (at >= 0) {
        this.#clients.splice(at, 1);
      }
      if (!this.#closed) {
        evict(this.#gate, reader); // the writer would wait for it
      }
    });
    this.#clients.push(client);
    await client.ready;
  }

  /**
   * Makes a question of what a search is called with, which is read at once.
   *
   * @param queries - one or many
   * @returns undefined if it is not for readers, but for the database itself, as it is wrong or has a function as filter
   */
  question(
    queries: unknown,
    many: boolean,
    k: number,
    options: SearchOptions | undefined,
  ): Question | undefined {
    const rows = this.#rows(many ? queries : [queries]);
    if (this.count === 0 || rows === undefined) {
      return undefined;
    }
    try {
      return { rows, k, options: structuredClone(options) };
    } catch {
      return undefined; // a function
    }
  }

  /**
   * Searches; the queries are dealt out to all readers.
   *
   * @param before - what the search must see
   * @returns the hits of each query; undefined if some got no answer: the database itself is to be asked
   */
  async search(
    { rows, k, options }: Question,
    before: Promise<void> | undefined,
  ): Promise<SearchResult[][] | undefined> {
    await before;
    const dimensions = this.#dimensions;
    const clients = this.#clients.toSorted((a, b) => a.load - b.load);
    const count = rows.length / dimensions;
    const share = Math.ceil(count / (clients.length * CHUNKS_EACH));
    const chunk = Math.max(LEAST_CHUNK, Math.min(MOST_CHUNK, share));
    const parts: SearchResult[][][] = [];
    let next = 0;
    let failed = clients.length === 0;
    const lane = async (client: ReaderClient): Promise<void> => {
      while (next < count && !failed) {
        const from = next;
        const n = Math.min(chunk, count - from);
        next += n;
        const part = rows.slice(from * dimensions, (from + n) * dimensions);
        const hits = await client.ask({ rows: part, count: n, k, options });
        if (hits === undefined) {
          failed = true;
        } else {
          parts[from] = unpack(hits);
        }
      }
    };
    await Promise.all(Array.from({ length: LANES }, () => clients.map(lane)).flat());
    return failed ? undefined : parts.flat();
  }

  /** Ends all readers. */
  close(): void {
    this.#closed = true;
    for (const client of this.#clients.splice(0)) {
      client.close();
    }
  }

  #isQuery(query: unknown): query is Float32Array {
    return query instanceof Float32Array && query.length === this.#dimensions;
  }

  /** Returns a block of queries as it is usual; undefined for anything else. */
  #rows(queries: unknown): Float32Array<ArrayBuffer> | undefined {
    if (queries instanceof Float32Array) {
      return queries.length > 0 && queries.length % this.#dimensions === 0
        ? queries.slice()
        : undefined;
    }
    const list: unknown[] = Array.isArray(queries) ? Array.from(queries) : []; // has no holes
    if (list.length === 0 || !list.every((query) => this.#isQuery(query))) {
      return undefined;
    }
    const rows = new Float32Array(list.length * this.#dimensions);
    list.forEach((query, i) => {
      rows.set(query, i * this.#dimensions);
    });
    return rows;
  }
}

function unpack({ counts, ids, scores }: PackedHits): SearchResult[][] {
  let at = 0;
  return Array.from(counts, (count) =>
    Array.from({ length: count }, () => ({ id: ids[at], score: scores[at++] })),
  );
}
