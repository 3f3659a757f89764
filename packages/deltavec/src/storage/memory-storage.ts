import { DeltaError } from "../errors.ts";
import type { Storage, StorageFile } from "./storage.ts";

/** What one name holds. */
interface Store {
  readonly files: Map<string, Content>;
  open: boolean;
}

/** A file's bytes, and room behind them. */
interface Content {
  bytes: Uint8Array;
  size: number;
}

const stores = new Map<string, Store>();

/**
 * A storage in this process's memory: `memory:` and `memory:name`. What it holds is there for the next one of the same name,
 * until the process, or the thread, ends; without a name nobody else gets at it.
 */
export class MemoryStorage implements Storage {
  readonly name: string;
  readonly #store: Store;

  /**
   * @param name - what it is found by; empty for none
   * @throws DeltaError LOCKED while another one of that name is open
   */
  constructor(name = "") {
    this.name = `memory:${name}`;
    const store = stores.get(name) ?? { files: new Map(), open: false };
    if (name !== "") {
      stores.set(name, store);
    }
    if (store.open) {
      throw new DeltaError("LOCKED", `${this.name} is open already`);
    }
    store.open = true;
    this.#store = store;
  }

  async list(): Promise<string[]> {
    return [...this.#store.files.keys()];
  }

  async open(file: string): Promise<StorageFile> {
    const { files } = this.#store;
    const content = files.get(file) ?? { bytes: new Uint8Array(0), size: 0 };
    files.set(file, content);
    return new MemoryFile(content);
  }

  async remove(file: string): Promise<void> {
    this.#store.files.delete(file);
  }

  async close(): Promise<void> {
    this.#store.open = false;
  }
}

class MemoryFile implements StorageFile {
  readonly #content: Content;

  constructor(content: Content) {
    this.#content = content;
  }

  async size(): Promise<number> {
    return this.#content.size;
  }

  async read(at: number, target: Uint8Array): Promise<number> {
    const { bytes, size } = this.#content;
    const read = Math.max(0, Math.min(target.length, size - at));
    target.set(bytes.subarray(at, at + read));
    return read;
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    const content = this.#content;
    const end = at + bytes.length;
    if (end > content.bytes.length) {
      const more = new Uint8Array(Math.max(end, 2 * content.bytes.length));
      more.set(content.bytes.subarray(0, content.size));
      content.bytes = more;
    }
    content.bytes.set(bytes, at);
    content.size = Math.max(content.size, end);
  }

  async truncate(size: number): Promise<void> {
    this.#content.size = Math.min(this.#content.size, size);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}
