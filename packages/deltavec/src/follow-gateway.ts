import { DeltaError, invalid } from "./errors.ts";
import { Lost } from "./source-kit.ts";

/** The most bytes of an answer that is no stream. */
const MAX_ANSWER = 1 << 20;
/** Milliseconds until an answer must have begun, and between two pieces of it. */
const PATIENCE_MS = 30_000;

/** The server says no. */
export class Refused extends Error {
  readonly status: number;
  /** The server's code. */
  readonly code: string;
  /** Number of the delta in what was posted, from 0. */
  readonly index: number | undefined;
  /** Whether the gateway itself says so, and not something between it and us. */
  readonly isGateway: boolean;

  constructor(status: number, code: string, message: string, index?: number, isGateway = true) {
    super(message);
    this.status = status;
    this.code = code;
    this.index = index;
    this.isGateway = isGateway;
  }

  /** Whether it has nothing from where the follower is on. */
  get isGone(): boolean {
    return this.code === "TOO_FAR_BEHIND" || this.code === "EPOCH_CHANGED";
  }

  toError(): DeltaError {
    return new DeltaError("REFUSED", `the server refuses with ${this.code}: ${this.message}`, {
      cause: this,
    });
  }
}

/** It may say yes later. */
export class Busy extends Lost {
  /** Milliseconds until it wants to be asked again. */
  readonly retryAfterMs: number;
  /** Whether it has not so much as looked at what it was sent. */
  readonly isUntouched: boolean;

  constructor(message: string, retryAfterMs: number, isUntouched: boolean) {
    super(message);
    this.retryAfterMs = retryAfterMs;
    this.isUntouched = isUntouched;
  }
}

/** What a server says of itself. */
export interface GatewayInfo {
  readonly shards: number;
  readonly epoch: string;
  readonly dimensions: number;
  readonly grid: number;
  readonly metric: string;
  readonly retentionMs: number;
  /** Which vectors the token lets one see, as the server says it; empty for all. */
  readonly prefix: string;
}

/** How a gateway is reached. */
export interface GatewayOptions {
  readonly url: URL;
  /** What of the log is wanted, as a part of a query. */
  readonly filter: string;
  readonly token: string | (() => string | Promise<string>) | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal;
}

/** The gateway of a server, by HTTP. Failures are {@link Lost}, {@link Refused}, or a DeltaError for what makes no sense. */
export class Gateway {
  readonly #options: GatewayOptions;
  #token: string | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** Whether a token that is not taken can be replaced. */
  get canRenew(): boolean {
    return typeof this.#options.token === "function";
  }

  /** Makes the address of a path, with what is wanted. */
  address(path: string, query: Readonly<Record<string, string>> = {}, filtered = true): URL {
    const { url, filter } = this.#options;
    const address = new URL(url);
    address.pathname = `${url.pathname.replace(/\/$/, "")}${path}`;
    // A cursor is long enough as it is.
    const own = new URLSearchParams(query).toString().replaceAll("%2C", ",");
    address.search = [own, filtered ? filter : ""].filter((part) => part !== "").join("&");
    return address;
  }

  /** Returns the token, if there is one. */
  async token(): Promise<string | undefined> {
    const { token } = this.#options;
    if (typeof token !== "function") {
      return token === undefined ? undefined : requireToken(token);
    }
    if (this.#token === undefined) {
      let fresh: unknown;
      try {
        fresh = await token();
      } catch (cause) {
        throw new Lost("there is no token, as the function that gives it failed", { cause });
      }
      if (typeof fresh !== "string") {
        throw invalid(`option token must give a string, not ${typeof fresh}`);
      }
      this.#token = requireToken(fresh);
    }
    return this.#token;
  }

  /** Has the next request ask for a fresh token. */
  forgetToken(): void {
    this.#token = undefined;
  }

  async info(): Promise<GatewayInfo> {
    const response = await this.request(this.address("/info", {}, false));
    const text = await textOf(response);
    let info: Partial<GatewayInfo> | null = null;
    try {
      info = JSON.parse(text) as Partial<GatewayInfo> | null;
    } catch {
      // Told below.
    }
    const { shards, epoch, dimensions, grid, metric, retentionMs } = info ?? {};
    if (
      !(Number.isInteger(shards) && shards! >= 1 && shards! <= 65_536) ||
      typeof epoch !== "string" ||
      !/^[^,]{1,200}$/.test(epoch) ||
      typeof dimensions !== "number" ||
      typeof grid !== "number" ||
      typeof metric !== "string" ||
      typeof retentionMs !== "number"
    ) {
      throw new DeltaError("CORRUPT_DATA", "what the server says of itself makes no sense");
    }
    const prefix = response.headers.get("Deltavec-Prefix") ?? "";
    return { shards: shards!, epoch, dimensions, grid, metric, retentionMs, prefix };
  }

