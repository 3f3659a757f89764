import { DeltaError, describe, invalid } from "./errors.ts";
import { filterText, MAX_FILTER_BYTES, tooLong } from "./filter.ts";
import { toFloats } from "./frame.ts";
import { FunctionFilter } from "./function-filter.ts";
import { EXACT, FILTER_SLOTS, type Instance, METRIC_SHIFT } from "./instance.ts";
import { METRICS, one } from "./options.ts";
import { writeUtf8 } from "./text.ts";
import type { FilterFunction, SearchOptions, SearchResult } from "./types.ts";

/** The most hits that can be asked for by a number of 32 bits. */
const MAX_K = 0x7fff_ffff;
const MAX_EF = 10_000;
/** Words of a hit. */
const HIT_WORDS = 4;
/** For a function as filter, so many times as many hits as are wanted, and so many more, are asked for at first. */
const FIRST_FACTOR = 3;
const FIRST_MORE = 8;
/** How many times as many as the share of those that passed says are asked for next. */
const NEXT_FACTOR = 1.5;
/** How many times as many are asked for if none passed, and the least otherwise. */
const NONE_FACTOR = 4;
const LEAST_FACTOR = 2;
/** Over this part of all vectors, asking the function for all of them costs no more than a search for so many. */
const ALL_PART = 0.25;

/** What of search options the module takes, and the filter. */
interface Plan {
  /** 0 for the database's own. */
  readonly efSearch: number;
  readonly mode: number;
  readonly filter: string | FilterFunction | undefined;
}

const PLAIN: Plan = { efSearch: 0, mode: 0, filter: undefined };

/** The searches of one database: checks what is asked for, puts it into the input buffer and reads hits. */
export class Search {
  readonly #instance: Instance;
  readonly #dimensions: number;
  readonly #efSearch: number;

  /**
   * @param dimensions - of the database
   * @param efSearch - what the database keeps of candidates by itself
   */
  constructor(instance: Instance, dimensions: number, efSearch: number) {
    this.#instance = instance;
    this.#dimensions = dimensions;
    this.#efSearch = efSearch;
  }

  /** `DeltaVectorDB.search`. */
  one(query: Float32Array, k: number, options: SearchOptions | undefined): SearchResult[] {
    const instance = this.#instance;
    if (options === undefined) {
      const most = this.#put(query, k, 0);
      return this.#hits(instance.search(this.#dimensions, most, 0, 0, 0));
    }
    instance.check();
    const plan = this.#plan(options);
    const most = this.#put(query, k, reserved(plan));
    return this.#runner(plan)(most);
  }

  /** `DeltaVectorDB.searchAt`. */
  at(query: Float32Array, k: number, time: number): SearchResult[] {
    const most = this.#put(query, k, 0);
    return this.#hits(this.#instance.searchAt(this.#dimensions, most, time));
  }

  /** `DeltaVectorDB.searchBatch`. */
  batch(
    queries: readonly Float32Array[] | Float32Array,
    k: number,
    options: SearchOptions | undefined,
  ): SearchResult[][] {
    const instance = this.#instance;
    const dimensions = this.#dimensions;
    instance.check();
    const plan = options === undefined ? PLAIN : this.#plan(options);
    const rows = this.#rows(queries);
    const most = hits(k);
    const results: SearchResult[][] = [];
    let run: ((k: number) => SearchResult[]) | undefined;
    for (let start = 0; start < rows.length; start += dimensions) {
      const row = rows.subarray(start, start + dimensions);
      if (run === undefined) {
        this.#put(row, most, reserved(plan));
        run = this.#runner(plan);
      } else {
        instance.floats.set(row, instance.input >>> 2);
      }
      results.push(run(most));
    }
    return results;
  }

