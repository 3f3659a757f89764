// Says how fast each storage is, on this Node and in Chromium: node test/soak/storage.ts [directory]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Where } from "../browser/storage.ts";
import { Browser, bundle, page, serve } from "../support/chromium.ts";
import { measure } from "./measure.ts";

const directory = await mkdtemp(join(process.argv[2] ?? tmpdir(), "deltavec-"));
const rows: Record<string, unknown> = { "file: on Node": await measure(`file:${directory}/m`) };
await rm(directory, { recursive: true });

await using site = await serve({
  "/": { type: "text/html", body: page("/storage.js") },
  "/storage.js": { type: "text/javascript", body: await bundle("storage.ts") },
});
await using browser = await Browser.launch();
for (const [prefix, where] of [
  ["idb://", "page"],
  ["idb://", "worker"],
  ["opfs://", "worker"],
] as const satisfies [string, Where][]) {
  const tab = await browser.context.newPage();
  await tab.goto(site.origin);
  rows[`${prefix} on a ${where}`] = await tab.evaluate(
    ([where, prefix]) => storagePage.run(where, "measure", [prefix]),
    [where, prefix] as const,
  );
  await tab.close();
}
for (const [name, figures] of Object.entries(rows)) {
  console.log(name, JSON.stringify(figures));
}
