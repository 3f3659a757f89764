import { frameLength } from "./codec.ts";
import { DeltaError, describe, invalid } from "./errors.ts";
import { IDENTIFIED, OPERATION_MASK, TIMED } from "./frame.ts";
import { decoded, FrameCutter, frameLimit, spans } from "./frame-cutter.ts";
import { joined } from "./joined.ts";
import {
  Backoff,
  type ConnectionOptions,
  type DeltaSource,
  endable,
  Lost,
  limit,
} from "./source-kit.ts";
import type { DeltaCursor, StreamPart } from "./stream-types.ts";

/** What `fetchDeltas` takes. */
export interface FetchOptions extends ConnectionOptions {
  /** Where to begin: a cursor of this source, the number of bytes before. */
  from?: DeltaCursor | undefined;
  /** Headers, credentials and the like of each request. */
  init?: Omit<RequestInit, "signal">;
  /**
   * Makes the request for what lies behind a cursor. Default: the same request with a `Range` header; of a server that
   * sends everything nevertheless, what was read is passed over.
   */
  resume?: (cursor: number) => string | URL | Request | Promise<string | URL | Request>;
  /** The most bytes of a frame, 9 or more; a larger one ends the source with `BUFFER_FULL`. Default 1 MiB. */
  maxFrameBytes?: number;
  /** The most bytes of one replica's stream, which comes as one part. Default 64 MiB. */
  maxStreamBytes?: number;
}

const MAX_STREAM_BYTES = 67_108_864;
const LINKED = IDENTIFIED | TIMED;

/**
 * Deltas from the body of a response: sealed frames, one behind the other (`encodeDeltas`, `DeltaEncoderStream`,
 * `deltasSince`). Nothing is read before it is asked for, so that a slow reader slows the server down. Everything is checked.
 *
 * If the request fails (by the network, or with status 408, 429 or 5xx) or the body breaks off, also within a frame, it is
 * made again from there: after a wait, longer from failure to failure. If the server's entity tag says that it has become
 * another body, the source fails with `CORRUPT_DATA`. A response that is given is read once.
 *
 * @param input - an address, a request without a body, or a response
 * @param options - all optional
 * @returns parts whose cursors, numbers of bytes, hold for `from`. Fails with `DISCONNECTED`, `BUFFER_FULL`, or
 * `CORRUPT_DATA` with the place
 * @throws DeltaError `INVALID_ARGUMENT`
 *
 * @example
 * ```ts
 * await processor.streamDeltas(fetchDeltas("/deltas.bin", { from: processor.cursor }));
 * ```
 */
export function fetchDeltas(
  input: string | URL | Request | Response,
  options: FetchOptions = {},
): DeltaSource {
  const { from = 0, maxStreamBytes = MAX_STREAM_BYTES, init, resume, reconnect } = options;
  if (typeof from !== "number" || !Number.isSafeInteger(from) || from < 0) {
    throw invalid(`from must be a cursor of this source, not ${describe(from)}`);
  }
  const maxFrameBytes = frameLimit(options);
  limit("maxStreamBytes", maxStreamBytes);
  const given = input instanceof Response ? input : undefined;
  const backoff = new Backoff(reconnect, true, given === undefined);

  async function* run(signal: AbortSignal): AsyncGenerator<StreamPart, undefined, void> {
    /** Bytes that came whole, in frames. */
    let offset = from as number;
    let tag: string | null = null;
    const held = new HeldStream(maxStreamBytes);

    /** Asks for what lies behind the offset. */
    async function ask(): Promise<Response> {
      if (given !== undefined) {
        return given;
      }
      const behind = offset > 0 && resume !== undefined ? await resume(offset) : undefined;
      const request = makeRequest(behind ?? (input as string | URL | Request), init);
      if (offset > 0 && resume === undefined) {
        request.headers.set("Range", `bytes=${offset}-`);
      }
      try {
        return await fetch(request, { signal });
      } catch (error) {
        throw new Lost(`the request failed: ${(error as Error).message}`, { cause: error });
      }
    }

    /** Looks at an answer; returns how many of its bytes were read before. */
    function check({ status, ok, headers, body }: Response): number {
      if (!ok) {
        body?.cancel().catch(() => undefined);
        const again = status === 408 || status === 429 || status >= 500;
        throw new (again ? Lost : Refused)(`the server answered with status ${status}`);
      }
      if (resume !== undefined && given === undefined) {
        return 0;
      }
      const now = strongTag(headers);
      if (tag !== null && now !== null && now !== tag) {
        throw new DeltaError("CORRUPT_DATA", "what the server sends has changed since");
      }
      tag = now ?? tag;
      return offset - beginning(status, headers, offset);
    }

    function* partsOf(frames: Uint8Array): IterableIterator<StreamPart> {
      const first = offset;
      for (const { start, end, replicated } of spans(frames)) {
        const part = frames.subarray(start, end);
        if (replicated) {
          yield* held.add(part, first + start);
        } else {
          yield* held.end();
          let at = start;
          for (const delta of decoded(part, first + start)) {
            at += frameLength(frames, at)!;
            offset = first + at;
            yield { delta, cursor: offset };
          }
        }
        offset = first + end;
      }
    }

    while (!signal.aborted) {
      let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
      const cancel = (): void => {
        reader?.cancel().catch(() => undefined);
      };
      signal.addEventListener("abort", cancel);
      try {
        const response = await ask();
        const nothingBehind =
          response.status === 416 && response.headers.get("Content-Range") === `bytes */${offset}`;
        if (!nothingBehind) {
          let passOver = check(response);
          const cutter = new FrameCutter(maxFrameBytes, offset);
          reader = response.body?.getReader();
          for (;;) {
            const { done, value } = await read(reader);
            if (done || signal.aborted) {
              break;
            }
            backoff.reset();
            const chunk = value.subarray(Math.min(passOver, value.length));
            passOver -= value.length - chunk.length;
            for (const frames of cutter.cut(chunk)) {
              for (const part of partsOf(frames)) {
                yield part; // not delegated, which takes several times as long
              }
            }
          }
          if (signal.aborted) {
            return;
          }
          requireEnd(cutter, given === undefined);
        }
        yield* held.end();
        return;
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        if (error instanceof Refused) {
          throw new DeltaError("DISCONNECTED", error.message);
        }
        if (!(error instanceof Lost)) {
          throw error;
        }
        await backoff.wait(error, signal);
      } finally {
        signal.removeEventListener("abort", cancel);
        cancel();
      }
    }
  }
  return endable(run, options.signal);
}

