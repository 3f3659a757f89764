/// <reference lib="esnext.disposable" preserve="true" />
import type { DeltaError } from "./errors.ts";

/**
 * What a follower does.
 *
 * - `connecting`: asks the server, or waits to ask again
 * - `snapshot`: takes over what the server has
 * - `deltas`: reads what came since
 * - `live`: up to date; gets each delta as it comes
 * - `offline`: the connection was lost; it is made again
 * - `waiting`: another tab holds the connection, for all
 * - `closed`: was closed, or its database was
 * - `failed`: has given up; `onError` was told why
 */
export type FollowStatus =
  | "connecting"
  | "snapshot"
  | "deltas"
  | "live"
  | "offline"
  | "waiting"
  | "closed"
  | "failed";

/** How far a follower is. */
export interface FollowProgress {
  readonly phase: FollowStatus;
  /** What has come in this phase: bytes of the snapshot; else records of the server's log. */
  readonly received: number;
  /** About how much there is in this phase, if that is known. */
  readonly total?: number;
  /** Local deltas that the server has not acknowledged, as far as is known. */
  readonly pending: number;
}

/** A local delta that the server did not take. It stays in this database, and is not sent again. */
export interface FollowConflict {
  /** The server's code, such as `FORBIDDEN` or `TOO_OLD`; or a {@link DeltaError}'s. */
  readonly reason: string;
  /** The vector; empty where it is not known any more. */
  readonly vectorId: string;
  /** The delta's id, as `getDeltaChain` lists it; empty where it is not known any more. */
  readonly deltaId: string;
  /** The delta as a stream for `merge`; empty where it is not there any more. */
  readonly bytes: Uint8Array;
}

/**
 * Keeps what a follower has to know after a restart: where it is in the server's log, and which of its own deltas were
 * acknowledged. Some hundred bytes of text, written at most about once a second. A follower that has lost it begins with a
 * snapshot, and sends all that this does not show (docs/follow.md).
 */
export interface FollowStateStore {
  /** Returns what was saved last, or nothing. */
  load(): Promise<string | undefined> | string | undefined;
  /** Saves, in place of what was there. The deltas that it stands for are on disk by then. */
  save(state: string): Promise<void> | void;
}

/** How a database follows a server. */
export interface FollowServerOptions {
  /** Only these vectors, and those of `prefix`. Deltas made here are sent whatever their ids are. */
  readonly ids?: readonly string[];
  /** Only vectors whose ids begin so, and those of `ids`. */
  readonly prefix?: string | readonly string[];
  /** Where to begin, in place of what was kept: a `cursor` of a {@link Following}. */
  readonly since?: string;
  /** The token, or what gives a fresh one: called at first, and whenever the server does not take the last one any more. */
  readonly token?: string | (() => string | Promise<string>);
  /** Ends it, as `close` does. */
  readonly signal?: AbortSignal;
  /** By what new deltas come. Default `websocket`. */
  readonly transport?: "websocket" | "sse";
  /** Where the state is kept. Default: where the database is (docs/follow.md). */
  readonly state?: FollowStateStore;
  /** Milliseconds before the first further attempt, about. Default 500. Each wait is twice the one before. */
  readonly minDelayMs?: number;
  /** The longest wait between two attempts, in milliseconds. Default 30,000. There is no last attempt. */
  readonly maxDelayMs?: number;
  /** Told how it goes, some times a second at most. */
  readonly onProgress?: (progress: FollowProgress) => void;
  /** Told of what went wrong; of a local delta that the server did not take, with that. Default: reported. */
  readonly onError?: (error: DeltaError, conflict?: FollowConflict) => void;
  /** In place of the platform's. */
  readonly fetch?: typeof globalThis.fetch;
  /** In place of the platform's. */
  readonly WebSocket?: typeof globalThis.WebSocket;
}

/** A database that follows a server; made by `DeltaVectorDB.follow`. */
export interface Following {
  /** What it does. */
  readonly status: FollowStatus;
  /** Where it is in the server's log: for `since`. Undefined before the first snapshot. All before it is in the database. */
  readonly cursor: string | undefined;
  /** The local deltas that the server did not take, the last 1,000 of them. */
  readonly conflicts: readonly FollowConflict[];
  /**
   * Fulfilled when the database is up to date for the first time. Rejected with a DeltaError if it gives up before, or is closed.
   * Waits as long as there is no connection.
   */
  readonly ready: Promise<void>;
  /**
   * Done once the server has acknowledged all deltas that were made here before this call, but for those it refuses (which `onError` is
   * told). Waits as long as there is no connection.
   *
   * @throws DeltaError (as a rejection) `CLOSED` if the follower ends before
   */
  flush(): Promise<void>;
  /** Ends it, when the state is kept. The database stays open, and what was not sent is sent by the next one. */
  close(): Promise<void>;
  /** Closes it at the end of an `await using` declaration. */
  [Symbol.asyncDispose](): Promise<void>;
}
