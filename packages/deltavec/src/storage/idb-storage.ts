import {
  type DBSchema,
  type IDBPDatabase,
  type IDBPObjectStore,
  type IDBPTransaction,
  openDB,
} from "idb";
import { DeltaError } from "../errors.ts";
import { joined } from "../joined.ts";
import { failure, isFull, nameOf, requireNoGap } from "./failure.ts";
import type { Release } from "./lock.ts";
import type { Storage, StorageFile } from "./storage.ts";
import { Turns } from "./turns.ts";

/** Most bytes of a chunk that is made of several writes, or of a part of one. */
const CHUNK = 1 << 20;
/** Chunks below this are joined with their neighbours. */
const SMALL = CHUNK / 4;
/** Small chunks in a row from which on they are joined. */
const MANY = 256;
/** Bytes of a file that wait from which on they are written. */
const MOST_WAITING = 8 << 20;
/** Chunks that are read at a time. */
const AT_A_TIME = 16;

/** The tables of an IndexedDB database, version 1. */
interface Tables extends DBSchema {
  /** Sizes of files by their names. */
  files: { key: string; value: number };
  /** Bytes of files, by file and position: without gaps, none over another. */
  chunks: { key: [file: string, position: number]; value: Bytes };
  /** At `owner`, who opened this last: nobody else may write. */
  state: { key: string; value: string };
}

type Bytes = Uint8Array<ArrayBuffer>;
type Name = "files" | "chunks" | "state";
type Mode = "readonly" | "readwrite";
type Transaction<M extends Mode> = IDBPTransaction<Tables, Name[], M>;
type Chunks<M extends Mode> = IDBPObjectStore<Tables, Name[], "chunks", M>;

/** What waits to be done to a file. Done twice, all of it does the same as once. */
type Operation =
  | { readonly kind: "create" }
  | { readonly kind: "truncate"; readonly size: number }
  | Write;

interface Write {
  readonly kind: "write";
  readonly at: number;
  readonly parts: Bytes[];
  bytes: number;
}

/** What is known of a file. */
interface Known {
  readonly file: string;
  /** Its size with what waits. */
  size: number;
  waiting: Operation[];
  /** Bytes of the writes that wait. */
  bytes: number;
  /** The writing that waits for its turn. */
  next: { strict: boolean; readonly done: Promise<void> } | undefined;
  /** Whether something was written that may not be on disk. */
  unsure: boolean;
  /** Small chunks at its end, since this was opened. */
  loose: number;
  /** Where the first of them begins. */
  looseFrom: number;
  looseBytes: number;
  /** The chunk that was read last. */
  last: { readonly at: number; readonly bytes: Bytes } | undefined;
}

/**
 * A storage in IndexedDB: `idb://`. Files are rows of chunks. What is done to a file waits in memory until it is flushed: then all
 * of it is written in one transaction, in its order, whole or not at all.
 *
 * Each transaction checks that this is still the one that opened the database last: should two have it open (where there are no
 * Web Locks), the second to come writes, and the first gets LOCKED.
 */
export class IdbStorage implements Storage {
  readonly name: string;
  readonly #database: string;
  readonly #release: Release;
  readonly #owner = crypto.getRandomValues(new Uint32Array(4)).join("-");
  readonly #turns = new Turns();
  readonly #files = new Map<string, Known>();
  #connection: Promise<IDBPDatabase<Tables>> | undefined;
  #owns = false;
  private constructor(url: string, name: string, release: Release) {
    this.name = url;
    this.#database = `deltavec:${name}`;
    this.#release = release;
  }

  /**
   * Opens a database of IndexedDB, which is made if it is not there.
   *
   * @param url - for messages
   * @param name - its name, which gets `deltavec:` before it
   * @param release - is called when this is closed
   * @throws DeltaError UNSUPPORTED_PLATFORM where there is no IndexedDB; UNSUPPORTED_VERSION if a later release made the
   * database; STORAGE_FAILED, QUOTA_EXCEEDED
   */
  static async open(url: string, name: string, release: Release): Promise<IdbStorage> {
    if (typeof indexedDB === "undefined") {
      throw new DeltaError(
        "UNSUPPORTED_PLATFORM",
        `${url} needs IndexedDB, which is not here; Node has file:`,
      );
    }
    const storage = new IdbStorage(url, name, release);
    try {
      await storage.#begin();
    } catch (error) {
      storage.#disconnect();
      throw error;
    }
    return storage;
  }

