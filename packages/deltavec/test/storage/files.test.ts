// Storages in memory and in directories, by Node.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import * as files from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { pathToFileURL } from "node:url";
import { FileStorage } from "../../src/storage/file-storage.ts";
import { type Node, type NodeFile, node } from "../../src/storage/node-files.ts";
import { openStorage } from "../../src/storage/url.ts";
import { pattern, storageTests } from "./conformance.ts";

const scratch = mkdtempSync(join(tmpdir(), "deltavec-files-"));
after(() => rmSync(scratch, { recursive: true }));

const { DELTAVEC_RUNS = 60, DELTAVEC_SEED } = process.env;
const seed = DELTAVEC_SEED === undefined ? Date.now() : Number(DELTAVEC_SEED);

for (const [title, prefix] of [
  ["memory", "memory:"],
  ["directories", `file:${scratch}/`],
] as const) {
  suite(title, () => {
    for (const [name, body] of Object.entries(
      storageTests({ prefix, runs: Number(DELTAVEC_RUNS), seed }),
    )) {
      test(name, async (t) => {
        t.diagnostic(`seed ${seed}`);
        await body();
      });
    }
  });
}

/** Node, whose handles write down what is asked of them, and fail when told. */
function watched(): { here: Node; calls: string[]; fail: Map<string, string> } {
  const calls: string[] = [];
  const fail = new Map<string, string>();
  const real = node();
  const watch = (name: string, handle: NodeFile): NodeFile =>
    new Proxy(handle, {
      get(target, method: keyof NodeFile) {
        if (!(method in target)) {
          return undefined; // no promise
        }
        return async (...args: never[]) => {
          calls.push(`${method} ${name}`);
          const code = fail.get(method);
          if (code !== undefined) {
            throw Object.assign(new Error(`${code}: no`), { code });
          }
          return (target[method] as (...args: never[]) => unknown)(...args);
        };
      },
    });
  const here: Node = {
    ...real,
    files: {
      ...real.files,
      open: async (path, flags) =>
        watch(path.slice(path.lastIndexOf("/") + 1), await real.files.open(path, flags)),
    },
  };
  return { here, calls, fail };
}

async function opened(name: string, here: Node): Promise<FileStorage> {
  return FileStorage.open(`file:${name}`, join(scratch, name), undefined, here);
}

test("a strict flush makes sure of the bytes, and of the name of a file that is new", async () => {
  const { here, calls } = watched();
  const storage = await opened("sure", here);
  const file = await storage.open("log-1");
  calls.length = 0;
  await file.write(0, pattern(10));
  await file.flush(true);
  assert.deepEqual(calls, ["write log-1", "datasync log-1", "sync sure", "close sure"]);
  calls.length = 0;
  await file.write(10, pattern(10));
  await file.flush(true);
  assert.deepEqual(calls, ["write log-1", "datasync log-1"]);
  await file.close();
  await storage.close();
});

test("a flush that is not strict asks for nothing", async () => {
  const { here, calls } = watched();
  const storage = await opened("relaxed", here);
  const file = await storage.open("log-1");
  await file.write(0, pattern(10));
  calls.length = 0;
  await file.flush(false);
  assert.deepEqual(calls, []);
  await file.close();
  await storage.close();
});

test("a strict flush after a cut makes sure of the size, too", async () => {
  const { here, calls } = watched();
  const storage = await opened("cut", here);
  const file = await storage.open("log-1");
  await file.write(0, pattern(10));
  await file.flush(true);
  await file.truncate(5);
  calls.length = 0;
  await file.flush(true);
  assert.deepEqual(calls, ["sync log-1"]);
  await file.close();
  await storage.close();
});

test("to remove a file makes sure that it is gone", async () => {
  const { here, calls } = watched();
  const storage = await opened("removed", here);
  await (await storage.open("log-1")).close();
  calls.length = 0;
  await storage.remove("log-1");
  assert.deepEqual(calls, ["sync removed", "close removed"]);
  await storage.close();
});

