import { describe, invalid } from "./errors.ts";
import type { Instance } from "./instance.ts";
import type { FilterFunction } from "./types.ts";

/** Rows that are read at a time. */
const ROWS_PAGE = 1024;
/** Words of a row. */
const ROW_WORDS = 5;

/**
 * What a function says of the vectors of one database, during one call of the face: the function is asked at most once for
 * each. While it runs nothing is let into the database, so that rows and hits stay where they are.
 */
export class FunctionFilter {
  readonly #instance: Instance;
  readonly #test: FilterFunction;
  /** Ids of vectors that pass, and null for those that do not, by slots. */
  readonly #seen = new Map<number, string | null>();
  #slots: Uint32Array | undefined;

  constructor(instance: Instance, test: FilterFunction) {
    this.#instance = instance;
    this.#test = test;
  }

  /**
   * Asks for one vector. Makes other output than there was, unless the function was asked before.
   *
   * @param slot - of a live vector
   * @returns its id, or null if it does not pass
   */
  pass(slot: number): string | null {
    const seen = this.#seen.get(slot);
    if (seen !== undefined) {
      return seen;
    }
    this.#instance.rows(slot, 1);
    return this.#ask(slot, this.#instance.output);
  }

  /** Returns the slots of all vectors that pass, ascending; asks for all. */
  slots(): Uint32Array {
    this.#slots ??= Uint32Array.from(this.#all());
    return this.#slots;
  }

  /** Whether all vectors have been asked for. */
  get complete(): boolean {
    return this.#slots !== undefined;
  }

  #all(): number[] {
    const instance = this.#instance;
    const passed: number[] = [];
    for (let next = 0; next >= 0; ) {
      const count = instance.rows(next, ROWS_PAGE);
      next = instance.next;
      let row = instance.output;
      for (let i = 0; i < count; i++, row += ROW_WORDS) {
        const slot = instance.words[row];
        const seen = this.#seen.get(slot);
        if ((seen === undefined ? this.#ask(slot, row) : seen) !== null) {
          passed.push(slot);
        }
      }
    }
    return passed;
  }

  /** Calls the function for a row that is there. */
  #ask(slot: number, row: number): string | null {
    const instance = this.#instance;
    const { words } = instance;
    const id = instance.text(words[row + 1], words[row + 2]);
    const address = words[row + 3];
    const metadata =
      address === 0
        ? undefined
        : (JSON.parse(instance.text(address, words[row + 4])) as Record<string, unknown>);
    let verdict: unknown;
    instance.beginReading();
    try {
      verdict = this.#test(id, metadata);
    } finally {
      instance.endReading();
    }
    if (verdict instanceof Promise) {
      throw invalid(`options.filter must return a boolean, not ${describe(verdict)}`);
    }
    const passed = verdict ? id : null;
    this.#seen.set(slot, passed);
    return passed;
  }
}