  async list(): Promise<string[]> {
    return [...this.#files.keys()];
  }

  async open(file: string): Promise<StorageFile> {
    let known = this.#files.get(file);
    if (known === undefined) {
      known = newFile(file, 0);
      known.waiting.push({ kind: "create" });
      this.#files.set(file, known);
    }
    return new IdbFile(this, known);
  }

  async remove(file: string): Promise<void> {
    // What waits goes with it: if there was no room for it, there is for removing it.
    const known = this.#files.get(file);
    if (known !== undefined) {
      this.#files.delete(file);
      try {
        await this.#turns.run(() =>
          this.#transact("readwrite", false, `${file} cannot be removed`, async (transaction) => {
            started(transaction.objectStore("files").delete(file));
            started(transaction.objectStore("chunks").delete(fileRange(file, 0)));
          }),
        );
      } catch (error) {
        this.#files.set(file, known);
        throw error;
      }
    }
  }

  async close(): Promise<void> {
    const flushed = await Promise.allSettled(
      [...this.#files.values()].map((known) => this.flush(known, false)),
    );
    await this.#turns.run(() => this.#disconnect());
    await this.#release();
    for (const result of flushed) {
      if (result.status === "rejected") {
        throw result.reason;
      }
    }
  }

  /** @internal Puts a write to what waits; does it all if that is much. */
  async write(known: Known, at: number, bytes: Uint8Array): Promise<void> {
    requireNoGap(`${this.name}: ${known.file}`, known.size, at);
    for (let from = 0; from < bytes.length; ) {
      const last = known.waiting.at(-1);
      const joins =
        last?.kind === "write" && last.at + last.bytes === at + from && last.bytes < CHUNK;
      const room = joins ? CHUNK - last.bytes : CHUNK;
      const part = bytes.slice(from, from + room) as Bytes;
      if (joins) {
        last.parts.push(part);
        last.bytes += part.length;
      } else {
        known.waiting.push({ kind: "write", at: at + from, parts: [part], bytes: part.length });
      }
      from += part.length;
    }
    known.bytes += bytes.length;
    known.size = Math.max(known.size, at + bytes.length);
    if (known.bytes >= MOST_WAITING) {
      await this.flush(known, false);
    }
  }

  /** @internal Does all that waits. What comes while that runs is done in one go after it. */
  flush(known: Known, strict: boolean): Promise<void> {
    if (known.next === undefined) {
      const done = this.#turns.run(() => {
        const wanted = known.next?.strict ?? strict;
        known.next = undefined;
        return this.#perform(known, wanted);
      });
      known.next = { strict, done };
    }
    known.next.strict ||= strict;
    return known.next.done;
  }

  /** @internal */
  async read(known: Known, at: number, target: Uint8Array): Promise<number> {
    if (known.waiting.length > 0) {
      await this.flush(known, false);
    }
    return this.#turns.run(() => this.#read(known, at, target));
  }

  async #read(known: Known, at: number, target: Uint8Array): Promise<number> {
    const { file } = known;
    const end = Math.min(at + target.length, known.size);
    let next = at;
    const take = (position: number, bytes: Bytes): void => {
      const part = bytes.subarray(next - position, end - position);
      target.set(part, next - at);
      next += part.length;
      known.last = { at: position, bytes };
    };
    const { last } = known;
    if (last !== undefined && last.at <= at && at < Math.min(end, last.at + last.bytes.length)) {
      take(last.at, last.bytes);
    }
    if (next < end) {
      const from = next;
      await this.#transact("readonly", false, `${file} cannot be read`, async (transaction) => {
        next = from;
        const chunks = transaction.objectStore("chunks");
        // The chunk that the first byte is in begins at it or before it; the others follow.
        const cursor = await chunks.openCursor(IDBKeyRange.bound([file, 0], [file, from]), "prev");
        if (cursor !== null) {
          take(cursor.key[1], cursor.value);
        }
        while (next < end) {
          const range = IDBKeyRange.bound([file, next], [file, end], false, true);
          const [keys, values] = await Promise.all([
            chunks.getAllKeys(range, AT_A_TIME),
            chunks.getAll(range, AT_A_TIME),
          ]);
          if (keys.length === 0) {
            throw this.#gap(file, next);
          }
          for (const [i, [, position]] of keys.entries()) {
            if (position !== next) {
              throw this.#gap(file, next);
            }
            take(position, values[i]!);
          }
        }
      });
    }
    return Math.max(0, end - at);
  }

  #gap(file: string, at: number): DeltaError {
    return new DeltaError("STORAGE_FAILED", `${this.name}: bytes of ${file} are missing at ${at}`);
  }

  /** @internal Joins small chunks of a file from a position on. They stay what they are if that fails. */
  async compact(known: Known, from: number): Promise<void> {
    const { file } = known;
    known.loose = 0;
    known.looseBytes = 0;
    const join = async (transaction: Transaction<"readwrite">): Promise<void> => {
      const chunks = transaction.objectStore("chunks");
      const keys = await chunks.getAllKeys(fileRange(file, from));
      const size = (await transaction.objectStore("files").get(file)) ?? 0;
      for (const [begin, end] of groups(
        keys.map(([, at]) => at),
        size,
      )) {
        const range = IDBKeyRange.bound([file, begin], [file, end], false, true);
        const bytes = joined(await chunks.getAll(range));
        started(chunks.delete(range));
        started(chunks.put(bytes, [file, begin]));
      }
    };
    await this.#turns.run(() =>
      this.#transact("readwrite", false, `${file} cannot be compacted`, join).catch(
        () => undefined,
      ),
    );
  }

  /** Becomes the owner, and learns what files there are. */
  async #begin(): Promise<void> {
    const [keys, sizes] = await this.#transact(
      "readwrite",
      false,
      "it cannot be opened",
      async (transaction) => {
        const files = transaction.objectStore("files");
        started(transaction.objectStore("state").put(this.#owner, "owner"));
        return Promise.all([files.getAllKeys(), files.getAll()]);
      },
    );
    this.#owns = true;
    for (const [i, file] of keys.entries()) {
      this.#files.set(file, newFile(file, sizes[i]!));
    }
  }

  async #perform(known: Known, strict: boolean): Promise<void> {
    const { file, waiting, bytes } = known;
    if (waiting.length === 0 && !(strict && known.unsure)) {
      return;
    }
    known.waiting = [];
    known.bytes = 0;
    try {
      await this.#transact("readwrite", strict, `${file} cannot be written`, (transaction) => {
        // Also where nothing waits, so that there is something to make sure of: it takes what was before along.
        started(transaction.objectStore("state").put(this.#owner, "owner"));
        return perform(file, waiting, transaction);
      });
    } catch (error) {
      // Nothing of it was done; all of it waits on, before what came since.
      known.waiting = [...waiting, ...known.waiting];
      known.bytes += bytes;
      throw error;
    }
    known.unsure = !strict;
    known.last = undefined;
    for (const operation of waiting) {
      this.#note(known, operation);
    }
  }

  /** Keeps count of small chunks, after an operation was done. */
  #note(known: Known, operation: Operation): void {
    if (operation.kind === "truncate" ? operation.size <= known.looseFrom : isLarge(operation)) {
      known.loose = 0;
      known.looseBytes = 0;
    } else if (operation.kind === "write") {
      if (known.loose === 0) {
        known.looseFrom = operation.at;
      }
      known.loose++;
      known.looseBytes += operation.bytes;
      if (known.loose >= MANY || (known.loose > 1 && known.looseBytes >= CHUNK)) {
        void this.compact(known, known.looseFrom);
      }
    }
  }

  /**
   * Runs a transaction; once more with a new connection if the one there is does not do any more.
   *
   * @param strict - whether it is done only when it is on disk
   * @param what - was tried, for messages
   */
  async #transact<M extends Mode, T>(
    mode: M,
    strict: boolean,
    what: string,
    run: (transaction: Transaction<M>) => Promise<T>,
  ): Promise<T> {
    for (let again = false; ; again = true) {
      try {
        return await this.#once(mode, strict, run);
      } catch (cause) {
        if (again || cause instanceof DeltaError || isFull(cause)) {
          throw failure(`${this.name}: ${what}`, cause);
        }
        this.#disconnect();
      }
    }
  }

  async #once<M extends Mode, T>(
    mode: M,
    strict: boolean,
    run: (transaction: Transaction<M>) => Promise<T>,
  ): Promise<T> {
    const database = await this.#connect();
    const durability = strict ? "strict" : "relaxed";
    const transaction = database.transaction(["files", "chunks", "state"], mode, { durability });
    const done = started(transaction.done);
    try {
      const owner = await transaction.objectStore("state").get("owner");
      if (this.#owns && owner !== this.#owner) {
        throw new DeltaError("LOCKED", `${this.name} was opened by another page meanwhile`);
      }
      const result = await run(transaction);
      await done;
      return result;
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It has ended by itself.
      }
      await done.catch(() => undefined);
      // Of a transaction that was aborted requests tell no more than that.
      throw transaction.error ?? error;
    }
  }

  #connect(): Promise<IDBPDatabase<Tables>> {
    if (this.#connection === undefined) {
      let deleted = false;
      const connection = openDB<Tables>(this.#database, 1, {
        upgrade: (database, _before, _after, transaction) => {
          if (this.#owns) {
            deleted = true;
            transaction.abort();
            return;
          }
          database.createObjectStore("files");
          database.createObjectStore("chunks");
          database.createObjectStore("state");
        },
        // Somebody deletes the database, or a later release changes it: they wait for this.
        blocking: () => this.#disconnect(connection),
        // Safari does so by itself.
        terminated: () => this.#disconnect(connection),
      }).catch((cause) => {
        this.#disconnect(connection);
        if (deleted) {
          throw new DeltaError("STORAGE_FAILED", `${this.name} was deleted while it was open`, {
            cause,
          });
        }
        if (nameOf(cause) === "VersionError") {
          throw new DeltaError("UNSUPPORTED_VERSION", `a later release made ${this.name}`, {
            cause,
          });
        }
        throw cause;
      });
      this.#connection = connection;
    }
    return this.#connection;
  }

  /** Gives up the connection, or one that may have been given up. The next transaction makes another. */
  #disconnect(connection = this.#connection): void {
    connection?.then(
      (database) => database.close(),
      () => undefined,
    );
    if (this.#connection === connection) {
      this.#connection = undefined;
    }
  }
}

