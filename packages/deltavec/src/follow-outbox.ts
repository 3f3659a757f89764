import { DeltaError } from "./errors.ts";
import { Busy, type Gateway, Refused } from "./follow-gateway.ts";
import {
  countFrames,
  type Followed,
  type OwnDelta,
  readSingle,
  readUnsent,
} from "./follow-parts.ts";
import type { OwnReplica } from "./follow-state.ts";
import type { FollowConflict } from "./follow-types.ts";
import { START_BYTES, split } from "./seen.ts";
import { Lost } from "./source-kit.ts";

/** The most deltas of a request, and about how many bytes. */
const MOST_DELTAS = 1000;
const MOST_BYTES = 1_048_576;
/** So many are tried after one was refused. */
const FEW = 8;
/** Answers that are about what was sent, and not about who sent it. */
const OF_CONTENT: readonly number[] = [400, 413, 415];
const NO_BYTES = new Uint8Array();

/** What an outbox works with. */
export interface OutboxHost {
  readonly db: Followed;
  readonly gateway: Gateway;
  readonly signal: AbortSignal;
  /** To be awaited before anything is sent. */
  beforePost(): Promise<void>;
  /** The server has answered. */
  answered(): void;
  /** A delta will not be sent again. */
  refused(error: DeltaError, conflict: FollowConflict): void;
  /** A delta is older than the server takes. The outbox is closed until the database is made anew. */
  tooOld(delta: OwnDelta): void;
  /** The server does not talk to this follower. */
  trouble(error: DeltaError): void;
  /** Waits before the next attempt. */
  pause(error: Error): Promise<void>;
}

/**
 * Sends what was made here until the server has acknowledged it: in order, one request at a time. What it does not take is told, and does
 * not keep back the rest.
 */
export class Outbox {
  /** All replicas that this database was. */
  readonly own: Map<string, OwnReplica> = new Map();
  readonly #host: OutboxHost;
  #open = false;
  #running: Promise<void> | undefined;
  #woken = false;
  /** How many deltas the next request is to have, at most. */
  #limit: number;
  readonly #most: number;
  /** Those who wait for a pass that has not begun, and for the one that is under way. */
  #waiters: Waiter[] = [];
  #served: Waiter[] = [];
  /** Deltas that are not acknowledged, as of the last look. */
  pending = 0;

  constructor(host: OutboxHost) {
    this.#host = host;
    const { dimensions } = host.db.options;
    this.#most = Math.min(MOST_DELTAS, Math.ceil(MOST_BYTES / (4 * dimensions + 64)));
    this.#limit = this.#most;
  }

  /** Whether there is a connection. */
  set open(open: boolean) {
    this.#open = open;
    if (open) {
      this.wake();
    }
  }

