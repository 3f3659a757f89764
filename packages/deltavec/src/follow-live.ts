import { fromBase64 } from "./base64.ts";
import { DeltaError, invalid } from "./errors.ts";
import { type Gateway, piecesOf, Refused, refusal } from "./follow-gateway.ts";
import type { Merger } from "./follow-merger.ts";
import { formatPlace, type Place, parsePlace } from "./follow-parts.ts";
import { listenTo } from "./messages.ts";
import { Lost } from "./source-kit.ts";

/** Milliseconds until a WebSocket must be open, and without any word after which it is looked whether the server is there. */
const PATIENCE_MS = 30_000;
/** The most characters of an event. */
const MAX_EVENT = 67_108_864;
/** Tells a server why a connection ends. */
const TOO_MUCH = 4013;

/** Too much came at a time: to be made again from where it was, without waiting. */
export class Behind extends Lost {}

/** What a live connection works with. */
export interface LiveOptions {
  readonly gateway: Gateway;
  readonly merger: Merger;
  /** Where it is; moves on as deltas are merged. */
  readonly place: Place;
  /** Shards that are wanted. */
  readonly wanted: (shard: number) => boolean;
  readonly signal: AbortSignal;
  /** Called when the connection is there. */
  readonly opened: () => void;
  /** Called with how many records came. */
  readonly received: (records: number) => void;
}

/** Deltas as they come, by a WebSocket. Ends by failing only: as the connection was lost, or by the signal. */
export async function liveByWebSocket(
  options: LiveOptions,
  Socket: typeof WebSocket | undefined,
): Promise<never> {
  const { gateway, merger, place, signal, opened } = options;
  if (Socket === undefined) {
    throw new DeltaError(
      "UNSUPPORTED_PLATFORM",
      'there is no WebSocket here: take transport "sse"',
    );
  }
  const token = await gateway.token();
  const address = gateway.address("/follow", { since: formatPlace(place) });
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  let socket: WebSocket;
  try {
    socket = new Socket(address, token ? ["deltavec.v1", `bearer.${token}`] : ["deltavec.v1"]);
  } catch (cause) {
    // Its message and the cause itself may quote the token.
    throw invalid(`there can be no such WebSocket: ${(cause as Error).name}`);
  }
  socket.binaryType = "arraybuffer";
  let stop = (): void => {};
  let timer: ReturnType<typeof setInterval> | undefined;
  try {
    return await new Promise<never>((_, reject) => {
      /** What the server said last. */
      let word: Refused | undefined;
      let heard = performance.now();
      let probing = false;
      const unlisten = listenTo(socket, {
        open: () => {
          heard = performance.now();
          opened();
        },
        message: ({ data }: MessageEvent<unknown>) => {
          heard = performance.now();
          try {
            if (typeof data === "string") {
              word = refusal(0, data);
            } else {
              takeParts(new Uint8Array(data as ArrayBuffer), options);
              if (merger.isFull) {
                socket.close(TOO_MUCH, "too much waits to be merged");
                reject(new Behind("too much came at a time"));
              }
            }
          } catch (error) {
            reject(error);
          }
        },
        close: ({ code, reason }: CloseEvent) => reject(whyClosed(code, reason, word)),
      });
      const ended = (): void => reject(new Lost("the follower ends"));
      signal.addEventListener("abort", ended);
      stop = () => {
        unlisten();
        signal.removeEventListener("abort", ended);
      };
      if (signal.aborted) {
        ended();
      }
      // Pings cannot be seen, so a connection that died unnoticed is found out by asking.
      timer = setInterval(() => {
        if (performance.now() - heard > PATIENCE_MS && !probing) {
          if (socket.readyState !== 1) {
            reject(new Lost("the WebSocket does not open"));
            return;
          }
          probing = true;
          gateway.info().then(
            () => {
              probing = false;
              heard = performance.now();
            },
            (error) => reject(error instanceof Refused ? new Lost(error.message) : error),
          );
        }
      }, PATIENCE_MS / 4);
      (timer as { unref?(): void }).unref?.();
    });
  } finally {
    clearInterval(timer);
    stop();
    socket.close();
  }
}

