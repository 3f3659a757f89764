import { join } from "node:path";
import type { Page } from "playwright-core";
import type {} from "../browser/crash.ts";
import { Browser, bundle, page, serve } from "../support/chromium.ts";
import type { Place, Running } from "./kills.ts";

/** Of so many kills one is that of the whole browser; the others are those of the page's process. */
const KILLS_OF_BROWSER = 3;

/**
 * Databases in an origin of Chromium, opened by workers of pages.
 *
 * @param scheme - which of the origin's storages
 * @param folder - where the profile is kept
 */
export async function chromiumPlace(scheme: "idb" | "opfs", folder: string): Promise<Place> {
  const script = async (entry: string) => ({ type: "text/javascript", body: await bundle(entry) });
  const site = await serve({
    "/": { type: "text/html", body: page("/crash.js") },
    "/crash.js": await script("crash.ts"),
    "/crash-worker.js": await script("crash-worker.ts"),
  });
  const profile = join(folder, "profile");
  let browser = await Browser.launch(profile);
  let kills = 0;
  const kill = async (tab: Page): Promise<void> => {
    kills++;
    if (kills % KILLS_OF_BROWSER === 0) {
      await browser.kill("browser");
      browser = await Browser.launch(profile);
    } else {
      const dead = tab.waitForEvent("crash");
      await browser.kill("renderer");
      await dead;
      await tab.close();
    }
  };
  return {
    name: `chromium-${scheme}`,
    async start(database, hear): Promise<Running> {
      const tab = await browser.context.newPage();
      await tab.exposeFunction("answer", hear);
      tab.on("crash", () => hear("failed: the page crashed"));
      await tab.goto(`${site.origin}/#${scheme}://db${database}`);
      return {
        send: (line) => void tab.evaluate((told) => tell(told), line).catch(() => undefined),
        kill: () => kill(tab),
        end: () => tab.close(),
      };
    },
    async [Symbol.asyncDispose]() {
      await browser[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    },
  };
}
