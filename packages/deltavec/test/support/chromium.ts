import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { type BrowserContext, chromium } from "playwright-core";
import { PACKAGE } from "./process.ts";

/** What a server answers at one path. */
export interface Resource {
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Headers by which a page may share memory with its workers. */
export const ISOLATION: Readonly<Record<string, string>> = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** A server of this machine. */
export interface Site extends AsyncDisposable {
  readonly origin: string;
}

/** Serves resources by path. */
export async function serve(resources: Readonly<Record<string, Resource>>): Promise<Site> {
  const server = createServer((request, response) => {
    const resource = resources[request.url ?? "/"];
    if (resource === undefined) {
      response.writeHead(404).end();
    } else {
      const { type, body, headers } = resource;
      response.writeHead(200, { "content-type": type, ...headers }).end(body);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Bundles a script of test/browser with all that it imports, but for what is named. */
export async function bundle(entry: string, external: string[] = []): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: PACKAGE,
    entryPoints: [join("test/browser", entry)],
    bundle: true,
    external,
    format: "esm",
    target: "es2024",
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0].text;
}

/** A page that runs one script. */
export function page(script: string): string {
  return `<!doctype html><meta charset="utf-8"><title>deltavec</title><link rel="icon" href="data:,">
<script type="module" src="${script}"></script>`;
}

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** A headless Chromium with a profile of its own: `CHROMIUM`, else where it usually is. */
export class Browser implements AsyncDisposable {
  readonly context: BrowserContext;
  /** The profile's folder, if it goes with the browser. */
  readonly #own: string | undefined;

  private constructor(context: BrowserContext, own: string | undefined) {
    this.context = context;
    this.#own = own;
  }

  /** Starts it; on a folder that outlives it, if one is given. */
  static async launch(folder?: string): Promise<Browser> {
    const { CHROMIUM = PLACES.find((place) => existsSync(place)) } = process.env;
    if (CHROMIUM === undefined) {
      throw new Error("Chromium was not found; name its program in the variable CHROMIUM");
    }
    const profile = folder ?? (await mkdtemp(join(tmpdir(), "deltavec-")));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      headless: true,
      // The sandbox does not work for root, as which a container usually runs.
      chromiumSandbox: process.getuid?.() !== 0,
      args: [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    return new Browser(context, folder === undefined ? profile : undefined);
  }

  /** Kills it, or all processes that run pages, from outside. Resolved once it has seen that they are dead. */
  async kill(type: "browser" | "renderer"): Promise<void> {
    const session = await this.context.browser()?.newBrowserCDPSession();
    if (session === undefined) {
      throw new Error("the browser does not tell its processes");
    }
    const running = async (): Promise<number[]> => {
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      return processInfo.filter((each) => each.type === type).map(({ id }) => id);
    };
    const doomed = await running();
    const closed = type === "browser" ? this.context.waitForEvent("close") : undefined;
    for (const id of doomed) {
      process.kill(id, "SIGKILL");
    }
    if (closed !== undefined) {
      await closed;
      return;
    }
    // A process that waited for a page would be given the next one, dead as it is.
    while ((await running()).some((id) => doomed.includes(id))) {
      await sleep(5);
    }
    await session.detach();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
    if (this.#own !== undefined) {
      await rm(this.#own, { recursive: true, force: true });
    }
  }
}
