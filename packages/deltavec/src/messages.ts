import { decodeDeltas } from "./codec.ts";
import { parseDeltas, parseText } from "./delta-json.ts";
import { DeltaError, describe, invalid } from "./errors.ts";
import { spans } from "./frame-cutter.ts";
import { Inbox } from "./inbox.ts";
import {
  Backoff,
  type ConnectionOptions,
  type DeltaSource,
  endable,
  Lost,
  limit,
  type SourceOptions,
} from "./source-kit.ts";
import type { DeltaCursor, StreamPart } from "./stream-types.ts";
import type { VectorDelta } from "./types.ts";

/** What sources of messages take. */
export interface MessageOptions extends SourceOptions {
  /** The most bytes of messages that wait to be read; what happens beyond is said at the source. Default 8 MiB. */
  maxBuffered?: number;
  /** The most bytes of one message; a larger one ends the source with `BUFFER_FULL`. Default 16 MiB. */
  maxMessageBytes?: number;
  /** Told of a message that is no delta, which is then passed over. Without it, such a message ends the source. */
  onInvalid?: (error: DeltaError) => void;
}

const MAX_BUFFERED = 8_388_608;
const MAX_MESSAGE_BYTES = 16_777_216;

/** A message as it came. */
export interface Message {
  readonly data: unknown;
  /** The server's name for the place behind it. */
  readonly mark: string | undefined;
  /** Whether the server has begun again behind the last mark. */
  readonly again: boolean;
}

/** One connection. */
export interface Connection {
  readonly inbox: Inbox<Message>;
  /** Lets go of it; what came stays to be read. */
  close(): void;
}

/** The connection was closed as too much waits; it is to be made again when that is read. */
class Paused extends Lost {}

/**
 * Makes room for messages.
 *
 * @param options - as given
 * @param canPause - whether the connection can be made again without losing any
 * @returns the room, and what puts a message into it; if that gives false, the connection is to be closed
 */
export function intake(
  options: MessageOptions,
  canPause: () => boolean,
): { inbox: Inbox<Message>; offer: (message: Message) => boolean } {
  const { maxBuffered = MAX_BUFFERED, maxMessageBytes = MAX_MESSAGE_BYTES } = options;
  limit("maxMessageBytes", maxMessageBytes);
  const inbox = new Inbox<Message>(limit("maxBuffered", maxBuffered));
  const offer = (message: Message): boolean => {
    const size = sizeOf(message.data);
    if (size > maxMessageBytes) {
      inbox.end(full(`a message of ${size} bytes; maxMessageBytes is ${maxMessageBytes}`));
      return false;
    }
    if (inbox.put(message, size)) {
      return true;
    }
    const what = `more than maxBuffered, ${maxBuffered} bytes, waits to be read`;
    inbox.end(canPause() ? new Paused(what) : full(what));
    return false;
  };
  return { inbox, offer };
}

function full(what: string): DeltaError {
  return new DeltaError("BUFFER_FULL", what);
}

function sizeOf(data: unknown): number {
  const { length, byteLength, size } = Object(data) as Partial<Uint8Array & string & Blob>;
  return byteLength ?? size ?? length ?? 0;
}

/** Calls functions for events; returns what ends that. */
export function listenTo(
  target: EventTarget,
  // biome-ignore lint/suspicious/noExplicitAny: each event has a type of its own
  listeners: Readonly<Record<string, (event: any) => void>>,
): () => void {
  const all = Object.entries(listeners);
  for (const [type, listener] of all) {
    target.addEventListener(type, listener);
  }
  return () => {
    for (const [type, listener] of all) {
      target.removeEventListener(type, listener);
    }
  };
}

/** Checks what should be an object of the platform that has events. */
export function requireTarget<T extends EventTarget>(value: T, name: string, kind: string): T {
  if (typeof value?.addEventListener !== "function") {
    throw invalid(`${name} must be an address or a ${kind}, not ${describe(value)}`);
  }
  return value;
}

/**
 * Makes a source of messages that come by connections.
 *
 * @param options - as given
 * @param given - a connection that is there; no other is then made
 * @param connect - makes one to a server that is to begin behind a mark
 * @param again - whether connections are made again unless the options say otherwise (`always`; else if what was read
 * comes again), and whether what was read comes again where there was no mark (`repeats`)
 */
