import { DeltaError } from "../errors.ts";
import { failure, isFull, nameOf, requireNoGap } from "./failure.ts";
import type { Release } from "./lock.ts";
import type { Storage, StorageFile } from "./storage.ts";
import { Turns } from "./turns.ts";

/** Most handles that are open at a time. */
const MOST_OPEN = 4;
/** Milliseconds between two tries to get a file that somebody else has open, and number of tries. */
const RETRY_MS = 50;
const RETRIES = 40;
/** The directory of all databases. */
const ROOT = "deltavec";

/** What of the platform's handles is used. They are there in dedicated workers only, and so are their declarations. */
interface AccessHandle {
  getSize(): number;
  read(target: Uint8Array, options: { readonly at: number }): number;
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

interface FileHandle {
  createSyncAccessHandle(): Promise<AccessHandle>;
}

interface Directory {
  getDirectoryHandle(name: string, options: { readonly create: true }): Promise<Directory>;
  getFileHandle(name: string, options: { readonly create: boolean }): Promise<FileHandle>;
  removeEntry(name: string): Promise<void>;
  entries(): AsyncIterable<[name: string, handle: { readonly kind: string }]>;
}

/** A handle that is open. */
interface Open {
  readonly handle: AccessHandle;
  /** Whether something was written that was not flushed. */
  unsure: boolean;
}

/**
 * Throws unless there is an origin private file system with sync access handles here.
 *
 * @throws DeltaError UNSUPPORTED_PLATFORM
 */
export function requireOpfs(): void {
  const { FileSystemFileHandle } = globalThis as { FileSystemFileHandle?: { prototype: object } };
  if (
    FileSystemFileHandle === undefined ||
    !("createSyncAccessHandle" in FileSystemFileHandle.prototype)
  ) {
    throw new DeltaError(
      "UNSUPPORTED_PLATFORM",
      "opfs:// needs a dedicated worker of a secure page (https: or localhost) and an engine with createSyncAccessHandle; idb:// works on pages, too",
    );
  }
}

/**
 * A storage in the origin private file system: `opfs://`. Only in dedicated workers. At most four of its files have a handle
 * at a time: those that were used last.
 */
export class OpfsStorage implements Storage {
  readonly name: string;
  readonly #database: string;
  readonly #release: Release;
  readonly #turns = new Turns();
  /** Handles by files, the one that was used last at the end. */
  readonly #open = new Map<string, Open>();
  #directory: Directory;

  private constructor(url: string, database: string, directory: Directory, release: Release) {
    this.name = url;
    this.#database = database;
    this.#directory = directory;
    this.#release = release;
  }

  /**
   * Opens a directory of the origin private file system, which is made if it is not there.
   *
   * @param url - for messages
   * @param name - the directory's, below `deltavec`
   * @param release - is called when this is closed
   * @throws DeltaError STORAGE_FAILED, QUOTA_EXCEEDED
   */
  static async open(url: string, name: string, release: Release): Promise<OpfsStorage> {
    try {
      return new OpfsStorage(url, name, await directoryOf(name), release);
    } catch (cause) {
      throw failure(`${url} cannot be opened`, cause);
    }
  }