function whyClosed(code: number, reason: string, word: Refused | undefined): Error {
  const why = word ?? (reason === "" ? undefined : refusal(0, reason));
  const text = why === undefined ? "" : `: ${why.message}`;
  if (code === 4001) {
    const forbidden = why?.code === "FORBIDDEN";
    return new Refused(
      forbidden ? 403 : 401,
      why?.code ?? "UNAUTHENTICATED",
      why?.message ?? "closed",
    );
  }
  if (code === 4009) {
    return new Refused(409, why?.code ?? "TOO_FAR_BEHIND", why?.message ?? "closed");
  }
  return code === TOO_MUCH
    ? new Behind("this follower was too slow")
    : new Lost(`the WebSocket was closed with ${code}${text}`);
}

/** What the last event of a server stands for. */
function whyEnded(word: Refused): Error {
  const { code, message } = word;
  if (word.isGone) {
    return new Refused(409, code, message);
  }
  if (code === "UNAUTHENTICATED" || code === "FORBIDDEN") {
    return new Refused(code === "FORBIDDEN" ? 403 : 401, code, message);
  }
  return code === "TOO_SLOW" ? new Behind(message) : new Lost(message);
}

/** Takes a message apart: shard, next offset, and frames, as often as there are. */
function takeParts(bytes: Uint8Array, { merger, place, wanted, received }: LiveOptions): void {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || factor > 2 ** 49) {
        throw new DeltaError("CORRUPT_DATA", "a message of the server is cut off");
      }
      value += (byte & 127) * factor;
      if (byte < 128) {
        return value;
      }
    }
  };
  let records = 0;
  while (at < bytes.length) {
    const shard = varint();
    const next = varint();
    const length = varint();
    if (
      length > bytes.length - at ||
      !Number.isSafeInteger(next) ||
      shard >= place.offsets.length
    ) {
      throw new DeltaError("CORRUPT_DATA", "a message of the server makes no sense");
    }
    // A cursor that is given may have shards that are not wanted.
    if (wanted(shard)) {
      records++;
      merger.add(bytes.subarray(at, at + length), () => advance(place, shard, next));
    }
    at += length;
  }
  received(records);
}

/** Moves on; never back. */
export function advance({ offsets }: Place, shard: number, next: number): void {
  offsets[shard] = Math.max(offsets[shard] ?? 0, next);
}

/** Deltas as they come, by server-sent events. Ends by failing only. */
export async function liveByEvents(options: LiveOptions): Promise<never> {
  const { gateway, merger, place, wanted, signal, opened, received } = options;
  const since = formatPlace(place);
  const response = await gateway.request(gateway.address("/follow", { since }), {
    headers: { Accept: "text/event-stream", "Last-Event-ID": since },
    cache: "no-store",
    signal,
  });
  opened();
  for await (const { event, id, data } of eventsOf(response)) {
    if (event === "end" || event === "error") {
      const word = refusal(0, data);
      throw whyEnded(word);
    }
    if (event === "deltas") {
      const next = parsePlace(id);
      if (next?.epoch !== place.epoch || next.offsets.length !== place.offsets.length) {
        throw new DeltaError("CORRUPT_DATA", "an event of the server has no cursor that fits");
      }
      let frames: Uint8Array;
      try {
        frames = fromBase64(data);
      } catch (cause) {
        throw new DeltaError("CORRUPT_DATA", "an event of the server is no base64", { cause });
      }
      received(1);
      merger.add(frames, () => {
        for (const [shard, offset] of next.offsets.entries()) {
          if (offset !== undefined && wanted(shard)) {
            advance(place, shard, offset);
          }
        }
      });
      await merger.room();
    }
  }
  throw new Lost("the server ended the events");
}

interface ServerEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** Reads server-sent events. */
async function* eventsOf(response: Response): AsyncGenerator<ServerEvent, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  let event = "";
  let id = "";
  let data: string[] = [];
  // A comment comes every 15 seconds.
  for await (const piece of piecesOf(response, 1.5 * PATIENCE_MS)) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() as string;
    if (rest.length > MAX_EVENT) {
      throw new DeltaError("CORRUPT_DATA", "an event of the server is too long");
    }
    for (const each of lines) {
      const line = each.endsWith("\r") ? each.slice(0, -1) : each;
      const [, name, value] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (line === "") {
        if (data.length > 0) {
          yield { event, id, data: data.join("\n") };
        }
        event = "";
        data = [];
      } else if (name === "event") {
        event = value ?? "";
      } else if (name === "id") {
        id = value ?? "";
      } else if (name === "data") {
        data.push(value ?? "");
      }
    }
  }
}
