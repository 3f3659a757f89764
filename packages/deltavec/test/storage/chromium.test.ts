// Storages in Chromium: IndexedDB on a page and in a worker, the origin private file system in a worker.
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Page } from "playwright-core";
import type { Actions, Where } from "../browser/storage.ts";
import { Browser, bundle, page, type Site, serve } from "../support/chromium.ts";

const MB = 1 << 20;
const { DELTAVEC_SEED = Date.now() } = process.env;
const seed = Number(DELTAVEC_SEED);

let site: Site;
let browser: Browser;

let script: string;

/** A site, and so an origin that keeps nothing yet. */
function newSite(): Promise<Site> {
  return serve({
    "/": { type: "text/html", body: page("/storage.js") },
    "/storage.js": { type: "text/javascript", body: script },
  });
}

before(async () => {
  script = await bundle("storage.ts");
  site = await newSite();
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

/** A page, or its worker, that does things. */
class Tab implements AsyncDisposable {
  readonly page: Page;
  readonly #where: Where;
  readonly #origin: string;

  private constructor(page: Page, where: Where, origin: string) {
    this.page = page;
    this.#where = where;
    this.#origin = origin;
  }

  static async open(where: Where, { origin } = site): Promise<Tab> {
    const tab = await browser.context.newPage();
    await tab.goto(origin);
    return new Tab(tab, where, origin);
  }

  run<K extends keyof Actions>(name: K, ...args: Parameters<Actions[K]>): Promise<unknown> {
    return this.page.evaluate(([where, name, args]) => storagePage.run(where, name, args), [
      this.#where,
      name,
      args,
    ] as const);
  }

  /** Ends the page, or the worker, whatever it does. */
  async end(): Promise<void> {
    if (this.#where === "worker") {
      await this.page.evaluate(() => storagePage.end());
    } else {
      await this.page.close();
    }
  }

  /** Says how many bytes the page's origin may keep; without a number, as many as usual. */
  async quota(bytes?: number): Promise<void> {
    const session = await browser.context.newCDPSession(this.page);
    await session.send("Storage.overrideQuotaForOrigin", {
      origin: this.#origin,
      ...(bytes === undefined ? {} : { quotaSize: bytes }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.close();
  }
}

for (const [prefix, where] of [
  ["idb://", "page"],
  ["idb://", "worker"],
  ["opfs://", "worker"],
] as const) {
  const url = (name: string): string => `${prefix}${name}-${where}`;

  suite(`${prefix} on a ${where}`, () => {
    test("conforms", async (t) => {
      t.diagnostic(`seed ${seed}`);
      await using tab = await Tab.open(where);
      for (const name of (await tab.run("load", prefix, seed)) as string[]) {
        await t.test(name, async () => {
          const failure = await tab.run("conforms", name);
          if (failure !== undefined) {
            throw new Error(String(failure));
          }
        });
      }
    });

    test("what was flushed is there when the page is loaded again", async () => {
      await using tab = await Tab.open(where);
      await tab.run("open", url("reload"));
      await tab.run("append", url("reload"), "log-1", 3 * MB);
      await tab.run("append", url("reload"), "log-1", 100);
      await tab.page.reload();
      assert.equal(await tab.run("open", url("reload")), undefined);
      assert.equal(await tab.run("check", url("reload"), "log-1"), 3 * MB + 100);
    });

    test("another tab gets LOCKED, and the storage once the first has ended", async () => {
      await using second = await Tab.open(where);
      await using first = await Tab.open(where);
      await first.run("open", url("ends"));
      await first.run("append", url("ends"), "log-1", 1000);
      const [code, message] = (await second.run("open", url("ends"))) as [string, string];
      assert.equal(code, "LOCKED");
      assert.match(message, new RegExp(url("ends")));
      assert.equal(await second.run("lockable", url("ends")), false);
      const waiting = second.run("wait", url("ends"));
      await first.end();
      await waiting;
      assert.equal(await second.run("check", url("ends"), "log-1"), 1000);
    });

    test("what was being written when the tab ended is there whole or is cut, and the rest is as it was", async () => {
      await using second = await Tab.open(where);
      for (const length of [10, 20 * MB]) {
        await using first = await Tab.open(where);
        await first.run("open", url("torn"));
        await first.run("append", url("torn"), "log-1", 1000);
        await first.run("begin", url("torn"), `snapshot-${length}`, length);
        await first.end();
        await second.run("wait", url("torn"));
        assert.equal(await second.run("check", url("torn"), "log-1"), length === 10 ? 1000 : 2000);
        const found = await second.run("check", url("torn"), `snapshot-${length}`);
        assert.ok(typeof found === "number" && found <= length);
        await second.run("close", url("torn"));
      }
    });

    test("no more room is QUOTA_EXCEEDED: what was there stays, and it goes on when there is room", async () => {
      await using small = await newSite();
      await using tab = await Tab.open(where, small);
      // First of all, as Chromium keeps in mind for a while how much room there is.
      await tab.quota(5 * MB);
      await tab.run("open", url("quota"));
      assert.equal(await tab.run("append", url("quota"), "log-1", 1000), undefined);
      try {
        const refused = await tab.run("append", url("quota"), "snapshot-1", 30 * MB);
        assert.equal((refused as string[])?.[0], "QUOTA_EXCEEDED", String(refused));
        assert.match((refused as string[])[1] ?? "", new RegExp(url("quota")));
        assert.equal(await tab.run("check", url("quota"), "log-1"), 1000);
      } finally {
        await tab.quota();
      }
      assert.equal(await tab.run("append", url("quota"), "log-1", 1000), undefined);
      assert.equal(await tab.run("close", url("quota")), undefined);
      await tab.run("open", url("quota"));
      assert.equal(await tab.run("check", url("quota"), "log-1"), 2000);
    });

    test("what there was no room for can be removed while there is none", async () => {
      await using small = await newSite();
      await using tab = await Tab.open(where, small);
      // First of all, as Chromium keeps in mind for a while how much room there is.
      await tab.quota(5 * MB);
      await tab.run("open", url("remove"));
      assert.equal(await tab.run("append", url("remove"), "log-1", 1000), undefined);
      try {
        const refused = await tab.run("append", url("remove"), "snapshot-1", 30 * MB);
        assert.equal((refused as string[])?.[0], "QUOTA_EXCEEDED", String(refused));
        assert.equal(await tab.run("remove", url("remove"), "snapshot-1"), undefined);
        assert.equal(await tab.run("append", url("remove"), "log-1", 1000), undefined);
        assert.deepEqual(await tab.run("list", url("remove")), ["log-1"]);
        assert.equal(await tab.run("check", url("remove"), "log-1"), 2000);
      } finally {
        await tab.quota();
      }
    });
  });
}

suite("IndexedDB", () => {
  test("a strict flush is a strict transaction, of what was relaxed before, too", async () => {
    await using tab = await Tab.open("page");
    assert.deepEqual(await tab.run("durability"), ["strict", "|", "relaxed", "|", "strict"]);
  });

  test("a connection that was closed is opened again, and nothing is lost", async () => {
    await using tab = await Tab.open("page");
    assert.deepEqual(await tab.run("connection", "closed"), [undefined, undefined]);
  });

  test("a transaction that was aborted is tried again, and nothing is lost", async () => {
    await using tab = await Tab.open("page");
    assert.deepEqual(await tab.run("connection", "aborted"), [undefined, undefined]);
  });

  test("what fails twice is STORAGE_FAILED, and waits for the next flush", async () => {
    await using tab = await Tab.open("page");
    const [first, second] = (await tab.run("connection", "twice")) as [[string, string], unknown];
    assert.equal(first[0], "STORAGE_FAILED");
    assert.match(first[1], /idb:\/\/connection-twice: log-1 cannot be written/);
    assert.equal(second, undefined);
  });

  test("a database that somebody deletes is not made again", async () => {
    await using tab = await Tab.open("page");
    const [blocked, flushed, there] = (await tab.run("taken", "deleted")) as unknown[];
    assert.equal(blocked, "not blocked");
    assert.deepEqual(flushed, [
      "STORAGE_FAILED",
      "idb://taken-deleted was deleted while it was open",
    ]);
    assert.equal(there, false);
  });

  test("a database that a later release changes is UNSUPPORTED_VERSION", async () => {
    await using tab = await Tab.open("page");
    const [blocked, flushed] = (await tab.run("taken", "version")) as [string, [string, string]];
    assert.equal(blocked, "not blocked");
    assert.equal(flushed[0], "UNSUPPORTED_VERSION");
  });

  test("without Web Locks the last to open it writes, and the one before gets LOCKED", async () => {
    await using tab = await Tab.open("page");
    const [writing, reading] = (await tab.run("fenced")) as [string, string][];
    assert.equal(writing?.[0], "LOCKED");
    assert.equal(reading?.[0], "LOCKED");
  });

  test("small appends are joined to few chunks, large ones stay", async (t) => {
    await using tab = await Tab.open("page");
    const [running, cut, large] = (await tab.run("chunks")) as [number, number, number];
    t.diagnostic(`chunks of 1000 appends: ${running}, once closed: ${cut}`);
    assert.ok(running < 300, `${running} chunks`);
    assert.equal(cut, 1);
    assert.equal(large, 5);
  });
});

suite("the origin private file system", () => {
  test("at most four files are open at a time", async () => {
    await using tab = await Tab.open("worker");
    assert.equal(await tab.run("handles"), 4);
  });

  test("a stale handle is opened again", async () => {
    await using tab = await Tab.open("worker");
    assert.equal(await tab.run("stale"), 5);
  });

  test("a strict flush flushes, a relaxed one does not, and closing does if need be", async () => {
    await using tab = await Tab.open("worker");
    assert.deepEqual(await tab.run("flushes"), ["relaxed", "strict", "flush", "closing", "flush"]);
  });

  test("a file that was removed from below is STORAGE_FAILED, not made again", async () => {
    await using tab = await Tab.open("worker");
    const [code, message] = (await tab.run("cleared")) as [string, string];
    assert.equal(code, "STORAGE_FAILED");
    assert.match(message, /opfs:\/\/cleared: log-1 cannot be written/);
  });

  test("a page has none, and is told of what there is", async () => {
    await using tab = await Tab.open("page");
    const [code, message] = (await tab.run("open", "opfs://page")) as [string, string];
    assert.equal(code, "UNSUPPORTED_PLATFORM");
    assert.match(message, /needs a dedicated worker .* idb:\/\//);
  });
});

test("a page has no directories", async () => {
  await using tab = await Tab.open("page");
  const [code] = (await tab.run("open", "file:notes")) as [string];
  assert.equal(code, "UNSUPPORTED_PLATFORM");
});
