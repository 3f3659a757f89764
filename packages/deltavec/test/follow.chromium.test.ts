// Following in Chromium: tabs that share one connection, no network for a while, and pages that come back.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { DeltaVectorDB, init } from "deltavec";
import type { Page } from "playwright-core";
import type {} from "./browser/follow.ts";
import { Browser, bundle, page, type Site, serve } from "./support/chromium.ts";
import { create } from "./support/deltas.ts";
import { Gateway } from "./support/gateway.ts";

let site: Site;
let browser: Browser;
let pages: Page[] = [];
let stores = 0;

before(async () => {
  await init();
  site = await serve({
    "/": { type: "text/html", body: page("/app.js") },
    "/app.js": { type: "text/javascript", body: await bundle("follow.ts") },
  });
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

afterEach(async () => {
  await browser.context.setOffline(false);
  await Promise.all(pages.map((each) => each.close().catch(() => undefined)));
  pages = [];
});

async function tab(storage: string, url: string): Promise<Page> {
  const made = await browser.context.newPage();
  pages.push(made);
  await made.goto(site.origin);
  await begin(made, storage, url);
  return made;
}

async function begin(at: Page, storage: string, url: string): Promise<void> {
  await at.waitForFunction(() => globalThis.followTests !== undefined);
  await at.evaluate(([storage, url]) => followTests.open(storage!, url!), [storage, url]);
}

const status = (at: Page): Promise<string> => at.evaluate(() => followTests.status());
const has = (at: Page, id: string): Promise<boolean> =>
  at.evaluate((id) => followTests.has(id), id);

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let left = 400; !(await holds()); left--) {
    assert.notEqual(left, 0, `waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Somebody else's delta. */
function other(gateway: Gateway, id: string): void {
  const db = new DeltaVectorDB({ dimensions: 3 });
  db.applyDelta(create(id, 1));
  gateway.take(db.deltasSince());
  db.close();
}

const name = (): string => `idb://follow-${process.pid}-${stores++}`;

test("one of two tabs holds the connection, for both, and the other goes on when it is closed", async () => {
  await using gateway = await Gateway.start();
  other(gateway, "first");
  const storage = name();
  const a = await tab(storage, gateway.url);
  await a.evaluate(() => followTests.ready());
  const b = await tab(storage, gateway.url);
  await until(async () => (await status(b)) === "waiting", "the second waits");
  await b.evaluate(() => followTests.ready());
  await b.evaluate(() => followTests.create("of-b"));
  await b.evaluate(() => followTests.flush());
  assert.equal(gateway.all.has("of-b"), true);
  assert.equal(gateway.sockets.length, 1);
  await a.close();
  await until(async () => (await status(b)) === "live", "the second takes over");
  other(gateway, "later");
  await until(() => has(b, "later"), "it goes on");
  assert.equal(await b.evaluate(() => followTests.digest()), gateway.all.stateDigest());
});

test("without a network edits are kept, and sent when there is one again", async () => {
  await using gateway = await Gateway.start();
  const a = await tab(name(), gateway.url);
  await a.evaluate(() => followTests.ready());
  await browser.context.setOffline(true);
  await until(async () => (await status(a)) === "offline", "it is offline");
  await a.evaluate(() => followTests.create("offline"));
  other(gateway, "meanwhile");
  assert.equal(gateway.all.has("offline"), false);
  await browser.context.setOffline(false);
  await a.evaluate(() => followTests.flush());
  assert.equal(gateway.all.has("offline"), true);
  await until(() => has(a, "meanwhile"), "it catches up");
  const phases = await a.evaluate(() => followTests.phases());
  assert.ok(phases.includes("offline") && phases.includes("live"));
});

test("a page that is loaded again goes on from where it was", async () => {
  await using gateway = await Gateway.start();
  other(gateway, "first");
  const storage = name();
  const a = await tab(storage, gateway.url);
  await a.evaluate(() => followTests.ready());
  await a.evaluate(() => followTests.close());
  await a.evaluate(() => followTests.create("unsent"));
  other(gateway, "second");
  gateway.requests.length = 0;
  await a.reload();
  await begin(a, storage, gateway.url);
  await a.evaluate(() => followTests.ready());
  await a.evaluate(() => followTests.flush());
  assert.deepEqual([await has(a, "first"), await has(a, "second")], [true, true]);
  assert.equal(await has(a, "unsent"), true, "the storage has it");
  assert.equal(gateway.all.has("unsent"), true);
  assert.equal(gateway.requests.filter((each) => each.includes("snapshot")).length, 0);
  assert.equal(await a.evaluate(() => followTests.digest()), gateway.all.stateDigest());
});

test("an edit in one page is seen in another", async () => {
  await using gateway = await Gateway.start();
  const [a, b] = await Promise.all([tab(name(), gateway.url), tab(name(), gateway.url)]);
  await Promise.all([a, b].map((each) => each.evaluate(() => followTests.ready())));
  await a.evaluate(() => followTests.create("edit"));
  await until(() => has(b, "edit"), "it comes");
  await b.evaluate(() => followTests.create("back"));
  await until(() => has(a, "back"), "it comes back");
});
