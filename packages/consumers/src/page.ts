import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { Browser } from "../../deltavec/test/support/chromium.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/**
 * Serves a folder and opens its page in Chromium.
 *
 * @returns what the page has put into `globalThis.result`, and what it has complained of
 */
export async function open(
  folder: string,
  page = "index.html",
): Promise<{ result: unknown; complaints: string[] }> {
  const server = createServer(async ({ url = "/" }, response) => {
    const path = normalize(new URL(url, "http://localhost").pathname);
    try {
      const body = await readFile(join(folder, path));
      const type = TYPES[extname(path)] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await using browser = await Browser.launch();
  try {
    const tab = await browser.context.newPage();
    const complaints: string[] = [];
    tab.on("pageerror", (error) => complaints.push(String(error)));
    tab.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    await tab.goto(`http://127.0.0.1:${port}/${page}`);
    const done = () => (globalThis as { result?: unknown }).result !== undefined;
    await tab.waitForFunction(done, undefined, { timeout: 20_000 }).catch(() => {});
    const result = await tab.evaluate(() => (globalThis as { result?: unknown }).result);
    return { result, complaints };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A page with one module script. */
export function page(script: string, head = ""): string {
  return `<!doctype html><meta charset="utf-8"><title>project</title><link rel="icon" href="data:,">
${head}<script type="module" src="${script}"></script>\n`;
}
