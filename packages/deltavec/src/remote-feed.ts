import type { Connection, Scope } from "./connection.ts";
import { NEXT, type Page } from "./remote-protocol.ts";

/**
 * An iterator that lives in the worker. Values that are ready come some at a time. It ends when the database is closed, the
 * signal is aborted, or `return` is called.
 */
export class RemoteIterator<T> implements AsyncIterableIterator<T, undefined, void> {
  readonly #connection: Connection;
  readonly #scope: Scope | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #finish: (value: T) => T;
  /** Number of the call that makes it. */
  #id = 0;
  /** Settles once it is made. */
  readonly #made: Promise<unknown>;
  /** Settles when what was asked for before is answered. */
  #last: Promise<unknown> = Promise.resolve();
  #values: readonly unknown[] = [];
  #at = 0;
  #ended = false;
  /** Number of the call that waits for values. */
  #asking = 0;
  readonly #end = (): void => {
    if (!this.#ended) {
      const connection = this.#connection;
      this.#ended = true;
      this.#values = [];
      this.#signal?.removeEventListener("abort", this.#end);
      connection.unwatch(this);
      connection.cancel(this.#asking, undefined);
      connection.cancel(this.#id, undefined);
    }
  };

  /**
   * @param method - the database's method that makes it
   * @param signal - ends it
   * @param finish - does what is to be done with each value
   */
  constructor(
    connection: Connection,
    method: string,
    args: readonly unknown[],
    scope: Scope | undefined,
    signal: AbortSignal | undefined,
    finish: (value: T) => T,
  ) {
    this.#connection = connection;
    this.#scope = scope;
    this.#signal = signal;
    this.#finish = finish;
    this.#made = new Promise((resolve, reject) => {
      this.#id = connection.send(method, args, scope, resolve, reject);
    });
    this.#made.catch(() => undefined); // is told to who asks for a value
    connection.watch(this, this.#id);
    if (signal?.aborted) {
      this.#end();
    } else {
      signal?.addEventListener("abort", this.#end);
    }
  }

  /** Returns the next value, once it is there. */
  next(): Promise<IteratorResult<T, undefined>> {
    const result = this.#last.then(() => this.#take());
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Ends the iteration, also for those who wait for a value. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #take(): Promise<IteratorResult<T, undefined>> {
    let made = false;
    try {
      await this.#made;
      made = true;
      while (!this.#ended && !this.#connection.closed) {
        if (this.#at < this.#values.length) {
          return { done: false, value: this.#finish(this.#values[this.#at++] as T) };
        }
        const { values, done } = await this.#ask();
        this.#values = values;
        this.#at = 0;
        if (done && values.length === 0) {
          break;
        }
      }
    } catch (error) {
      if (!this.#ended && !(made && this.#connection.closed)) {
        this.#end();
        throw error;
      }
    }
    this.#end();
    return { done: true, value: undefined };
  }

  #ask(): Promise<Page> {
    return new Promise((resolve, reject) => {
      this.#asking = this.#connection.send(NEXT, [this.#id], this.#scope, resolve, reject);
    });
  }
}
