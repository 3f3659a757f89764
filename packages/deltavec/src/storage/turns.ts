/** Lets one thing be done after the other. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a function once everything before it is done, whether it went well or not. */
  run<T>(what: () => T | Promise<T>): Promise<T> {
    const mine = this.#last.then(what);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