/** A file of an {@link IdbStorage}. */
class IdbFile implements StorageFile {
  readonly #storage: IdbStorage;
  readonly #known: Known;
  #cut = false;
  #closed = false;

  constructor(storage: IdbStorage, known: Known) {
    this.#storage = storage;
    this.#known = known;
  }

  async size(): Promise<number> {
    return this.#known.size;
  }

  read(at: number, target: Uint8Array): Promise<number> {
    return this.#storage.read(this.#known, at, target);
  }

  write(at: number, bytes: Uint8Array): Promise<void> {
    return this.#storage.write(this.#known, at, bytes);
  }

  async truncate(size: number): Promise<void> {
    const known = this.#known;
    if (size < known.size) {
      known.size = size;
      known.waiting = [...upTo(size, known.waiting), { kind: "truncate", size }];
      known.bytes = known.waiting.reduce(
        (sum, each) => sum + ("bytes" in each ? each.bytes : 0),
        0,
      );
      this.#cut = true;
    }
  }

  flush(strict: boolean): Promise<void> {
    return this.#storage.flush(this.#known, strict);
  }

  async close(): Promise<void> {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    await this.#storage.flush(this.#known, false);
    this.#known.last = undefined;
    if (this.#cut || this.#known.loose > 1) {
      // What is cut may have been written by somebody who ended before joining it.
      await this.#storage.compact(this.#known, 0);
    }
  }
}

