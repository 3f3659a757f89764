import { existsSync, rmSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { folder } from "../data/folder.ts";
import { messageOf, UsageError } from "../errors.ts";
import { PACKAGE, WASM_FILE } from "../paths.ts";
import type { Engine } from "./engine.ts";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** Flags of every browser that is started. */
export const FLAGS: readonly string[] = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Isolates the page, so that its clock ticks every 5 µs instead of every 100 µs. */
export const HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cache-control": "no-store",
};

/** Finds Chromium: `CHROMIUM`, else where it usually is. */
export function findChromium(): string {
  const { CHROMIUM } = process.env;
  const found = CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (found === undefined || !existsSync(found)) {
    throw new UsageError(
      "Chromium was not found; install it, or name its program in the variable CHROMIUM",
    );
  }
  return found;
}

/** A page in a headless Chromium, and the server that it comes from. One browser serves many pages. */
export class ChromiumHost {
  readonly #server: Server;
  readonly #context: BrowserContext;

  private constructor(server: Server, context: BrowserContext) {
    this.#server = server;
    this.#context = context;
  }

  /**
   * Starts the browser, with a fresh profile, and the server.
   *
   * @param data - folder that the page may read its data from, at `/data`
   * @throws UsageError if there is no Chromium
   */
  static async start(data: string): Promise<ChromiumHost> {
    const executablePath = findChromium();
    const scripts = await bundle();
    const server = createServer((request, response) => {
      serve(request.url ?? "/", scripts, data).then(
        ({ type, body }) => response.writeHead(200, { ...HEADERS, "content-type": type }).end(body),
        (error) => response.writeHead(404, HEADERS).end(messageOf(error)),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const profile = await mkdtemp(join(tmpdir(), "deltavec-chromium-"));
    // Also when the program is interrupted: the driver ends the browser then.
    process.once("exit", () => rmSync(profile, { recursive: true, force: true }));
    try {
      const context = await chromium.launchPersistentContext(profile, {
        executablePath,
        headless: true,
        // The sandbox does not work for root, as which a container usually runs.
        chromiumSandbox: process.getuid?.() !== 0,
        args: [...FLAGS],
      });
      return new ChromiumHost(server, context);
    } catch (error) {
      server.close();
      throw new UsageError(`Chromium does not start: ${messageOf(error)}`);
    }
  }

  /** Opens a fresh page. Its data are at `/data`. */
  async open(): Promise<Engine> {
    const page = await this.#context.newPage();
    const { port } = this.#server.address() as AddressInfo;
    return await PageEngine.open(page, `http://127.0.0.1:${port}/`);
  }

  /** Ends browser and server. */
  async close(): Promise<void> {
    await this.#context.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

class PageEngine implements Engine {
  readonly name = "chromium";
  readonly #page: Page;
  readonly #thrown: string[] = [];
  #onEvent: ((event: unknown) => void) | undefined;

  private constructor(page: Page) {
    this.#page = page;
    page.on("pageerror", (error) => this.#thrown.push(error.message));
  }

  static async open(page: Page, url: string): Promise<PageEngine> {
    const engine = new PageEngine(page);
    await page.exposeFunction("deltavecEmit", (event: unknown) => engine.#onEvent?.(event));
    await page.goto(url);
    if (!(await page.evaluate("typeof deltavecCall === 'function' && crossOriginIsolated"))) {
      throw new Error(`chromium: the page does not start: ${engine.#thrown.join("; ")}`);
    }
    return engine;
  }

  async call<T>(method: string, params: object, onEvent?: (event: unknown) => void): Promise<T> {
    this.#onEvent = onEvent;
    try {
      return (await this.#page.evaluate(([name, given]) => globalThis.deltavecCall(name, given), [
        method,
        params,
      ] as const)) as T;
    } catch (error) {
      throw new Error(`chromium: ${messageOf(error).replace(/^page\.evaluate: /, "")}`);
    }
  }

  async close(): Promise<void> {
    await this.#page.close();
  }
}

/** Scripts by the path that they are served at. */
type Scripts = ReadonlyMap<string, Uint8Array>;

async function bundle(): Promise<Scripts> {
  const result = await build({
    entryPoints: {
      main: fileURLToPath(new URL("page-main.ts", import.meta.url)),
      disk: fileURLToPath(new URL("../bench/storage/disk.ts", import.meta.url)),
      soak: join(PACKAGE, "test/support/channel-consumer.ts"),
    },
    outdir: "/",
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "chrome119",
    minify: true,
    loader: { ".wasm": "base64" },
    write: false,
    logLevel: "silent",
  });
  const scripts = new Map(
    result.outputFiles.map(({ path, contents }) => [`/${basename(path)}`, contents]),
  );
  return scripts.set("/worker.js", await readFile(join(PACKAGE, "dist/worker.js")));
}

async function serve(
  url: string,
  scripts: Scripts,
  data: string,
): Promise<{ type: string; body: Uint8Array | string }> {
  if (url === "/") {
    const body =
      '<!doctype html><title>deltavec</title><script type="module" src="/main.js"></script>';
    return { type: "text/html", body };
  }
  const script = scripts.get(url);
  if (script !== undefined) {
    return { type: "text/javascript", body: script };
  }
  if (url === "/deltavec.wasm") {
    return { type: "application/wasm", body: await readFile(WASM_FILE) };
  }
  const name = /^\/data\/([\w.-]+)$/.exec(url)?.[1];
  if (name === undefined || name.startsWith(".")) {
    throw new Error(`no such file: ${url}`);
  }
  return { type: "application/octet-stream", body: await folder(data).read(name) };
}
