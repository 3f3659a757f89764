import type { DurableDeltaVectorDB, DurableOptions, StorageSource } from "../durable.ts";
import { describe, invalid, requireSignal } from "../errors.ts";
import { one } from "../options.ts";
import { DurableFace } from "./durable-face.ts";
import type { Storage } from "./storage.ts";
import { StoredDatabase } from "./stored.ts";
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

function isStorage(source: unknown): source is Storage {
  return (
    typeof source === "object" &&
    source !== null &&
    ["list", "open", "remove", "close"].every(
      (name) => typeof (source as Record<string, unknown>)[name] === "function",
    )
  );
}