function newFile(file: string, size: number): Known {
  return {
    file,
    size,
    waiting: [],
    bytes: 0,
    next: undefined,
    unsure: false,
    loose: 0,
    looseFrom: 0,
    looseBytes: 0,
    last: undefined,
  };
}

function isLarge(operation: Operation): boolean {
  return operation.kind === "write" && operation.bytes >= SMALL;
}

/** Leaves out what a cut undoes: if there was no room for it, there is for the cut. */
function upTo(size: number, waiting: readonly Operation[]): Operation[] {
  return waiting.flatMap((operation) => {
    if (operation.kind !== "write" || operation.at + operation.bytes <= size) {
      return [operation];
    }
    const { at, parts } = operation;
    return at >= size
      ? []
      : [{ kind: "write", at, parts: [joined(parts).slice(0, size - at)], bytes: size - at }];
  });
}

/** All chunks of a file that begin at a position or behind it. */
function fileRange(file: string, from: number): IDBKeyRange {
  return IDBKeyRange.bound([file, from], [file, Number.POSITIVE_INFINITY]);
}

/** Does operations in their order. */
async function perform(
  file: string,
  waiting: readonly Operation[],
  transaction: Transaction<"readwrite">,
): Promise<void> {
  const files = transaction.objectStore("files");
  const chunks = transaction.objectStore("chunks");
  let size = (await files.get(file)) ?? 0;
  for (const operation of waiting) {
    if (operation.kind === "write") {
      await write(chunks, file, operation, size);
      size = Math.max(size, operation.at + operation.bytes);
    } else if (operation.kind === "truncate") {
      await cut(chunks, file, operation.size);
      size = Math.min(size, operation.size);
    }
  }
  started(files.put(size, file));
}