test("a file that could not be made sure of once is not believed again", async () => {
  const { here, fail } = watched();
  const storage = await opened("doubt", here);
  const file = await storage.open("log-1");
  await file.write(0, pattern(10));
  fail.set("datasync", "EIO");
  const failed = { code: "STORAGE_FAILED", message: /file:doubt: log-1 cannot be made sure of/ };
  await assert.rejects(file.flush(true), failed);
  fail.clear();
  await assert.rejects(file.flush(true), failed);
  await file.close();
  const again = await storage.open("log-1");
  await assert.rejects(again.flush(true), failed);
  await again.close();
  await storage.close();
});

for (const code of ["ENOSPC", "EDQUOT"]) {
  test(`${code} is QUOTA_EXCEEDED, and what was there before stays`, async () => {
    const { here, fail } = watched();
    const storage = await opened(code, here);
    const file = await storage.open("log-1");
    await file.write(0, pattern(10));
    fail.set("write", code);
    await assert.rejects(file.write(10, pattern(10)), {
      code: "QUOTA_EXCEEDED",
      message: new RegExp(`file:${code}: log-1 cannot be written`),
    });
    fail.clear();
    assert.equal(await file.size(), 10);
    await file.write(10, pattern(10));
    await file.flush(true);
    assert.equal(await file.size(), 20);
    await file.close();
    await storage.close();
  });
}

test("a closed handle is STORAGE_FAILED with the system's error", async () => {
  const storage = await openStorage(`file:${scratch}/closed`);
  const file = await storage.open("log-1");
  await file.close();
  await assert.rejects(file.write(0, pattern(10)), (error: { code: string; cause: unknown }) => {
    assert.equal(error.code, "STORAGE_FAILED");
    assert.ok(error.cause instanceof Error);
    return true;
  });
  await storage.close();
});

test("what else lies in the directory is not listed, and stays", async () => {
  const url = `file:${scratch}/others`;
  const storage = await openStorage(url);
  await files.writeFile(join(scratch, "others", "README.md"), "mine");
  await files.mkdir(join(scratch, "others", "log-2"));
  await (await storage.open("log-1")).close();
  assert.deepEqual(await storage.list(), ["log-1"]);
  await storage.close();
  assert.deepEqual((await files.readdir(join(scratch, "others"))).sort(), [
    "README.md",
    "log-1",
    "log-2",
  ]);
});

test("a file: URL, a path of its own and one below the current directory lead to one place", async () => {
  const path = join(scratch, "a place");
  const storage = await openStorage(pathToFileURL(path).href);
  await (await storage.open("log-1")).close();
  const before = process.cwd();
  process.chdir(scratch);
  try {
    for (const url of [`file:${path}`, "file:a place", "file:./a place"]) {
      await assert.rejects(openStorage(url), { code: "LOCKED" });
    }
    await storage.close();
    const relative = await openStorage("file:a place");
    assert.deepEqual(await relative.list(), ["log-1"]);
    process.chdir(tmpdir()); // it stays where it was
    assert.deepEqual(await relative.list(), ["log-1"]);
    await relative.close();
  } finally {
    process.chdir(before);
  }
});

test("a directory that cannot be made is STORAGE_FAILED, and says which", async () => {
  await files.writeFile(join(scratch, "plain"), "");
  await assert.rejects(openStorage(`file:${scratch}/plain/below`), {
    code: "STORAGE_FAILED",
    message: /plain\/below cannot be locked/,
  });
});

for (const url of ["idb://notes", "opfs://notes"]) {
  test(`${url} is not to be had on Node`, async () => {
    await assert.rejects(openStorage(url), { code: "UNSUPPORTED_PLATFORM" });
  });
}

test("a flush is not done before the directory is made sure of, also where another one does that", async () => {
  const { here, calls } = watched();
  const storage = await opened("both", here);
  const files = [await storage.open("log-1"), await storage.open("log-2")];
  calls.length = 0;
  let synced = false;
  const { open } = here.files;
  let held = true;
  here.files.open = async (path, flags) => {
    const handle = await open(path, flags);
    if (path.endsWith("both") && held) {
      held = false;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return handle;
    }
    synced ||= path.endsWith("both");
    return handle;
  };
  const first = files[0]!.flush(true);
  while (held) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await files[1]!.flush(true);
  assert.equal(synced, true);
  await first;
  await Promise.all(files.map((file) => file.close()));
  await storage.close();
});
