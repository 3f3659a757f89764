// What every storage does, whatever it is on: the same tests on Node, on pages and in workers.
import fc from "fast-check";
import { tryLock, waitLock } from "../../src/storage/lock.ts";
import type { Storage, StorageFile } from "../../src/storage/storage.ts";
import { openStorage } from "../../src/storage/url.ts";
import { check, fails, same } from "../behaviour/check.ts";

/** What of a platform the tests are to know. */
export interface Kit {
  /** What a name is put behind to make a URL. */
  readonly prefix: string;
  /** Random histories to try. */
  readonly runs: number;
  /** The seed of random histories; one of its own if there is none. */
  readonly seed?: number | undefined;
}

/** A test, by its name. */
export type Tests = Readonly<Record<string, () => Promise<void>>>;

const KB = 1 << 10;
const MB = 1 << 20;

let names = 0;

/** Bytes that differ from place to place, and do not get smaller where a platform compresses. */
export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const mixed = Math.imul(i + seed * 7919 + 1, 0x9e3779b1);
    bytes[i] = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 21;
  }
  return bytes;
}

/** Reads all of a file. */
export async function content(file: StorageFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.size());
  same(await file.read(0, bytes), bytes.length, "bytes read");
  return bytes;
}

/** Checks bytes, and says where they differ. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what = "the file"): void {
  same(actual.length, expected.length, `${what}'s length`);
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  check(at < 0, `${what} has ${actual[at]} at ${at}, not ${expected[at]}`);
}

/** Makes the tests of a storage. */
export function storageTests({ prefix, runs, seed }: Kit): Tests {
  const memory = prefix.startsWith("memory:");
  const unique = (): string => `${prefix}conformance-${Date.now().toString(36)}-${++names}`;

  /** Runs a test with a storage of its own, which is closed behind it. */
  const withStorage =
    (body: (storage: Storage, url: string) => Promise<void>): (() => Promise<void>) =>
    async () => {
      const url = unique();
      const storage = await openStorage(url);
      try {
        await body(storage, url);
      } finally {
        for (const file of await storage.list()) {
          await storage.remove(file);
        }
        await storage.close();
      }
    };

  /** Runs a test with a file of its own. */
  const withFile = (body: (file: StorageFile, storage: Storage) => Promise<void>) =>
    withStorage(async (storage) => {
      const file = await storage.open("log-1");
      try {
        await body(file, storage);
      } finally {
        await file.close();
      }
    });

  return {
    "a new storage has no files": withStorage(async (storage, url) => {
      same(await storage.list(), []);
      same(storage.name, url);
    }),

    "a file that is opened is there, and empty": withFile(async (file, storage) => {
      same(await storage.list(), ["log-1"]);
      same(await file.size(), 0);
      same(await file.read(0, new Uint8Array(4)), 0);
    }),

    "what is written is read": withFile(async (file) => {
      await file.write(0, pattern(1000));
      same(await file.size(), 1000);
      sameBytes(await content(file), pattern(1000));
      await file.flush(true);
      sameBytes(await content(file), pattern(1000));
    }),

    "to write nothing does nothing": withFile(async (file) => {
      await file.write(0, new Uint8Array(0));
      await file.flush(true);
      same(await file.size(), 0);
    }),

    "a part of memory is written, not what is beside it": withFile(async (file) => {
      await file.write(0, pattern(100).subarray(10, 30));
      await file.flush(false);
      sameBytes(await content(file), pattern(100).slice(10, 30));
    }),

    "what is written stays when the memory it was in changes": withFile(async (file) => {
      const bytes = pattern(100);
      await file.write(0, bytes);
      bytes.fill(0);
      await file.flush(true);
      sameBytes(await content(file), pattern(100));
    }),

    "reading stops at the end, and leaves the rest of the target": withFile(async (file) => {
      await file.write(0, pattern(100));
      const target = new Uint8Array(50).fill(255);
      same(await file.read(80, target), 20);
      sameBytes(target.slice(0, 20), pattern(100).slice(80));
      sameBytes(target.slice(20), new Uint8Array(30).fill(255));
      same(await file.read(100, target), 0, "bytes read at the end");
      same(await file.read(1000, target), 0, "bytes read behind the end");
    }),

    "appended parts make one row": withFile(async (file) => {
      const all = pattern(10 * KB);
      for (let at = 0; at < all.length; at += 100) {
        await file.write(at, all.subarray(at, at + 100));
        await file.flush(at % 300 === 0);
      }
      sameBytes(await content(file), all);
    }),

    "a thousand small appends, each flushed, are read anywhere": withFile(async (file) => {
      const all = pattern(20_000);
      for (let at = 0; at < all.length; at += 20) {
        await file.write(at, all.subarray(at, at + 20));
        await file.flush(false);
      }
      sameBytes(await content(file), all);
      const target = new Uint8Array(777);
      for (let at = 13; at < all.length; at += 1999) {
        const read = await file.read(at, target);
        sameBytes(target.slice(0, read), all.slice(at, at + 777), `the part at ${at}`);
      }
    }),

    "what is there is overwritten, also over the borders of what was written": withFile(
      async (file) => {
        const expected = pattern(400);
        for (let at = 0; at < 400; at += 100) {
          await file.write(at, expected.subarray(at, at + 100));
          await file.flush(false);
        }
        for (const [at, length, seed] of [
          [0, 10, 1],
          [95, 10, 2],
          [50, 300, 3],
          [390, 10, 4],
        ] as const) {
          await file.write(at, pattern(length, seed));
          expected.set(pattern(length, seed), at);
          await file.flush(true);
          sameBytes(await content(file), expected, `the file after ${length} bytes at ${at}`);
        }
      },
    ),

    "what was read before is read as it is now": withFile(async (file) => {
      await file.write(0, pattern(1000));
      await file.flush(true);
      sameBytes(await content(file), pattern(1000));
      await file.write(500, pattern(10, 1));
      await file.flush(true);
      const target = new Uint8Array(10);
      same(await file.read(500, target), 10);
      sameBytes(target, pattern(10, 1), "what was overwritten");
      await file.truncate(505);
      await file.write(505, pattern(10, 2));
      await file.flush(false);
      same(await file.read(505, target), 10);
      sameBytes(target, pattern(10, 2), "what was cut and appended");
    }),

    "writing over the end makes the file longer": withFile(async (file) => {
      await file.write(0, pattern(100));
      await file.flush(false);
      await file.write(90, pattern(50, 1));
      await file.flush(false);
      same(await file.size(), 140);
      const bytes = await content(file);
      sameBytes(bytes.slice(0, 90), pattern(90));
      sameBytes(bytes.slice(90), pattern(50, 1));
    }),

    "a file of many megabytes is read whole and in parts": withFile(async (file) => {
      const all = pattern(9 * MB + 17);
      for (let at = 0; at < all.length; at += 3 * MB) {
        await file.write(at, all.subarray(at, at + 3 * MB));
      }
      await file.flush(true);
      sameBytes(await content(file), all);
      const part = new Uint8Array(2 * MB);
      same(await file.read(MB - 5, part), part.length);
      sameBytes(part, all.slice(MB - 5, 3 * MB - 5));
    }),

    "a file is cut, and goes on where it was cut": withFile(async (file) => {
      for (const flush of [false, true]) {
        await file.truncate(0);
        await file.write(0, pattern(100));
        await file.flush(flush);
        await file.write(100, pattern(100, 1));
        await file.truncate(50);
        same(await file.size(), 50);
        sameBytes(await content(file), pattern(100).slice(0, 50));
        await file.write(50, pattern(10, 2));
        await file.flush(flush);
        same(await file.size(), 60);
        sameBytes((await content(file)).slice(50), pattern(10, 2));
      }
    }),

    "bytes that were cut do not come again": withFile(async (file) => {
      await file.write(0, pattern(100));
      await file.flush(true);
      await file.truncate(0);
      await file.flush(true);
      same(await file.size(), 0);
      same(await file.read(0, new Uint8Array(100)), 0);
    }),

    "a removed file is gone, and empty when it is made again": withStorage(async (storage) => {
      for (const flush of [true, false]) {
        const file = await storage.open("log-1");
        await file.write(0, pattern(100));
        await file.flush(flush);
        await file.close();
        await storage.remove("log-1");
        same(await storage.list(), []);
        const again = await storage.open("log-1");
        same(await again.size(), 0);
        same(await again.read(0, new Uint8Array(100)), 0);
        await again.close();
      }
    }),

    "to remove what is not there does nothing": withStorage(async (storage) => {
      await storage.remove("log-1");
      same(await storage.list(), []);
    }),

    "files are listed by their names, each once": withStorage(async (storage) => {
      const files = ["log-0000000000000001", "snapshot-ffffffffffffffff", "lost-1.a", "a"];
      for (const name of [...files, "a"]) {
        const file = await storage.open(name);
        await file.flush(true);
        await file.close();
      }
      same((await storage.list()).sort(), files.sort());
    }),

    "a file that is closed has kept its bytes, and closes again": withStorage(async (storage) => {
      const file = await storage.open("log-1");
      await file.write(0, pattern(3000));
      await file.close();
      await file.close();
      const again = await storage.open("log-1");
      sameBytes(await content(again), pattern(3000));
      await again.close();
    }),

    "ten files used by turns do not mix": withStorage(async (storage) => {
      const files: StorageFile[] = [];
      for (let i = 0; i < 10; i++) {
        files.push(await storage.open(`f-${i}`));
      }
      for (let round = 0; round < 5; round++) {
        for (const [i, file] of files.entries()) {
          await file.write(100 * round, pattern(100, 10 * round + i));
          await file.flush(round % 2 === 0);
        }
      }
      for (const [i, file] of files.entries()) {
        const bytes = await content(file);
        for (let round = 0; round < 5; round++) {
          sameBytes(bytes.slice(100 * round, 100 * round + 100), pattern(100, 10 * round + i));
        }
        await file.close();
      }
    }),

    "two files flushed at a time are both written": withStorage(async (storage) => {
      const [a, b] = [await storage.open("a"), await storage.open("b")];
      await a.write(0, pattern(100, 1));
      const flushed = a.flush(true);
      await b.write(0, pattern(100, 2));
      await Promise.all([flushed, b.flush(false), a.flush(true)]);
      sameBytes(await content(a), pattern(100, 1));
      sameBytes(await content(b), pattern(100, 2));
      await a.close();
      await b.close();
    }),

    "what was written is there when the storage is opened again": withFileUrl(async (url) => {
      for (let round = 1; round <= 3; round++) {
        const storage = await openStorage(url);
        const file = await storage.open("log-1");
        same(await file.size(), 100 * (round - 1), `bytes before round ${round}`);
        await file.write(100 * (round - 1), pattern(100, round));
        await file.flush(round % 2 === 0);
        sameBytes((await content(file)).slice(0, 100), pattern(100, 1));
        await file.close();
        await storage.close();
      }
    }),

    "a second opener gets LOCKED until the first has closed": withStorage(async (storage, url) => {
      await fails(() => openStorage(url), "LOCKED", new RegExp(literal(url)));
      await storage.close();
      const next = await openStorage(url);
      await next.close();
    }),

    "to close twice does not take the lock from the next": withFileUrl(async (url) => {
      const first = await openStorage(url);
      await first.close();
      const second = await openStorage(url);
      await first.close().catch(() => undefined);
      if (!memory) {
        same(await tryLock(url), undefined, "the lock");
      }
      await second.close();
    }),

    ...(memory ? {} : lockTests()),

    "any operations leave what a map of bytes would have": withFileUrl(async (url) => {
      await fc.assert(model(url), { numRuns: runs, ...(seed === undefined ? {} : { seed }) });
    }),
  };

  function lockTests(): Tests {
    return {
      "a write behind the end is refused": withFile(async (file) => {
        await file.write(0, pattern(10));
        await fails(() => file.write(11, pattern(10)), "STORAGE_FAILED", /has 10 bytes .* at 11/);
        same(await file.size(), 10);
      }),

      "the lock of an open storage is not to be had": withStorage(async (_, url) => {
        same(await tryLock(url), undefined);
      }),

      "who waits for the lock gets it when the storage closes": withFileUrl(async (url) => {
        const storage = await openStorage(url);
        let got = false;
        const waiting = waitLock(url).then((release) => {
          got = true;
          return release;
        });
        await new Promise((resolve) => setTimeout(resolve, 300));
        check(!got, "the lock was given twice");
        await storage.close();
        const release = await waiting;
        await fails(() => openStorage(url), "LOCKED", /./);
        await release();
        const next = await openStorage(url);
        await next.close();
      }),

      "who waits for the lock can give up": withStorage(async (_, url) => {
        const controller = new AbortController();
        const waiting = waitLock(url, controller.signal);
        setTimeout(() => controller.abort("enough"), 20);
        let reason: unknown;
        await waiting.catch((error) => {
          reason = error;
        });
        same(reason, "enough");
      }),

      "a storage opened with its lock gives the lock back": withFileUrl(async (url) => {
        const lock = await tryLock(url);
        check(lock !== undefined, "there was no lock");
        const storage = await openStorage(url, lock);
        same(await tryLock(url), undefined);
        await storage.close();
        const again = await tryLock(url);
        check(again !== undefined, "the lock was not given back");
        await again();
      }),
    };
  }

  /** Runs a test with a URL of its own, at which nothing is open before and after it. */
  function withFileUrl(body: (url: string) => Promise<void>): () => Promise<void> {
    return async () => {
      const url = unique();
      try {
        await body(url);
      } finally {
        const storage = await openStorage(url).catch(() => undefined);
        for (const file of (await storage?.list()) ?? []) {
          await storage?.remove(file);
        }
        await storage?.close();
      }
    };
  }
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** What is done to a storage. Places are parts of a file's size, in thousandths. */
type Step =
  | { readonly do: "write"; readonly file: number; readonly at: number; readonly length: number }
  | { readonly do: "append"; readonly file: number; readonly length: number }
  | { readonly do: "truncate" | "read"; readonly file: number; readonly at: number }
  | { readonly do: "flush"; readonly file: number; readonly strict: boolean }
  | { readonly do: "reopen" | "remove"; readonly file: number }
  | { readonly do: "restart" };

const FILES = ["log-1", "snapshot-1", "increment-1"];

/** Random operations on three files, which end like the same on a map of bytes. */
function model(url: string): fc.IAsyncPropertyWithHooks<[Step[]]> {
  const file = fc.nat(FILES.length - 1);
  const at = fc.nat(1000);
  const length = fc.oneof(
    { weight: 8, arbitrary: fc.nat(300) },
    { weight: 2, arbitrary: fc.nat(100_000) },
    { weight: 1, arbitrary: fc.integer({ min: MB - 10, max: 2 * MB }) },
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant("append" as const), file, length }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("write" as const), file, at, length }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("truncate" as const), file, at }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("read" as const), file, at }) },
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant("flush" as const), file, strict: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("reopen" as const), file }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), file }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  );
  return fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const expected = new Map<string, Uint8Array>();
    const open = new Map<string, StorageFile>();
    let storage = await openStorage(url);
    const opened = async (name: string): Promise<StorageFile> => {
      const file = open.get(name) ?? (await storage.open(name));
      open.set(name, file);
      expected.set(name, expected.get(name) ?? new Uint8Array(0));
      return file;
    };
    const closed = async (name: string): Promise<void> => {
      await open.get(name)?.close();
      open.delete(name);
    };
    try {
      for (const name of await storage.list()) {
        await storage.remove(name);
      }
      for (const [i, step] of steps.entries()) {
        if (step.do === "restart") {
          for (const name of FILES) {
            await closed(name);
          }
          await storage.close();
          storage = await openStorage(url);
          continue;
        }
        const name = FILES[step.file]!;
        if (step.do === "remove") {
          await closed(name);
          await storage.remove(name);
          expected.delete(name);
          continue;
        }
        const file = await opened(name);
        const before = expected.get(name)!;
        const place = (at: number): number => Math.floor((before.length * at) / 1000);
        switch (step.do) {
          case "append":
          case "write": {
            const from = step.do === "append" ? before.length : place(step.at);
            const bytes = pattern(step.length, i);
            const after = new Uint8Array(Math.max(before.length, from + bytes.length));
            after.set(before);
            after.set(bytes, from);
            expected.set(name, after);
            await file.write(from, bytes);
            break;
          }
          case "truncate":
            expected.set(name, before.slice(0, place(step.at)));
            await file.truncate(place(step.at));
            break;
          case "read": {
            const target = new Uint8Array(10 * KB);
            const read = await file.read(place(step.at), target);
            const part = before.slice(place(step.at), place(step.at) + target.length);
            sameBytes(target.slice(0, read), part, `the part of ${name} at step ${i}`);
            break;
          }
          case "flush":
            await file.flush(step.strict);
            break;
          case "reopen":
            await closed(name);
            break;
        }
      }
      same((await storage.list()).sort(), [...expected.keys()].sort(), "the list of files");
      for (const [name, bytes] of expected) {
        sameBytes(await content(await opened(name)), bytes, name);
      }
    } finally {
      for (const name of FILES) {
        await closed(name).catch(() => undefined);
      }
      await storage.close();
    }
  });
}
