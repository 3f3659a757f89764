import { describe, invalid, requireSignal } from "./errors.ts";
import { connected, intake, listenTo, type MessageOptions, requireTarget } from "./messages.ts";
import { START_BYTES, split } from "./seen.ts";
import type { DeltaSource, SourceOptions } from "./source-kit.ts";
import { asTask } from "./tasks.ts";
import type { DeltaEvent } from "./types.ts";

/** What `broadcastDeltas` takes. */
export interface BroadcastSourceOptions extends MessageOptions {
  /**
   * What this database has seen (`cursor()`): asks the others for all else, so that what they had before is not missed. All
   * that listen may answer; what comes twice is merged once.
   */
  since?: Uint8Array;
}

/** What `broadcast` takes. */
export interface BroadcastOptions extends SourceOptions {
  /** Told of what went wrong: `HISTORY_COMPACTED` if deltas were compacted away before they were sent. Default: reported. */
  onError?: (error: unknown) => void;
}

/** A `BroadcastChannel`, by whatever name the platform's types have it. */
export type Channel = InstanceType<typeof BroadcastChannel>;

/** What `broadcast` needs of a database; on this thread, or one in a worker. */
export interface BroadcastTarget {
  readonly options: { readonly replicaId: string };
  cursor(): Uint8Array | Promise<Uint8Array>;
  deltasSince(cursor: Uint8Array): Uint8Array | Promise<Uint8Array>;
  onDelta(callback: (delta: DeltaEvent) => void, options: { origin: "local" }): unknown;
}

/** The most deltas in a message. */
const MESSAGE_DELTAS = 1000;

/** Channels that were opened by name, so that a tab does not hear itself; with how many use them. */
const channels = new Map<string, { readonly channel: BroadcastChannel; users: number }>();

/**
 * Sends the deltas that this database issues from now on to all who listen to a channel, other tabs as a rule: as frames of a
 * replica, for their `merge`. What came by a merge is not sent on, so that nothing goes round. Deltas of one task go
 * together. Also answers those who ask for what they lack (`broadcastDeltas` with `since`).
 *
 * @param db - a database with history
 * @param channel - a name, or a channel. By name, a tab does not hear itself
 * @param options - all optional
 * @returns what ends it; calling it again does nothing. A channel that was given is not closed
 * @throws DeltaError `INVALID_ARGUMENT`
 *
 * @example
 * ```ts
 * broadcast(db, "notes");
 * await new DeltaStreamProcessor(db).streamDeltas(broadcastDeltas("notes", { since: db.cursor() }));
 * ```
 */
export function broadcast(
  db: BroadcastTarget,
  channel: string | Channel,
  options: BroadcastOptions = {},
): () => void {
  const { signal, onError = report } = options;
  requireSignal(signal);
  const replica = db.options.replicaId;
  let ended = false;
  let scheduled = false;
  /** Our last sequence number that was sent. */
  let sent: Promise<number> = Promise.resolve(db.cursor()).then(
    (cursor) => split(cursor, replica).last,
  );
  const fail = (error: unknown): void => {
    if (!ended) {
      onError(error);
    }
  };
  sent.catch(fail);
  const { target, release } = open(channel);

  /** Sends what is new; returns our last sequence number. */
  async function send(from: number): Promise<number> {
    const { last, others } = split(await db.cursor(), replica);
    for (let at = from; at < last && !ended; ) {
      const to = Math.min(at + MESSAGE_DELTAS, last);
      const bytes = await db.deltasSince(others(at, to));
      if (!ended) {
        target.postMessage(bytes);
      }
      at = to;
    }
    return last;
  }

  const unsubscribe = db.onDelta(
    () => {
      if (!scheduled) {
        scheduled = true;
        asTask(() => {
          scheduled = false;
          sent = sent.then(async (from) => {
            try {
              return ended ? from : await send(from);
            } catch (error) {
              fail(error);
              return split(await db.cursor(), replica).last;
            }
          });
          sent.catch(fail);
        });
      }
    },
    { origin: "local" },
  );
  const deaf = listenTo(target, {
    message: async ({ data }: MessageEvent<unknown>) => {
      const since = (data as { since?: unknown } | null)?.since;
      if (since instanceof Uint8Array) {
        try {
          const bytes = await db.deltasSince(since);
          if (!ended && bytes.length > START_BYTES) {
            target.postMessage(bytes);
          }
        } catch (error) {
          fail(error);
        }
      }
    },
  });
  const end = (): void => {
    if (!ended) {
      ended = true;
      signal?.removeEventListener("abort", end);
      deaf();
      release();
      Promise.resolve(unsubscribe).then(
        (stop) => typeof stop === "function" && stop(),
        () => undefined,
      );
    }
  };
  signal?.addEventListener("abort", end);
  if (signal?.aborted) {
    end();
  }
  return end;
}

/**
 * Deltas that others {@link broadcast} to a channel, from this call on. Messages may be frames, sealed, or JSON as of
 * `webSocketDeltas`; requests of others are ignored. Everything is checked. A channel cannot be told to wait: when more than
 * `maxBuffered` bytes wait to be read, the source ends with `BUFFER_FULL` (when these are read); start another one with
 * `since` to get what was missed.
 *
 * @param channel - a name, or a channel, which is not closed
 * @param options - all optional
 * @returns parts without cursors: what a database has seen says its `cursor()`
 * @throws DeltaError `INVALID_ARGUMENT`
 */
export function broadcastDeltas(
  channel: string | Channel,
  options: BroadcastSourceOptions = {},
): DeltaSource {
  const { since } = options;
  if (since !== undefined && !(since instanceof Uint8Array)) {
    throw invalid(`since must be a cursor of a database, not ${describe(since)}`);
  }
  const { inbox, offer } = intake(options, () => false);
  const { target, release } = open(channel);
  const deaf = listenTo(target, {
    message: ({ data }: MessageEvent<unknown>) => {
      const isRequest = (data as { since?: unknown } | null)?.since instanceof Uint8Array;
      if (!isRequest && !offer({ data, mark: undefined, again: false })) {
        deaf();
      }
    },
  });
  let listening = true;
  const close = (): void => {
    if (listening) {
      listening = false;
      deaf();
      release();
    }
  };
  if (since !== undefined) {
    target.postMessage({ since });
  }
  const given = { inbox, close };
  return connected(options, given, () => given, { always: false, repeats: false });
}

function report(error: unknown): void {
  const { reportError = console.error } = globalThis;
  reportError(error);
}

/** Opens a channel by name, or takes the one given. */
function open(channel: string | Channel): {
  target: BroadcastChannel;
  release: () => void;
} {
  if (typeof channel !== "string") {
    return { target: requireTarget(channel, "channel", "BroadcastChannel"), release: () => {} };
  }
  const shared = channels.get(channel) ?? { channel: new BroadcastChannel(channel), users: 0 };
  channels.set(channel, shared);
  shared.users++;
  return {
    target: shared.channel,
    release: () => {
      if (--shared.users === 0) {
        channels.delete(channel);
        shared.channel.close();
      }
    },
  };
}
