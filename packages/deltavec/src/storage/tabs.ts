import { Connection, untilAborted } from "../connection.ts";
import type { DurableOptions } from "../durable.ts";
import { DeltaError, describe, invalid, requireSignal } from "../errors.ts";
import { databaseOptions } from "../options.ts";
import type { Readers } from "../readers.ts";
import type { RemoteDurableDeltaVectorDB, WorkerLike } from "../remote.ts";
import type { DeltaDBOptions } from "../types.ts";
import type { OpenBacking, TabMode } from "./backing.ts";
import { RemoteDurableFace } from "./remote-durable-face.ts";
import { settleOptions } from "./state.ts";
import { parseStorageUrl } from "./storage-url.ts";
import type { Durability } from "./stored.ts";
import { TabClient, type TabOpened } from "./tab-client.ts";
import { TabHost } from "./tab-host.ts";
import { type TabPlatform, tabPlatform } from "./tab-protocol.ts";

const MODES: readonly TabMode[] = ["share", "follow", "exclusive"];
const DURABILITIES: readonly Durability[] = ["strict", "relaxed"];

/**
 * Says who is let in to a storage.
 *
 * @param tabs - as given
 * @param platform - what tabs find each other by, if there is that
 * @param readers - how many readers are wanted: they need the database in a worker of this tab
 * @returns `alone` where the storage itself keeps others out
 * @throws DeltaError INVALID_ARGUMENT, UNSUPPORTED_PLATFORM
 */
export function tabMode(
  url: string,
  tabs: unknown,
  platform: TabPlatform | undefined,
  readers = 0,
): TabMode | "alone" {
  const { kind } = parseStorageUrl(url);
  if (tabs !== undefined && !MODES.includes(tabs as TabMode)) {
    throw invalid(`option tabs must be one of ${MODES.join(", ")}, not ${describe(tabs)}`);
  }
  const shared = tabs === "share" || tabs === "follow";
  if (kind !== "idb" && kind !== "opfs") {
    if (shared) {
      throw invalid(`option tabs cannot be ${describe(tabs)} for ${url}: it has no tabs`);
    }
    return "alone";
  }
  if (platform === undefined) {
    if (shared) {
      throw new DeltaError(
        "UNSUPPORTED_PLATFORM",
        `tabs cannot share ${url}: this needs Web Locks, which pages with https: have, and BroadcastChannel`,
      );
    }
    return "alone";
  }
  if (readers > 0 && shared) {
    throw invalid('option readers needs a database of the tab\'s own: option tabs "exclusive"');
  }
  return readers > 0 ? "exclusive" : ((tabs as TabMode | undefined) ?? "share");
}

/** Checks how durable a database is to be. */
export function durabilityOf(given: unknown): Durability {
  if (given !== undefined && !DURABILITIES.includes(given as Durability)) {
    throw invalid(`option durability must be strict or relaxed, not ${describe(given)}`);
  }
  return (given as Durability | undefined) ?? "relaxed";
}

/** What a face of an open client is made of. */
export interface FaceStart {
  readonly url: string;
  readonly client: TabClient;
  readonly opened: TabOpened;
  readonly given: DurableOptions;
  readonly worker: WorkerLike;
  readonly terminate: () => unknown;
  readonly name: string;
  readonly readers?: Readers | undefined;
}

/** Makes the face of a client that has been opened. */
export function makeFace(start: FaceStart): {
  readonly db: RemoteDurableDeltaVectorDB;
  readonly connection: Connection;
} {
  const { url, client, opened, given, worker, terminate, name, readers } = start;
  const { compression, precision } = opened.options;
  const connection = new Connection({
    port: client,
    worker,
    terminate,
    form: { compression, grid: precision?.grid ?? 0 },
    name,
    clock: given.now,
    onError: given.onError,
  });
  client.onfailure = (cause) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    connection.end(
      () => new DeltaError("CLOSED", `${url} could not be opened again: ${why}`, { cause }),
    );
  };
  client.ontrouble = (error) => (given.onError ?? console.error)(error);
  const durability = durabilityOf(given.durability);
  const rest = { client, storage: url, durability, name, readers };
  return { db: RemoteDurableFace.ofStored(connection, opened, rest), connection };
}

/** Checks what is asked of a database that another tab has opened. */
export function requireSame(given: DeltaDBOptions, opened: TabOpened, url: string): void {
  if (!opened.own) {
    settleOptions({ ...opened.options }, given, url);
  }
}

/**
 * Opens a database that tabs share, its storage in this thread if this tab leads.
 *
 * @param open - opens the storage; called whenever this tab becomes the leader
 */
export async function openTabs(
  url: string,
  given: DurableOptions,
  open: OpenBacking,
  platform: TabPlatform | undefined = tabPlatform(),
): Promise<RemoteDurableDeltaVectorDB> {
  const { signal } = given;
  requireSignal(signal);
  signal?.throwIfAborted();
  const options = databaseOptions(given);
  const mode = tabMode(url, given.tabs, platform);
  const durability = durabilityOf(given.durability);
  const { port1, port2 } = new MessageChannel();
  const host = new TabHost({ url, mode, control: port2, open, durability, platform });
  (port2 as { unref?(): void }).unref?.(); // the client's end keeps a process alive, if anything does
  const client = new TabClient({ url, mode, durability, control: port1, platform });
  let opened: TabOpened;
  try {
    opened = await untilAborted(client.opened, signal);
    requireSame(options, opened, url);
  } catch (error) {
    client.close();
    await host.leave();
    throw error;
  }
  const worker: WorkerLike = { postMessage: () => {}, terminate: () => {} };
  const terminate = (): unknown => host.leave();
  return makeFace({ url, client, opened, given, worker, terminate, name: url }).db;
}
