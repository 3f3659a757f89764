// Storages on a page and in a worker: each of its functions is one of the tests, or a part of one.
import { IdbStorage } from "../../src/storage/idb-storage.ts";
import { tryLock, waitLock } from "../../src/storage/lock.ts";
import { OpfsStorage } from "../../src/storage/opfs-storage.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { openStorage } from "../../src/storage/url.ts";
import { type Figures, measure } from "../soak/measure.ts";
import { content, pattern, sameBytes, storageTests, type Tests } from "../storage/conformance.ts";

const MB = 1 << 20;

/** Storages that stay open from one call to the next. */
const held = new Map<string, Storage>();
let conformance: Tests = {};

/** What a rejection says. */
async function refusal(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return [code, message];
  }
}

function storage(url: string): Storage {
  const found = held.get(url);
  if (found === undefined) {
    throw new Error(`${url} is not open`);
  }
  return found;
}

/** Replaces a method while something runs. */
async function patched<T>(
  { prototype }: { prototype: object },
  method: string,
  replace: (original: (this: unknown, ...args: unknown[]) => unknown) => unknown,
  run: () => Promise<T>,
): Promise<T> {
  const object = prototype as Record<string, unknown>;
  const original = object[method];
  object[method] = replace(original as never);
  try {
    return await run();
  } finally {
    object[method] = original;
  }
}

