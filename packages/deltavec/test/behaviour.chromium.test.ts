// The behaviour suite in Chromium, bundled as an application would.
import { test } from "node:test";
import type {} from "./browser/behaviour.ts";
import { Browser, bundle, page, serve } from "./support/chromium.ts";

test("in Chromium", async (t) => {
  await using site = await serve({
    "/": { type: "text/html", body: page("/behaviour.js") },
    "/behaviour.js": { type: "text/javascript", body: await bundle("behaviour.ts") },
  });
  await using browser = await Browser.launch();
  const tab = await browser.context.newPage();
  await tab.goto(site.origin);
  for (const name of await tab.evaluate(() => testPage.load())) {
    await t.test(name, async () => {
      const failure = await tab.evaluate((which) => testPage.run(which), name);
      if (failure !== undefined) {
        throw new Error(failure);
      }
    });
  }
});
