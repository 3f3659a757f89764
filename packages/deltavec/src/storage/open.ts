import type { DurableDeltaVectorDB, DurableOptions, StorageSource } from "../durable.ts";
import { DeltaError, describe, invalid, quote, requireSignal } from "../errors.ts";
import { loadedModule } from "../module.ts";
import { databaseOptions, one } from "../options.ts";
import { DurableFace } from "./durable-face.ts";
import type { Storage } from "./storage.ts";
import { parseStorageUrl } from "./storage-url.ts";
import { resolveStorage, type StorageOptions, StoredDatabase } from "./stored.ts";
import { openStorage } from "./url.ts";

/** Storages that applications gave and that a database has open. */
const taken = new WeakSet<Storage>();

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
  // What can be told from the options alone is told before anything is made or locked.
  loadedModule();
  resolveStorage(how);
  databaseOptions(given);
  let storage: Storage;
  if (typeof source === "string") {
    storage = await openStorage(source);
  } else {
    storage = requireStorage(source, tabs);
    taken.add(storage);
  }
  let stored: StoredDatabase;
  try {
    signal?.throwIfAborted();
    stored = await StoredDatabase.open(storage, given, how, () => taken.delete(storage));
  } catch (error) {
    await storage.close().catch(() => undefined); // the first error says why
    taken.delete(storage);
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

/**
 * Checks a storage of the application's own.
 *
 * @throws DeltaError INVALID_ARGUMENT for what is none; LOCKED for one that a database has open
 */
function requireStorage(source: unknown, tabs: DurableOptions["tabs"]): Storage {
  if (typeof source !== "object" || source === null || source instanceof URL) {
    parseStorageUrl(source); // says what a storage may be
  }
  const storage = source as Storage;
  if (typeof storage.name !== "string") {
    throw invalid(`a Storage needs a name, a string, not ${describe(storage.name)}`);
  }
  for (const method of ["list", "open", "remove", "close"] as const) {
    if (typeof storage[method] !== "function") {
      throw invalid(
        `the storage ${quote(storage.name)} needs the method ${method}, not ${describe(storage[method])}`,
      );
    }
  }
  if (tabs === "share" || tabs === "follow") {
    throw invalid(`option tabs cannot be ${describe(tabs)} for ${storage.name}: it has no tabs`);
  }
  if (taken.has(storage)) {
    throw new DeltaError("LOCKED", `${storage.name} is open already`);
  }
  return storage;
}
