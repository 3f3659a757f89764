import { DeltaError, describe, invalid } from "./errors.ts";
import {
  type Connection,
  connected,
  intake,
  listenTo,
  type MessageOptions,
  Place,
  requireTarget,
} from "./messages.ts";
import { type ConnectionOptions, type DeltaSource, Lost } from "./source-kit.ts";
import type { DeltaCursor } from "./stream-types.ts";

/** What `webSocketDeltas` takes. */
export interface WebSocketOptions extends MessageOptions, ConnectionOptions {
  /** Where to begin: a cursor of this source. Needs `resume`. */
  from?: DeltaCursor | undefined;
  /**
   * Makes the first message of each connection, which asks the server for what lies behind a mark, the `cursor` of a message
   * it sent; undefined: for all. Deltas behind the mark that were read already are then passed over. Returning undefined
   * sends nothing. Without `resume` a lost connection cannot be made again without losing deltas.
   */
  resume?: (mark: string | undefined) => string | Uint8Array<ArrayBuffer> | undefined;
  /** Subprotocols to ask for. */
  protocols?: string | string[];
}

/** What `eventSourceDeltas` takes. */
export interface EventSourceOptions extends MessageOptions, ConnectionOptions {
  /** Where to begin: a cursor of this source. */
  from?: DeltaCursor | undefined;
  /**
   * Makes the address to go on from behind an event, by its id; undefined: from the beginning. Default: the address, and the
   * id as its parameter `lastEventId`. (What the browser connects again by itself, it asks for with the header
   * `Last-Event-ID`.)
   */
  resume?: (lastEventId: string | undefined) => string | URL;
  /** The type of the events that bring deltas. Default `message`. */
  event?: string;
  /** The type of an event that ends the stream. Without it, only the reader or the signal does. */
  endEvent?: string;
  /** Whether cookies are sent to another origin. Default false. */
  withCredentials?: boolean;
}

/** States of a WebSocket and of an EventSource from which on nothing more comes. */
const CLOSED = 2;
/** State of a WebSocket that messages can be sent to. */
const OPEN = 1;
/** Tells a server why the source closes. */
const TOO_MUCH = 4013;

/**
 * Deltas from a WebSocket. A text message is JSON: a delta, an array of them, or `{ "deltas": […], "cursor": "…" }`, where
 * `cursor` is a mark of the server's for the place behind them. A binary message is sealed frames (`encodeDeltas`,
 * `deltasSince`), whole ones. Everything is checked.
 *
 * A connection to an address is made when the first delta is asked for, and closed with the source. One that is lost is
 * made again if there is `resume` (or `reconnect` says so; then deltas may be lost or come twice): after a wait, longer from
 * failure to failure. The source ends when the server closes with 1000. A socket that is given is listened to from this
 * call on; it is never closed, and never made again.
 *
 * A WebSocket cannot be told to wait. When more than `maxBuffered` bytes wait to be read, the source closes (4013) and, if
 * it can resume, connects again when these are read; otherwise it then fails with `BUFFER_FULL`.
 *
 * @param socket - an address, or an open or opening WebSocket
 * @param options - all optional
 * @returns parts whose cursors hold for `from`. Fails with `DISCONNECTED`, or the DeltaError of what came
 * @throws DeltaError `INVALID_ARGUMENT`
 *
 * @example
 * ```ts
 * const source = webSocketDeltas("wss://example.org/deltas", {
 *   from: processor.cursor,
 *   resume: (mark) => JSON.stringify({ since: mark ?? null }),
 * });
 * await processor.streamDeltas(source);
 * ```
 */
export function webSocketDeltas(
  socket: string | URL | WebSocket,
  options: WebSocketOptions = {},
): DeltaSource {
  const { resume, protocols, from } = options;
  if (from !== undefined && resume === undefined) {
    throw invalid("from needs resume, which asks the server to begin there");
  }
  const given = isText(socket) ? undefined : requireTarget(socket, "socket", "WebSocket");
  const listen = (target: WebSocket, mark: string | undefined): Connection => {
    target.binaryType = "arraybuffer";
    const { inbox, offer } = intake(options, () => resume !== undefined && given === undefined);
    const hello = (): void => {
      try {
        const first = resume?.(mark);
        if (first !== undefined) {
          target.send(first);
        }
      } catch (error) {
        inbox.end(error);
        close();
      }
    };
    const stop = listenTo(target, {
      open: hello,
      message: ({ data }: MessageEvent<unknown>) => {
        if (!offer({ data, mark: undefined, again: false })) {
          close(TOO_MUCH, "too much waits to be read");
        }
      },
      close: ({ code, reason }: CloseEvent) => {
        const why = reason === "" ? "" : ` ${describe(reason)}`;
        inbox.end(
          code === 1000 ? undefined : new Lost(`the WebSocket was closed with ${code}${why}`),
        );
      },
    });
    const close = (code = 1000, reason = ""): void => {
      stop();
      if (given === undefined && target.readyState < CLOSED) {
        target.close(code, reason);
      }
    };
    if (target.readyState >= CLOSED) {
      inbox.end(new Lost("the WebSocket is closed"));
    } else if (target.readyState === OPEN) {
      hello();
    }
    return { inbox, close: () => close() };
  };
  return connected(
    options,
    given && listen(given, new Place(from).mark),
    (mark) => listen(make("WebSocket", socket as string | URL, protocols), mark),
    { always: false, repeats: resume !== undefined },
  );
}

