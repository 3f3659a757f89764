// Several pages of one browser that have one storage open: IndexedDB, opened in the page, and OPFS, opened in its worker.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import type { Page } from "playwright-core";
import type {} from "./browser/tabs.ts";
import { Browser, bundle, page, type Resource, type Site, serve } from "./support/chromium.ts";
import { PACKAGE } from "./support/process.ts";

type Functions = typeof tabTests;

let site: Site;
let browser: Browser;
let pages: Page[] = [];
let stores = 0;

before(async () => {
  const script = (body: string | Uint8Array): Resource => ({ type: "text/javascript", body });
  site = await serve({
    "/": { type: "text/html", body: page("/app.js") },
    "/app.js": script(await bundle("tabs.ts")),
    "/worker.js": script(readFileSync(join(PACKAGE, "dist/worker.js"))),
  });
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

afterEach(async () => {
  await Promise.all(pages.map((each) => each.close().catch(() => undefined)));
  pages = [];
});

/** A page of its own. */
async function tab(): Promise<Page> {
  const made = await browser.context.newPage();
  pages.push(made);
  await made.goto(site.origin);
  await made.waitForFunction(() => globalThis.tabTests !== undefined);
  return made;
}

/** Calls one of a page's functions. */
function call<Name extends keyof Functions>(
  at: Page,
  name: Name,
  ...args: Parameters<Functions[Name]>
): Promise<Awaited<ReturnType<Functions[Name]>>> {
  return at.evaluate(
    ([which, given]) =>
      (tabTests as unknown as Record<string, (...args: unknown[]) => unknown>)[which](...given),
    [name, args] as [string, unknown[]],
  ) as Promise<Awaited<ReturnType<Functions[Name]>>>;
}

/** Pages that have one new storage open, the first one leading. */
async function tabs(
  kind: string,
  count: number,
  options?: Parameters<Functions["open"]>[1],
): Promise<{ readonly all: Page[]; readonly storage: string }> {
  const storage = `${kind}://test-${process.pid}-${stores++}`;
  const all: Page[] = [];
  for (let i = 0; i < count; i++) {
    const made = await tab();
    all.push(made);
    assert.equal(await call(made, "open", storage, options), i === 0 ? "leader" : "follower");
  }
  return { all, storage };
}

/** Ends a page's process as a crash does: no handler of it runs. */
async function crash(at: Page): Promise<void> {
  const session = await browser.context.newCDPSession(at);
  session.send("Page.crash").catch(() => undefined);
  await new Promise<void>((resolve) => at.once("crash", () => resolve()));
}

for (const kind of ["idb", "opfs"]) {
  test(`${kind}: two tabs write through one`, async () => {
    const { all } = await tabs(kind, 2);
    await call(all[0], "write", "a");
    await call(all[1], "write", "b");
    assert.deepEqual(await call(all[0], "ids"), ["a", "b"]);
    assert.deepEqual(await call(all[1], "ids"), ["a", "b"]);
  });

  test(`${kind}: a follower is told of what the leader writes`, async () => {
    const { all } = await tabs(kind, 2);
    await call(all[1], "listen");
    await call(all[0], "write", "a");
    await all[1].waitForFunction(() => tabTests.told().length === 1);
    assert.deepEqual(await call(all[1], "told"), ["a"]);
  });

  test(`${kind}: a leader that is closed is followed by one that has all`, async () => {
    const { all } = await tabs(kind, 2);
    await call(all[0], "write", "a");
    await call(all[1], "write", "b");
    await all[0].close();
    assert.deepEqual(await call(all[1], "ids"), ["a", "b"]);
    assert.equal(await call(all[1], "role"), "leader");
  });

  test(`${kind}: a leader that crashes is followed by one that has all that was acknowledged`, async () => {
    const { all } = await tabs(kind, 2);
    await call(all[0], "write", "a");
    await call(all[1], "write", "b");
    await crash(all[0]);
    assert.deepEqual(await call(all[1], "ids"), ["a", "b"]);
  });

  test(`${kind}: calls in flight when the leader crashes are answered, or rejected as interrupted`, async () => {
    const { all } = await tabs(kind, 2);
    await call(all[0], "write", "a");
    const writes = Array.from({ length: 20 }, (_, i) => call(all[1], "write", `w${i}`));
    const read = call(all[1], "has", "a");
    await crash(all[0]);
    assert.equal(await read, true);
    const left = await Promise.all(writes);
    const there = await call(all[1], "ids");
    for (const [i, result] of left.entries()) {
      if (Array.isArray(result)) {
        assert.equal(result[0], "INTERRUPTED", `${result[1]}`);
      } else {
        assert.ok(there.includes(`w${i}`), `w${i} was acknowledged`);
      }
    }
  });

  test(`${kind}: three tabs take over one after the other`, async () => {
    const { all } = await tabs(kind, 3);
    await call(all[2], "write", "a");
    await all[0].close();
    await call(all[2], "size"); // whoever leads now is known
    await call(all[2], "write", "b");
    await crash(all[1]);
    assert.deepEqual(await call(all[2], "ids"), ["a", "b"]);
    assert.equal(await call(all[2], "role"), "leader");
  });

  test(`${kind}: a page that is closed mid-stream loses nothing that had been acknowledged`, async () => {
    const { all, storage } = await tabs(kind, 1);
    const acknowledged: string[] = [];
    const many = Promise.withResolvers<void>();
    await all[0].exposeFunction("acknowledge", (id: string) => {
      if (acknowledged.push(id) === 30) {
        many.resolve();
      }
    });
    await call(all[0], "stream", "acknowledge");
    await many.promise;
    await all[0].close();
    const again = await tab();
    assert.equal(await call(again, "open", storage), "leader");
    const there = new Set(await call(again, "ids"));
    assert.deepEqual(
      acknowledged.filter((id) => !there.has(id)),
      [],
    );
  });

  test(`${kind}: a leader that is about to be frozen hands over, and works through the next one`, async () => {
    const { all } = await tabs(kind, 2, { durability: "relaxed", flushMs: 60_000 });
    await call(all[0], "write", "a");
    await all[0].evaluate(() => document.dispatchEvent(new Event("freeze")));
    await all[1].waitForFunction(() => tabTests.role() === "leader");
    await all[0].evaluate(() => document.dispatchEvent(new Event("resume")));
    await call(all[0], "write", "b");
    assert.equal(await call(all[0], "role"), "follower");
    assert.deepEqual(await call(all[1], "ids"), ["a", "b"]);
  });

  test(`${kind}: a relaxed leader that is left flushes on its way`, async () => {
    const { all, storage } = await tabs(kind, 1, { durability: "relaxed", flushMs: 60_000 });
    await call(all[0], "write", "a");
    await all[0].evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide")));
    const next = await tab();
    assert.equal(await call(next, "open", storage), "leader");
    assert.equal(await call(next, "has", "a"), true);
  });

  test(`${kind}: a tab that follows refuses to write`, async () => {
    const { storage } = await tabs(kind, 1);
    const follower = await tab();
    await call(follower, "open", storage, { tabs: "follow" });
    const [code] = (await call(follower, "write", "a")) as [string];
    assert.equal(code, "INVALID_ARGUMENT");
  });

  test(`${kind}: a tab that wants the storage alone is refused while another has it`, async () => {
    const { storage } = await tabs(kind, 1);
    const [code] = (await call(await tab(), "open", storage, { tabs: "exclusive" })) as [string];
    assert.equal(code, "LOCKED");
  });

  test(`${kind}: what a relaxed leader has written is there after it is closed`, async () => {
    const { all, storage } = await tabs(kind, 1, { durability: "relaxed", flushMs: 60_000 });
    await call(all[0], "write", "a");
    await call(all[0], "close");
    const again = await tab();
    await call(again, "open", storage);
    assert.equal(await call(again, "has", "a"), true);
  });
}
