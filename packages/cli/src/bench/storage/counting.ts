import type { Storage, StorageFile } from "../../../../deltavec/src/storage/storage.ts";

/** A storage that counts what is written to another. */
export class CountingStorage implements Storage {
  /** Bytes that were written. */
  bytes = 0;
  /** Flushes that were strict. */
  flushes = 0;
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  get name(): string {
    return this.#storage.name;
  }

  list(): Promise<string[]> {
    return this.#storage.list();
  }

  async open(name: string): Promise<StorageFile> {
    const file = await this.#storage.open(name);
    return {
      size: () => file.size(),
      read: (at, target) => file.read(at, target),
      write: async (at, bytes) => {
        this.bytes += bytes.length;
        await file.write(at, bytes);
      },
      truncate: (size) => file.truncate(size),
      flush: async (strict) => {
        this.flushes += strict ? 1 : 0;
        await file.flush(strict);
      },
      close: () => file.close(),
    };
  }

  remove(name: string): Promise<void> {
    return this.#storage.remove(name);
  }

  close(): Promise<void> {
    return this.#storage.close();
  }
}
