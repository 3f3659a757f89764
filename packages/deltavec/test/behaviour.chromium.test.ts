// The behaviour suite in Chromium, bundled as an application would.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type {} from "./browser/behaviour.ts";
import { Browser, bundle, ISOLATION, page, type Site, serve } from "./support/chromium.ts";
import { PACKAGE } from "./support/process.ts";

let site: Site;
let browser: Browser;

before(async () => {
  const body = page("/behaviour.js");
  site = await serve({
    "/": { type: "text/html", body },
    "/isolated": { type: "text/html", body, headers: ISOLATION },
    "/behaviour.js": { type: "text/javascript", body: await bundle("behaviour.ts") },
    "/worker.js": {
      type: "text/javascript",
      body: await readFile(join(PACKAGE, "dist/worker.js")),
      headers: ISOLATION,
    },
  });
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

/**
 * Databases that a page opens before another page takes over, where each has a shared memory. Only with the page's process go
 * these, and there is room for some dozens. A reload may keep the process.
 */
const DATABASES_OF_A_PAGE = 12;

for (const [title, path, isolated] of [
  ["in Chromium", "", false],
  ["in Chromium, in a worker", "#worker", false],
  ["in Chromium, in shared memory", "isolated#shared", true],
] as const) {
  test(title, async (t) => {
    const load = async (): Promise<Page> => {
      const tab = await browser.context.newPage();
      await tab.goto(`${site.origin}/${path}`);
      if ((await tab.evaluate(() => crossOriginIsolated)) !== isolated) {
        throw new Error("the page is not what it should be");
      }
      return tab;
    };
    let tab = await load();
    const all = await tab.evaluate(() => testPage.load());
    // Shared memory takes its time to be had; on Node all are run.
    const names = isolated ? all.filter((_, i) => i % 3 === 0) : all;
    for (const name of names) {
      if (isolated && (await tab.evaluate(() => testPage.opened())) >= DATABASES_OF_A_PAGE) {
        await tab.close();
        tab = await load();
        await tab.evaluate(() => testPage.load());
      }
      await t.test(name, async () => {
        const failure = await tab.evaluate((which) => testPage.run(which), name);
        if (failure !== undefined) {
          throw new Error(failure);
        }
      });
    }
    await tab.close();
  });
}
