import { cp, mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sirv from "sirv";

/** What every answer says: scripts only of this origin, memory shared with workers, nothing guessed. */
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; " +
    "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** A page that is served. */
export interface Served extends AsyncDisposable {
  /** Where it is. */
  readonly url: string;
}

/** What is served, and where. */
export interface ServeOptions {
  /** Folder of the built page. */
  readonly page: string;
  /** Folder of the model; undefined where there is none, which the page is told. */
  readonly model: string | undefined;
  /** Port of this machine; 0 for any that is free. */
  readonly port: number;
}

/**
 * Serves the page to this machine alone. Only files that are there at the start are ever served.
 *
 * @throws Error with code `EADDRINUSE` if the port is taken
 */
export async function serve({ page, model, port }: ServeOptions): Promise<Served> {
  const setHeaders = (response: { setHeader(name: string, value: string): void }): void => {
    for (const [name, value] of Object.entries(HEADERS)) {
      response.setHeader(name, value);
    }
    // Names of scripts tell their content, but for the page itself and the service worker; an ETag makes asking cheap.
    response.setHeader("cache-control", "no-cache");
  };
  // A copy, as a build that goes on meanwhile removes and changes files, which a server that has begun must not see.
  const own = await mkdtemp(join(tmpdir(), "deltavec-page-"));
  await cp(page, own, { recursive: true });
  const files = sirv(own, { etag: true, setHeaders });
  const models = model === undefined ? undefined : sirv(model, { etag: true, setHeaders });
  const refuse: RequestListener = (_, response) => {
    setHeaders(response);
    response.writeHead(404, { "content-type": "text/plain" }).end("There is no such file.\n");
  };
  const server = createServer((request, response) => {
    const none = (): void => refuse(request, response);
    delete request.headers.range; // nobody needs parts, and sirv throws at ranges that end before they begin
    if (request.method !== "GET" && request.method !== "HEAD") {
      setHeaders(response);
      response.writeHead(405, { allow: "GET, HEAD" }).end();
    } else if (request.url === "/model/info.json") {
      setHeaders(response);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ there: models !== undefined }));
    } else if (models !== undefined && request.url?.startsWith("/model/") === true) {
      request.url = request.url.slice("/model".length);
      models(request, response, none);
    } else {
      files(request, response, none);
    }
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    throw error;
  }
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(own, { recursive: true, force: true });
    },
  };
}
