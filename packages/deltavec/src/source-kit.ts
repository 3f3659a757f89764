import { DeltaError, describe, invalid, requireSignal } from "./errors.ts";
import type { StreamPart } from "./stream-types.ts";

/** A source: goes over its parts once. */
export type DeltaSource = AsyncIterableIterator<StreamPart, undefined, void>;

/** How a source connects again. */
export interface ReconnectOptions {
  /** Milliseconds before the first further attempt, about: each wait is a random part, from half to all. Default 500. */
  minDelayMs?: number;
  /** The longest wait, in milliseconds; each is twice the one before. Default 30,000. */
  maxDelayMs?: number;
  /** Failed attempts in a row after which the source fails with `DISCONNECTED`. Default 10. */
  maxAttempts?: number;
}

/** What all sources take. */
export interface SourceOptions {
  /** Ends the source, as if nothing more came. */
  signal?: AbortSignal;
}

/** What sources take whose transport can be connected again. */
export interface ConnectionOptions extends SourceOptions {
  /** Whether, and how, a lost connection is made again. Default: where that loses nothing. */
  reconnect?: boolean | ReconnectOptions;
}

/** A connection was lost. */
export class Lost extends Error {}

/**
 * Makes a source out of a generator.
 *
 * @param run - generates the parts; must end when the signal is aborted
 * @param outer - ends the source
 */
export function endable(
  run: (signal: AbortSignal) => AsyncGenerator<StreamPart, undefined, void>,
  outer: AbortSignal | undefined,
): DeltaSource {
  requireSignal(outer);
  const controller = new AbortController();
  const end = (): void => {
    outer?.removeEventListener("abort", end);
    controller.abort();
  };
  outer?.addEventListener("abort", end);
  if (outer?.aborted) {
    end();
  }
  const parts = run(controller.signal);
  return {
    async next() {
      let result: IteratorResult<StreamPart, undefined> | undefined;
      try {
        result = await parts.next();
        return result;
      } finally {
        if (result?.done !== false) {
          end();
        }
      }
    },
    return() {
      end();
      return parts.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Waits longer from failure to failure. */
export class Backoff {
  readonly #options: Required<ReconnectOptions> | undefined;
  #failures = 0;

  /**
   * @param reconnect - as given
   * @param otherwise - what holds without it
   * @param possible - whether there is anything to connect to
   */
  constructor(
    reconnect: boolean | ReconnectOptions | undefined,
    otherwise: boolean,
    possible: boolean,
  ) {
    const {
      minDelayMs = 500,
      maxDelayMs = 30_000,
      maxAttempts = 10,
    } = typeof reconnect === "object" && reconnect !== null ? reconnect : {};
    for (const [name, value] of Object.entries({ minDelayMs, maxDelayMs, maxAttempts })) {
      if (typeof value !== "number" || !(value >= 0)) {
        throw invalid(
          `option reconnect.${name} must be a number of 0 or more, not ${describe(value)}`,
        );
      }
    }
    if (possible && (reconnect ?? otherwise)) {
      this.#options = { minDelayMs, maxDelayMs, maxAttempts };
    }
  }

  /** Notes that a connection works. */
  reset(): void {
    this.#failures = 0;
  }

  /**
   * Waits before the next attempt; returns early if the signal is aborted.
   *
   * @throws DeltaError DISCONNECTED (as a rejection) if there is to be none
   */
  async wait(error: unknown, signal: AbortSignal): Promise<void> {
    const { minDelayMs, maxDelayMs, maxAttempts } = this.#options ?? { maxAttempts: 0 };
    if (this.#failures >= maxAttempts) {
      throw new DeltaError("DISCONNECTED", (error as Error).message, { cause: error });
    }
    const longest = Math.min(minDelayMs! * 2 ** this.#failures++, maxDelayMs!);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, longest * (0.5 + Math.random() / 2));
      signal.addEventListener("abort", done);
    });
  }
}

/** Checks a limit of bytes. */
export function limit(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw invalid(`option ${name} must be a whole number of 1 or more, not ${describe(value)}`);
  }
  return value;
}