export function connected(
  options: MessageOptions & ConnectionOptions & { from?: DeltaCursor | undefined },
  given: Connection | undefined,
  connect: (mark: string | undefined) => Connection,
  { always, repeats }: { always: boolean; repeats: boolean },
): DeltaSource {
  const { from, signal: outer, reconnect, onInvalid } = options;
  const backoff = new Backoff(reconnect, always || repeats, given === undefined);
  const place = new Place(from);

  async function* run(signal: AbortSignal): AsyncGenerator<StreamPart, undefined, void> {
    /** Deltas that come once more: these are passed over. */
    let known = place.count;
    const repeat = (): void => {
      known = repeats || place.mark !== undefined ? place.count : 0;
      place.count = 0;
    };
    place.count = 0;
    while (!signal.aborted) {
      const { inbox, close } = given ?? connect(place.mark);
      const end = (): void => {
        close();
        inbox.end();
      };
      signal.addEventListener("abort", end);
      try {
        for (;;) {
          const message = await inbox.take();
          if (message === undefined || signal.aborted) {
            return;
          }
          backoff.reset();
          if (message.again) {
            repeat();
          }
          const { parts, mark = place.mark } = open(message, onInvalid);
          for (const [i, { delta, count }] of parts.entries()) {
            place.count += count;
            if (place.count > known) {
              const isLast = i === parts.length - 1 && mark !== place.mark;
              yield { delta, cursor: isLast ? markedPlace(mark!) : place.cursor() };
            }
          }
          if (mark !== place.mark) {
            place.pass(mark!);
            known = 0;
          }
        }
      } catch (error) {
        if (!(error instanceof Lost)) {
          throw error;
        }
        if (!(error instanceof Paused)) {
          await backoff.wait(error, signal);
        }
        repeat();
      } finally {
        signal.removeEventListener("abort", end);
        close();
      }
    }
  }
  return endable((signal) => {
    if (given !== undefined) {
      signal.addEventListener("abort", given.close, { once: true });
    }
    return run(signal);
  }, outer);
}

/** What is in a message. */
interface Opened {
  readonly parts: readonly {
    readonly delta: VectorDelta | Uint8Array;
    /** How many deltas it is. */
    readonly count: number;
  }[];
  readonly mark?: string | undefined;
}

/** Opens a message; one that is wrong is reported and empty, if there is somebody to report to. */
function open({ data, mark }: Message, onInvalid: MessageOptions["onInvalid"]): Opened {
  try {
    if (typeof data === "string") {
      const { deltas, cursor = mark } = readText(data);
      return { parts: deltas.map((delta) => ({ delta, count: 1 })), mark: cursor };
    }
    return { parts: readFrames(data), mark };
  } catch (error) {
    if (onInvalid === undefined || !(error instanceof DeltaError)) {
      throw error;
    }
    onInvalid(error);
    return { parts: [], mark };
  }
}

function readText(text: string): { deltas: VectorDelta[]; cursor?: string } {
  const json = parseText(text);
  if (typeof json !== "object" || json === null || !("deltas" in json || "cursor" in json)) {
    return { deltas: parseDeltas(json) };
  }
  const { deltas = [], cursor, ...rest } = json as { deltas?: unknown; cursor?: unknown };
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) {
    throw invalid(`a message of deltas and cursor has an unknown member ${describe(unknown)}`);
  }
  if (!Array.isArray(deltas)) {
    throw invalid(`deltas must be an array, not ${describe(deltas)}`);
  }
  if (cursor !== undefined && typeof cursor !== "string") {
    throw invalid(`cursor must be a string, not ${describe(cursor)}`);
  }
  return { deltas: parseDeltas(deltas), ...(cursor === undefined ? {} : { cursor }) };
}

function readFrames(data: unknown): Opened["parts"] {
  const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
  if (!(bytes instanceof Uint8Array)) {
    throw invalid(`a message must be text or bytes, not ${describe(data)}`);
  }
  return [...spans(bytes)].flatMap(({ start, end, count, replicated }): Opened["parts"] => {
    const frames = bytes.subarray(start, end);
    return replicated
      ? [{ delta: frames, count }]
      : decodeDeltas(frames).map((delta) => ({ delta, count: 1 }));
  });
}

/**
 * A place in a stream of messages: behind the last one that the server marked, and so many deltas further. As a cursor:
 * the number, and, if there was a mark, an @ and the mark.
 */
export class Place {
  mark: string | undefined;
  count = 0;

  /**
   * @param from - a cursor, or nothing for the beginning
   * @throws DeltaError INVALID_ARGUMENT
   */
  constructor(from: DeltaCursor | undefined) {
    if (from !== undefined) {
      const parts = /^(\d{1,15})(?:@(.*))?$/s.exec(String(from));
      if (parts === null) {
        throw invalid(`from must be a cursor of this source, not ${describe(from)}`);
      }
      this.count = Number(parts[1]);
      this.mark = parts[2];
    }
  }

  /** The cursor of the place so many deltas further. */
  cursor(further = 0): string {
    const count = String(this.count + further);
    return this.mark === undefined ? count : `${count}@${this.mark}`;
  }

  /** Moves to the place behind a mark. */
  pass(mark: string): void {
    this.mark = mark;
    this.count = 0;
  }
}

function markedPlace(mark: string): string {
  return `0@${mark}`;
}
