import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Root folder of the source tree. */
export const ROOT: string = fileURLToPath(new URL("../../..", import.meta.url));

/** Folder of the data that the repository carries. */
export const CARRIED_DATA: string = join(ROOT, "data");

/** The built TypeScript package. */
export const PACKAGE: string = join(ROOT, "packages", "deltavec");

/** The WebAssembly module as the package ships it. */
export const WASM_FILE: string = join(PACKAGE, "dist", "deltavec.wasm");

/** A component as the package ships it: its file, and that of its core module for JavaScript. */
export function componentFile(world: string, kind: "component" | "core" = "component"): string {
  return join(PACKAGE, "dist", "component", `${world}.${kind}.wasm`);
}

/** The JVM engine and all it needs. */
export const JVM_JAR: string = join(ROOT, "bench", "target", "benchmarks.jar");

/** Folder where the full data set is kept once it is built. */
export function cachedData(): string {
  const { XDG_CACHE_HOME } = process.env;
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "deltavec", "data");
}
