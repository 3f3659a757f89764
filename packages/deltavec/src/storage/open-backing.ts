import type { DeltaDBOptions } from "../types.ts";
import type { Backing } from "./backing.ts";
import type { Release } from "./lock.ts";
import { type StorageOptions, StoredDatabase } from "./stored.ts";
import { openStorage } from "./url.ts";

/**
 * Opens the storage that a URL names, and the database in it.
 *
 * @param release - the storage's lock, if the caller has it; closing the database gives it back
 * @throws DeltaError what either throws
 */
export async function openBacking(
  url: string,
  given: DeltaDBOptions,
  how: StorageOptions,
  release: Release | undefined,
): Promise<Backing> {
  const storage = await openStorage(url, release);
  try {
    return await StoredDatabase.open(storage, given, how);
  } catch (error) {
    await storage.close().catch(() => undefined);
    throw error;
  }
}
