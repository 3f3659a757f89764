import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, UsageError } from "../errors.ts";

/** What a service says of itself. */
export interface Info {
  readonly shards: number;
  readonly epoch: string;
  readonly dimensions: number;
  readonly grid: number;
  readonly metric: "cosine" | "dot" | "euclidean";
}

/** An error that the service told; it will tell it again. */
export class Refusal extends UsageError {
  /** Stable, such as `FORBIDDEN`. */
  readonly code: string;
  /** Position of the delta in what was posted. */
  readonly index: number | undefined;

  constructor(code: string, message: string, index?: number) {
    super(`${code}: ${message}`);
    this.code = code;
    this.index = index;
  }
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;
/** Failures in a row until it gives up: some two minutes. */
const MOST_FAILURES = 12;
const ANSWER_MS = 60_000;

/** Calls a service; what fails on the way is tried again. */
export class Service {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #told: (what: string) => void;

  /**
   * @param url - `https://host/path`
   * @param token - a JWT
   * @param told - told of waits
   */
  constructor(url: string, token: string | undefined, told: (what: string) => void = () => {}) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new UsageError(`${url} is no URL of a service: it begins with http:// or https://`);
    }
    this.#url = url.replace(/\/$/, "");
    this.#token = token;
    this.#told = told;
  }

  /** Asks the service what it is. */
  async info(): Promise<Info> {
    const info = (await this.#call("/info", {})) as Partial<Info>;
    if (typeof info?.epoch !== "string" || !((info.dimensions ?? 0) > 0)) {
      throw new UsageError(`${this.#url} is no service of deltavec`);
    }
    return info as Info;
  }

  /**
   * Posts frames.
   *
   * @param headers - for local frames: client and sequence
   * @returns once they are durable
   */
  async post(frames: Uint8Array<ArrayBuffer>, headers: Record<string, string>): Promise<void> {
    await this.#call("/deltas", {
      method: "POST",
      headers: { ...headers, "content-type": "application/vnd.deltavec.frames" },
      body: frames,
    });
  }

  async #call(
    path: string,
    init: RequestInit & { headers?: Record<string, string> },
  ): Promise<unknown> {
    for (let failures = 1; ; failures++) {
      let why: string;
      let asked = 0;
      try {
        const response = await fetch(`${this.#url}${path}`, {
          ...init,
          headers: {
            ...init.headers,
            ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
          },
          signal: AbortSignal.timeout(ANSWER_MS),
        });
        const text = await response.text();
        if (response.ok) {
          return parsed(text);
        }
        const { code, message, index } = (parsed(text) ?? {}) as Partial<Refusal>;
        const status = `status ${response.status}`;
        if (response.status !== 429 && response.status !== 408 && response.status < 500) {
          throw new Refusal(code ?? status, message ?? "the service does not say why", index);
        }
        asked = 1000 * (Number(response.headers.get("retry-after")) || 0);
        why = `${code ?? status}: ${message ?? "the service does not say why"}`;
      } catch (error) {
        if (error instanceof Refusal) {
          throw error;
        }
        const cause = (error as Error).cause;
        why = `${this.#url} cannot be reached: ${messageOf(cause ?? error)}`;
      }
      if (failures === MOST_FAILURES) {
        throw new UsageError(`after ${failures} attempts: ${why}`);
      }
      const wait = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS);
      this.#told(why);
      await sleep(Math.max(asked, wait * (0.5 + Math.random() / 2)));
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
