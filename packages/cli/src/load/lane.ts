import type { Item } from "./item.ts";
import { Refusal, type Service } from "./service.ts";

/** The most bytes of a request, but for a single delta. */
const MAX_BYTES = 4 << 20;

/**
 * Sends the deltas of some vectors, in their order: one request at a time, while the next batch is collected. What has no id yet
 * is numbered, so that the service takes it once.
 */
export class Lane {
  readonly #service: Service;
  readonly #client: string;
  readonly #batch: number;
  readonly #onSent: (deltas: number, bytes: number) => void;
  #waiting: Item[] = [];
  #bytes = 0;
  #flight: Promise<void> | undefined;
  #sequence: number;
  #acknowledged: number;
  #skip: number;

  /**
   * @param client - name of its own
   * @param batch - deltas of a request at most
   * @param begin - which delta of the lane comes first, from 0; and how many before it had no id
   * @param sent - how many the service has already
   */
  constructor(
    service: Service,
    client: string,
    batch: number,
    begin: { readonly read: number; readonly numbered: number },
    sent: number,
    onSent: (deltas: number, bytes: number) => void,
  ) {
    this.#service = service;
    this.#client = client;
    this.#batch = batch;
    this.#acknowledged = begin.read;
    this.#sequence = begin.numbered + 1;
    this.#skip = sent - begin.read;
    this.#onSent = onSent;
  }

  /** Deltas that the service has. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Takes a delta; waits where two batches are under way. */
  async push(item: Item): Promise<void> {
    if (this.#skip > 0) {
      this.#skip--;
      this.#acknowledged++;
      this.#sequence += item.identified ? 0 : 1;
      return;
    }
    const last = this.#waiting.at(-1);
    if (
      last !== undefined &&
      (this.#waiting.length === this.#batch ||
        this.#bytes + item.frame.length > MAX_BYTES ||
        last.identified !== item.identified)
    ) {
      await this.#send();
    }
    this.#waiting.push(item);
    this.#bytes += item.frame.length;
  }

  /** Sends what is left, and waits for all. */
  async end(): Promise<void> {
    await this.#send();
    await this.#flight;
  }

  /** Waits for the request under way, however it ends. */
  async settled(): Promise<void> {
    await this.#flight?.catch(() => {});
  }

  /** Waits for the request before, and begins one with all that waits. */
  async #send(): Promise<void> {
    await this.#flight;
    if (this.#waiting.length > 0) {
      const items = this.#waiting;
      this.#waiting = [];
      this.#bytes = 0;
      this.#flight = this.#post(items);
      this.#flight.catch(() => {}); // whoever waits for it is told
    }
  }

  async #post(items: readonly Item[]): Promise<void> {
    const frames = new Uint8Array(Buffer.concat(items.map(({ frame }) => frame)));
    const numbered = items[0]!.identified ? 0 : items.length;
    try {
      await this.#service.post(
        frames,
        numbered === 0
          ? {}
          : { "deltavec-client": this.#client, "deltavec-sequence": String(this.#sequence) },
      );
    } catch (error) {
      const offending = error instanceof Refusal && items[error.index ?? -1];
      throw offending
        ? new Refusal(
            error.code,
            `${error.message.slice(error.code.length + 2)} (${offending.place})`,
          )
        : error;
    }
    this.#sequence += numbered;
    this.#acknowledged += items.length;
    this.#onSent(items.length, frames.length);
  }
}