const actions = {
  /** Names of the tests that all storages have. */
  async load(prefix: string, seed: number): Promise<string[]> {
    conformance = storageTests({ prefix, runs: 12, seed });
    return Object.keys(conformance);
  },
  async conforms(name: string): Promise<string | undefined> {
    try {
      await conformance[name]?.();
      return undefined;
    } catch (error) {
      return error instanceof Error ? `${error.stack}\n${error.cause ?? ""}` : String(error);
    }
  },

  async open(url: string): Promise<unknown> {
    return refusal(openStorage(url).then((opened) => void held.set(url, opened)));
  },
  async close(url: string): Promise<unknown> {
    return refusal(storage(url).close());
  },
  /** Writes bytes of a pattern at the end of a file, and flushes them. */
  async append(url: string, file: string, length: number, strict = true): Promise<unknown> {
    return refusal(
      (async () => {
        const opened = await storage(url).open(file);
        const at = await opened.size();
        await opened.write(at, pattern(at + length).subarray(at));
        await opened.flush(strict);
        await opened.close();
      })(),
    );
  },
  /** Writes without waiting for anything. */
  async begin(url: string, file: string, length: number): Promise<void> {
    const opened = await storage(url).open(file);
    await opened.write(0, pattern(length));
    opened.flush(true).catch(() => undefined);
  },
  /** Bytes of a file, if they are those that were written. */
  async check(url: string, file: string): Promise<number> {
    const opened = await storage(url).open(file);
    const bytes = await content(opened);
    sameBytes(bytes, pattern(bytes.length), file);
    await opened.close();
    return bytes.length;
  },
  async remove(url: string, file: string): Promise<unknown> {
    return refusal(storage(url).remove(file));
  },
  async list(url: string): Promise<string[]> {
    return (await storage(url).list()).sort();
  },
  async lockable(url: string): Promise<boolean> {
    const release = await tryLock(url);
    await release?.();
    return release !== undefined;
  },
  /** Waits for a lock, and opens with it. */
  async wait(url: string): Promise<void> {
    held.set(url, await openStorage(url, await waitLock(url)));
  },

  /** What kinds of transactions flushes make. */
  async durability(): Promise<unknown> {
    const url = "idb://durability";
    const kinds: unknown[] = [];
    const opened = await openStorage(url);
    const file = await opened.open("log-1");
    await patched(
      IDBDatabase,
      "transaction",
      (original) =>
        function (this: unknown, ...args: unknown[]) {
          kinds.push((args[2] as IDBTransactionOptions).durability);
          return original.apply(this, args);
        },
      async () => {
        await file.write(0, pattern(10));
        await file.flush(true);
        await file.flush(true); // nothing to do
        kinds.push("|");
        await file.write(10, pattern(10));
        await file.flush(false);
        await file.flush(false);
        kinds.push("|");
        await file.flush(true); // what was relaxed before
        await file.flush(true);
      },
    );
    await file.close();
    await opened.close();
    return kinds;
  },
  /** Writes after a connection was closed behind the storage's back, or a transaction was aborted. */
  async connection(how: "closed" | "aborted" | "twice"): Promise<unknown> {
    const url = `idb://connection-${how}`;
    const opened = await openStorage(url);
    const file = await opened.open("log-1");
    await file.write(0, pattern(100));
    await file.flush(true);
    await file.write(100, pattern(200).subarray(100));
    let left = how === "twice" ? 2 : 1;
    const first = await patched(
      IDBObjectStore,
      "put",
      (original) =>
        function (this: unknown, ...args: unknown[]) {
          const request = original.apply(this, args);
          if (left-- > 0) {
            const { transaction } = this as IDBObjectStore;
            how === "closed" ? transaction.db.close() : transaction.abort();
          }
          return request;
        },
      () => refusal(file.flush(true)),
    );
    // Closed while it wrote: the next one finds no connection.
    await file.write(200, pattern(300).subarray(200));
    const second = await refusal(file.flush(true));
    const bytes = await content(file);
    sameBytes(bytes, pattern(300));
    await file.close();
    await opened.close();
    const again = await openStorage(url);
    const there = await again.open("log-1");
    sameBytes(await content(there), pattern(300));
    await there.close();
    await again.close();
    return [first, second];
  },
  /** Somebody deletes the database, or changes its version, while it is open. */
  async taken(how: "deleted" | "version"): Promise<unknown> {
    const url = `idb://taken-${how}`;
    const opened = await openStorage(url);
    const file = await opened.open("log-1");
    await file.write(0, pattern(100));
    await file.flush(true);
    const blocked = await new Promise((resolve, reject) => {
      const request =
        how === "deleted"
          ? indexedDB.deleteDatabase("deltavec:taken-deleted")
          : indexedDB.open("deltavec:taken-version", 2);
      request.onblocked = () => resolve("blocked");
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        (request.result as IDBDatabase | undefined)?.close();
        resolve("not blocked");
      };
    });
    await file.write(100, pattern(100));
    const flushed = await refusal(file.flush(true));
    await opened.close().catch(() => undefined);
    const names = (await indexedDB.databases()).map(({ name }) => name);
    return [blocked, flushed, names.includes(`deltavec:taken-${how}`)];
  },
  /** Two that both believe to be alone, as where there are no Web Locks. */
  async fenced(): Promise<unknown> {
    const { locks } = navigator;
    Object.defineProperty(navigator, "locks", { value: undefined, configurable: true });
    try {
      const url = "idb://fenced";
      const first = await openStorage(url);
      const file = await first.open("log-1");
      await file.write(0, pattern(100));
      await file.flush(true);
      const second = await openStorage(url);
      const theirs = await second.open("log-1");
      await theirs.write(100, pattern(200).subarray(100));
      await theirs.flush(true);
      await file.write(100, new Uint8Array(300));
      const writing = await refusal(file.flush(true));
      const reading = await refusal(file.read(0, new Uint8Array(100)));
      sameBytes(await content(theirs), pattern(200));
      await theirs.close();
      await second.close();
      await first.close().catch(() => undefined);
      return [writing, reading];
    } finally {
      Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
    }
  },
  /** Rows of the table of chunks after small appends, at several moments. */
  async chunks(): Promise<number[]> {
    const url = "idb://chunks";
    const opened = await openStorage(url);
    const file = await opened.open("log-1");
    const all = pattern(200_000);
    const counts: number[] = [];
    for (let at = 0; at < all.length; at += 200) {
      await file.write(at, all.subarray(at, at + 200));
      await file.flush(false);
    }
    counts.push(await rows("chunks"));
    sameBytes(await content(file), all);
    await file.truncate(150_001);
    await file.close();
    counts.push(await rows("chunks"));
    const again = await opened.open("log-1");
    sameBytes(await content(again), all.slice(0, 150_001));
    await again.truncate(0);
    for (let at = 0; at < 5 * MB; at += MB) {
      await again.write(at, pattern(MB));
      await again.flush(true);
    }
    await again.close();
    counts.push(await rows("chunks"));
    await opened.close();
    return counts;
  },
  /** Most handles that were open at a time while ten files were used by turns. */
  async handles(): Promise<number> {
    const open = new Set<unknown>();
    let most = 0;
    await patched(
      FileSystemFileHandle,
      "createSyncAccessHandle",
      (original) =>
        async function (this: unknown) {
          const handle = (await original.apply(this, [])) as { close(): void };
          const { close } = handle;
          open.add(handle);
          most = Math.max(most, open.size);
          handle.close = () => {
            open.delete(handle);
            close.call(handle);
          };
          return handle;
        },
      async () => {
        const opened = await openStorage("opfs://handles");
        const files = [];
        for (let i = 0; i < 10; i++) {
          files.push(await opened.open(`f-${i}`));
        }
        for (let i = 0; i < 40; i++) {
          const file = files[(i * 7) % 10]!;
          await file.write(await file.size(), pattern(10, i));
        }
        for (const file of files) {
          await file.close();
        }
        await opened.close();
      },
    );
    if (open.size > 0) {
      throw new Error(`${open.size} are still open`);
    }
    return most;
  },
  /** Uses a file whose handle was closed behind the storage's back before each step. */
  async stale(): Promise<unknown> {
    let last: { close(): void } | undefined;
    let made = 0;
    return patched(
      FileSystemFileHandle,
      "createSyncAccessHandle",
      (original) =>
        async function (this: unknown) {
          made++;
          last = (await original.apply(this, [])) as { close(): void };
          return last;
        },
      async () => {
        const opened = await openStorage("opfs://stale");
        const file = await opened.open("log-1");
        await file.write(0, pattern(100));
        last?.close();
        await file.write(100, pattern(200).subarray(100));
        last?.close();
        await file.flush(true);
        last?.close();
        sameBytes(await content(file), pattern(200));
        last?.close();
        await file.truncate(50);
        last?.close();
        await file.close();
        await opened.close();
        return made;
      },
    );
  },
  /** Flushes of a handle for flushes of a file. */
  async flushes(): Promise<unknown> {
    const calls: string[] = [];
    await patched(
      FileSystemFileHandle,
      "createSyncAccessHandle",
      (original) =>
        async function (this: unknown) {
          const handle = (await original.apply(this, [])) as { flush(): void };
          const { flush } = handle;
          handle.flush = () => {
            calls.push("flush");
            flush.call(handle);
          };
          return handle;
        },
      async () => {
        const opened = await openStorage("opfs://flushes");
        const file = await opened.open("log-1");
        await file.write(0, pattern(100));
        calls.push("relaxed");
        await file.flush(false);
        calls.push("strict");
        await file.flush(true);
        await file.write(100, pattern(10));
        calls.push("closing");
        await file.close();
        await opened.close();
      },
    );
    return calls;
  },
  /** A file that is removed from below while it is open. */
  async cleared(): Promise<unknown> {
    const opened = await openStorage("opfs://cleared");
    const file = await opened.open("log-1");
    await file.write(0, pattern(100));
    await file.close();
    const reopened = await opened.open("log-1");
    for (const name of ["a", "b", "c", "d"]) {
      await opened.open(name); // so that the handle is given up
    }
    const root = await navigator.storage.getDirectory();
    const all = await root.getDirectoryHandle("deltavec");
    const directory = await all.getDirectoryHandle("cleared");
    await directory.removeEntry("log-1");
    const wrote = await refusal(reopened.write(100, pattern(10)));
    await opened.close();
    return wrote;
  },

  measure: async (prefix: string): Promise<Figures> => measure(`${prefix}measure`),
};

