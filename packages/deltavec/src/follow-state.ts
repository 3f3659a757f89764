import { openDB } from "idb";
import { DeltaError } from "./errors.ts";
import { type Followed, formatPlace, type Place, parsePlace } from "./follow-parts.ts";
import type { FollowStateStore } from "./follow-types.ts";
import { murmur3 } from "./shards.ts";
import { toPath } from "./storage/file-lock.ts";
import { node } from "./storage/node-files.ts";
import { parseStorageUrl } from "./storage/storage-url.ts";

/** What is known of one of the own replicas. */
export interface OwnReplica {
  /** All deltas up to this sequence number are acknowledged, or were refused for good. */
  acknowledged: number;
  /** Deltas up to this one may have reached the server. */
  attempted: number;
}

/** What a follower knows after a restart. */
export interface FollowState {
  /** Undefined if it is to begin with snapshots. */
  readonly place: Place | undefined;
  readonly replicas: Map<string, OwnReplica>;
  /** Which vectors the token let one see when the place was reached; empty for all. */
  readonly prefix: string;
}

/** A sequence number that none is above. */
export const ALL = 0xffff_ffff;

/** States of databases that are in memory, as long as these are. */
const inMemory = new WeakMap<object, Map<string, string>>();

/**
 * Says where a follower's state is kept: in IndexedDB for a database in the browser's storage, in a file beside a database in
 * files, else in memory.
 *
 * @param url - the server's
 */
export function stateStore(db: Followed, url: string): FollowStateStore & { lasts: boolean } {
  if (db.storage !== undefined && /^(idb|opfs|file):/.test(db.storage)) {
    const { kind } = parseStorageUrl(db.storage);
    if (kind === "file") {
      return fileStore(db.storage, url);
    }
    if ("indexedDB" in globalThis) {
      return idbStore(`${db.storage} ${url}`);
    }
  }
  const states = inMemory.get(db) ?? new Map<string, string>();
  inMemory.set(db, states);
  return {
    lasts: false,
    load: () => states.get(url),
    save: (state) => void states.set(url, state),
  };
}

function idbStore(key: string): FollowStateStore & { lasts: boolean } {
  const open = () =>
    openDB("deltavec-follow", 1, {
      upgrade: (database) => void database.createObjectStore("states"),
    });
  const run = async <T>(use: (database: Awaited<ReturnType<typeof open>>) => Promise<T>) => {
    const database = await open();
    try {
      return await use(database);
    } finally {
      database.close();
    }
  };
  return {
    lasts: true,
    load: () => run(async (database) => (await database.get("states", key)) as string | undefined),
    save: (state) =>
      run(async (database) => {
        await database.put("states", state, key);
      }),
  };
}

function fileStore(storage: string, url: string): FollowStateStore & { lasts: boolean } {
  const here = node();
  const directory = toPath(here, storage, parseStorageUrl(storage).name);
  const hash = murmur3(new TextEncoder().encode(url)).toString(16).padStart(8, "0");
  const path = here.path.join(directory, `follow-${hash}.json`);
  return {
    lasts: true,
    load: () => here.files.readFile(path, "utf8").catch(() => undefined),
    async save(state) {
      const fresh = `${path}.new`;
      await here.files.unlink(fresh).catch(() => undefined);
      const file = await here.files.open(fresh, "wx+");
      try {
        await file.writeFile(state);
        await file.datasync();
      } finally {
        await file.close();
      }
      await here.files.rename(fresh, path);
    },
  };
}

/**
 * Writes a state.
 *
 * @param sending - whether any delta may be on its way by the time that the state is read
 */
export function writeState(
  state: FollowState,
  url: string,
  filter: string,
  sending: boolean,
): string {
  const { place, replicas, prefix } = state;
  return JSON.stringify({
    version: 1,
    url,
    filter,
    prefix,
    cursor: place === undefined ? null : formatPlace(place),
    replicas: Object.fromEntries(
      [...replicas].map(([replica, { acknowledged, attempted }]) => [
        replica,
        [acknowledged, sending ? ALL : attempted],
      ]),
    ),
  });
}

/** Reads a state; undefined for what is none of this server. A place of another filter is left out. */
export function readState(text: unknown, url: string, filter: string): FollowState | undefined {
  if (typeof text !== "string") {
    return undefined;
  }
  let given: Partial<
    Record<"version" | "url" | "filter" | "prefix" | "cursor" | "replicas", unknown>
  >;
  try {
    given = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (
    given?.version !== 1 ||
    given.url !== url ||
    typeof given.replicas !== "object" ||
    given.replicas === null
  ) {
    return undefined;
  }
  const replicas = new Map<string, OwnReplica>();
  for (const [replica, numbers] of Object.entries(given.replicas)) {
    const [acknowledged, attempted] = Array.isArray(numbers) ? numbers : [];
    if (!/^[0-9a-f]{12}$/.test(replica) || ![acknowledged, attempted].every(isSequence)) {
      return undefined;
    }
    replicas.set(replica, { acknowledged, attempted });
  }
  return {
    place: given.filter === filter ? parsePlace(given.cursor) : undefined,
    replicas,
    prefix: typeof given.prefix === "string" ? given.prefix : "",
  };
}

function isSequence(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= ALL;
}

/** Checks a place that an application gives. */
export function requirePlace(since: string): Place {
  const place = parsePlace(since);
  if (place === undefined) {
    throw new DeltaError("INVALID_ARGUMENT", "since must be a cursor of a follower");
  }
  return place;
}
