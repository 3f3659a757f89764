import type { OpenedImage } from "../remote-protocol.ts";
import type { StorageOpened } from "./backing.ts";
import type { Durability } from "./stored.ts";

/** A BroadcastChannel, as far as it is needed. */
export interface Wire {
  onmessage: ((event: MessageEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
  /** On Node: whether it keeps the process alive. */
  ref?(): unknown;
  unref?(): unknown;
}

/** What tabs find each other by. */
export interface TabPlatform {
  readonly locks: LockManager;
  /** Opens the wire of a name, to all others that have it open. */
  wire(name: string): Wire;
}

/** The platform's own; undefined where it lacks something. */
export function tabPlatform(): TabPlatform | undefined {
  const { navigator } = globalThis as { navigator?: { locks?: LockManager } };
  const locks = navigator?.locks;
  return locks === undefined || typeof BroadcastChannel !== "function"
    ? undefined
    : { locks, wire: (name) => new BroadcastChannel(name) as Wire };
}

/** Name of the wire that all tabs of a storage have open, for {@link CommonMessage}. */
export function commonName(url: string): string {
  return `deltavec:${url}`;
}

/**
 * Name of the wire between a leader and one follower. The follower posts what it would post to a worker
 * (remote-protocol.ts), the leader {@link LeaderMessage}.
 */
export function wireName(url: string, leader: string, follower: string): string {
  return `deltavec:${url}:${leader}:${follower}`;
}

/** What is said to all. Names are random, those of followers also the names that they live by (life.ts). */
export type CommonMessage =
  /** Who leads? */
  | { readonly type: "hello" }
  /** I do. */
  | { readonly type: "leader"; readonly leader: string }
  /** I have the lock, and am opening the storage: whoever led before is gone. */
  | { readonly type: "taking"; readonly leader: string }
  /** Let me work through you. */
  | {
      readonly type: "attach";
      readonly leader: string;
      readonly follower: string;
      readonly durability: Durability;
    }
  /** I work through you no more. */
  | { readonly type: "detach"; readonly leader: string; readonly follower: string };

/** What a leader says to a follower. */
export type LeaderMessage =
  /** First. */
  | { readonly type: "opened"; readonly opened: StorageOpened }
  /** Instead. */
  | { readonly type: "refused"; readonly error: unknown }
  | { readonly type: "answers"; readonly answers: readonly unknown[] }
  /** Last: so many messages were taken in, and all that they asked for is answered. */
  | { readonly type: "gone"; readonly received: number };

/** What a tab's client says to its host. */
export type ClientMessage =
  /** Lead as soon as you may. */
  | "join"
  /** Stop leading, or waiting for that. */
  | "resign"
  /** Have all on disk, as this may be the last chance. */
  | "flush"
  /** Stop for good. */
  | "close";

/** What a tab's host says to its client. */
export type HostMessage =
  /** First: whether its thread lives by the name that it was given. */
  | { readonly type: "ready"; readonly lives: boolean }
  /** The lock is had. */
  | { readonly type: "taking" }
  /** The storage is open; calls go to the port. */
  | {
      readonly type: "leads";
      readonly port: MessagePort;
      readonly opened: StorageOpened;
      readonly module: WebAssembly.Module | undefined;
      readonly image: OpenedImage | undefined;
    }
  /** It leads no more. So many messages were taken in, and all that they asked for is answered. */
  | { readonly type: "resigned"; readonly received: number; readonly error: unknown }
  /** It could not lead. */
  | { readonly type: "failed"; readonly error: unknown }
  | { readonly type: "closed"; readonly error: unknown };
