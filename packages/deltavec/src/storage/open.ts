import type { DurableDeltaVectorDB, DurableOptions, StorageSource } from "../durable.ts";
import { describe, invalid, requireSignal } from "../errors.ts";
import { loadedModule } from "../module.ts";
import { databaseOptions, one } from "../options.ts";
import { DurableFace } from "./durable-face.ts";
import type { Storage } from "./storage.ts";
import { parseStorageUrl } from "./storage-url.ts";
import { type StorageOptions, StoredDatabase } from "./stored.ts";
import { openStorage } from "./url.ts";

/** `DeltaVectorDB.open`. */
export async function open(
  source: StorageSource,
  options: DurableOptions = {},
): Promise<DurableDeltaVectorDB> {
  if (typeof options !== "object" || options === null) {
    throw invalid(`options must be an object, not ${describe(options)}`);
  }
  const { durability, flushMs, recover, create, tabs, signal, ...given } = options;
  requireSignal(signal);
  signal?.throwIfAborted();
  if (tabs !== undefined) {
    one("option tabs", ["share", "follow", "exclusive"], tabs);
  }
  const how = Object.fromEntries(
    Object.entries({ durability, flushMs, recover, create }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  if (typeof source === "string" && isShared(source, tabs)) {
    return openShared(source, options, how);
  }
  const storage = isStorage(source) ? source : await openStorage(source);
  let stored: StoredDatabase;
  try {
    signal?.throwIfAborted();
    stored = await StoredDatabase.open(storage, given, how);
  } catch (error) {
    await storage.close();
    throw error;
  }
  if (signal?.aborted) {
    await stored.close();
    throw signal.reason;
  }
  return DurableFace.of(stored);
}

/** Whether tabs share it, or a worker must open it. */
function isShared(url: string, tabs: DurableOptions["tabs"]): boolean {
  const { kind } = parseStorageUrl(url);
  return kind === "idb" || kind === "opfs" || tabs === "share" || tabs === "follow";
}

/** Opens what other tabs may have open. */
async function openShared(
  url: string,
  options: DurableOptions,
  how: StorageOptions,
): Promise<DurableDeltaVectorDB> {
  if (parseStorageUrl(url).kind === "opfs" && "document" in globalThis) {
    // Only a worker gets at its files as they need be.
    const { connect } = await import("../connect.ts");
    return (await connect({ ...options, storage: url })) as unknown as DurableDeltaVectorDB;
  }
  loadedModule(); // this tab may have to open it later
  const [{ openTabs }, { openBacking }] = await Promise.all([
    import("./tabs.ts"),
    import("./open-backing.ts"),
  ]);
  const { onError } = options;
  const given = { ...databaseOptions(options), ...(onError && { onError }) };
  return openTabs(url, options, (release, now) =>
    openBacking(url, { ...given, now }, how, release),
  );
}

function isStorage(source: unknown): source is Storage {
  return (
    typeof source === "object" &&
    source !== null &&
    ["list", "open", "remove", "close"].every(
      (name) => typeof (source as Record<string, unknown>)[name] === "function",
    )
  );
}
