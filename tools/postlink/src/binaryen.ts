import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const root = dirname(createRequire(import.meta.url).resolve("binaryen/package.json"));

/** Version of the Binaryen that {@link run} calls. */
export const version: string = createRequire(import.meta.url)("binaryen/package.json").version;

/**
 * Runs a tool of the npm package `binaryen` (JavaScript, so by this Node) and returns what it printed.
 *
 * @throws Error with the tool's message if it fails
 */
export function run(tool: "wasm-opt" | "wasm-dis" | "wasm-as", ...args: string[]): string {
  return execFileSync(process.execPath, [join(root, "bin", tool), ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Arguments of `wasm-opt` that leave no custom section. */
export const STRIP: readonly string[] = [
  "--strip-debug",
  "--strip-producers",
  "--strip-target-features",
];
