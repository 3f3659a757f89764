/**
 * The entry for platforms that compile WebAssembly only as it is deployed, such as Cloudflare Workers: the module is an import.
 *
 * @packageDocumentation
 */
import module from "deltavec/deltavec.wasm";
import { load } from "./module.ts";
import type { InitSource } from "./types.ts";

export * from "./api.ts";

/**
 * Takes the WebAssembly module. To be awaited once before the first database is made; otherwise as `init` of the main entry.
 *
 * @param source - another module, compiled; by default the one that is deployed with this file
 * @throws DeltaError (as a rejection) `UNSUPPORTED_PLATFORM` naming what the engine lacks, `UNSUPPORTED_VERSION` if it is
 * another module
 */
export function init(source: InitSource = module): Promise<void> {
  return load(() => source);
}