/**
 * Deltas from server-sent events, whose data is JSON: a delta, an array of them, or `{ "deltas": […] }`. Everything is
 * checked.
 *
 * A connection to an address is made when the first delta is asked for, and closed with the source. The browser makes a
 * lost one again; where it gives up (an HTTP error), the source does, after a wait, longer from failure to failure. Nothing
 * is lost or applied twice if the server gives events ids, the first one at least, and sends what lies behind
 * `Last-Event-ID`, or the parameter `lastEventId`. A server without ids is taken to go on with what is new. A source that is given is listened to from this call on; it is never closed, and never made again.
 *
 * Server-sent events cannot be told to wait. When more than `maxBuffered` bytes wait to be read, the source closes and, if
 * there was an id, connects again when these are read; otherwise it then fails with `BUFFER_FULL`.
 *
 * @param source - an address, or an EventSource
 * @param options - all optional
 * @returns parts whose cursors hold for `from`. Fails with `DISCONNECTED`, or the DeltaError of what came
 * @throws DeltaError `INVALID_ARGUMENT`
 */
export function eventSourceDeltas(
  source: string | URL | EventSource,
  options: EventSourceOptions = {},
): DeltaSource {
  const { event = "message", endEvent, withCredentials = false } = options;
  const given = isText(source) ? undefined : requireTarget(source, "source", "EventSource");
  const { resume = (id) => withParameter(source as string | URL, id) } = options;
  const listen = (target: EventSource): Connection => {
    let last: string | undefined;
    let interrupted = false;
    const { inbox, offer } = intake(options, () => given === undefined && last !== undefined);
    const stop = listenTo(target, {
      [event]: ({ data, lastEventId }: MessageEvent<unknown>) => {
        const mark = lastEventId === "" ? undefined : lastEventId;
        if (offer({ data, mark, again: interrupted })) {
          last = mark;
          interrupted = false;
        } else {
          close();
        }
      },
      error: () => {
        interrupted = true;
        if (target.readyState === CLOSED) {
          inbox.end(new Lost("the EventSource cannot connect"));
        }
      },
      ...(endEvent === undefined ? {} : { [endEvent]: () => inbox.end() }),
    });
    const close = (): void => {
      stop();
      if (given === undefined) {
        target.close();
      }
    };
    if (target.readyState === CLOSED) {
      inbox.end(new Lost("the EventSource is closed"));
    }
    return { inbox, close };
  };
  return connected(
    options,
    given && listen(given),
    (mark) => listen(make("EventSource", resume(mark), { withCredentials })),
    { always: true, repeats: options.resume !== undefined },
  );
}

function isText(value: unknown): value is string | URL {
  return typeof value === "string" || value instanceof URL;
}

/** Makes a connection; says so if there are no such here, or none to such an address. */
function make<Kind extends "WebSocket" | "EventSource">(
  kind: Kind,
  ...args: ConstructorParameters<(typeof globalThis)[Kind]>
): InstanceType<(typeof globalThis)[Kind]> {
  const { [kind]: Make } = globalThis as unknown as Record<
    string,
    (new (...a: unknown[]) => never) | undefined
  >;
  if (Make === undefined) {
    throw new DeltaError(
      "UNSUPPORTED_PLATFORM",
      `this engine has no ${kind}: give one of your own`,
    );
  }
  try {
    return new Make(...args);
  } catch (cause) {
    throw invalid(`there can be no such ${kind}: ${(cause as Error).message}`, { cause });
  }
}

function withParameter(address: string | URL, id: string | undefined): string | URL {
  if (id === undefined) {
    return address;
  }
  const url = new URL(address, globalThis.location?.href);
  url.searchParams.set("lastEventId", id);
  return url;
}
