import type { Storage, StorageFile } from "deltavec";
import { DeltaError } from "../../src/errors.ts";
import type { Random } from "./random.ts";

/** A change of a file that no flush has made sure of. */
type Change = { readonly at: number; readonly bytes: Uint8Array } | { readonly size: number };

interface Content {
  /** What outlives a loss of power for sure; undefined: not even that the file is there. */
  sure: Uint8Array | undefined;
  changes: Change[];
  live: Uint8Array;
}

/** What becomes of changes that were not flushed when the power goes. */
export type Loss = "drop" | "keep" | "mix";

/** What happens at the operation that is chosen. */
export type Fault =
  /** It fails, and the next ones do not. */
  | "once"
  /** It and all that follow fail. */
  | "always"
  /** The power goes: nothing of it is done, and nothing can be done any more. */
  | "crash"
  /** The same, but of a write the first part is done. */
  | "tear";

/** Bytes that a device writes as one. */
const SECTOR = 32;

function changed(bytes: Uint8Array, change: Change): Uint8Array {
  if ("size" in change) {
    return bytes.slice(0, change.size);
  }
  const end = change.at + change.bytes.length;
  const result = new Uint8Array(Math.max(bytes.length, end));
  result.set(bytes);
  result.set(change.bytes, change.at);
  return result;
}

/** Files as a disk has them: only what was flushed is sure. Outlives the storages that are opened on it. */
export class FaultDisk {
  readonly #files = new Map<string, Content>();
  readonly #removed = new Map<string, Uint8Array>();

  /** A storage on this disk in which at operation `at`, counted from 1, there is a fault. */
  storage(
    at = 0,
    fault: Fault = "crash",
    code: DeltaError["code"] = "STORAGE_FAILED",
  ): FaultStorage {
    return new FaultStorage(this.#files, this.#removed, at, fault, code);
  }

  /** The power goes. */
  cut(loss: Loss, random: Random): void {
    for (const [name, content] of this.#files) {
      let bytes = content.sure;
      if (loss === "keep") {
        bytes = content.live;
      } else if (loss === "mix") {
        for (const change of content.changes) {
          if (random.below(2) === 0) {
            continue;
          }
          if ("size" in change) {
            bytes = changed(bytes ?? new Uint8Array(0), change);
          } else {
            for (let from = 0; from < change.bytes.length; from += SECTOR) {
              if (random.below(3) > 0) {
                const part = change.bytes.subarray(from, from + SECTOR);
                bytes = changed(bytes ?? new Uint8Array(0), { at: change.at + from, bytes: part });
              }
            }
          }
        }
      }
      if (bytes === undefined) {
        this.#files.delete(name);
      } else {
        this.#files.set(name, { sure: bytes, changes: [], live: bytes });
      }
    }
    for (const [name, bytes] of this.#removed) {
      if (loss !== "keep" && !this.#files.has(name) && (loss === "drop" || random.below(2) === 0)) {
        this.#files.set(name, { sure: bytes, changes: [], live: bytes });
      }
    }
    this.#removed.clear();
  }

  /** Another disk in the same state. */
  clone(): FaultDisk {
    const disk = new FaultDisk();
    for (const [name, content] of this.#files) {
      disk.#files.set(name, { ...content, changes: [...content.changes] });
    }
    for (const [name, bytes] of this.#removed) {
      disk.#removed.set(name, bytes);
    }
    return disk;
  }

  /** A disk with the same files, all sure. */
  copy(): FaultDisk {
    const disk = new FaultDisk();
    for (const [name, bytes] of this.files()) {
      disk.put(name, bytes);
    }
    return disk;
  }

  /** What is in the files. */
  files(): Map<string, Uint8Array> {
    return new Map([...this.#files].sort().map(([name, { live }]) => [name, live]));
  }

  /** Makes a file, or changes all of it. */
  put(name: string, bytes: Uint8Array): void {
    this.#files.set(name, { sure: bytes, changes: [], live: bytes });
  }

  delete(name: string): void {
    this.#files.delete(name);
  }
}

/** A storage that fails when it is told to. */
export class FaultStorage implements Storage {
  readonly name = "fault:";
  /** How many operations there were. */
  operations = 0;
  /** Whether the power has gone. */
  dead = false;
  closed = false;
  /** Files that are open now, and the most there were. */
  openFiles = 0;
  mostOpen = 0;

  readonly #files: Map<string, Content>;
  readonly #removed: Map<string, Uint8Array>;
  #at: number;
  #full: string | undefined;
  readonly #fault: Fault;
  readonly #code: DeltaError["code"];

  constructor(
    files: Map<string, Content>,
    removed: Map<string, Uint8Array>,
    at: number,
    fault: Fault,
    code: DeltaError["code"],
  ) {
    this.#files = files;
    this.#removed = removed;
    this.#at = at;
    this.#fault = fault;
    this.#code = code;
  }

  /** From now on there is no room for files whose name begins so. */
  failWrites(begin: string): void {
    this.#full = begin;
  }

  /** From now on nothing fails. */
  heal(): void {
    this.#at = 0;
    this.#full = undefined;
  }

  /** Counts an operation. Throws at the one that is to fail; returns how much of it is to be done, 1 for all. */
  async #step(): Promise<number> {
    await undefined;
    if (this.dead) {
      throw new DeltaError("STORAGE_FAILED", "the power is gone");
    }
    this.operations++;
    if (this.#at === 0 || this.operations < this.#at) {
      return 1;
    }
    if (this.#fault === "once") {
      this.#at = 0;
    } else if (this.#fault !== "always") {
      this.dead = true;
      if (this.#fault === "tear") {
        return 0.5;
      }
    }
    throw new DeltaError(this.#code, `operation ${this.operations} is made to fail`);
  }

  async list(): Promise<string[]> {
    await this.#step();
    return [...this.#files.keys()];
  }

  async open(file: string): Promise<StorageFile> {
    await this.#step();
    const content = this.#files.get(file) ?? {
      sure: undefined,
      changes: [],
      live: new Uint8Array(0),
    };
    this.#files.set(file, content);
    this.mostOpen = Math.max(this.mostOpen, ++this.openFiles);
    let open = true;
    const change = (what: Change): void => {
      content.changes.push(what);
      content.live = changed(content.live, what);
    };
    return {
      size: async () => {
        await this.#step();
        return content.live.length;
      },
      read: async (at, target) => {
        await this.#step();
        const part = content.live.subarray(at, at + target.length);
        target.set(part);
        return part.length;
      },
      write: async (at, bytes) => {
        const share = await this.#step();
        if (this.#full !== undefined && file.startsWith(this.#full)) {
          throw new DeltaError("QUOTA_EXCEEDED", `there is no room for ${file}`);
        }
        if (at > content.live.length) {
          throw new Error(`a gap: ${file} has ${content.live.length} bytes, written at ${at}`);
        }
        change({ at, bytes: bytes.slice(0, Math.floor(bytes.length * share)) });
        if (share < 1) {
          throw new DeltaError("STORAGE_FAILED", "the power goes within a write");
        }
      },
      truncate: async (size) => {
        await this.#step();
        change({ size });
      },
      flush: async (strict) => {
        await this.#step();
        if (strict) {
          content.sure = content.live.slice();
          content.changes = [];
        }
      },
      close: async () => {
        if (open) {
          open = false;
          this.openFiles--;
        }
      },
    };
  }

  async remove(file: string): Promise<void> {
    await this.#step();
    const sure = this.#files.get(file)?.sure;
    this.#files.delete(file);
    if (sure !== undefined) {
      this.#removed.set(file, sure);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