  /**
   * Posts frames.
   *
   * @returns once they are durable
   */
  async post(frames: Uint8Array<ArrayBuffer>): Promise<void> {
    const response = await this.request(this.address("/deltas", {}, false), {
      method: "POST",
      headers: { "Content-Type": "application/vnd.deltavec.frames" },
      body: frames,
    });
    let accepted: unknown;
    try {
      ({ accepted } = JSON.parse(await textOf(response)));
    } catch {
      // Something between the server and us has answered.
    }
    if (response.status !== 200 || !Number.isSafeInteger(accepted)) {
      throw new Lost("the answer to what was posted is none of a gateway's");
    }
  }

  /** Makes a request; gives a response that is no error. A token that is not taken is renewed once. */
  async request(
    address: URL,
    init: RequestInit & { headers?: Record<string, string> } = {},
  ): Promise<Response> {
    for (let renewed = false; ; renewed = true) {
      const token = await this.token();
      const headers = { ...init.headers, ...(token && { Authorization: `Bearer ${token}` }) };
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
      const signals = [
        this.#options.signal,
        patience.signal,
        ...(init.signal ? [init.signal] : []),
      ];
      let response: Response;
      try {
        const { fetch } = this.#options;
        response = await fetch(address, { ...init, headers, signal: AbortSignal.any(signals) });
      } catch (cause) {
        // A message may quote the token.
        throw new Lost(`the request failed: ${(cause as Error)?.name}`, { cause });
      } finally {
        clearTimeout(timer);
      }
      if (response.ok) {
        return response;
      }
      const refusal = await refusalOf(response);
      if (!(refusal instanceof Refused && refusal.status === 401) || !this.canRenew || renewed) {
        throw refusal;
      }
      this.forgetToken();
    }
  }
}

/** Checks a token, which is in no message; one without anything is none. */
export function requireToken(given: string): string {
  const token = given.trim();
  if (token !== "" && !/^[\w.~+/=-]+$/.test(token)) {
    throw invalid("option token has characters that no token has");
  }
  return token;
}

/** Reads a body piece by piece; one that stops for long is lost. */
export async function* piecesOf(
  response: Response,
  patienceMs: number = PATIENCE_MS,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = response.body?.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      let result: ReadableStreamReadResult<Uint8Array> | undefined;
      try {
        result = await Promise.race([
          reader?.read(),
          new Promise<never>((_, reject) => {
            timer = setTimeout(() => reject(new Error("nothing came for long")), patienceMs);
          }),
        ]);
      } catch (cause) {
        throw new Lost(`the answer broke off: ${(cause as Error)?.message}`, { cause });
      } finally {
        clearTimeout(timer);
      }
      if (result === undefined || result.done) {
        return;
      }
      yield result.value;
    }
  } finally {
    reader?.cancel().catch(() => undefined);
  }
}

/** Reads a short text. */
async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of piecesOf(response)) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > MAX_ANSWER) {
      throw new DeltaError("CORRUPT_DATA", "an answer of the server is too long");
    }
  }
  return text;
}

/** Reads a header that is a number. */
export function numberHeader(response: Response, name: string): number {
  const text = response.headers.get(name);
  const value = Number(text);
  if (text === null || !Number.isSafeInteger(value) || value < 0) {
    throw new DeltaError(
      "CORRUPT_DATA",
      `the server's answer has no header ${name} that is an offset, or does not expose it`,
    );
  }
  return value;
}

/** What an error of the server's stands for. */
export function refusal(status: number, text: string): Refused {
  let { code, message, index }: { code?: unknown; message?: unknown; index?: unknown } = {};
  try {
    ({ code, message, index } = JSON.parse(text));
  } catch {
    // Something between the server and us has answered.
  }
  return new Refused(
    status,
    typeof code === "string" ? code.slice(0, 64) : `status ${status}`,
    typeof message === "string" ? message.slice(0, 1000) : "it does not say why",
    Number.isSafeInteger(index) && (index as number) >= 0 ? (index as number) : undefined,
    typeof code === "string",
  );
}

async function refusalOf(response: Response): Promise<Error> {
  const { status, headers } = response;
  const answer = refusal(status, await textOf(response).catch(() => ""));
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = Number(headers.get("Retry-After") ?? 0);
    const what = `the server answered with ${answer.code}: ${answer.message}`;
    return new Busy(what, seconds >= 0 && seconds <= 3600 ? seconds * 1000 : 0, status === 429);
  }
  return answer;
}
