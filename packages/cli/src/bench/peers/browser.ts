import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { folder } from "../../data/folder.ts";
import { FLAGS, findChromium, HEADERS } from "../../engine/chromium.ts";
import { messageOf } from "../../errors.ts";
import type { Contestant } from "./catalog.ts";
import { INSTALLED, installedVersion } from "./install.ts";
import type { PeerRequest, PeerResult } from "./protocol.ts";
import type { Measured } from "./results.ts";
import type { Runner } from "./run.ts";
import { within } from "./timeout.ts";

/** The page may measure its memory at once, which waits for a collection of garbage otherwise. */
const MEMORY_FLAG = "--enable-blink-features=ForceEagerMeasureMemory";

/** Modules of Node that packages import where they find themselves there. */
const NODE_MODULES = [
  "node:*",
  "fs",
  "fs/promises",
  "path",
  "url",
  "module",
  "crypto",
  "worker_threads",
];

interface Served {
  readonly type: string;
  readonly body: Uint8Array;
}

/** Measures each database in a browser of its own. */
export class BrowserRunner implements Runner {
  async measure(
    contestant: Contestant,
    data: string,
    tell: (doing: string) => void,
  ): Promise<Measured> {
    const { name } = contestant;
    const site = await Site.open(contestant, data);
    const profile = await mkdtemp(join(tmpdir(), "deltavec-peers-"));
    try {
      const context = await chromium.launchPersistentContext(profile, {
        executablePath: findChromium(),
        headless: true,
        // The sandbox does not work for root, as which a container usually runs.
        chromiumSandbox: process.getuid?.() !== 0,
        args: [...FLAGS, MEMORY_FLAG],
      });
      try {
        const page = await context.newPage();
        const thrown: string[] = [];
        page.on("pageerror", (error) => thrown.push(error.message));
        await page.exposeFunction("peersTell", tell);
        await page.goto(site.url);
        const request: PeerRequest = { name, data: "/data" };
        const measured = page.evaluate((given) => globalThis.peersMeasure(given), request);
        const crashed = new Promise<never>((_, reject) => {
          page.once("crash", () => reject(new Error("the page crashed")));
        });
        const result = (await within(Promise.race([measured, crashed]), name)) as PeerResult;
        return { result, version: versionOf(contestant), bundle_bytes: site.loaded };
      } finally {
        await context.close();
      }
    } finally {
      await site.close();
      await rm(profile, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {}
}

/** The version of a database's package; the tree's own where it has none. */
export function versionOf({ package: name }: Contestant): string {
  return name === undefined ? "this tree" : (installedVersion(name) ?? "");
}

/** A server that gives the page its scripts and data, and weighs what it loads for the database. */
class Site {
  readonly #server: Server;
  readonly #bytes = new Map<string, number>();

  private constructor(
    scripts: ReadonlyMap<string, Uint8Array>,
    assets: Contestant["assets"],
    data: string,
  ) {
    const serve = async (url: string): Promise<Served> => {
      if (url === "/") {
        const html =
          '<!doctype html><title>peers</title><script type="module" src="/page-main.js"></script>';
        return { type: "text/html", body: Buffer.from(html) };
      }
      const file = /^\/data\/([\w.-]+)$/.exec(url)?.[1];
      if (file !== undefined && !file.startsWith(".")) {
        return { type: "application/octet-stream", body: await folder(data).read(file) };
      }
      const script = scripts.get(url);
      const asset = assets?.[basename(url)];
      if (script === undefined && asset === undefined) {
        throw new Error(`no such file: ${url}`);
      }
      const body = script ?? (await readFile(join(INSTALLED, "node_modules", asset!)));
      if (url.startsWith("/peers/") && !this.#bytes.has(url)) {
        this.#bytes.set(url, gzipSync(body, { level: 9 }).length);
      }
      return { type: url.endsWith(".wasm") ? "application/wasm" : "text/javascript", body };
    };
    this.#server = createServer((request, response) => {
      serve(new URL(request.url ?? "/", "http://localhost").pathname).then(
        ({ type, body }) => response.writeHead(200, { ...HEADERS, "content-type": type }).end(body),
        (error) => response.writeHead(404, HEADERS).end(messageOf(error)),
      );
    });
  }

  static async open({ name, assets }: Contestant, data: string): Promise<Site> {
    const scripts = new Map<string, Uint8Array>();
    const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
    for (const [entry, outdir, key] of [
      [here("page-main.ts"), "/", "page-main"],
      [here(`adapters/${name}.ts`), `/peers/${name}`, "main"],
    ] as const) {
      const { outputFiles } = await build({
        entryPoints: { [key]: entry },
        outdir,
        bundle: true,
        splitting: true,
        format: "esm",
        platform: "browser",
        target: "chrome119",
        minify: true,
        nodePaths: [join(INSTALLED, "node_modules")],
        external: [...NODE_MODULES, "/peers/*"],
        write: false,
        logLevel: "silent",
      });
      for (const { path, contents } of outputFiles) {
        scripts.set(path.replaceAll("\\", "/"), contents);
      }
    }
    const site = new Site(scripts, assets, data);
    await new Promise<void>((resolve) => site.#server.listen(0, "127.0.0.1", resolve));
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Bytes of scripts, modules and data of the database that the page has loaded, each file gzip. */
  get loaded(): number {
    return Array.from(this.#bytes.values()).reduce((sum, bytes) => sum + bytes, 0);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