/** Counts the rows of a table, beside the storage. */
async function rows(database: string): Promise<number> {
  const connection = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(`deltavec:${database}`);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const count = await new Promise<number>((resolve, reject) => {
    const request = connection.transaction("chunks").objectStore("chunks").count();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  connection.close();
  return count;
}

void [IdbStorage, OpfsStorage]; // in the bundle from the start

export type Actions = typeof actions;
export type Where = "page" | "worker";

interface StoragePage {
  /** Does something on the page, or in its worker, which is started when it is first asked. */
  run<K extends keyof Actions>(where: Where, name: K, args: unknown[]): Promise<unknown>;
  /** Ends the worker in the middle of what it does. */
  end(): void;
}

declare global {
  var storagePage: StoragePage;
}

async function run(name: keyof Actions, args: unknown[]): Promise<unknown> {
  return (actions[name] as (...args: unknown[]) => Promise<unknown>)(...args);
}

if (typeof document === "undefined") {
  addEventListener("message", async ({ data: [call, name, args] }) => {
    try {
      postMessage([call, await run(name, args)]);
    } catch (error) {
      postMessage([call, undefined, error instanceof Error ? error.stack : String(error)]);
    }
  });
} else {
  let worker: Worker | undefined;
  let calls = 0;
  globalThis.storagePage = {
    run(where, name, args) {
      if (where === "page") {
        return run(name, args);
      }
      worker ??= new Worker("/storage.js", { type: "module" });
      const to = worker;
      const call = ++calls;
      return new Promise((resolve, reject) => {
        to.addEventListener("message", ({ data: [answered, result, error] }) => {
          if (answered === call) {
            error === undefined ? resolve(result) : reject(new Error(error));
          }
        });
        to.addEventListener("error", ({ message }) => reject(new Error(message)));
        to.postMessage([call, name, args]);
      });
    },
    end() {
      worker?.terminate();
      worker = undefined;
    },
  };
}
