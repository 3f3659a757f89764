import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fetchModel, hasModel, modelFolder, PAGE, type Served, serve } from "@deltavec/demo";
import { messageOf, UsageError } from "../errors.ts";
import { colors, heading, print, say } from "../terminal.ts";

/** Options of the page. */
export interface PageOptions {
  /** Port of this machine; 0 for any that is free. */
  readonly port: number;
  /** Whether to open it in the user's browser. */
  readonly open: boolean;
}

/**
 * Serves the demo's page, with the embedding model if that can be had, and says where.
 *
 * @throws UsageError if the page is not built, or the port is taken
 */
export async function servePage({ port, open }: PageOptions): Promise<Served> {
  if (!existsSync(join(PAGE, "index.html"))) {
    throw new UsageError("the demo's page is not built: run ./deltavec demo, or npm run build");
  }
  if (!hasModel()) {
    say("deltavec: fetching the embedding model, 16 MB, once ...");
    await fetchModel().catch((error: unknown) => {
      say(`deltavec: it cannot be fetched (${messageOf(error)}).`);
      say("deltavec: the page works without it, with texts whose embeddings are known.");
    });
  }
  const model = hasModel() ? modelFolder() : undefined;
  const site = await serve({ page: PAGE, model, port }).catch((error: unknown) => {
    const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    throw taken ? new UsageError(`port ${port} is taken: name another by --port`) : error;
  });
  print(`${heading("deltavec demo")}  ${site.url}`);
  print();
  print("  Semantic search that follows edits, in your browser. Open it in two tabs.");
  print(colors.dim("  Ctrl C ends the server; the page goes on without it."));
  if (open) {
    openBrowser(site.url);
  }
  return site;
}

/** Opens an address as the platform does. Where that fails the user has the address. */
function openBrowser(url: string): void {
  const [program, ...args] =
    process.platform === "darwin"
      ? ["open", url]
      : process.platform === "win32"
        ? ["cmd", "/c", "start", "", url]
        : ["xdg-open", url];
  spawn(program!, args, { stdio: "ignore", detached: true })
    .on("error", () => say("deltavec: no browser could be opened."))
    .unref();
}