  list(): Promise<string[]> {
    return this.#try("it cannot be listed", async () => {
      const names: string[] = [];
      for await (const [name, { kind }] of this.#directory.entries()) {
        if (kind === "file") {
          names.push(name);
        }
      }
      return names;
    });
  }

  async open(file: string): Promise<StorageFile> {
    await this.#try(`${file} cannot be opened`, async () => {
      this.#drop(file);
      await this.#handle(file, true);
    });
    return new OpfsFile(this, file);
  }

  remove(file: string): Promise<void> {
    return this.#try(`${file} cannot be removed`, async () => {
      this.#drop(file);
      try {
        await this.#directory.removeEntry(file);
      } catch (error) {
        if (nameOf(error) !== "NotFoundError") {
          throw error;
        }
      }
    });
  }

  async close(): Promise<void> {
    await this.#turns.run(() => {
      for (const file of this.#open.keys()) {
        this.#drop(file);
      }
    });
    await this.#release();
  }

  /** @internal Does something with a file's handle. */
  use<T>(file: string, what: string, run: (open: Open) => T): Promise<T> {
    return this.#try(
      `${file} cannot be ${what}`,
      async () => run(await this.#handle(file, false)),
      () => this.#drop(file),
    );
  }

  /** @internal Closes a file's handle. */
  release(file: string): Promise<void> {
    return this.#try(`${file} cannot be closed`, async () => this.#evict(file));
  }

  /** Does things one after the other, and once more if they fail, as a handle or the directory may have gone stale. */
  #try<T>(what: string, run: () => Promise<T>, before?: () => void): Promise<T> {
    return this.#turns.run(async () => {
      try {
        try {
          return await run();
        } catch (error) {
          if (error instanceof DeltaError || isFull(error)) {
            throw error;
          }
          before?.();
          this.#directory = await directoryOf(this.#database);
          return await run();
        }
      } catch (cause) {
        throw failure(`${this.name}: ${what}`, cause);
      }
    });
  }

  /** Returns a file's handle; makes one if there is none, for which the one that was used least lately may have to go. */
  async #handle(file: string, create: boolean): Promise<Open> {
    let open = this.#open.get(file);
    if (open === undefined) {
      for (const other of this.#open.keys()) {
        if (this.#open.size < MOST_OPEN) {
          break;
        }
        this.#evict(other);
      }
      const handle = await this.#directory.getFileHandle(file, { create });
      open = { handle: await this.#access(file, handle), unsure: false };
    } else {
      this.#open.delete(file);
    }
    this.#open.set(file, open);
    return open;
  }

  /** Gets access to a file. A worker that has just ended may have it a moment longer than the lock. */
  async #access(file: string, handle: FileHandle): Promise<AccessHandle> {
    for (let tries = 1; ; tries++) {
      try {
        return await handle.createSyncAccessHandle();
      } catch (cause) {
        if (nameOf(cause) !== "NoModificationAllowedError") {
          throw cause;
        }
        if (tries === RETRIES) {
          throw new DeltaError("LOCKED", `${this.name}: somebody else has ${file} open`, { cause });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Closes a handle that is to be made anew, so that nothing is lost that was to be flushed later. */
  #evict(file: string): void {
    const open = this.#open.get(file);
    if (open !== undefined) {
      if (open.unsure) {
        try {
          open.handle.flush();
        } catch (error) {
          // Through a stale handle nothing is flushed; the file's next one flushes what was written by this one, too.
          if (nameOf(error) !== "InvalidStateError") {
            throw error;
          }
        }
      }
      this.#drop(file);
    }
  }

  /** Closes a handle whatever it says. */
  #drop(file: string): void {
    const open = this.#open.get(file);
    this.#open.delete(file);
    try {
      open?.handle.close();
    } catch {
      // It is stale.
    }
  }
}

/** A file of an {@link OpfsStorage}. */
class OpfsFile implements StorageFile {
  readonly #storage: OpfsStorage;
  readonly #file: string;
  #closed = false;

  constructor(storage: OpfsStorage, file: string) {
    this.#storage = storage;
    this.#file = file;
  }

  size(): Promise<number> {
    return this.#storage.use(this.#file, "read", ({ handle }) => handle.getSize());
  }

  read(at: number, target: Uint8Array): Promise<number> {
    return this.#storage.use(this.#file, "read", ({ handle }) => {
      let done = 0;
      while (done < target.length) {
        const read = handle.read(target.subarray(done), { at: at + done });
        if (read === 0) {
          break;
        }
        done += read;
      }
      return done;
    });
  }

  write(at: number, bytes: Uint8Array): Promise<void> {
    return this.#storage.use(this.#file, "written", (open) => {
      requireNoGap(`${this.#storage.name}: ${this.#file}`, open.handle.getSize(), at);
      open.unsure = true;
      for (let done = 0; done < bytes.length; ) {
        const written = open.handle.write(bytes.subarray(done), { at: at + done });
        if (written === 0) {
          throw new DeltaError(
            "QUOTA_EXCEEDED",
            `${this.#storage.name}: ${this.#file} cannot be written: there is no more room`,
          );
        }
        done += written;
      }
    });
  }

  truncate(size: number): Promise<void> {
    return this.#storage.use(this.#file, "cut", (open) => {
      open.unsure = true;
      open.handle.truncate(size);
    });
  }

  async flush(strict: boolean): Promise<void> {
    if (strict) {
      await this.#storage.use(this.#file, "made sure of", (open) => {
        open.handle.flush();
        open.unsure = false;
      });
    }
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      await this.#storage.release(this.#file);
    }
  }
}

async function directoryOf(name: string): Promise<Directory> {
  const root = (await navigator.storage.getDirectory()) as unknown as Directory;
  const all = await root.getDirectoryHandle(ROOT, { create: true });
  return all.getDirectoryHandle(name, { create: true });
}