  /** There may be something to send. */
  wake(): void {
    this.#woken = true;
    if (this.#open && this.#running === undefined) {
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
        if (this.#woken && this.#open && !this.#host.signal.aborted) {
          this.wake();
        }
      });
    }
  }

  /** Waits until the request that is under way is answered. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Waits until all that there is now is acknowledged. */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.wake();
    });
  }

  /** Nothing will be sent any more. */
  end(error: DeltaError): void {
    this.#open = false;
    for (const { reject } of [...this.#waiters.splice(0), ...this.#served.splice(0)]) {
      reject(error);
    }
  }

  /** Looks how many deltas are not acknowledged. */
  async count(): Promise<number> {
    const cursor = await this.#host.db.cursor();
    let pending = 0;
    for (const [replica, { acknowledged }] of this.own) {
      pending += Math.max(0, split(cursor, replica).last - acknowledged);
    }
    this.pending = pending;
    return pending;
  }

  async #run(): Promise<void> {
    try {
      while (this.#woken && this.#open) {
        this.#woken = false;
        this.#served.push(...this.#waiters.splice(0));
        if (await this.#pass()) {
          for (const { resolve } of this.#served.splice(0)) {
            resolve();
          }
        }
      }
    } catch (error) {
      if (!this.#host.signal.aborted) {
        this.#host.trouble(error as DeltaError);
        await this.#host.pause(error as Error);
        this.#woken = true;
      }
    }
  }

  /** Sends all that there is; tells whether it came to the end. */
  async #pass(): Promise<boolean> {
    const { db, signal } = this.#host;
    await this.count();
    for (const [replica, own] of this.own) {
      const { last } = split(await db.cursor(), replica);
      while (own.acknowledged < last) {
        if (!this.#open || signal.aborted) {
          return false;
        }
        await this.#send(replica, own, last);
      }
    }
    this.pending = 0;
    return true;
  }

  /** Sends the next deltas of a replica. */
  async #send(replica: string, own: OwnReplica, last: number): Promise<void> {
    const host = this.#host;
    const from = own.acknowledged;
    const unsent = await readUnsent(host.db, replica, from, Math.min(from + this.#limit, last));
    const { to, bytes } = unsent;
    if (bytes === undefined) {
      this.#acknowledge(own, to);
      const gone = new DeltaError(
        "HISTORY_COMPACTED",
        "a delta was compacted away before it was sent",
      );
      host.refused(gone, { reason: gone.code, vectorId: "", deltaId: "", bytes: NO_BYTES });
      return;
    }
    if (bytes.length <= START_BYTES) {
      this.#acknowledge(own, to);
      return;
    }
    if (bytes.length > 4 * MOST_BYTES && to - from > 1) {
      this.#limit = Math.max(1, Math.floor(((to - from) * MOST_BYTES) / bytes.length));
      return;
    }
    await host.beforePost();
    const before = own.attempted;
    own.attempted = Math.max(before, to);
    try {
      await host.gateway.post(bytes);
    } catch (error) {
      if (error instanceof Lost) {
        if (error instanceof Busy && error.isUntouched) {
          own.attempted = before;
        }
        await host.pause(error);
        return;
      }
      if (!(error instanceof Refused)) {
        throw error;
      }
      own.attempted = before; // all or none was taken: none
      await this.#refused(error, own, from, to, bytes);
      return;
    }
    this.#limit = Math.min(this.#most, this.#limit * 2);
    this.#acknowledge(own, to);
    host.answered();
  }

  /** Finds the delta that the server does not take. */
  async #refused(
    refusal: Refused,
    own: OwnReplica,
    from: number,
    to: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const host = this.#host;
    const { status, code, index, isGateway } = refusal;
    const count = countFrames(bytes);
    // What is not said of certain deltas, or by something else than a gateway, is no reason to give any up.
    const isOfDeltas =
      isGateway && (index !== undefined || code === "TOO_OLD" || OF_CONTENT.includes(status));
    const isTooMuch = status === 413 && count > 1;
    if (status === 401 || status === 404 || status === 405 || !(isOfDeltas || isTooMuch)) {
      host.trouble(refusal.toError());
      await host.pause(refusal);
      return;
    }
    if (count > 1) {
      // Numbers are places only where none is missing.
      const known = index !== undefined && index < count && count === to - from;
      this.#limit = Math.max(1, known ? index : Math.floor((to - from) / 2));
      return;
    }
    const delta = readSingle(bytes);
    if (code === "TOO_OLD") {
      this.#open = false;
      host.tooOld(delta);
      return;
    }
    this.#limit = FEW;
    this.#acknowledge(own, to);
    const { vectorId, deltaId } = delta;
    host.refused(refusal.toError(), { reason: code, vectorId, deltaId, bytes });
  }

  #acknowledge(own: OwnReplica, to: number): void {
    this.pending = Math.max(0, this.pending - (to - own.acknowledged));
    own.acknowledged = Math.max(to, own.acknowledged);
  }
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: DeltaError) => void;
}