/** Makes a request; refuses what cannot be one, such as a path where there is no page that it could be relative to. */
function makeRequest(input: string | URL | Request, init: RequestInit | undefined): Request {
  try {
    return new Request(input, init);
  } catch (cause) {
    throw invalid(`there can be no such request: ${(cause as Error).message}`, { cause });
  }
}

/** Reads a body, if there is one. */
async function read(
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return (await reader?.read()) ?? { done: true, value: undefined };
  } catch (cause) {
    throw new Lost(`the body broke off: ${(cause as Error).message}`, { cause });
  }
}

/** Throws if a body ends within a frame; more of it may be had. */
function requireEnd(cutter: FrameCutter, more: boolean): void {
  try {
    cutter.end();
  } catch (error) {
    throw more ? new Lost((error as Error).message, { cause: error }) : error;
  }
}

/** The server will not answer otherwise if asked again. */
class Refused extends Error {}

/** Frames of a replica that refer to each other: held until their stream ends, as one merge has to see them all. */
class HeldStream {
  readonly #maxBytes: number;
  #frames: Uint8Array[] = [];
  #bytes = 0;
  /** Place behind them. */
  #end = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes frames at a place; gives what ended with them. */
  *add(frames: Uint8Array, offset: number): IterableIterator<StreamPart> {
    let from = 0;
    let linked = this.#bytes > 0;
    for (let at = 0; at < frames.length; at += frameLength(frames, at)!) {
      const kind = frames[at + 8]!;
      if ((kind & OPERATION_MASK) === 0) {
        this.#hold(frames.subarray(from, at), offset + at);
        yield* this.end();
        from = at;
        linked = true;
      } else if ((kind & LINKED) === LINKED) {
        linked = true;
      }
    }
    this.#hold(frames.subarray(from), offset + frames.length);
    if (!linked) {
      yield* this.end();
    }
  }

  /** Gives what is held. */
  *end(): IterableIterator<StreamPart> {
    if (this.#bytes > 0) {
      const delta = joined(this.#frames);
      this.#frames = [];
      this.#bytes = 0;
      yield { delta, cursor: this.#end };
    }
  }

  #hold(frames: Uint8Array, end: number): void {
    if (frames.length > 0) {
      this.#frames.push(frames);
      this.#bytes += frames.length;
      this.#end = end;
      if (this.#bytes > this.#maxBytes) {
        throw new DeltaError(
          "BUFFER_FULL",
          `a replica's stream has more than maxStreamBytes, ${this.#maxBytes}`,
        );
      }
    }
  }
}

/** Returns where in the stream a body begins. */
function beginning(status: number, headers: Headers, offset: number): number {
  if (status !== 206) {
    return 0;
  }
  const range = /^bytes (\d+)-/.exec(headers.get("Content-Range") ?? "");
  if (range === null || Number(range[1]) !== offset) {
    throw new DeltaError(
      "CORRUPT_DATA",
      `the server was asked for bytes ${offset}- and sent others`,
    );
  }
  return offset;
}

/** Returns the tag that says which bytes these are; null if there is none, or if they were encoded on the way. */
function strongTag(headers: Headers): string | null {
  const tag = headers.get("ETag");
  return tag?.startsWith("W/") || headers.has("Content-Encoding") ? null : tag;
}
