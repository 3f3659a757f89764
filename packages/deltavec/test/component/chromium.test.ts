// The suites on both components in Chromium, bundled as an application would.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type {} from "../browser/component.ts";
import { Browser, bundle, page, type Resource, type Site, serve } from "../support/chromium.ts";
import { PACKAGE } from "../support/process.ts";

let site: Site;
let browser: Browser;

before(async () => {
  const core = async (name: string): Promise<Resource> => ({
    type: "application/wasm",
    body: await readFile(join(PACKAGE, "dist/component", name)),
  });
  site = await serve({
    "/": { type: "text/html", body: page("/component.js") },
    "/component.js": { type: "text/javascript", body: await bundle("component.ts") },
    "/deltavec.core.wasm": await core("deltavec.core.wasm"),
    "/delta-vector.core.wasm": await core("delta-vector.core.wasm"),
  });
  browser = await Browser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

for (const world of ["deltavec", "delta-vector"]) {
  test(`${world} in Chromium`, async (t) => {
    const tab = await browser.context.newPage();
    await tab.goto(`${site.origin}/#${world}`);
    for (const name of await tab.evaluate(() => componentPage.load())) {
      await t.test(name, async () => {
        const failure = await tab.evaluate((which) => componentPage.run(which), name);
        if (failure !== undefined) {
          throw new Error(failure);
        }
      });
    }
    await tab.close();
  });
}
