// Channels between a page and its workers: with shared memory where the page is isolated, and without.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type {} from "./browser/channel.ts";
import { Browser, bundle, page, type Resource, type Site, serve } from "./support/chromium.ts";

const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

let site: Site;
let browser: Browser;

before(async () => {
  const script = async (entry: string): Promise<Resource> => ({
    type: "text/javascript",
    body: await bundle(entry),
    headers: ISOLATED,
  });
  const html: Resource = { type: "text/html", body: page("/channel.js") };
  site = await serve({
    "/isolated": { ...html, headers: ISOLATED },
    "/plain": html,
    "/channel.js": await script("channel.ts"),
    "/consumer.js": await script("../support/channel-consumer.ts"),
    "/producer.js": await script("../support/channel-producer.ts"),
  });
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

async function open(path: string): Promise<Page> {
  const tab = await browser.context.newPage();
  await tab.goto(site.origin + path);
  await tab.waitForFunction(() => "channelPage" in globalThis);
  return tab;
}

for (const path of ["/isolated", "/plain"]) {
  const shared = path === "/isolated";
  for (const inWorker of [false, true]) {
    const from = inWorker ? "a worker" : "the page";
    test(`${path}: 100,000 deltas from ${from}: none lost, doubled, torn, out of order`, async () => {
      const tab = await open(path);
      assert.deepEqual(await tab.evaluate((where) => channelPage.run(100_000, where), inWorker), {
        shared,
        report: { sent: 100_000, applied: 100_000, skipped: [], skippedCount: 0, discarded: 0 },
        consumed: { seen: 100_000, error: undefined },
      });
      await tab.close();
    });
  }

  test(`${path}: a worker that is terminated ends its channel`, async () => {
    const tab = await open(path);
    const outcome = (await tab.evaluate(() => channelPage.terminate())) as Error & { code: string };
    assert.equal(outcome.code, "CLOSED");
    assert.match(
      outcome.message,
      /(is gone|was silent .*); \d+ of \d+ deltas sent were applied for sure/,
    );
    await tab.close();
  });
}
