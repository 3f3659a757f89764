import { DeltaError } from "../errors.ts";
import { type Release, tryLock } from "./lock.ts";
import type { Storage } from "./storage.ts";
import { parseStorageUrl } from "./storage-url.ts";

export { parseStorageUrl, type StorageUrl } from "./storage-url.ts";

/**
 * Opens the storage that a URL names, and keeps others out of it until it is closed.
 *
 * @param url - see {@link parseStorageUrl}
 * @param lock - the storage's lock, if the caller has it already; closing the storage gives it back, failing to open does not
 * @throws DeltaError INVALID_ARGUMENT for a URL that is none; UNSUPPORTED_PLATFORM where there is no such storage here;
 * LOCKED while another one has it, here, in another thread, tab or process; STORAGE_FAILED, QUOTA_EXCEEDED
 */
export async function openStorage(url: string, lock?: Release): Promise<Storage> {
  const { kind, name } = parseStorageUrl(url);
  switch (kind) {
    case "memory": {
      const { MemoryStorage } = await import("./memory-storage.ts");
      return new MemoryStorage(name);
    }
    case "file": {
      const { FileStorage } = await import("./file-storage.ts");
      return FileStorage.open(url, name, lock);
    }
    case "idb": {
      const { IdbStorage } = await import("./idb-storage.ts");
      return locked(url, lock, (release) => IdbStorage.open(url, name, release));
    }
    case "opfs": {
      const { OpfsStorage, requireOpfs } = await import("./opfs-storage.ts");
      requireOpfs();
      return locked(url, lock, (release) => OpfsStorage.open(url, name, release));
    }
  }
}

/** Opens what needs the lock of its URL. */
async function locked(
  url: string,
  given: Release | undefined,
  open: (release: Release) => Promise<Storage>,
): Promise<Storage> {
  const release = given ?? (await tryLock(url));
  if (release === undefined) {
    throw new DeltaError("LOCKED", `${url} is open already: in another tab, a worker, or here`);
  }
  try {
    return await open(release);
  } catch (error) {
    if (given === undefined) {
      await release();
    }
    throw error;
  }
}