/** Writes into the chunks that there are, and the rest as a new one. */
async function write(
  chunks: Chunks<"readwrite">,
  file: string,
  { at, parts }: Write,
  size: number,
): Promise<void> {
  const bytes = parts.length === 1 ? parts[0]! : joined(parts);
  let next = at;
  if (at < size) {
    const end = at + bytes.length;
    let cursor = await chunks.openCursor(IDBKeyRange.bound([file, 0], [file, at]), "prev");
    while (cursor !== null && next < Math.min(size, end)) {
      const [, position] = cursor.key;
      const chunk = cursor.value;
      const part = bytes.subarray(next - at, position + chunk.length - at);
      chunk.set(part, next - position);
      started(chunks.put(chunk, [file, position]));
      next += part.length;
      cursor = next < end ? await chunks.openCursor(IDBKeyRange.only([file, next])) : null;
    }
  }
  if (next < at + bytes.length) {
    // A copy, as the whole of a buffer is written, not a part.
    started(chunks.put(next === at ? bytes : bytes.slice(next - at), [file, next]));
  }
}

/** Removes all bytes from a position on. */
async function cut(chunks: Chunks<"readwrite">, file: string, size: number): Promise<void> {
  if (size > 0) {
    const before = IDBKeyRange.bound([file, 0], [file, size], false, true);
    const cursor = await chunks.openCursor(before, "prev");
    if (cursor !== null && cursor.key[1] + cursor.value.length > size) {
      started(chunks.put(cursor.value.slice(0, size - cursor.key[1]), cursor.key));
    }
  }
  started(chunks.delete(fileRange(file, size)));
}

/** Finds small chunks in a row that make a chunk of at most {@link CHUNK} bytes: where they begin and end. */
function groups(positions: readonly number[], size: number): [begin: number, end: number][] {
  const found: [number, number][] = [];
  let begin = positions[0] ?? 0;
  let count = 0;
  const finish = (end: number): void => {
    if (count > 1) {
      found.push([begin, end]);
    }
    count = 0;
  };
  for (const [i, at] of positions.entries()) {
    const end = positions[i + 1] ?? size;
    if (end - at >= SMALL || end - begin > CHUNK) {
      finish(at);
    }
    if (end - at < SMALL) {
      if (count === 0) {
        begin = at;
      }
      count++;
    } else {
      begin = end;
    }
  }
  finish(size);
  return found;
}

/** Marks a request that nobody waits for: the transaction fails with it, and tells. */
function started<T>(request: Promise<T>): Promise<T> {
  request.catch(() => undefined);
  return request;
}
