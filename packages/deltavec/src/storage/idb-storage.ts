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
/** Bytes that wait to be written from which on they are. */
const MOST_QUEUED = 8 << 20;
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

/** What waits to be written. Done twice, it does the same as once. */
type Operation =
  | { readonly kind: "create" | "remove"; readonly file: string }
  | { readonly kind: "truncate"; readonly file: string; readonly size: number }
  | Write;

interface Write {
  readonly kind: "write";
  readonly file: string;
  readonly at: number;
  readonly parts: Bytes[];
  bytes: number;
}

/** What is known of a file. */
interface Known {
  /** Its size with what is queued. */
  size: number;
  /** Small chunks at its end, since this was opened. */
  loose: number;
  /** Where the first of them begins. */
  looseFrom: number;
  looseBytes: number;
  /** The chunk that was read last. */
  last: { readonly at: number; readonly bytes: Bytes } | undefined;
}

/**
 * A storage in IndexedDB: `idb://`. Files are rows of chunks. Writes wait in memory until one of the files is flushed: then all of
 * them are written in one transaction, in their order, whole or not at all.
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
  #queue: Operation[] = [];
  #queued = 0;
  /** The writing that waits for its turn. */
  #next: { strict: boolean; readonly done: Promise<void> } | undefined;
  /** Whether something was written that may not be on disk. */
  #unsure = false;

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
      known = newFile(0);
      this.#files.set(file, known);
      this.#queue.push({ kind: "create", file });
    }
    return new IdbFile(this, file, known);
  }

  async remove(file: string): Promise<void> {
    if (this.#files.delete(file)) {
      this.#queue.push({ kind: "remove", file });
      await this.flush(false);
    }
  }

  async close(): Promise<void> {
    try {
      await this.flush(false);
      await this.#turns.run(() => undefined);
    } finally {
      this.#disconnect();
      await this.#release();
    }
  }

  /** @internal Puts a write to the others. Writes what waits if that is much. */
  async write(file: string, known: Known, at: number, bytes: Uint8Array): Promise<void> {
    requireNoGap(`${this.name}: ${file}`, known.size, at);
    for (let from = 0; from < bytes.length; ) {
      const last = this.#queue.at(-1);
      const joins =
        last?.kind === "write" &&
        last.file === file &&
        last.at + last.bytes === at + from &&
        last.bytes < CHUNK;
      const room = joins ? CHUNK - last.bytes : CHUNK;
      const part = bytes.slice(from, from + room) as Bytes;
      if (joins) {
        last.parts.push(part);
        last.bytes += part.length;
      } else {
        this.#queue.push({
          kind: "write",
          file,
          at: at + from,
          parts: [part],
          bytes: part.length,
        });
      }
      from += part.length;
    }
    this.#queued += bytes.length;
    known.size = Math.max(known.size, at + bytes.length);
    if (this.#queued >= MOST_QUEUED) {
      await this.flush(false);
    }
  }

  /** @internal */
  truncate(file: string, known: Known, size: number): void {
    if (size < known.size) {
      known.size = size;
      this.#queue.push({ kind: "truncate", file, size });
    }
  }

  /** @internal Writes all that waits. What comes while another writing runs is written in one go after it. */
  flush(strict: boolean): Promise<void> {
    if (this.#next === undefined) {
      const done = this.#turns.run(() => {
        const wanted = this.#next?.strict ?? strict;
        this.#next = undefined;
        return this.#writeQueue(wanted);
      });
      this.#next = { strict, done };
    }
    this.#next.strict ||= strict;
    return this.#next.done;
  }

  /** @internal */
  async read(file: string, known: Known, at: number, target: Uint8Array): Promise<number> {
    if (this.#queue.some((operation) => operation.file === file)) {
      await this.flush(false);
    }
    return this.#turns.run(() => this.#read(file, known, at, target));
  }

  async #read(file: string, known: Known, at: number, target: Uint8Array): Promise<number> {
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
  async compact(file: string, known: Known, from: number): Promise<void> {
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
      this.#files.set(file, newFile(sizes[i]!));
    }
  }

  async #writeQueue(strict: boolean): Promise<void> {
    const queue = needed(this.#queue);
    const queued = this.#queued;
    if (queue.length === 0 && !(strict && this.#unsure)) {
      return;
    }
    this.#queue = [];
    this.#queued = 0;
    try {
      await this.#transact("readwrite", strict, "it cannot be written", async (transaction) => {
        // Also where nothing else is to be written, so that there is something to make sure of: it takes what was before along.
        started(transaction.objectStore("state").put(this.#owner, "owner"));
        await perform(queue, transaction);
      });
    } catch (error) {
      // Nothing of it was written; all of it waits on, before what came since.
      this.#queue = [...queue, ...this.#queue];
      this.#queued += queued;
      throw error;
    }
    this.#unsure = !strict;
    for (const operation of queue) {
      this.#note(operation);
    }
  }

  /** Keeps count of small chunks, after an operation was done. */
  #note(operation: Operation): void {
    const { file } = operation;
    const known = this.#files.get(file);
    if (known === undefined) {
      return;
    }
    known.last = undefined;
    if (operation.kind === "truncate") {
      if (operation.size <= known.looseFrom) {
        known.loose = 0;
        known.looseBytes = 0;
      }
    } else if (operation.kind === "write") {
      if (operation.bytes >= SMALL) {
        known.loose = 0;
        known.looseBytes = 0;
        return;
      }
      if (known.loose === 0) {
        known.looseFrom = operation.at;
      }
      known.loose++;
      known.looseBytes += operation.bytes;
      if (known.loose >= MANY || (known.loose > 1 && known.looseBytes >= CHUNK)) {
        void this.compact(file, known, known.looseFrom);
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
  readonly #file: string;
  readonly #known: Known;
  #cut = false;
  #closed = false;

  constructor(storage: IdbStorage, file: string, known: Known) {
    this.#storage = storage;
    this.#file = file;
    this.#known = known;
  }

  async size(): Promise<number> {
    return this.#known.size;
  }

  read(at: number, target: Uint8Array): Promise<number> {
    return this.#storage.read(this.#file, this.#known, at, target);
  }

  write(at: number, bytes: Uint8Array): Promise<void> {
    return this.#storage.write(this.#file, this.#known, at, bytes);
  }

  async truncate(size: number): Promise<void> {
    this.#storage.truncate(this.#file, this.#known, size);
    this.#cut = true;
  }

  flush(strict: boolean): Promise<void> {
    return this.#storage.flush(strict);
  }

  async close(): Promise<void> {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    await this.#storage.flush(false);
    this.#known.last = undefined;
    if (this.#cut || this.#known.loose > 1) {
      // What is cut may have been written by somebody who ended before joining it.
      await this.#storage.compact(this.#file, this.#known, 0);
    }
  }
}

function newFile(size: number): Known {
  return { size, loose: 0, looseFrom: 0, looseBytes: 0, last: undefined };
}

/**
 * Leaves out what later operations undo. After what could not be written for want of room was removed, the removing must not
 * fail for want of room.
 */
function needed(queue: readonly Operation[]): Operation[] {
  const removed = new Set<string>();
  const limits = new Map<string, number>();
  const kept: Operation[] = [];
  for (const operation of queue.toReversed()) {
    const { kind, file } = operation;
    if (removed.has(file)) {
      continue;
    }
    if (kind === "remove") {
      removed.add(file);
    } else if (kind === "truncate") {
      limits.set(file, Math.min(limits.get(file) ?? operation.size, operation.size));
    } else if (kind === "write") {
      const { at, bytes, parts } = operation;
      const left = (limits.get(file) ?? Number.POSITIVE_INFINITY) - at;
      if (left < bytes) {
        if (left > 0) {
          kept.push({ kind, file, at, parts: [joined(parts).slice(0, left)], bytes: left });
        }
        continue;
      }
    }
    kept.push(operation);
  }
  return kept.reverse();
}

/** All chunks of a file that begin at a position or behind it. */
function fileRange(file: string, from: number): IDBKeyRange {
  return IDBKeyRange.bound([file, from], [file, Number.POSITIVE_INFINITY]);
}

/** Does operations in their order. */
async function perform(
  queue: readonly Operation[],
  transaction: Transaction<"readwrite">,
): Promise<void> {
  const files = transaction.objectStore("files");
  const chunks = transaction.objectStore("chunks");
  const sizes = new Map<string, number>();
  for (const operation of queue) {
    const { kind, file } = operation;
    const size = sizes.get(file) ?? (await files.get(file)) ?? 0;
    switch (kind) {
      case "create":
        sizes.set(file, size);
        break;
      case "write":
        await write(chunks, operation, size);
        sizes.set(file, Math.max(size, operation.at + operation.bytes));
        break;
      case "truncate":
        await cut(chunks, file, operation.size);
        sizes.set(file, Math.min(size, operation.size));
        break;
      case "remove":
        started(files.delete(file));
        started(chunks.delete(fileRange(file, 0)));
        sizes.delete(file);
        break;
    }
  }
  for (const [file, size] of sizes) {
    started(files.put(size, file));
  }
}

/** Writes into the chunks that there are, and the rest as a new one. */
async function write(
  chunks: Chunks<"readwrite">,
  { file, at, parts }: Write,
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
  const before = IDBKeyRange.bound([file, 0], [file, size], false, true);
  const cursor = await chunks.openCursor(before, "prev");
  if (cursor !== null && cursor.key[1] + cursor.value.length > size) {
    started(chunks.put(cursor.value.slice(0, size - cursor.key[1]), cursor.key));
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
