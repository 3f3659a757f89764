/** What was taken out of an {@link Inbox}: an item, or the end. */
interface Held<T> {
  readonly item: T;
  readonly size: number;
}

/**
 * What comes from a transport that pushes and was not read yet, with its size. Who puts something in learns at once whether
 * it still fits.
 */
export class Inbox<T> {
  readonly #maxSize: number;
  #held: (Held<T> | undefined)[] = [];
  #first = 0;
  #size = 0;
  #end: { readonly error: unknown } | "done" | undefined;
  #wake: (() => void) | undefined;

  /** @param maxSize - the most that is held, all sizes added up; a first item is held whatever its size */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** Whether nothing is held. */
  get empty(): boolean {
    return this.#first === this.#held.length;
  }

  /** Adds an item, unless it does not fit; then returns false. */
  put(item: T, size: number): boolean {
    if (this.#end !== undefined || (!this.empty && this.#size + size > this.#maxSize)) {
      return this.#end !== undefined;
    }
    this.#held.push({ item, size });
    this.#size += size;
    this.#wake?.();
    return true;
  }

  /** Ends it: what is held can still be taken, then comes the end, or the error. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? "done" : { error };
    this.#wake?.();
  }

  /**
   * Takes the next item, once there is one.
   *
   * @returns undefined at the end
   * @throws what it was ended with (as a rejection)
   */
  async take(): Promise<T | undefined> {
    while (this.empty) {
      if (this.#end !== undefined) {
        if (this.#end === "done") {
          return undefined;
        }
        throw this.#end.error;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const { item, size } = this.#held[this.#first]!;
    this.#held[this.#first] = undefined;
    this.#first++;
    this.#size -= size;
    if (this.empty) {
      this.#held = [];
      this.#first = 0;
    } else if (this.#first === 1024) {
      this.#held.splice(0, this.#first);
      this.#first = 0;
    }
    return item;
  }
}
