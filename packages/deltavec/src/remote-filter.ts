import type { Connection, Scope } from "./connection.ts";
import { describe, invalid } from "./errors.ts";
import { CANDIDATES, type Candidates } from "./remote-protocol.ts";
import type { FilterFunction, SearchOptions, SearchResult } from "./types.ts";

/** How many times as many hits are asked for if none passed, and the least otherwise; see search.ts. */
const NONE_FACTOR = 4;
const LEAST_FACTOR = 2;
const NEXT_FACTOR = 1.5;
/** Over this part of all vectors, all of them are asked for. */
const ALL_PART = 0.25;
const MAX_EF = 10_000;

/**
 * A search with a function as filter: the worker, which cannot call it, gives hits and their metadata, more and more until
 * enough of these pass or there are no more. The function is called here, at most once for each vector.
 */
export class RemoteFilter {
  readonly #connection: Connection;
  readonly #scope: Scope | undefined;
  readonly #test: FilterFunction;
  readonly #options: SearchOptions;
  readonly #efSearch: number;
  readonly #verdicts = new Map<string, boolean>();
  /** Metadata of vectors that the function was not asked about yet. */
  readonly #metadata = new Map<string, string>();
  /** Number of the first call: with it the worker remembers what metadata it has sent. */
  #first: number | undefined;

  /**
   * @param options - without the filter
   * @param efSearch - what the database keeps of candidates by itself
   */
  constructor(
    connection: Connection,
    scope: Scope | undefined,
    test: FilterFunction,
    options: SearchOptions,
    efSearch: number,
  ) {
    this.#connection = connection;
    this.#scope = scope;
    this.#test = test;
    this.#options = options;
    this.#efSearch = options.efSearch ?? efSearch;
  }

  /** Searches for one query. */
  async one(query: Float32Array, k: number): Promise<SearchResult[]> {
    const copy = structuredClone(query); // as it is now: more than one message is to come
    return (await this.#run([copy], k, () => this.#ask(false, copy, k, this.#options, false)))[0];
  }

  /** Searches for many queries; all are checked before the function is called. */
  async batch(
    queries: readonly Float32Array[] | Float32Array,
    k: number,
    dimensions: number,
  ): Promise<SearchResult[][]> {
    const copies = structuredClone(queries);
    return this.#run(toRows(copies, dimensions), k, () =>
      this.#ask(true, copies, k, this.#options, false),
    );
  }

  async #run(
    queries: readonly Float32Array[],
    k: number,
    begin: () => Promise<Candidates>,
  ): Promise<SearchResult[][]> {
    try {
      const first = await begin();
      const results: SearchResult[][] = [];
      for (let i = 0; i < first.hits.length; i++) {
        results.push(await this.#go(queries[i], k, first.hits[i], first.size));
      }
      return results;
    } finally {
      if (this.#first !== undefined) {
        this.#connection.cancel(this.#first, undefined);
      }
    }
  }

  /** Asks for more and more hits of one query. */
  async #go(
    query: Float32Array,
    k: number,
    first: readonly SearchResult[],
    count: number,
  ): Promise<SearchResult[]> {
    let wanted = k;
    let hits = first;
    let size = count;
    for (let all = false; ; ) {
      const passed: SearchResult[] = [];
      let tested = 0;
      for (const hit of hits) {
        tested++;
        if (this.#passes(hit.id) && passed.push(hit) === k) {
          return passed;
        }
      }
      if (all || hits.length < wanted) {
        return passed; // there are no more
      }
      wanted = Math.ceil(
        passed.length === 0
          ? NONE_FACTOR * wanted
          : Math.max(LEAST_FACTOR * wanted, (NEXT_FACTOR * k * tested) / passed.length),
      );
      all = wanted > size * ALL_PART;
      // What lies far behind the first hit must be found as well as that.
      const efSearch = Math.min(MAX_EF, this.#efSearch + 2 * wanted);
      const options = { ...this.#options, ...(all ? { exact: true } : { efSearch }) };
      const more = await this.#ask(false, query, wanted, options, all);
      hits = more.hits[0];
      size = more.size;
    }
  }

  async #ask(
    batch: boolean,
    queries: unknown,
    k: number,
    options: SearchOptions,
    all: boolean,
  ): Promise<Candidates> {
    const candidates = await new Promise<Candidates>((resolve, reject) => {
      const args = [this.#first, batch, queries, k, options, all];
      const part = this.#first !== undefined;
      const id = this.#connection.send(CANDIDATES, args, this.#scope, resolve, reject, [], part);
      this.#first ??= id;
    });
    candidates.hits.forEach((list, i) => {
      list.forEach(({ id }, j) => {
        const text = candidates.metadata[i][j];
        if (text !== null) {
          this.#metadata.set(id, text);
        }
      });
    });
    return candidates;
  }

  #passes(id: string): boolean {
    const seen = this.#verdicts.get(id);
    if (seen !== undefined) {
      return seen;
    }
    const text = this.#metadata.get(id);
    this.#metadata.delete(id);
    const metadata = text ? (JSON.parse(text) as Record<string, unknown>) : undefined;
    const verdict: unknown = this.#test(id, metadata);
    if (verdict instanceof Promise) {
      throw invalid(`options.filter must return a boolean, not ${describe(verdict)}`);
    }
    this.#verdicts.set(id, Boolean(verdict));
    return Boolean(verdict);
  }
}

/** Cuts queries that are given as one array; those that are wrong are refused by the worker. */
function toRows(
  queries: readonly Float32Array[] | Float32Array,
  dimensions: number,
): readonly Float32Array[] {
  return queries instanceof Float32Array
    ? Array.from({ length: Math.floor(queries.length / dimensions) }, (_, i) =>
        queries.subarray(i * dimensions, (i + 1) * dimensions),
      )
    : queries;
}