  /**
   * Puts the filter behind the query that is in the input buffer. Returns what searches for that query, and for any that
   * takes its place.
   */
  #runner({ efSearch, mode, filter }: Plan): (k: number) => SearchResult[] {
    const instance = this.#instance;
    const dimensions = this.#dimensions;
    if (typeof filter === "function") {
      const functionFilter = new FunctionFilter(instance, filter);
      return (k) => this.#filtered(k, efSearch, mode, functionFilter);
    }
    const bytes = filter === undefined ? 0 : this.#putText(filter);
    return (k) => this.#hits(instance.search(dimensions, k, efSearch, mode, bytes));
  }

  /**
   * Searches with a function as filter, which the core cannot call: for more and more, until enough of what comes pass. As
   * soon as that would take a large part of all vectors, because few pass or few of those nearby, the function is asked for
   * all of them, and the core searches among those that passed.
   */
  #filtered(k: number, efSearch: number, mode: number, filter: FunctionFilter): SearchResult[] {
    const instance = this.#instance;
    const all = instance.size;
    let wanted = FIRST_FACTOR * k + FIRST_MORE;
    while (!filter.complete && wanted <= all * ALL_PART) {
      // What lies far behind the first hit must be found as well as that.
      const ef = Math.min(MAX_EF, (efSearch || this.#efSearch) + 2 * wanted);
      const found = this.#slots(instance.search(this.#dimensions, wanted, ef, mode, 0));
      const passed: SearchResult[] = [];
      let tested = 0;
      for (const [slot, score] of found) {
        tested++;
        const id = filter.pass(slot);
        if (id !== null && passed.push({ id, score }) === k) {
          return passed;
        }
      }
      wanted = Math.ceil(
        passed.length === 0
          ? NONE_FACTOR * wanted
          : Math.max(LEAST_FACTOR * wanted, (NEXT_FACTOR * k * tested) / passed.length),
      );
    }
    const slots = filter.slots();
    if (slots.length === 0) {
      return [];
    }
    const bytes = this.#putSlots(slots);
    return this.#hits(instance.search(this.#dimensions, k, efSearch, mode | FILTER_SLOTS, bytes));
  }

  /** Checks options; the query is not in the input buffer yet, as they may have getters. */
  #plan(options: SearchOptions): Plan {
    // Lists have a method of the name filter.
    if (typeof options !== "object" || options === null || Symbol.iterator in options) {
      throw invalid(`options must be an object, not ${describe(options)}`);
    }
    const { efSearch, filter, metric, exact = false } = options;
    if (
      efSearch !== undefined &&
      !(Number.isInteger(efSearch) && efSearch >= 1 && efSearch <= MAX_EF)
    ) {
      throw invalid(
        `options.efSearch must be a whole number from 1 to ${MAX_EF}, not ${describe(efSearch)}`,
      );
    }
    if (typeof exact !== "boolean") {
      throw invalid(`options.exact must be a boolean, not ${describe(exact)}`);
    }
    const number =
      metric === undefined ? 0 : METRICS.indexOf(one("options.metric", METRICS, metric)) + 1;
    const plan = {
      efSearch: efSearch ?? 0,
      mode: (exact ? EXACT : 0) | (number << METRIC_SHIFT),
      filter:
        filter === undefined || typeof filter === "function"
          ? filter
          : filterText(filter, "options.filter"),
    };
    this.#instance.check(); // the options may have had getters
    return plan;
  }

  /**
   * Checks a query and puts it at the start of the input buffer, with room for `more` bytes behind it. Returns the number
   * of hits to ask for.
   */
  #put(query: Float32Array, k: number, more: number): number {
    const instance = this.#instance;
    instance.check();
    let floats = query instanceof Float32Array && query.length > 0 ? query : this.#listed(query);
    const most = hits(k);
    if (floats.length !== this.#dimensions) {
      throw this.#mismatch("the query", floats.length);
    }
    const bytes = 4 * floats.length + more;
    if (bytes > instance.inputBytes) {
      if (floats.buffer === instance.bytes.buffer) {
        floats = floats.slice(); // a view on a vector, about to be cut off
      }
      instance.grow(bytes, 0);
    }
    instance.floats.set(floats, instance.input >>> 2);
    return most;
  }

  /** Puts a filter as JSON behind the query. Returns its bytes. */
  #putText(text: string): number {
    const instance = this.#instance;
    const bytes = writeUtf8(instance.bytes, instance.input + 4 * this.#dimensions, text);
    if (bytes > MAX_FILTER_BYTES) {
      throw tooLong("options.filter");
    }
    return bytes;
  }

  /** Puts slots behind the query. Returns their bytes. */
  #putSlots(slots: Uint32Array): number {
    const instance = this.#instance;
    const used = 4 * this.#dimensions;
    const bytes = used + slots.byteLength;
    if (bytes > instance.inputBytes) {
      instance.grow(bytes, used);
    }
    instance.words.set(slots, (instance.input + used) >>> 2);
    return slots.byteLength;
  }

  /** Returns a query given as another kind of list. */
  #listed(query: unknown): Float32Array {
    const floats = toFloats(query);
    if (typeof floats === "string") {
      throw invalid(`query ${floats}`);
    }
    this.#instance.check(); // the list may have had getters
    return floats;
  }

  /** Returns a checked copy of queries, one behind the other. */
  #rows(queries: readonly Float32Array[] | Float32Array): Float32Array {
    const dimensions = this.#dimensions;
    const rows = Array.isArray(queries) ? this.#joined(queries) : toRows(queries);
    if (rows.length % dimensions !== 0) {
      throw new DeltaError(
        "DIMENSION_MISMATCH",
        `queries have ${rows.length} values, which is no multiple of ${dimensions}`,
      );
    }
    this.#instance.check(); // the lists may have had getters
    for (let i = 0; i < rows.length; i++) {
      if (!Number.isFinite(rows[i])) {
        const index = Math.floor(i / dimensions);
        const message = `query ${index}: value ${i % dimensions} is not finite`;
        throw new DeltaError("NOT_FINITE", message, { index });
      }
    }
    return rows;
  }

  #joined(queries: readonly unknown[]): Float32Array {
    const dimensions = this.#dimensions;
    const lists: Float32Array[] = [];
    for (let i = 0; i < queries.length; i++) {
      const query = queries[i];
      const floats = query instanceof Float32Array && query.length > 0 ? query : toFloats(query);
      if (typeof floats === "string") {
        throw invalid(`query ${i} ${floats}`, { index: i });
      }
      if (floats.length !== dimensions) {
        throw this.#mismatch(`query ${i}`, floats.length, i);
      }
      lists.push(floats);
    }
    const rows = new Float32Array(dimensions * lists.length);
    lists.forEach((floats, i) => {
      rows.set(floats, i * dimensions);
    });
    return rows;
  }

  #mismatch(what: string, length: number, index?: number): DeltaError {
    return new DeltaError(
      "DIMENSION_MISMATCH",
      `${what} has ${length} values, not ${this.#dimensions}`,
      index === undefined ? {} : { index },
    );
  }

  /** Returns the hits that the output has. */
  #hits(count: number): SearchResult[] {
    const instance = this.#instance;
    const found: SearchResult[] = [];
    const words = instance.words;
    const scores = instance.floats;
    let record = instance.output;
    for (let i = 0; i < count; i++, record += HIT_WORDS) {
      found.push({
        id: instance.text(words[record + 1], words[record + 2]),
        score: scores[record],
      });
    }
    return found;
  }

  /** Returns slots and scores of the hits that the output has. */
  #slots(count: number): [slot: number, score: number][] {
    const { words, floats, output } = this.#instance;
    return Array.from({ length: count }, (_, i) => {
      const record = output + HIT_WORDS * i;
      return [words[record + 3], floats[record]];
    });
  }
}

/** Checks how many hits are wanted. Returns it, or the most that can be asked for. */
function hits(k: number): number {
  if (!Number.isInteger(k) || k < 1) {
    throw invalid(`k must be a whole number of 1 or more, not ${describe(k)}`);
  }
  return Math.min(k, MAX_K);
}

/** Returns the bytes that a plan's filter may need. */
function reserved({ filter }: Plan): number {
  return typeof filter === "string" ? 3 * filter.length : 0;
}

function toRows(queries: unknown): Float32Array {
  const whole = queries instanceof Float32Array && queries.length > 0;
  const rows = whole ? queries.slice() : toFloats(queries);
  if (typeof rows === "string") {
    throw invalid(`queries ${rows.replace("must be", "must be an array of Float32Array or")}`);
  }
  return rows;
}
