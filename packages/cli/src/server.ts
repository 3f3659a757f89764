import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ROOT } from "./paths.ts";

/** Runs the server, as `./deltavec server` does: that builds what is missing and replaces itself by Java. */
export async function server(args: readonly string[]): Promise<number> {
  const child = spawn(join(ROOT, "deltavec"), ["server", ...args], { stdio: "inherit" });
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  process.on("SIGINT", forward);
  process.on("SIGTERM", forward);
  const [status] = (await once(child, "close")) as [number | null];
  process.off("SIGINT", forward);
  process.off("SIGTERM", forward);
  return status ?? 1;
}
