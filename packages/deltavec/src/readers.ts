import { DeltaError } from "./errors.ts";
import { evict } from "./gate.ts";
import { type PackedHits, READY, type ReaderAnswer, type ReaderRequest } from "./reader.ts";
import type { WorkerLike } from "./remote.ts";
import type { SearchOptions, SearchResult } from "./types.ts";
import { type Death, onDeath } from "./worker-host.ts";

/** Queries that are sent at a time: enough to make the message cheap, few enough that readers end together. */
const LEAST_CHUNK = 8;
const MOST_CHUNK = 128;
/** Parts that the queries of a batch are cut into for each reader. */
const CHUNKS_EACH = 4;
/** Chunks that a reader has at a time, so that it need not wait for the next. */
const LANES = 2;

/** A port of either platform. */
interface Port extends MessagePort {
  ref?(): void;
  unref?(): void;
}

/** One reader's worker, seen from outside. */
export class ReaderClient {
  readonly worker: WorkerLike;
  readonly #port: Port;
  readonly #waiting = new Map<number, (hits: PackedHits | undefined) => void>();
  #last = READY;
  /** Fulfilled when it can be asked, rejected if it died before. */
  readonly ready: Promise<void>;

  /**
   * @param worker - runs the package's worker script, and was told what to read
   * @param port - the port that it was given the other end of
   * @param died - called when the worker has died
   */
  constructor(worker: WorkerLike, port: MessagePort, died: (reader: ReaderClient) => void) {
    this.worker = worker;
    this.#port = port;
    this.ready = new Promise((resolve, reject) => {
      this.#waiting.set(READY, () => resolve());
      onDeath(worker, ({ why, cause }: Death) => {
        reject(new DeltaError("CLOSED", `a reader's worker has died: ${why}`, { cause }));
        died(this);
        this.#giveUp();
      });
    });
    port.onmessage = ({ data }: MessageEvent<ReaderAnswer>) => this.#settle(data);
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
      this.#port.ref?.(); // keeps a process alive until the answer is here
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
      this.#port.unref?.();
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
   */
  async add(reader: number, worker: WorkerLike, port: MessagePort): Promise<void> {
    const client = new ReaderClient(worker, port, (dead) => {
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
   * Searches, if this is a search for readers.
   *
   * @returns undefined if it is not, or if no reader gave an answer: the database itself is to be asked
   */
  async one(
    query: unknown,
    k: number,
    options: SearchOptions | undefined,
  ): Promise<SearchResult[] | undefined> {
    const client = this.#free();
    if (client === undefined || !this.#isQuery(query) || hasFunction(options)) {
      return undefined;
    }
    const hits = await client.ask({ rows: query.slice(), count: 1, k, options });
    return hits && unpack(hits)[0];
  }

  /** As {@link one}, for the arguments of `searchBatch`. */
  async batch(
    queries: unknown,
    k: number,
    options: SearchOptions | undefined,
  ): Promise<SearchResult[][] | undefined> {
    const rows =
      this.#clients.length === 0 || hasFunction(options) ? undefined : this.#rows(queries);
    if (rows === undefined) {
      return undefined;
    }
    const dimensions = this.#dimensions;
    const count = rows.length / dimensions;
    const share = Math.ceil(count / (this.#clients.length * CHUNKS_EACH));
    const chunk = Math.max(LEAST_CHUNK, Math.min(MOST_CHUNK, share));
    const parts: SearchResult[][][] = [];
    let next = 0;
    let failed = false;
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
    await Promise.all(
      this.#clients.flatMap((client) => Array.from({ length: LANES }, () => lane(client))),
    );
    return failed ? undefined : parts.flat();
  }

  /** Ends all readers. */
  close(): void {
    this.#closed = true;
    for (const client of this.#clients.splice(0)) {
      client.close();
    }
  }

  /** Returns the reader that has the least to do. */
  #free(): ReaderClient | undefined {
    let best = this.#clients[0];
    for (const client of this.#clients) {
      best = client.load < best.load ? client : best;
    }
    return best;
  }

  #isQuery(query: unknown): query is Float32Array {
    return query instanceof Float32Array && query.length === this.#dimensions;
  }

  /** Returns a block of queries as it is usual; undefined for anything else. */
  #rows(queries: unknown): Float32Array | undefined {
    if (queries instanceof Float32Array) {
      return queries.length > 0 && queries.length % this.#dimensions === 0
        ? queries.slice()
        : undefined;
    }
    if (
      !Array.isArray(queries) ||
      queries.length === 0 ||
      !queries.every((q) => this.#isQuery(q))
    ) {
      return undefined;
    }
    const rows = new Float32Array(queries.length * this.#dimensions);
    queries.forEach((query, i) => {
      rows.set(query, i * this.#dimensions);
    });
    return rows;
  }
}

/** Whether options have what cannot be posted. */
function hasFunction(options: SearchOptions | undefined): boolean {
  return (
    options !== undefined && (typeof options !== "object" || typeof options?.filter === "function")
  );
}

function unpack({ counts, ids, scores }: PackedHits): SearchResult[][] {
  let at = 0;
  return Array.from(counts, (count) =>
    Array.from({ length: count }, () => ({ id: ids[at], score: scores[at++] })),
  );
}
